#include "gateway/cli_stun.h"

#include "base/crew.h"
#include "base/mem.h"
#include "resolver/resolver.h"
#include "sip/uri.h"
#include "stun/stun.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define PORT 3478
/* Addresses of one name that are tried, and what is said at most about those that failed. */
#define TRIES_MAX 8
#define COMPLAINTS_MAX 8192
#define TEXT_MAX 1024
/* What is shown of a server's own words. */
#define REASON_MAX 128

enum { DONE = 0, INVALID = 2, FAILED = 3 };

struct stun_options {
	bool help;
	bool json;
	bool tcp;
	struct str host;
	uint16_t port;
};

/* From the loop's first turn to its last. */
struct stun_run {
	const struct stun_options *options;
	struct post post;
	struct loop *loop;
	struct resolver *resolver;
	struct resolver_query *lookup;
	struct stun_query *query;
	struct addr addresses[TRIES_MAX];
	size_t count;
	size_t tried;
	bool found;
	struct stun_result answer;
	struct buf complaints;
};

/* ---------------------------------------------------------------------------- what is wanted */

static const char help[] =
	"usage: lotse stun [--json] [--tcp] SERVER[:PORT]\n"
	"\n"
	"Our address as a STUN server sees it, and whether a NAT is between. 0 answered, 3 no usable answer.\n";

static int usage(const char *why, const char *what)
{
	if (why != NULL)
		(void)fprintf(stderr, "lotse stun: %s: %s\n", what, why);
	(void)fputs(help, stderr);
	return INVALID;
}

/* NULL, or what is wrong with it. "stun:" (RFC 7064) may stand before it, as in `advertise`. */
static const char *take_server(struct stun_options *o, struct str text)
{
	enum sip_host_kind kind;
	struct addr addr;
	bool has_port = false;

	if (str_starts_nocase(text, STR("stuns:")))
		return "STUN over TLS is not built yet; ask with stun:";
	if (str_starts_nocase(text, STR("stun:")))
		text = str_from_at(text, 5);
	o->port = PORT;
	if (addr_parse(&addr, text, 0) == ERR_OK) { /* IPv6 without brackets */
		o->host = text;
		return NULL;
	}
	if (sip_host_port_parse(text, &o->host, &kind, &o->port, &has_port) != ERR_OK)
		return "not a host";
	if (has_port && o->port == 0)
		return "there is no port 0";
	if (!has_port)
		o->port = PORT;
	return NULL;
}

static int parse_options(struct stun_options *o, int argc, char **argv)
{
	static const struct option known[] = { { "help", no_argument, NULL, 'h' },
		                               { "json", no_argument, NULL, 'j' },
		                               { "tcp", no_argument, NULL, 't' },
		                               { NULL, 0, NULL, 0 } };
	const char *wrong;
	int c;

	optind = 0; /* afresh: the command itself was read by the same reader */
	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (c == 'j')
			o->json = true;
		else if (c == 't')
			o->tcp = true;
		else if (c == 'h')
			o->help = true;
		else
			return usage(NULL, NULL);
	}
	if (o->help)
		return DONE;
	if (optind + 1 != argc)
		return usage(NULL, NULL);
	wrong = take_server(o, str_from(argv[optind]));
	return wrong == NULL ? DONE : usage(wrong, argv[optind]);
}

/* ---------------------------------------------------------------------------- what went wrong */

/* A server's own words, fit for a terminal. */
static void put_reason(struct str reason, struct buf *out)
{
	reason = str_head(str_trim(reason), REASON_MAX);
	for (size_t i = 0; i < reason.len; i++) {
		unsigned char c = (unsigned char)reason.p[i];

		buf_char(out, c < 0x20 || c == 0x7f ? '?' : (char)c);
	}
}

