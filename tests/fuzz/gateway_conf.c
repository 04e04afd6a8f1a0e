/* A text, loaded as a configuration; what loads must print as something that loads again and is the same. */
#include "gateway/conf.h"

#define TEXT_MAX ((size_t)64 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct conf *load(struct str text)
{
	struct conf_options options = { 0 };
	struct conf *conf = NULL;
	struct buf errors;
	enum err e;

	buf_init(&errors, (size_t)1 << 20);
	e = conf_load_text(&options, text, &conf, &errors);
	must((e == ERR_OK) == (conf != NULL));
	must((e == ERR_OK) == (errors.len == 0));
	buf_fini(&errors);
	return conf;
}

static void ask(const struct conf *conf)
{
	const struct conf_peer *found[CONF_MATCHES_MAX];
	struct addr addr;
	size_t index;

	must(conf_domain_find(conf, conf->domains[0].name) != NULL);
	(void)conf_route_find(conf, conf->domains[0].name, STR("+49301234"), &index);
	(void)conf_peers_for_number(conf, STR("+49301234"), found, CONF_MATCHES_MAX);
	for (size_t i = 0; i < conf->peer_count; i++) {
		const struct conf_peer *peer = &conf->peers[i];

		must(conf_peer_find(conf, peer->name) == peer);
		for (size_t j = 0; j < peer->address_count; j++)
			must(conf_peer_by_addr(conf, &peer->addresses[j].addr) == peer);
		for (size_t j = 0; j < peer->domain_count; j++)
			must(conf_peers_for_domain(conf, peer->domains[j], found,
			                           CONF_MATCHES_MAX) > 0);
	}
	if (addr_parse(&addr, STR("192.0.2.1"), 1) == ERR_OK)
		(void)conf_trusted(conf, &addr, CONF_TRANSPORT_UDP);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf *conf = load(str_of((const char *)data, size));
	struct conf *again;
	struct buf first;
	struct buf second;

	if (conf == NULL)
		return 0;
	ask(conf);
	buf_init(&first, TEXT_MAX);
	buf_init(&second, TEXT_MAX);
	conf_print(conf, false, &first);
	again = load(buf_view(&first));
	must(again != NULL);
	conf_print(again, true, &second);
	conf_unref(again);
	again = load(buf_view(&second));
	must(again != NULL);
	buf_clear(&second);
	conf_print(again, false, &second);
	must(str_eq(buf_view(&first), buf_view(&second)));
	conf_unref(again);
	conf_unref(conf);
	buf_fini(&first);
	buf_fini(&second);
	return 0;
}
