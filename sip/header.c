#include "sip/header.h"

#include "base/mem.h"

struct header_row {
	struct str name;
	char compact;
	uint8_t flags;
};

static const struct header_row header_rows[SIP_H_COUNT] = {
#define X(id, text, compact, flags, slot) [SIP_H_##id] = { STR_INIT(text), compact, flags },
	SIP_HEADER_TABLE(X)
#undef X
};

/* Where slot_of() leads: the header field whose name may stand there. Two rows with one slot don't compile. */
static const uint8_t header_slots[256] = {
#define X(id, text, compact, flags, slot) [slot] = SIP_H_##id,
	SIP_HEADER_TABLE(X)
#undef X
};

#define NOT_COMPACT 128
static const uint8_t header_letters[NOT_COMPACT + SIP_H_COUNT] = {
#define X(id, text, compact, flags, slot) \
	[(compact) != 0 ? (compact) : NOT_COMPACT + SIP_H_##id] = SIP_H_##id,
	SIP_HEADER_TABLE(X)
#undef X
};

/* Found by trying: no two names of the table share a slot. */
static unsigned slot_of(struct str name)
{
	unsigned first = (unsigned char)char_lower(name.p[0]);
	unsigned middle = (unsigned char)char_lower(name.p[name.len / 2]);
	unsigned last = (unsigned char)char_lower(name.p[name.len - 1]);

	return ((unsigned)name.len * 157 + first * 110 + middle * 29 + last) & 255;
}

enum sip_header_id sip_header_id(struct str name)
{
	unsigned id;

	if (name.len == 0)
		return SIP_H_OTHER;
	if (name.len == 1) {
		unsigned char letter = (unsigned char)char_lower(name.p[0]);

		return letter < NOT_COMPACT ? (enum sip_header_id)header_letters[letter]
		                            : SIP_H_OTHER;
	}
	id = header_slots[slot_of(name)];
	if (id == SIP_H_OTHER || !str_eq_nocase(header_rows[id].name, name))
		return SIP_H_OTHER;
	return (enum sip_header_id)id;
}

struct str sip_header_name(enum sip_header_id id)
{
	return header_rows[id].name;
}

char sip_header_compact(enum sip_header_id id)
{
	return header_rows[id].compact;
}

bool sip_header_is_list(enum sip_header_id id)
{
	return (header_rows[id].flags & SIP_LIST) != 0;
}

bool sip_header_is_once(enum sip_header_id id)
{
	return (header_rows[id].flags & SIP_ONCE) != 0;
}

static const struct str method_names[SIP_METHOD_COUNT] = {
#define X(name) [SIP_##name] = STR_INIT(#name),
	SIP_METHOD_TABLE(X)
#undef X
};

enum sip_method sip_method_id(struct str name)
{
	for (unsigned i = SIP_OTHER + 1; i < SIP_METHOD_COUNT; i++) {
		if (str_eq(method_names[i], name))
			return (enum sip_method)i;
	}
	return SIP_OTHER;
}

struct str sip_method_name(enum sip_method method)
{
	return method_names[method];
}

struct transport_row {
	struct str name;
	uint16_t port;
	bool reliable;
	bool secure;
};

static const struct transport_row transport_rows[SIP_TRANSPORT_COUNT] = {
#define X(id, text, port, reliable, secure) \
	[SIP_TRANSPORT_##id] = { STR_INIT(text), port, reliable, secure },
	SIP_TRANSPORT_TABLE(X)
#undef X
};

enum sip_transport sip_transport_id(struct str name)
{
	for (unsigned i = SIP_TRANSPORT_OTHER + 1; i < SIP_TRANSPORT_COUNT; i++) {
		if (str_eq_nocase(transport_rows[i].name, name))
			return (enum sip_transport)i;
	}
	return SIP_TRANSPORT_OTHER;
}

struct str sip_transport_name(enum sip_transport transport)
{
	return transport_rows[transport].name;
}

uint16_t sip_transport_port(enum sip_transport transport)
{
	return transport_rows[transport].port;
}

bool sip_transport_is_reliable(enum sip_transport transport)
{
	return transport_rows[transport].reliable;
}

bool sip_transport_is_secure(enum sip_transport transport)
{
	return transport_rows[transport].secure;
}

/* The response codes of the IANA registry "SIP Parameters". The first of each class stands for codes that are not in it. */
static const struct {
	unsigned status;
	struct str phrase;
} reasons[] = {
	{ 100, STR_INIT("Trying") },
	{ 180, STR_INIT("Ringing") },
	{ 181, STR_INIT("Call Is Being Forwarded") },
	{ 182, STR_INIT("Queued") },
	{ 183, STR_INIT("Session Progress") },
	{ 199, STR_INIT("Early Dialog Terminated") },
	{ 200, STR_INIT("OK") },
	{ 202, STR_INIT("Accepted") },
	{ 204, STR_INIT("No Notification") },
	{ 300, STR_INIT("Multiple Choices") },
	{ 301, STR_INIT("Moved Permanently") },
	{ 302, STR_INIT("Moved Temporarily") },
	{ 305, STR_INIT("Use Proxy") },
	{ 380, STR_INIT("Alternative Service") },
	{ 400, STR_INIT("Bad Request") },
	{ 401, STR_INIT("Unauthorized") },
	{ 402, STR_INIT("Payment Required") },
	{ 403, STR_INIT("Forbidden") },
	{ 404, STR_INIT("Not Found") },
	{ 405, STR_INIT("Method Not Allowed") },
	{ 406, STR_INIT("Not Acceptable") },
	{ 407, STR_INIT("Proxy Authentication Required") },
	{ 408, STR_INIT("Request Timeout") },
	{ 410, STR_INIT("Gone") },
	{ 412, STR_INIT("Conditional Request Failed") },
	{ 413, STR_INIT("Request Entity Too Large") },
	{ 414, STR_INIT("Request-URI Too Long") },
	{ 415, STR_INIT("Unsupported Media Type") },
	{ 416, STR_INIT("Unsupported URI Scheme") },
	{ 417, STR_INIT("Unknown Resource-Priority") },
	{ 420, STR_INIT("Bad Extension") },
	{ 421, STR_INIT("Extension Required") },
	{ 422, STR_INIT("Session Interval Too Small") },
	{ 423, STR_INIT("Interval Too Brief") },
	{ 424, STR_INIT("Bad Location Information") },
	{ 425, STR_INIT("Bad Alert Message") },
	{ 428, STR_INIT("Use Identity Header") },
	{ 429, STR_INIT("Provide Referrer Identity") },
	{ 430, STR_INIT("Flow Failed") },
	{ 433, STR_INIT("Anonymity Disallowed") },
	{ 436, STR_INIT("Bad Identity Info") },
	{ 437, STR_INIT("Unsupported Credential") },
	{ 438, STR_INIT("Invalid Identity Header") },
	{ 439, STR_INIT("First Hop Lacks Outbound Support") },
	{ 440, STR_INIT("Max-Breadth Exceeded") },
	{ 469, STR_INIT("Bad Info Package") },
	{ 470, STR_INIT("Consent Needed") },
	{ 480, STR_INIT("Temporarily Unavailable") },
	{ 481, STR_INIT("Call/Transaction Does Not Exist") },
	{ 482, STR_INIT("Loop Detected") },
	{ 483, STR_INIT("Too Many Hops") },
	{ 484, STR_INIT("Address Incomplete") },
	{ 485, STR_INIT("Ambiguous") },
	{ 486, STR_INIT("Busy Here") },
	{ 487, STR_INIT("Request Terminated") },
	{ 488, STR_INIT("Not Acceptable Here") },
	{ 489, STR_INIT("Bad Event") },
	{ 491, STR_INIT("Request Pending") },
	{ 493, STR_INIT("Undecipherable") },
	{ 494, STR_INIT("Security Agreement Required") },
	{ 500, STR_INIT("Server Internal Error") },
	{ 501, STR_INIT("Not Implemented") },
	{ 502, STR_INIT("Bad Gateway") },
	{ 503, STR_INIT("Service Unavailable") },
	{ 504, STR_INIT("Server Time-out") },
	{ 505, STR_INIT("Version Not Supported") },
	{ 513, STR_INIT("Message Too Large") },
	{ 555, STR_INIT("Push Notification Service Not Supported") },
	{ 580, STR_INIT("Precondition Failure") },
	{ 600, STR_INIT("Busy Everywhere") },
	{ 603, STR_INIT("Decline") },
	{ 604, STR_INIT("Does Not Exist Anywhere") },
	{ 606, STR_INIT("Not Acceptable") },
	{ 607, STR_INIT("Unwanted") },
	{ 608, STR_INIT("Rejected") },
};

static const struct str *reason_find(unsigned status)
{
	for (size_t i = 0; i < COUNT_OF(reasons); i++) {
		if (reasons[i].status == status)
			return &reasons[i].phrase;
	}
	return NULL;
}

struct str sip_reason_phrase(unsigned status)
{
	const struct str *phrase = reason_find(status);

	if (phrase == NULL)
		phrase = reason_find(status / 100 * 100);
	return phrase == NULL ? STR("Unknown") : *phrase;
}
