#include "base/wire.h"

struct wire_reader wire_reader_of(struct str in)
{
	const unsigned char *p = (const unsigned char *)in.p;

	return (struct wire_reader){ p, p, p == NULL ? NULL : p + in.len, ERR_OK };
}

void wire_seek(struct wire_reader *r, size_t offset)
{
	if (r->err != ERR_OK)
		return;
	if (offset > (size_t)(r->end - r->start))
		wire_reader_fail(r, ERR_SYNTAX);
	else if (r->start != NULL)
		r->p = r->start + offset;
}

/* Are `n` bytes left? Fails otherwise. */
static bool want(struct wire_reader *r, size_t n)
{
	if (r->err == ERR_OK && (size_t)(r->end - r->p) < n)
		r->err = ERR_SYNTAX;
	return r->err == ERR_OK;
}

static uint64_t read_number(struct wire_reader *r, size_t bytes)
{
	uint64_t value = 0;

	if (!want(r, bytes))
		return 0;
	for (size_t i = 0; i < bytes; i++)
		value = value << 8 | *r->p++;
	return value;
}

uint8_t wire_read8(struct wire_reader *r)
{
	return (uint8_t)read_number(r, 1);
}

uint16_t wire_read16(struct wire_reader *r)
{
	return (uint16_t)read_number(r, 2);
}

uint32_t wire_read32(struct wire_reader *r)
{
	return (uint32_t)read_number(r, 4);
}

uint64_t wire_read64(struct wire_reader *r)
{
	return read_number(r, 8);
}

struct str wire_read_bytes(struct wire_reader *r, size_t n)
{
	struct str s = STR_NONE;

	if (!want(r, n))
		return s;
	s = str_of((const char *)r->p, n);
	if (n > 0)
		r->p += n;
	return s;
}

void wire_skip(struct wire_reader *r, size_t n)
{
	(void)wire_read_bytes(r, n);
}

struct wire_reader wire_part(struct wire_reader *r, size_t n)
{
	struct wire_reader part = wire_reader_of(wire_read_bytes(r, n));

	part.err = r->err;
	return part;
}

enum err wire_reader_end(const struct wire_reader *r)
{
	if (r->err != ERR_OK)
		return r->err;
	return r->p == r->end ? ERR_OK : ERR_SYNTAX;
}

struct wire_writer wire_writer_of(void *memory, size_t size)
{
	unsigned char *p = memory;

	return (struct wire_writer){ p, p, p == NULL ? NULL : p + size, ERR_OK };
}

/* Is there room for `n` bytes? Fails otherwise. */
static bool room(struct wire_writer *w, size_t n)
{
	if (w->err == ERR_OK && (size_t)(w->end - w->p) < n)
		w->err = ERR_LIMIT;
	return w->err == ERR_OK;
}

static void write_number(struct wire_writer *w, uint64_t value, size_t bytes)
{
	if (!room(w, bytes))
		return;
	for (size_t i = bytes; i > 0; i--)
		*w->p++ = (unsigned char)(value >> (8 * (i - 1)));
}

void wire_write8(struct wire_writer *w, uint8_t value)
{
	write_number(w, value, 1);
}

void wire_write16(struct wire_writer *w, uint16_t value)
{
	write_number(w, value, 2);
}

void wire_write32(struct wire_writer *w, uint32_t value)
{
	write_number(w, value, 4);
}

void wire_write64(struct wire_writer *w, uint64_t value)
{
	write_number(w, value, 8);
}

void wire_write_bytes(struct wire_writer *w, const void *p, size_t n)
{
	if (n == 0 || !room(w, n))
		return;
	memcpy(w->p, p, n);
	w->p += n;
}

void wire_write_str(struct wire_writer *w, struct str s)
{
	wire_write_bytes(w, s.p, s.len);
}

void wire_write_zero(struct wire_writer *w, size_t n)
{
	if (n == 0 || !room(w, n))
		return;
	memset(w->p, 0, n);
	w->p += n;
}

void wire_patch16(struct wire_writer *w, size_t offset, uint16_t value)
{
	if (w->err != ERR_OK)
		return;
	if (wire_written(w) < 2 || offset > wire_written(w) - 2) {
		w->err = ERR_RANGE;
		return;
	}
	w->start[offset] = (unsigned char)(value >> 8);
	w->start[offset + 1] = (unsigned char)value;
}
