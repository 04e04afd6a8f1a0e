/* base/crypto.h: digests, MACs, sealing and random bytes, by OpenSSL.
 *
 * One of the two files that know OpenSSL (base/tls.c is the other). All functions: any thread. They allocate only what OpenSSL does;
 * a failure inside OpenSSL (no memory) makes them return false or ERR_NOMEM. */
#pragma once
#include "base/buf.h"

#define CRYPTO_SHA256 32
#define CRYPTO_MD5 16
#define CRYPTO_SHA1 20
#define CRYPTO_DIGEST_MAX 64

/** SHA-1 is for old protocols that demand it, under a key. */
enum crypto_digest {
	CRYPTO_DIGEST_MD5,
	CRYPTO_DIGEST_SHA256,
	CRYPTO_DIGEST_SHA512_256,
	CRYPTO_DIGEST_SHA1
};

/** The digest of the parts joined with `separator` (0: with nothing): its length, 0 on failure. */
size_t crypto_digest(enum crypto_digest kind, const struct str *parts, size_t count, char separator,
                     unsigned char out[CRYPTO_DIGEST_MAX]);
/** HMAC-SHA-256 over the parts, each preceded by its length (so that no two lists give the same bytes). */
bool crypto_mac(struct str key, const struct str *parts, size_t count,
                unsigned char out[CRYPTO_SHA256]);
/** HMAC (RFC 2104) over the parts joined with nothing, as protocols of others want it: its length, 0 on failure. */
size_t crypto_hmac(enum crypto_digest kind, struct str key, const struct str *parts, size_t count,
                   unsigned char out[CRYPTO_DIGEST_MAX]);
/** Equal, in a time that depends on the length alone. */
bool crypto_equal(const void *a, const void *b, size_t len);
/** Fill with random bytes fit for keys. */
NODISCARD enum err crypto_random(void *out, size_t len);
/** AES-256-GCM under a 32-byte key: out = nonce | ciphertext | tag, `sealed_len` = len + 28. */
#define CRYPTO_SEAL_EXTRA 28
NODISCARD enum err crypto_seal(const unsigned char key[32], struct str plain, struct str context,
                               unsigned char *out);
/** The reverse; `out` has room for sealed.len - 28. ERR_DENIED where it was not sealed under this key and context. */
NODISCARD enum err crypto_open(const unsigned char key[32], struct str sealed, struct str context,
                               unsigned char *out);
/** Write lower-case hex. */
void crypto_hex(const unsigned char *p, size_t len, struct buf *out);
/** Write base64url without padding (RFC 4648 5). */
void crypto_base64url(struct str in, struct buf *out);
/** Read base64url without padding; ERR_SYNTAX for anything else. */
NODISCARD enum err crypto_from_base64url(struct str in, struct buf *out);
