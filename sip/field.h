/* sip/field.h: header values as typed structs.
 *
 * Each parser takes one value (an element of a comma list, see sip_values_next; folded lines are fine) and wants all of it.
 * Every struct str points into the message it was parsed from and lives exactly as long. Copy what you keep.
 * `*out` means nothing unless ERR_OK is returned; ERR_SYNTAX: malformed, ERR_LIMIT: a number or length over its bound.
 * All functions: any thread, no allocation. Credentials and challenges are in sip/digest.h. */
#pragma once
#include "base/addr.h"
#include "base/clock.h"
#include "sip/header.h"
#include "sip/message.h"
#include "sip/param.h"
#include "sip/uri.h"

/* What every branch made by RFC 3261 begins with (8.1.1.7). */
#define SIP_BRANCH_COOKIE "z9hG4bK"

struct sip_via {
	struct str protocol; /* "SIP" */
	struct str version;  /* "2.0" */
	enum sip_transport transport;
	struct str transport_name;
	enum sip_host_kind host_kind;
	bool has_port;
	bool has_rport; /* ;rport is there (RFC 3581), with or without a value */
	bool alias;     /* RFC 5923 */
	uint16_t port;  /* sent-by's; 0 without has_port */
	uint16_t rport; /* its value, 0 without */
	uint8_t ttl;
	struct str host;    /* sent-by's, IPv6 without brackets */
	struct str sent_by; /* host and port as written */
	struct str params;  /* from the first semicolon on, or empty */
	struct str branch;
	struct str received; /* without brackets (RFC 5118 4.5: both spellings are met) */
	struct str maddr;
};

/** Via (RFC 3261 20.42). */
NODISCARD enum err sip_via_parse(struct sip_via *out, struct str value);
/** The topmost Via of a message: ERR_NOTFOUND where there is none. */
NODISCARD enum err sip_via_top(struct sip_via *out, const struct sip_msg *msg);
/** Is its branch one that identifies a transaction: the cookie and something behind it (RFC 3261 17.2.3)? */
bool sip_via_is_rfc3261(const struct sip_via *via);
/** Where a response goes over an unreliable transport, or when the connection is gone (RFC 3261 18.2.2, RFC 3581 4): host and port
 * out of maddr, received, rport, sent-by. `*host` may be a name (RFC 3263 5). */
void sip_via_response_target(const struct sip_via *via, struct str *host, uint16_t *port);

struct sip_name_addr {
	struct str
		display; /* as written: a quoted string with its quotes, or tokens; empty without */
	struct str uri;  /* the addr-spec, without < > */
	struct str params; /* of the header field, from the first semicolon on, or empty */
	struct str whole;  /* all of the value */
	bool brackets;     /* the URI stands in < > */
	bool star;         /* "*" (Contact alone): then nothing else is set */
};

/** name-addr or addr-spec with parameters: From, To, Contact, Route, Record-Route, Path, Service-Route, Reply-To, Refer-To,
 * P-Asserted-Identity... The URI is checked too where it is sip, sips or tel. A URI with ? ; or , must stand in brackets (20.10):
 * behind a bare one, parameters are the header field's. */
NODISCARD enum err sip_name_addr_parse(struct sip_name_addr *out, struct str value);
/** The same, and its URI parsed. */
NODISCARD enum err sip_name_addr_uri(struct sip_name_addr *out, struct sip_uri *uri,
                                     struct str value);
/** The name-addr of the first value of `id` in a message: ERR_NOTFOUND where there is none. */
NODISCARD enum err sip_name_addr_of(struct sip_name_addr *out, const struct sip_msg *msg,
                                    enum sip_header_id id);
