#include "resolver/records.h"

#include "base/mem.h"

/* Strings are copied behind the records, one after the other. */
static size_t text_size(const struct dns_answer *a)
{
	size_t size = a->alias.len;

	for (size_t i = 0; i < a->count; i++) {
		const struct dns_record *r = &a->records[i];

		if (a->type == DNS_SRV)
			size += r->srv.target.len;
		else if (a->type == DNS_NAPTR)
			size += r->naptr.flags.len + r->naptr.services.len + r->naptr.regexp.len +
			        r->naptr.replacement.len;
	}
	return size;
}

static void move(struct str *s, char **to)
{
	if (s->len > 0)
		memcpy(*to, s->p, s->len);
	s->p = *to;
	*to += s->len;
}

static void move_record(struct dns_record *r, enum dns_type type, char **to)
{
	if (type == DNS_SRV) {
		move(&r->srv.target, to);
	} else if (type == DNS_NAPTR) {
		move(&r->naptr.flags, to);
		move(&r->naptr.services, to);
		move(&r->naptr.regexp, to);
		move(&r->naptr.replacement, to);
	}
}

struct records *records_new(const struct dns_answer *answer, struct mono expires)
{
	size_t list = answer->count * sizeof(struct dns_record);
	struct records *r = malloc(sizeof(*r) + list + text_size(answer));
	struct dns_record *records;
	char *text;

	if (r == NULL)
		return NULL;
	atomic_init(&r->refs, 1);
	r->answer = *answer;
	r->expires = expires;
	records = (struct dns_record *)(r + 1);
	text = (char *)records + list;
	r->answer.records = records;
	if (list > 0)
		memcpy(records, answer->records, list);
	move(&r->answer.alias, &text);
	for (size_t i = 0; i < answer->count; i++)
		move_record(&records[i], answer->type, &text);
	return r;
}

struct records *records_ref(struct records *r)
{
	if (r != NULL)
		(void)atomic_fetch_add_explicit(&r->refs, 1, memory_order_relaxed);
	return r;
}

void records_unref(struct records *r)
{
	if (r != NULL && atomic_fetch_sub_explicit(&r->refs, 1, memory_order_acq_rel) == 1)
		free(r);
}

uint32_t records_ttl(const struct records *r, struct mono now)
{
	int64_t left = r->expires.ns - now.ns;

	return left <= 0 ? 0 : (uint32_t)((left + 999999999) / 1000000000);
}
