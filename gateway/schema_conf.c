/* The table of all configuration keys. Order here is order in `lotse check` and in docs/configuration.md. */
#include "gateway/schema_type.h"

#include "base/mem.h"

#define MS 1
#define SECOND 1000
#define DAY (24LL * 3600 * SECOND)

#define WHERE(type, field) .at = offsetof(struct type, field)
#define WHERE_LIST(type, items, number) \
	.at = offsetof(struct type, items), .count_at = offsetof(struct type, number)
#define LIST_OF(kind) .item = &(kind) /* NOLINT(bugprone-macro-parentheses): no expression */
#define MAP(words, type, table)                                                \
	{                                                                      \
		.what = (words), .size = sizeof(struct type), .keys = (table), \
		.key_count = COUNT_OF(table)                                   \
	}
#define MAP_TYPE(words, type, table_map)                                            \
	{                                                                           \
		.what = (words), .form = "key: value", .size = sizeof(struct type), \
		.map = &(table_map)                                                 \
	}

/* Words are stored through an int. */
_Static_assert(sizeof(enum conf_mode) == sizeof(int), "an enum is as large as an int");

static const struct schema_type list_of_hosts = { .what = "a list of domain names",
	                                          LIST_OF(schema_host) };
static const struct schema_type list_of_domains = { .what = "a list of domain names",
	                                            LIST_OF(schema_domain) };
static const struct schema_type list_of_numbers = { .what = "a list of number prefixes",
	                                            LIST_OF(schema_number) };
static const struct schema_type list_of_networks = { .what = "a list of networks",
	                                             LIST_OF(schema_network) };
static const struct schema_type list_of_servers = { .what = "a list of addresses",
	                                            LIST_OF(schema_dns_server) };
static const struct schema_type list_of_uris = { .what = "a list of SIP URIs",
	                                         LIST_OF(schema_uri) };
static const struct schema_type list_of_targets = { .what = "a target, or a list of peers",
	                                            LIST_OF(schema_target),
	                                            .items_min = 1,
	                                            .single = true };
static const struct schema_type list_of_enum_suffixes = { .what = "a list of domain names",
	                                                  LIST_OF(schema_enum_suffix) };

/* What stands for keys of which only the name is known yet. */
static const struct schema_type any_text = { .what = "a value",
	                                     .form = "text",
	                                     .size = sizeof(struct str) };

/* --- domains --- */

static const struct schema_word mode_words[] = { { .word = "proxy", .value = CONF_PROXY },
	                                         { .word = "redirect", .value = CONF_REDIRECT } };
static const struct schema_type mode_type = SCHEMA_WORD(mode_words);

static const struct schema_key pair_keys[] = {
	{ "certificate", &schema_file, WHERE(conf_tls, certificate),
	  .unset = "that of the top-level tls", .doc = "The certificate chain, PEM.",
	  .example = "/etc/lotse/corp.pem" },
	{ "key", &schema_file, WHERE(conf_tls, key), .unset = "that of the top-level tls",
	  .doc = "Its private key, PEM.", .example = "/etc/lotse/corp.key" },
};
static const struct schema_map pair_map = MAP("a certificate and its key", conf_tls, pair_keys);
static const struct schema_type pair_type = MAP_TYPE("a mapping", conf_tls, pair_map);

static const struct schema_key domain_keys[] = {
	{ "name", &schema_domain, WHERE(conf_domain, name), .required = true,
	  .doc = "The domain, or \"*.alpha.example\" for all below it.",
	  .example = "corp.alpha.example" },
	{ "mode", &mode_type, WHERE(conf_domain, mode), .unset = "the top-level mode",
	  .doc = "What requests for this domain meet: a proxy, or a redirect server.",
	  .example = "redirect" },
	{ "realm", &schema_realm, WHERE(conf_domain, realm), .unset = "auth.realm, else the domain",
	  .doc = "The digest realm of its users. Their stored passwords are bound to it.",
	  .example = "corp" },
	{ "tls", &pair_type, WHERE(conf_domain, tls), .doc = "A certificate of its own." },
	{ "numbers", &list_of_numbers, WHERE_LIST(conf_domain, numbers, number_count),
	  .fallback = "[]", .doc = "Prefixes of telephone numbers for which this domain answers.",
	  .example = "[\"+4930123\"]" },
	{ "numbering", &any_text, .doc = "How dialled digits become numbers.",
	  .later =
	          "how dialled digits become numbers is not in this version; leave the key out and dial \"+\" and the whole number" },
};
static const struct schema_map domain_map = { .what = "a domain",
	                                      .size = sizeof(struct conf_domain),
	                                      .keys = domain_keys,
	                                      .key_count = COUNT_OF(domain_keys),
	                                      .brief = "name" };
