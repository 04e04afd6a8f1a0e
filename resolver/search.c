#include "resolver/search.h"

#include <stdio.h>

/* Targets of SRV records that are looked at, where the first of them have no addresses. */
#define HOSTS_MAX (QUERY_ASKS_MAX / 2)

/* How one comes to a host. */
struct lead {
	enum resolver_transport transport;
	uint16_t port;
	const struct dns_srv *srv; /* or NULL */
	uint32_t ttl;
	unsigned depth;
};

enum known { NOT_YET, FAILED, NOTHING, RECORDS };

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* Is it worth waiting for? Not for ever, and from half of the time on only for what has become necessary since. */
static bool is_awaited(const struct resolver_query *q, const struct ask *ask)
{
	return !ask->answered && !q->late && (!q->impatient || !mono_after(q->half, ask->begun));
}

/* What is known about (name, type); asks where nobody has. */
static enum known look(struct search *s, struct str name, enum dns_type type, unsigned depth,
                       const struct records **out)
{
	struct ask *ask = query_ask(s->query, name, type, depth);
	enum dns_verdict v;

	*out = NULL;
	if (ask != NULL && is_awaited(s->query, ask)) {
		s->waiting = true;
		return NOT_YET;
	}
	v = ask == NULL ? DNS_NO_MEMORY : ask_verdict(ask);
	s->skipped |= ask != NULL && !ask->answered;
	if (!dns_is_answer(v)) {
		s->failed = true;
		return FAILED;
	}
	*out = ask->records;
	return v == DNS_RECORDS ? RECORDS : NOTHING;
}

/* ---------------------------------------------------------------------------- addresses */

static bool is_there(const struct search *s, enum resolver_transport t, const struct addr *addr)
{
	for (size_t i = 0; i < s->count; i++) {
		if (s->targets[i].transport == t && addr_eq(&s->targets[i].addr, addr))
			return true;
	}
	return false;
}

static void add_target(struct search *s, const struct lead *lead, struct str host, struct addr addr,
                       uint32_t ttl)
{
	const struct resolver_query *q = s->query;

	addr_set_port(&addr, lead->port);
	if (q->question.foreign && !resolver_may_point_at(&q->settings->conf, &addr)) {
		if (s->refused++ == 0)
			s->refused_addr = addr;
		return;
	}
	if (s->count >= q->question.limit || is_there(s, lead->transport, &addr))
		return;
	s->targets[s->count++] = (struct resolver_target){
		.transport = lead->transport,
		.host = host,
		.addr = addr,
		.priority = lead->srv == NULL ? 0 : lead->srv->priority,
		.weight = lead->srv == NULL ? 0 : lead->srv->weight,
		.has_srv = lead->srv != NULL,
		.ttl = ttl,
	};
}

/* RFC 6761 6.3: they are this machine, and nobody is asked. */
static void add_localhost(struct search *s, const struct lead *lead, struct str host)
{
	static const struct str texts[] = { STR_INIT("127.0.0.1"), STR_INIT("::1") };

	for (size_t i = 0; i < 2; i++) {
		struct addr addr;

		if (addr_parse(&addr, texts[i], 0) == ERR_OK)
			add_target(s, lead, host, addr, lead->ttl);
	}
}

static void add_addresses(struct search *s, const struct lead *lead, struct str host,
                          const struct records *v6, const struct records *v4)
{
	const struct addr *list[RESOLVER_TARGETS_MAX];
	struct mono now = loop_now(s->query->home->loop);
	size_t v6_count = v6 == NULL ? 0 : v6->answer.count;
	size_t n = order_addresses(v6 == NULL ? NULL : v6->answer.records, v6_count,
	                           v4 == NULL ? NULL : v4->answer.records,
	                           v4 == NULL ? 0 : v4->answer.count, s->query->question.seed, list,
	                           RESOLVER_TARGETS_MAX);

	for (size_t i = 0; i < n; i++) {
		const struct records *from = addr_family(list[i]) == AF_INET6 ? v6 : v4;

		add_target(s, lead, host, *list[i], least(lead->ttl, records_ttl(from, now)));
	}
}

/* As many as are wanted, if each host has only one? */
static bool is_enough(const struct search *s)
{
	return s->count + s->expected >= s->query->question.limit;
}

/* Does DNS say that the name itself doesn't exist? */
static void note_no_name(struct search *s, const struct records *r)
{
	if (r == NULL || r->answer.verdict != DNS_NO_NAME)
		return;
	s->no_name = true;
	s->no_name_ttl = records_ttl(r, loop_now(s->query->home->loop));
}

/* 4.2, last step: the addresses of a host, both families asked at once. */
static void add_host(struct search *s, const struct lead *lead, struct str host)
{
	const struct records *v6;
	const struct records *v4;
	enum known six;
	enum known four;

	if (is_enough(s))
		return;
	if (name_is_localhost(host)) {
		add_localhost(s, lead, host);
		return;
	}
	six = look(s, host, DNS_AAAA, lead->depth, &v6);
	four = look(s, host, DNS_A, lead->depth, &v4);
	if (lead->depth == 0) {
		note_no_name(s, v6);
		note_no_name(s, v4);
	}
	if (six == NOT_YET || four == NOT_YET)
		s->expected++;
	else
		add_addresses(s, lead, host, six == RECORDS ? v6 : NULL,
		              four == RECORDS ? v4 : NULL);
}

