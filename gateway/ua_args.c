#include "gateway/ua_args.h"

#include "base/mem.h"
#include "sip/param.h"

#include <getopt.h>
#include <limits.h>

#define YEAR_MS ((int64_t)366 * 24 * 3600 * 1000)

enum option_id {
	O_USER = 256,
	O_PASSWORD,
	O_PROXY,
	O_LISTEN,
	O_EXPIRES,
	O_COUNT,
	O_RING,
	O_DURATION,
	O_JSON,
	O_RESOLVER,
	O_HELP
};

/* What was given, as text. */
struct given {
	const char *user;
	const char *proxy;
	const char *expires;
	const char *count;
	const char *ring;
	const char *duration;
};

const char *ua_args_usage(void)
{
	return "usage: lotse register|options|call|answer [OPTION]... URI\n"
	       "  register URI   register this address of record (--expires 0: remove its bindings)\n"
	       "  options URI    ask what is there\n"
	       "  call URI       call, hold, hang up\n"
	       "  answer URI     be this address: register if --user, --password or --proxy is given, and take calls\n"
	       "  --user USER[@DOMAIN]   who we are: caller and digest name\n"
	       "  --password PASSWORD    for digest challenges\n"
	       "  --proxy HOST[:PORT][;transport=tcp]   send everything there first\n"
	       "  --listen udp://ADDRESS:PORT or tcp://...   where we can be reached (port 0: any)\n"
	       "  --expires SECONDS      of a registration (3600)\n"
	       "  --count N              how often; for answer, how many calls (0: until stopped)\n"
	       "  --ring SECONDS         answer: ring so long first (0); call: let it ring so long (180)\n"
	       "  --duration SECONDS     hang up after that (call: 1; answer: never)\n"
	       "  --resolver ADDRESS[:PORT]   a name server; may be repeated\n"
	       "  -f FILE                take name servers from this configuration\n"
	       "  --json                 one JSON object a line\n";
}

static enum err refuse(struct buf *why, const char *what, struct str value, const char *instead)
{
	buf_printf(why, "%s %.*s: %s\n", what, STR_ARG(value), instead);
	return ERR_SYNTAX;
}

enum err ua_duration_parse(struct str text, int64_t *ms)
{
	static const struct {
		struct str name;
		int64_t ms;
	} units[] = { { STR_INIT("ms"), 1 },
		      { STR_INIT("s"), 1000 },
		      { STR_INIT("m"), 60000 },
		      { STR_INIT("h"), 3600000 },
		      { STR_INIT(""), 1000 } };
	struct str whole = text;
	struct str fraction = STR_NONE;
	int64_t unit = 1000;
	uint64_t n;
	uint64_t part = 0;
	enum err e;

	for (size_t i = 0; i < COUNT_OF(units); i++) {
		if (str_ends_nocase(whole, units[i].name)) {
			whole.len -= units[i].name.len;
			unit = units[i].ms;
			break;
		}
	}
	if (str_find(whole, '.') < whole.len) {
		fraction = whole;
		whole = str_cut(&fraction, '.');
		if ((e = str_number(fraction, UINT64_MAX, &part)) != ERR_OK)
			return e;
		fraction = str_head(fraction, 3);
		if ((e = str_number(fraction, 999, &part)) != ERR_OK)
			return e;
	}
	if ((e = str_number(whole, (uint64_t)(YEAR_MS / unit), &n)) != ERR_OK)
		return e;
	for (size_t i = fraction.len; i < 3; i++)
		part *= 10;
	*ms = (int64_t)n * unit + (int64_t)part * unit / 1000;
	return ERR_OK;
}

/* What was written into args->text since `from`. */
static struct str written(const struct ua_args *a, size_t from)
{
	return str_from_at(buf_view(&a->text), from);
}

static bool has_scheme(struct str text)
{
	return str_starts_nocase(text, STR("sip:")) || str_starts_nocase(text, STR("sips:")) ||
	       str_starts_nocase(text, STR("tel:"));
}

