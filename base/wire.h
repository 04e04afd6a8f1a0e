/* base/wire.h: big-endian binary cursors, a reader and a writer, that remember their first failure.
 *
 * Calls do nothing once something has failed, so a format is written as one run of calls with one check at the end. Readers return 0
 * or an empty str after a failure; what a reader returns points into its input. All functions: any thread, no allocation. */
#pragma once
#include "base/str.h"

struct wire_reader {
	const unsigned char *start;
	const unsigned char *p;
	const unsigned char *end;
	enum err err;
};

struct wire_writer {
	unsigned char *start;
	unsigned char *p;
	unsigned char *end;
	enum err err;
};

/** A reader at the start of `in`. */
struct wire_reader wire_reader_of(struct str in);
/** Record a failure, unless there was one before. */
static inline void wire_reader_fail(struct wire_reader *r, enum err e)
{
	if (r->err == ERR_OK)
		r->err = e;
}
/** How many bytes are left; 0 after a failure. */
static inline size_t wire_left(const struct wire_reader *r)
{
	return r->err == ERR_OK ? (size_t)(r->end - r->p) : 0;
}
/** How many bytes have been read. */
static inline size_t wire_position(const struct wire_reader *r)
{
	return (size_t)(r->p - r->start);
}
/** Go to `offset` from the start of the input; ERR_SYNTAX beyond its end. */
void wire_seek(struct wire_reader *r, size_t offset);
/** The next number; ERR_SYNTAX where too few bytes are left. */
uint8_t wire_read8(struct wire_reader *r);
uint16_t wire_read16(struct wire_reader *r);
uint32_t wire_read32(struct wire_reader *r);
uint64_t wire_read64(struct wire_reader *r);
/** Exactly `n` bytes, or ERR_SYNTAX. */
struct str wire_read_bytes(struct wire_reader *r, size_t n);
/** Pass over `n` bytes, or ERR_SYNTAX. */
void wire_skip(struct wire_reader *r, size_t n);
/** A reader over exactly the next `n` bytes, which are taken; failed where there are too few (as is `r` then). */
struct wire_reader wire_part(struct wire_reader *r, size_t n);
/** ERR_OK if nothing failed and nothing is left, otherwise the first failure (ERR_SYNTAX for leftovers). */
NODISCARD enum err wire_reader_end(const struct wire_reader *r);

/** A writer over `size` bytes of the caller's. */
struct wire_writer wire_writer_of(void *memory, size_t size);
/** Record a failure, unless there was one before. */
static inline void wire_writer_fail(struct wire_writer *w, enum err e)
{
	if (w->err == ERR_OK)
		w->err = e;
}
/** How many bytes have been written. */
static inline size_t wire_written(const struct wire_writer *w)
{
	return (size_t)(w->p - w->start);
}
/** Append a number; ERR_LIMIT where there is no room. */
void wire_write8(struct wire_writer *w, uint8_t value);
void wire_write16(struct wire_writer *w, uint16_t value);
void wire_write32(struct wire_writer *w, uint32_t value);
void wire_write64(struct wire_writer *w, uint64_t value);
void wire_write_bytes(struct wire_writer *w, const void *p, size_t n);
void wire_write_str(struct wire_writer *w, struct str s);
/** `n` bytes of zero. */
void wire_write_zero(struct wire_writer *w, size_t n);
/** Overwrite the 16 bits at `offset`, which must have been written before (ERR_RANGE). */
void wire_patch16(struct wire_writer *w, size_t offset, uint16_t value);
/** What has been written so far; empty after a failure. */
static inline struct str wire_view(const struct wire_writer *w)
{
	return w->err == ERR_OK ? str_of((const char *)w->start, wire_written(w)) : STR_NONE;
}
