#include "base/http.h"

#include "base/clock.h"
#include "tests/unit/alloc_fail.h"
#include "tests/unit/certs.h"

#include <curl/curl.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

/* ---------------------------------------------------------------------------- a server */

struct rig {
	struct http_server *server;
	struct addr bound[4];
	char why_memory[300];
	struct buf why;
};

/* Says back what it was asked, and who asked. */
static void echo(void *arg, const struct http_request *request, struct http_reply *reply)
{
	reply->status = 200;
	buf_z(&reply->headers, "Content-Type: text/plain\r\n");
	buf_printf(&reply->body, "%s %.*s %.*s %.*s;", (const char *)arg,
	           STR_ARG(request->head->method), STR_ARG(request->head->path),
	           STR_ARG(request->head->query));
	for (size_t i = 0; i < request->name_count; i++)
		buf_printf(&reply->body, " %.*s", STR_ARG(request->names[i]));
	if (str_eq(request->head->path, STR("/late")))
		reply->not_before_ms = 300;
	if (str_eq(request->head->path, STR("/none")))
		reply->status = 304;
	for (size_t i = 0; str_eq(request->head->path, STR("/big")) && i < 40000; i++)
		buf_z(&reply->body, "0123456789012345678901234567890123456789012345678\n");
}

static struct http_listener_conf listen_at(const char *text, bool tls, const char *arg)
{
	struct http_listener_conf conf = { .tls = tls,
		                           .handler = echo,
		                           .arg = (void *)(uintptr_t)arg };

	assert_int_equal(addr_parse_port(&conf.addr, str_from(text), 0), ERR_OK);
	return conf;
}

static enum err configure(struct rig *rig, const struct http_conf *conf)
{
	struct http_change *change = NULL;
	enum err e;

	buf_wrap(&rig->why, rig->why_memory, sizeof(rig->why_memory));
	e = http_prepare(rig->server, conf, &change, &rig->why);
	if (e != ERR_OK)
		return e;
	for (size_t i = 0; i < conf->listener_count && i < 4; i++)
		rig->bound[i] = http_change_addr(change, i);
	http_commit(rig->server, change);
	return ERR_OK;
}

static void start(struct rig *rig, const struct http_conf *conf, const struct http_limits *limits)
{
	assert_int_equal(http_open(&rig->server, limits), ERR_OK);
	assert_int_equal(configure(rig, conf), ERR_OK);
}

static void start_plain(struct rig *rig, const struct http_limits *limits)
{
	struct http_listener_conf listener = listen_at("127.0.0.1:0", false, "a");
	struct http_conf conf = { .listeners = &listener, .listener_count = 1 };

	start(rig, &conf, limits);
}

/* ---------------------------------------------------------------------------- raw clients */

static int dial(const struct addr *to)
{
	int fd = socket(addr_family(to), SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, &to->sa.any, addr_len(to)), 0);
	return fd;
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* All that comes within `ms` of silence or until the end: whether the end came. */
static bool hear(int fd, char *out, size_t size, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	size_t n = 0;
	ssize_t got = 1;

	while (got > 0 && n < size - 1 && poll(&p, 1, ms) == 1) {
		got = recv(fd, out + n, size - 1 - n, 0);
		n += got > 0 ? (size_t)got : 0;
	}
	out[n] = '\0';
	return got <= 0;
}

static size_t times(const char *text, const char *word)
{
	size_t n = 0;

	for (const char *p = text; (p = strstr(p, word)) != NULL; p++)
		n++;
	return n;
}

static void answers_in_order(void **state)
{
	struct rig rig;
	char text[8192];
	int fd;

	(void)state;
	start_plain(&rig, NULL);
	fd = dial(&rig.bound[0]);
	for (const char *p = "GET /1?x=%41 HTTP/1.1\r\nHost: a\r\n\r\n"; *p != '\0'; p++) {
		char one[2] = { *p, '\0' };

		say(fd, one);
	}
	assert_false(hear(fd, text, sizeof(text), 300));
	assert_non_null(strstr(text, "HTTP/1.1 200 OK\r\nDate: "));
	assert_non_null(strstr(text, "\r\n\r\na GET /1 x=%41;"));
	for (int i = 0; i < 50; i++)
		say(fd, "GET /2 HTTP/1.1\r\nHost: a\r\n\r\nHEAD /3 HTTP/1.1\r\nHost: a\r\n\r\n");
	say(fd, "GET /none HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nrubbish");
	{
		size_t size = 1 << 16;
		char *all = malloc(size);

		assert_true(hear(fd, all, size, 2000));
		assert_int_equal(times(all, "a GET /2 ;"), 50);
		assert_int_equal(times(all, "Content-Length: 11\r\n"), 50); /* HEAD */
		assert_int_equal(times(all, "Content-Length: 10\r\n"), 50);
		assert_int_equal(times(all, "HTTP/1.1 304 Not Modified\r\n"), 1);
		assert_null(strstr(strstr(all, "304"), "Content-Length"));
		free(all);
	}
	close(fd);
	http_close(rig.server);
}

