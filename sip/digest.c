#include "sip/digest.h"

#include "base/mem.h"
#include "sip/param.h"

struct digest_row {
	struct str name;
	enum crypto_digest hash;
	bool sess;
};

static const struct digest_row digests[SIP_DIGEST_COUNT] = {
#define X(id, name, hash, sess) [SIP_DIGEST_##id] = { STR_INIT(name), CRYPTO_DIGEST_##hash, sess },
	SIP_DIGEST_TABLE(X)
#undef X
};

enum sip_digest sip_digest_id(struct str name)
{
	if (name.len == 0)
		return SIP_DIGEST_MD5;
	for (unsigned i = SIP_DIGEST_OTHER + 1; i < SIP_DIGEST_COUNT; i++) {
		if (str_eq_nocase(digests[i].name, name))
			return (enum sip_digest)i;
	}
	return SIP_DIGEST_OTHER;
}

struct str sip_digest_name(enum sip_digest algorithm)
{
	return digests[algorithm].name;
}

enum crypto_digest sip_digest_hash(enum sip_digest algorithm)
{
	return digests[algorithm].hash;
}

/* The hash of the parts joined with colons, in hex. */
static bool hash_hex(enum sip_digest algorithm, const struct str *parts, size_t count,
                     char separator, struct sip_hex *out)
{
	unsigned char digest[CRYPTO_DIGEST_MAX];
	size_t len = algorithm == SIP_DIGEST_OTHER ? 0
	                                           : crypto_digest(digests[algorithm].hash, parts,
	                                                           count, separator, digest);
	struct buf text;

	if (len == 0 || 2 * len >= sizeof(out->text))
		return false;
	buf_wrap(&text, out->text, sizeof(out->text));
	crypto_hex(digest, len, &text);
	out->len = (uint8_t)text.len;
	out->text[text.len] = '\0';
	return true;
}

bool sip_digest_ha1(enum sip_digest algorithm, struct str user, struct str realm,
                    struct str password, struct sip_hex *out)
{
	const struct str parts[] = { user, realm, password };

	return hash_hex(algorithm, parts, COUNT_OF(parts), ':', out);
}

bool sip_digest_userhash(enum sip_digest algorithm, struct str user, struct str realm,
                         struct sip_hex *out)
{
	const struct str parts[] = { user, realm };

	return hash_hex(algorithm, parts, COUNT_OF(parts), ':', out);
}

bool sip_digest_session(const struct sip_digest_input *in, struct sip_hex *out)
{
	const struct str parts[] = { in->ha1, in->nonce, in->cnonce };

	if (in->algorithm != SIP_DIGEST_OTHER && digests[in->algorithm].sess)
		return hash_hex(in->algorithm, parts, COUNT_OF(parts), ':', out);
	if (in->ha1.len >= sizeof(out->text))
		return false;
	memcpy(out->text, in->ha1.p, in->ha1.len);
	out->text[in->ha1.len] = '\0';
	out->len = (uint8_t)in->ha1.len;
	return true;
}

bool sip_digest_ha2(const struct sip_digest_input *in, struct sip_hex *out)
{
	struct str parts[3] = { in->method, in->uri, STR_NONE };
	struct sip_hex body;

	if (in->qop != SIP_QOP_AUTH_INT)
		return hash_hex(in->algorithm, parts, 2, ':', out);
	if (!hash_hex(in->algorithm, &in->body, 1, '\0', &body))
		return false;
	parts[2] = sip_hex_str(&body);
	return hash_hex(in->algorithm, parts, 3, ':', out);
}

bool sip_digest_response(const struct sip_digest_input *in, struct sip_hex *out)
{
	struct sip_hex ha1;
	struct sip_hex ha2;

	if (in->qop == SIP_QOP_OTHER || !sip_digest_session(in, &ha1) || !sip_digest_ha2(in, &ha2))
		return false;
	if (in->qop == SIP_QOP_NONE) {
		const struct str parts[] = { sip_hex_str(&ha1), in->nonce, sip_hex_str(&ha2) };

		return hash_hex(in->algorithm, parts, COUNT_OF(parts), ':', out);
	}
	const struct str parts[] = { sip_hex_str(&ha1),
		                     in->nonce,
		                     in->nc,
		                     in->cnonce,
		                     in->qop == SIP_QOP_AUTH ? STR("auth") : STR("auth-int"),
		                     sip_hex_str(&ha2) };

	return hash_hex(in->algorithm, parts, COUNT_OF(parts), ':', out);
}

/* The longest uri parameter that is unescaped: a URI holds no quote or backslash, so escapes in it are odd. */
#define URI_PLAIN_MAX SIP_URI_MAX

bool sip_digest_verify(const struct sip_credentials *c, struct str ha1, const struct sip_msg *req)
{
	char memory[URI_PLAIN_MAX];
	struct sip_digest_input in = { .algorithm = c->algorithm,
		                       .qop = c->qop,
		                       .ha1 = ha1,
		                       .method = req->method_name,
		                       .nonce = c->nonce,
		                       .nc = c->nc_text,
		                       .cnonce = c->cnonce,
		                       .body = req->body };
	struct sip_hex want;
	struct buf uri;
	char given[sizeof(want.text)];

	if (!c->is_digest || c->algorithm == SIP_DIGEST_OTHER || c->qop == SIP_QOP_OTHER)
		return false;
	buf_wrap(&uri, memory, sizeof(memory));
	sip_unquote(c->uri, &uri);
	in.uri = buf_view(&uri);
	if (uri.err != ERR_OK || !sip_digest_response(&in, &want) || c->response.len != want.len)
		return false;
	for (size_t i = 0; i < want.len; i++)
		given[i] = char_lower(c->response.p[i]);
	return crypto_equal(given, want.text, want.len);
}