static void put_cause(const struct stun_result *result, bool tcp, struct buf *out)
{
	switch (result->err) {
	case ERR_TIMEOUT:
		if (tcp)
			buf_z(out,
			      "no answer in 39.5 s; is TCP to it blocked on the way? Try without --tcp, or another server");
		else
			buf_printf(
				out,
				"no answer in 39.5 s, asked %u times; is UDP to it blocked on the way? Try --tcp, or another server",
				result->sent);
		break;
	case ERR_REFUSED:
		buf_z(out, "nobody listens there; is the port right? STUN's is 3478");
		break;
	case ERR_UNREACHABLE:
		buf_z(out,
		      "there is no way there from this machine; look at its addresses and routes");
		break;
	case ERR_CLOSED:
		buf_z(out,
		      "the connection was closed without an answer; is it a STUN server? Try without --tcp");
		break;
	case ERR_SYNTAX:
		buf_z(out, "what answers there is not STUN; is the port right? STUN's is 3478");
		break;
	case ERR_UNSUPPORTED:
		buf_z(out,
		      "its answer has no address, or parts that must be understood and are not; try another server");
		break;
	case ERR_DENIED:
		if (result->code == 0) {
			buf_z(out, "this machine may not send there; look at its firewall");
			break;
		}
		buf_printf(out, "it answered %u ", result->code);
		put_reason(result->reason, out);
		buf_z(out, "; try another server");
		break;
	default:
		buf_z(out, err_text(result->err));
		break;
	}
}

static void complain(struct stun_run *run, const struct stun_result *result)
{
	char text[ADDR_TEXT];

	buf_printf(&run->complaints, "lotse stun: %s over %s: ", addr_text(&result->server, text),
	           run->options->tcp ? "TCP" : "UDP");
	put_cause(result, run->options->tcp, &run->complaints);
	buf_char(&run->complaints, '\n');
}

/* ---------------------------------------------------------------------------- asking */

static void try_next(struct stun_run *run);

static void on_answer(void *arg, const struct stun_result *result)
{
	struct stun_run *run = arg;

	if (result->err != ERR_OK) {
		complain(run, result);
		try_next(run);
		return;
	}
	run->found = true;
	run->answer = *result;
	loop_stop(run->loop);
}

static void show_progress(const struct stun_run *run, const struct addr *server)
{
	char text[ADDR_TEXT];

	if (isatty(STDERR_FILENO) == 1)
		(void)fprintf(stderr, "asking %s over %s, for 39.5 s at most\n",
		              addr_text(server, text), run->options->tcp ? "TCP" : "UDP");
}

/* Ask the next address that can be asked; none left: the end. */
static void try_next(struct stun_run *run)
{
	while (run->tried < run->count) {
		struct stun_question question = { .server = run->addresses[run->tried++],
			                          .transport = run->options->tcp ? STUN_TCP
			                                                         : STUN_UDP };
		struct stun_result result = { .server = question.server };

		show_progress(run, &question.server);
		result.err = stun_ask(run->loop, &question, on_answer, run, &run->query);
		if (result.err == ERR_OK)
			return;
		complain(run, &result);
	}
	loop_stop(run->loop);
}

static void cannot_find(struct stun_run *run, struct str reason)
{
	buf_printf(
		&run->complaints,
		"lotse stun: cannot find the address of %.*s: %.*s; look at the name and at this machine's DNS\n",
		STR_ARG(run->options->host), STR_ARG(reason));
}

static void on_addresses(void *arg, struct resolver_result *result)
{
	struct stun_run *run = arg;

	if (result->outcome == RESOLVER_NOBODY)
		cannot_find(run, STR("there is no such name"));
	else if (result->outcome != RESOLVER_FOUND)
		cannot_find(run, result->reason);
	for (size_t i = 0; i < result->target_count && run->count < TRIES_MAX; i++)
		run->addresses[run->count++] = result->targets[i].addr;
	resolver_result_free(result);
	try_next(run);
}

