#include "gateway/auth.h"

#include "base/mem.h"
#include "sip/digest.h"
#include "sip/nonce.h"

/* HA1 values of nobody: checked where there is no account, so that it takes as long. */
#define NOBODY_MD5 "00000000000000000000000000000000"
#define NOBODY_SHA256 NOBODY_MD5 NOBODY_MD5

/* One check under way; it belongs to the request's worker, and travels to the nonce's home and back. */
struct check {
	struct post post;
	struct request *request;
	struct worker *asker;
	struct worker *home;
	auth_done_fn done;
	uint32_t nc;
	struct wall issued;
	struct wall now;
	int64_t lifetime_ms;
	enum nonce_use use;
	size_t nonce_len;
	char nonce[SIP_NONCE_TEXT];
};

static void finish(struct request *r, auth_done_fn done, enum auth_verdict verdict)
{
	if (r->server != NULL && !r->cancelled)
		done(r, verdict);
	request_maybe_free(r);
}

/* ---------------------------------------------------------------------------- the nonce's home */

static void count_nonce(struct check *c)
{
	c->use = nonce_counts_use(c->home->nonces, str_of(c->nonce, c->nonce_len), c->nc, c->issued,
	                          c->now, c->lifetime_ms);
}

static void back_again(struct post *post, struct loop *loop)
{
	struct check *c = container_of(post, struct check, post);
	struct request *r = c->request;
	auth_done_fn done = c->done;
	enum nonce_use use = c->use;

	(void)loop;
	free(c);
	r->waiting--;
	/* A replayed count is no proof of anything; asking again with a fresh nonce costs an honest client one round trip. */
	finish(r, done, use == NONCE_FIRST ? AUTH_GOOD : AUTH_STALE);
}

static void at_home(struct post *post, struct loop *loop)
{
	struct check *c = container_of(post, struct check, post);

	(void)loop;
	count_nonce(c);
	c->post.run = back_again;
	loop_post(c->asker->loop, &c->post);
}

static void ask_home(struct request *r, const struct sip_credentials *credentials,
                     struct wall issued, struct wall now, auth_done_fn done)
{
	struct check *c = mem_zero(sizeof(*c));

	if (c == NULL) {
		finish(r, done, AUTH_FAILED);
		return;
	}
	*c = (struct check){ .post.run = at_home,
		             .request = r,
		             .asker = r->worker,
		             .done = done,
		             .nc = credentials->has_nc ? credentials->nc : 0,
		             .issued = issued,
		             .now = now,
		             .lifetime_ms = r->snapshot->conf->auth.nonce_lifetime_ms,
		             .nonce_len = credentials->nonce.len };
	c->home = gateway_home(r->worker->gateway, credentials->nonce);
	memcpy(c->nonce, credentials->nonce.p, credentials->nonce.len);
	r->waiting++;
	if (c->home == r->worker) {
		count_nonce(c);
		back_again(&c->post, r->worker->loop);
		return;
	}
	loop_post(c->home->loop, &c->post);
}

/* ---------------------------------------------------------------------------- the arithmetic */

struct claim {
	struct sip_credentials credentials;
	struct str realm;
	struct reg_account account; /* address empty: nobody */
	struct wall issued;
	enum sip_nonce_verdict nonce;
	bool right;
};

static struct str write_address(struct request *r, struct str username, struct str host)
{
	char text[REG_USER_MAX];
	struct buf b;
	struct str kept;

	buf_wrap(&b, text, sizeof(text));
	sip_unquote(username, &b);
	if (b.err == ERR_OK && str_find(buf_view(&b), '@') == b.len) {
		buf_char(&b, '@');
		buf_str(&b, host);
	}
	return b.err == ERR_OK && arena_str(&r->arena, buf_view(&b), &kept) == ERR_OK ? kept
	                                                                              : STR_NONE;
}

static struct str key_of(const struct worker *w)
{
	return str_of((const char *)w->gateway->keys.nonce, REG_SECRET);
}

static struct str ha1_of(const struct claim *c)
{
	bool md5 = sip_digest_hash(c->credentials.algorithm) == CRYPTO_DIGEST_MD5;

	if (c->account.address.len == 0)
		return md5 ? STR(NOBODY_MD5) : STR(NOBODY_SHA256);
	return md5 ? c->account.md5 : c->account.sha256;
}

static bool offers(const struct conf *conf, enum sip_digest algorithm)
{
	enum conf_algorithm wanted = CONF_ALGORITHM_MD5;

	if (algorithm == SIP_DIGEST_SHA256 || algorithm == SIP_DIGEST_SHA256_SESS)
		wanted = CONF_ALGORITHM_SHA256;
	else if (algorithm != SIP_DIGEST_MD5 && algorithm != SIP_DIGEST_MD5_SESS)
		return false;
	for (size_t i = 0; i < conf->auth.algorithm_count; i++) {
		if (conf->auth.algorithms[i] == (int)wanted)
			return true;
	}
	return false;
}

/* The account was made for another realm than the one in force: its HA1 can't be right, and the operator should know. */
static void warn_realm(struct request *r, const struct claim *c)
{
	LOG_EVENT(worker_log(r->worker), LOG_WARN, "account_realm",
	          LOG_S("account", c->account.address), LOG_S("realm", c->account.realm),
	          LOG_S("now", c->realm), LOG_Z("do", "set its password anew: lotse user passwd"));
}

static enum err prove(struct request *r, struct claim *c, struct str host)
{
	struct str address = write_address(r, c->credentials.username, host);
	enum err e = ERR_NOTFOUND;

