/* sip/message.h: a message as a view of the bytes that were received.
 *
 * sip_parse() indexes a message in one pass: nothing is copied, nothing is decoded. Typed values are parsed on demand (sip/field.h).
 * A struct sip_msg lives on the stack or in an arena; every str in it points into the received bytes and lives exactly as long.
 * All functions: any thread, no allocation (but sip_msg_keep, which takes from an arena). */
#pragma once
#include "base/arena.h"
#include "sip/header.h"

/* Every limit, and the answer to what is over it. */
#define SIP_MESSAGE_MAX 65535 /* octets of a message: 513 */
#define SIP_HEAD_MAX 32768    /* octets of start line and header fields: 513 */
#define SIP_HEADERS_MAX 256   /* header fields (lines): 513 */
#define SIP_URI_MAX 4096      /* octets of a Request-URI: 414; of any other URI: 400 */
#define SIP_METHOD_MAX 64     /* octets of a method's name: 400 */
#define SIP_NAME_MAX 255      /* octets of a header field's name: 400 */
#define SIP_VALUE_MAX 8192    /* octets of a header field's value: 513 */
#define SIP_VIAS_MAX 128      /* Via values: 400 */
#define SIP_ROUTES_MAX 64     /* Route values, and Record-Route values: 400 */
#define SIP_CONTACTS_MAX 64   /* Contact values: 400 */
#define SIP_CALL_ID_MAX 1024  /* octets of a Call-ID: 400 */
#define SIP_BRANCH_MAX 512    /* octets of a Via's branch, and of a tag: 400 */

/* The end of a chain of header fields. */
#define SIP_NO_HEADER UINT16_MAX

struct sip_header {
	struct str name;  /* as written */
	struct str value; /* without white space at the ends; folded lines still folded */
	uint32_t
		line; /* octets of the whole field from name.p, with all continuation lines and the last CRLF */
	uint16_t
		next; /* index of the next field with the same id, or SIP_NO_HEADER (for SIP_H_OTHER too) */
	uint8_t id; /* enum sip_header_id */
};

struct sip_msg {
	struct str raw; /* the message alone: what followed its body in the datagram is not in it */
	bool is_request;
	bool headers_end;       /* the empty line behind the header fields was there */
	enum sip_method method; /* of a request; in a response SIP_OTHER, see CSeq */
	struct str method_name; /* of a request */
	struct str uri;         /* Request-URI */
	unsigned status;        /* of a response: 100 to 699 */
	struct str reason;      /* of a response */
	struct str version;     /* "SIP/2.0" */
	struct str body;
	uint16_t first[SIP_H_COUNT]; /* index of the first field of each id, or SIP_NO_HEADER */
	uint16_t count;
	struct sip_header headers
		[SIP_HEADERS_MAX]; /* the first `count` are set. Must stay last: sip_msg_keep cuts it */
};

/* What a message deserves that could not be taken. */
struct sip_fault {
	unsigned status; /* 0: no answer, drop it. Otherwise 400 to 599 */
	const char *
		reason; /* for the reason phrase and the log: a constant of the program, never what was received */
};

/** Index `bytes`, one datagram or one frame of a stream (see sip/frame.h). White space (CRLF) before the start line is skipped.
 * Content-Length below what follows cuts the body, above it is a fault (RFC 3261 18.3); without one the body is all that follows.
 * ERR_OK: indexed (call sip_check before trusting any value). Otherwise `*fault` says what to do; where its status is not 0,
 * `out` holds enough for sip_response_begin (sip/build.h). A response, an ACK, and whatever has no usable topmost Via is
 * never answered: status 0. */
NODISCARD enum err sip_parse(struct sip_msg *out, struct str bytes, struct sip_fault *fault);

/** The strict validation of a server (RFC 3261 8.1.1, 8.2.2, 16.3, 18.3), for requests and responses: SIP/2.0, mandatory header
 * fields there and once, CSeq's method is the request's, numbers in range, every typed value that a server or proxy looks at
 * well-formed (Via, From, To, Call-ID, CSeq, Contact, Route, Record-Route, Path, Max-Forwards, Expires, Content-Length, ...), the
 * Request-URI's scheme one of sip, sips, tel (else 416). Not here: what depends on who we are (420, 483, 405, 501, credentials).
 * ERR_OK, or ERR_SYNTAX with `*fault` as in sip_parse. */
