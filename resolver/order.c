#include "resolver/order.h"

/* A row a transport, most wanted first: what is cheapest for both sides, and what RFC 3263 4.1 defaults to. */
static const struct {
	enum resolver_transport transport;
	bool secure;
	uint16_t port;
	const char *prefix; /* RFC 3263 4.2, RFC 7118 5.7 */
	struct str service;
} transports[] = {
	{ RESOLVER_UDP, false, 5060, "_sip._udp.", STR_INIT("SIP+D2U") },
	{ RESOLVER_TCP, false, 5060, "_sip._tcp.", STR_INIT("SIP+D2T") },
	{ RESOLVER_TLS, true, 5061, "_sips._tcp.", STR_INIT("SIPS+D2T") },
	{ RESOLVER_SCTP, false, 5060, "_sip._sctp.", STR_INIT("SIP+D2S") },
	{ RESOLVER_WS, false, 80, "_sip._ws.", STR_INIT("SIP+D2W") },
	{ RESOLVER_WSS, true, 443, "_sips._ws.", STR_INIT("SIPS+D2W") },
};

#define TRANSPORTS (sizeof(transports) / sizeof(transports[0]))

static bool usable(const struct resolver_question *q, size_t row)
{
	return (q->supported & transports[row].transport) != 0 &&
	       (transports[row].secure || !q->secure);
}

uint16_t order_default_port(enum resolver_transport t)
{
	for (size_t i = 0; i < TRANSPORTS; i++) {
		if (transports[i].transport == t)
			return transports[i].port;
	}
	return 0;
}

const char *order_prefix(enum resolver_transport t)
{
	for (size_t i = 0; i < TRANSPORTS; i++) {
		if (transports[i].transport == t)
			return transports[i].prefix;
	}
	return "";
}

enum resolver_transport order_default(const struct resolver_question *q)
{
	for (size_t i = 0; i < TRANSPORTS; i++) {
		if (usable(q, i))
			return transports[i].transport;
	}
	return RESOLVER_NO_TRANSPORT;
}

size_t order_transports(const struct resolver_question *q,
                        enum resolver_transport out[ORDER_SERVICES_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < TRANSPORTS; i++) {
		if (usable(q, i))
			out[n++] = transports[i].transport;
	}
	return n;
}

/* What a named transport means in a sips URI (RFC 3261 26.2.2): TCP and WS with TLS below, nothing for UDP and SCTP. */
static enum resolver_transport secured(enum resolver_transport t)
{
	switch (t) {
	case RESOLVER_TCP:
	case RESOLVER_TLS:
		return RESOLVER_TLS;
	case RESOLVER_WS:
	case RESOLVER_WSS:
		return RESOLVER_WSS;
	case RESOLVER_UDP:
	case RESOLVER_SCTP:
	case RESOLVER_NO_TRANSPORT:
		break;
	}
	return RESOLVER_NO_TRANSPORT;
}

struct order_plan order_plan(const struct resolver_question *q, bool numeric)
{
	struct order_plan plan = { .transport = q->transport };

	/* 4.1: a transport that is named is the one. */
	if (q->transport != RESOLVER_NO_TRANSPORT) {
		if (q->secure)
			plan.transport = secured(q->transport);
		if (plan.transport == RESOLVER_NO_TRANSPORT)
			plan.why = "a sips URI names a transport without TLS";
		else if ((q->supported & plan.transport) == 0)
			plan.why = "the transport that the URI names is not spoken here";
	} else {
		plan.transport = order_default(q);
		if (plan.transport == RESOLVER_NO_TRANSPORT)
			plan.why = q->secure ? "no transport with TLS is spoken here"
			                     : "no transport is spoken here";
	}
	if (plan.why != NULL)
		return plan;
	/* 4.2: a port that is given is the one; so is an address. No SRV, no NAPTR. */
	plan.port = q->port != 0 ? q->port : order_default_port(plan.transport);
	if (numeric || q->port != 0)
		plan.begin = ORDER_ADDRESSES;
	else
		plan.begin = q->transport != RESOLVER_NO_TRANSPORT ? ORDER_SRV : ORDER_NAPTR;
	return plan;
}

/* ---------------------------------------------------------------------------- NAPTR */

