#include "resolver/dns.h"

#define CLASS_IN 1
#define FLAG_RESPONSE 0x8000u
#define FLAG_OPCODE 0x7800u
#define FLAG_AUTHORITATIVE 0x0400u
#define FLAG_TRUNCATED 0x0200u
#define FLAG_RECURSE 0x0100u
#define FLAG_AUTHENTIC 0x0020u
/* Records of the answer section that are looked at: enough for all that are used, their aliases and signatures
 * between them; further ones are passed over. */
#define ANSWERS_MAX (2 * DNS_RECORDS_MAX)

/* A resource record whose data hasn't been read. */
struct rr {
	struct str owner;
	uint16_t type;
	uint16_t class;
	uint32_t ttl;
	size_t data; /* offset in the packet */
	size_t size;
};

struct reading {
	struct wire_reader r;
	struct str packet;
	struct arena *arena;
	struct rr *answers;
	size_t answer_count;
	struct dns_answer *out;
	uint16_t flags;
	uint16_t counts[4]; /* questions, answers, authority, additional */
	bool referral;      /* NS records in the authority section */
};

const char *dns_type_text(enum dns_type type)
{
	switch (type) {
	case DNS_A:
		return "A";
	case DNS_AAAA:
		return "AAAA";
	case DNS_SRV:
		return "SRV";
	case DNS_NAPTR:
		return "NAPTR";
	case DNS_CNAME:
		return "CNAME";
	case DNS_NS:
	case DNS_SOA:
	case DNS_OPT:
		break;
	}
	return "?";
}

/* ---------------------------------------------------------------------------- questions */

enum err dns_query_write(struct wire_writer *w, uint16_t id, struct str name, enum dns_type type,
                         bool edns)
{
	wire_write16(w, id);
	wire_write16(
		w,
		FLAG_RECURSE |
			FLAG_AUTHENTIC); /* AD: tell us whether it was validated (RFC 6840 5.7) */
	wire_write16(w, 1);
	wire_write32(w, 0);
	wire_write16(w, edns ? 1 : 0);
	name_write(w, name);
	wire_write16(w, (uint16_t)type);
	wire_write16(w, CLASS_IN);
	if (edns) { /* RFC 6891 6.1.2 */
		wire_write8(w, 0);
		wire_write16(w, DNS_OPT);
		wire_write16(w, DNS_UDP_SIZE);
		wire_write32(w, 0);
		wire_write16(w, 0);
	}
	return w->err;
}

/* ---------------------------------------------------------------------------- answers */

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static struct str keep(struct reading *in, struct str s)
{
	struct str copy = STR_NONE;

	if (arena_str(in->arena, s, &copy) != ERR_OK)
		wire_reader_fail(&in->r, ERR_NOMEM);
	return copy;
}

static struct str read_name(struct reading *in, struct wire_reader *r)
{
	char text[NAME_TEXT_MAX];

	return keep(in, name_read(r, text));
}

static void read_header(struct reading *in, struct str name, enum dns_type type)
{
	char text[NAME_TEXT_MAX];

	wire_skip(&in->r, 2); /* the identity was compared where the packet came in */
	in->flags = wire_read16(&in->r);
	for (size_t i = 0; i < 4; i++)
		in->counts[i] = wire_read16(&in->r);
	in->out->rcode = in->flags & 0xf;
	in->out->authentic = (in->flags & FLAG_AUTHENTIC) != 0;
	if ((in->flags & (FLAG_RESPONSE | FLAG_OPCODE | FLAG_TRUNCATED)) != FLAG_RESPONSE ||
	    in->counts[0] > 1)
		wire_reader_fail(&in->r, ERR_SYNTAX);
	/* Servers that refuse may leave the question out. */
	if (in->counts[0] == 0 && in->out->rcode != DNS_NOERROR && in->out->rcode != DNS_NXDOMAIN)
		return;
	if (!str_eq(name_read(&in->r, text), name) || wire_read16(&in->r) != type ||
	    wire_read16(&in->r) != CLASS_IN)
		wire_reader_fail(&in->r, ERR_SYNTAX);
}

