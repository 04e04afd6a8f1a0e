/* resolver/records.h: what is known about a name and a type: written once, then read by any thread until the last reference goes. */
#pragma once
#include "base/clock.h"
#include "resolver/dns.h"

#include <stdatomic.h>

struct records {
	atomic_uint refs;
	/** Nothing in it changes. */
	struct dns_answer answer;
	/** Until when it may be used. */
	struct mono expires;
};

/** A compact copy of `answer` that ends at `expires`, with one reference; NULL without memory. */
struct records *records_new(const struct dns_answer *answer, struct mono expires);
/** One reference more; NULL stays NULL. */
struct records *records_ref(struct records *r);
/** One reference less; the last one frees. NULL is fine. */
void records_unref(struct records *r);
/** Seconds left at `now`, rounded up; 0 where it has ended. */
uint32_t records_ttl(const struct records *r, struct mono now);
