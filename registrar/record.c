#include "registrar/record.h"

#include "base/wire.h"

enum {
	REG_HAS_INSTANCE = 1 << 0,
	REG_HAS_REG_ID = 1 << 1,
	REG_HAS_METHODS = 1 << 2,
	REG_HAS_PARAMS = 1 << 3,
	REG_HAS_PATH = 1 << 4,
	REG_HAS_USER_AGENT = 1 << 5,
	REG_HAS_CONNECTION = 1 << 6,
	REG_HAS_REMOTE = 1 << 7,
	REG_HAS_LOCAL = 1 << 8,
	REG_HAS_ALL = (1 << 9) - 1
};

enum { HEAD_OCTETS = 1 + 8 + 1, FIXED_OCTETS = 2 + 3 * 8 + 4 + 2 + 1 };

/* 10 000 years: no time of ours is later, and sums with it don't overflow. */
#define MS_MAX ((uint64_t)315569520000000)

static unsigned parts_of(const struct reg_binding *b)
{
	unsigned parts = 0;

	parts |= str_empty(b->instance) ? 0 : (unsigned)REG_HAS_INSTANCE;
	parts |= b->reg_id == 0 ? 0 : (unsigned)REG_HAS_REG_ID;
	parts |= str_empty(b->methods) ? 0 : (unsigned)REG_HAS_METHODS;
	parts |= str_empty(b->params) ? 0 : (unsigned)REG_HAS_PARAMS;
	parts |= str_empty(b->path) ? 0 : (unsigned)REG_HAS_PATH;
	parts |= str_empty(b->user_agent) ? 0 : (unsigned)REG_HAS_USER_AGENT;
	parts |= b->source.connection == 0 ? 0 : (unsigned)REG_HAS_CONNECTION;
	parts |= addr_family(&b->source.remote) == 0 ? 0 : (unsigned)REG_HAS_REMOTE;
	parts |= addr_family(&b->source.local) == 0 ? 0 : (unsigned)REG_HAS_LOCAL;
	return parts;
}

/* ---------------------------------------------------------------------------- writing */

static size_t text_size(struct str s)
{
	return s.len == 0 ? 0 : 2 + s.len;
}

static size_t addr_size(const struct addr *a)
{
	switch (addr_family(a)) {
	case AF_INET:
		return 1 + 4 + 2;
	case AF_INET6:
		return 1 + 16 + 2 + 4;
	default:
		return 0;
	}
}

static size_t binding_size(const struct reg_binding *b)
{
	return FIXED_OCTETS + 2 + b->uri.len + 2 + b->call_id.len + text_size(b->instance) +
	       text_size(b->methods) + text_size(b->params) + text_size(b->path) +
	       text_size(b->user_agent) + (b->reg_id == 0 ? 0 : 4) +
	       (b->source.connection == 0 ? 0 : 16) + addr_size(&b->source.remote) +
	       addr_size(&b->source.local);
}

size_t reg_record_size(const struct reg_binding *items, size_t count)
{
	size_t size = HEAD_OCTETS;

	for (size_t i = 0; i < count; i++)
		size += binding_size(&items[i]);
	return size;
}

static void write_text(struct wire_writer *w, struct str s)
{
	if (s.len > UINT16_MAX) {
		wire_writer_fail(w, ERR_LIMIT);
		return;
	}
	wire_write16(w, (uint16_t)s.len);
	wire_write_str(w, s);
}

static void write_some(struct wire_writer *w, struct str s)
{
	if (!str_empty(s))
		write_text(w, s);
}

static void write_addr(struct wire_writer *w, const struct addr *a)
{
	if (addr_family(a) == AF_INET) {
		wire_write8(w, 4);
		wire_write_bytes(w, &a->sa.v4.sin_addr, 4);
		wire_write16(w, addr_port(a));
	} else if (addr_family(a) == AF_INET6) {
		wire_write8(w, 6);
		wire_write_bytes(w, &a->sa.v6.sin6_addr, 16);
		wire_write16(w, addr_port(a));
		wire_write32(w, a->sa.v6.sin6_scope_id);
	}
}

static void write_binding(struct wire_writer *w, const struct reg_binding *b)
{
	wire_write16(w, (uint16_t)parts_of(b));
	wire_write64(w, (uint64_t)b->expires.ms);
	wire_write64(w, (uint64_t)b->registered.ms);
	wire_write64(w, b->content);
	wire_write32(w, b->cseq);
	wire_write16(w, (uint16_t)b->q);
	wire_write8(w, (uint8_t)b->source.transport);
	write_text(w, b->uri);
	write_text(w, b->call_id);
	write_some(w, b->instance);
	write_some(w, b->methods);
	write_some(w, b->params);
	write_some(w, b->path);
	write_some(w, b->user_agent);
	if (b->reg_id != 0)
		wire_write32(w, b->reg_id);
	if (b->source.connection != 0) {
		wire_write64(w, b->source.connection);
		wire_write64(w, b->source.boot);
	}
	write_addr(w, &b->source.remote);
	write_addr(w, &b->source.local);
}

