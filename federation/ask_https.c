#include "federation/ask_https.h"

#include "base/mem.h"
#include "federation/document.h"
#include "federation/outcome.h"
#include "sip/param.h"

#include <curl/curl.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#define THREADS 2
#define WAIT_MS 1000
#define URL_MAX 8192
#define JUDGE_MAX ((size_t)256 << 10)
/* Connections to one peer, and all of a thread: more questions than that wait, and their time runs. */
#define HOST_CONNECTIONS 32
#define TOTAL_CONNECTIONS 512

struct client {
	struct mailbox mailbox;
	CURLM *multi;
	pthread_t thread;
	bool running;
	bool ending;
	struct post stop;
	const struct fed_self *self;
	struct transfer *transfers;
};

struct fed_https {
	struct fed_self self;
	bool global;
	struct client clients[THREADS];
};

/* A question on the wire. */
struct transfer {
	struct client *client;
	struct fed_fetch *fetch;
	struct transfer *next;
	struct transfer **prev;
	CURL *easy;
	struct curl_slist *headers;
	struct curl_slist *resolve;
	struct buf body;
	struct buf cache_control;
	struct buf date;
	struct buf age;
	struct buf retry_after;
	size_t head_len;
	bool too_long;
	struct mono start;
	char error[CURL_ERROR_SIZE];
};

/* ---------------------------------------------------------------------------- the request */

void fed_write_target(struct str address, struct buf *out)
{
	static const char digits[] = "0123456789ABCDEF";

	buf_z(out, "/.well-known/webfinger?resource=");
	for (size_t i = 0; i < address.len; i++) {
		unsigned char c = (unsigned char)address.p[i];
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		             (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';

		if (plain) {
			buf_char(out, (char)c);
		} else {
			buf_char(out, '%');
			buf_char(out, digits[c >> 4]);
			buf_char(out, digits[c & 15]);
		}
	}
}

static bool add_line(struct curl_slist **list, struct buf *line)
{
	const char *text = buf_cstr(line);
	struct curl_slist *longer = text == NULL ? NULL : curl_slist_append(*list, text);

	if (longer != NULL)
		*list = longer;
	buf_fini(line);
	return longer != NULL;
}

static bool set_headers(struct transfer *t)
{
	const struct fed_fetch *f = t->fetch;
	struct buf line;
	bool good;

	buf_init(&line, URL_MAX);
	buf_z(&line, "Accept: application/jrd+json");
	good = add_line(&t->headers, &line);
	if (f->no_cache) {
		buf_z(&line, "Cache-Control: no-cache");
		good = good && add_line(&t->headers, &line);
	}
	if (f->peer->conf.token.len > 0) {
		buf_z(&line, "Authorization: Bearer ");
		buf_str(&line, f->peer->conf.token);
		good = good && add_line(&t->headers, &line);
	}
	buf_fini(&line);
	return good && curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers) == CURLE_OK;
}

/* "host:port:address,address": libcurl never asks for a name itself. */
static bool set_addresses(struct transfer *t)
{
	const struct fed_fetch *f = t->fetch;
	struct buf line;

	if (f->addr_count == 0)
		return true;
	buf_init(&line, URL_MAX);
	buf_str(&line, f->peer->conf.host);
	buf_printf(&line, ":%u:", f->peer->conf.port);
	for (size_t i = 0; i < f->addr_count; i++) {
		if (i > 0)
			buf_char(&line, ',');
		addr_write_host(&f->addrs[i], true, &line);
	}
	return add_line(&t->resolve, &line) &&
	       curl_easy_setopt(t->easy, CURLOPT_RESOLVE, t->resolve) == CURLE_OK;
}

static bool set_url(struct transfer *t)
{
	struct str origin = t->fetch->peer->conf.url;
	const char *text;
	struct buf url;
	bool good;

	if (origin.len > 0 && origin.p[origin.len - 1] == '/')
		origin.len--;
	buf_init(&url, URL_MAX);
	buf_str(&url, origin);
	fed_write_target(t->fetch->address, &url);
	text = buf_cstr(&url);
	good = text != NULL && curl_easy_setopt(t->easy, CURLOPT_URL, text) == CURLE_OK;
	buf_fini(&url);
	return good;
}

