#include "federation/document.h"
#include "federation/house.h"
#include "federation/query.h"
#include "federation/seal.h"

#include "base/crypto.h"
#include "sip/uri.h"

#define PATH "/.well-known/webfinger"
#define HOPS_MAX 10
#define NOBODY_AFTER_MS 3 /* whatever the reason, a 404 takes as long */
#define LOOKUP_MAX ((size_t)1 << 20)
#define INGRESS_EXPIRES_S 3600

/* A question on its way through the steps. */
struct answering {
	struct federation *fed;
	struct fed_peers *peers;
	const struct fed_peer *peer;
	const struct fed_request *request;
	struct fed_reply *reply;
	struct reg_reader *reader;
	struct fed_query query;
	struct wall now;
	struct arena arena;
	struct fed_document doc;
	struct buf print; /* what the ETag is made of */
};

/* ---------------------------------------------------------------------------- replies */

static void refuse(struct answering *a, unsigned status, const char *title, const char *headers)
{
	struct fed_reply *reply = a->reply;

	reply->status = status;
	buf_z(&reply->headers,
	      "Content-Type: application/problem+json\r\nCache-Control: no-store\r\n");
	buf_z(&reply->headers, headers);
	buf_printf(&reply->body, "{\"title\":\"%s\",\"status\":%u}\n", title, status);
}

/* Nobody of that name, or not yours to know: nothing tells which. */
static void answer_nobody(struct answering *a)
{
	a->reply->status = 404;
	a->reply->not_before_ms = NOBODY_AFTER_MS;
	buf_z(&a->reply->headers, "Content-Type: application/problem+json\r\n"
	                          "Cache-Control: private, max-age=10\r\n");
	buf_z(&a->reply->body, "{\"title\":\"Nobody of that name\",\"status\":404}\n");
}

static void answer_later(struct answering *a)
{
	refuse(a, 503, "The location store can't be read now", "Retry-After: 5\r\n");
}

static void write_etag(const struct answering *a, struct buf *out)
{
	unsigned char digest[CRYPTO_DIGEST_MAX] = { 0 };
	struct str parts[] = { buf_view(&a->print) };

	(void)crypto_digest(CRYPTO_DIGEST_SHA256, parts, 1, '\0', digest);
	buf_char(out, '"');
	crypto_base64url(str_of((const char *)digest, 12), out);
	buf_char(out, '"');
}

/* If-None-Match: a list of tags, weak ones too, or * (RFC 9110 13.1.2). */
static bool is_known(struct str list, struct str etag)
{
	while (list.len > 0) {
		struct str tag = str_trim(str_cut(&list, ','));

		if (str_starts(tag, STR("W/")))
			tag = str_from_at(tag, 2);
		if (str_eq(tag, etag) || str_eq(tag, STR("*")))
			return true;
	}
	return false;
}

static void answer_document(struct answering *a, int64_t max_age_s, bool stale_if_error)
{
	struct fed_reply *reply = a->reply;
	char memory[64];
	struct buf etag;

	if (a->print.err != ERR_OK) {
		answer_later(a);
		return;
	}
	buf_wrap(&etag, memory, sizeof(memory));
	write_etag(a, &etag);
	reply->status = is_known(a->request->if_none_match, buf_view(&etag)) ? 304 : 200;
	if (reply->status == 200) {
		buf_z(&reply->headers, "Content-Type: application/jrd+json\r\n");
		if (fed_document_write(&a->doc, &reply->body) != ERR_OK) {
			buf_clear(&reply->headers);
			buf_clear(&reply->body);
			answer_later(a);
			return;
		}
	}
	buf_printf(&reply->headers, "Cache-Control: private, max-age=%lld%s\r\nETag: %.*s\r\n",
	           (long long)max_age_s, stale_if_error ? ", stale-if-error=86400" : "",
	           STR_ARG(buf_view(&etag)));
}

/* ---------------------------------------------------------------------------- what is said */

static void add(struct answering *a, const struct fed_link *link, int64_t mark)
{
	fed_document_add(&a->doc, link);
	buf_printf(&a->print, "%u %u %lld ", link->ingress, link->q, (long long)mark);
	buf_str(&a->print, link->methods);
}

static void add_ingress(struct answering *a)
{
	const struct fed_conf *conf = &a->peers->conf;

	if (!a->query.want_ingress)
		return;
	for (size_t i = 0; i < conf->ingress_count; i++) {
		struct fed_link link = { .ingress = true,
			                 .has_expires = true,
			                 .expires_s = INGRESS_EXPIRES_S,
			                 .href = conf->ingress[i],
			                 .q = 1000 };

		add(a, &link, INGRESS_EXPIRES_S);
		buf_str(&a->print, link.href);
	}
}