static const struct {
	const char *in;
	const char *want; /* the status line */
} refusals[] = {
	{ "GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 " },
	{ "GET / HTTP/3.0\r\nHost: a\r\n\r\n", "HTTP/1.1 505 " },
	{ "\x16\x03\x01\x02 hello\r\n\r\n", "HTTP/1.1 400 " },
	{ "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", "HTTP/1.1 200 " },
	{ "GET / HTTP/1.0\r\n\r\n", "HTTP/1.1 200 " },
};

/* What can't be gone on with is answered, and then the connection ends without a reset. */
static void refuses_and_closes(void **state)
{
	struct rig rig;
	char text[4096];

	(void)state;
	start_plain(&rig, NULL);
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		int fd = dial(&rig.bound[0]);

		say(fd, refusals[i].in);
		assert_true(hear(fd, text, sizeof(text), 1000));
		assert_true(str_starts(str_from(text), str_from(refusals[i].want)));
		assert_non_null(strstr(text, "Connection: close\r\n"));
		close(fd);
	}
	http_close(rig.server);
}

static void limits_the_head(void **state)
{
	char text[4096];
	struct rig rig;
	int fd;

	(void)state;
	start_plain(&rig, NULL);
	fd = dial(&rig.bound[0]);
	say(fd, "GET / HTTP/1.1\r\n");
	for (int i = 0; i < 300; i++)
		say(fd, "X: 0123456789012345678901234567890123456789012345678901234567890\r\n");
	assert_true(hear(fd, text, sizeof(text), 1000));
	assert_true(str_starts(str_from(text), STR("HTTP/1.1 431 ")));
	close(fd);
	http_close(rig.server);
}

static void ends_slow_ones(void **state)
{
	const struct http_limits limits = { .head_ms = 150, .idle_ms = 400 };
	struct mono start_time = mono_now();
	char text[256];
	struct rig rig;
	int slow;
	int idle;

	(void)state;
	start_plain(&rig, &limits);
	slow = dial(&rig.bound[0]);
	idle = dial(&rig.bound[0]);
	say(slow, "GET / HT");
	assert_true(hear(slow, text, sizeof(text), 5000));
	assert_in_range(mono_ms_between(start_time, mono_now()), 140, 390);
	assert_true(hear(idle, text, sizeof(text), 5000));
	assert_true(mono_ms_between(start_time, mono_now()) >= 390);
	close(slow);
	close(idle);
	http_close(rig.server);
}

