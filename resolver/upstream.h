/* resolver/upstream.h: the name servers of one configuration, as one worker reaches them. Lives until the last question that began
 * with it has ended. Belongs to one loop. */
#pragma once
#include "resolver/cares.h"
#include "resolver/servers.h"
#include "resolver/settings.h"

struct upstream {
	struct upstream *next; /* of its home */
	struct upstream **prev;
	struct loop *loop;
	struct settings *settings;
	struct cares *cares;
	struct servers servers;
	unsigned refs;
	struct loop_end end;
};

/** Open one with a reference, for `loop`; `settings` gets a reference more. Any thread, before it is given to the loop. */
NODISCARD enum err upstream_open(struct upstream **out, struct loop *loop,
                                 struct settings *settings);
/** Put it into a list. */
void upstream_link(struct upstream *up, struct upstream **list);
/** One reference more. */
struct upstream *upstream_ref(struct upstream *up);
/** One reference less; after the last one it is closed at the end of the turn. */
void upstream_unref(struct upstream *up);
/** Close it at once, with all packets under way. Not from inside a cares_done_fn. NULL is fine. */
void upstream_close(struct upstream *up);
