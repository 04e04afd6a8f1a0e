/* stun/message.h: a STUN message as bytes: read, checked, written (RFC 8489 5, 14).
 *
 * Inside of stun/; others see stun/stun.h. Every struct str here points into the message it was read from and lives as long.
 * All functions: any thread, no allocation (but what OpenSSL needs for integrity). */
#pragma once
#include "base/addr.h"
#include "base/wire.h"

#define STUN_COOKIE 0x2112A442u
/** Cookie and transaction id together: what RFC 3489 calls the transaction id, and what an answer repeats. */
#define STUN_ID 16
#define STUN_BINDING 1

enum stun_class { STUN_REQUEST, STUN_INDICATION, STUN_SUCCESS, STUN_ERROR };

/* The attributes that we know, in responses and (the last column) in requests; others matter where they are comprehension-required.
 * The last four are of RFC 3489: its servers send them to everybody. Its CHANGE-REQUEST (3) and RESPONSE-ADDRESS (2) are absent by
 * intent: nobody obeys them any more, and they are to be refused (RFC 5389 12.2). */
/* clang-format off */
#define STUN_ATTRIBUTE_TABLE(X)                 \
	X(MAPPED_ADDRESS,     0x0001, true)     \
	X(USERNAME,           0x0006, true)     \
	X(INTEGRITY,          0x0008, true)     \
	X(ERROR_CODE,         0x0009, true)     \
	X(UNKNOWN_ATTRIBUTES, 0x000a, true)     \
	X(REALM,              0x0014, true)     \
	X(NONCE,              0x0015, true)     \
	X(INTEGRITY_SHA256,   0x001c, true)     \
	X(PASSWORD_ALGORITHM, 0x001d, true)     \
	X(USERHASH,           0x001e, true)     \
	X(XOR_MAPPED_ADDRESS, 0x0020, true)     \
	X(SOFTWARE,           0x8022, true)     \
	X(FINGERPRINT,        0x8028, true)     \
	X(OLD_SOURCE,         0x0004, false)    \
	X(OLD_CHANGED,        0x0005, false)    \
	X(OLD_PASSWORD,       0x0007, false)    \
	X(OLD_REFLECTED_FROM, 0x000b, false)
/* clang-format on */

enum stun_attribute_type {
#define X(name, number, in_request) STUN_##name = (number),
	STUN_ATTRIBUTE_TABLE(X)
#undef X
};

struct stun_message {
	struct str bytes;
	enum stun_class class;
	uint16_t method;
	/** Does it bear the cookie? If not, it is of RFC 3489. */
	bool cookie;
};

/** Read exactly one message of at most STUN_MESSAGE_MAX octets: the header, and that the attributes fill it. ERR_SYNTAX. */
NODISCARD enum err stun_parse(struct stun_message *out, struct str in);
/** The STUN_ID octets of its cookie and transaction id. */
static inline const unsigned char *stun_id(const struct stun_message *msg)
{
	return (const unsigned char *)msg->bytes.p + 4;
}

struct stun_attribute {
	uint16_t type;
	/** Where it begins in the message. */
	size_t offset;
	struct str value;
};

struct stun_cursor {
	struct wire_reader in;
	bool integrity; /* one has come: only the other, and FINGERPRINT, still count (14.5) */
	bool integrity_sha256; /* and behind this one FINGERPRINT alone (14.6) */
};

/** A cursor before the first attribute of a parsed message. */
struct stun_cursor stun_attributes(const struct stun_message *msg);
/** The next attribute that counts; false at the end. */
bool stun_next(struct stun_cursor *c, struct stun_attribute *out);
/** The first of this type that counts. */
bool stun_find(const struct stun_message *msg, enum stun_attribute_type type,
               struct stun_attribute *out);
/** Must the one who gets it in a message of this class give up, because it does not know what it means? */
bool stun_is_unknown(uint16_t type, enum stun_class class);

/** Read the address that stands in an attribute's value; `id`: of a XOR-MAPPED-ADDRESS, the message's; else NULL. ERR_SYNTAX. */
NODISCARD enum err stun_read_address(struct str value, const unsigned char *id, struct addr *out);
/** Read ERROR-CODE: 300 to 699 and its text. ERR_SYNTAX. */
NODISCARD enum err stun_read_error(struct str value, unsigned *code, struct str *reason);

enum stun_check { STUN_ABSENT, STUN_RIGHT, STUN_WRONG };

/** Is its FINGERPRINT right (14.7)? One that is not the last attribute is wrong. */
enum stun_check stun_check_fingerprint(const struct stun_message *msg);
/** The same for the attribute at hand. */
bool stun_fingerprint_right(const struct stun_message *msg,
                            const struct stun_attribute *fingerprint);
/** Is its MESSAGE-INTEGRITY (14.5) or MESSAGE-INTEGRITY-SHA256 (14.6) right under `key` (9.1.1, 9.2.2)? Wrong, too, where there is no
 * memory. */
enum stun_check stun_check_integrity(const struct stun_message *msg, enum stun_attribute_type type,
                                     struct str key);

/* Writing: begin, the attributes, perhaps the fingerprint, end. The writer begins where the message does. `old`: for RFC 3489, which
 * knows no padding: texts end in spaces, lists repeat their last number. */

void stun_write_begin(struct wire_writer *w, enum stun_class class,
                      const unsigned char id[STUN_ID]);
/** XOR_MAPPED_ADDRESS or, where `type` is another, the address as it is. */
void stun_write_address(struct wire_writer *w, enum stun_attribute_type type,
                        const struct addr *addr);
void stun_write_text(struct wire_writer *w, enum stun_attribute_type type, struct str text,
                     bool old);
void stun_write_error(struct wire_writer *w, unsigned code, struct str reason, bool old);
void stun_write_unknown(struct wire_writer *w, const uint16_t *types, size_t count, bool old);
/** FINGERPRINT over all that stands there, as the last attribute. */
void stun_write_fingerprint(struct wire_writer *w);
/** Fill in the length. */
void stun_write_end(struct wire_writer *w);
