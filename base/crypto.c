#include "base/crypto.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <stdio.h>

static const EVP_MD *digest_of(enum crypto_digest kind)
{
	switch (kind) {
	case CRYPTO_DIGEST_MD5:
		return EVP_md5();
	case CRYPTO_DIGEST_SHA256:
		return EVP_sha256();
	case CRYPTO_DIGEST_SHA512_256:
		return EVP_sha512_256();
	case CRYPTO_DIGEST_SHA1:
		return EVP_sha1();
	}
	return NULL;
}

size_t crypto_digest(enum crypto_digest kind, const struct str *parts, size_t count, char separator,
                     unsigned char out[CRYPTO_DIGEST_MAX])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned len = 0;
	bool good = ctx != NULL && EVP_DigestInit_ex(ctx, digest_of(kind), NULL) == 1;

	for (size_t i = 0; good && i < count; i++) {
		if (i > 0 && separator != '\0')
			good = EVP_DigestUpdate(ctx, &separator, 1) == 1;
		if (good && parts[i].len > 0)
			good = EVP_DigestUpdate(ctx, parts[i].p, parts[i].len) == 1;
	}
	good = good && EVP_DigestFinal_ex(ctx, out, &len) == 1;
	EVP_MD_CTX_free(ctx);
	return good ? len : 0;
}

bool crypto_mac(struct str key, const struct str *parts, size_t count,
                unsigned char out[CRYPTO_SHA256])
{
	struct buf joined;
	char memory[1024];
	unsigned len = 0;
	bool good;
	size_t need = 0;

	for (size_t i = 0; i < count; i++)
		need += parts[i].len + 4;
	if (need <= sizeof(memory))
		buf_wrap(&joined, memory, sizeof(memory));
	else
		buf_init(&joined, need);
	for (size_t i = 0; i < count; i++) {
		uint32_t part_len = (uint32_t)parts[i].len;

		buf_bytes(&joined, &part_len, sizeof(part_len));
		buf_str(&joined, parts[i]);
	}
	good = joined.err == ERR_OK &&
	       HMAC(EVP_sha256(), key.p, (int)key.len, (unsigned char *)joined.data, joined.len,
	            out, &len) != NULL;
	buf_fini(&joined);
	return good && len == CRYPTO_SHA256;
}

static bool hmac_with(EVP_MAC_CTX *ctx, enum crypto_digest kind, struct str key,
                      const struct str *parts, size_t count, unsigned char *out, size_t *len)
{
	char name[32];
	OSSL_PARAM params[2];
	bool good;

	(void)snprintf(name, sizeof(name), "%s", EVP_MD_get0_name(digest_of(kind)));
	params[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0);
	params[1] = OSSL_PARAM_construct_end();
	/* A key of no octets must not be NULL: that would mean the key of before. */
	good = EVP_MAC_init(ctx, (const unsigned char *)(key.len == 0 ? "" : key.p), key.len,
	                    params) == 1;
	for (size_t i = 0; good && i < count; i++)
		good = parts[i].len == 0 ||
		       EVP_MAC_update(ctx, (const unsigned char *)parts[i].p, parts[i].len) == 1;
	return good && EVP_MAC_final(ctx, out, len, CRYPTO_DIGEST_MAX) == 1;
}

size_t crypto_hmac(enum crypto_digest kind, struct str key, const struct str *parts, size_t count,
                   unsigned char out[CRYPTO_DIGEST_MAX])
{
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *ctx = mac == NULL ? NULL : EVP_MAC_CTX_new(mac);
	size_t len = 0;
	bool good = ctx != NULL && hmac_with(ctx, kind, key, parts, count, out, &len);

	EVP_MAC_CTX_free(ctx);
	EVP_MAC_free(mac);
	return good ? len : 0;
}

bool crypto_equal(const void *a, const void *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}

enum err crypto_random(void *out, size_t len)
{
	return RAND_bytes(out, (int)len) == 1 ? ERR_OK : ERR_SYSTEM;
}

#define GCM_NONCE 12
#define GCM_TAG 16