static void on_start(struct post *post, struct loop *loop)
{
	struct stun_run *run = container_of(post, struct stun_run, post);
	struct resolver_question question = { .host = run->options->host,
		                              .port = run->options->port,
		                              .limit = TRIES_MAX };
	enum err e;

	if (run->resolver == NULL) {
		try_next(run);
		return;
	}
	e = resolver_addresses(run->resolver, loop, &question, on_addresses, run, &run->lookup);
	if (e != ERR_OK) {
		cannot_find(run, str_from(err_text(e)));
		loop_stop(loop);
	}
}

/* One worker, which is this thread. A numeric address needs no DNS. */
static enum err ask(struct stun_run *run)
{
	struct resolver_conf settings = { 0 };
	struct crew *crew = NULL;
	enum err e = crew_open(&crew, 1);

	if (addr_parse(&run->addresses[0], run->options->host, run->options->port) == ERR_OK)
		run->count = 1;
	else if (e == ERR_OK)
		e = resolver_open(&run->resolver, crew, &settings);
	if (e == ERR_OK) {
		run->loop = crew_loop(crew, 0);
		run->post.run = on_start;
		loop_post(run->loop, &run->post);
		loop_run(run->loop);
	}
	resolver_close(run->resolver);
	crew_close(crew);
	return e;
}

/* ---------------------------------------------------------------------------- telling */

static void put_json(const struct stun_result *answer, bool nat, struct buf *out)
{
	buf_z(out, "{\"server\": \"");
	addr_write(&answer->server, out);
	buf_z(out, "\", \"local\": \"");
	addr_write(&answer->local, out);
	buf_z(out, "\", \"mapped\": \"");
	addr_write(&answer->mapped, out);
	buf_z(out, nat ? "\", \"nat\": true}\n" : "\", \"nat\": false}\n");
}

static void put_text(const struct stun_result *answer, bool nat, struct str host, struct buf *out)
{
	struct addr numeric;

	addr_write(&answer->mapped, out);
	buf_z(out, " as ");
	if (addr_parse(&numeric, host, 0) != ERR_OK) {
		buf_str(out, host);
		buf_z(out, " at ");
	}
	addr_write(&answer->server, out);
	buf_z(out, " sees us, local ");
	addr_write(&answer->local, out);
	buf_z(out, nat ? ": a NAT is between\n" : ": no NAT is between\n");
}

static int tell(const struct stun_run *run)
{
	bool nat = !addr_eq(&run->answer.local, &run->answer.mapped);
	char memory[TEXT_MAX];
	struct buf text;

	buf_wrap(&text, memory, sizeof(memory));
	if (run->options->json)
		put_json(&run->answer, nat, &text);
	else
		put_text(&run->answer, nat, run->options->host, &text);
	/* A full disk or a closed pipe must not look like an answer. */
	if (text.err != ERR_OK || fwrite(text.data, 1, text.len, stdout) != text.len ||
	    fflush(stdout) != 0) {
		(void)fputs("lotse stun: cannot write the output\n", stderr);
		return FAILED;
	}
	return DONE;
}

int cli_stun(int argc, char **argv)
{
	struct stun_options options = { 0 };
	struct stun_run run = { .options = &options };
	int status = parse_options(&options, argc, argv);
	enum err e;

	if (status != DONE)
		return status;
	if (options.help)
		return fputs(help, stdout) >= 0 && fflush(stdout) == 0 ? DONE : FAILED;
	(void)signal(SIGPIPE, SIG_IGN); /* a reader that goes away is an error, not an end */
	buf_init(&run.complaints, COMPLAINTS_MAX);
	e = ask(&run);
	if (e != ERR_OK)
		buf_printf(&run.complaints, "lotse stun: %s\n", err_text(e));
	/* What failed before another address answered is of no interest. */
	status = run.found ? tell(&run) : FAILED;
	if (!run.found)
		(void)fwrite(run.complaints.data, 1, run.complaints.len, stderr);
	buf_fini(&run.complaints);
	return status;
}
