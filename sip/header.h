/* sip/header.h: the names that SIP knows: header fields, methods, transports, reason phrases.
 *
 * Each is one row of one table. Constant data: any thread, no allocation. */
#pragma once
#include "base/str.h"

enum sip_header_flag {
	SIP_LIST = 1, /* several values may stand in one line, joined by commas (RFC 3261 7.3.1) */
	SIP_ONCE = 2, /* a message with two of them is malformed */
};

/* id, canonical name, compact form (0: none), flags, slot in the lookup table (the unit test says which, should one be wrong). */
/* clang-format off */
#define SIP_HEADER_TABLE(X)                                                            \
	X(ACCEPT,               "Accept",                0,  SIP_LIST, 65)             \
	X(ACCEPT_CONTACT,       "Accept-Contact",       'a', SIP_LIST, 239)            \
	X(ACCEPT_ENCODING,      "Accept-Encoding",       0,  SIP_LIST, 185)            \
	X(ACCEPT_LANGUAGE,      "Accept-Language",       0,  SIP_LIST, 130)            \
	X(ALERT_INFO,           "Alert-Info",            0,  SIP_LIST, 88)             \
	X(ALLOW,                "Allow",                 0,  SIP_LIST, 114)            \
	X(ALLOW_EVENTS,         "Allow-Events",         'u', SIP_LIST, 238)            \
	X(AUTHENTICATION_INFO,  "Authentication-Info",   0,  0,        193)            \
	X(AUTHORIZATION,        "Authorization",         0,  0,        250)            \
	X(CALL_ID,              "Call-ID",              'i', SIP_ONCE, 117)            \
	X(CALL_INFO,            "Call-Info",             0,  SIP_LIST, 151)            \
	X(CONTACT,              "Contact",              'm', SIP_LIST, 109)            \
	X(CONTENT_DISPOSITION,  "Content-Disposition",   0,  SIP_ONCE, 132)            \
	X(CONTENT_ENCODING,     "Content-Encoding",     'e', SIP_LIST, 50)             \
	X(CONTENT_LANGUAGE,     "Content-Language",      0,  SIP_LIST, 251)            \
	X(CONTENT_LENGTH,       "Content-Length",       'l', SIP_ONCE, 161)            \
	X(CONTENT_TYPE,         "Content-Type",         'c', SIP_ONCE, 111)            \
	X(CSEQ,                 "CSeq",                  0,  SIP_ONCE, 224)            \
	X(DATE,                 "Date",                  0,  SIP_ONCE, 245)            \
	X(ERROR_INFO,           "Error-Info",            0,  SIP_LIST, 16)             \
	X(EVENT,                "Event",                'o', SIP_ONCE, 92)             \
	X(EXPIRES,              "Expires",               0,  SIP_ONCE, 9)              \
	X(FLOW_TIMER,           "Flow-Timer",            0,  SIP_ONCE, 140)            \
	X(FROM,                 "From",                 'f', SIP_ONCE, 72)             \
	X(GEOLOCATION,          "Geolocation",           0,  SIP_LIST, 166)            \
	X(HISTORY_INFO,         "History-Info",          0,  SIP_LIST, 48)             \
	X(IDENTITY,             "Identity",             'y', 0,        163)            \
	X(IN_REPLY_TO,          "In-Reply-To",           0,  SIP_LIST, 252)            \
	X(MAX_BREADTH,          "Max-Breadth",           0,  SIP_ONCE, 231)            \
	X(MAX_FORWARDS,         "Max-Forwards",          0,  SIP_ONCE, 143)            \
	X(MIN_EXPIRES,          "Min-Expires",           0,  SIP_ONCE, 160)            \
	X(MIN_SE,               "Min-SE",                0,  SIP_ONCE, 2)              \
	X(MIME_VERSION,         "MIME-Version",          0,  SIP_ONCE, 17)             \
	X(ORGANIZATION,         "Organization",          0,  0,        78)             \
	X(P_ASSERTED_IDENTITY,  "P-Asserted-Identity",   0,  SIP_LIST, 148)            \
	X(P_PREFERRED_IDENTITY, "P-Preferred-Identity",  0,  SIP_LIST, 49)             \
	X(PATH,                 "Path",                  0,  SIP_LIST, 32)             \
	X(PRIORITY,             "Priority",              0,  0,        107)            \
	X(PRIVACY,              "Privacy",               0,  0,        66)             \
	X(PROXY_AUTHENTICATE,   "Proxy-Authenticate",    0,  0,        87)             \
	X(PROXY_AUTHORIZATION,  "Proxy-Authorization",   0,  0,        253)            \
	X(PROXY_REQUIRE,        "Proxy-Require",         0,  SIP_LIST, 104)            \
	X(RACK,                 "RAck",                  0,  SIP_ONCE, 18)             \
	X(REASON,               "Reason",                0,  SIP_LIST, 31)             \
	X(RECORD_ROUTE,         "Record-Route",          0,  SIP_LIST, 214)            \
	X(REFER_TO,             "Refer-To",             'r', SIP_ONCE, 61)             \
	X(REFERRED_BY,          "Referred-By",          'b', SIP_ONCE, 30)             \
	X(REPLACES,             "Replaces",              0,  SIP_ONCE, 84)             \
	X(REPLY_TO,             "Reply-To",              0,  0,        8)              \
	X(REQUEST_DISPOSITION,  "Request-Disposition",  'd', SIP_LIST, 246)            \
	X(REQUIRE,              "Require",               0,  SIP_LIST, 237)            \
	X(RETRY_AFTER,          "Retry-After",           0,  0,        70)             \
	X(ROUTE,                "Route",                 0,  SIP_LIST, 179)            \
	X(RSEQ,                 "RSeq",                  0,  SIP_ONCE, 82)             \
	X(SECURITY_CLIENT,      "Security-Client",       0,  SIP_LIST, 198)            \
	X(SECURITY_SERVER,      "Security-Server",       0,  SIP_LIST, 196)            \
	X(SECURITY_VERIFY,      "Security-Verify",       0,  SIP_LIST, 203)            \
	X(SERVER,               "Server",                0,  0,        232)            \
	X(SERVICE_ROUTE,        "Service-Route",         0,  SIP_LIST, 57)             \
	X(SESSION_EXPIRES,      "Session-Expires",      'x', SIP_ONCE, 41)             \
	X(SIP_ETAG,             "SIP-ETag",              0,  SIP_ONCE, 42)             \
	X(SIP_IF_MATCH,         "SIP-If-Match",          0,  SIP_ONCE, 71)             \
	X(SUBJECT,              "Subject",              's', 0,        43)             \
	X(SUBSCRIPTION_STATE,   "Subscription-State",    0,  SIP_ONCE, 190)            \
	X(SUPPORTED,            "Supported",            'k', SIP_LIST, 230)            \
	X(TIMESTAMP,            "Timestamp",             0,  SIP_ONCE, 212)            \
	X(TO,                   "To",                   't', SIP_ONCE, 20)             \
	X(UNSUPPORTED,          "Unsupported",           0,  SIP_LIST, 25)             \
	X(USER_AGENT,           "User-Agent",            0,  0,        217)            \
	X(VIA,                  "Via",                  'v', SIP_LIST, 209)            \
	X(WARNING,              "Warning",               0,  SIP_LIST, 74)             \
	X(WWW_AUTHENTICATE,     "WWW-Authenticate",      0,  0,        200)
