/* resolver/name.h: domain names between text and wire.
 *
 * A canonical name is lower case, without the final dot; an octet that is no letter, digit, hyphen or underscore stands as \DDD
 * (RFC 1035 5.1), so that one name has one spelling. The root is empty. All functions: any thread, no allocation. */
#pragma once
#include "base/addr.h"
#include "base/wire.h"

/** Room for any canonical name with a NUL. */
#define NAME_TEXT_MAX 1024
/** A name on the wire (RFC 1035 2.3.4). */
#define NAME_WIRE_MAX 255
#define NAME_LABEL_MAX 63

/** A host name as people and URIs write it, made canonical into `out`; returns its length. ERR_SYNTAX: empty, an empty label,
 * an octet that doesn't belong into a host name; ERR_LIMIT: a label or the name is too long. */
NODISCARD enum err name_canonical(struct str in, char out[NAME_TEXT_MAX], size_t *len);
/** Append a canonical name to a packet, uncompressed. ERR_SYNTAX, ERR_LIMIT are remembered by `w`. */
void name_write(struct wire_writer *w, struct str name);
/** Read a name from a packet, following compression pointers (RFC 1035 4.1.4), which only lead backwards; returns what stands in
 * `out`. Failures are remembered by `r`. */
struct str name_read(struct wire_reader *r, char out[NAME_TEXT_MAX]);
/** localhost, or below it (RFC 6761 6.3)? */
bool name_is_localhost(struct str name);
/** invalid, or below it (RFC 6761 6.4)? */
bool name_is_invalid(struct str name);
