/* A packet, read as the answer to a question about its own name and type: nothing but an err or an answer comes of it, a copy says the same,
 * and what it says can be written for people. The first octet chooses the type that is asked for. */
#include "resolver/order.h"
#include "resolver/records.h"

#define INPUT_MAX 65535
#define MEMORY_MAX ((size_t)4 << 20)
#define TEXT_MAX ((size_t)16 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const enum dns_type types[] = { DNS_A, DNS_AAAA, DNS_SRV, DNS_NAPTR };

static void write_both(const struct dns_answer *answer, const struct records *copy)
{
	struct buf text;
	struct buf again;

	buf_init(&text, TEXT_MAX);
	buf_init(&again, TEXT_MAX);
	dns_answer_write(answer, &text);
	dns_answer_write(&copy->answer, &again);
	must(text.err == ERR_OK && str_eq(buf_view(&text), buf_view(&again)));
	buf_fini(&again);
	buf_fini(&text);
}

static void put_in_order(const struct dns_answer *answer)
{
	struct resolver_question q = { .supported = 63 };
	struct order_service services[ORDER_SERVICES_MAX];
	uint16_t list[DNS_RECORDS_MAX];

	if (answer->type == DNS_SRV)
		must(order_srv(answer->records, answer->count, 1, list, DNS_RECORDS_MAX) <=
		     answer->count);
	if (answer->type == DNS_NAPTR)
		must(order_naptr(&q, answer->records, answer->count, services) <= answer->count);
}

static void check(const struct dns_answer *answer)
{
	struct records *copy = records_new(answer, (struct mono){ 0 });

	must(answer->count <= DNS_RECORDS_MAX);
	must((answer->count > 0) == (answer->verdict == DNS_RECORDS) ||
	     !dns_is_answer(answer->verdict));
	must(answer->ttl <= DNS_TTL_MAX);
	must(copy != NULL);
	write_both(answer, copy);
	put_in_order(&copy->answer);
	records_unref(copy);
}

/* The name that the packet says was asked for. */
static struct str question(struct str packet, char text[NAME_TEXT_MAX])
{
	struct wire_reader r = wire_reader_of(packet);

	wire_skip(&r, 12);
	return name_read(&r, text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum dns_type type;
	char name[NAME_TEXT_MAX];
	struct dns_answer answer;
	struct arena arena;
	struct str packet;
	struct str asked;
	enum err e;

	if (size < 1 || size > INPUT_MAX)
		return 0;
	type = types[data[0] % 4];
	packet = str_of((const char *)data + 1, size - 1);
	asked = question(packet, name);
	arena_init(&arena, NULL, 0, MEMORY_MAX);
	e = dns_answer_read(&answer, packet, asked, type, &arena);
	must(e == ERR_OK || e == ERR_SYNTAX || e == ERR_NOMEM);
	if (e == ERR_OK)
		check(&answer);
	arena_fini(&arena);
	return 0;
}