NODISCARD enum err sip_check(const struct sip_msg *msg, struct sip_fault *fault);

/** May this message be answered at all: a request other than ACK, whose topmost Via names a transport and a host? */
bool sip_is_answerable(const struct sip_msg *msg);

/** The first header field of this id, or NULL. */
static inline const struct sip_header *sip_header_first(const struct sip_msg *msg,
                                                        enum sip_header_id id)
{
	return msg->first[id] == SIP_NO_HEADER ? NULL : &msg->headers[msg->first[id]];
}

/** The next one with the same id, or NULL. */
static inline const struct sip_header *sip_header_next(const struct sip_msg *msg,
                                                       const struct sip_header *h)
{
	return h->next == SIP_NO_HEADER ? NULL : &msg->headers[h->next];
}

/** Is there one? */
static inline bool sip_has(const struct sip_msg *msg, enum sip_header_id id)
{
	return msg->first[id] != SIP_NO_HEADER;
}

/** The value of the first header field of this id; empty where there is none. */
static inline struct str sip_value(const struct sip_msg *msg, enum sip_header_id id)
{
	return sip_has(msg, id) ? msg->headers[msg->first[id]].value : STR_NONE;
}

/** The first header field called `name` (any case) whatever its id, or NULL: for names that are not in the table. */
const struct sip_header *sip_header_named(const struct sip_msg *msg, struct str name);

/** The whole field, with its last CRLF. */
static inline struct str sip_header_line(const struct sip_header *h)
{
	return str_of(h->name.p, h->line);
}

/* The values of a comma list in one field. */
struct sip_list {
	struct str rest;
	bool more;
};

/** The values in `value`: none where it is blank. */
struct sip_list sip_list_of(struct str value);
/** The next value, trimmed (commas in quoted strings, <> and comments don't count); false at the end. Two commas in a row give an
 * empty value, which every typed parser refuses. An unterminated quote, < or ( takes all that is left into one value. */
bool sip_list_next(struct sip_list *list, struct str *value);

/* All values of one id in a message, in order, whether joined or in fields of their own. Fields that are no comma list give one each. */
struct sip_values {
	const struct sip_msg *msg;
	const struct sip_header *header; /* the field that the last value came from */
	struct sip_list list;
	bool is_list;
	bool started;
	enum sip_header_id id;
};

/** Before the first value of `id`. */
struct sip_values sip_values_of(const struct sip_msg *msg, enum sip_header_id id);
/** The next value; false at the end. */
bool sip_values_next(struct sip_values *values, struct str *value);
/** The first value of `id`: false where there is none. */
bool sip_first_value(const struct sip_msg *msg, enum sip_header_id id, struct str *value);
/** How many values of `id` there are. */
size_t sip_count_values(const struct sip_msg *msg, enum sip_header_id id);
/** Is `token` among the values of `id`, but for case (Require, Supported, Allow...; values' params don't count)? */
bool sip_has_token(const struct sip_msg *msg, enum sip_header_id id, struct str token);
/** The first of the values of `id` that is not among `known` (option tags: what 420's Unsupported must list). Start with `*at` as
 * sip_values_of(msg, id); false when all others are known. */
bool sip_next_unknown_token(struct sip_values *at, const struct str *known, size_t count,
                            struct str *token);

/* What decides where a message goes, found without indexing it. */
struct sip_peek {
	bool is_request;
	enum sip_method method; /* of a request's start line */
	struct str method_name;
	unsigned status;
	struct str call_id; /* first Call-ID; empty where there is none */
	struct str via;     /* the first value of Via */
	struct str branch;  /* of that; empty where there is none */
	enum sip_method cseq_method;
	struct str cseq_method_name;
};

/** Look at a datagram or frame: is it SIP at all, and whose? ERR_SYNTAX where the start line is not one; missing header fields
 * leave empty values. What it finds is what sip_parse would find. */
NODISCARD enum err sip_peek(struct str bytes, struct sip_peek *out);

/** A copy of the index in `arena`, only as large as the message needs; with `copy_bytes` the bytes too (otherwise both views share
 * them). NULL where the arena has no room. Only the first `count` headers of the copy exist. */
struct sip_msg *sip_msg_keep(const struct sip_msg *msg, struct arena *arena, bool copy_bytes);