static const struct schema_type domain_type = MAP_TYPE("a domain", conf_domain, domain_map);
static const struct schema_type list_of_own_domains = { .what = "a list of domains",
	                                                LIST_OF(domain_type),
	                                                .items_min = 1 };

/* --- listeners --- */

static const struct schema_word role_words[] = { { .word = "public", .value = CONF_ROLE_PUBLIC },
	                                         { .word = "users", .value = CONF_ROLE_USERS },
	                                         { .word = "peers", .value = CONF_ROLE_PEERS } };
static const struct schema_type role_type = SCHEMA_WORD(role_words);

static const struct schema_key listener_keys[] = {
	{ "url", &schema_listen_url, .at = 0, .required = true,
	  .doc = "scheme://address:port with udp, tcp (SIP; port 5060 if none is given), stun (3478; UDP and TCP) or https "
	         "(443; the peers' look-ups). Port 0: the system chooses one.",
	  .example = "udp://0.0.0.0:5060" },
	{ "advertise", &schema_advertise, WHERE(conf_listener, advertise),
	  .unset = "the top-level advertise",
	  .doc = "What we write into Via, Record-Route and Path for this listener; stun:HOST asks there.",
	  .example = "sip.alpha.example" },
	{ "role", &role_type, WHERE(conf_listener, role), .fallback = "public",
	  .doc = "Who may come in here." },
};
static const struct schema_map listener_map = { .what = "a listener",
	                                        .size = sizeof(struct conf_listener),
	                                        .keys = listener_keys,
	                                        .key_count = COUNT_OF(listener_keys),
	                                        .brief = "url" };
static const struct schema_type listener_type = MAP_TYPE("a listener", conf_listener, listener_map);
static const struct schema_type list_of_listeners = { .what = "a list of listeners",
	                                              LIST_OF(listener_type),
	                                              .items_min = 1 };

/* --- tls, auth, registrar, resolver --- */

static const struct schema_key tls_keys[] = {
	{ "certificate", &schema_file, WHERE(conf_tls, certificate),
	  .unset = "none: https:// listeners need one",
	  .doc = "Our certificate chain, PEM: shown to who connects, and to peers whom we ask.",
	  .example = "/etc/lotse/alpha.pem" },
	{ "key", &schema_file, WHERE(conf_tls, key), .unset = "none: belongs to certificate",
	  .doc = "Its private key, PEM.", .example = "/etc/lotse/alpha.key" },
	{ "ca", &schema_file, WHERE(conf_tls, ca), .unset = "the system's authorities",
	  .doc = "The authorities whose certificates we believe, PEM.",
	  .example = "/etc/ssl/certs/ca-certificates.crt" },
};
static const struct schema_map tls_map = MAP("the tls keys", conf_tls, tls_keys);
static const struct schema_type tls_type = MAP_TYPE("a mapping", conf_tls, tls_map);

static const struct schema_word algorithm_words[] = {
	{ .word = "SHA-256", .value = CONF_ALGORITHM_SHA256 },
	{ .word = "MD5", .value = CONF_ALGORITHM_MD5 }
};
static const struct schema_type algorithm_type = SCHEMA_WORD(algorithm_words);
static const struct schema_type list_of_algorithms = { .what = "a list of algorithms",
	                                               LIST_OF(algorithm_type),
	                                               .items_min = 1 };
static const struct schema_type nonce_lifetime = SCHEMA_DURATION(1 * SECOND, DAY);