/* A URI as people write it: without its scheme, too. */
static enum err read_uri(struct ua_args *a, struct str text, struct str *out, struct sip_uri *uri)
{
	size_t from = a->text.len;

	if (!has_scheme(text))
		buf_z(&a->text, "sip:");
	buf_str(&a->text, text);
	if (a->text.err != ERR_OK)
		return a->text.err;
	*out = written(a, from);
	return sip_uri_parse(uri, *out);
}

/* Where a number is dialled, the provider of who calls is asked; without one, whoever is the proxy. */
static enum err read_number(struct ua_args *a, struct str number)
{
	struct sip_uri me;
	size_t from = a->text.len;

	if (sip_uri_parse(&me, a->identity) == ERR_OK) {
		const char *bracket = me.host_kind == SIP_HOST_IPV6 ? "[" : "";

		buf_printf(&a->text, "sip:%.*s@%s%.*s%s;user=phone", STR_ARG(number), bracket,
		           STR_ARG(me.host), *bracket == '\0' ? "" : "]");
	} else {
		buf_printf(&a->text, "tel:%.*s", STR_ARG(number));
	}
	a->uri = written(a, from);
	return a->text.err;
}

static enum err read_target(struct ua_args *a, struct str text, struct buf *why)
{
	struct sip_uri uri;
	bool own = a->command == UA_REGISTER || a->command == UA_ANSWER;

	if (!own && sip_is_number(text) && read_number(a, text) != ERR_OK)
		return refuse(why, "URI", text, "too long");
	if (a->uri.len == 0 && read_uri(a, text, &a->uri, &uri) != ERR_OK)
		return refuse(why, "URI", text, "not a SIP URI; write sip:USER@HOST");
	if (sip_uri_parse(&uri, a->uri) != ERR_OK)
		return refuse(why, "URI", text, "not a SIP URI; write sip:USER@HOST");
	if (own && (uri.scheme != SIP_SCHEME_SIP || !uri.has_user))
		return refuse(why, "URI", text, "an address of record is sip:USER@DOMAIN");
	if (uri.scheme == SIP_SCHEME_SIPS)
		return refuse(why, "URI", text, "TLS is not in this version; write sip:");
	if (uri.scheme == SIP_SCHEME_TEL && a->proxy.len == 0)
		return refuse(
			why, "URI", text,
			"a number alone leads nowhere; say --proxy HOST or --user USER@DOMAIN");
	return ERR_OK;
}

/* --user: an address of record, or a name for digests alone. */
static enum err read_user(struct ua_args *a, const char *user, struct buf *why)
{
	struct str text = str_from(user);
	struct sip_uri uri;

	if (user == NULL)
		return ERR_OK;
	if (str_find(text, '@') == text.len && !has_scheme(text)) {
		a->name = text;
		return text.len > 0 ? ERR_OK : refuse(why, "--user", text, "write USER@DOMAIN");
	}
	if (read_uri(a, text, &a->identity, &uri) != ERR_OK || uri.scheme != SIP_SCHEME_SIP ||
	    !uri.has_user)
		return refuse(why, "--user", text, "write USER@DOMAIN");
	a->name = uri.user;
	return ERR_OK;
}

/* Who has not said who he is: register and answer are about the address itself; a caller's bare name is one of the domain he calls. */
static void guess_identity(struct ua_args *a)
{
	bool own = a->command == UA_REGISTER || a->command == UA_ANSWER;
	struct sip_uri uri;
	size_t from = a->text.len;

	if (sip_uri_parse(&uri, a->uri) != ERR_OK)
		return;
	if (own && a->identity.len == 0)
		a->identity = a->uri;
	if (own && a->name.len == 0)
		a->name = uri.user;
	if (a->identity.len > 0 || a->name.len == 0 || uri.host.len == 0)
		return;
	buf_z(&a->text, "sip:");
	sip_escape(a->name, SIP_C_USER, &a->text);
	buf_printf(&a->text, uri.host_kind == SIP_HOST_IPV6 ? "@[%.*s]" : "@%.*s",
	           STR_ARG(uri.host));
	if (a->text.err == ERR_OK)
		a->identity = written(a, from);
}

