#include "sip/transaction_table.h"

#include "base/crypto.h"

static void key_start(struct sip_key *key)
{
	buf_wrap(&key->text, key->memory, sizeof(key->memory));
	key->tagged = 0;
	key->is_2543 = false;
}

/* What follows an LF is the method: neither a branch nor a host nor a Call-ID has one in it. */
static bool key_end(struct sip_key *key, struct str method)
{
	key->tagged = key->text.len;
	buf_char(&key->text, '\n');
	buf_str(&key->text, method);
	return key->text.err == ERR_OK;
}

bool sip_client_key_of(struct sip_key *key, struct str branch, struct str method)
{
	key_start(key);
	buf_str(&key->text, branch);
	return key_end(key, method);
}

bool sip_client_key(struct sip_key *key, const struct sip_msg *msg)
{
	struct sip_via via;
	struct sip_cseq cseq;

	if (sip_via_top(&via, msg) != ERR_OK || sip_cseq_of(&cseq, msg) != ERR_OK ||
	    !sip_via_is_rfc3261(&via))
		return false;
	return sip_client_key_of(key, via.branch, cseq.method_name);
}

static void put_lower(struct buf *out, struct str s)
{
	char *room = buf_room(out, s.len);

	if (room == NULL)
		return;
	for (size_t i = 0; i < s.len; i++)
		room[i] = char_lower(s.p[i]);
	buf_advance(out, s.len);
}

static void put_port(struct buf *out, uint16_t port)
{
	buf_char(out, (char)(port >> 8));
	buf_char(out, (char)(port & 0xff));
}

/* Branch and sent-by as 17.2.3 has it. Call-ID too: whoever gives one branch to two requests has two transactions, and that whether
 * they have the same home or not. */
static void put_branch_key(struct sip_key *key, const struct sip_via *via, struct str call_id)
{
	struct buf *out = &key->text;

	buf_str(out, via->branch);
	buf_char(out, '\n');
	put_lower(out, via->host);
	put_port(out, key->sent_by_port);
	buf_str(out, call_id);
}

/* As long as it may be: 32 octets that nobody can make two requests have. */
static void put_digest(struct sip_key *key, const struct sip_transactions *table,
                       const struct str *parts, size_t count)
{
	unsigned char mac[CRYPTO_SHA256];
	struct str secret = str_of((const char *)table->key.secret, sizeof(table->key.secret));

	buf_clear(&key->text);
	buf_char(&key->text, '\0'); /* no branch begins like that */
	if (crypto_mac(secret, parts, count, mac))
		buf_bytes(&key->text, mac, sizeof(mac));
	else
		key->text.err = ERR_NOMEM;
}

static void put_long_key(struct sip_key *key, const struct sip_transactions *table,
                         const struct sip_via *via, struct str call_id)
{
	const struct str parts[] = { via->branch, via->sent_by, call_id };

	put_digest(key, table, parts, 3);
}

/* RFC 2543's way: Request-URI, From tag, Call-ID, CSeq number, and the whole topmost Via. The To-tag is not in it, since that of an ACK
 * is the response's (sip_server_ack_fits). */
static void put_2543_key(struct sip_key *key, const struct sip_transactions *table,
                         const struct sip_msg *msg)
{
	struct sip_cseq cseq = { 0 };
	struct str via = STR_NONE;
	struct str parts[5];

	(void)sip_first_value(msg, SIP_H_VIA, &via);
	if (sip_cseq_of(&cseq, msg) != ERR_OK)
		cseq.number = 0;
	parts[0] = msg->uri;
	parts[1] = sip_tag(msg, SIP_H_FROM);
	parts[2] = sip_value(msg, SIP_H_CALL_ID);
	parts[3] = str_of((const char *)&cseq.number, sizeof(cseq.number));
	parts[4] = via;
	put_digest(key, table, parts, 5);
	key->is_2543 = true;
}

bool sip_server_key(struct sip_key *key, const struct sip_transactions *table,
                    const struct sip_msg *msg, const struct sip_via *via, struct str method)
{
	struct str call_id = sip_value(msg, SIP_H_CALL_ID);

	key_start(key);
	key->has_rport = via->has_rport;
	key->sent_by_port = sip_sent_by_port(via);
	if (!sip_via_is_rfc3261(via))
		put_2543_key(key, table, msg);
	else if (via->branch.len + via->host.len + call_id.len > SIP_KEY_MAX - SIP_METHOD_MAX - 8)
		put_long_key(key, table, via, call_id);
	else
		put_branch_key(key, via, call_id);
	return key_end(key, method);
}

bool sip_server_ack_fits(const struct sip_server *server, const struct sip_msg *ack)
{
	struct sip_msg response;
	struct sip_fault fault;

	if (!server->is_2543)
		return true;
	return server->response != NULL &&
	       sip_parse(&response, packet_view(server->response), &fault) == ERR_OK &&
	       str_eq(sip_tag(&response, SIP_H_TO), sip_tag(ack, SIP_H_TO));
}

static void write_hex(char out[SIP_TAG_TEXT], uint64_t value)
{
	for (size_t i = SIP_TAG_TEXT; i-- > 0; value >>= 4)
		out[i] = "0123456789abcdef"[value & 15];
}

void sip_server_key_tag(const struct sip_transactions *table, const struct sip_key *key,
                        char tag[SIP_TAG_TEXT])
{
	write_hex(tag, hash_str(&table->key, str_head(buf_view(&key->text), key->tagged)));
}

/* A secret of any length as the key of a fast hash. */
static void fold_key(struct hash_key *out, struct str secret)
{
	uint64_t seed = secret.len;

	for (size_t i = 0; i < secret.len; i++)
		seed = (seed ^ (unsigned char)secret.p[i]) * 0x9e3779b97f4a7c15u + (seed >> 29);
	hash_key_from(out, seed);
}

/* A keyed hash and no MAC: who could foresee this tag could make us drop his own ACK, nothing else; and it is made for each answer
 * without state. It covers what an ACK has in common with its INVITE (17.1.1.3) wherever it comes from. */
void sip_stateless_tag(const struct sip_msg *msg, struct str key, char tag[SIP_TAG_TEXT])
{
	struct hash_key hash;
	struct sip_cseq cseq = { 0 };
	uint64_t parts[4];

	fold_key(&hash, key);
	if (sip_cseq_of(&cseq, msg) != ERR_OK)
		cseq.number = 0;
	parts[0] = hash_str(&hash, sip_value(msg, SIP_H_CALL_ID));
	parts[1] = hash_str(&hash, sip_tag(msg, SIP_H_FROM));
	parts[2] = hash_str(&hash, msg->uri);
	parts[3] = cseq.number;
	write_hex(tag, hash_str(&hash, str_of((const char *)parts, sizeof(parts))));
}