static const struct schema_key auth_keys[] = {
	{ "realm", &schema_realm, WHERE(conf_auth, realm), .unset = "each domain's own name",
	  .doc = "The digest realm of domains without one of their own.",
	  .example = "alpha.example" },
	{ "algorithms", &list_of_algorithms, WHERE_LIST(conf_auth, algorithms, algorithm_count),
	  .fallback = "[SHA-256, MD5]",
	  .doc = "Offered in this order (RFC 8760). [MD5] where old phones give up when they see another." },
	{ "nonce_lifetime", &nonce_lifetime, WHERE(conf_auth, nonce_lifetime_ms),
	  .fallback = "300s", .doc = "How long a challenge can be answered." },
	{ "required", &schema_bool, WHERE(conf_auth, required), .fallback = "true",
	  .doc = "false: anybody registers as anybody. For laboratories." },
};
static const struct schema_map auth_map = MAP("the auth keys", conf_auth, auth_keys);
static const struct schema_type auth_type = MAP_TYPE("a mapping", conf_auth, auth_map);

static const struct schema_word durability_words[] = { { .word = "sync", .value = CONF_SYNC },
	                                               { .word = "async", .value = CONF_ASYNC } };
static const struct schema_type durability_type = SCHEMA_WORD(durability_words);
static const struct schema_type expires_type = SCHEMA_DURATION(1 * SECOND, 365 * DAY);
static const struct schema_type contacts_type = SCHEMA_INTEGER(1, 100);

static const struct schema_key registrar_keys[] = {
	{ "min_expires", &expires_type, WHERE(conf_registrar, min_expires_ms), .fallback = "60s",
	  .doc = "Shorter ones get 423." },
	{ "default_expires", &expires_type, WHERE(conf_registrar, default_expires_ms),
	  .fallback = "3600s", .doc = "Where a REGISTER doesn't say." },
	{ "max_expires", &expires_type, WHERE(conf_registrar, max_expires_ms), .fallback = "7200s",
	  .doc = "Longer ones become this." },
	{ "max_contacts", &contacts_type, WHERE(conf_registrar, max_contacts), .fallback = "10",
	  .doc = "Bindings per AoR." },
	{ "durability", &durability_type, WHERE(conf_registrar, durability), .fallback = "sync",
	  .restart = true,
	  .doc = "sync: on disk before the 200; async: survives the process, not the power." },
};
static const struct schema_map registrar_map = MAP("the registrar keys", conf_registrar,
                                                   registrar_keys);
static const struct schema_type registrar_type = MAP_TYPE("a mapping", conf_registrar,
                                                          registrar_map);

static const struct schema_type dns_timeout = SCHEMA_DURATION(10 * MS, 60 * SECOND);

static const struct schema_key resolver_keys[] = {
	{ "servers", &list_of_servers, WHERE_LIST(conf_resolver, servers, server_count),
	  .fallback = "[]",
	  .doc = "DNS servers, with port 53 if none is given. None: the system's. /etc/hosts is not read; localhost is 127.0.0.1 and ::1.",
	  .example = "[\"127.0.0.1:5353\"]" },
	{ "timeout", &dns_timeout, WHERE(conf_resolver, timeout_ms), .fallback = "2s",
	  .doc = "How long a server may think." },
	{ "allow_targets", &list_of_networks,
	  WHERE_LIST(conf_resolver, allow_targets, allow_target_count), .fallback = "[]",
	  .doc = "Networks to which what we learn from others may point although they are loopback, private or ours.",
	  .example = "[127.0.0.0/8]" },
};
static const struct schema_map resolver_map = MAP("the resolver keys", conf_resolver,
                                                  resolver_keys);
static const struct schema_type resolver_type = MAP_TYPE("a mapping", conf_resolver, resolver_map);

/* --- trusted, limits, routing, routes --- */

#define NO_TLS "tls (SIP over TLS) is not in this version; use "