static void read_rr(struct reading *in, struct rr *rr, char owner[NAME_TEXT_MAX])
{
	rr->owner = name_read(&in->r, owner);
	rr->type = wire_read16(&in->r);
	rr->class = wire_read16(&in->r);
	rr->ttl = wire_read32(&in->r);
	if (rr->ttl > INT32_MAX)
		rr->ttl = 0; /* RFC 2181 8 */
	rr->ttl = least(rr->ttl, DNS_TTL_MAX);
	rr->size = wire_read16(&in->r);
	rr->data = wire_position(&in->r);
	wire_skip(&in->r, rr->size);
}

/* RRsets share an owner: one copy serves them all. */
static struct str keep_owner(struct reading *in, struct str owner)
{
	struct str last = in->answer_count > 0 ? in->answers[in->answer_count - 1].owner : STR_NONE;

	return in->answer_count > 0 && str_eq(last, owner) ? last : keep(in, owner);
}

static void read_answers(struct reading *in)
{
	size_t room = in->counts[1] < ANSWERS_MAX ? in->counts[1] : ANSWERS_MAX;
	char owner[NAME_TEXT_MAX];

	/* A record has 11 octets at least: no more are made room for than can be there. */
	if (in->counts[1] > wire_left(&in->r) / 11)
		wire_reader_fail(&in->r, ERR_SYNTAX);
	if (in->r.err != ERR_OK || room == 0)
		return;
	in->answers = arena_alloc(in->arena, room * sizeof(*in->answers));
	if (in->answers == NULL)
		wire_reader_fail(&in->r, ERR_NOMEM);
	for (size_t i = 0; i < in->counts[1] && in->r.err == ERR_OK; i++) {
		struct rr rr;

		read_rr(in, &rr, owner);
		if (rr.class != CLASS_IN || (rr.type != in->out->type && rr.type != DNS_CNAME))
			continue;
		if (in->answer_count == room)
			continue;
		rr.owner = keep_owner(in, rr.owner);
		in->answers[in->answer_count++] = rr;
	}
}

/* A reader over the record's data that can see the whole packet, for compressed names. */
static struct wire_reader data_of(const struct reading *in, const struct rr *rr)
{
	struct wire_reader r = wire_reader_of(str_head(in->packet, rr->data + rr->size));

	wire_seek(&r, rr->data);
	return r;
}

/* RFC 2308 5: a negative answer may be kept for the lesser of the SOA's TTL and its MINIMUM. */
static void read_soa(struct reading *in, const struct rr *rr)
{
	struct wire_reader r = data_of(in, rr);
	char text[NAME_TEXT_MAX];

	(void)name_read(&r, text);
	(void)name_read(&r, text);
	wire_skip(&r, 16);
	in->out->ttl = least(in->out->ttl, least(rr->ttl, wire_read32(&r)));
	in->out->ttl_unknown = false;
	if (wire_reader_end(&r) != ERR_OK)
		wire_reader_fail(&in->r, ERR_SYNTAX);
}

static void read_authority(struct reading *in)
{
	char owner[NAME_TEXT_MAX];

	for (size_t i = 0; i < in->counts[2] && in->r.err == ERR_OK; i++) {
		struct rr rr;

		read_rr(in, &rr, owner);
		if (in->r.err != ERR_OK || rr.class != CLASS_IN)
			continue;
		if (rr.type == DNS_SOA)
			read_soa(in, &rr);
		in->referral |= rr.type == DNS_NS;
	}
}

/* Of the rest only OPT counts, for the upper bits of the rcode (RFC 6891 6.1.3); what is damaged there takes nothing away. */
static void read_additional(struct reading *in)
{
	char owner[NAME_TEXT_MAX];

	for (size_t i = 0; i < in->counts[3] && in->r.err == ERR_OK; i++) {
		struct rr rr;

		rr.ttl = 0;
		(void)name_read(&in->r, owner);
		rr.type = wire_read16(&in->r);
		wire_skip(&in->r, 2);
		rr.ttl = wire_read32(&in->r);
		wire_skip(&in->r, wire_read16(&in->r));
		if (in->r.err == ERR_OK && rr.type == DNS_OPT)
			in->out->rcode |= rr.ttl >> 24 << 4;
	}
	in->r.err = ERR_OK;
}

static struct str read_string(struct reading *in, struct wire_reader *r)
{
	return keep(in, wire_read_bytes(r, wire_read8(r)));
}

