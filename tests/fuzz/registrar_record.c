/* Octets as a stored record of bindings, and as an account; what can be read is written and read again, the same. */
#include "registrar/account.h"
#include "registrar/record.h"

#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_bindings(struct str record)
{
	static const struct wall past = { -1 };
	struct reg_binding items[REG_CONTACTS_MAX];
	struct reg_binding again[REG_CONTACTS_MAX];
	size_t stored;
	size_t count;
	size_t len;
	void *memory;

	(void)reg_record_is_stale(record, past);
	if (reg_record_decode(record, past, items, &count) != ERR_OK)
		return;
	must(reg_record_count(record, &stored) == ERR_OK && stored == count);
	len = reg_record_size(items, count);
	memory = malloc(len);
	must(memory != NULL);
	must(reg_record_encode(items, count, memory, len, &len) == ERR_OK);
	must(reg_record_decode(str_of(memory, len), past, again, &stored) == ERR_OK);
	must(stored == count);
	for (size_t i = 0; i < count; i++) {
		must(str_eq(items[i].uri, again[i].uri));
		must(str_eq(items[i].path, again[i].path));
		must(items[i].expires.ms == again[i].expires.ms);
		must(addr_eq(&items[i].source.remote, &again[i].source.remote));
	}
	free(memory);
}

static void try_account(struct str record)
{
	unsigned char memory[REG_ACCOUNT_RECORD_MAX];
	char text[4096];
	struct arena arena;
	struct reg_account account;

	arena_init(&arena, text, sizeof(text), 0);
	if (reg_account_decode(STR("a@b"), record, &arena, &account) != ERR_OK)
		return;
	must(reg_account_check(&account) == ERR_OK);
	must(reg_account_encode(&account, memory) == record.len);
	must(memcmp(memory, record.p, record.len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_of((const char *)data, size);

	try_bindings(in);
	try_account(in);
	return 0;
}
