#include "federation/document.h"

#include "base/mem.h"
#include "tests/unit/certs.h"
#include "tests/unit/federation/rig.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

/* ---------------------------------------------------------------------------- a peer that counts, and does as it is told */

struct peer_server {
	struct http_server *http;
	struct addr addr;
	atomic_uint requests;
	atomic_uint no_cache;
	atomic_bool broken; /* 500 to everything */
	atomic_uint with_token;
	atomic_uint with_name;
};

#define ABOUT(user) "resource=sip%3A" user "%40beta.example"

static void found(struct http_reply *reply, const char *user, const char *rel, const char *params)
{
	reply->status = 200;
	buf_z(&reply->headers, "Content-Type: application/jrd+json\r\n");
	buf_printf(&reply->body,
	           "{\"subject\":\"sip:%s@beta.example\",\"links\":[{\"rel\":\"%s\",\"href\":"
	           "\"sip:%s@edge.beta.example\",\"properties\":{\"" FED_PARAMS "\":\"%s\"}}]}",
	           user, rel, user, params);
}

/* What the user part says is done. */
static void obey(struct http_reply *reply, struct str user)
{
	if (str_eq(user, STR("bob"))) {
		buf_z(&reply->headers, "Cache-Control: private, max-age=30\r\n");
		found(reply, "bob", FED_REL_CONTACT, "expires=47");
	} else if (str_eq(user, STR("brief"))) {
		buf_z(&reply->headers, "Cache-Control: max-age=1\r\n");
		found(reply, "brief", FED_REL_CONTACT, "expires=47");
	} else if (str_eq(user, STR("stale"))) {
		buf_z(&reply->headers, "Cache-Control: max-age=0, stale-if-error=60\r\n");
		found(reply, "stale", FED_REL_INGRESS, "expires=3600");
	} else if (str_eq(user, STR("nobody"))) {
		reply->status = 404;
		reply->not_before_ms = 300;
		buf_z(&reply->headers, "Cache-Control: private, max-age=10\r\n");
	} else if (str_eq(user, STR("other"))) {
		reply->status = 421;
	} else if (str_eq(user, STR("slow"))) {
		found(reply, "slow", FED_REL_CONTACT, "expires=47");
		reply->not_before_ms = 9000;
	} else if (str_eq(user, STR("garbled"))) {
		reply->status = 200;
		buf_bytes(&reply->body, "\0\xff{{{{\"subject", 14);
	} else if (str_eq(user, STR("big"))) {
		reply->status = 200;
		for (size_t i = 0; i < 70 * 1024; i++)
			buf_char(&reply->body, ' ');
	} else if (str_eq(user, STR("bighead"))) {
		reply->status = 200;
		for (size_t i = 0; i < 7; i++)
			buf_printf(&reply->headers, "X-%zu: %01000d\r\n", i, 0);
		found(reply, "bighead", FED_REL_CONTACT, "expires=47");
	} else if (str_eq(user, STR("moved"))) {
		reply->status = 302;
		buf_z(&reply->headers, "Location: https://localhost:1/\r\n");
	} else if (str_eq(user, STR("busy"))) {
		reply->status = 503;
		buf_z(&reply->headers, "Retry-After: 7\r\n");
	} else {
		reply->status = 404;
	}
}

static void serve(void *arg, const struct http_request *request, struct http_reply *reply)
{
	struct peer_server *p = arg;
	struct str query = request->head->query;
	struct str user = STR_NONE;

	if (str_starts(query, STR("resource=sip%3A")))
		user = str_head(str_from_at(query, 15), str_find(str_from_at(query, 15), '%'));
	p->requests++;
	p->no_cache += str_eq(http_head_field(request->head, STR("cache-control")),
	                      STR("no-cache"));
	p->with_token += str_eq(http_head_field(request->head, STR("authorization")),
	                        STR("Bearer our-token"));
	p->with_name += request->name_count == 1 && str_eq(request->names[0], STR("alpha.example"));
	must(str_eq(request->head->path, STR("/.well-known/webfinger")));
	must(str_eq(http_head_field(request->head, STR("accept")), STR("application/jrd+json")));
	if (p->broken)
		reply->status = 500;
	else
		obey(reply, user);
}

