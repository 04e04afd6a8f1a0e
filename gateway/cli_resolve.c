#include "gateway/cli_resolve.h"

#include "base/crew.h"
#include "base/mem.h"
#include "gateway/conf.h"
#include "gateway/resolve_print.h"
#include "sip/uri.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>

#define TEXT_MAX ((size_t)64 << 20)

enum { FOUND = 0, NOBODY = 1, INVALID = 2, FAILED = 3 };

struct resolve_options {
	bool help;
	struct conf_options conf;
	struct addr servers[RESOLVER_SERVERS_MAX];
	size_t server_count;
	unsigned transports; /* 0: not said */
	bool trace;
	bool json;
	const char *what;
};

/* A locate from the loop's first turn to its last. */
struct resolve_run {
	struct post post;
	struct loop *loop;
	struct resolver *resolver;
	struct resolver_question question;
	struct resolver_query *query;
	struct resolver_result *result;
	enum err e;
};

static const enum resolver_transport transports[] = { RESOLVER_UDP,  RESOLVER_TCP, RESOLVER_TLS,
	                                              RESOLVER_SCTP, RESOLVER_WS,  RESOLVER_WSS };

/* ---------------------------------------------------------------------------- what is wanted */

static const char help[] =
	"usage: lotse resolve [-f FILE] [--server ADDR[:PORT]]... [--transports udp,tcp,tls,sctp,ws,wss]\n"
	"                     [--trace] [--json] URI|HOST[:PORT]\n"
	"\n"
	"Where the SIP servers of a URI or a host are (RFC 3263), in the order to try them. 0 found, 1 there is nobody, 3 it could not be found out.\n"
	"Asks the servers given, else those of FILE, else the system's. --trace: every question, its time and its answer.\n";

static int usage(const char *why, const char *what)
{
	if (why != NULL)
		(void)fprintf(stderr, "lotse resolve: %s: %s\n", what, why);
	(void)fputs(help, stderr);
	return INVALID;
}

static enum resolver_transport find_transport(struct str name)
{
	for (size_t i = 0; i < sizeof(transports) / sizeof(transports[0]); i++) {
		if (str_eq_nocase(name, str_from(resolver_transport_text(transports[i]))))
			return transports[i];
	}
	return RESOLVER_NO_TRANSPORT;
}

static bool take_transports(struct resolve_options *o, const char *text)
{
	struct str rest = str_from(text);
	bool good = true;

	o->transports = 0;
	while (good && rest.len > 0) {
		enum resolver_transport t = find_transport(str_cut(&rest, ','));

		good = t != RESOLVER_NO_TRANSPORT;
		o->transports |= t;
	}
	return good && o->transports != 0;
}

static bool take_server(struct resolve_options *o, const char *text)
{
	return o->server_count < RESOLVER_SERVERS_MAX &&
	       addr_parse_port(&o->servers[o->server_count++], str_from(text), 53) == ERR_OK;
}

static int parse_options(struct resolve_options *o, int argc, char **argv)
{
	static const struct option known[] = { { "file", required_argument, NULL, 'f' },
		                               { "server", required_argument, NULL, 's' },
		                               { "transports", required_argument, NULL, 'T' },
		                               { "trace", no_argument, NULL, 't' },
		                               { "help", no_argument, NULL, 'h' },
		                               { "json", no_argument, NULL, 'j' },
		                               { NULL, 0, NULL, 0 } };
	int c;

	optind = 0; /* afresh: the command itself was read by the same reader */
	while ((c = getopt_long(argc, argv, "f:", known, NULL)) != -1) {
		if (c == 'f')
			o->conf.file = optarg;
		else if (c == 's' && !take_server(o, optarg))
			return usage("not an address, or one too many", optarg);
		else if (c == 'T' && !take_transports(o, optarg))
			return usage("not a list of transports", optarg);
		else if (c == 't')
			o->trace = true;
		else if (c == 'j')
			o->json = true;
		else if (c == 'h')
			o->help = true;
		else if (c == '?')
			return usage(NULL, NULL);
	}
	if (o->help)
		return FOUND;
	if (optind + 1 != argc)
		return usage(NULL, NULL);
	o->what = argv[optind];
	return FOUND;
}

/* A URI (RFC 3263 4: the maddr parameter before the host). NULL, or what is wrong with it. */
static const char *take_uri(struct resolver_question *q, struct str text)
{
	struct sip_uri_param param;
	struct sip_uri uri;

	if (sip_uri_parse(&uri, text) != ERR_OK)
		return "not a valid URI";
	if (uri.scheme != SIP_SCHEME_SIP && uri.scheme != SIP_SCHEME_SIPS)
		return "neither sip: nor sips: (for a number ask `lotse locate`)";
	q->host = sip_uri_param_value(&uri, STR("maddr"));
	if (q->host.len == 0)
		q->host = uri.host;
	q->port = uri.port;
	q->secure = uri.scheme == SIP_SCHEME_SIPS;
	if (sip_uri_param_find(&uri, STR("transport"), &param)) {
		q->transport = find_transport(param.value);
		if (q->transport == RESOLVER_NO_TRANSPORT)
			return "its transport parameter names one that isn't known here";
	}
	return NULL;
}