/** ;tag=, empty without. */
struct str sip_name_addr_tag(const struct sip_name_addr *na);
/** The tag of From or To of a message, empty without (or where it is malformed). */
struct str sip_tag(const struct sip_msg *msg, enum sip_header_id id);
/** ;q= in thousandths, 1000 where there is none. ERR_SYNTAX for what is no qvalue. */
NODISCARD enum err sip_name_addr_q(const struct sip_name_addr *na, unsigned *q);
/** ;expires= in seconds; `none` where there is none or it is malformed (RFC 3261 10.2.1.1: as if 3600 had been said). Too large: UINT32_MAX. */
uint32_t sip_name_addr_expires(const struct sip_name_addr *na, uint32_t none);
/** ;+sip.instance="<urn:...>": what stands between the angle brackets (or the quotes). Empty without. */
struct str sip_name_addr_instance(const struct sip_name_addr *na);
/** ;reg-id= (RFC 5626), 0 where there is none or it is malformed. */
uint32_t sip_name_addr_reg_id(const struct sip_name_addr *na);
/** Write the display name as it means (quotes and escapes taken away). */
void sip_name_addr_display(const struct sip_name_addr *na, struct buf *out);
/** May `na` be used for a call with this method: no ;methods="" or it lists it (RFC 3840)? */
bool sip_name_addr_allows(const struct sip_name_addr *na, struct str method);

struct sip_cseq {
	uint32_t number;
	enum sip_method method;
	struct str method_name;
};

/** CSeq (RFC 3261 20.16, at most 2^31 - 1 by 8.1.1.5). */
NODISCARD enum err sip_cseq_parse(struct sip_cseq *out, struct str value);
/** CSeq of a message: ERR_NOTFOUND where there is none. */
NODISCARD enum err sip_cseq_of(struct sip_cseq *out, const struct sip_msg *msg);

/** A Call-ID: word [ "@" word ], at most SIP_CALL_ID_MAX octets. */
NODISCARD enum err sip_call_id_check(struct str value);
/** Max-Forwards: 0 to 255. */
NODISCARD enum err sip_max_forwards_parse(unsigned *out, struct str value);
/** Content-Length: digits. ERR_LIMIT over UINT32_MAX. */
NODISCARD enum err sip_content_length_parse(uint32_t *out, struct str value);
/** Expires, Min-Expires, Min-SE, Flow-Timer: seconds; what is over 2^32 - 1 becomes that (RFC 3261 20.19). */
NODISCARD enum err sip_seconds_parse(uint32_t *out, struct str value);

/* Type and subtype, or "*". */
struct sip_media {
	struct str type;
	struct str subtype;
	struct str params;
};
/** Content-Type, or one element of Accept. */
NODISCARD enum err sip_media_parse(struct sip_media *out, struct str value);

/* A token with parameters: Event, Subscription-State, Reason, Privacy elements, Accept-Encoding, Accept-Language, Security-*,
 * Content-Disposition, option tags. */
struct sip_token_params {
	struct str token;
	struct str params;
};
NODISCARD enum err sip_token_params_parse(struct sip_token_params *out, struct str value);

/* Session-Expires (RFC 4028). */
struct sip_session_expires {
	uint32_t seconds;
	struct str refresher; /* "uac", "uas" or empty */
};
NODISCARD enum err sip_session_expires_parse(struct sip_session_expires *out, struct str value);

/* Reason (RFC 3326). */
struct sip_reason {
	struct str protocol;
	uint32_t cause;  /* 0: none */
	struct str text; /* between the quotes */
};
NODISCARD enum err sip_reason_parse(struct sip_reason *out, struct str value);

/* Retry-After. */
struct sip_retry_after {
	uint32_t seconds;
	uint32_t duration;  /* 0: none */
	struct str comment; /* without its parentheses */
};
NODISCARD enum err sip_retry_after_parse(struct sip_retry_after *out, struct str value);

/* RAck (RFC 3262). */
struct sip_rack {
	uint32_t rseq;
	struct sip_cseq cseq;
};
NODISCARD enum err sip_rack_parse(struct sip_rack *out, struct str value);

/* Warning. */
struct sip_warning {
	unsigned code;
	struct str agent;
	struct str text; /* between the quotes */
};
NODISCARD enum err sip_warning_parse(struct sip_warning *out, struct str value);

/* Timestamp: as written, because the answer repeats it. */
struct sip_timestamp {
	struct str sent;
	struct str delay; /* empty without */
};
NODISCARD enum err sip_timestamp_parse(struct sip_timestamp *out, struct str value);

/** Date (RFC 3261 20.17): "Sat, 13 Nov 2010 23:29:00 GMT". Only GMT. */
NODISCARD enum err sip_date_parse(struct wall *out, struct str value);
/** Write it. */
void sip_date_write(struct wall when, struct buf *out);