static void peer_open(struct peer_server *p, const struct test_cert *cert,
                      const struct test_cert *ca)
{
	struct http_listener_conf listener = { .tls = true, .handler = serve, .arg = p };
	const struct http_conf conf = { .listeners = &listener,
		                        .listener_count = 1,
		                        .certificate = str_from(cert->certificate),
		                        .key = str_from(cert->key),
		                        .ca = str_from(ca->certificate) };
	struct http_change *change;
	struct buf why;

	*p = (struct peer_server){ .http = NULL };
	buf_init(&why, 500);
	assert_int_equal(addr_parse(&listener.addr, STR("127.0.0.1"), 0), ERR_OK);
	assert_int_equal(http_open(&p->http, NULL), ERR_OK);
	if (http_prepare(p->http, &conf, &change, &why) != ERR_OK)
		fail_msg("%s", buf_cstr(&why));
	p->addr = http_change_addr(change, 0);
	http_commit(p->http, change);
	buf_fini(&why);
}

/* ---------------------------------------------------------------------------- a peer that breaks off */

struct breaker {
	pthread_t thread;
	struct tls_server *tls;
	struct addr addr;
	int fd;
	const char *says; /* what it sends before it hangs up; NULL: nothing, and it stays */
	unsigned wanted;  /* connections it takes */
};

static void break_one(struct breaker *b, int fd)
{
	struct tls_stream *stream = NULL;
	char text[4096];
	size_t n;

	must(tls_accept(&stream, b->tls, fd) == ERR_OK);
	if (tls_handshake(stream) == ERR_OK && tls_read(stream, text, sizeof(text), &n) == ERR_OK) {
		if (b->says != NULL)
			(void)!tls_write(stream, b->says, strlen(b->says), &n);
		else
			(void)!tls_read(stream, text, sizeof(text), &n);
	}
	tls_close(stream);
}

static void *run_breaker(void *arg)
{
	struct breaker *b = arg;

	for (unsigned i = 0; i < b->wanted; i++) {
		int fd = accept(b->fd, NULL, NULL);

		must(fd >= 0);
		break_one(b, fd);
		(void)close(fd);
	}
	return NULL;
}

static void breaker_open(struct breaker *b, const struct test_cert *cert, const char *says,
                         unsigned wanted)
{
	socklen_t len = sizeof(b->addr);
	struct tls_trust *trust;
	struct buf why;

	*b = (struct breaker){ .says = says, .wanted = wanted };
	buf_init(&why, 500);
	assert_int_equal(tls_trust_open(&trust, str_from(cert->certificate), &why), ERR_OK);
	assert_int_equal(tls_server_open(&b->tls, str_from(cert->certificate), str_from(cert->key),
	                                 trust, &why),
	                 ERR_OK);
	tls_trust_close(trust);
	buf_fini(&why);
	assert_int_equal(addr_parse(&b->addr, STR("127.0.0.1"), 0), ERR_OK);
	b->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(b->fd, &b->addr.sa.any, addr_len(&b->addr)), 0);
	assert_int_equal(listen(b->fd, 16), 0);
	assert_int_equal(getsockname(b->fd, &b->addr.sa.any, &len), 0);
	assert_int_equal(pthread_create(&b->thread, NULL, run_breaker, b), 0);
}

static void breaker_close(struct breaker *b)
{
	(void)pthread_join(b->thread, NULL);
	(void)close(b->fd);
	tls_server_close(b->tls);
}

/* ---------------------------------------------------------------------------- a stage */

struct stage {
	struct rig rig;
	struct test_cert ca;
	struct test_cert cert; /* of localhost */
	struct test_cert ours;
	struct peer_server peer;
};

struct target {
	const char *name;
	const char *host;
	struct addr addr;
	int64_t timeout_ms;
	const char *token;
};

/* Know these peers. */
static void know(struct stage *s, const struct target *targets, size_t count)
{
	static char urls[8][100];
	struct fed_peer_conf peers[8] = { 0 };
	struct fed_conf conf = { .peers = peers,
		                 .peer_count = count,
		                 .certificate = str_from(s->ours.certificate),
		                 .key = str_from(s->ours.key),
		                 .ca = str_from(s->ca.certificate) };

	for (size_t i = 0; i < count; i++) {
		(void)snprintf(urls[i], sizeof(urls[i]), "https://%s:%u", targets[i].host,
		               addr_port(&targets[i].addr));
		peers[i].name = str_from(targets[i].name);
		peers[i].url = str_from(urls[i]);
		peers[i].host = str_from(targets[i].host);
		peers[i].port = addr_port(&targets[i].addr);
		peers[i].timeout_ms = targets[i].timeout_ms;
		peers[i].token = str_from(targets[i].token);
	}
	assert_int_equal(federation_configure(s->rig.federation, &conf), ERR_OK);
}

