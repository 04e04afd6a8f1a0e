/* sip/uri.h: sip:, sips: and tel: URIs; others as opaque text.
 *
 * Every str in a parsed URI points into the text it was parsed from, escapes as they are. All functions: any thread, no allocation
 * (but what a buf takes that is not wrapped). RFC 3261 19.1, RFC 3966. */
#pragma once
#include "base/buf.h"
#include "sip/header.h"

enum sip_scheme {
	SIP_SCHEME_OTHER, /* some other absolute URI: scheme and `opaque` alone are set */
	SIP_SCHEME_SIP,
	SIP_SCHEME_SIPS,
	SIP_SCHEME_TEL,
};

enum sip_host_kind {
	SIP_HOST_NAME,
	SIP_HOST_IPV4,
	SIP_HOST_IPV6, /* `host` stands without its brackets */
};

struct sip_uri {
	enum sip_scheme scheme;
	enum sip_host_kind host_kind;
	bool has_user;     /* "sip:@host" is malformed, so user is then not empty */
	bool has_password; /* "user:@host": there, and empty */
	bool has_port;
	uint16_t port;   /* 0 without has_port */
	struct str text; /* all of it */
	struct str scheme_name;
	struct str user; /* tel: the number as written, visual separators too */
	struct str password;
	struct str host;    /* empty in tel: */
	struct str params;  /* from the first semicolon on, or empty */
	struct str headers; /* behind the question mark, or empty */
	struct str opaque;  /* what follows the colon */
};

/** Parse a URI with no white space around it. ERR_SYNTAX; ERR_LIMIT for a port over 65535 or a text over SIP_URI_MAX octets. */
NODISCARD enum err sip_uri_parse(struct sip_uri *out, struct str text);
/** Parse "host", "host:port" with IPv6 in brackets. Port 0 where none is given (`*has_port` false). */
NODISCARD enum err sip_host_port_parse(struct str text, struct str *host, enum sip_host_kind *kind,
                                       uint16_t *port, bool *has_port);

/* A parameter or header of a URI, escapes as they are. */
struct sip_uri_param {
	struct str name;
	struct str value;
	bool has_value;
};

/** The next parameter; start with `*rest` = uri.params. False at the end. */
bool sip_uri_param_next(struct str *rest, struct sip_uri_param *out);
/** The parameter called `name` (any case, escapes undone); false where it isn't there. */
bool sip_uri_param_find(const struct sip_uri *uri, struct str name, struct sip_uri_param *out);
/** Its value; empty where it isn't there or has none. */
struct str sip_uri_param_value(const struct sip_uri *uri, struct str name);
/** Is it there? For lr, ob, gr... */
bool sip_uri_param_has(const struct sip_uri *uri, struct str name);
/** The next header; start with `*rest` = uri.headers. False at the end. */
bool sip_uri_header_next(struct str *rest, struct sip_uri_param *out);
/** The transport that ;transport= names, SIP_TRANSPORT_OTHER where it is another, `none` where there is none. */
enum sip_transport sip_uri_transport(const struct sip_uri *uri, enum sip_transport none);

/** Are the two equivalent by RFC 3261 19.1.4 (sip, sips), RFC 3966 4 (tel); to the octet for other schemes? Not transitive. */
bool sip_uri_eq(const struct sip_uri *a, const struct sip_uri *b);

/* What sip_uri_aor saw that its key doesn't tell. */
struct sip_aor_note {
	bool secure; /* it was sips: */
	bool port;   /* it names a port that is not its scheme's default (5060, 5061) */
	bool is_number; /* it was tel:, or user=phone, or its user is + and digits: see sip_uri_number */
};

/** Write the canonical address of record: "sip:user@host", scheme sip for sips too, host in lower case (IPv6 in its shortest form, in
 * brackets), user in its case with unneeded escapes undone and needed ones in upper-case hex, no password, port, parameters or
 * headers. A tel: URI is written as "tel:" and its number without visual separators (a local one with its ;phone-context).
 * Equal AoRs give equal bytes; writing the result again changes nothing. `note` may be NULL.
 * ERR_UNSUPPORTED for other schemes, ERR_LIMIT or ERR_NOMEM from `out`. */
NODISCARD enum err sip_uri_aor(const struct sip_uri *uri, struct buf *out,
                               struct sip_aor_note *note);
/** Write the global telephone number that it means, "+" and digits, no visual separators: tel:+49-30-1, sip:+49301@host (with or
 * without user=phone; what follows ; in the user doesn't count). ERR_NOTFOUND where it is none (local numbers too). */
NODISCARD enum err sip_uri_number(const struct sip_uri *uri, struct buf *out);
/** Is `text` "+" and 1 to 31 digits, nothing else? */
bool sip_is_number(struct str text);

/** Undo all escapes (%hh): what the text means. ERR_SYNTAX for a broken escape. NULs come out as NULs. */
NODISCARD enum err sip_unescape(struct str text, struct buf *out);
/** Write `plain` so that it may stand where octets of `classes` may (SIP_C_USER, SIP_C_PARAM...; sip/param.h): others as %HH. */
void sip_escape(struct str plain, unsigned classes, struct buf *out);
/** Are the two the same but for escapes that don't matter (RFC 3261 19.1.4): an escaped octet equals itself unescaped, unless it is
 * one of the reserved ; / ? : @ & = + $ , which escaped and unescaped are different things? */
bool sip_escaped_eq(struct str a, struct str b, bool ignore_case);