static const struct schema_word transport_words[] = {
	{ .word = "any", .value = CONF_TRANSPORT_ANY },
	{ .word = "udp", .value = CONF_TRANSPORT_UDP },
	{ .word = "tcp", .value = CONF_TRANSPORT_TCP },
	{ .word = "tls", .value = CONF_TRANSPORT_TLS, .later = NO_TLS "any, udp or tcp" }
};
static const struct schema_type transport_type = SCHEMA_WORD(transport_words);
static const struct schema_word may_words[] = { { .word = "relay", .value = CONF_MAY_RELAY },
	                                        { .word = "assert", .value = CONF_MAY_ASSERT } };
static const struct schema_type may_type = SCHEMA_WORD(may_words);
static const struct schema_type list_of_may = { .what = "a list of relay and assert",
	                                        LIST_OF(may_type) };

static const struct schema_key trust_keys[] = {
	{ "network", &schema_network, WHERE(conf_trust, network), .required = true,
	  .doc = "An address or a network.", .example = "10.1.2.0/24" },
	{ "transport", &transport_type, WHERE(conf_trust, transport), .fallback = "any",
	  .doc = "Over which it is trusted." },
	{ "may", &list_of_may, WHERE_LIST(conf_trust, may, may_count),
	  .fallback = "[relay, assert]",
	  .doc = "relay: reach anywhere; assert: say who is calling." },
};
static const struct schema_map trust_map = { .what = "a trusted network",
	                                     .size = sizeof(struct conf_trust),
	                                     .keys = trust_keys,
	                                     .key_count = COUNT_OF(trust_keys),
	                                     .brief = "network" };
static const struct schema_type trust_type = MAP_TYPE("a trusted network", conf_trust, trust_map);
static const struct schema_type list_of_trust = { .what = "a list of networks",
	                                          LIST_OF(trust_type) };

static const struct schema_key limits_keys[] = {
	{ "requests_per_source", &schema_rate, WHERE(conf_limits, requests_per_source),
	  .fallback = "200/s",
	  .doc = "Requests from one address. Too many are dropped or get 503." },
	{ "failed_logins", &schema_rate, WHERE(conf_limits, failed_logins), .fallback = "10/min",
	  .doc = "Wrong passwords, per source and per account." },
};
static const struct schema_map limits_map = MAP("the limits keys", conf_limits, limits_keys);
static const struct schema_type limits_type = MAP_TYPE("a mapping", conf_limits, limits_map);

static const struct schema_type try_type = SCHEMA_DURATION(10 * MS, 32 * SECOND);
static const struct schema_type tries_type = SCHEMA_INTEGER(1, 32);
static const struct schema_type branches_type = SCHEMA_INTEGER(1, 64);

static const struct schema_key routing_keys[] = {
	{ "try", &try_type, WHERE(conf_routing, try_ms), .fallback = "4s",
	  .doc = "How long one address may stay silent before the next." },
	{ "tries", &tries_type, WHERE(conf_routing, tries), .fallback = "4",
	  .doc = "Addresses a target." },
	{ "targets", &branches_type, WHERE(conf_routing, targets), .fallback = "64",
	  .doc = "Branches a request." },
};
static const struct schema_map routing_map = MAP("the routing keys", conf_routing, routing_keys);
static const struct schema_type routing_type = MAP_TYPE("a mapping", conf_routing, routing_map);

static const struct schema_key match_keys[] = {
	{ "domain", &schema_domain, WHERE(conf_match, domain), .unset = "any",
	  .doc = "The domain, or \"*.x\" for all below x.", .example = "\"*.pbx.alpha.example\"" },
	{ "number", &schema_number, WHERE(conf_match, number), .unset = "any",
	  .doc = "How the number begins.", .example = "\"+49\"" },
};
static const struct schema_map match_map = MAP("what a route matches", conf_match, match_keys);
static const struct schema_type match_type = MAP_TYPE("a mapping", conf_match, match_map);