/* The URI of a binding as others see it: at our edge, sealed. */
static bool seal_binding(struct answering *a, struct str aor, const struct reg_binding *binding,
                         struct str *href)
{
	char memory[FED_URI_MAX];
	struct buf uri;

	buf_wrap(&uri, memory, sizeof(memory));
	buf_z(&uri, "sip:");
	if (fed_seal(a->fed->seal_key, aor, binding->uri, binding->expires, &uri) != ERR_OK)
		return false;
	buf_char(&uri, '@');
	buf_str(&uri, a->peers->conf.edge);
	return uri.err == ERR_OK && arena_str(&a->arena, buf_view(&uri), href) == ERR_OK;
}

/* Whole seconds, rounded down: what is sealed must not end before what is said. */
static int64_t seconds_until(struct wall now, struct wall end)
{
	return (end.ms - now.ms) / 1000;
}

/* Add the bindings that can be told; how many seconds until the first of them ends, `otherwise` where there is none. */
static int64_t add_bindings(struct answering *a, struct str aor,
                            const struct reg_bindings *bindings, int64_t otherwise)
{
	int64_t least = otherwise;

	for (size_t i = 0; i < bindings->count; i++) {
		const struct reg_binding *b = &bindings->items[i];
		int64_t left = seconds_until(a->now, b->expires);
		struct fed_link link = { .has_expires = true,
			                 .expires_s = (uint32_t)left,
			                 .q = b->q,
			                 .methods = b->methods };

		if (left < 1 || !seal_binding(a, aor, b, &link.href))
			continue;
		add(a, &link, b->expires.ms);
		buf_str(&a->print, b->uri);
		least = left < least ? left : least;
	}
	return least;
}

static void answer_bindings(struct answering *a, struct str aor,
                            const struct reg_bindings *bindings)
{
	int64_t least = FED_CONTACT_FRESH_S;

	if (a->query.want_contact && a->peers->conf.edge.len > 0)
		least = add_bindings(a, aor, bindings, least);
	add_ingress(a);
	answer_document(a, least, false);
}

/* Level contact: what the registrar knows. */
static void answer_contacts(struct answering *a)
{
	char memory[REG_AOR_MAX + 1];
	struct str aor = a->query.address;
	struct reg_bindings bindings = { 0 };
	enum reg_known known = REG_NOBODY;
	const struct fed_self *self = &a->fed->env.self;
	struct buf of_number;

	buf_wrap(&of_number, memory, sizeof(memory));
	if (a->query.kind == FED_RESOURCE_NUMBER) {
		if (self->number_aor == NULL ||
		    !self->number_aor(self->arg, a->query.number, &of_number)) {
			answer_nobody(a);
			return;
		}
		aor = buf_view(&of_number);
	}
	if (aor.len > REG_AOR_MAX) {
		answer_nobody(a);
	} else if (a->reader == NULL ||
	           reg_lookup(a->reader, aor, a->now, &a->arena, &known, &bindings) != ERR_OK) {
		answer_later(a);
	} else if (known == REG_NOBODY) {
		answer_nobody(a);
	} else if (known == REG_ABSENT || bindings.count == 0) {
		answer_document(a, FED_ABSENT_FRESH_S, false);
	} else {
		answer_bindings(a, aor, &bindings);
	}
}

/* Level ingress: the same for every name, there or not. */
static void answer_ingress(struct answering *a)
{
	if (a->peers->conf.ingress_count == 0) {
		answer_nobody(a);
		return;
	}
	add_ingress(a);
	answer_document(a, FED_INGRESS_FRESH_S, true);
}

static void answer_by_level(struct answering *a)
{
	a->doc.subject = a->query.address;
	buf_str(&a->print, a->query.address);
	switch (a->peer->conf.reveal) {
	case FED_REVEAL_CONTACT:
		answer_contacts(a);
		break;
	case FED_REVEAL_INGRESS:
		answer_ingress(a);
		break;
	case FED_REVEAL_NOTHING:
		answer_nobody(a);
		break;
	}
}

/* ---------------------------------------------------------------------------- who asks what */

static bool is_ours(const struct answering *a)
{
	const struct fed_self *self = &a->fed->env.self;

	if (a->query.kind == FED_RESOURCE_NUMBER)
		return a->query.number.len > 0 && self->is_own_number(self->arg, a->query.number);
	return !a->query.port && self->is_own_domain(self->arg, a->query.host);
}