static bool set_blob(CURL *easy, CURLoption option, struct str pem)
{
	struct curl_blob blob = { .data = (void *)(uintptr_t)pem.p,
		                  .len = pem.len,
		                  .flags = CURL_BLOB_NOCOPY };

	return pem.len == 0 || curl_easy_setopt(easy, option, &blob) == CURLE_OK;
}

/* The authorities were read once, with the configuration. */
static CURLcode believe(CURL *easy, void *ssl_ctx, void *arg)
{
	struct transfer *t = arg;

	(void)easy;
	tls_trust_apply(t->fetch->peers->trust, ssl_ctx);
	return CURLE_OK;
}

static bool set_tls(struct transfer *t)
{
	const struct fed_conf *conf = &t->fetch->peers->conf;
	CURL *easy = t->easy;

	return curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) ==
	               CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_CAINFO, NULL) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_CAPATH, NULL) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, believe) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, t) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L) == CURLE_OK &&
	       set_blob(easy, CURLOPT_SSLCERT_BLOB, conf->certificate) &&
	       set_blob(easy, CURLOPT_SSLKEY_BLOB, conf->key);
}

/* ---------------------------------------------------------------------------- the answer */

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;

	buf_bytes(&t->body, p, size * n);
	t->too_long = t->too_long || t->body.err == ERR_LIMIT;
	return t->body.err == ERR_OK ? size * n : 0;
}

static void keep_value(struct buf *out, struct str line, struct str name)
{
	if (!str_starts_nocase(line, name))
		return;
	if (out->len > 0)
		buf_char(out, ',');
	buf_str(out, str_trim(str_from_at(line, name.len)));
}

static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	struct str line = str_of(p, size * n);

	t->head_len += line.len;
	if (t->head_len > FED_HEAD_MAX) {
		t->too_long = true;
		return 0;
	}
	/* A 1xx came before: what it said doesn't count. */
	if (str_starts(line, STR("HTTP/"))) {
		buf_clear(&t->cache_control);
		buf_clear(&t->date);
		buf_clear(&t->age);
		buf_clear(&t->retry_after);
	}
	keep_value(&t->cache_control, line, STR("cache-control:"));
	keep_value(&t->date, line, STR("date:"));
	keep_value(&t->age, line, STR("age:"));
	keep_value(&t->retry_after, line, STR("retry-after:"));
	return line.len;
}

static bool set_callbacks(struct transfer *t)
{
	return curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
	       curl_easy_setopt(t->easy, CURLOPT_WRITEDATA, t) == CURLE_OK &&
	       curl_easy_setopt(t->easy, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK &&
	       curl_easy_setopt(t->easy, CURLOPT_HEADERDATA, t) == CURLE_OK &&
	       curl_easy_setopt(t->easy, CURLOPT_ERRORBUFFER, t->error) == CURLE_OK &&
	       curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t) == CURLE_OK;
}

static bool set_manners(struct transfer *t)
{
	CURL *easy = t->easy;
	long timeout_ms = t->fetch->peer->conf.timeout_ms < 1
	                          ? 1
	                          : (long)t->fetch->peer->conf.timeout_ms;

	return curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout_ms) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, timeout_ms) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https") == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) ==
	               CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_USERAGENT, "Lotse") == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L) == CURLE_OK;
}

/* ---------------------------------------------------------------------------- what came of it */

static void say_transport(const struct transfer *t, CURLcode code, struct buf *out)
{
	const struct fed_peer_conf *conf = &t->fetch->peer->conf;
	const char *detail = t->error[0] == '\0' ? curl_easy_strerror(code) : t->error;
	long number = 0;

	(void)curl_easy_getinfo(t->easy, CURLINFO_OS_ERRNO, &number);
	if (t->too_long) {
		buf_printf(out, "an answer of more than %d KiB",
		           (t->head_len > FED_HEAD_MAX ? FED_HEAD_MAX : FED_DOCUMENT_MAX) / 1024);
	} else if (code == CURLE_OPERATION_TIMEDOUT) {
		buf_printf(out, "timeout after %lld ms", (long long)conf->timeout_ms);
	} else if (code == CURLE_COULDNT_CONNECT) {
		buf_printf(out, "no connection to %.*s:%u: %s", STR_ARG(conf->host), conf->port,
		           number == 0 ? "all addresses failed"
		                       : err_text(err_from_errno((int)number)));
	} else if (code == CURLE_PEER_FAILED_VERIFICATION) {
		buf_printf(out, "certificate not accepted: %s", detail);
	} else {
		buf_z(out, detail);
	}
}

