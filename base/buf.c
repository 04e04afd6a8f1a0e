#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define BUF_FIRST 256

void buf_init(struct buf *b, size_t limit)
{
	*b = (struct buf){ .limit = limit };
}

void buf_wrap(struct buf *b, void *memory, size_t size)
{
	*b = (struct buf){ .data = memory, .cap = size, .limit = size, .fixed = true };
}

void buf_fini(struct buf *b)
{
	if (!b->fixed)
		free(b->data);
	*b = (struct buf){ .limit = b->limit };
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	b->err = ERR_OK;
}

static void fail(struct buf *b, enum err e)
{
	if (b->err == ERR_OK)
		b->err = e;
}

static bool grow(struct buf *b, size_t need)
{
	size_t cap = b->cap == 0 ? BUF_FIRST : b->cap;
	char *data;

	while (cap < need)
		cap *= 2;
	if (cap > b->limit)
		cap = b->limit;
	data = realloc(b->data, cap);
	if (data == NULL) {
		fail(b, ERR_NOMEM);
		return false;
	}
	b->data = data;
	b->cap = cap;
	return true;
}

char *buf_room(struct buf *b, size_t more)
{
	if (b->err != ERR_OK)
		return NULL;
	if (more > b->limit - b->len) {
		fail(b, ERR_LIMIT);
		return NULL;
	}
	if (more > b->cap - b->len && !grow(b, b->len + more))
		return NULL;
	return b->data + b->len;
}

void buf_advance(struct buf *b, size_t n)
{
	must(n <= b->cap - b->len);
	b->len += n;
}

void buf_bytes(struct buf *b, const void *p, size_t n)
{
	char *room = n == 0 ? NULL : buf_room(b, n);

	if (room == NULL)
		return;
	memcpy(room, p, n);
	b->len += n;
}

void buf_str(struct buf *b, struct str s)
{
	buf_bytes(b, s.p, s.len);
}

void buf_z(struct buf *b, const char *z)
{
	buf_bytes(b, z, strlen(z));
}

void buf_char(struct buf *b, char c)
{
	buf_bytes(b, &c, 1);
}

void buf_number(struct buf *b, uint64_t n)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + n % 10);
		n /= 10;
	} while (n > 0);
	buf_bytes(b, digits + at, sizeof(digits) - at);
}

void buf_printf(struct buf *b, const char *format, ...)
{
	va_list ap;
	va_list again;
	int n;

	va_start(ap, format);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, format, ap);
	if (n < 0) {
		fail(b, ERR_SYNTAX);
	} else if (b->err == ERR_OK && (size_t)n == b->limit - b->len) {
		/* vsnprintf wants a place for its NUL; the text alone fits exactly. */
		char *z = malloc((size_t)n + 1);

		if (z == NULL) {
			fail(b, ERR_NOMEM);
		} else {
			(void)vsnprintf(z, (size_t)n + 1, format, again);
			buf_bytes(b, z, (size_t)n);
			free(z);
		}
	} else if (buf_room(b, (size_t)n + 1) != NULL) {
		(void)vsnprintf(b->data + b->len, (size_t)n + 1, format, again);
		b->len += (size_t)n;
	}
	va_end(again);
	va_end(ap);
}

void buf_drop(struct buf *b, size_t n)
{
	if (n > b->len)
		n = b->len;
	if (n > 0 && n < b->len)
		memmove(b->data, b->data + n, b->len - n);
	b->len -= n;
}

const char *buf_cstr(struct buf *b)
{
	char *room = buf_room(b, 1);

	if (room == NULL)
		return NULL;
	*room = '\0';
	return b->data;
}

char *buf_take(struct buf *b)
{
	char *data;

	if (b->fixed || buf_cstr(b) == NULL)
		return NULL;
	data = b->data;
	b->data = NULL;
	buf_fini(b);
	return data;
}
