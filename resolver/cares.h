/* resolver/cares.h: carries packets to name servers and back, over UDP and, where an answer is truncated, TCP. By c-ares, which only
 * this file knows.
 *
 * Each server has channels of its own, so that we decide whom to ask, how long to wait and when to ask the next. A carrier belongs to
 * one loop; opening it may happen on any thread before that. */
#pragma once
#include "base/addr.h"
#include "base/loop.h"

struct cares;

/** Called once for each packet sent: ERR_OK with an answer that bears the same identity and question, from that server;
 * ERR_TIMEOUT; ERR_UNREACHABLE; ERR_NOMEM; ERR_CANCELLED where the carrier is closed. `answer` lives as long as the call. */
typedef void (*cares_done_fn)(void *arg, enum err e, struct str answer);

/** Begin to use the library; once for each cares_library_close(). */
NODISCARD enum err cares_library_open(void);
void cares_library_close(void);
/** The servers that the system uses, at most `max`; returns how many. Reads /etc/resolv.conf. */
NODISCARD enum err cares_system_servers(struct addr *out, size_t max, size_t *count);

/** A carrier for `loop` to `count` servers; what isn't answered within `timeout_ms` has failed. */
NODISCARD enum err cares_open(struct cares **out, struct loop *loop, const struct addr *servers,
                              size_t count, int64_t timeout_ms);
/** Send a question to one of the servers; `edns`: its last 11 octets are an OPT record. `done` may be called before this returns. */
void cares_send(struct cares *c, size_t server, bool edns, struct str packet, cares_done_fn done,
                void *arg);
/** How many packets are under way. */
size_t cares_pending(const struct cares *c);
/** Close it, ending all that is under way with ERR_CANCELLED. Not from inside a `done`. NULL is fine. */
void cares_close(struct cares *c);
