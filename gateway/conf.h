/* gateway/conf.h: the configuration as an immutable snapshot.
 *
 * conf_load() reads a file (or nothing), fills in every default, checks everything and reads every file that is named. What comes
 * out never changes and is counted: a worker holds a reference for as long as it looks at it, a reload hands out the next
 * snapshot. Every str and pointer in it points into the snapshot's own memory, lives exactly as long, and is followed by a NUL
 * (so `.p` of a str that is not empty is a C string). Domain and host names are lower case without a final dot. Which keys there
 * are, their types and defaults: the table in gateway/schema.c; docs/configuration.md is made from it.
 *
 * Reading a snapshot: any thread, no lock, no allocation. */
#pragma once
#include "base/addr.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/map.h"

#include <stdatomic.h>

#define CONF_ERRORS_MAX 50  /* lines of complaints; what follows is counted */
#define CONF_MATCHES_MAX 64 /* peers that one question can find */

enum conf_mode { CONF_PROXY, CONF_REDIRECT };

/** A listener's scheme. The schemes that this version does not serve (tls, ws, wss, stuns) never reach a snapshot. */
enum conf_scheme {
	CONF_SCHEME_UDP,
	CONF_SCHEME_TCP,
	CONF_SCHEME_STUN,  /* UDP and TCP on one port */
	CONF_SCHEME_HTTPS, /* the peers' look-ups */
	CONF_SCHEME_HTTP,  /* `admin` alone */
};

/** Who may come in at a listener. */
enum conf_role { CONF_ROLE_PUBLIC, CONF_ROLE_USERS, CONF_ROLE_PEERS };

/** Over what something came or must go. */
enum conf_transport {
	CONF_TRANSPORT_ANY,
	CONF_TRANSPORT_UDP,
	CONF_TRANSPORT_TCP,
	CONF_TRANSPORT_TLS
};

enum conf_algorithm { CONF_ALGORITHM_SHA256, CONF_ALGORITHM_MD5 };

enum conf_durability { CONF_SYNC, CONF_ASYNC };

/** What a provider whom we don't know by name may learn (`federation.ask`). */
enum conf_ask { CONF_ASK_INGRESS, CONF_ASK_NONE };

/** Which strangers may call our users (`federation.call`). */
enum conf_call { CONF_CALL_VERIFIED, CONF_CALL_NONE, CONF_CALL_ANY };

/** A way to find where an address is served. */
enum conf_way { CONF_WAY_HTTPS, CONF_WAY_DNS };

/** What a peer may learn of our users. */
enum conf_reveal { CONF_REVEAL_INGRESS, CONF_REVEAL_NOTHING, CONF_REVEAL_CONTACT };

/** `count` in every `per_ms` milliseconds; count 0: no limit. */
struct conf_rate {
	uint32_t count;
	uint32_t per_ms;
};

/** A file as it was when the snapshot was made: its absolute path (empty: the key is not set) and its bytes. */
struct conf_file {
	struct str path;
	struct str bytes;
};

struct conf_tls {
	struct conf_file certificate; /* PEM, the chain; set together with key or not at all */
	struct conf_file key;         /* PEM */
	struct conf_file ca;          /* PEM; not set: the system's authorities */
};

/** What we write into Via, Record-Route and the like instead of the address that was used. */
struct conf_advertise {
	struct str text; /* as configured; empty: not set */
	struct str
		host; /* a name or an address (IPv6 without brackets); empty where `stun` says whom to ask */
	uint16_t port;   /* 0: the listener's own */
	struct str stun; /* the STUN server that knows our address, host alone */
	uint16_t stun_port;
};

struct conf_listener {
	struct str url; /* scheme://address:port, the default port filled in */
	enum conf_scheme scheme;
	struct addr addr;                /* with the port; port 0: the kernel chooses */
	struct conf_advertise advertise; /* its own, else the top-level one, else not set */
	enum conf_role role;
};

/** A URL of https: an origin. */
struct conf_origin {
	struct str text; /* https://host:port, the port only where it is not 443; empty: not set */
	struct str host; /* IPv6 without brackets */
	uint16_t port;
};

struct conf_domain {
	struct str
		name; /* "alpha.example", or "*.alpha.example": everything below, not alpha.example itself */
	enum conf_mode mode;
	struct str realm; /* empty: the domain that was asked for; use conf_realm() */
	struct conf_tls tls;
	const struct str *numbers; /* prefixes for which we answer: "+" and digits */
	size_t number_count;
};

/** An entry of `trusted`. */
struct conf_trust {
	struct network network;
	enum conf_transport transport;
	bool relay;
	bool assert_identity;
	const int *may; /* as listed: enum conf_may; the two flags above say the same */
	size_t may_count;
};