/* 8.1.2: an outbound proxy is a route set of one, loose (lr). */
static enum err read_proxy(struct ua_args *a, const char *proxy, struct buf *why)
{
	struct str text = str_from(proxy);
	struct sip_uri uri;

	if (proxy == NULL)
		return ERR_OK;
	if (read_uri(a, text, &a->proxy, &uri) != ERR_OK || uri.scheme != SIP_SCHEME_SIP ||
	    uri.headers.len > 0)
		return refuse(why, "--proxy", text, "write HOST[:PORT][;transport=udp|tcp]");
	if (!sip_uri_param_has(&uri, STR("lr"))) {
		buf_z(&a->text, ";lr");
		a->proxy.len += 3;
	}
	return a->text.err;
}

static enum err read_listen(struct ua_args *a, const char *url, struct buf *why)
{
	struct str text = str_from(url);
	struct sip_listener_conf *l = &a->listen[a->listen_count];
	size_t scheme = STR("udp://").len;

	if (a->listen_count == UA_LISTEN_MAX)
		return refuse(why, "--listen", text, "eight are enough");
	*l = (struct sip_listener_conf){ .kind = SIP_LISTEN_UDP };
	if (str_starts_nocase(text, STR("tcp://")))
		l->kind = SIP_LISTEN_TCP;
	else if (!str_starts_nocase(text, STR("udp://")))
		return refuse(why, "--listen", text,
		              "write udp://ADDRESS:PORT or tcp://ADDRESS:PORT");
	if (addr_parse_port(&l->addr, str_from_at(text, scheme), 5060) != ERR_OK)
		return refuse(why, "--listen", text,
		              "write udp://ADDRESS:PORT or tcp://ADDRESS:PORT");
	a->listen_count++;
	return ERR_OK;
}

static enum err read_server(struct ua_args *a, const char *server, struct buf *why)
{
	if (a->server_count == UA_SERVERS_MAX)
		return refuse(why, "--resolver", str_from(server), "eight are enough");
	if (addr_parse_port(&a->servers[a->server_count], str_from(server), 53) != ERR_OK)
		return refuse(why, "--resolver", str_from(server), "write ADDRESS[:PORT]");
	a->server_count++;
	return ERR_OK;
}

static enum err read_number_of(const char *option, const char *text, uint32_t *out, struct buf *why)
{
	uint64_t n = *out;

	if (text != NULL && str_number(str_from(text), INT32_MAX, &n) != ERR_OK)
		return refuse(why, option, str_from(text), "a number is wanted");
	*out = (uint32_t)n;
	return ERR_OK;
}

static enum err read_time(const char *option, const char *text, int64_t *out, struct buf *why)
{
	if (text != NULL && ua_duration_parse(str_from(text), out) != ERR_OK)
		return refuse(why, option, str_from(text),
		              "write seconds (5, 0.5), or a number with ms, s, m, h");
	return ERR_OK;
}

static enum err read_command(struct ua_args *a, const char *name, struct buf *why)
{
	static const struct str names[] = { [UA_REGISTER] = STR_INIT("register"),
		                            [UA_OPTIONS] = STR_INIT("options"),
		                            [UA_CALL] = STR_INIT("call"),
		                            [UA_ANSWER] = STR_INIT("answer") };

	for (size_t i = 0; i < COUNT_OF(names); i++) {
		if (str_eq(names[i], str_from(name))) {
			a->command = (enum ua_command)i;
			return ERR_OK;
		}
	}
	return refuse(why, "command", str_from(name), "register, options, call or answer");
}