static const char *take_host(struct resolver_question *q, struct str text)
{
	enum sip_host_kind kind;
	struct addr addr;
	bool has_port;

	if (addr_parse(&addr, text, 0) == ERR_OK) { /* IPv6 without brackets */
		q->host = text;
		return NULL;
	}
	return sip_host_port_parse(text, &q->host, &kind, &q->port, &has_port) == ERR_OK
	               ? NULL
	               : "not a host";
}

/* Names end at "sip:" nowhere, URIs begin with a scheme. */
static const char *take_question(struct resolver_question *q, const char *what)
{
	struct str text = str_from(what);
	bool uri = str_starts_nocase(text, STR("sip:")) || str_starts_nocase(text, STR("sips:")) ||
	           str_starts_nocase(text, STR("tel:"));

	return uri ? take_uri(q, text) : take_host(q, text);
}

/* ---------------------------------------------------------------------------- asking */

static void on_done(void *arg, struct resolver_result *result)
{
	struct resolve_run *run = arg;

	run->result = result;
	loop_stop(run->loop);
}

static void on_start(struct post *post, struct loop *loop)
{
	struct resolve_run *run = container_of(post, struct resolve_run, post);

	run->e = resolver_locate(run->resolver, loop, &run->question, on_done, run, &run->query);
	if (run->e != ERR_OK)
		loop_stop(loop);
}

/* One worker, which is this thread. */
static enum err ask(struct resolve_run *run, const struct resolver_conf *conf)
{
	struct crew *crew = NULL;
	enum err e = crew_open(&crew, 1);

	if (e == ERR_OK)
		e = resolver_open(&run->resolver, crew, conf);
	if (e == ERR_OK) {
		run->loop = crew_loop(crew, 0);
		run->post.run = on_start;
		loop_post(run->loop, &run->post);
		loop_run(run->loop);
		e = run->e;
	}
	resolver_close(run->resolver);
	crew_close(crew);
	return e;
}

/* ---------------------------------------------------------------------------- telling */

static int exit_status(enum resolver_outcome outcome)
{
	if (outcome == RESOLVER_FOUND)
		return FOUND;
	return outcome == RESOLVER_NOBODY ? NOBODY : FAILED;
}

static int tell(const struct resolve_options *o, const struct resolver_result *result)
{
	struct buf text;
	int status = exit_status(result->outcome);

	buf_init(&text, TEXT_MAX);
	if (o->json)
		resolve_print_json(result, &text);
	else
		resolve_print_text(result, o->trace, &text);
	/* A full disk or a closed pipe must not look like an answer. */
	if (text.err != ERR_OK || fwrite(text.data, 1, text.len, stdout) != text.len ||
	    fflush(stdout) != 0) {
		(void)fputs("lotse resolve: cannot write the output\n", stderr);
		status = FAILED;
	}
	buf_fini(&text);
	return status;
}

static int load(const struct resolve_options *o, struct conf **conf)
{
	struct buf errors;
	enum err e;

	if (o->conf.file == NULL)
		return FOUND;
	buf_init(&errors, TEXT_MAX);
	e = conf_load(&o->conf, conf, &errors);
	if (e != ERR_OK)
		(void)fwrite(errors.data, 1, errors.len, stderr);
	buf_fini(&errors);
	return e == ERR_OK ? FOUND : INVALID;
}

/* With a configuration the answer is the one that its gateway would get. */
static void use(const struct conf *conf, struct resolver_conf *settings,
                struct resolver_question *question)
{
	settings->servers = conf->resolver.servers;
	settings->server_count = conf->resolver.server_count;
	settings->timeout_ms = conf->resolver.timeout_ms;
	settings->allow_targets = conf->resolver.allow_targets;
	settings->allow_count = conf->resolver.allow_target_count;
	question->foreign = conf_domain_find(conf, question->host) == NULL;
	question->supported = RESOLVER_UDP | RESOLVER_TCP;
}

int cli_resolve(int argc, char **argv)
{
	struct resolve_options options = { 0 };
	struct resolver_conf settings = { 0 };
	struct resolve_run run = { 0 };
	struct conf *conf = NULL;
	const char *wrong;
	int status = parse_options(&options, argc, argv);
	enum err e;

	if (status != FOUND)
		return status;
	if (options.help)
		return fputs(help, stdout) >= 0 && fflush(stdout) == 0 ? FOUND : FAILED;
	wrong = take_question(&run.question, options.what);
	if (wrong != NULL)
		return usage(wrong, options.what);
	status = load(&options, &conf);
	if (status != FOUND)
		return status;
	run.question.supported = RESOLVER_UDP | RESOLVER_TCP | RESOLVER_TLS;
	if (conf != NULL)
		use(conf, &settings, &run.question);
	if (options.server_count > 0) {
		settings.servers = options.servers;
		settings.server_count = options.server_count;
	}
	if (options.transports != 0)
		run.question.supported = options.transports;
	run.question.trace = options.trace || options.json;
	(void)signal(
		SIGPIPE,
		SIG_IGN); /* a name server or a reader that goes away is an error, not an end */
	e = ask(&run, &settings);
	if (e == ERR_OK) {
		status = tell(&options, run.result);
	} else {
		(void)fprintf(stderr, "lotse resolve: %s\n", err_text(e));
		status = FAILED;
	}
	resolver_result_free(run.result);
	conf_unref(conf);
	return status;
}
