/* base/buf.h: a growing byte buffer with a limit, and a sticky error.
 *
 * Writers do nothing after the first failure (ERR_LIMIT over the limit, ERR_NOMEM), so a message is composed as a run of
 * calls with one check of `err` at the end. A buf belongs to whoever holds it. */
#pragma once
#include "base/str.h"

struct buf {
	char *data;
	size_t len;
	size_t cap;
	size_t limit;
	enum err err;
	bool fixed; /* over memory of the caller's: never grown, never freed */
};

/** An empty buffer that may grow to `limit` bytes. Allocates at the first write. */
void buf_init(struct buf *b, size_t limit);
/** A buffer over `size` bytes of the caller's: no allocation. */
void buf_wrap(struct buf *b, void *memory, size_t size);
/** Free what it holds; the buffer is empty and usable afterwards. */
void buf_fini(struct buf *b);
/** Forget the content and the error, keep the memory. */
void buf_clear(struct buf *b);
/** Make room for `more` bytes and return where they go (not counted until buf_advance), or NULL. */
char *buf_room(struct buf *b, size_t more);
/** Count `n` bytes written into the room. */
void buf_advance(struct buf *b, size_t n);
void buf_bytes(struct buf *b, const void *p, size_t n);
void buf_str(struct buf *b, struct str s);
void buf_z(struct buf *b, const char *z);
void buf_char(struct buf *b, char c);
void buf_number(struct buf *b, uint64_t n);
void buf_printf(struct buf *b, const char *format, ...) PRINTF_LIKE(2, 3);
/** Remove `n` bytes from the front (clamped). */
void buf_drop(struct buf *b, size_t n);
/** A NUL behind the content (not counted in len): the content as a C string, or NULL after a failure. */
const char *buf_cstr(struct buf *b);
/** What stands in it; valid until the next write. */
static inline struct str buf_view(const struct buf *b)
{
	return str_of(b->data, b->len);
}
/** Give the memory away (malloc'd, NUL-terminated); the buffer is empty afterwards. NULL after a failure. Not for wrapped ones. */
char *buf_take(struct buf *b);