static void know_beta(struct stage *s, int64_t timeout_ms)
{
	const struct target beta = { "beta", "localhost", s->peer.addr, timeout_ms, "our-token" };

	know(s, &beta, 1);
}

static void stage_open(struct stage *s, unsigned workers)
{
	const struct test_cert_conf localhost = { "localhost", "DNS:localhost,IP:127.0.0.1", NULL,
		                                  0, 0 };
	const struct test_cert_conf ours = { "alpha", "DNS:alpha.example", "serverAuth", 0, 0 };

	test_ca_make(&s->ca, "authority");
	test_cert_make(&s->cert, &s->ca, &localhost);
	test_cert_make(&s->ours, &s->ca, &ours);
	peer_open(&s->peer, &s->cert, &s->ca);
	rig_open(&s->rig, workers);
	know_beta(s, 3000);
}

static void stage_close(struct stage *s)
{
	rig_close(&s->rig);
	http_close(s->peer.http);
}

static struct heard ask_peer(struct stage *s, const char *peer, const char *user)
{
	char address[100];
	const struct fed_ask ask = { .peer = str_from(peer),
		                     .address = { address, 0 },
		                     .deadline_ms = 9000 };
	struct fed_ask question = ask;
	struct heard heard;

	(void)snprintf(address, sizeof(address), "sip:%s@beta.example", user);
	question.address = str_from(address);
	rig_ask(&s->rig, 0, &question, &heard);
	return heard;
}

static const struct {
	const char *user;
	enum fed_outcome outcome;
	size_t targets;
	int64_t ttl_s; /* or one less: Date knows whole seconds alone */
	const char *text;
} outcomes[] = {
	{ "bob", FED_FOUND, 1, 30, "200, 1 contact" },
	{ "other", FED_UNKNOWN, 0, -1, "421, not theirs" },
	{ "nobody", FED_NOBODY, 0, 10, "404" },
	{ "garbled", FED_FAILED, 0, -1, "no JSON document" },
	{ "big", FED_FAILED, 0, -1, "an answer of more than 64 KiB" },
	{ "moved", FED_FAILED, 0, -1, "HTTP 302, a redirect, which no peer may give" },
	{ "slow", FED_FAILED, 0, -1, "timeout after 3000 ms" },
	{ "busy", FED_FAILED, 0, -1, "HTTP 503, retry after 7 s" },
	{ "bob", FED_FOUND, 1, 30, "200, 1 contact" }, /* from the cache although it wants peace */
	{ "other", FED_FAILED, 0, -1, "not asked: it wants to be left alone, retry after " },
};

static void tells_outcomes(void **state)
{
	struct stage s;

	(void)state;
	stage_open(&s, 2);
	for (size_t i = 0; i < COUNT_OF(outcomes); i++) {
		struct heard h = ask_peer(&s, "beta", outcomes[i].user);

		if (h.outcome != outcomes[i].outcome || h.targets != outcomes[i].targets ||
		    (!h.cached && h.ttl_s != outcomes[i].ttl_s &&
		     h.ttl_s != outcomes[i].ttl_s - 1) ||
		    !str_starts(str_from(h.text), str_from(outcomes[i].text)))
			fail_msg("%s: %s, %zu targets, ttl %lld: %s", outcomes[i].user,
			         fed_outcome_name(h.outcome), h.targets, (long long)h.ttl_s,
			         h.text);
	}
	assert_int_equal(s.peer.requests, 8);
	assert_int_equal(s.peer.with_token, 8);
	assert_int_equal(s.peer.with_name, 8);
	assert_int_equal(rig_stats(&s.rig, "beta").asked, 8);
	assert_int_equal(rig_stats(&s.rig, "beta").cached, 1);
	assert_int_equal(rig_stats(&s.rig, "beta").failed, 5);
	{
		struct heard h = ask_peer(&s, "nobody-we-know", "bob");

		assert_int_equal(h.outcome, FED_FAILED);
		assert_string_equal(h.text, "no such peer");
	}
	stage_close(&s);
}

