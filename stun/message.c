#include "stun/message.h"

#include "stun/stun.h"

/* What an attribute of `len` octets fills: its value is padded to whole words (14). */
static size_t padded(size_t len)
{
	return (len + 3) & ~(size_t)3;
}

/* Do the attributes fill the message to its end? */
static bool attributes_fit(struct str bytes)
{
	struct wire_reader r = wire_reader_of(str_from_at(bytes, STUN_HEADER));

	while (wire_left(&r) > 0) {
		(void)wire_read16(&r);
		wire_skip(&r, padded(wire_read16(&r)));
	}
	return r.err == ERR_OK;
}

enum err stun_parse(struct stun_message *out, struct str in)
{
	struct wire_reader r = wire_reader_of(in);
	uint16_t type = wire_read16(&r);
	uint16_t len = wire_read16(&r);

	/* Two bits of zero, and whole words alone (5). */
	if (in.len < STUN_HEADER || in.len > STUN_MESSAGE_MAX || (type & 0xc000) != 0 ||
	    (len & 3) != 0 || (size_t)len + STUN_HEADER != in.len)
		return ERR_SYNTAX;
	out->bytes = in;
	out->class = (enum stun_class)((type >> 7 & 2) | (type >> 4 & 1));
	out->method = (uint16_t)((type & 0xf) | (type >> 1 & 0x70) | (type >> 2 & 0xf80));
	out->cookie = wire_read32(&r) == STUN_COOKIE;
	return attributes_fit(in) ? ERR_OK : ERR_SYNTAX;
}

struct stun_cursor stun_attributes(const struct stun_message *msg)
{
	struct stun_cursor c = { .in = wire_reader_of(msg->bytes) };

	wire_skip(&c.in, STUN_HEADER);
	return c;
}

/* Does the attribute count, after those that have come? */
static bool counts(const struct stun_cursor *c, uint16_t type)
{
	if (type == STUN_FINGERPRINT || (!c->integrity && !c->integrity_sha256))
		return true;
	return type == STUN_INTEGRITY_SHA256 && !c->integrity_sha256;
}

bool stun_next(struct stun_cursor *c, struct stun_attribute *out)
{
	while (wire_left(&c->in) > 0) {
		bool good;

		out->offset = wire_position(&c->in);
		out->type = wire_read16(&c->in);
		out->value.len = wire_read16(&c->in);
		out->value = str_head(wire_read_bytes(&c->in, padded(out->value.len)),
		                      out->value.len);
		good = counts(c, out->type);
		c->integrity = c->integrity || out->type == STUN_INTEGRITY;
		c->integrity_sha256 = c->integrity_sha256 || out->type == STUN_INTEGRITY_SHA256;
		if (good)
			return true;
	}
	return false;
}

bool stun_find(const struct stun_message *msg, enum stun_attribute_type type,
               struct stun_attribute *out)
{
	struct stun_cursor c = stun_attributes(msg);

	while (stun_next(&c, out)) {
		if (out->type == type)
			return true;
	}
	return false;
}

bool stun_is_unknown(uint16_t type, enum stun_class class)
{
	bool response = class == STUN_SUCCESS || class == STUN_ERROR;

	if (type >= 0x8000)
		return false;
	switch (type) {
#define X(name, number, in_request) \
	case number:                \
		return !response && !(in_request);
		STUN_ATTRIBUTE_TABLE(X)
#undef X
	default:
		return true;
	}
}

/* What XOR-MAPPED-ADDRESS lays over the address: for IPv4 the cookie, for IPv6 the transaction id behind it as well (14.2). */
static void lay_over(unsigned char *bytes, size_t len, const unsigned char *id)
{
	for (size_t i = 0; i < len; i++)
		bytes[i] ^= id[i];
}

enum err stun_read_address(struct str value, const unsigned char *id, struct addr *out)
{
	struct wire_reader r = wire_reader_of(value);
	uint8_t family = (uint8_t)(wire_read16(&r) &
	                           0xff); /* the octet before it is ignored (14.1) */
	uint16_t port = wire_read16(&r);
	size_t len = family == 1 ? 4 : 16;
	struct str host = wire_read_bytes(&r, len);
	unsigned char bytes[16];
	struct addr a = { 0 };

