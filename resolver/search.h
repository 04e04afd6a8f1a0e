/* resolver/search.h: the procedure of RFC 3263 4.1 and 4.2 over what is known so far.
 *
 * It is run from the beginning whenever something has become known: each step takes its answer where there is one, and asks where
 * there is none. So all that can be asked at a time is asked at once, and what was asked before is not asked again. */
#pragma once
#include "resolver/query.h"

/** What one run has come to. Hosts in `targets` point into the query's answers. */
struct search {
	struct resolver_query *query;
	struct resolver_target targets[RESOLVER_TARGETS_MAX];
	size_t count;
	/** Hosts whose addresses aren't known yet: one target each, as far as we know. */
	size_t expected;
	/** Something isn't known yet that counts. */
	bool waiting;
	/** Something was left out because the time is running out. */
	bool skipped;
	/** Something that counts couldn't be found out. */
	bool failed;
	/** There were NAPTR or SRV records that we could use. */
	bool services;
	/** An SRV record says that the service is decidedly not available (RFC 2782). */
	bool denied;
	/** DNS says that the name itself doesn't exist; for how many seconds. */
	bool no_name;
	uint32_t no_name_ttl;
	/** Targets left out because they point inwards, and the first of them. */
	size_t refused;
	struct addr refused_addr;
};

void search_run(struct search *s, struct resolver_query *q);