/* ---------------------------------------------------------------------------- many at once */

struct crowd {
	struct stage *stage;
	sem_t done;
	atomic_uint answers;
	atomic_uint nobody;
};

static void on_crowd_answer(void *arg, const struct fed_answer *answer)
{
	struct crowd *c = arg;

	c->nobody += answer->outcome == FED_NOBODY;
	if (++c->answers == 1000)
		sem_post(&c->done);
}

static void ask_250(void *arg, struct loop *loop)
{
	struct crowd *c = arg;
	const struct fed_ask ask = { .peer = STR("beta"),
		                     .address = STR("sip:nobody@beta.example") };

	for (int i = 0; i < 250; i++)
		must(federation_ask(c->stage->rig.federation, loop, &ask, on_crowd_answer, c,
		                    NULL) == ERR_OK);
}

static void await(sem_t *done)
{
	while (sem_wait(done) != 0)
		assert_int_equal(errno, EINTR);
}

/* A thousand calls to one unknown user are one question. */
static void asks_once_for_all(void **state)
{
	struct crowd c = { 0 };
	struct stage s;

	(void)state;
	stage_open(&s, 4);
	c.stage = &s;
	sem_init(&c.done, 0, 0);
	for (unsigned i = 0; i < 4; i++)
		rig_run(&s.rig, i, ask_250, &c);
	await(&c.done);
	assert_int_equal(c.nobody, 1000);
	assert_int_equal(s.peer.requests, 1);
	/* and for ten seconds more */
	for (int i = 0; i < 5; i++)
		assert_true(ask_peer(&s, "beta", "nobody").cached);
	assert_int_equal(s.peer.requests, 1);
	sem_destroy(&c.done);
	stage_close(&s);
}

static void ask_and_cancel(void *arg, struct loop *loop)
{
	struct crowd *c = arg;
	const struct fed_ask ask = { .peer = STR("beta"),
		                     .address = STR("sip:nobody@beta.example") };

	for (int i = 0; i < 10; i++) {
		struct fed_question *q = NULL;

		must(federation_ask(c->stage->rig.federation, loop, &ask, on_crowd_answer, c, &q) ==
		     ERR_OK);
		federation_cancel(q);
	}
	federation_cancel(NULL);
}

/* Taken back means not called; the answer is kept all the same. */
static void forgets_who_left(void **state)
{
	struct crowd c = { 0 };
	struct heard h;
	struct stage s;

	(void)state;
	stage_open(&s, 2);
	c.stage = &s;
	rig_run(&s.rig, 1, ask_and_cancel, &c);
	h = ask_peer(&s, "beta", "nobody");
	assert_int_equal(h.outcome, FED_NOBODY);
	assert_int_equal(c.answers, 0);
	assert_int_equal(s.peer.requests, 1);
	stage_close(&s);
}

/* A caller in a hurry doesn't spoil it for others. */
static void keeps_a_deadline(void **state)
{
	const struct fed_ask hasty = { .peer = STR("beta"),
		                       .address = STR("sip:nobody@beta.example"),
		                       .deadline_ms = 50 };
	struct heard h;
	struct stage s;

	(void)state;
	stage_open(&s, 1);
	rig_ask(&s.rig, 0, &hasty, &h);
	assert_int_equal(h.outcome, FED_FAILED);
	assert_string_equal(h.text, "timeout after 50 ms");
	h = ask_peer(&s, "beta", "nobody");
	assert_int_equal(h.outcome, FED_NOBODY);
	assert_int_equal(s.peer.requests, 1);
	stage_close(&s);
}

/* ---------------------------------------------------------------------------- the cache */