	if ((family != 1 && family != 2) || wire_reader_end(&r) != ERR_OK)
		return ERR_SYNTAX;
	memcpy(bytes, host.p, len);
	if (id != NULL) {
		lay_over(bytes, len, id);
		port ^= STUN_COOKIE >> 16;
	}
	a.sa.any.sa_family = family == 1 ? AF_INET : AF_INET6;
	memcpy(family == 1 ? (void *)&a.sa.v4.sin_addr : (void *)&a.sa.v6.sin6_addr, bytes, len);
	addr_set_port(&a, port);
	*out = addr_from_sockaddr(&a.sa.any);
	return ERR_OK;
}

enum err stun_read_error(struct str value, unsigned *code, struct str *reason)
{
	struct wire_reader r = wire_reader_of(value);
	unsigned class;
	unsigned number;

	wire_skip(&r, 2);
	class = wire_read8(&r) & 7; /* what stands before it is reserved (14.8) */
	number = wire_read8(&r);
	*code = class * 100 + number;
	*reason = wire_read_bytes(&r, wire_left(&r));
	return r.err == ERR_OK && class >= 3 && class <= 6 && number < 100 ? ERR_OK : ERR_SYNTAX;
}

void stun_write_begin(struct wire_writer *w, enum stun_class class, const unsigned char id[STUN_ID])
{
	unsigned bits = (unsigned)class;

	wire_write16(w, (uint16_t)((bits & 2) << 7 | (bits & 1) << 4 | STUN_BINDING));
	wire_write16(w, 0);
	wire_write_bytes(w, id, STUN_ID);
}

void stun_write_address(struct wire_writer *w, enum stun_attribute_type type,
                        const struct addr *addr)
{
	bool v6 = addr_family(addr) == AF_INET6;
	bool crossed = type == STUN_XOR_MAPPED_ADDRESS;
	size_t len = v6 ? 16 : 4;
	unsigned char bytes[16];

	memcpy(bytes,
	       v6 ? (const void *)&addr->sa.v6.sin6_addr : (const void *)&addr->sa.v4.sin_addr,
	       len);
	if (crossed && w->err == ERR_OK)
		lay_over(bytes, len, w->start + 4);
	wire_write16(w, (uint16_t)type);
	wire_write16(w, (uint16_t)(len + 4));
	wire_write16(w, v6 ? 2 : 1);
	wire_write16(w, (uint16_t)(addr_port(addr) ^ (crossed ? STUN_COOKIE >> 16 : 0)));
	wire_write_bytes(w, bytes, len);
}

/* The end of a value of `len` octets: padding that does not count, or spaces that do. */
static void write_padding(struct wire_writer *w, size_t len, bool old)
{
	wire_write_bytes(w, old ? "   " : "\0\0\0", padded(len) - len);
}

void stun_write_text(struct wire_writer *w, enum stun_attribute_type type, struct str text,
                     bool old)
{
	wire_write16(w, (uint16_t)type);
	wire_write16(w, (uint16_t)(old ? padded(text.len) : text.len));
	wire_write_str(w, text);
	write_padding(w, text.len, old);
}

void stun_write_error(struct wire_writer *w, unsigned code, struct str reason, bool old)
{
	wire_write16(w, STUN_ERROR_CODE);
	wire_write16(w, (uint16_t)(4 + (old ? padded(reason.len) : reason.len)));
	wire_write16(w, 0);
	wire_write8(w, (uint8_t)(code / 100));
	wire_write8(w, (uint8_t)(code % 100));
	wire_write_str(w, reason);
	write_padding(w, reason.len, old);
}

void stun_write_unknown(struct wire_writer *w, const uint16_t *types, size_t count, bool old)
{
	bool odd = (count & 1) != 0;

	wire_write16(w, STUN_UNKNOWN_ATTRIBUTES);
	wire_write16(w, (uint16_t)(2 * (count + (old && odd ? 1 : 0))));
	for (size_t i = 0; i < count; i++)
		wire_write16(w, types[i]);
	if (odd)
		wire_write16(w, old ? types[count - 1] : 0);
}

void stun_write_end(struct wire_writer *w)
{
	wire_patch16(w, 2, (uint16_t)(wire_written(w) - STUN_HEADER));
}
