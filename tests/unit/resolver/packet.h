/* tests/unit/resolver/packet.h: DNS answers as tests want them, built from lines like those of a zone file. */
#pragma once
#include "resolver/dns.h"

#define PACKET_MAX 65535

/** A packet under construction: begin it, add records section by section, then view it. */
struct packet_builder {
	unsigned char memory[PACKET_MAX];
	struct wire_writer w;
	unsigned counts[4];
};

/** The header (id 0) and the question. */
void packet_begin(struct packet_builder *b, unsigned flags, const char *name, enum dns_type type);
/** A record of section 1 (answer), 2 (authority), 3 (additional): "NAME TTL TYPE DATA", names without final dots, data of A, AAAA, CNAME,
 * NS, SRV, SOA (its TTL and minimum alone) and NAPTR (order, preference, flags, services, replacement; "." is nothing). */
void packet_add(struct packet_builder *b, unsigned section, const char *line);
struct str packet_done(struct packet_builder *b);