/* The transport that a record leads to, if we can use the record at all. RFC 3263 4.1: flag "s", no regexp, a service of ours; flag "a"
 * leads to addresses (RFC 3403 appendix, seen in the field). */
static enum resolver_transport naptr_transport(const struct resolver_question *q,
                                               const struct dns_naptr *n)
{
	bool terminal = str_eq_nocase(n->flags, STR("s")) || str_eq_nocase(n->flags, STR("a"));

	if (!terminal || n->regexp.len > 0 || n->replacement.len == 0)
		return RESOLVER_NO_TRANSPORT;
	for (size_t i = 0; i < TRANSPORTS; i++) {
		if (usable(q, i) && str_eq_nocase(n->services, transports[i].service))
			return transports[i].transport;
	}
	return RESOLVER_NO_TRANSPORT;
}

static uint32_t naptr_rank(const struct dns_naptr *n)
{
	return (uint32_t)n->order << 16 | n->preference;
}

size_t order_naptr(const struct resolver_question *q, const struct dns_record *records,
                   size_t count, struct order_service out[ORDER_SERVICES_MAX])
{
	uint32_t ranks[ORDER_SERVICES_MAX];
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		const struct dns_naptr *naptr = &records[i].naptr;
		enum resolver_transport t = naptr_transport(q, naptr);
		uint32_t rank = naptr_rank(naptr);
		size_t at = n;

		if (t == RESOLVER_NO_TRANSPORT)
			continue;
		/* Into its place; what falls off the end is the least wanted. */
		while (at > 0 && ranks[at - 1] > rank)
			at--;
		if (at == ORDER_SERVICES_MAX)
			continue;
		if (n < ORDER_SERVICES_MAX)
			n++;
		memmove(&ranks[at + 1], &ranks[at], (n - 1 - at) * sizeof(ranks[0]));
		memmove(&out[at + 1], &out[at], (n - 1 - at) * sizeof(out[0]));
		ranks[at] = rank;
		out[at] = (struct order_service){ t, str_eq_nocase(naptr->flags, STR("a")),
			                          naptr->replacement };
	}
	return n;
}

/* ---------------------------------------------------------------------------- SRV */

