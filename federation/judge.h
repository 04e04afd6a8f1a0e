/* federation/judge.h: what a peer's HTTP answer means (docs/protocol/lookup.md: outcomes, caching, where answers may point).
 *
 * Values in, a value out: no clock, no socket. Any thread. */
#pragma once
#include "federation/peer.h"

#define FED_CONTACT_FRESH_S 30
#define FED_INGRESS_FRESH_S 300
#define FED_NOBODY_FRESH_S 60
#define FED_ABSENT_FRESH_S 5
#define FED_RETRY_MAX_S 10
#define FED_STALE_MAX_S 86400

struct fed_http_answer {
	unsigned status;
	struct str date; /* header values, empty where there is none */
	struct str age;
	struct str cache_control; /* all of them, joined by commas */
	struct str retry_after;
	struct str body;
	struct wall now; /* when it came */
};

struct fed_judgement {
	struct fed_answer answer; /* its strs point into the arena */
	int64_t fresh_ms;         /* how long it answers others too; 0: not at all */
	int64_t stale_ms;         /* how long, beyond that, it may stand in where the peer fails */
	int64_t retry_s;          /* the peer wants to be left alone; 0: it doesn't say so */
};

/** Judge what `peer` answered about `address`. Never fails: without memory the answer is *failed*. */
void fed_judge(struct fed_judgement *out, const struct fed_http_answer *http, struct str address,
               const struct fed_peers *peers, const struct fed_peer *peer,
               const struct fed_self *self, struct arena *arena);