/* ---------------------------------------------------------------------------- services */

static void add_srv(struct search *s, struct lead *lead, const struct records *srv)
{
	const struct dns_record *records = srv->answer.records;
	uint16_t order[HOSTS_MAX];
	size_t n;

	s->services = true;
	if (order_srv_denied(records, srv->answer.count)) {
		s->denied = true;
		return;
	}
	if (is_enough(s))
		return;
	lead->ttl = least(lead->ttl, records_ttl(srv, loop_now(s->query->home->loop)));
	n = order_srv(records, srv->answer.count, s->query->question.seed, order, HOSTS_MAX);
	for (size_t i = 0; i < n; i++) {
		lead->srv = &records[order[i]].srv;
		lead->port = lead->srv->port;
		add_host(s, lead, lead->srv->target);
	}
}

/* 4.2: no port, no numeric host: SRV records, and where there are none, the addresses of the host with the default port. */
static void by_services(struct search *s, const struct order_service *list, size_t count,
                        uint32_t ttl, unsigned depth)
{
	bool none = true;

	for (size_t i = 0; i < count; i++) {
		if (!list[i].direct)
			(void)query_ask(s->query, list[i].name, DNS_SRV, depth);
	}
	for (size_t i = 0; i < count; i++) {
		struct lead lead = { list[i].transport, order_default_port(list[i].transport), NULL,
			             ttl, depth };
		const struct records *srv;
		enum known known;

		if (is_enough(s))
			return;
		if (list[i].direct) {
			none = false;
			add_host(s, &lead, list[i].name);
			continue;
		}
		known = look(s, list[i].name, DNS_SRV, depth, &srv);
		none = none && known == NOTHING;
		lead.depth = 2;
		if (known == RECORDS)
			add_srv(s, &lead, srv);
	}
	if (none && count > 0) {
		struct lead lead = { list[0].transport, order_default_port(list[0].transport), NULL,
			             UINT32_MAX, 0 };

		add_host(s, &lead, s->query->name);
	}
}

struct names {
	struct order_service list[ORDER_SERVICES_MAX];
	size_t count;
	char text[ORDER_SERVICES_MAX][NAME_WIRE_MAX];
};

/* The names at which a domain has its SRV records. None where they would be too long to exist. */
static void name_services(struct names *names, struct str domain,
                          const enum resolver_transport *list, size_t count)
{
	names->count = 0;
	for (size_t i = 0; i < count; i++) {
		char *text = names->text[names->count];
		int len = snprintf(text, NAME_WIRE_MAX, "%s%.*s", order_prefix(list[i]),
		                   STR_ARG(domain));

		if (len > 0 && len < NAME_WIRE_MAX - 1)
			names->list[names->count++] =
				(struct order_service){ list[i], false, str_of(text, (size_t)len) };
	}
}

static void by_default(struct search *s)
{
	struct lead lead = { s->query->plan.transport, s->query->plan.port, NULL, UINT32_MAX, 0 };

	add_host(s, &lead, s->query->name);
}

static void by_srv(struct search *s, const enum resolver_transport *list, size_t count)
{
	struct names names;

	name_services(&names, s->query->name, list, count);
	if (names.count == 0)
		by_default(s);
	else
		by_services(s, names.list, names.count, UINT32_MAX, 0);
}

/* 4.1: no transport, no port, no numeric host: NAPTR records, and where none is of use, SRV records of all transports, which are
 * asked at the same time: they are nearly always those to which the NAPTR records lead. */
static void by_naptr(struct search *s)
{
	struct resolver_query *q = s->query;
	enum resolver_transport transports[ORDER_SERVICES_MAX];
	size_t count = order_transports(&q->question, transports);
	struct order_service list[ORDER_SERVICES_MAX];
	const struct records *naptr;
	struct names names;
	bool failed = s->failed;
	enum known known = look(s, q->name, DNS_NAPTR, 0, &naptr);
	size_t n = 0;

	name_services(&names, q->name, transports, count);
	for (size_t i = 0; i < names.count; i++)
		(void)query_ask(q, names.list[i].name, DNS_SRV, 0);
	if (known == NOT_YET)
		return;
	/* Servers and boxes on the way that know no NAPTR are not rare; SRV records will do. */
	s->failed = failed;
	if (known == RECORDS)
		n = order_naptr(&q->question, naptr->answer.records, naptr->answer.count, list);
	if (n > 0) {
		s->services = true;
		by_services(s, list, n, records_ttl(naptr, loop_now(q->home->loop)), 1);
	} else {
		by_srv(s, transports, count);
	}
}

void search_run(struct search *s, struct resolver_query *q)
{
	struct lead lead = { q->plan.transport, q->plan.port, NULL, UINT32_MAX, 0 };

	*s = (struct search){ .query = q };
	if (q->plan.begin == ORDER_IMPOSSIBLE)
		return;
	if (q->numeric)
		add_target(s, &lead, q->name, q->addr, UINT32_MAX);
	else if (name_is_invalid(q->name)) /* RFC 6761 6.4 */
		s->no_name = true;
	else if (q->plan.begin == ORDER_ADDRESSES)
		by_default(s);
	else if (q->plan.begin == ORDER_SRV)
		by_srv(s, &q->plan.transport, 1);
	else
		by_naptr(s);
}