	if (address.len > 0)
		e = reg_account_find(r->worker->reader, address, &r->arena, &c->account);
	if (e == ERR_NOTFOUND)
		c->account = (struct reg_account){ 0 };
	else if (e != ERR_OK)
		return e;
	c->right = sip_digest_verify(&c->credentials, ha1_of(c), r->msg) &&
	           c->account.address.len > 0;
	if (!c->right && c->account.address.len > 0 && !str_eq(c->account.realm, c->realm))
		warn_realm(r, c);
	return ERR_OK;
}

/* 22.4: the digest's uri is the Request-URI; phones and testers write it in other forms, so what counts is that it parses: the response covers what it
 * says, and the nonce ties it to this realm and time. */

static bool is_limited(struct request *r, struct str address, struct mono now)
{
	struct limit *l = r->worker->gateway->logins;
	struct conf_rate rate = r->snapshot->conf->limits.failed_logins;

	return !limit_would_take(l, limit_key_addr(l, &r->flow->remote), rate, now) ||
	       (address.len > 0 && !limit_would_take(l, limit_key_str(l, address), rate, now));
}

static void count_failure(struct request *r, const struct claim *c)
{
	struct limit *l = r->worker->gateway->logins;
	struct conf_rate rate = r->snapshot->conf->limits.failed_logins;
	struct mono now = loop_now(r->worker->loop);

	(void)limit_take(l, limit_key_addr(l, &r->flow->remote), rate, now);
	if (c->account.address.len > 0)
		(void)limit_take(l, limit_key_str(l, c->account.address), rate, now);
	meters_count(&r->worker->meters, M_LOGINS_FAILED);
}

/* The credentials of this realm whose algorithm we offer. */
static enum err find_credentials(struct request *r, enum sip_header_id id, struct claim *c)
{
	const struct sip_header *at = NULL;
	enum err e;

	while ((e = sip_credentials_next(&c->credentials, r->msg, id, c->realm, &at)) == ERR_OK) {
		if (offers(r->snapshot->conf, c->credentials.algorithm))
			return ERR_OK;
	}
	return e;
}

static void judge(struct request *r, struct claim *c, struct wall now, auth_done_fn done)
{
	if (!c->right) {
		count_failure(r, c);
		finish(r, done, AUTH_NONE);
		return;
	}
	if (c->nonce == SIP_NONCE_STALE) {
		finish(r, done, AUTH_STALE);
		return;
	}
	if (c->account.disabled) {
		finish(r, done, AUTH_DISABLED);
		return;
	}
	r->account = c->account.address;
	r->realm = c->realm;
	ask_home(r, &c->credentials, c->issued, now, done);
}

void auth_check(struct request *r, enum sip_header_id id, const struct conf_domain *domain,
                struct str host, auth_done_fn done)
{
	struct claim c = { .realm = conf_realm(r->snapshot->conf, domain, host) };
	struct wall now = wall_now();
	enum err e = find_credentials(r, id, &c);

	if (e != ERR_OK) {
		finish(r, done, e == ERR_NOTFOUND ? AUTH_NONE : AUTH_MALFORMED);
		return;
	}
	c.nonce = sip_nonce_check(c.credentials.nonce, key_of(r->worker), c.realm, now,
	                          r->snapshot->conf->auth.nonce_lifetime_ms, &c.issued);
	if (c.nonce == SIP_NONCE_FORGED) {
		finish(r, done, AUTH_NONE);
		return;
	}
	if (is_limited(r, write_address(r, c.credentials.username, host),
	               loop_now(r->worker->loop))) {
		finish(r, done, AUTH_LIMITED);
		return;
	}
	if (prove(r, &c, host) != ERR_OK) {
		finish(r, done, AUTH_FAILED);
		return;
	}
	judge(r, &c, now, done);
}

/* ---------------------------------------------------------------------------- challenges */

struct challenge {
	struct request *request;
	enum sip_header_id field;
	struct str realm;
	bool stale;
};

static void write_challenges(void *arg, struct buf *out)
{
	const struct challenge *c = arg;
	struct worker *w = c->request->worker;
	const struct conf_auth *auth = &c->request->snapshot->conf->auth;
	char text[SIP_NONCE_TEXT];
	struct buf nonce;

	buf_wrap(&nonce, text, sizeof(text));
	if (sip_nonce_make(&nonce, key_of(w), c->realm, wall_now(), worker_unique(w)) != ERR_OK) {
		out->err = ERR_NOMEM;
		return;
	}
	for (size_t i = 0; i < auth->algorithm_count; i++) {
		buf_str(out, sip_header_name(c->field));
		buf_z(out, ": ");
		sip_challenge_write(out, c->realm, buf_view(&nonce),
		                    auth->algorithms[i] == CONF_ALGORITHM_MD5 ? SIP_DIGEST_MD5
		                                                              : SIP_DIGEST_SHA256,
		                    c->stale);
		buf_z(out, "\r\n");
	}
}

void auth_challenge(struct request *r, enum sip_header_id id, const struct conf_domain *domain,
                    struct str host, bool stale)
{
	bool proxy = id == SIP_H_PROXY_AUTHORIZATION;
	struct challenge c = { r, proxy ? SIP_H_PROXY_AUTHENTICATE : SIP_H_WWW_AUTHENTICATE,
		               conf_realm(r->snapshot->conf, domain, host), stale };

	meters_count(&r->worker->meters, M_CHALLENGES);
	request_reply_with(r, proxy ? 407 : 401, NULL, write_challenges, &c);
}
