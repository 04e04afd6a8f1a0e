#include "gateway/ua_auth.h"

#define STALE_SHIFT 16 /* answered: the bits above say that a stale nonce was renewed */

static struct str challenge_text(const struct ua_challenge *c)
{
	return str_of(c->value, c->len);
}

/* The place of a realm: where it is known already, else a new one, else that of the oldest. */
static size_t place_of(struct ua_auth *auth, enum sip_header_id answer, struct str realm)
{
	struct sip_challenge known;

	for (size_t i = 0; i < auth->count; i++) {
		if (auth->challenges[i].answer == answer &&
		    sip_challenge_parse(&known, challenge_text(&auth->challenges[i])) == ERR_OK &&
		    str_eq(known.realm, realm))
			return i;
	}
	return auth->count < UA_REALMS_MAX ? auth->count++ : 0;
}

/* The value that `chosen` was parsed from. */
static struct str value_of(const struct sip_msg *response, enum sip_header_id id,
                           const struct sip_challenge *chosen)
{
	for (const struct sip_header *h = sip_header_first(response, id); h != NULL;
	     h = sip_header_next(response, h)) {
		if (chosen->nonce.p >= h->value.p && chosen->nonce.p < h->value.p + h->value.len)
			return h->value;
	}
	return STR_NONE;
}

bool ua_auth_learn(struct ua_auth *auth, const struct sip_msg *response, ua_answered *answered)
{
	bool proxy = response->status == 407;
	enum sip_header_id asked = proxy ? SIP_H_PROXY_AUTHENTICATE : SIP_H_WWW_AUTHENTICATE;
	enum sip_header_id answer = proxy ? SIP_H_PROXY_AUTHORIZATION : SIP_H_AUTHORIZATION;
	struct sip_challenge chosen;
	struct str value;
	ua_answered bit;
	size_t at;

	if (auth->name.len == 0 || sip_challenge_pick(&chosen, response, asked) != ERR_OK)
		return false;
	value = value_of(response, asked, &chosen);
	if (value.len == 0 || value.len > UA_CHALLENGE_MAX)
		return false;
	at = place_of(auth, answer, chosen.realm);
	bit = 1U << at;
	if ((*answered & bit) != 0) {
		if (!chosen.stale || (*answered & bit << STALE_SHIFT) != 0)
			return false;
		bit <<= STALE_SHIFT;
	}
	*answered |= bit;
	auth->challenges[at] = (struct ua_challenge){ .answer = answer, .len = value.len };
	memcpy(auth->challenges[at].value, value.p, value.len);
	return true;
}

static enum err write_one(const struct ua_auth *auth, struct ua_challenge *c,
                          struct sip_answer *answer, struct buf *out)
{
	struct sip_challenge challenge;
	unsigned char random[8];
	char hex[2 * sizeof(random)];
	struct buf cnonce;
	enum err e;

	if ((e = sip_challenge_parse(&challenge, challenge_text(c))) != ERR_OK ||
	    (e = crypto_random(random, sizeof(random))) != ERR_OK)
		return e;
	buf_wrap(&cnonce, hex, sizeof(hex));
	crypto_hex(random, sizeof(random), &cnonce);
	answer->user = auth->name;
	answer->password = auth->password;
	answer->cnonce = buf_view(&cnonce);
	answer->nc = ++c->uses;
	buf_str(out, sip_header_name(c->answer));
	buf_z(out, ": ");
	e = sip_answer_write(out, &challenge, answer);
	buf_z(out, "\r\n");
	return e;
}

enum err ua_auth_write(struct ua_auth *auth, struct str method, struct str uri, struct str body,
                       struct buf *out)
{
	struct sip_answer answer = { .method = method, .uri = uri, .body = body };
	enum err e = ERR_OK;

	for (size_t i = 0; i < auth->count && e == ERR_OK; i++)
		e = write_one(auth, &auth->challenges[i], &answer, out);
	return e;
}