enum err reg_record_encode(const struct reg_binding *items, size_t count, void *out, size_t size,
                           size_t *len)
{
	struct wire_writer w = wire_writer_of(out, size);
	int64_t soonest = INT64_MAX;

	must(count >= 1 && count <= REG_CONTACTS_MAX);
	for (size_t i = 0; i < count; i++)
		soonest = items[i].expires.ms < soonest ? items[i].expires.ms : soonest;
	wire_write8(&w, REG_RECORD_VERSION);
	wire_write64(&w, (uint64_t)soonest);
	wire_write8(&w, (uint8_t)count);
	for (size_t i = 0; i < count; i++)
		write_binding(&w, &items[i]);
	*len = wire_written(&w);
	return w.err;
}

/* ---------------------------------------------------------------------------- reading */

static struct str read_text(struct wire_reader *r)
{
	return wire_read_bytes(r, wire_read16(r));
}

static struct wall read_time(struct wire_reader *r)
{
	uint64_t ms = wire_read64(r);

	if (ms > MS_MAX)
		wire_reader_fail(r, ERR_CORRUPT);
	return (struct wall){ ms > MS_MAX ? 0 : (int64_t)ms };
}

static void read_addr(struct wire_reader *r, struct addr *a)
{
	unsigned version = wire_read8(r);
	struct str host;

	memset(a, 0, sizeof(*a));
	if (version == 4 && !str_empty(host = wire_read_bytes(r, 4))) {
		a->sa.v4.sin_family = AF_INET;
		memcpy(&a->sa.v4.sin_addr, host.p, 4);
		addr_set_port(a, wire_read16(r));
	} else if (version == 6 && !str_empty(host = wire_read_bytes(r, 16))) {
		a->sa.v6.sin6_family = AF_INET6;
		memcpy(&a->sa.v6.sin6_addr, host.p, 16);
		addr_set_port(a, wire_read16(r));
		a->sa.v6.sin6_scope_id = wire_read32(r);
	} else {
		wire_reader_fail(r, ERR_CORRUPT);
	}
}

static void read_source(struct wire_reader *r, unsigned parts, struct reg_source *out)
{
	if ((parts & REG_HAS_CONNECTION) != 0) {
		out->connection = wire_read64(r);
		out->boot = wire_read64(r);
	}
	if ((parts & REG_HAS_REMOTE) != 0)
		read_addr(r, &out->remote);
	if ((parts & REG_HAS_LOCAL) != 0)
		read_addr(r, &out->local);
}

static void read_binding(struct wire_reader *r, struct reg_binding *b)
{
	unsigned parts = wire_read16(r);

	memset(b, 0, sizeof(*b));
	b->expires = read_time(r);
	b->registered = read_time(r);
	b->content = wire_read64(r);
	b->cseq = wire_read32(r);
	b->q = wire_read16(r);
	b->source.transport = (enum sip_transport)wire_read8(r);
	b->uri = read_text(r);
	b->call_id = read_text(r);
	b->instance = (parts & REG_HAS_INSTANCE) != 0 ? read_text(r) : STR_NONE;
	b->methods = (parts & REG_HAS_METHODS) != 0 ? read_text(r) : STR_NONE;
	b->params = (parts & REG_HAS_PARAMS) != 0 ? read_text(r) : STR_NONE;
	b->path = (parts & REG_HAS_PATH) != 0 ? read_text(r) : STR_NONE;
	b->user_agent = (parts & REG_HAS_USER_AGENT) != 0 ? read_text(r) : STR_NONE;
	b->reg_id = (parts & REG_HAS_REG_ID) != 0 ? wire_read32(r) : 0;
	read_source(r, parts, &b->source);
	if ((parts & ~(unsigned)REG_HAS_ALL) != 0 || b->q > 1000 || str_empty(b->uri) ||
	    b->source.transport >= SIP_TRANSPORT_COUNT)
		wire_reader_fail(r, ERR_CORRUPT);
}

/* The version, the time of the first to expire, the count. */
static size_t read_head(struct wire_reader *r, struct wall *soonest)
{
	unsigned version = wire_read8(r);
	size_t count;

	if (r->err == ERR_OK && version != REG_RECORD_VERSION)
		wire_reader_fail(r, version > REG_RECORD_VERSION ? ERR_VERSION : ERR_CORRUPT);
	*soonest = read_time(r);
	count = wire_read8(r);
	if (count == 0 || count > REG_CONTACTS_MAX)
		wire_reader_fail(r, ERR_CORRUPT);
	return r->err == ERR_OK ? count : 0;
}

/* Too short or too long is damage, too. */
static enum err verdict(enum err e)
{
	return e == ERR_SYNTAX ? ERR_CORRUPT : e;
}

enum err reg_record_decode(struct str record, struct wall now,
                           struct reg_binding items[REG_CONTACTS_MAX], size_t *count)
{
	struct wire_reader r = wire_reader_of(record);
	struct wall soonest;
	size_t stored = read_head(&r, &soonest);
	size_t live = 0;

	for (size_t i = 0; i < stored; i++) {
		read_binding(&r, &items[live]);
		if (wall_after(items[live].expires, now))
			live++;
	}
	*count = live;
	return verdict(wire_reader_end(&r));
}

enum err reg_record_count(struct str record, size_t *count)
{
	struct wire_reader r = wire_reader_of(record);
	struct wall soonest;

	*count = read_head(&r, &soonest);
	return verdict(r.err);
}

bool reg_record_is_stale(struct str record, struct wall now)
{
	struct wire_reader r = wire_reader_of(record);
	struct wall soonest;

	return read_head(&r, &soonest) > 0 && !wall_after(soonest, now);
}
