#include "sip/field.h"
#include "sip/message.h"
#include "sip/message_read.h"

static void peek_via(struct sip_peek *out, struct str value)
{
	struct sip_list list = sip_list_of(value);

	if (sip_list_next(&list, &out->via))
		out->branch = sip_param_value(str_from_at(out->via, str_find(out->via, ';')),
		                              STR("branch"));
}

static void peek_cseq(struct sip_peek *out, struct str value)
{
	struct sip_cseq cseq;

	if (sip_cseq_parse(&cseq, value) != ERR_OK)
		return;
	out->cseq_method = cseq.method;
	out->cseq_method_name = cseq.method_name;
}

struct seen {
	bool call_id;
	bool via;
	bool cseq;
};

static void peek_header(struct sip_peek *out, const struct sip_header *h, struct seen *seen)
{
	enum sip_header_id id = sip_header_id(h->name);

	if (id == SIP_H_CALL_ID && !seen->call_id) {
		seen->call_id = true;
		out->call_id = h->value;
	} else if (id == SIP_H_VIA && out->via.len == 0) {
		peek_via(out, h->value);
		seen->via = out->via.len > 0;
	} else if (id == SIP_H_CSEQ && !seen->cseq) {
		seen->cseq = true;
		peek_cseq(out, h->value);
	}
}

/* Only names that begin with c, i or v can be of use. */
static bool is_candidate(struct str name)
{
	char c = char_lower(name.p[0]);

	return c == 'c' || c == 'i' || c == 'v';
}

enum err sip_peek(struct str bytes, struct sip_peek *out)
{
	struct sip_reader in = { .p = bytes.p,
		                 .end = bytes.p == NULL ? NULL : bytes.p + bytes.len };
	struct seen seen = { false, false, false };
	struct sip_start_line start;
	struct sip_header h;

	*out = (struct sip_peek){ .is_request = false };
	if (!sip_read_start(&in, &start))
		return ERR_SYNTAX;
	out->is_request = start.is_request;
	out->method = start.method;
	out->method_name = start.method_name;
	out->status = start.status;
	while (!(seen.call_id && seen.via && seen.cseq) && sip_read_header(&in, &h)) {
		if (is_candidate(h.name))
			peek_header(out, &h, &seen);
	}
	return ERR_OK;
}