enum conf_may { CONF_MAY_RELAY, CONF_MAY_ASSERT };

/** `capture`: whom every SIP message is told. */
struct conf_capture {
	struct str url; /* hep://address:port; empty: nobody */
	struct addr addr;
};

enum conf_target_kind { CONF_TO_PEER, CONF_TO_URI, CONF_TO_DNS, CONF_TO_REFUSE };

struct conf_peer;

/** Where a route leads. */
struct conf_target {
	enum conf_target_kind kind;
	struct str text;              /* as configured; for CONF_TO_URI the URI */
	const struct conf_peer *peer; /* for CONF_TO_PEER, else NULL */
};

/** What a route matches; what is empty matches everything, what is set must all match. */
struct conf_match {
	struct str domain; /* a domain or "*.x" */
	struct str number; /* a prefix */
};

struct conf_route {
	struct conf_match match;
	const struct conf_target
		*to; /* several only where all are peers; they are tried in this order */
	size_t to_count;
};

struct conf_peer {
	struct str name;
	size_t index; /* in conf.peers */
	const struct str *domains;
	size_t domain_count;
	const struct str *numbers;
	size_t number_count;
	unsigned priority; /* the lower first */
	const int *lookup; /* enum conf_way, in the order to ask; https only where there is a url */
	size_t lookup_count;
	struct conf_origin url;
	struct str ingress; /* a sip: URI; empty: what the answer says, then RFC 3263 */
	enum conf_transport
		transport; /* always CONF_TRANSPORT_ANY: SIP over TLS is not in this version */
	const struct str *
		names; /* names of which its client certificate must bear one; default: its domains */
	size_t name_count;
	const struct network *addresses; /* networks by which its requests are known */
	size_t address_count;
	struct conf_file token_file; /* bytes: the bearer token without the white space around it */
	enum conf_reveal reveal;
	int64_t timeout_ms;
	bool parallel; /* always false in this version */
};

struct conf_auth {
	struct str realm;      /* empty: each domain's own name; use conf_realm() */
	const int *algorithms; /* enum conf_algorithm, offered in this order; never none */
	size_t algorithm_count;
	int64_t nonce_lifetime_ms;
	bool required;
};

struct conf_registrar {
	int64_t min_expires_ms;
	int64_t default_expires_ms;
	int64_t max_expires_ms;
	unsigned max_contacts;
	enum conf_durability durability;
};

struct conf_resolver {
	const struct addr *servers; /* none: the system's */
	size_t server_count;
	int64_t timeout_ms;
	const struct network *allow_targets;
	size_t allow_target_count;
};

struct conf_limits {
	struct conf_rate requests_per_source;
	struct conf_rate failed_logins;
};

struct conf_routing {
	int64_t try_ms;   /* how long one address may stay silent before the next */
	unsigned tries;   /* addresses a target */
	unsigned targets; /* branches a request */
};

struct conf_federation {
	const struct str *
		ingress; /* sip: URIs; none: our SIP listeners with role public or peers, at what they advertise */
	size_t ingress_count;
	enum conf_ask ask; /* always CONF_ASK_NONE in this version: strangers get 401 */
	enum conf_call call;
	const int *open; /* enum conf_way: CONF_WAY_DNS or nothing in this version */
	size_t open_count;
};

struct conf_index; /* what the look-ups below search */

struct conf {
	_Atomic unsigned refs;             /* conf_ref(), conf_unref() alone touch it */
	struct str file;                   /* where it came from; empty: no file */
	const struct conf_domain *domains; /* at least one */
	size_t domain_count;
	enum conf_mode mode;
	const struct conf_listener
		*listen; /* in the order of the file, which is the order of `ready` */
	size_t listen_count;
	struct conf_listener admin;
	struct conf_capture capture;
	struct str data;  /* an absolute path */
	unsigned workers; /* 0: one a core */
	struct conf_advertise advertise;
	struct conf_tls tls;
	struct conf_auth auth;
	struct conf_registrar registrar;
	struct conf_resolver resolver;
	const struct str *enum_suffixes; /* always none in this version */
	size_t enum_suffix_count;
	const struct conf_trust *trusted;
	size_t trusted_count;
	struct conf_limits limits;
	struct conf_routing routing;
	const struct conf_route *routes;
	size_t route_count;
	struct conf_federation federation;
	const struct conf_peer *peers; /* in the order of the file */
	size_t peer_count;
	struct conf_index *index;
	struct arena arena;
};