static struct addr read_addr(struct wire_reader *r, enum dns_type type)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	struct str bytes = wire_read_bytes(r, type == DNS_A ? 4 : 16);

	if (r->err != ERR_OK)
		return (struct addr){ 0 };
	if (type == DNS_A) {
		memcpy(&v4.sin_addr, bytes.p, 4);
		return addr_from_sockaddr((const struct sockaddr *)&v4);
	}
	memcpy(&v6.sin6_addr, bytes.p, 16);
	return addr_from_sockaddr((const struct sockaddr *)&v6);
}

static void read_data(struct reading *in, const struct rr *rr, struct dns_record *out)
{
	struct wire_reader r = data_of(in, rr);

	switch (in->out->type) {
	case DNS_A:
	case DNS_AAAA:
		out->addr = read_addr(&r, in->out->type);
		break;
	case DNS_SRV:
		out->srv.priority = wire_read16(&r);
		out->srv.weight = wire_read16(&r);
		out->srv.port = wire_read16(&r);
		out->srv.target = read_name(in, &r);
		break;
	case DNS_NAPTR:
		out->naptr.order = wire_read16(&r);
		out->naptr.preference = wire_read16(&r);
		out->naptr.flags = read_string(in, &r);
		out->naptr.services = read_string(in, &r);
		out->naptr.regexp = read_string(in, &r);
		out->naptr.replacement = read_name(in, &r);
		break;
	case DNS_CNAME:
	case DNS_NS:
	case DNS_SOA:
	case DNS_OPT:
		wire_reader_fail(&r, ERR_SYNTAX);
		break;
	}
	if (wire_reader_end(&r) != ERR_OK)
		wire_reader_fail(&in->r, ERR_SYNTAX);
}

/* Read all records of the type asked for that `owner` has. */
static void collect(struct reading *in, struct str owner)
{
	struct dns_answer *out = in->out;
	size_t count = 0;

	for (size_t i = 0; i < in->answer_count; i++)
		count += in->answers[i].type == out->type && str_eq(in->answers[i].owner, owner);
	if (count == 0)
		return;
	if (count > DNS_RECORDS_MAX)
		count = DNS_RECORDS_MAX;
	out->records = arena_zero(in->arena, count * sizeof(*out->records));
	if (out->records == NULL)
		wire_reader_fail(&in->r, ERR_NOMEM);
	for (size_t i = 0; i < in->answer_count && out->count < count && in->r.err == ERR_OK; i++) {
		const struct rr *rr = &in->answers[i];

		if (rr->type != out->type || !str_eq(rr->owner, owner))
			continue;
		read_data(in, rr, &out->records[out->count++]);
		out->ttl = least(out->ttl, rr->ttl);
	}
}

static const struct rr *find_alias(const struct reading *in, struct str owner)
{
	for (size_t i = 0; i < in->answer_count; i++) {
		if (in->answers[i].type == DNS_CNAME && str_eq(in->answers[i].owner, owner))
			return &in->answers[i];
	}
	return NULL;
}

/* From the name asked for along its aliases (RFC 1034 3.6.2) to the records. Leaves the last name in out->alias. */
static void follow(struct reading *in, struct str name)
{
	struct dns_answer *out = in->out;
	const struct rr *alias;

	out->alias = STR_NONE;
	collect(in, name);
	for (unsigned hops = 0; out->count == 0 && in->r.err == ERR_OK; hops++) {
		struct wire_reader r;

		alias = find_alias(in, hops == 0 ? name : out->alias);
		if (alias == NULL)
			return;
		if (hops == DNS_ALIASES_MAX) {
			out->verdict = DNS_LOOP;
			return;
		}
		r = data_of(in, alias);
		out->alias = read_name(in, &r);
		if (wire_reader_end(&r) != ERR_OK)
			wire_reader_fail(&in->r, ERR_SYNTAX);
		out->ttl = least(out->ttl, alias->ttl);
		collect(in, out->alias);
	}
}

/* What all that was read means. */
static enum dns_verdict judge(const struct reading *in)
{
	const struct dns_answer *out = in->out;

