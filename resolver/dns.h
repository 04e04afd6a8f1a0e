/* resolver/dns.h: DNS packets: our questions built, the answers read (RFC 1035, 2308, 2782, 3403, 3596, 6891).
 *
 * We do it ourselves because c-ares 1.18 tells no TTL of SRV and NAPTR records and no AD bit. Pure functions, any thread. */
#pragma once
#include "base/arena.h"
#include "resolver/name.h"

/** Header, a name, type, class, OPT. */
#define DNS_QUERY_MAX (12 + NAME_WIRE_MAX + 4 + 11)
/** What we say that we take over UDP (DNS flag day 2020): no fragments. */
#define DNS_UDP_SIZE 1232
/** Records of one answer that are used; further ones are left out. */
#define DNS_RECORDS_MAX 1024
/** Aliases in a row. */
#define DNS_ALIASES_MAX 12
/** The longest TTL taken at its word: a week (RFC 8767 4). */
#define DNS_TTL_MAX 604800u

enum dns_type {
	DNS_A = 1,
	DNS_NS = 2,
	DNS_CNAME = 5,
	DNS_SOA = 6,
	DNS_AAAA = 28,
	DNS_SRV = 33,
	DNS_NAPTR = 35,
	DNS_OPT = 41,
};

enum dns_rcode {
	DNS_NOERROR = 0,
	DNS_FORMERR = 1,
	DNS_SERVFAIL = 2,
	DNS_NXDOMAIN = 3,
	DNS_NOTIMP = 4,
	DNS_REFUSED = 5,
};

struct dns_srv {
	uint16_t priority;
	uint16_t weight;
	uint16_t port;
	struct str target; /* canonical; empty: the root, "not available" (RFC 2782) */
};

struct dns_naptr {
	uint16_t order;
	uint16_t preference;
	struct str flags;
	struct str services;
	struct str regexp;
	struct str replacement; /* canonical; empty: the root */
};

struct dns_record {
	union {
		struct addr addr; /* A, AAAA; port 0 */
		struct dns_srv srv;
		struct dns_naptr naptr;
	};
};

/** What is known about a name and a type. */
enum dns_verdict {
	DNS_RECORDS,     /* these */
	DNS_ALIAS,       /* the name is another's: ask for `alias` */
	DNS_NO_RECORD,   /* the name exists, nothing of that type */
	DNS_NO_NAME,     /* the name doesn't exist */
	DNS_ERROR,       /* the server couldn't or wouldn't say: rcode */
	DNS_LAME,        /* the server sent us on to others: it doesn't resolve */
	DNS_LOOP,        /* aliases without end */
	DNS_UNANSWERED,  /* nobody answered in time */
	DNS_UNREACHABLE, /* no server could be reached */
	DNS_GARBAGE,     /* what came is no answer */
	DNS_BUSY,        /* too many questions are under way here */
	DNS_NO_MEMORY,   /* nor for this one */
};

struct dns_answer {
	enum dns_type type;
	enum dns_verdict verdict;
	unsigned rcode;
	/** Seconds it may be kept: the least of all records that led here; of a negative answer by its SOA (RFC 2308 5). */
	uint32_t ttl;
	/** A negative answer without SOA: `ttl` means nothing. */
	bool ttl_unknown;
	/** The AD bit. */
	bool authentic;
	struct str alias;
	struct dns_record *records;
	size_t count;
};

/** "A", "SRV"...; "?" for what we never ask. */
const char *dns_type_text(enum dns_type type);
/** Is it about the name, rather than about those who were asked? */
static inline bool dns_is_answer(enum dns_verdict v)
{
	return v <= DNS_NO_NAME;
}

/** Write a recursive question; with EDNS0 the OPT record is last. `name` is canonical. ERR_SYNTAX, ERR_LIMIT. */
NODISCARD enum err dns_query_write(struct wire_writer *w, uint16_t id, struct str name,
                                   enum dns_type type, bool edns);

/** Read the answer to the question (name, type); what `out` points to is in `arena`. ERR_SYNTAX: garbage, or the answer to another
 * question; ERR_NOMEM. Everything else, errors of the server too, is ERR_OK with a verdict. */
NODISCARD enum err dns_answer_read(struct dns_answer *out, struct str packet, struct str name,
                                   enum dns_type type, struct arena *arena);

/** Write the answer for people: the records as in a zone file joined by "; ", or what is known instead. */
void dns_answer_write(const struct dns_answer *a, struct buf *out);