static void put_quoted_param(struct buf *out, const char *name, struct str inner)
{
	buf_z(out, ", ");
	buf_z(out, name);
	buf_z(out, "=\"");
	buf_str(out, inner);
	buf_char(out, '"');
}

static void put_token_param(struct buf *out, const char *name, struct str value)
{
	buf_z(out, ", ");
	buf_z(out, name);
	buf_char(out, '=');
	buf_str(out, value);
}

void sip_challenge_write(struct buf *out, struct str realm, struct str nonce,
                         enum sip_digest algorithm, bool stale)
{
	buf_z(out, "Digest realm=");
	sip_quote(realm, out);
	put_quoted_param(out, "nonce", nonce);
	put_token_param(out, "algorithm", sip_digest_name(algorithm));
	put_quoted_param(out, "qop", STR("auth"));
	if (stale)
		put_token_param(out, "stale", STR("true"));
}

static enum sip_qop answer_qop(const struct sip_challenge *challenge)
{
	if (!challenge->has_qop)
		return SIP_QOP_NONE;
	if (challenge->qop_auth)
		return SIP_QOP_AUTH;
	return challenge->qop_auth_int ? SIP_QOP_AUTH_INT : SIP_QOP_OTHER;
}

/* The user as he is named in the answer: hashed where the server asks for it. */
static bool put_username(struct buf *out, const struct sip_challenge *challenge, struct str user,
                         struct str realm)
{
	struct sip_hex hash;

	buf_z(out, "Digest username=");
	if (!challenge->userhash) {
		sip_quote(user, out);
		return true;
	}
	if (!sip_digest_userhash(challenge->algorithm, user, realm, &hash))
		return false;
	sip_quote(sip_hex_str(&hash), out);
	return true;
}

static void put_answer(struct buf *out, const struct sip_challenge *challenge,
                       const struct sip_digest_input *in, const struct sip_hex *response)
{
	put_quoted_param(out, "realm", challenge->realm);
	put_quoted_param(out, "nonce", challenge->nonce);
	put_quoted_param(out, "uri", in->uri);
	put_quoted_param(out, "response", sip_hex_str(response));
	put_token_param(out, "algorithm", sip_digest_name(in->algorithm));
	if (challenge->has_opaque)
		put_quoted_param(out, "opaque", challenge->opaque);
	if (in->qop != SIP_QOP_NONE) {
		put_token_param(out, "qop",
		                in->qop == SIP_QOP_AUTH ? STR("auth") : STR("auth-int"));
		put_token_param(out, "nc", in->nc);
	}
	/* A -sess algorithm takes the cnonce into HA1, so the server needs it without qop too. */
	if (in->qop != SIP_QOP_NONE || digests[in->algorithm].sess)
		put_quoted_param(out, "cnonce", in->cnonce);
	if (challenge->userhash)
		put_token_param(out, "userhash", STR("true"));
}

static void nc_hex(uint32_t nc, char out[8])
{
	unsigned char octets[4] = { (unsigned char)(nc >> 24), (unsigned char)(nc >> 16),
		                    (unsigned char)(nc >> 8), (unsigned char)nc };
	struct buf text;

	buf_wrap(&text, out, 8);
	crypto_hex(octets, sizeof(octets), &text);
}

enum err sip_answer_write(struct buf *out, const struct sip_challenge *challenge,
                          const struct sip_answer *answer)
{
	struct sip_digest_input in = { .algorithm = challenge->algorithm,
		                       .qop = answer_qop(challenge),
		                       .method = answer->method,
		                       .uri = answer->uri,
		                       .nonce = challenge->nonce,
		                       .cnonce = answer->cnonce,
		                       .body = answer->body };
	char memory[1024];
	char nc[8];
	struct buf realm;
	struct sip_hex ha1;
	struct sip_hex response;

	if (!challenge->is_digest || in.algorithm == SIP_DIGEST_OTHER || in.qop == SIP_QOP_OTHER)
		return ERR_UNSUPPORTED;
	nc_hex(answer->nc, nc);
	in.nc = str_of(nc, sizeof(nc));
	buf_wrap(&realm, memory, sizeof(memory));
	sip_unquote(challenge->realm, &realm);
	if (realm.err != ERR_OK)
		return realm.err;
	if (!sip_digest_ha1(in.algorithm, answer->user, buf_view(&realm), answer->password, &ha1))
		return ERR_NOMEM;
	in.ha1 = sip_hex_str(&ha1);
	if (!sip_digest_response(&in, &response) ||
	    !put_username(out, challenge, answer->user, buf_view(&realm)))
		return ERR_NOMEM;
	put_answer(out, challenge, &in, &response);
	return out->err;
}