	if (out->rcode != DNS_NOERROR && out->rcode != DNS_NXDOMAIN)
		return DNS_ERROR;
	if (out->verdict == DNS_LOOP)
		return DNS_LOOP;
	if (out->count > 0)
		return DNS_RECORDS;
	if (out->rcode == DNS_NXDOMAIN)
		return DNS_NO_NAME;
	/* Without SOA nobody has said that the alias leads nowhere. */
	if (out->alias.len > 0 && out->ttl_unknown)
		return DNS_ALIAS;
	if (in->referral && out->ttl_unknown && (in->flags & FLAG_AUTHORITATIVE) == 0)
		return DNS_LAME;
	return DNS_NO_RECORD;
}

enum err dns_answer_read(struct dns_answer *out, struct str packet, struct str name,
                         enum dns_type type, struct arena *arena)
{
	struct reading in = {
		.r = wire_reader_of(packet), .packet = packet, .arena = arena, .out = out
	};

	*out = (struct dns_answer){
		.type = type, .verdict = DNS_NO_RECORD, .ttl = DNS_TTL_MAX, .ttl_unknown = true
	};
	read_header(&in, name, type);
	read_answers(&in);
	read_authority(&in);
	if (in.r.err == ERR_OK)
		read_additional(&in);
	if (in.r.err == ERR_OK)
		follow(&in, name);
	if (in.r.err != ERR_OK)
		return in.r.err;
	out->verdict = judge(&in);
	if (out->verdict == DNS_RECORDS || out->verdict == DNS_ALIAS)
		out->ttl_unknown = false;
	return ERR_OK;
}

/* ---------------------------------------------------------------------------- for people */

static void write_quoted(struct str s, struct buf *out)
{
	buf_char(out, '"');
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c < 0x20 || c > 0x7e)
			buf_printf(out, "\\%03u", c);
		else if (c == '"' || c == '\\')
			buf_printf(out, "\\%c", c);
		else
			buf_char(out, (char)c);
	}
	buf_char(out, '"');
}

static void write_record(const struct dns_record *record, enum dns_type type, struct buf *out)
{
	const struct dns_srv *srv = &record->srv;
	const struct dns_naptr *naptr = &record->naptr;

	if (type == DNS_A || type == DNS_AAAA) {
		addr_write_host(&record->addr, false, out);
	} else if (type == DNS_SRV) {
		buf_printf(out, "%u %u %u %.*s.", srv->priority, srv->weight, srv->port,
		           STR_ARG(srv->target));
	} else if (type == DNS_NAPTR) {
		buf_printf(out, "%u %u ", naptr->order, naptr->preference);
		write_quoted(naptr->flags, out);
		buf_char(out, ' ');
		write_quoted(naptr->services, out);
		buf_char(out, ' ');
		write_quoted(naptr->regexp, out);
		buf_printf(out, " %.*s.", STR_ARG(naptr->replacement));
	}
}

static void write_error(unsigned rcode, struct buf *out)
{
	static const char *const names[] = { "NOERROR",  "FORMERR", "SERVFAIL",
		                             "NXDOMAIN", "NOTIMP",  "REFUSED" };

	if (rcode < sizeof(names) / sizeof(names[0]))
		buf_z(out, names[rcode]);
	else
		buf_printf(out, "error %u", rcode);
}

void dns_answer_write(const struct dns_answer *a, struct buf *out)
{
	switch (a->verdict) {
	case DNS_RECORDS:
		for (size_t i = 0; i < a->count; i++) {
			buf_z(out, i == 0 ? "" : "; ");
			write_record(&a->records[i], a->type, out);
		}
		break;
	case DNS_ALIAS:
		buf_printf(out, "CNAME %.*s.", STR_ARG(a->alias));
		break;
	case DNS_NO_RECORD:
		buf_z(out, "no such record");
		break;
	case DNS_NO_NAME:
		buf_z(out, "no such name");
		break;
	case DNS_ERROR:
		write_error(a->rcode, out);
		break;
	case DNS_LAME:
		buf_z(out, "the server does not resolve names for us");
		break;
	case DNS_LOOP:
		buf_z(out, "aliases without end");
		break;
	case DNS_UNANSWERED:
		buf_z(out, "no answer in time");
		break;
	case DNS_UNREACHABLE:
		buf_z(out, "no server could be asked");
		break;
	case DNS_GARBAGE:
		buf_z(out, "nonsense");
		break;
	case DNS_BUSY:
		buf_z(out, "too many questions at once");
		break;
	case DNS_NO_MEMORY:
		buf_z(out, "out of memory");
		break;
	}
}