static const struct schema_key route_keys[] = {
	{ "match", &match_type, WHERE(conf_route, match),
	  .doc = "Which addresses: all that is said must hold. Without it: all." },
	{ "to", &list_of_targets, WHERE_LIST(conf_route, to, to_count), .required = true,
	  .doc = "peer:NAME, a list of such, a sip: URI, dns, or refuse.",
	  .example = "[\"peer:beta\", \"peer:gamma\"]" },
};
static const struct schema_map route_map = MAP("a route", conf_route, route_keys);
static const struct schema_type route_type = MAP_TYPE("a route", conf_route, route_map);
static const struct schema_type list_of_routes = { .what = "a list of routes",
	                                           LIST_OF(route_type) };

/* --- federation, peers --- */

#define NO_HTTPS \
	"asking strangers over https is not in this version; list dns alone, and write an entry in peers for who is to be asked"

#define NO_ASK \
	"answering strangers is not in this version, they get 401; write none, and an entry in peers for who may ask"

static const struct schema_word ask_words[] = {
	{ .word = "ingress", .value = CONF_ASK_INGRESS, .later = NO_ASK },
	{ .word = "none", .value = CONF_ASK_NONE }
};
static const struct schema_type ask_type = SCHEMA_WORD(ask_words);
static const struct schema_word call_words[] = { { .word = "verified",
	                                           .value = CONF_CALL_VERIFIED },
	                                         { .word = "none", .value = CONF_CALL_NONE },
	                                         { .word = "any", .value = CONF_CALL_ANY } };
static const struct schema_type call_type = SCHEMA_WORD(call_words);
static const struct schema_word open_words[] = {
	{ .word = "https", .value = CONF_WAY_HTTPS, .later = NO_HTTPS },
	{ .word = "dns", .value = CONF_WAY_DNS }
};
static const struct schema_type open_type = SCHEMA_WORD(open_words);
static const struct schema_type list_of_open = { .what = "a list of ways", LIST_OF(open_type) };

/* `ingress` will be the default of `ask`. As long as it is refused the default is what is done, so that what `lotse check` prints
 * loads again and promises no stranger more than he gets. */
static const struct schema_key federation_keys[] = {
	{ "ingress", &list_of_uris, WHERE_LIST(conf_federation, ingress, ingress_count),
	  .fallback = "[]",
	  .doc = "What we publish as ours. None: our SIP listeners with role public or peers, at what they advertise, with \";lr\".",
	  .example = "[\"sip:sip.alpha.example;lr\"]" },
	{ "ask", &ask_type, WHERE(conf_federation, ask), .fallback = "none",
	  .doc = "What a provider whom we don't know by name may learn. In this version nothing: he gets 401." },
	{ "call", &call_type, WHERE(conf_federation, call), .fallback = "verified",
	  .doc = "Whether such a provider may call our users: no, once his certificate proves his domain (in this version nobody's "
	         "does yet), or anybody." },
	{ "open", &list_of_open, WHERE_LIST(conf_federation, open, open_count), .fallback = "[dns]",
	  .doc = "Ways to find domains that no peer serves, in this order." },
};
static const struct schema_map federation_map = MAP("the federation keys", conf_federation,
                                                    federation_keys);
static const struct schema_type federation_type = MAP_TYPE("a mapping", conf_federation,
                                                           federation_map);

static const struct schema_word lookup_words[] = {
	{ .word = "https", .value = CONF_WAY_HTTPS },
	{ .word = "dns", .value = CONF_WAY_DNS },
	{ .word = "redirect",
	  .later = "asking a SIP redirect server is not in this version; use https or dns" },
	{ .word = "enum", .later = "asking ENUM is not in this version; use https or dns" },
	{ .word = "table", .later = "asking a table is not in this version; use https or dns" },
};
static const struct schema_type lookup_type = SCHEMA_WORD(lookup_words);
static const struct schema_type list_of_lookup = { .what = "a list of ways", LIST_OF(lookup_type) };
/* `tls` would be the default of a peer without addresses; as long as it is refused, every peer is reached over what there is. */
static const struct schema_word peer_transport_words[] = {
	{ .word = "any", .value = CONF_TRANSPORT_ANY },
	{ .word = "tls",
	  .value = CONF_TRANSPORT_TLS,
	  .later = NO_TLS "any, and addresses to know the peer by" },
};
static const struct schema_type peer_transport_type = SCHEMA_WORD(peer_transport_words);
static const struct schema_word reveal_words[] = {
	{ .word = "ingress", .value = CONF_REVEAL_INGRESS },
	{ .word = "nothing", .value = CONF_REVEAL_NOTHING },
	{ .word = "contact", .value = CONF_REVEAL_CONTACT }
};
static const struct schema_type reveal_type = SCHEMA_WORD(reveal_words);
static const struct schema_type priority_type = SCHEMA_INTEGER(0, 65535);
static const struct schema_type question_timeout = SCHEMA_DURATION(10 * MS, 60 * SECOND);

