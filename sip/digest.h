/* sip/digest.h: digest access authentication: credentials, challenges, and the arithmetic (RFC 3261 22, RFC 7616, RFC 8760).
 *
 * Nothing here knows accounts or time: nonces are made and counted in sip/nonce.h. Every str of a parsed value points into the
 * message and stands as it does between the quotes, escapes too (sip_unquote, sip_quoted_eq). All functions: any thread. */
#pragma once
#include "base/buf.h"
#include "base/crypto.h"
#include "sip/message.h"

/* name, underlying digest, -sess */
/* clang-format off */
#define SIP_DIGEST_TABLE(X)                                      \
	X(MD5,             "MD5",              MD5,        0)    \
	X(MD5_SESS,        "MD5-sess",         MD5,        1)    \
	X(SHA256,          "SHA-256",          SHA256,     0)    \
	X(SHA256_SESS,     "SHA-256-sess",     SHA256,     1)    \
	X(SHA512_256,      "SHA-512-256",      SHA512_256, 0)    \
	X(SHA512_256_SESS, "SHA-512-256-sess", SHA512_256, 1)
/* clang-format on */

enum sip_digest {
	SIP_DIGEST_OTHER, /* one that is not in the table: challenge again */
#define X(id, name, hash, sess) SIP_DIGEST_##id,
	SIP_DIGEST_TABLE(X)
#undef X
		SIP_DIGEST_COUNT
};

/** Which algorithm is it? Any case; empty is MD5. */
enum sip_digest sip_digest_id(struct str name);
/** Its name; empty for SIP_DIGEST_OTHER. */
struct str sip_digest_name(enum sip_digest algorithm);
/** The hash underneath (the same for -sess). Not for SIP_DIGEST_OTHER. */
enum crypto_digest sip_digest_hash(enum sip_digest algorithm);

enum sip_qop { SIP_QOP_NONE, SIP_QOP_AUTH, SIP_QOP_AUTH_INT, SIP_QOP_OTHER };

/* A digest in hex. */
struct sip_hex {
	char text[2 * 32 + 1]; /* with a final NUL */
	uint8_t len;           /* 32 or 64 */
};

/** Its text. */
static inline struct str sip_hex_str(const struct sip_hex *hex)
{
	return str_of(hex->text, hex->len);
}

/* Authorization, Proxy-Authorization. */
struct sip_credentials {
	bool is_digest; /* otherwise `scheme` alone is set: another scheme, to be ignored */
	bool userhash;  /* `username` is a hash (RFC 7616 3.4.4) */
	bool has_opaque;
	bool has_nc;
	enum sip_digest algorithm;
	enum sip_qop qop;
	uint32_t nc;
	struct str scheme;
	struct str username;
	struct str realm;
	struct str nonce;
	struct str uri;
	struct str response; /* hex, not checked: sip_digest_verify does */
	struct str cnonce;
	struct str opaque;
	struct str nc_text;
	struct str username_star; /* RFC 8187, with its charset and language; instead of username */
	struct str value;         /* all of it */
};

/** Parse credentials. ERR_SYNTAX, which deserves 400: not closed quotes, a parameter twice, username, realm, nonce, uri or response
 * missing, qop without nc or cnonce, nc no 8 hex digits. Another scheme or algorithm is ERR_OK. */
NODISCARD enum err sip_credentials_parse(struct sip_credentials *out, struct str value);
/** The Digest credentials for `realm` (as it means, no escapes) in the fields of `id` (SIP_H_AUTHORIZATION or
 * SIP_H_PROXY_AUTHORIZATION). Start with `*at` NULL; later calls go on behind the last (several algorithms).
 * ERR_NOTFOUND where there are no more; ERR_SYNTAX where a field is malformed. */
NODISCARD enum err sip_credentials_next(struct sip_credentials *out, const struct sip_msg *msg,
                                        enum sip_header_id id, struct str realm,
                                        const struct sip_header **at);

/* WWW-Authenticate, Proxy-Authenticate. */
struct sip_challenge {
	bool is_digest;
	bool stale;
	bool userhash;
	bool has_opaque;
	bool qop_auth;
	bool qop_auth_int;
	bool has_qop;
	enum sip_digest algorithm;
	struct str scheme;
	struct str realm;
	struct str nonce;
	struct str opaque;
	struct str domain;
};

/** Parse one challenge. ERR_SYNTAX as for credentials (realm and nonce must be there). */
NODISCARD enum err sip_challenge_parse(struct sip_challenge *out, struct str value);
/** Write the value of a challenge: `Digest realm="...", nonce="...", algorithm=..., qop="auth"`, and stale=true. */
void sip_challenge_write(struct buf *out, struct str realm, struct str nonce,
                         enum sip_digest algorithm, bool stale);

/** HA1 = H(user:realm:password), without -sess whatever the algorithm: what accounts keep. False where OpenSSL fails. */
NODISCARD bool sip_digest_ha1(enum sip_digest algorithm, struct str user, struct str realm,
                              struct str password, struct sip_hex *out);
/** H(user:realm), RFC 7616 3.4.4. */
NODISCARD bool sip_digest_userhash(enum sip_digest algorithm, struct str user, struct str realm,
                                   struct sip_hex *out);

/* What goes into a response. Texts as they mean, not as they are quoted (nonce, cnonce: as written). */
struct sip_digest_input {
	enum sip_digest algorithm;
	enum sip_qop qop;
	struct str ha1; /* hex, of sip_digest_ha1 */
	struct str method;
	struct str uri;
	struct str nonce;
	struct str nc; /* 8 hex digits */
	struct str cnonce;
	struct str body; /* for auth-int */
};

/** HA1 as the response takes it: with nonce and cnonce for -sess. */
NODISCARD bool sip_digest_session(const struct sip_digest_input *in, struct sip_hex *out);
/** HA2. */
NODISCARD bool sip_digest_ha2(const struct sip_digest_input *in, struct sip_hex *out);
/** The response. */
NODISCARD bool sip_digest_response(const struct sip_digest_input *in, struct sip_hex *out);
/** Server: does the response in `c` prove `ha1` for this request? Compares in constant time; false for anything odd (length, qop or
 * algorithm unknown). Not here: nonce, count, realm, and whether c->uri is the Request-URI (RFC 3261 22.4, 7616 3.4.6). */
bool sip_digest_verify(const struct sip_credentials *c, struct str ha1, const struct sip_msg *req);

/* What a client answers a challenge with. */
struct sip_answer {
	struct str user;
	struct str password;
	struct str method;
	struct str uri;
	struct str cnonce; /* fresh and random for each answer */
	uint32_t nc;       /* 1 for the first use of the nonce */
	struct str body;   /* where the challenge wants auth-int alone */
};

/** Write the value of Authorization that answers `challenge`. ERR_UNSUPPORTED: scheme, algorithm or qop unknown; ERR_NOMEM. */
NODISCARD enum err sip_answer_write(struct buf *out, const struct sip_challenge *challenge,
                                    const struct sip_answer *answer);
/** The challenge to answer among the fields of `id` in a 401 or 407: the topmost Digest one whose algorithm we know (RFC 8760 2.4).
 * ERR_NOTFOUND where there is none. */
NODISCARD enum err sip_challenge_pick(struct sip_challenge *out, const struct sip_msg *response,
                                      enum sip_header_id id);
