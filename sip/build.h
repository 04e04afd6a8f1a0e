/* sip/build.h: writing messages.
 *
 * A forwarded message is the received one with edits: struct sip_rewrite collects them and writes by copying the runs between
 * them, so that no other byte changes. Our own messages are written field by field into a struct buf; errors stick to the buf.
 * All functions: any thread; allocation only where a buf grows. */
#pragma once
#include "base/addr.h"
#include "sip/field.h"
#include "sip/message.h"

#define SIP_EDITS_MAX 256   /* edits of one message */
#define SIP_EDIT_TEXT 16384 /* octets that they insert, all together */

/* Take away `cut` octets at `at`, put `len` octets from text[from] there. */
struct sip_edit {
	uint32_t at;
	uint32_t cut;
	uint32_t from;
	uint32_t len;
};

/* Lives on the stack (about 20 KB, most of it never touched). Points to the message, copies what it is given. */
struct sip_rewrite {
	const struct sip_msg *msg;
	enum err err; /* sticky: ERR_LIMIT, ERR_SYNTAX (edits that overlap) */
	uint32_t count;
	uint32_t text_len;
	struct sip_edit edits[SIP_EDITS_MAX];
	char text[SIP_EDIT_TEXT];
};

/** No edits yet. `msg` must be whole (sip_parse gave ERR_OK) and outlive `w`. */
void sip_rewrite_init(struct sip_rewrite *w, const struct sip_msg *msg);
/** How many octets the result has; 0 after a failure. */
size_t sip_rewrite_size(struct sip_rewrite *w);
/** Write the result. ERR_OK, or what went wrong in the edits or in `out` (then what stands in `out` is no message). */
NODISCARD enum err sip_rewrite_write(struct sip_rewrite *w, struct buf *out);

/** Put `with` in the place of `span`, a piece of msg->raw. Spans must not overlap. Insertions at one place stand in the order of calls. */
void sip_rewrite_replace(struct sip_rewrite *w, struct str span, struct str with);
/** Put "Name: value CRLF" before the first field of that id; where there is none, before the first header field of all.
 * Of two calls for one id the second stands below the first, both above what was there. */
void sip_rewrite_prepend(struct sip_rewrite *w, enum sip_header_id id, struct str value);
/** Put "Name: value CRLF" behind the last header field. */
void sip_rewrite_append(struct sip_rewrite *w, enum sip_header_id id, struct str value);
/** Put any "Name: value CRLF" behind the last header field. */
void sip_rewrite_append_named(struct sip_rewrite *w, struct str name, struct str value);
/** Set the value of the first field of that id, or append it. */
void sip_rewrite_set(struct sip_rewrite *w, enum sip_header_id id, struct str value);
/** Take away this field (one of the message's). */
void sip_rewrite_drop(struct sip_rewrite *w, const struct sip_header *h);
/** Take away all fields of that id. */
void sip_rewrite_drop_all(struct sip_rewrite *w, enum sip_header_id id);
/** Take away every value of `id` for which `gone` says true: out of a list, or its whole field with the last of it.
 * At most once for each id of a message. `index` counts values from 0. */
typedef bool sip_value_fn(void *arg, struct str value, size_t index);
void sip_rewrite_drop_if(struct sip_rewrite *w, enum sip_header_id id, sip_value_fn *gone,
                         void *arg);
/** Take away the first `n` values of `id`: Route elements that are us (16.4), our Via in a response (16.7 step 3). */
void sip_rewrite_pop(struct sip_rewrite *w, enum sip_header_id id, size_t n);

/** 16.6 step 2: another Request-URI. */
void sip_rewrite_uri(struct sip_rewrite *w, struct str uri);
/** 16.6 step 3: Max-Forwards one less, or 70 where there is none. The caller has refused 0 (16.3 step 3). */
void sip_rewrite_max_forwards(struct sip_rewrite *w);
/** 16.6 step 6, where the next hop is a strict router: `uri`, which would have been the Request-URI, becomes the last Route value, and the
 * URI of the first Route value behind the `popped` ones that were ours the Request-URI. Instead of sip_rewrite_uri and sip_rewrite_pop. */
void sip_rewrite_strict_route(struct sip_rewrite *w, struct str uri, size_t popped);
/** 18.2.1, RFC 3581 4: what the topmost Via must say about where it came from: rport's value, and received where rport was asked
 * for or sent-by's host is not that address. Replaces what the sender wrote there himself. */
void sip_rewrite_via_source(struct sip_rewrite *w, const struct addr *source);
/** Take away the credentials for these realms (Authorization or Proxy-Authorization; RFC 3261 22.3: only what we consumed). */
void sip_rewrite_drop_credentials(struct sip_rewrite *w, enum sip_header_id id,
                                  const struct str *realms, size_t count);

/** Write the field with a message's topmost Via value as 18.2.1 and RFC 3581 want it (see sip_rewrite_via_source); `source` NULL: as it is. */
void sip_via_write_stamped(const struct sip_msg *msg, const struct addr *source, struct buf *out);

struct sip_response {
	unsigned status;
	struct str reason; /* empty: the phrase of the registry */
	struct str to_tag; /* put on To where it has none and status is not 100; empty: none */
	const struct addr *
		source; /* where the request came from, for the topmost Via; NULL: it says so already */
};

/** Begin the response to a request (8.2.6): status line, Via, From, To (with tag), Call-ID, CSeq; Timestamp in a 100;
 * Record-Route in 101 to 299 to what makes a dialog (12.1.1). Takes what is there of a broken request. The caller adds
 * header fields and calls sip_finish. */
void sip_response_begin(struct buf *out, const struct sip_msg *req,
                        const struct sip_response *response);

struct sip_request {
	enum sip_method method;
	struct str method_name; /* for SIP_OTHER */
	struct str uri;
};
/** Begin a request of our own: the request line. The caller adds header fields, Via first, and calls sip_finish. */
void sip_request_begin(struct buf *out, const struct sip_request *request);

/** "Name: value CRLF". */
void sip_put(struct buf *out, enum sip_header_id id, struct str value);
void sip_put_z(struct buf *out, enum sip_header_id id, const char *value);
void sip_put_number(struct buf *out, enum sip_header_id id, uint64_t value);
void sip_put_printf(struct buf *out, enum sip_header_id id, const char *format, ...)
	PRINTF_LIKE(3, 4);
/** Each field of that id of `msg`, as it is there. */
void sip_put_copies(struct buf *out, const struct sip_msg *msg, enum sip_header_id id);
/** Content-Type (not with an empty type), Content-Length, the empty line, the body. */
void sip_finish(struct buf *out, struct str content_type, struct str body);

/** Begin the CANCEL (9.1) or the ACK for a response that is not 2xx (17.1.1.3) of `request`, an INVITE as we sent it: request line, its
 * topmost Via, Max-Forwards, From, To (of `response` where it is not NULL), Call-ID, CSeq, its Route. Then sip_finish. */
void sip_hop_request_begin(struct buf *out, enum sip_method method, const struct sip_msg *request,
                           const struct sip_msg *response);