/** What the command line says. What is set replaces what the file says. */
struct conf_options {
	const char *file;           /* NULL: no file, all defaults */
	const char *const *domains; /* --domain */
	size_t domain_count;
	const char *const *listen; /* --listen */
	size_t listen_count;
	const char *
		data; /* --data, or NULL; relative to the working directory, paths in the file to the file */
};

/**
 * Read, fill in, check, read the files named. `*out` is one reference, for conf_unref().
 * ERR_SYNTAX: the configuration is not valid; `errors` then has a full line ("file:line:column: key: what is wrong; what to do\n")
 * for everything found, CONF_ERRORS_MAX at most. Any other err (ERR_IO: the file can't be read; ERR_NOMEM) leaves a line too.
 * Blocks on files: not for a worker's thread.
 */
NODISCARD enum err conf_load(const struct conf_options *options, struct conf **out,
                             struct buf *errors);

/** The same from text instead of options->file, whose name is only used in messages ("text" where NULL). */
NODISCARD enum err conf_load_text(const struct conf_options *options, struct str text,
                                  struct conf **out, struct buf *errors);

/** One more holder. Returns its argument. Any thread. */
const struct conf *conf_ref(const struct conf *conf);
/** One holder less; the last one frees. NULL is fine. Any thread. */
void conf_unref(const struct conf *conf);

/** Append the whole configuration to `out`, every default filled in: YAML that conf_load() reads again, or JSON. */
void conf_print(const struct conf *conf, bool json, struct buf *out);

/** The keys ("workers", "registrar.durability") that differ and only take effect after a restart, appended to `out` with ", "
 * between them. Returns how many. Where there are some, everything else can be switched all the same. */
size_t conf_diff(const struct conf *before, const struct conf *after, struct buf *out);

/** Which domain of ours `host` is: the exact name before a wildcard, the longer wildcard before the shorter; any case, a final dot
 * is fine. NULL: none of ours. */
const struct conf_domain *conf_domain_find(const struct conf *conf, struct str host);

/** The realm in which the users of `host`, a domain of ours (`domain`: what conf_domain_find found), have their passwords:
 * the domain's own, else `auth.realm`, else `host` itself. */
struct str conf_realm(const struct conf *conf, const struct conf_domain *domain, struct str host);

/** Which domain of ours answers for `number` ("+" and digits, no separators): the longest prefix; NULL: none. */
const struct conf_domain *conf_number_find(const struct conf *conf, struct str number);

/** Do we answer for `number`? */
bool conf_is_own_number(const struct conf *conf, struct str number);

/** The entry of `trusted` for what came from `addr` over `transport`: of those that match, the one with the longest network; NULL:
 * none. */
const struct conf_trust *conf_trusted(const struct conf *conf, const struct addr *addr,
                                      enum conf_transport transport);

/** The peer of that name, or NULL. */
const struct conf_peer *conf_peer_find(const struct conf *conf, struct str name);

/** The peer whose `addresses` hold `addr`, or NULL; never more than one (overlaps are refused). */
const struct conf_peer *conf_peer_by_addr(const struct conf *conf, const struct addr *addr);

/** The peer of which a certificate with `name` is, or NULL. Exact but for case, no wildcards (RFC 5922 7.2). */
const struct conf_peer *conf_peer_by_name(const struct conf *conf, struct str name);

/** The peer whose bearer token this is, or NULL. Takes as long for a wrong token as for a right one. */
const struct conf_peer *conf_peer_by_token(const struct conf *conf, struct str token);

/** The peers that serve `domain`, into `out` (room for `max`): exact names before wildcards, longer before shorter, among equals by
 * priority, then in the order of the file; each peer once. Returns how many. */
size_t conf_peers_for_domain(const struct conf *conf, struct str domain,
                             const struct conf_peer **out, size_t max);

/** The peers that serve `number` ("+" and digits): the longest prefix first, among equals by priority; each peer once. */
size_t conf_peers_for_number(const struct conf *conf, struct str number,
                             const struct conf_peer **out, size_t max);

/** Does the peer serve this domain / this number? Cost: its own list. */
bool conf_peer_serves_domain(const struct conf_peer *peer, struct str domain);
bool conf_peer_serves_number(const struct conf_peer *peer, struct str number);

/** The first of `routes` for an address in `domain` (empty: a bare number) and, if it is one, with `number` (empty: none): its
 * place in conf.routes through `*index`, for naming the source `route:N`. NULL: none. */
const struct conf_route *conf_route_find(const struct conf *conf, struct str domain,
                                         struct str number, size_t *index);

/** Does `pattern` ("x" or "*.x", lower case) cover `domain` (any case)? */
bool conf_domain_matches(struct str pattern, struct str domain);

/** "udp", "tcp", "stun", "https", "http". */
const char *conf_scheme_name(enum conf_scheme scheme);
