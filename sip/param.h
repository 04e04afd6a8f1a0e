/* sip/param.h: the small pieces of SIP's grammar: tokens, quoted strings, ;name=value parameters.
 *
 * Every str returned points into the input. All functions: any thread, no allocation. */
#pragma once
#include "base/buf.h"
#include "base/scan.h"

/* Classes of octets (RFC 3261 25.1), for sip_is() and as bits of sip_octets[]. */
enum sip_octet {
	SIP_C_TOKEN = 1,    /* alphanum - . ! % * _ + ` ' ~ */
	SIP_C_USER = 2,     /* what may stand in a URI's user unescaped */
	SIP_C_PASSWORD = 4, /* in its password */
	SIP_C_PARAM = 8,    /* in a URI parameter */
	SIP_C_HEADER = 16,  /* in a URI header */
	SIP_C_HOST = 32,    /* in a host name: alphanum - . _ */
	SIP_C_URIC = 64,    /* in any absolute URI, % too */
	SIP_C_WORD = 128,   /* in a word (Call-ID) */
	SIP_C_HEX = 256,
	SIP_C_DIGIT = 512,
	SIP_C_UNRESERVED = 1024, /* alphanum and marks: never needs an escape */
	SIP_C_VALUE = 4096,      /* in a parameter's value without quotes */
	SIP_C_VISUAL = 2048, /* - . ( ) which make telephone numbers readable and mean nothing */
};

extern const uint16_t sip_octets[256];

/** Is `c` in this class (any of these)? */
static inline bool sip_is(char c, unsigned classes)
{
	return (sip_octets[(unsigned char)c] & classes) != 0;
}

/** How many octets from the start of `s` are of this class. */
size_t sip_span(struct str s, unsigned classes);
/** Is `s` one token? */
bool sip_is_token(struct str s);
/** What scan_lws does where there may be white space. */
void scan_lws_some(struct scan *s);
/** Skip linear white space: SP, HT, and CRLF that SP or HT follows (folding). */
static inline void scan_lws(struct scan *s)
{
	if (s->err == ERR_OK && s->p < s->end && (unsigned char)*s->p <= ' ')
		scan_lws_some(s);
}
/** A token, or ERR_SYNTAX. */
struct str scan_token(struct scan *s);
/** `c` with white space allowed on both sides (SEMI, EQUAL, SLASH...), or ERR_SYNTAX. */
void scan_separator(struct scan *s, char c);
/** A quoted string: what stands between the quotes, escapes as they are. ERR_SYNTAX if it is not closed. */
struct str scan_quoted(struct scan *s);

struct sip_param {
	struct str name;
	struct str value; /* what stands between the quotes where `quoted`, escapes as they are */
	bool has_value;
	bool quoted;
};

/** The next ";name[=value]" of header parameters (`*rest` begins at a semicolon or is blank), with white space around ; and =.
 * ERR_OK; ERR_NOTFOUND at the end; ERR_SYNTAX. The value is a token, a host (with brackets), or a quoted string. */
NODISCARD enum err sip_param_next(struct str *rest, struct sip_param *out);
/** Are these well-formed parameters, none twice (RFC 3261 7.3.1)? ERR_OK, ERR_SYNTAX, ERR_LIMIT (more than 32). */
NODISCARD enum err sip_params_check(struct str params);
/** The parameter called `name` (any case); false where it isn't there (or stands behind what is malformed). */
bool sip_param_find(struct str params, struct str name, struct sip_param *out);
/** Its value; empty where it isn't there or has none. */
struct str sip_param_value(struct str params, struct str name);
/** Is it there? */
bool sip_param_has(struct str params, struct str name);

/** Write what a quoted string means: escapes taken away, folds made one space. `inner` is what stands between the quotes. */
void sip_unquote(struct str inner, struct buf *out);
/** Does `inner` (what stands between quotes) mean `plain`? */
bool sip_quoted_eq(struct str inner, struct str plain);
/** Write `plain` as a quoted string, with its quotes, escaping " and \. Octets that may not stand there (CR, LF, NUL) are left out. */
void sip_quote(struct str plain, struct buf *out);
