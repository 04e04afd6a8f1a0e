/* registrar/record.h: the bindings of one address as octets, as they lie in the store.
 *
 *	octet    version, 1
 *	64 bits  when the first of them expires, so that whoever looks for expired ones need not read further
 *	octet    how many, 1 to REG_CONTACTS_MAX
 *	then each binding:
 *	16 bits  which of the optional parts follow (REG_HAS_...)
 *	64 bits  expires, registered (milliseconds since 1970), content; 32 bits CSeq; 16 bits q; octet transport
 *	texts    16 bits of length, then the octets: uri, call_id, and as told: instance, methods, params, path, user_agent
 *	as told  32 bits reg_id; connection and boot, 64 bits each; remote and local address
 *
 * Numbers are big-endian. What is absent costs nothing: an ordinary binding takes about 150 octets. All functions: any thread, no
 * allocation. */
#pragma once
#include "registrar/registrar.h"

#define REG_RECORD_VERSION 1

/** How many octets reg_record_encode() will write. */
size_t reg_record_size(const struct reg_binding *items, size_t count);
/** Write `count` (1 to REG_CONTACTS_MAX) bindings; returns how many octets of `out`, which has `size`. ERR_LIMIT: too small, or a text
 * over 65535 octets. */
NODISCARD enum err reg_record_encode(const struct reg_binding *items, size_t count, void *out,
                                     size_t size, size_t *len);
/** Read those that are not expired at `now`, at most REG_CONTACTS_MAX, in the order of the record; their texts point into `record`.
 * ERR_VERSION: of a newer program; ERR_CORRUPT. */
NODISCARD enum err reg_record_decode(struct str record, struct wall now,
                                     struct reg_binding items[REG_CONTACTS_MAX], size_t *count);
/** How many bindings it has, expired ones too, without looking at them. Same failures. */
NODISCARD enum err reg_record_count(struct str record, size_t *count);
/** Is one of its bindings expired at `now`? Reads the beginning alone. */
bool reg_record_is_stale(struct str record, struct wall now);
