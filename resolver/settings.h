/* resolver/settings.h: a copy of the configuration that does not change any more, shared by all workers until the last lets go. */
#pragma once
#include "resolver/resolver.h"

#include <stdatomic.h>

struct settings {
	atomic_uint refs;
	/** All that it points to is in the same block. */
	struct resolver_conf conf;
	struct addr servers[RESOLVER_SERVERS_MAX];
	struct network networks[];
};

/** Copy `conf`, with defaults filled in and the system's servers where it names none. ERR_NOMEM, ERR_LIMIT. */
NODISCARD enum err settings_new(struct settings **out, const struct resolver_conf *conf);
/** One reference more. */
struct settings *settings_ref(struct settings *s);
/** One reference less; the last one frees. NULL is fine. */
void settings_unref(struct settings *s);