static void asks_anew(void **state)
{
	struct fed_ask anew = { .peer = STR("beta"),
		                .address = STR("sip:bob@beta.example"),
		                .no_cache = true };
	struct heard h;
	struct stage s;

	(void)state;
	stage_open(&s, 2);
	assert_false(ask_peer(&s, "beta", "bob").cached);
	h = ask_peer(&s, "beta", "bob");
	assert_true(h.cached);
	assert_string_equal(h.uri, "sip:bob@edge.beta.example");
	rig_ask(&s.rig, 1, &anew, &h);
	assert_false(h.cached);
	assert_int_equal(s.peer.requests, 2);
	assert_int_equal(s.peer.no_cache, 1);
	assert_true(ask_peer(&s, "beta", "bob").cached);
	/* its time over */
	assert_false(ask_peer(&s, "beta", "brief").cached);
	usleep(1100000);
	assert_false(ask_peer(&s, "beta", "brief").cached);
	assert_int_equal(s.peer.requests, 4);
	/* another configuration: what was learnt under the old one is not told */
	know_beta(&s, 2000);
	assert_false(ask_peer(&s, "beta", "bob").cached);
	assert_int_equal(s.peer.requests, 5);
	assert_int_equal(rig_stats(&s.rig, "beta").asked, 5);
	stage_close(&s);
}

/* An ingress stands in while the peer is broken; a contact does not. */
static void stands_in(void **state)
{
	struct heard h;
	struct stage s;

	(void)state;
	stage_open(&s, 1);
	assert_int_equal(ask_peer(&s, "beta", "stale").outcome, FED_FOUND);
	assert_int_equal(ask_peer(&s, "beta", "brief").outcome, FED_FOUND);
	s.peer.broken = true;
	usleep(1100000);
	h = ask_peer(&s, "beta", "stale");
	assert_int_equal(h.outcome, FED_FOUND);
	assert_string_equal(h.text, "200, 1 ingress; stale, because: HTTP 500");
	assert_int_equal(ask_peer(&s, "beta", "brief").outcome, FED_FAILED);
	assert_int_equal(s.peer.requests, 4);
	stage_close(&s);
}

/* What we show and whom we believe is read when it is configured, and refused as a whole. */
static void refuses_bad_configurations(void **state)
{
	struct stage s;
	struct fed_conf conf;

	(void)state;
	stage_open(&s, 1);
	conf = (struct fed_conf){ .ca = STR("no PEM at all") };
	assert_int_equal(federation_configure(s.rig.federation, &conf), ERR_SYNTAX);
	conf = (struct fed_conf){ .certificate = str_from(s.ours.certificate),
		                  .key = str_from(s.cert.key),
		                  .ca = str_from(s.ca.certificate) };
	assert_int_equal(federation_configure(s.rig.federation, &conf), ERR_CERT);
	conf.key = STR_NONE;
	assert_int_equal(federation_configure(s.rig.federation, &conf), ERR_SYNTAX);
	assert_int_equal(ask_peer(&s, "beta", "bob").outcome, FED_FOUND);
	stage_close(&s);
}

/* ---------------------------------------------------------------------------- broken peers */

static void refuses_certificates(void **state)
{
	const struct test_cert_conf over = { "localhost", "DNS:localhost", NULL, -7200, -3600 };
	const struct test_cert_conf other = { "localhost", "DNS:other.example", NULL, 0, 0 };
	const struct test_cert_conf plain = { "localhost", "DNS:localhost", NULL, 0, 0 };
	struct peer_server servers[3];
	struct test_cert certs[3];
	struct test_cert stranger;
	struct stage s;

	(void)state;
	stage_open(&s, 2);
	test_ca_make(&stranger, "another authority");
	test_cert_make(&certs[0], &s.ca, &over);
	test_cert_make(&certs[1], &s.ca, &other);
	test_cert_make(&certs[2], &stranger, &plain);
	for (size_t i = 0; i < 3; i++)
		peer_open(&servers[i], &certs[i], &s.ca);
	{
		const struct target targets[] = {
			{ "over", "localhost", servers[0].addr, 2000, "" },
			{ "other", "localhost", servers[1].addr, 2000, "" },
			{ "stranger", "localhost", servers[2].addr, 2000, "" },
			{ "good", "127.0.0.1", s.peer.addr, 2000, "" },
		};

		know(&s, targets, COUNT_OF(targets));
		for (size_t i = 0; i < 3; i++) {
			struct heard h = ask_peer(&s, targets[i].name, "bob");

			assert_int_equal(h.outcome, FED_FAILED);
			if (!str_starts(str_from(h.text), STR("certificate not accepted: ")))
				fail_msg("%s: %s", targets[i].name, h.text);
			assert_int_equal(servers[i].requests, 0);
		}
		assert_int_equal(ask_peer(&s, "good", "bob").outcome, FED_FOUND);
	}
	stage_close(&s);
	for (size_t i = 0; i < 3; i++)
		http_close(servers[i].http);
}

