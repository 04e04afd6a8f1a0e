#include "stun/reply.h"

void stun_request_write(unsigned char out[STUN_REQUEST_LEN], const unsigned char id[STUN_ID])
{
	struct wire_writer w = wire_writer_of(out, STUN_REQUEST_LEN);

	/* The fingerprint tells it from other things on a port where SIP is spoken. SOFTWARE (6.1: should) is left out: it would tell
	 * strangers what we are. */
	stun_write_begin(&w, STUN_REQUEST, id);
	stun_write_fingerprint(&w);
	stun_write_end(&w);
	must(w.err == ERR_OK);
}

static bool has_unknown(const struct stun_message *msg)
{
	struct stun_cursor c = stun_attributes(msg);
	struct stun_attribute attribute;

	while (stun_next(&c, &attribute)) {
		if (stun_is_unknown(attribute.type, msg->class))
			return true;
	}
	return false;
}

static enum err read_success(const struct stun_message *msg, struct addr *mapped)
{
	struct stun_attribute found;

	if (stun_find(msg, STUN_XOR_MAPPED_ADDRESS, &found))
		return stun_read_address(found.value, stun_id(msg), mapped);
	/* A server of RFC 3489. */
	if (stun_find(msg, STUN_MAPPED_ADDRESS, &found))
		return stun_read_address(found.value, NULL, mapped);
	return ERR_SYNTAX;
}

static enum err read_refusal(const struct stun_message *msg, struct stun_result *result)
{
	struct stun_attribute found;

	if (!stun_find(msg, STUN_ERROR_CODE, &found))
		return ERR_SYNTAX;
	return stun_read_error(found.value, &result->code, &result->reason);
}

bool stun_reply_read(struct str message, const unsigned char id[STUN_ID],
                     struct stun_result *result)
{
	struct stun_message msg;
	enum err e;

	/* 1. Is it the answer at all (6.3)? */
	if (stun_parse(&msg, message) != ERR_OK || msg.method != STUN_BINDING ||
	    memcmp(stun_id(&msg), id, STUN_ID) != 0 ||
	    (msg.class != STUN_SUCCESS && msg.class != STUN_ERROR) ||
	    stun_check_fingerprint(&msg) == STUN_WRONG)
		return false;
	/* 2. A refusal (6.3.4). */
	if (msg.class == STUN_ERROR) {
		e = read_refusal(&msg, result);
		result->err = e == ERR_OK ? ERR_DENIED : ERR_UNSUPPORTED;
		return true;
	}
	/* 3. A success, of which everything must be understood (6.3.3). */
	e = has_unknown(&msg) ? ERR_UNSUPPORTED : read_success(&msg, &result->mapped);
	result->err = e == ERR_OK ? ERR_OK : ERR_UNSUPPORTED;
	return true;
}
