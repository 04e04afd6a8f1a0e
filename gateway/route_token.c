#include "gateway/route_token.h"

#include "base/crypto.h"

#define TOKEN_BYTES 12

enum err route_token_write(struct str key, struct str call_id, struct str caller_tag,
                           struct buf *out)
{
	const struct str parts[] = { STR("record-route"), call_id, caller_tag };
	unsigned char mac[CRYPTO_SHA256];

	if (!crypto_mac(key, parts, sizeof(parts) / sizeof(parts[0]), mac))
		return ERR_NOMEM;
	crypto_base64url(str_of((const char *)mac, TOKEN_BYTES), out);
	return out->err;
}

bool route_token_is(struct str key, struct str token, struct str call_id, struct str caller_tag)
{
	char text[ROUTE_TOKEN_TEXT];
	struct buf b;

	buf_wrap(&b, text, sizeof(text));
	return token.len == ROUTE_TOKEN_TEXT &&
	       route_token_write(key, call_id, caller_tag, &b) == ERR_OK &&
	       crypto_equal(text, token.p, ROUTE_TOKEN_TEXT);
}