static const struct {
	const char *says;
	const char *text; /* how the failure begins; NULL: in any words */
} breaks[] = {
	{ "", NULL },
	{ "HTTP/1.1 200 OK\r\nContent-Le", NULL },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"subject\":", NULL },
	{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", NULL },
	{ "SSH-2.0-OpenSSH\r\n\r\n", NULL },
	{ NULL, "timeout after 400 ms" },
};

/* Killed in the middle, stalled, nonsense: failed within the timeout, and the next one is asked again. */
static void survives_broken_peers(void **state)
{
	struct breaker b;
	struct stage s;

	(void)state;
	stage_open(&s, 2);
	for (size_t i = 0; i < COUNT_OF(breaks); i++) {
		struct mono begun = mono_now();
		struct target target = { "beta", "localhost", s.peer.addr, 400, "" };
		struct heard h;

		/* Where a connection that was never used breaks, it is not tried again. */
		breaker_open(&b, &s.cert, breaks[i].says, 1);
		target.addr = b.addr;
		know(&s, &target, 1);
		h = ask_peer(&s, "beta", "bob");
		assert_int_equal(h.outcome, FED_FAILED);
		assert_true(strlen(h.text) > 0);
		if (breaks[i].text != NULL &&
		    !str_starts(str_from(h.text), str_from(breaks[i].text)))
			fail_msg("%zu: %s", i, h.text);
		assert_true(mono_ms_between(begun, mono_now()) < 2500);
		breaker_close(&b);
	}
	{
		/* nobody listens there any more */
		const struct target gone = { "beta", "localhost", b.addr, 400, "" };
		struct heard h;

		know(&s, &gone, 1);
		h = ask_peer(&s, "beta", "bob");
		assert_int_equal(h.outcome, FED_FAILED);
		assert_true(str_starts(str_from(h.text), STR("no connection to localhost:")));
	}
	{
		const struct target lost = { "beta", "nowhere.example", s.peer.addr, 400, "" };
		struct heard h;

		know(&s, &lost, 1);
		h = ask_peer(&s, "beta", "bob");
		assert_int_equal(h.outcome, FED_FAILED);
		assert_string_equal(h.text,
		                    "no address of nowhere.example: no answer within 400 ms");
	}
	stage_close(&s);
}

static void on_lost(void *arg, const struct fed_answer *answer)
{
	must(arg == NULL && answer->outcome == FED_FAILED);
}

static void ask_slow_ones(void *arg, struct loop *loop)
{
	struct crowd *c = arg;
	const struct fed_ask slow = { .peer = STR("beta"),
		                      .address = STR("sip:slow@beta.example") };
	const struct fed_ask lost = { .peer = STR("lost"),
		                      .address = STR("sip:slow@beta.example") };

	must(federation_ask(c->stage->rig.federation, loop, &slow, on_crowd_answer, c, NULL) ==
	     ERR_OK);
	must(federation_ask(c->stage->rig.federation, loop, &lost, on_lost, NULL, NULL) == ERR_OK);
}

/* The end comes while questions are on their way: nothing leaks, nobody is called. */
static void closes_in_the_middle(void **state)
{
	struct crowd c = { 0 };
	struct stage s;

	(void)state;
	for (int i = 0; i < 3; i++) {
		stage_open(&s, 2);
		{
			const struct target targets[] = {
				{ "beta", "localhost", s.peer.addr, 5000, "" },
				{ "lost", "nowhere.example", s.peer.addr, 5000, "" },
			};

			know(&s, targets, 2);
		}
		c.stage = &s;
		rig_run(&s.rig, 0, ask_slow_ones, &c);
		rig_run(&s.rig, 1, ask_slow_ones, &c);
		usleep((useconds_t)i * 30000);
		stage_close(&s);
	}
	assert_int_equal(c.answers, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_outcomes),
		cmocka_unit_test(asks_once_for_all),
		cmocka_unit_test(forgets_who_left),
		cmocka_unit_test(keeps_a_deadline),
		cmocka_unit_test(asks_anew),
		cmocka_unit_test(stands_in),
		cmocka_unit_test(refuses_bad_configurations),
		cmocka_unit_test(refuses_certificates),
		cmocka_unit_test(survives_broken_peers),
		cmocka_unit_test(closes_in_the_middle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
