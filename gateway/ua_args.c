#include "gateway/ua_args.h"

#include "base/mem.h"
#include "gateway/ua_words.h"

#include <getopt.h>

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

static enum err read_number_of(const char *option, const char *text, uint32_t *out, struct buf *why)
{
	uint64_t n = *out;

	if (text != NULL && str_number(str_from(text), INT32_MAX, &n) != ERR_OK)
		return ua_words_refuse(why, option, str_from(text), "a number is wanted");
	*out = (uint32_t)n;
	return ERR_OK;
}

static enum err read_time(const char *option, const char *text, int64_t *out, struct buf *why)
{
	if (text != NULL && ua_duration_parse(str_from(text), out) != ERR_OK)
		return ua_words_refuse(why, option, str_from(text),
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
	return ua_words_refuse(why, "command", str_from(name), "register, options, call or answer");
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
			e = ua_words_listen(a, optarg, why);
			break;
		case O_RESOLVER:
			e = ua_words_server(a, optarg, why);
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
	if ((e = ua_words_user(out, g.user, why)) != ERR_OK ||
	    (e = ua_words_proxy(out, g.proxy, why)) != ERR_OK ||
	    (e = ua_words_target(out, str_from(argv[optind]), why)) != ERR_OK ||
	    (e = read_number_of("--expires", g.expires, &out->expires, why)) != ERR_OK ||
	    (e = read_number_of("--count", g.count, &out->count, why)) != ERR_OK ||
	    (e = read_time("--ring", g.ring, &out->ring_ms, why)) != ERR_OK ||
	    (e = read_time("--duration", g.duration, &out->duration_ms, why)) != ERR_OK)
		return e;
	ua_words_identity(out);
	out->registers = g.user != NULL || g.proxy != NULL || out->password.len > 0;
	return ERR_OK;
}