static enum err read_options(struct ua_args *a, struct given *g, int argc, char **argv,
                             struct buf *why)
{
	static const struct option known[] = { { "file", required_argument, NULL, 'f' },
		                               { "user", required_argument, NULL, O_USER },
		                               { "password", required_argument, NULL, O_PASSWORD },
		                               { "proxy", required_argument, NULL, O_PROXY },
		                               { "listen", required_argument, NULL, O_LISTEN },
		                               { "expires", required_argument, NULL, O_EXPIRES },
		                               { "count", required_argument, NULL, O_COUNT },
		                               { "ring", required_argument, NULL, O_RING },
		                               { "duration", required_argument, NULL, O_DURATION },
		                               { "json", no_argument, NULL, O_JSON },
		                               { "resolver", required_argument, NULL, O_RESOLVER },
		                               { "help", no_argument, NULL, O_HELP },
		                               { NULL, 0, NULL, 0 } };
	enum err e = ERR_OK;
	int c;

	optind = 0; /* afresh: the command itself was read by the same reader */
	while (e == ERR_OK && (c = getopt_long(argc, argv, "f:", known, NULL)) != -1) {
		switch (c) {
		case 'f':
			a->file = optarg;
			break;
		case O_USER:
			g->user = optarg;
			break;
		case O_PASSWORD:
			a->password = str_from(optarg);
			break;
		case O_PROXY:
			g->proxy = optarg;
			break;
		case O_LISTEN:
			e = read_listen(a, optarg, why);
			break;
		case O_RESOLVER:
			e = read_server(a, optarg, why);
			break;
		case O_EXPIRES:
			g->expires = optarg;
			break;
		case O_COUNT:
			g->count = optarg;
			break;
		case O_RING:
			g->ring = optarg;
			break;
		case O_DURATION:
			g->duration = optarg;
			break;
		case O_JSON:
			a->json = true;
			break;
		case O_HELP:
			a->help = true;
			break;
		default:
			e = ERR_SYNTAX; /* getopt has said why */
		}
	}
	return e;
}

static void fill_in(struct ua_args *a)
{
	bool answers = a->command == UA_ANSWER;

	a->expires = UA_EXPIRES;
	a->count = answers ? 0 : 1;
	a->ring_ms = answers ? 0 : UA_PATIENCE;
	a->duration_ms = answers ? UA_FOREVER : UA_CALL_MS;
	buf_wrap(&a->text, a->memory, sizeof(a->memory));
}

enum err ua_args_parse(struct ua_args *out, int argc, char **argv, struct buf *why)
{
	struct given g = { 0 };
	enum err e;

	*out = (struct ua_args){ .command = UA_CALL };
	if ((e = read_command(out, argv[0], why)) != ERR_OK)
		return e;
	fill_in(out);
	if ((e = read_options(out, &g, argc, argv, why)) != ERR_OK)
		return e;
	if (out->help)
		return ERR_OK;
	if (optind != argc - 1) {
		buf_z(why, optind == argc ? "a URI is missing\n" : "one URI at a time\n");
		return ERR_SYNTAX;
	}
	if ((e = read_user(out, g.user, why)) != ERR_OK ||
	    (e = read_proxy(out, g.proxy, why)) != ERR_OK ||
	    (e = read_target(out, str_from(argv[optind]), why)) != ERR_OK ||
	    (e = read_number_of("--expires", g.expires, &out->expires, why)) != ERR_OK ||
	    (e = read_number_of("--count", g.count, &out->count, why)) != ERR_OK ||
	    (e = read_time("--ring", g.ring, &out->ring_ms, why)) != ERR_OK ||
	    (e = read_time("--duration", g.duration, &out->duration_ms, why)) != ERR_OK)
		return e;
	guess_identity(out);
	out->registers = g.user != NULL || g.proxy != NULL || out->password.len > 0;
	return ERR_OK;
}
