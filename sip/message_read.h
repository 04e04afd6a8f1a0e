/* sip/message_read.h: reading start lines and header fields; what sip_parse and sip_peek share. For message*.c alone.
 *
 * A reader remembers the first fault and goes on as well as it can, because even a broken request wants an answer. */
#pragma once
#include "sip/message.h"

struct sip_reader {
	const char *p;
	const char *end;
	unsigned status;    /* the answer that the first fault deserves; 0: none so far */
	const char *reason; /* of the first fault */
	bool ended;         /* the empty line behind the header fields was read */
};

struct sip_start_line {
	bool is_request;
	enum sip_method method;
	struct str method_name;
	struct str uri;
	struct str version;
	unsigned status;
	struct str reason;
};

/** Remember a fault, unless there was one before. */
void sip_reader_fault(struct sip_reader *in, unsigned status, const char *reason);
/** Skip the CRLFs before a start line (RFC 3261 7.5), then read it. False where these bytes are no SIP at all. */
bool sip_read_start(struct sip_reader *in, struct sip_start_line *out);
/** Read the next header field: name, value and line are set. False behind the last. Malformed lines become faults and are skipped. */
bool sip_read_header(struct sip_reader *in, struct sip_header *out);