/* Did the question pass us before (RFC 9110 7.6.3)? The name that we go by is our domain, or the host of our edge. */
static bool is_loop(const struct answering *a)
{
	const struct fed_self *self = &a->fed->env.self;
	struct str edge = a->peers->conf.edge;
	struct str via = a->request->via;
	size_t hops = 0;

	edge = str_head(edge, str_find(edge, ';'));
	edge = str_head(edge, str_find(edge, ':'));
	while (via.len > 0) {
		struct str entry = str_trim(str_cut(&via, ','));
		struct str by;

		(void)str_cut(&entry, ' '); /* the protocol */
		by = str_cut(&entry, ' ');
		by = str_head(by, str_find(by, ':'));
		if (++hops > HOPS_MAX || self->is_own_domain(self->arg, by) ||
		    (edge.len > 0 && str_eq_nocase(by, edge)))
			return true;
	}
	return false;
}

static void answer_question(struct answering *a)
{
	const char *why;
	bool contradiction;

	/* 1. Who asks comes first: a stranger learns nothing, not even whether his question was a good one. */
	a->peer = fed_peer_who(a->peers, a->request, &contradiction);
	if (contradiction)
		refuse(a, 403, "Certificate and token are of two different peers", "");
	else if (a->peer == NULL)
		refuse(a, 401, "Who asks is not known",
		       "WWW-Authenticate: Bearer realm=\"lotse\"\r\n");
	/* 2. Then the question itself. */
	else if (is_loop(a))
		refuse(a, 508, "A loop of look-ups", "");
	else if (fed_query_parse(&a->query, a->request->query, &why) != ERR_OK)
		refuse(a, 400, why, "");
	/* 3. Is it for us? */
	else if (!is_ours(a))
		refuse(a, 421, "Not my domain or number", "");
	/* 4. What he may learn. */
	else
		answer_by_level(a);
}

static void answer_method(struct answering *a)
{
	const struct fed_request *r = a->request;

	if (!str_eq(r->path, STR(PATH)))
		refuse(a, 404, "No such page", "");
	else if (!str_eq(r->method, STR("GET")) && !str_eq(r->method, STR("HEAD")))
		refuse(a, 405, "Only GET and HEAD", "Allow: GET, HEAD\r\n");
	else if (a->peers == NULL)
		answer_later(a);
	else
		answer_question(a);
}

static void count(const struct answering *a)
{
	unsigned status = a->reply->status;
	bool told = status == 200 || status == 304 || status == 404;

	if (a->peer != NULL)
		(void)atomic_fetch_add_explicit(told ? &a->peer->tally->answered
		                                     : &a->peer->tally->refused,
		                                1, memory_order_relaxed);
}

void federation_answer(struct federation *fed, struct reg_reader *reader,
                       const struct fed_request *request, struct fed_reply *reply)
{
	struct answering a = { .fed = fed,
		               .peers = fed_peers_now(fed),
		               .request = request,
		               .reply = reply,
		               .reader = reader,
		               .now = wall_now() };

	*reply = (struct fed_reply){ .status = 500 };
	buf_init(&reply->headers, 4096);
	buf_init(&reply->body, 4 * FED_DOCUMENT_MAX);
	buf_init(&a.print, 4 * FED_DOCUMENT_MAX);
	arena_init(&a.arena, NULL, 0, LOOKUP_MAX);
	answer_method(&a);
	count(&a);
	arena_fini(&a.arena);
	buf_fini(&a.print);
	fed_peers_unref(a.peers);
}

/* A list header may come in several lines (RFC 9110 5.2). */
static void join_field(const struct http_head *head, struct str name, struct buf *out)
{
	for (size_t i = 0; i < head->field_count; i++) {
		if (!str_eq_nocase(head->fields[i].name, name))
			continue;
		if (out->len > 0)
			buf_char(out, ',');
		buf_str(out, head->fields[i].value);
	}
}

void federation_serve(struct federation *fed, struct reg_reader *reader,
                      const struct http_request *request, struct http_reply *reply)
{
	const struct http_head *head = request->head;
	struct fed_request question = {
		.method = head->method,
		.path = head->path,
		.query = head->query,
		.authorization = http_head_field(head, STR("authorization")),
		.if_none_match = http_head_field(head, STR("if-none-match")),
		.names = request->names,
		.name_count = request->name_count,
		.remote = request->remote
	};
	struct fed_reply answer;
	struct buf via;

	buf_init(&via, HTTP_HEAD_MAX);
	join_field(head, STR("via"), &via);
	question.via = buf_view(&via);
	federation_answer(fed, reader, &question, &answer);
	reply->status = answer.status;
	reply->not_before_ms = answer.not_before_ms;
	buf_str(&reply->headers, buf_view(&answer.headers));
	buf_str(&reply->body, buf_view(&answer.body));
	/* Half an answer is none: the server hangs up. */
	if (answer.headers.err != ERR_OK || answer.body.err != ERR_OK || via.err != ERR_OK)
		reply->headers.err = ERR_NOMEM;
	buf_fini(&answer.headers);
	buf_fini(&answer.body);
	buf_fini(&via);
}
