/* The query of a look-up, and user parts that may be sealed ones.
 *
 * corpus: tests/fuzz/corpus/lookup */
#include "federation/query.h"
#include "federation/ask_https.h"
#include "federation/seal.h"
#include "sip/uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What we ask is what the other side reads. */
static void ask_it(struct str address)
{
	char memory[4 * FED_RESOURCE_MAX];
	struct fed_query again;
	const char *why = NULL;
	struct str query;
	struct buf target;

	buf_wrap(&target, memory, sizeof(memory));
	fed_write_target(address, &target);
	must(target.err == ERR_OK);
	query = buf_view(&target);
	(void)str_cut(&query, '?');
	if (address.len < FED_RESOURCE_MAX) {
		must(fed_query_parse(&again, query, &why) == ERR_OK);
		must(str_eq(again.address, address));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const unsigned char key[32] = "key";
	struct str in = str_of((const char *)data, size);
	struct fed_query query;
	const char *why = NULL;
	char memory[2][2048];
	struct buf aor;
	struct buf contact;

	if (fed_query_parse(&query, in, &why) == ERR_OK) {
		must(query.address.len > 0);
		must((query.kind == FED_RESOURCE_AOR) == (query.host.len > 0));
		must(query.number.len == 0 || sip_is_number(query.number));
		ask_it(query.address);
	} else {
		must(why != NULL);
	}
	buf_wrap(&aor, memory[0], sizeof(memory[0]));
	buf_wrap(&contact, memory[1], sizeof(memory[1]));
	must(fed_unseal(key, in, (struct wall){ 0 }, &aor, &contact) == ERR_NOTFOUND);
	/* An AoR and a contact of any octets come back as they were. */
	buf_clear(&aor);
	if (fed_seal(key, str_head(in, size / 2), str_from_at(in, size / 2), (struct wall){ 1000 },
	             &aor) == ERR_OK) {
		char user[2048];
		struct str sealed = str_of(user, aor.len);

		memcpy(user, aor.data, aor.len);
		buf_clear(&aor);
		buf_clear(&contact);
		must(fed_unseal(key, sealed, (struct wall){ 0 }, &aor, &contact) == ERR_OK);
		must(str_eq(buf_view(&aor), str_head(in, size / 2)));
		must(str_eq(buf_view(&contact), str_from_at(in, size / 2)));
	}
	return 0;
}