static bool seal_with(EVP_CIPHER_CTX *ctx, const unsigned char *key, struct str plain,
                      struct str context, unsigned char *out)
{
	unsigned char *text = out + GCM_NONCE;
	int n = 0;

	return EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, out) == 1 &&
	       EVP_EncryptUpdate(ctx, NULL, &n, (const unsigned char *)context.p,
	                         (int)context.len) == 1 &&
	       EVP_EncryptUpdate(ctx, text, &n, (const unsigned char *)plain.p, (int)plain.len) ==
	               1 &&
	       EVP_EncryptFinal_ex(ctx, text + n, &n) == 1 &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, GCM_TAG, text + plain.len) == 1;
}

enum err crypto_seal(const unsigned char key[32], struct str plain, struct str context,
                     unsigned char *out)
{
	EVP_CIPHER_CTX *ctx;
	bool good;

	if (RAND_bytes(out, GCM_NONCE) != 1)
		return ERR_SYSTEM;
	ctx = EVP_CIPHER_CTX_new();
	good = ctx != NULL && seal_with(ctx, key, plain, context, out);
	EVP_CIPHER_CTX_free(ctx);
	return good ? ERR_OK : ERR_NOMEM;
}

static bool open_with(EVP_CIPHER_CTX *ctx, const unsigned char *key, struct str sealed,
                      struct str context, unsigned char *out)
{
	const unsigned char *bytes = (const unsigned char *)sealed.p;
	size_t text_len = sealed.len - CRYPTO_SEAL_EXTRA;
	unsigned char tag[GCM_TAG];
	int n = 0;

	memcpy(tag, bytes + GCM_NONCE + text_len, GCM_TAG);
	return EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, bytes) == 1 &&
	       EVP_DecryptUpdate(ctx, NULL, &n, (const unsigned char *)context.p,
	                         (int)context.len) == 1 &&
	       EVP_DecryptUpdate(ctx, out, &n, bytes + GCM_NONCE, (int)text_len) == 1 &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, GCM_TAG, tag) == 1 &&
	       EVP_DecryptFinal_ex(ctx, out + n, &n) == 1;
}

enum err crypto_open(const unsigned char key[32], struct str sealed, struct str context,
                     unsigned char *out)
{
	EVP_CIPHER_CTX *ctx;
	bool good;

	if (sealed.len < CRYPTO_SEAL_EXTRA || sealed.len > INT32_MAX)
		return ERR_DENIED;
	ctx = EVP_CIPHER_CTX_new();
	if (ctx == NULL)
		return ERR_NOMEM;
	good = open_with(ctx, key, sealed, context, out);
	EVP_CIPHER_CTX_free(ctx);
	return good ? ERR_OK : ERR_DENIED;
}

void crypto_hex(const unsigned char *p, size_t len, struct buf *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		buf_char(out, digits[p[i] >> 4]);
		buf_char(out, digits[p[i] & 15]);
	}
}

void crypto_base64url(struct str in, struct buf *out)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	uint32_t bits = 0;
	unsigned held = 0;

	for (size_t i = 0; i < in.len; i++) {
		bits = bits << 8 | (unsigned char)in.p[i];
		for (held += 8; held >= 6; held -= 6)
			buf_char(out, digits[bits >> (held - 6) & 63]);
	}
	if (held > 0)
		buf_char(out, digits[bits << (6 - held) & 63]);
}

static int base64url_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '-')
		return 62;
	return c == '_' ? 63 : -1;
}

enum err crypto_from_base64url(struct str in, struct buf *out)
{
	uint32_t bits = 0;
	unsigned held = 0;

	if (in.len % 4 == 1)
		return ERR_SYNTAX;
	for (size_t i = 0; i < in.len; i++) {
		int value = base64url_value(in.p[i]);

		if (value < 0)
			return ERR_SYNTAX;
		bits = bits << 6 | (uint32_t)value;
		held += 6;
		if (held >= 8) {
			held -= 8;
			buf_char(out, (char)(bits >> held & 0xff));
		}
	}
	/* The bits that are left over must be zero, or two texts would mean the same. */
	if ((bits & ((1u << held) - 1)) != 0)
		return ERR_SYNTAX;
	return out->err;
}