static const struct schema_key peer_keys[] = {
	{ "name", &schema_name, WHERE(conf_peer, name), .required = true,
	  .doc = "What we call it: in routes, logs and metrics.", .example = "beta" },
	{ "domains", &list_of_domains, WHERE_LIST(conf_peer, domains, domain_count),
	  .fallback = "[]", .doc = "The domains that it serves; \"*.beta.example\" too.",
	  .example = "[beta.example]" },
	{ "numbers", &list_of_numbers, WHERE_LIST(conf_peer, numbers, number_count),
	  .fallback = "[]", .doc = "Prefixes of the numbers that it serves.",
	  .example = "[\"+4930\", \"+4940\"]" },
	{ "priority", &priority_type, WHERE(conf_peer, priority), .fallback = "10",
	  .doc = "Where several serve an address, the lower is asked first." },
	{ "parallel", &schema_only_false, WHERE(conf_peer, parallel), .fallback = "false",
	  .doc = "Asking several at once is not in this version: true is refused." },
	{ "lookup", &list_of_lookup, WHERE_LIST(conf_peer, lookup, lookup_count),
	  .fallback = "[https, dns]",
	  .doc = "Ways to ask, in this order. Not set and without a url: [dns]." },
	{ "url", &schema_origin, WHERE(conf_peer, url), .unset = "it is not asked over https",
	  .doc = "Where its location service answers: an origin, without a path.",
	  .example = "https://location.beta.example:8443/" },
	{ "redirect", &any_text, .doc = "A SIP redirect server to ask.",
	  .later = "asking a SIP redirect server is not in this version; leave the key out" },
	{ "enum", &any_text, .doc = "A private ENUM tree to ask.",
	  .later = "asking ENUM is not in this version; leave the key out" },
	{ "table", &any_text, .doc = "A file of numbers and targets.",
	  .later = "asking a table is not in this version; leave the key out" },
	{ "ingress", &schema_uri, WHERE(conf_peer, ingress),
	  .unset = "what its answer says, then RFC 3263", .doc = "Where requests for it go.",
	  .example = "sip:sbc.beta.example;transport=tcp" },
	{ "transport", &peer_transport_type, WHERE(conf_peer, transport), .fallback = "any",
	  .doc = "Over what we speak SIP with it." },
	{ "names", &list_of_hosts, WHERE_LIST(conf_peer, names, name_count), .unset = "its domains",
	  .doc = "The certificate that it asks us with must bear one of these. Where two peers have the same, the first one counts.",
	  .example = "[beta.example]" },
	{ "addresses", &list_of_networks, WHERE_LIST(conf_peer, addresses, address_count),
	  .fallback = "[]",
	  .doc = "The networks by which its requests are known. No two peers may share an address.",
	  .example = "[192.0.2.0/24]" },
	{ "token_file", &schema_token_file, WHERE(conf_peer, token_file), .unset = "none",
	  .doc = "A bearer token for look-ups, both ways.", .example = "/etc/lotse/beta.token" },
	{ "reveal", &reveal_type, WHERE(conf_peer, reveal), .fallback = "ingress",
	  .doc = "What it may learn of our users." },
	{ "timeout", &question_timeout, WHERE(conf_peer, timeout_ms), .fallback = "500ms",
	  .doc = "A whole question, from connecting to the last octet." },
	{ "limits", &any_text, .doc = "Bounds on look-ups and calls.",
	  .later =
	          "limits of single peers are not in this version; leave the key out (limits.requests_per_source holds for each address)" },
};
static const struct schema_map peer_map = MAP("a peer", conf_peer, peer_keys);
static const struct schema_type peer_type = MAP_TYPE("a peer", conf_peer, peer_map);
static const struct schema_type list_of_peers = { .what = "a list of peers", LIST_OF(peer_type) };

