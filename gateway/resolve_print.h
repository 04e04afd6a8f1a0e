/* gateway/resolve_print.h: what the resolver has found, for people and for programs. */
#pragma once
#include "base/buf.h"
#include "resolver/resolver.h"

/** Append targets, reason and (where there are steps and `trace`) the tree of questions as lines for people. */
void resolve_print_text(const struct resolver_result *result, bool trace, struct buf *out);
/** Append one JSON object and a line's end: {"outcome", "reason", "targets": [...], "trace": [...]}; what is not known is null. */
void resolve_print_json(const struct resolver_result *result, struct buf *out);