/* Over the limit the one that was idle longest makes room; where all are busy the new one goes. */
static void makes_room(void **state)
{
	const struct http_limits limits = { .connections = 3 };
	struct http_counts counts;
	char text[1024];
	struct rig rig;
	int fds[4];

	(void)state;
	start_plain(&rig, &limits);
	for (int i = 0; i < 3; i++) {
		fds[i] = dial(&rig.bound[0]);
		say(fds[i], "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
		assert_false(hear(fds[i], text, sizeof(text), 100));
	}
	fds[3] = dial(&rig.bound[0]);
	say(fds[3], "GET /late HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_true(hear(fds[0], text, sizeof(text), 2000));
	say(fds[1], "GET /late HTTP/1.1\r\nHost: a\r\n\r\n");
	say(fds[2], "GET /late HTTP/1.1\r\nHost: a\r\n\r\n");
	usleep(50000);
	close(fds[0]);
	fds[0] = dial(&rig.bound[0]);
	assert_true(hear(fds[0], text, sizeof(text), 200));
	for (int i = 1; i < 4; i++)
		assert_false(hear(fds[i], text, sizeof(text), 600));
	http_counts_read(rig.server, &counts);
	assert_int_equal(counts.refused, 1);
	assert_int_equal(counts.connections, 3);
	assert_int_equal(counts.requests, 6);
	for (int i = 0; i < 4; i++)
		close(fds[i]);
	http_close(rig.server);
}

/* An answer that waits for its time keeps nobody else waiting. */
static void delays_one_alone(void **state)
{
	struct mono begun = mono_now();
	char text[1024];
	struct rig rig;
	int late;
	int other;

	(void)state;
	start_plain(&rig, NULL);
	late = dial(&rig.bound[0]);
	other = dial(&rig.bound[0]);
	begun = mono_now();
	say(late, "GET /late HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
	say(other, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
	assert_true(hear(other, text, sizeof(text), 2000));
	assert_true(mono_ms_between(begun, mono_now()) < 290);
	assert_true(hear(late, text, sizeof(text), 2000));
	assert_true(mono_ms_between(begun, mono_now()) >= 300);
	close(late);
	close(other);
	http_close(rig.server);
}

/* ---------------------------------------------------------------------------- binding */

static void says_why_it_cannot_listen(void **state)
{
	struct http_listener_conf two[2] = { listen_at("127.0.0.1:0", false, "a"),
		                             listen_at("192.0.2.1:0", false, "a") };
	struct http_conf conf = { .listeners = two, .listener_count = 2 };
	struct rig rig;

	(void)state;
	assert_int_equal(http_open(&rig.server, NULL), ERR_OK);
	assert_int_equal(configure(&rig, &conf), ERR_UNREACHABLE);
	assert_non_null(strstr(buf_cstr(&rig.why),
	                       "can't listen on 192.0.2.1:0: this machine has no such address"));
	conf.listener_count = 1;
	assert_int_equal(configure(&rig, &conf), ERR_OK);
	two[0].addr = rig.bound[0];
	two[1] = two[0];
	conf.listener_count = 2;
	assert_int_equal(configure(&rig, &conf), ERR_INUSE);
	assert_non_null(strstr(buf_cstr(&rig.why), "address already in use"));
	two[0].tls = true;
	conf.listener_count = 1;
	assert_int_equal(configure(&rig, &conf), ERR_SYNTAX);
	assert_non_null(strstr(buf_cstr(&rig.why), "no usable certificate"));
	http_close(rig.server);
}

/* A change takes what it needs and drops the rest; who is still there is still answered. */
static void changes_as_a_whole(void **state)
{
	struct http_listener_conf list[2] = { listen_at("127.0.0.1:0", false, "one"),
		                              listen_at("127.0.0.1:0", false, "two") };
	struct http_conf conf = { .listeners = list, .listener_count = 2 };
	struct addr first;
	char text[1024];
	struct rig rig;
	int kept;
	int gone;
	int late;

	(void)state;
	start(&rig, &conf, NULL);
	first = rig.bound[0];
	kept = dial(&rig.bound[0]);
	gone = dial(&rig.bound[1]);
	late = dial(&rig.bound[1]);
	say(late, "GET /late HTTP/1.1\r\nHost: a\r\n\r\n");
	usleep(100000);
	list[0].arg = (void *)(uintptr_t) "other";
	conf.listener_count = 1;
	assert_int_equal(configure(&rig, &conf), ERR_OK);
	assert_true(addr_eq(&first, &rig.bound[0]));
	say(kept, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_false(hear(kept, text, sizeof(text), 200));
	assert_non_null(strstr(text, "other GET / ;"));
	assert_true(hear(gone, text, sizeof(text), 1000));
	assert_true(hear(late, text, sizeof(text), 1000));
	assert_non_null(strstr(text, "two GET /late ;"));
	close(kept);
	close(gone);
	close(late);
	http_close(rig.server);
}

/* ---------------------------------------------------------------------------- TLS */

struct client {
	const struct test_cert *cert; /* NULL: none */
	const struct test_cert *ca;
	const char *host;
	CURL *easy; /* kept */
	char text[4 << 20];
	size_t len;
};

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
	struct client *client = arg;

	if (client->len + size * n >= sizeof(client->text))
		return 0;
	memcpy(client->text + client->len, p, size * n);
	client->len += size * n;
	client->text[client->len] = '\0';
	return size * n;
}

static void set_pem(CURL *easy, CURLoption option, const char *pem)
{
	struct curl_blob blob = { .data = (void *)(uintptr_t)pem,
		                  .len = strlen(pem),
		                  .flags = CURL_BLOB_COPY };

	assert_int_equal(curl_easy_setopt(easy, option, &blob), CURLE_OK);
}

static CURLcode ask(struct client *client, const struct addr *to, const char *path)
{
	char url[200];
	char resolve[200];
	struct curl_slist *list;
	CURLcode code;

	client->len = 0;
	client->text[0] = '\0';
	if (client->easy == NULL)
		client->easy = curl_easy_init();
	(void)snprintf(url, sizeof(url), "https://%s:%u%s", client->host, addr_port(to), path);
	(void)snprintf(resolve, sizeof(resolve), "%s:%u:127.0.0.1", client->host, addr_port(to));
	list = curl_slist_append(NULL, resolve);
	curl_easy_setopt(client->easy, CURLOPT_URL, url);
	curl_easy_setopt(client->easy, CURLOPT_RESOLVE, list);
	curl_easy_setopt(client->easy, CURLOPT_PROXY, "");
	curl_easy_setopt(client->easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(client->easy, CURLOPT_TIMEOUT_MS, 20000L);
	curl_easy_setopt(client->easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(client->easy, CURLOPT_WRITEDATA, client);
	set_pem(client->easy, CURLOPT_CAINFO_BLOB, client->ca->certificate);
	if (client->cert != NULL) {
		set_pem(client->easy, CURLOPT_SSLCERT_BLOB, client->cert->certificate);
		set_pem(client->easy, CURLOPT_SSLKEY_BLOB, client->cert->key);
	}
	code = curl_easy_perform(client->easy);
	curl_slist_free_all(list);
	return code;
}

static void hang_up(struct client *client)
{
	curl_easy_cleanup(client->easy);
	client->easy = NULL;
}

/* Who the other side takes a client for (RFC 5922 7.1). */
static const struct {
	struct test_cert_conf conf;
	bool by_stranger;
	const char *names;
} identities[] = {
	{ { "cn.example", "DNS:b.example,URI:sip:u.example", NULL, 0, 0 }, false, " u.example" },
	{ { "cn.example", "DNS:B.Example,DNS:c.example", NULL, 0, 0 },
	  false,
	  " b.example c.example" },
	{ { "cn.example", NULL, NULL, 0, 0 }, false, " cn.example" },
	{ { "cn.example", "email:a@b.example", NULL, 0, 0 },
	  false,
	  "" }, /* alternatives, and none of use */
	{ { "cn.example", "URI:sip:alice@b.example,DNS:d.example", NULL, 0, 0 },
	  false,
	  " d.example" },
	{ { "cn.example", "URI:https:b.example,DNS:d.example", NULL, 0, 0 }, false, " d.example" },
	{ { "cn.example", "DNS:b.example", "serverAuth", 0, 0 }, false, " b.example" },
	{ { "cn.example", "DNS:b.example", "clientAuth", 0, 0 }, false, " b.example" },
	{ { "cn.example", "DNS:b.example", "codeSigning", 0, 0 }, false, "" },
	{ { "cn.example", "DNS:b.example", NULL, -7200, -3600 }, false, "" }, /* over */
	{ { "cn.example", "DNS:b.example", NULL, 3000, 0 }, false, "" },      /* not yet */
	{ { "cn.example", "DNS:b.example", NULL, 0, 0 }, true, "" },
	{ { "not a domain", NULL, NULL, 0, 0 }, false, "" },
};

static void knows_who_asks(void **state)
{
	const struct test_cert_conf server_conf = { "s", "DNS:s.example", NULL, 0, 0 };
	struct test_cert ca;
	struct test_cert stranger;
	struct test_cert server_cert;
	struct http_listener_conf listener = listen_at("127.0.0.1:0", true, "a");
	struct http_conf conf = { .listeners = &listener, .listener_count = 1 };
	struct client *client = calloc(1, sizeof(*client));
	struct rig rig;

	(void)state;
	test_ca_make(&ca, "authority");
	test_ca_make(&stranger, "authority");
	test_cert_make(&server_cert, &ca, &server_conf);
	conf.certificate = str_from(server_cert.certificate);
	conf.key = str_from(server_cert.key);
	conf.ca = str_from(ca.certificate);
	start(&rig, &conf, NULL);
	client->ca = &ca;
	client->host = "s.example";
	assert_int_equal(ask(client, &rig.bound[0], "/x?y"), CURLE_OK);
	assert_string_equal(client->text, "a GET /x y;");
	hang_up(client);
	for (size_t i = 0; i < sizeof(identities) / sizeof(identities[0]); i++) {
		struct test_cert cert;
		char want[200];

		test_cert_make(&cert, identities[i].by_stranger ? &stranger : &ca,
		               &identities[i].conf);
		client->cert = &cert;
		assert_int_equal(ask(client, &rig.bound[0], "/"), CURLE_OK);
		(void)snprintf(want, sizeof(want), "a GET / ;%s", identities[i].names);
		assert_string_equal(client->text, want);
		hang_up(client);
	}
	free(client);
	http_close(rig.server);
}

/* A new certificate is for those who connect from now on; who is there stays. */
static void changes_certificates(void **state)
{
	const struct test_cert_conf old_conf = { "s", "DNS:old.example", NULL, 0, 0 };
	const struct test_cert_conf new_conf = { "s", "DNS:new.example", NULL, 0, 0 };
	struct test_cert ca;
	struct test_cert before;
	struct test_cert after;
	struct http_listener_conf listener = listen_at("127.0.0.1:0", true, "a");
	struct http_conf conf = { .listeners = &listener, .listener_count = 1 };
	struct client *stays = calloc(1, sizeof(*stays));
	struct client *comes = calloc(1, sizeof(*comes));
	struct http_counts counts;
	struct rig rig;

	(void)state;
	test_ca_make(&ca, "authority");
	test_cert_make(&before, &ca, &old_conf);
	test_cert_make(&after, &ca, &new_conf);
	conf.certificate = str_from(before.certificate);
	conf.key = str_from(before.key);
	conf.ca = str_from(ca.certificate);
	start(&rig, &conf, NULL);
	stays->ca = &ca;
	stays->host = "old.example";
	comes->ca = &ca;
	comes->host = "new.example";
	assert_int_equal(ask(stays, &rig.bound[0], "/big"), CURLE_OK);
	assert_true(stays->len > 2000000);
	assert_int_equal(ask(comes, &rig.bound[0], "/"), CURLE_PEER_FAILED_VERIFICATION);
	conf.key = str_from(after.key);
	assert_int_equal(configure(&rig, &conf), ERR_CERT);
	conf.certificate = str_from(after.certificate);
	assert_int_equal(configure(&rig, &conf), ERR_OK);
	assert_int_equal(ask(stays, &rig.bound[0], "/"), CURLE_OK);
	assert_int_equal(ask(comes, &rig.bound[0], "/"), CURLE_OK);
	http_counts_read(rig.server, &counts);
	assert_int_equal(counts.accepted, 3);
	hang_up(stays);
	hang_up(comes);
	free(stays);
	free(comes);
	http_close(rig.server);
}

/* ---------------------------------------------------------------------------- memory runs out */

static void scenario(void *arg)
{
	struct http_listener_conf listener = listen_at("127.0.0.1:0", true, "a");
	struct http_conf conf = *(const struct http_conf *)arg;
	struct rig rig = { 0 };

	conf.listeners = &listener;
	conf.listener_count = 1;
	if (http_open(&rig.server, NULL) == ERR_OK) {
		if (configure(&rig, &conf) == ERR_OK) {
			char text[256];
			int fd = dial(&rig.bound[0]);

			say(fd, "this is no TLS at all");
			(void)hear(fd, text, sizeof(text), 1000);
			close(fd);
		}
	}
	http_close(rig.server);
}

static void survives_without_memory(void **state)
{
	const struct test_cert_conf server_conf = { "s", "DNS:s.example", NULL, 0, 0 };
	struct test_cert cert;
	struct http_conf conf;

	(void)state;
	test_cert_make(&cert, NULL, &server_conf);
	conf = (struct http_conf){ .certificate = str_from(cert.certificate),
		                   .key = str_from(cert.key),
		                   .ca = str_from(cert.certificate) };
	assert_true(alloc_fail_each(scenario, &conf) > 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_in_order),
		cmocka_unit_test(refuses_and_closes),
		cmocka_unit_test(limits_the_head),
		cmocka_unit_test(ends_slow_ones),
		cmocka_unit_test(makes_room),
		cmocka_unit_test(delays_one_alone),
		cmocka_unit_test(says_why_it_cannot_listen),
		cmocka_unit_test(changes_as_a_whole),
		cmocka_unit_test(knows_who_asks),
		cmocka_unit_test(changes_certificates),
		cmocka_unit_test(survives_without_memory),
	};
	int failed;

	(void)curl_global_init(CURL_GLOBAL_DEFAULT);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	curl_global_cleanup();
	return failed;
}
