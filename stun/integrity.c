#include "stun/message.h"

#include "base/crypto.h"
#include "stun/crc32.h"
#include "stun/stun.h"

/* "STUN": so that a checksum of somebody else's protocol is not mistaken for ours (14.7). */
#define FINGERPRINT_XOR 0x5354554eu
#define FINGERPRINT_LEN 8

bool stun_fingerprint_right(const struct stun_message *msg,
                            const struct stun_attribute *fingerprint)
{
	struct wire_reader value = wire_reader_of(fingerprint->value);

	return fingerprint->offset + FINGERPRINT_LEN == msg->bytes.len &&
	       fingerprint->value.len == 4 &&
	       wire_read32(&value) ==
	               (stun_crc32(str_head(msg->bytes, fingerprint->offset)) ^ FINGERPRINT_XOR);
}

enum stun_check stun_check_fingerprint(const struct stun_message *msg)
{
	struct stun_attribute found;

	if (!stun_find(msg, STUN_FINGERPRINT, &found))
		return STUN_ABSENT;
	return stun_fingerprint_right(msg, &found) ? STUN_RIGHT : STUN_WRONG;
}

void stun_write_fingerprint(struct wire_writer *w)
{
	/* The length counts it before it is there. */
	wire_patch16(w, 2, (uint16_t)(wire_written(w) + FINGERPRINT_LEN - STUN_HEADER));
	if (w->err != ERR_OK)
		return;
	uint32_t crc = stun_crc32(wire_view(w));

	wire_write16(w, STUN_FINGERPRINT);
	wire_write16(w, 4);
	wire_write32(w, crc ^ FINGERPRINT_XOR);
}

/* May the value be so long? SHA-256 may be cut to no less than half (14.6). */
static bool length_fits(enum stun_attribute_type type, size_t len)
{
	if (type == STUN_INTEGRITY)
		return len == CRYPTO_SHA1;
	return len >= CRYPTO_SHA256 / 2 && len <= CRYPTO_SHA256 && (len & 3) == 0;
}

enum stun_check stun_check_integrity(const struct stun_message *msg, enum stun_attribute_type type,
                                     struct str key)
{
	enum crypto_digest kind = type == STUN_INTEGRITY ? CRYPTO_DIGEST_SHA1
	                                                 : CRYPTO_DIGEST_SHA256;
	unsigned char digest[CRYPTO_DIGEST_MAX];
	struct stun_attribute found;
	char length[2];
	size_t counted;
	size_t len;

	if (!stun_find(msg, type, &found))
		return STUN_ABSENT;
	if (!length_fits(type, found.value.len))
		return STUN_WRONG;
	/* What comes behind it was not there yet when its length was counted. */
	counted = found.offset + 4 + found.value.len - STUN_HEADER;
	length[0] = (char)(counted >> 8);
	length[1] = (char)counted;
	len = crypto_hmac(kind, key,
	                  (const struct str[]){ str_head(msg->bytes, 2),
	                                        str_of(length, sizeof(length)),
	                                        str_of(msg->bytes.p + 4, found.offset - 4) },
	                  3, digest);
	return len >= found.value.len && crypto_equal(digest, found.value.p, found.value.len)
	               ? STUN_RIGHT
	               : STUN_WRONG;
}