static const struct fed_answer *failed_with(const struct transfer *t, CURLcode code, int64_t ms)
{
	char memory[CURL_ERROR_SIZE + 400];
	struct fed_answer answer = { .outcome = FED_FAILED, .ttl_s = -1, .ms = ms };
	struct buf words;

	buf_wrap(&words, memory, sizeof(memory));
	say_transport(t, code, &words);
	answer.text = buf_view(&words);
	return fed_answer_copy(&answer);
}

static void judge(struct transfer *t, int64_t ms)
{
	struct fed_fetch *f = t->fetch;
	struct fed_http_answer http = { .date = buf_view(&t->date),
		                        .age = buf_view(&t->age),
		                        .cache_control = buf_view(&t->cache_control),
		                        .retry_after = buf_view(&t->retry_after),
		                        .body = buf_view(&t->body),
		                        .now = wall_now() };
	struct fed_judgement judgement;
	struct arena arena;
	long status = 0;

	(void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	http.status = (unsigned)status;
	arena_init(&arena, NULL, 0, JUDGE_MAX);
	fed_judge(&judgement, &http, f->address, f->peers, f->peer, t->client->self, &arena);
	judgement.answer.ms = ms;
	f->answer = fed_answer_copy(&judgement.answer);
	f->fresh_ms = judgement.fresh_ms;
	f->stale_ms = judgement.stale_ms;
	f->retry_s = judgement.retry_s;
	arena_fini(&arena);
}

static void run_done(struct post *post, struct loop *loop)
{
	struct fed_fetch *fetch = container_of(post, struct fed_fetch, post);

	(void)loop;
	fetch->done(fetch);
}

static void hand_back(struct fed_fetch *fetch)
{
	fetch->transfer = NULL;
	fetch->post.run = run_done;
	loop_post(fetch->loop, &fetch->post);
}

static void transfer_free(struct transfer *t)
{
	if (t->prev != NULL) {
		*t->prev = t->next;
		if (t->next != NULL)
			t->next->prev = t->prev;
	}
	if (t->easy != NULL) {
		(void)curl_multi_remove_handle(t->client->multi, t->easy);
		curl_easy_cleanup(t->easy);
	}
	curl_slist_free_all(t->headers);
	curl_slist_free_all(t->resolve);
	buf_fini(&t->body);
	buf_fini(&t->cache_control);
	buf_fini(&t->date);
	buf_fini(&t->age);
	buf_fini(&t->retry_after);
	free(t);
}

static void finish(struct transfer *t, CURLcode code)
{
	int64_t ms = mono_ms_between(t->start, mono_now());
	struct fed_fetch *fetch = t->fetch;

	if (code == CURLE_OK)
		judge(t, ms);
	else
		fetch->answer = failed_with(t, code, ms);
	transfer_free(t);
	hand_back(fetch);
}

/* ---------------------------------------------------------------------------- the thread */

static struct transfer *transfer_new(struct client *client, struct fed_fetch *fetch)
{
	struct transfer *t = mem_zero(sizeof(*t));

	if (t == NULL)
		return NULL;
	t->client = client;
	t->fetch = fetch;
	t->start = mono_now();
	buf_init(&t->body, FED_DOCUMENT_MAX);
	buf_init(&t->cache_control, FED_HEAD_MAX);
	buf_init(&t->date, FED_HEAD_MAX);
	buf_init(&t->age, FED_HEAD_MAX);
	buf_init(&t->retry_after, FED_HEAD_MAX);
	t->next = client->transfers;
	t->prev = &client->transfers;
	if (t->next != NULL)
		t->next->prev = &t->next;
	client->transfers = t;
	return t;
}

static void start(struct post *post, struct client *client)
{
	struct fed_fetch *fetch = container_of(post, struct fed_fetch, post);
	struct transfer *t = transfer_new(client, fetch);

	fetch->transfer = t;
	if (t != NULL && (t->easy = curl_easy_init()) != NULL && set_callbacks(t) && set_url(t) &&
	    set_headers(t) && set_addresses(t) && set_tls(t) && set_manners(t) &&
	    curl_multi_add_handle(client->multi, t->easy) == CURLM_OK)
		return;
	if (t != NULL)
		transfer_free(t);
	fetch->answer = fed_answer_failed(STR("the question could not be put: out of memory"));
	hand_back(fetch);
}

static void take_posts(struct client *client)
{
	uint64_t rings;
	struct post *next;

	(void)!read(client->mailbox.wake_fd, &rings, sizeof(rings));
	for (struct post *p = mailbox_take(&client->mailbox); p != NULL; p = next) {
		next = p->next;
		if (p == &client->stop)
			client->ending = true;
		else
			start(p, client);
	}
}

static void take_ended(struct client *client)
{
	CURLMsg *msg;
	int left;

	while ((msg = curl_multi_info_read(client->multi, &left)) != NULL) {
		CURLcode code = msg->data.result;
		struct transfer *t = NULL;

		if (msg->msg != CURLMSG_DONE)
			continue;
		(void)curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&t);
		finish(t, code);
	}
}

