/* sip/nonce.h: nonces that the server doesn't remember, and a bounded memory of how often they were used.
 *
 * A nonce carries its time and a salt under a MAC over them and the realm: whoever has the key can check it, on any worker and
 * after a restart. That a nonce count is used once needs memory: struct nonce_counts, at the nonce's home (one loop). */
#pragma once
#include "base/buf.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/hash.h"

/* 8 octets of time, 8 of salt, 16 of MAC, as hex. */
#define SIP_NONCE_TEXT 64

enum sip_nonce_verdict {
	SIP_NONCE_FRESH,
	SIP_NONCE_STALE, /* ours, but too old (or of the future): challenge again with stale=true */
	SIP_NONCE_FORGED, /* not ours, or for another realm: challenge again */
};

/** Write a nonce (SIP_NONCE_TEXT octets, hex). `salt` makes two of the same millisecond differ: random or counted. Any thread.
 * ERR_NOMEM, ERR_LIMIT. */
NODISCARD enum err sip_nonce_make(struct buf *out, struct str key, struct str realm,
                                  struct wall now, uint64_t salt);
/** What is this nonce worth? `*issued` is set unless it is forged. Any thread. */
enum sip_nonce_verdict sip_nonce_check(struct str nonce, struct str key, struct str realm,
                                       struct wall now, int64_t lifetime_ms, struct wall *issued);

enum nonce_use {
	NONCE_FIRST,  /* this count was not used before */
	NONCE_REPLAY, /* it was (or is too far behind the highest to tell) */
	NONCE_UNKNOWN, /* the table had to forget nonces of that age: challenge again with stale=true */
};

struct nonce_counts;

/** A memory for `limit` nonces (rounded up to a power of two, at least 64; 32 octets each, allocated at once). One loop owns it. */
NODISCARD enum err nonce_counts_open(struct nonce_counts **out, size_t limit,
                                     const struct hash_key *key);
/** Free it. NULL is fine. */
void nonce_counts_close(struct nonce_counts *counts);
/** Use count `nc` of a nonce that is fresh and whose response was verified. Counts may come out of order by up to 63. Credentials
 * without qop have no count: pass 0, which may be used once. A nonce is forgotten `lifetime_ms` after `issued`; if the table is full before
 * that, the oldest goes, and nonces of that age are UNKNOWN from then on, so that none is ever taken twice. */
enum nonce_use nonce_counts_use(struct nonce_counts *counts, struct str nonce, uint32_t nc,
                                struct wall issued, struct wall now, int64_t lifetime_ms);
