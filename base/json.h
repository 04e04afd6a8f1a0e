/* base/json.h: JSON (RFC 8259) as far as we write it, and arrays of strings as far as we read it ourselves.
 *
 * Documents of others are read by a library (federation/document.c); this is what needs none. All functions: any thread; memory comes
 * from the buf or the arena alone. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"

/* ---------------------------------------------------------------------------- writing
 *
 * Values follow each other, and the commas come by themselves. Inside an object each has a name, inside an array, and outermost, NULL. */

struct json {
	struct buf *out;
	unsigned depth;
	bool comma; /* one is due before the next value */
	bool lines; /* the elements of the outermost array or object stand on lines of their own */
};

/** A writer that appends to `out`. */
struct json json_to(struct buf *out);
/** Begin an object ('{') or an array ('['). */
void json_begin(struct json *j, const char *name, char bracket);
/** End it, with '}' or ']'. */
void json_end(struct json *j, char bracket);
/** A string. What is not UTF-8 is written octet by octet, as the characters of those numbers, so that the text is valid in any case. */
void json_str(struct json *j, const char *name, struct str s);
/** A string, or null where it is empty. */
void json_known(struct json *j, const char *name, struct str s);
void json_number(struct json *j, const char *name, int64_t n);
/** `n` thousandths as a decimal fraction: 0.7, 1. */
void json_thousandths(struct json *j, const char *name, unsigned n);
void json_bool(struct json *j, const char *name, bool value);
void json_null(struct json *j, const char *name);
/** An array of strings. */
void json_strs(struct json *j, const char *name, const struct str *items, size_t count);

/* ---------------------------------------------------------------------------- reading */

/** Read an array of strings: `text` is that and white space, nothing else. The strings are copied into `arena`. ERR_SYNTAX: anything else, or not
 * UTF-8; ERR_LIMIT: more than `cap`; ERR_NOMEM. */
NODISCARD enum err json_read_strs(struct str text, struct arena *arena, struct str *out, size_t cap,
                                  size_t *count);

/** How many of the first octets of `s` make one character of UTF-8 (RFC 3629); 0 where they make none. */
size_t json_utf8_len(struct str s);