/* splitmix64: any seed will do. */
static uint64_t draw(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/* A number from 0 to `most`. The bias of the multiplication is below 2^-32. */
static uint64_t draw_upto(uint64_t *state, uint64_t most)
{
	return ((draw(state) >> 32) * (most + 1)) >> 32;
}

bool order_srv_denied(const struct dns_record *records, size_t count)
{
	return count == 1 && records[0].srv.target.len == 0;
}

static bool comes_before(const struct dns_srv *a, const struct dns_srv *b)
{
	if (a->priority != b->priority)
		return a->priority < b->priority;
	return a->weight == 0 && b->weight != 0;
}

/* Merge the sorted halves of `from`, which meet at `middle`, into `to`. */
static void merge(const struct dns_record *records, const uint16_t *from, size_t middle, size_t n,
                  uint16_t *to)
{
	size_t left = 0;
	size_t right = middle;

	for (size_t i = 0; i < n; i++) {
		bool take_right = left == middle ||
		                  (right < n && comes_before(&records[from[right]].srv,
		                                             &records[from[left]].srv));

		to[i] = take_right ? from[right++] : from[left++];
	}
}

/* By priority; among equals weight 0 first, as RFC 2782 wants them for its draw; the rest stays as chance left it. The records are
 * somebody else's choice: the time must not grow with the square of their number. */
static void sort_srv(const struct dns_record *records, uint16_t *list, size_t n)
{
	uint16_t spare[DNS_RECORDS_MAX];

	for (size_t width = 1; width < n; width *= 2) {
		for (size_t start = 0; start < n; start += 2 * width) {
			size_t len = n - start < 2 * width ? n - start : 2 * width;

			merge(records, list + start, width < len ? width : len, len, spare + start);
		}
		memcpy(list, spare, n * sizeof(*list));
	}
}

static void shuffle(uint16_t *list, size_t n, uint64_t *state)
{
	for (size_t i = n; i > 1; i--) {
		size_t other = (size_t)draw_upto(state, i - 1);
		uint16_t record = list[i - 1];

		list[i - 1] = list[other];
		list[other] = record;
	}
}

/* Draw one of the `n` records of one priority by weight and bring it to the front. RFC 2782 draws from 0 on, so that the records of
 * weight 0, which stand first, have a small chance; where there is none, 0 would only favour whoever stands first instead. */
static void draw_srv(const struct dns_record *records, uint16_t *list, size_t n, uint64_t *state)
{
	uint64_t lowest = records[list[0]].srv.weight == 0 ? 0 : 1;
	uint64_t running = 0;
	uint64_t sum = 0;
	uint64_t chosen;
	uint16_t record;
	size_t at = 0;

	for (size_t i = 0; i < n; i++)
		sum += records[list[i]].srv.weight;
	chosen = lowest + draw_upto(state, sum - lowest);
	while (at < n - 1 && (running += records[list[at]].srv.weight) < chosen)
		at++;
	record = list[at];
	memmove(list + 1, list, at * sizeof(*list));
	list[0] = record;
}

size_t order_srv(const struct dns_record *records, size_t count, uint64_t seed, uint16_t *out,
                 size_t max)
{
	uint16_t list[DNS_RECORDS_MAX];
	uint64_t state = seed;
	size_t n = 0;

	for (size_t i = 0; i < count && i < DNS_RECORDS_MAX; i++) {
		if (records[i].srv.target.len > 0 && records[i].srv.port != 0)
			list[n++] = (uint16_t)i;
	}
	shuffle(list, n, &state);
	sort_srv(records, list, n);
	for (size_t i = 0; i < n && i < max; i++) {
		size_t end = i + 1;

		while (end < n && records[list[end]].srv.priority == records[list[i]].srv.priority)
			end++;
		draw_srv(records, list + i, end - i, &state);
		out[i] = list[i];
	}
	return n < max ? n : max;
}

/* ---------------------------------------------------------------------------- addresses */

/* The policy table of RFC 6724 2.1. */
static unsigned precedence(const struct addr *a)
{
	static const struct {
		unsigned char prefix[2];
		unsigned char mask[2];
		unsigned precedence;
	} table[] = {
		{ { 0x20, 0x02 }, { 0xff, 0xff }, 30 }, /* 6to4 */
		{ { 0xfc, 0x00 }, { 0xfe, 0x00 }, 3 },  /* unique local */
		{ { 0xfe, 0xc0 }, { 0xff, 0xc0 }, 1 },  /* site-local */
		{ { 0x3f, 0xfe }, { 0xff, 0xff }, 1 },  /* 6bone */
	};
	const unsigned char *p = a->sa.v6.sin6_addr.s6_addr;

	if (addr_family(a) == AF_INET)
		return 35;
	if (addr_is_loopback(a))
		return 50;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if ((p[0] & table[i].mask[0]) == table[i].prefix[0] &&
		    (p[1] & table[i].mask[1]) == table[i].prefix[1])
			return table[i].precedence;
	}
	if (p[0] == 0x20 && p[1] == 0x01 && p[2] == 0 && p[3] == 0)
		return 5; /* Teredo */
	return 40;
}

static unsigned best_precedence(const struct dns_record *records, size_t count)
{
	unsigned best = 0;

	for (size_t i = 0; i < count; i++) {
		unsigned p = precedence(&records[i].addr);

		best = p > best ? p : best;
	}
	return best;
}

size_t order_addresses(const struct dns_record *v6, size_t v6_count, const struct dns_record *v4,
                       size_t v4_count, uint64_t seed, const struct addr **out, size_t max)
{
	bool v6_first = best_precedence(v6, v6_count) >= best_precedence(v4, v4_count);
	const struct dns_record *lists[2] = { v6_first ? v6 : v4, v6_first ? v4 : v6 };
	size_t counts[2] = { v6_first ? v6_count : v4_count, v6_first ? v4_count : v6_count };
	size_t start[2] = { 0, 0 };
	size_t n = 0;

	for (size_t f = 0; f < 2; f++) {
		if (counts[f] > 0)
			start[f] = (size_t)draw_upto(&seed, counts[f] - 1);
	}
	for (size_t i = 0; i < counts[0] || i < counts[1]; i++) {
		for (size_t f = 0; f < 2 && n < max; f++) {
			if (i < counts[f])
				out[n++] = &lists[f][(start[f] + i) % counts[f]].addr;
		}
	}
	return n;
}
