#include "tests/unit/resolver/packet.h"

#include <stdlib.h>

static struct str word(struct str *rest)
{
	struct str w = str_cut(rest, ' ');

	return str_eq(w, STR(".")) ? STR_NONE : w;
}

static unsigned number(struct str *rest)
{
	uint64_t n = 0;

	must(str_number(word(rest), UINT32_MAX, &n) == ERR_OK);
	return (unsigned)n;
}

static void write_string(struct wire_writer *w, struct str s)
{
	wire_write8(w, (uint8_t)s.len);
	wire_write_str(w, s);
}

static void write_address(struct wire_writer *w, struct str text)
{
	struct addr a;

	must(addr_parse(&a, text, 0) == ERR_OK);
	if (addr_family(&a) == AF_INET)
		wire_write_bytes(w, &a.sa.v4.sin_addr, 4);
	else
		wire_write_bytes(w, &a.sa.v6.sin6_addr, 16);
}

static void write_data(struct wire_writer *w, unsigned type, struct str rest)
{
	switch (type) {
	case DNS_A:
	case DNS_AAAA:
		write_address(w, word(&rest));
		break;
	case DNS_CNAME:
	case DNS_NS:
		name_write(w, word(&rest));
		break;
	case DNS_SRV:
		for (unsigned i = 0; i < 3; i++)
			wire_write16(w, (uint16_t)number(&rest));
		name_write(w, word(&rest));
		break;
	case DNS_NAPTR:
		for (unsigned i = 0; i < 2; i++)
			wire_write16(w, (uint16_t)number(&rest));
		write_string(w, word(&rest));
		write_string(w, word(&rest));
		write_string(w, STR_NONE);
		name_write(w, word(&rest));
		break;
	case DNS_SOA:
		name_write(w, STR("ns"));
		name_write(w, STR("hostmaster"));
		wire_write_zero(w, 16);
		wire_write32(w, number(&rest));
		break;
	default:
		wire_write_str(w, rest);
	}
}

static unsigned type_of(struct str text)
{
	static const struct {
		struct str text;
		enum dns_type type;
	} types[] = {
		{ STR_INIT("A"), DNS_A },         { STR_INIT("AAAA"), DNS_AAAA },
		{ STR_INIT("CNAME"), DNS_CNAME }, { STR_INIT("NS"), DNS_NS },
		{ STR_INIT("SOA"), DNS_SOA },     { STR_INIT("SRV"), DNS_SRV },
		{ STR_INIT("NAPTR"), DNS_NAPTR },
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (str_eq(text, types[i].text))
			return types[i].type;
	}
	return 99;
}

void packet_begin(struct packet_builder *b, unsigned flags, const char *name, enum dns_type type)
{
	b->w = wire_writer_of(b->memory, sizeof(b->memory));
	memset(b->counts, 0, sizeof(b->counts));
	b->counts[0] = 1;
	wire_write16(&b->w, 0);
	wire_write16(&b->w, (uint16_t)flags);
	wire_write_zero(&b->w, 8);
	name_write(&b->w, str_from(name));
	wire_write16(&b->w, (uint16_t)type);
	wire_write16(&b->w, 1);
}

void packet_add(struct packet_builder *b, unsigned section, const char *line)
{
	struct str rest = str_from(line);
	struct wire_writer *w = &b->w;
	unsigned type;
	size_t length_at;

	name_write(w, word(&rest));
	type = 0;
	length_at = number(&rest);
	type = type_of(word(&rest));
	wire_write16(w, (uint16_t)type);
	wire_write16(w, 1);
	wire_write32(w, (uint32_t)length_at);
	length_at = wire_written(w);
	wire_write16(w, 0);
	write_data(w, type, rest);
	wire_patch16(w, length_at, (uint16_t)(wire_written(w) - length_at - 2));
	b->counts[section]++;
}

struct str packet_done(struct packet_builder *b)
{
	for (unsigned i = 0; i < 4; i++)
		wire_patch16(&b->w, 4 + 2 * i, (uint16_t)b->counts[i]);
	must(b->w.err == ERR_OK);
	return wire_view(&b->w);
}
