/* Bindings as octets: what is written is read, and nothing else is. */
#include "registrar/record.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct wall now = { 1700000000000 };

static struct addr addr_of(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse_port(&a, str_from(text), 5060), ERR_OK);
	return a;
}

/* An ordinary one, and one that has everything. */
static struct reg_binding ordinary(void)
{
	return (struct reg_binding){
		.uri = STR("sip:alice@192.0.2.17:5060"),
		.q = 1000,
		.expires = { 1700000003600 },
		.call_id = STR("a84b4c76e66710@192.0.2.17"),
		.cseq = 314159,
		.user_agent = STR("Phone/1.2.3"),
		.registered = { 1700000000000 },
		.content = 0x0123456789abcdef,
		.source = { .transport = SIP_TRANSPORT_UDP,
		            .remote = addr_of("192.0.2.17:5060"),
		            .local = addr_of("192.0.2.1:5060") },
	};
}

static struct reg_binding full(void)
{
	struct reg_binding b = ordinary();

	b.instance = STR("<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>");
	b.reg_id = UINT32_MAX;
	b.methods = STR("INVITE, BYE");
	b.params = STR(";x=\"\0\xff\"");
	b.path = STR("<sip:edge.example;lr>");
	b.source.transport = SIP_TRANSPORT_WSS;
	b.source.remote = addr_of("[2001:db8::1]:65535");
	b.source.remote.sa.v6.sin6_scope_id = 3;
	b.source.local = addr_of("[::1]:1");
	b.source.connection = UINT64_MAX;
	b.source.boot = 1;
	b.expires.ms = 1700000003599;
	b.q = 0;
	return b;
}

static void assert_same(const struct reg_binding *a, const struct reg_binding *b)
{
	assert_true(str_eq(a->uri, b->uri) && str_eq(a->call_id, b->call_id) &&
	            str_eq(a->instance, b->instance) && str_eq(a->methods, b->methods) &&
	            str_eq(a->params, b->params) && str_eq(a->path, b->path) &&
	            str_eq(a->user_agent, b->user_agent));
	assert_int_equal(a->q, b->q);
	assert_int_equal(a->expires.ms, b->expires.ms);
	assert_int_equal(a->registered.ms, b->registered.ms);
	assert_int_equal(a->cseq, b->cseq);
	assert_int_equal(a->reg_id, b->reg_id);
	assert_int_equal(a->content, b->content);
	assert_int_equal(a->source.transport, b->source.transport);
	assert_int_equal(a->source.connection, b->source.connection);
	assert_int_equal(a->source.boot, b->source.boot);
	assert_memory_equal(&a->source.remote, &b->source.remote, sizeof(a->source.remote));
	assert_memory_equal(&a->source.local, &b->source.local, sizeof(a->source.local));
}

static size_t encode(const struct reg_binding *items, size_t count, char out[1024])
{
	size_t len;

	assert_int_equal(reg_record_encode(items, count, out, 1024, &len), ERR_OK);
	assert_int_equal(len, reg_record_size(items, count));
	return len;
}

static void what_is_written_is_read(void **state)
{
	struct reg_binding items[2] = { ordinary(), full() };
	struct reg_binding read[REG_CONTACTS_MAX];
	char octets[1024];
	size_t count;
	size_t len = encode(items, 2, octets);

	(void)state;
	assert_int_equal(reg_record_decode(str_of(octets, len), now, read, &count), ERR_OK);
	assert_int_equal(count, 2);
	assert_same(&items[0], &read[0]);
	assert_same(&items[1], &read[1]);
	assert_int_equal(reg_record_count(str_of(octets, len), &count), ERR_OK);
	assert_int_equal(count, 2);
}

static void an_ordinary_one_is_small(void **state)
{
	struct reg_binding b = ordinary();

	(void)state;
	assert_true(reg_record_size(&b, 1) <= 150);
}

