/* gateway/conf_build.h: the steps by which conf_load() makes a snapshot. Nobody else includes this. */
#pragma once
#include "gateway/conf.h"
#include "gateway/schema.h"

/** The host's own domain, into `arena`: its name if that has dots, else what /etc/hosts calls it in full, else its bare name. Asks
 * no DNS. */
NODISCARD enum err conf_host_domain(struct arena *arena, struct str *out);
/** Where data lie by default: /var/lib/lotse for root, else $XDG_STATE_HOME/lotse, else ~/.local/state/lotse. */
NODISCARD enum err conf_default_data(struct arena *arena, struct str *out);
/** Put the command line's values into the tree, and the host's domain where nobody named one. */
NODISCARD enum err conf_override(struct yaml_node *root, const struct conf_options *options,
                                 struct arena *arena);
/** Fill in what depends on other keys. `root` tells what was said and what is a default. */
NODISCARD enum err conf_complete(struct conf *conf, const struct yaml_node *root);
/** Make what the look-ups search. Of two with the same key the first counts; conf_check() complains about the second. */
NODISCARD enum err conf_index_build(struct conf *conf);
/** Free it. NULL is fine. */
void conf_index_fini(struct conf_index *index);
/** Complain about what can't be seen at one key alone, and resolve the peers that routes name. */
void conf_check(struct conf *conf, const struct yaml_node *root, struct schema_load *load);
/** The first pair of peers that share an address, or false. */
bool conf_index_overlap(const struct conf *conf, size_t from, const struct conf_peer **a,
                        size_t *a_network, const struct conf_peer **b, size_t *b_network,
                        size_t *next);