static void *run_client(void *arg)
{
	struct client *client = arg;
	struct curl_waitfd bell = { .fd = client->mailbox.wake_fd, .events = CURL_WAIT_POLLIN };
	struct transfer *next;
	int running;

	(void)pthread_setname_np(pthread_self(), "https");
	while (!client->ending) {
		(void)curl_multi_perform(client->multi, &running);
		take_ended(client);
		(void)curl_multi_poll(client->multi, &bell, 1, WAIT_MS, NULL);
		take_posts(client);
	}
	for (struct transfer *t = client->transfers; t != NULL; t = next) {
		next = t->next;
		transfer_free(t);
	}
	return NULL;
}

static enum err client_open(struct client *client, const struct fed_self *self)
{
	sigset_t all;
	sigset_t before;
	enum err e;

	client->self = self;
	if ((e = mailbox_init(&client->mailbox)) != ERR_OK)
		return e;
	client->multi = curl_multi_init();
	if (client->multi == NULL)
		return ERR_NOMEM;
	(void)curl_multi_setopt(client->multi, CURLMOPT_MAX_HOST_CONNECTIONS,
	                        (long)HOST_CONNECTIONS);
	(void)curl_multi_setopt(client->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS,
	                        (long)TOTAL_CONNECTIONS);
	(void)curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, (long)TOTAL_CONNECTIONS);
	/* Signals are for the main thread. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	client->running = pthread_create(&client->thread, NULL, run_client, client) == 0;
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return client->running ? ERR_OK : ERR_SYSTEM;
}

static void client_close(struct client *client)
{
	if (client->running) {
		mailbox_post(&client->mailbox, &client->stop);
		must(pthread_join(client->thread, NULL) == 0);
	}
	if (client->multi != NULL)
		(void)curl_multi_cleanup(client->multi);
	mailbox_fini(&client->mailbox);
}

enum err fed_https_open(struct fed_https **out, const struct fed_self *self)
{
	struct fed_https *https = mem_zero(sizeof(*https));
	enum err e = ERR_SYSTEM;

	if (https == NULL)
		return ERR_NOMEM;
	https->self = *self;
	for (size_t i = 0; i < THREADS; i++)
		https->clients[i].mailbox.wake_fd = -1;
	https->global = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
	if (!https->global)
		goto fail;
	for (size_t i = 0; i < THREADS; i++) {
		if ((e = client_open(&https->clients[i], &https->self)) != ERR_OK)
			goto fail;
	}
	*out = https;
	return ERR_OK;
fail:
	fed_https_close(https);
	return e;
}

void fed_https_close(struct fed_https *https)
{
	if (https == NULL)
		return;
	for (size_t i = 0; i < THREADS; i++)
		client_close(&https->clients[i]);
	if (https->global)
		curl_global_cleanup();
	free(https);
}

void fed_https_ask(struct fed_https *https, struct fed_fetch *fetch)
{
	fetch->answer = NULL;
	fetch->fresh_ms = 0;
	fetch->stale_ms = 0;
	fetch->retry_s = 0;
	mailbox_post(&https->clients[fetch->peer->index % THREADS].mailbox, &fetch->post);
}