/* --- all of it --- */

static const struct schema_type workers_type = SCHEMA_INTEGER(0, 256);

static const struct schema_key conf_keys[] = {
	{ "domains", &list_of_own_domains, WHERE_LIST(conf, domains, domain_count),
	  .unset = "this host's own domain",
	  .doc = "What we are responsible for: names or mappings.", .example = "[alpha.example]" },
	{ "mode", &mode_type, WHERE(conf, mode), .fallback = "proxy",
	  .doc = "What our front end does with requests for others to reach." },
	{ "listen", &list_of_listeners, WHERE_LIST(conf, listen, listen_count),
	  .fallback = "[udp://0.0.0.0:5060, tcp://0.0.0.0:5060, stun://0.0.0.0:3478]",
	  .doc = "Where we listen: URLs or mappings." },
	{ "admin", &schema_admin_url, WHERE(conf, admin), .fallback = "http://127.0.0.1:8060",
	  .restart = true,
	  .doc = "Web page, metrics, API. It only reads: changes go through the socket in the data folder." },
	{ "capture", &schema_capture_url, WHERE(conf, capture), .unset = "nobody",
	  .doc = "A capture server (Homer) that is told every SIP message, as HEPv3 over UDP.",
	  .example = "hep://127.0.0.1:9060" },
	{ "data", &schema_folder, WHERE(conf, data),
	  .unset = "/var/lib/lotse; where not root $XDG_STATE_HOME/lotse", .restart = true,
	  .doc = "The folder of accounts, bindings, keys and the socket.",
	  .example = "/var/lib/lotse" },
	{ "workers", &workers_type, WHERE(conf, workers), .fallback = "0", .restart = true,
	  .doc = "Threads that work. 0: one a core." },
	{ "advertise", &schema_advertise, WHERE(conf, advertise),
	  .unset = "the local address that was used", .doc = "For listeners without their own.",
	  .example = "sip.alpha.example" },
	{ "tls", &tls_type, WHERE(conf, tls), .doc = "Our certificate, and whose we believe." },
	{ "auth", &auth_type, WHERE(conf, auth), .doc = "How users prove who they are." },
	{ "registrar", &registrar_type, WHERE(conf, registrar), .doc = "Registrations." },
	{ "resolver", &resolver_type, WHERE(conf, resolver), .doc = "DNS." },
	{ "enum", &list_of_enum_suffixes, WHERE_LIST(conf, enum_suffixes, enum_suffix_count),
	  .fallback = "[]",
	  .doc = "Asking ENUM trees is not in this version: only the empty list is taken." },
	{ "trusted", &list_of_trust, WHERE_LIST(conf, trusted, trusted_count), .fallback = "[]",
	  .doc = "Networks that are unchallenged and unlimited: a PBX, another proxy of ours. REGISTER needs its password from there too. "
	         "Of several that hold an address the smallest counts.",
	  .example = "[127.0.0.1]" },
	{ "limits", &limits_type, WHERE(conf, limits), .doc = "What one source may do." },
	{ "routing", &routing_type, WHERE(conf, routing), .doc = "How targets are tried." },
	{ "routes", &list_of_routes, WHERE_LIST(conf, routes, route_count), .fallback = "[]",
	  .doc = "Before peers and DNS; the first match wins." },
	{ "federation", &federation_type, WHERE(conf, federation),
	  .doc = "Providers whom we don't know by name." },
	{ "peers", &list_of_peers, WHERE_LIST(conf, peers, peer_count), .fallback = "[]",
	  .doc = "The providers whom we know by name." },
};
static const struct schema_map conf_map = MAP("the configuration", conf, conf_keys);

const struct schema_map *schema_conf(void)
{
	return &conf_map;
}
