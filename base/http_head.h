/* base/http_head.h: what stands at the head of an HTTP/1.1 request (RFC 9112), read strictly.
 *
 * Nothing is copied or decoded: every str points into the input, so that whoever answers sees the very octets that were sent (a query with its
 * escapes). Pure: any thread, no allocation. */
#pragma once
#include "base/str.h"

#define HTTP_HEAD_MAX 16384 /* octets of request line and header fields */
#define HTTP_FIELDS_MAX 64

struct http_field {
	struct str name;
	struct str value; /* without white space around it */
};

struct http_head {
	struct str method;
	struct str path;  /* "/x"; "*" or an authority stands there as it is */
	struct str query; /* behind the question mark, raw; empty without */
	struct http_field fields[HTTP_FIELDS_MAX];
	size_t field_count;
	bool keep_alive; /* by version and Connection, and nothing follows the head */
	bool has_body;
};

/** Where the head ends (behind the empty line), 0 where it isn't all there yet. Nothing before `from` needs looking at again: start with 0, go on
 * with what in.len was. Empty lines before the request line are part of it (RFC 9112 2.2). */
size_t http_head_end(struct str in, size_t from);
/** Read a whole head, up to and with its empty line. ERR_OK; ERR_SYNTAX and ERR_LIMIT: it is answered with `*status` (400, 414, 431, 505). */
NODISCARD enum err http_head_parse(struct http_head *out, struct str in, unsigned *status);
/** The value of the first field called `name` (any case); empty where there is none. */
struct str http_head_field(const struct http_head *head, struct str name);
/** Does a comma list like Connection have `token` (any case)? */
bool http_list_has(struct str list, struct str token);
