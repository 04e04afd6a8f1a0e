/* gateway/web.h: what we answer over HTTP: the peers' look-ups on https:// listeners, figures on the admin address. Main thread. */
#pragma once
#include "gateway/gateway.h"

struct web;

/** Start it, with no listeners. */
NODISCARD enum err web_open(struct web **out, struct gateway *g);
/** NULL is fine. Blocks until its thread has ended. */
void web_close(struct web *web);
/** Prepare what `conf` wants: bind, read certificates. Nothing changes yet. `why`: for a person. */
NODISCARD enum err web_prepare(struct web *web, const struct conf *conf, struct buf *why);
/** Where a prepared listener is bound. */
const struct addr *web_bound(const struct web *web, const struct conf_listener *listener);
/** Where the admin address is bound. */
const struct addr *web_admin_bound(const struct web *web);
/** What was prepared is in force. */
void web_switch(struct web *web);
/** What was prepared won't be. */
void web_abandon(struct web *web);
