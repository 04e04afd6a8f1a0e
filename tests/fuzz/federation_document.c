/* A peer's document, judged; what is found in it is written and read again. The first octet chooses whose it is.
 *
 * corpus: tests/fuzz/corpus/lookup */
#include "federation/document.h"
#include "federation/judge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_own_place(void *arg, const struct addr *addr)
{
	(void)arg;
	return addr_port(addr) == 5070;
}

/* What we found may stand in a document of ours, and means the same there. */
static void write_again(const struct fed_document *doc, struct arena *arena)
{
	struct fed_document again;
	struct buf text;
	struct buf why;

	buf_init(&text, 16 * FED_DOCUMENT_MAX);
	buf_init(&why, 1000);
	must(fed_document_write(doc, &text) == ERR_OK);
	if (text.len <= FED_DOCUMENT_MAX) {
		must(fed_document_parse(&again, buf_view(&text), doc->subject, arena, &why) ==
		     ERR_OK);
		must(again.count == doc->count && again.unusable == 0);
		for (size_t i = 0; i < doc->count; i++) {
			must(str_eq(again.links[i].href, doc->links[i].href));
			must(str_eq(again.links[i].route, doc->links[i].route));
			must(again.links[i].q == doc->links[i].q);
			must(again.links[i].has_expires == doc->links[i].has_expires);
		}
	}
	buf_fini(&text);
	buf_fini(&why);
}

static void check_answer(const struct fed_judgement *j, struct wall now)
{
	must(j->fresh_ms >= 0 && j->stale_ms >= 0 && j->retry_s == 0);
	must(j->answer.outcome == FED_FOUND || j->answer.target_count == 0);
	must(j->answer.outcome != FED_FOUND || j->answer.target_count > 0);
	must(j->answer.target_count <= FED_TARGETS_MAX && j->answer.text.len > 0);
	for (size_t i = 0; i < j->answer.target_count; i++) {
		const struct fed_target *t = &j->answer.targets[i];

		must(t->uri.len > 0 && t->q <= 1000 && wall_after(t->expires, now));
		must(t->identity.len > 0);
		for (size_t k = 0; k < t->route.len; k++)
			must((unsigned char)t->route.p[k] >= ' ');
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct fed_self self = { .is_own_place = is_own_place };
	const struct fed_peers peers = { .count = 0 };
	const struct fed_peer peer = { .identity = STR_INIT("beta.example") };
	struct str address = STR("sip:bob@beta.example");
	struct fed_http_answer http = { .status = 200,
		                        .now = { 1289690940500 },
		                        .cache_control =
		                                STR_INIT("max-age=100, stale-if-error=100") };
	struct fed_judgement judgement;
	struct fed_document doc;
	struct arena arena;
	struct buf why;

	if (size == 0 || size > 4 * FED_DOCUMENT_MAX)
		return 0;
	if ((data[0] & 1) != 0)
		address = STR("tel:+4930123456");
	http.body = str_of((const char *)data + 1, size - 1);
	arena_init(&arena, NULL, 0, (size_t)4 << 20);
	fed_judge(&judgement, &http, address, &peers, &peer, &self, &arena);
	check_answer(&judgement, http.now);
	buf_init(&why, 1000);
	if (fed_document_parse(&doc, http.body, address, &arena, &why) == ERR_OK)
		write_again(&doc, &arena);
	buf_fini(&why);
	arena_fini(&arena);
	return 0;
}