static void what_has_expired_is_passed_over(void **state)
{
	struct reg_binding items[2] = { ordinary(), full() };
	struct reg_binding read[REG_CONTACTS_MAX];
	char octets[1024];
	struct str record = str_of(octets, encode(items, 2, octets));
	size_t count;

	(void)state;
	assert_false(reg_record_is_stale(record, (struct wall){ 1700000003598 }));
	assert_true(reg_record_is_stale(record, (struct wall){ 1700000003599 }));
	assert_int_equal(reg_record_decode(record, (struct wall){ 1700000003599 }, read, &count),
	                 ERR_OK);
	assert_int_equal(count, 1);
	assert_same(&items[0], &read[0]);
	assert_int_equal(reg_record_decode(record, (struct wall){ 1700000003600 }, read, &count),
	                 ERR_OK);
	assert_int_equal(count, 0);
}

static void no_room_is_said(void **state)
{
	struct reg_binding b = full();
	char octets[1024];
	size_t size = reg_record_size(&b, 1);
	size_t len;

	(void)state;
	for (size_t room = 0; room < size; room++)
		assert_int_equal(reg_record_encode(&b, 1, octets, room, &len), ERR_LIMIT);
	assert_int_equal(reg_record_encode(&b, 1, octets, size, &len), ERR_OK);
}

/* A record that was cut or has something behind it. */
static void what_is_cut_is_damaged(void **state)
{
	struct reg_binding items[2] = { ordinary(), full() };
	struct reg_binding read[REG_CONTACTS_MAX];
	char octets[1024];
	size_t count;
	size_t len = encode(items, 2, octets);

	(void)state;
	for (size_t n = 0; n < len; n++) {
		/* In memory of its own, so that reading too far is seen. */
		char *cut = malloc(n + 1);

		assert_non_null(cut);
		memcpy(cut, octets, n);
		assert_int_equal(reg_record_decode(str_of(cut, n), now, read, &count), ERR_CORRUPT);
		free(cut);
	}
	octets[len] = 0;
	assert_int_equal(reg_record_decode(str_of(octets, len + 1), now, read, &count),
	                 ERR_CORRUPT);
}

/* One octet is changed: never a crash, and what is wrong is told. */
static void what_is_changed_is_harmless(void **state)
{
	static const struct {
		size_t at;
		unsigned char octet;
		enum err want;
	} rows[] = {
		{ 0, 0, ERR_CORRUPT },    /* the version */
		{ 0, 2, ERR_VERSION },    /* a newer one */
		{ 9, 0, ERR_CORRUPT },    /* none of them */
		{ 9, 101, ERR_CORRUPT },  /* too many */
		{ 9, 1, ERR_CORRUPT },    /* too few */
		{ 10, 2, ERR_CORRUPT },   /* unknown parts */
		{ 12, 255, ERR_CORRUPT }, /* expires in a far future */
		{ 40, 4, ERR_CORRUPT },   /* q */
		{ 42, 200, ERR_CORRUPT }, /* transport */
		{ 43, 255, ERR_CORRUPT }, /* length of the URI */
	};
	struct reg_binding items[2] = { ordinary(), full() };
	struct reg_binding read[REG_CONTACTS_MAX];
	char octets[1024];
	size_t count;
	size_t len = encode(items, 2, octets);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char kept = octets[rows[i].at];

		octets[rows[i].at] = (char)rows[i].octet;
		if (reg_record_decode(str_of(octets, len), now, read, &count) != rows[i].want)
			fail_msg("row %zu", i);
		octets[rows[i].at] = kept;
	}
	for (size_t at = 0; at < len; at++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			octets[at] = (char)(octets[at] ^ 1 << bit);
			(void)!reg_record_decode(str_of(octets, len), now, read, &count);
			(void)reg_record_is_stale(str_of(octets, len), now);
			octets[at] = (char)(octets[at] ^ 1 << bit);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(an_ordinary_one_is_small),
		cmocka_unit_test(what_has_expired_is_passed_over),
		cmocka_unit_test(no_room_is_said),
		cmocka_unit_test(what_is_cut_is_damaged),
		cmocka_unit_test(what_is_changed_is_harmless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
