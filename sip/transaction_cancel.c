#include "sip/transaction_table.h"

/* The INVITE that a CANCEL is for (9.2): what has the same key but for the method. */
static struct sip_server *find_invite(const struct sip_transactions *table,
                                      const struct sip_key *cancel)
{
	struct str name = sip_method_name(SIP_INVITE);
	char memory[SIP_KEY_MAX];
	struct buf key;

	buf_wrap(&key, memory, sizeof(memory));
	buf_bytes(&key, cancel->memory, cancel->tagged);
	buf_char(&key, '\n');
	buf_str(&key, name);
	return key.err == ERR_OK ? map_get(&table->servers, buf_view(&key)) : NULL;
}

/* Over the bound, or without memory, it is answered all the same: the answer needs no state, it only costs the work again
 * when the CANCEL comes again. */
static void answer(struct sip_transactions *table, const struct sip_key *key,
                   const struct sip_msg *msg, struct packet *packet, const struct sip_flow *flow,
                   unsigned status)
{
	char tag[SIP_TAG_TEXT];
	const struct sip_reply reply = { .status = status, .tag = str_of(tag, sizeof(tag)) };
	struct sip_server *server;

	if (sip_server_open(&server, table, key, msg, packet, flow) == ERR_OK) {
		sip_server_finish(server, status);
		return;
	}
	sip_server_key_tag(table, key, tag);
	sip_reply_send(&table->env, msg, flow, &reply);
}

void sip_cancel_receive(struct sip_transactions *table, const struct sip_key *key,
                        const struct sip_msg *msg, struct packet *packet,
                        const struct sip_flow *flow)
{
	struct sip_server *invite = find_invite(table, key);

	answer(table, key, msg, packet, flow, invite == NULL ? 481 : 200);
	if (invite == NULL || invite->final != 0 || invite->cancelled)
		return;
	invite->cancelled = true;
	if (table->events.cancel != NULL)
		table->events.cancel(table->events.arg, invite, msg);
}