/* clang-format on */

enum sip_header_id {
	SIP_H_OTHER, /* a name that is not in the table */
#define X(id, name, compact, flags, slot) SIP_H_##id,
	SIP_HEADER_TABLE(X)
#undef X
		SIP_H_COUNT
};

/** Which header field is called `name` (any case, compact form too)? SIP_H_OTHER: none that we know. */
enum sip_header_id sip_header_id(struct str name);
/** Its canonical name; empty for SIP_H_OTHER. */
struct str sip_header_name(enum sip_header_id id);
/** Its compact form, 0 where it has none. */
char sip_header_compact(enum sip_header_id id);
/** Is it a comma list? */
bool sip_header_is_list(enum sip_header_id id);
/** Must it occur at most once? */
bool sip_header_is_once(enum sip_header_id id);

/* clang-format off */
#define SIP_METHOD_TABLE(X) \
	X(INVITE) X(ACK) X(BYE) X(CANCEL) X(OPTIONS) X(REGISTER) X(PRACK) X(SUBSCRIBE) \
	X(NOTIFY) X(PUBLISH) X(INFO) X(REFER) X(MESSAGE) X(UPDATE)
/* clang-format on */

enum sip_method {
	SIP_OTHER, /* a method that is not in the table: its name is in the message */
#define X(name) SIP_##name,
	SIP_METHOD_TABLE(X)
#undef X
		SIP_METHOD_COUNT
};

/** Which method is it? Names are case-sensitive (RFC 3261 7.1). */
enum sip_method sip_method_id(struct str name);
/** The name; empty for SIP_OTHER. */
struct str sip_method_name(enum sip_method method);

/* name in Via and in ;transport=, default port, reliable, secure. */
/* clang-format off */
#define SIP_TRANSPORT_TABLE(X)              \
	X(UDP,  "UDP",      5060, 0, 0)     \
	X(TCP,  "TCP",      5060, 1, 0)     \
	X(TLS,  "TLS",      5061, 1, 1)     \
	X(SCTP, "SCTP",     5060, 1, 0)     \
	X(WS,   "WS",       80,   1, 0)     \
	X(WSS,  "WSS",      443,  1, 1)
/* clang-format on */

enum sip_transport {
	SIP_TRANSPORT_OTHER, /* none, or one that is not in the table */
#define X(id, name, port, reliable, secure) SIP_TRANSPORT_##id,
	SIP_TRANSPORT_TABLE(X)
#undef X
		SIP_TRANSPORT_COUNT
};

/** Which transport is it? In any case of letters. */
enum sip_transport sip_transport_id(struct str name);
/** As it stands in Via ("UDP"); empty for SIP_TRANSPORT_OTHER. */
struct str sip_transport_name(enum sip_transport transport);
/** Where it listens when nobody says (RFC 3261 18.2.1, 19.1.2; RFC 7118); 0 for SIP_TRANSPORT_OTHER. */
uint16_t sip_transport_port(enum sip_transport transport);
/** Does it deliver by itself (RFC 3261 17: no retransmissions)? */
bool sip_transport_is_reliable(enum sip_transport transport);
/** Is it TLS below? */
bool sip_transport_is_secure(enum sip_transport transport);

/** The reason phrase that belongs to a status code by the IANA registry; for others that of the x00 of its class. Never empty. */
struct str sip_reason_phrase(unsigned status);
