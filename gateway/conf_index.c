#include "gateway/conf_build.h"

#include "base/crypto.h"
#include "base/mem.h"

#include <stdlib.h>

#define ENTRIES_MAX ((size_t)4 << 20)
#define HOST_MAX 253
#define NUMBER_MAX 16 /* "+" and the digits of E.164 */

/* The peers that serve one domain or prefix, by priority. */
struct served {
	const struct conf_peer *peer;
	struct served *next;
};

/* The addresses of one network, from first to last: the family, then the octets. */
struct range {
	unsigned char low[17];
	unsigned char high[17];
	const struct conf_peer *peer;
	size_t network;
};

struct conf_index {
	struct map domains;      /* name -> struct conf_domain */
	struct map own_numbers;  /* prefix -> struct conf_domain */
	struct map peers;        /* name -> struct conf_peer */
	struct map names;        /* certificate name -> struct conf_peer */
	struct map peer_domains; /* name -> struct served */
	struct map peer_numbers; /* prefix -> struct served */
	struct range *ranges;    /* sorted by low, of equal ones the larger first */
	size_t range_count;
	struct range *outer; /* of those, what is in no other: nothing overlaps */
	size_t outer_count;
};

void conf_index_fini(struct conf_index *index)
{
	if (index == NULL)
		return;
	map_fini(&index->domains);
	map_fini(&index->own_numbers);
	map_fini(&index->peers);
	map_fini(&index->names);
	map_fini(&index->peer_domains);
	map_fini(&index->peer_numbers);
}

/* The first one counts. What is empty was complained about. */
static enum err put_first(struct map *map, struct str key, const void *value)
{
	if (str_empty(key) || map_get(map, key) != NULL)
		return ERR_OK;
	return map_put(map, key, (void *)(uintptr_t)value);
}

static enum err index_domains(struct conf *conf, struct conf_index *index)
{
	enum err e = ERR_OK;

	for (size_t i = 0; i < conf->domain_count && e == ERR_OK; i++) {
		const struct conf_domain *domain = &conf->domains[i];

		e = put_first(&index->domains, domain->name, domain);
		for (size_t j = 0; j < domain->number_count && e == ERR_OK; j++)
			e = put_first(&index->own_numbers, domain->numbers[j], domain);
	}
	return e;
}

/* Put the peer where its priority says. Peers come in the order of the file, which decides among equals. */
static enum err put_served(struct conf *conf, struct map *map, struct str key,
                           const struct conf_peer *peer)
{
	struct served *first = str_empty(key) ? NULL : map_get(map, key);
	struct served *entry;
	struct served *at = first;

	if (str_empty(key))
		return ERR_OK;
	entry = arena_zero(&conf->arena, sizeof(*entry));
	if (entry == NULL)
		return ERR_NOMEM;
	entry->peer = peer;
	if (first == NULL || peer->priority < first->peer->priority) {
		entry->next = first;
		return map_put(map, key, entry);
	}
	while (at->next != NULL && at->next->peer->priority <= peer->priority)
		at = at->next;
	entry->next = at->next;
	at->next = entry;
	return ERR_OK;
}

static enum err index_peer(struct conf *conf, struct conf_index *index,
                           const struct conf_peer *peer)
{
	enum err e = put_first(&index->peers, peer->name, peer);

	for (size_t i = 0; i < peer->name_count && e == ERR_OK; i++)
		e = put_first(&index->names, peer->names[i], peer);
	for (size_t i = 0; i < peer->domain_count && e == ERR_OK; i++)
		e = put_served(conf, &index->peer_domains, peer->domains[i], peer);
	for (size_t i = 0; i < peer->number_count && e == ERR_OK; i++)
		e = put_served(conf, &index->peer_numbers, peer->numbers[i], peer);
	return e;
}

static void addr_octets(const struct addr *addr, unsigned char out[17])
{
	memset(out, 0, 17);
	if (addr_family(addr) == AF_INET) {
		out[0] = 4;
		memcpy(out + 1, &addr->sa.v4.sin_addr, 4);
	} else {
		out[0] = 6;
		memcpy(out + 1, &addr->sa.v6.sin6_addr, 16);
	}
}

static struct range range_of(const struct conf_peer *peer, size_t i)
{
	const struct network *network = &peer->addresses[i];
	struct range range = { .peer = peer, .network = i };

	addr_octets(&network->addr, range.low);
	memcpy(range.high, range.low, sizeof(range.high));
	for (unsigned bit = network->prefix; bit < 128; bit++)
		range.high[1 + bit / 8] |= (unsigned char)(0x80 >> bit % 8);
	return range;
}

static int compare_ranges(const void *a, const void *b)
{
	const struct range *one = a;
	const struct range *two = b;
	int order = memcmp(one->low, two->low, sizeof(one->low));

	if (order == 0)
		order = memcmp(two->high, one->high, sizeof(one->high));
	if (order == 0)
		order = one->peer->index < two->peer->index ? -1
		                                            : one->peer->index > two->peer->index;
	return order;
}

/* Networks lie within each other or apart. So those that are in no other, in order, are enough to search. */
static enum err index_addresses(struct conf *conf, struct conf_index *index)
{
	size_t count = 0;

	for (size_t i = 0; i < conf->peer_count; i++)
		count += conf->peers[i].address_count;
	if (count == 0)
		return ERR_OK;
	index->ranges = arena_alloc(&conf->arena, count * sizeof(*index->ranges));
	index->outer = arena_alloc(&conf->arena, count * sizeof(*index->outer));
	if (index->ranges == NULL || index->outer == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < conf->peer_count; i++)
		for (size_t j = 0; j < conf->peers[i].address_count; j++)
			if (addr_family(&conf->peers[i].addresses[j].addr) != 0)
				index->ranges[index->range_count++] = range_of(&conf->peers[i], j);
	if (index->range_count > 1)
		qsort(index->ranges, index->range_count, sizeof(*index->ranges), compare_ranges);
	for (size_t i = 0; i < index->range_count; i++) {
		const struct range *last = index->outer_count == 0
		                                   ? NULL
		                                   : &index->outer[index->outer_count - 1];

		if (last == NULL ||
		    memcmp(index->ranges[i].low, last->high, sizeof(last->high)) > 0)
			index->outer[index->outer_count++] = index->ranges[i];
	}
	return ERR_OK;
}

bool conf_index_overlap(const struct conf *conf, size_t from, const struct conf_peer **a,
                        size_t *a_network, const struct conf_peer **b, size_t *b_network,
                        size_t *next)
{
	const struct conf_index *index = conf->index;
	size_t outer = 0;

	for (size_t i = 0; i < index->range_count; i++) {
		const struct range *range = &index->ranges[i];

		while (outer + 1 < index->outer_count &&
		       memcmp(index->outer[outer + 1].low, range->low, sizeof(range->low)) <= 0)
			outer++;
		if (i < from || index->outer[outer].peer == range->peer)
			continue;
		*a = index->outer[outer].peer;
		*a_network = index->outer[outer].network;
		*b = range->peer;
		*b_network = range->network;
		*next = i + 1;
		return true;
	}
	return false;
}

enum err conf_index_build(struct conf *conf)
{
	struct conf_index *index = arena_zero(&conf->arena, sizeof(*index));
	struct hash_key key;
	enum err e;

	if (index == NULL)
		return ERR_NOMEM;
	e = hash_key_init(&key);
	if (e != ERR_OK)
		return e;
	map_init(&index->domains, ENTRIES_MAX, &key);
	map_init(&index->own_numbers, ENTRIES_MAX, &key);
	map_init(&index->peers, ENTRIES_MAX, &key);
	map_init(&index->names, ENTRIES_MAX, &key);
	map_init(&index->peer_domains, ENTRIES_MAX, &key);
	map_init(&index->peer_numbers, ENTRIES_MAX, &key);
	conf->index = index;
	e = index_domains(conf, index);
	for (size_t i = 0; i < conf->peer_count && e == ERR_OK; i++)
		e = index_peer(conf, index, &conf->peers[i]);
	return e == ERR_OK ? index_addresses(conf, index) : e;
}

/* A name in lower case without its final dot, in memory of the caller's; empty where it is too long to be one. */
struct lower {
	char text[HOST_MAX + 1];
	size_t len;
};

static void make_lower(struct lower *out, struct str name)
{
	if (name.len > 1 && name.p[name.len - 1] == '.')
		name.len--;
	out->len = name.len > HOST_MAX ? 0 : name.len;
	for (size_t i = 0; i < out->len; i++)
		out->text[i] = char_lower(name.p[i]);
}

/* What comes next: the name itself (`*at` = 0), then "*.rest" for each shorter rest. Overwrites what is not needed any more. */
static bool next_pattern(struct lower *name, size_t *at, struct str *out)
{
	size_t i = *at;

	if (i == 0) {
		*at = 1;
		*out = str_of(name->text, name->len);
		return name->len > 0;
	}
	while (i < name->len && name->text[i] != '.')
		i++;
	if (i >= name->len)
		return false;
	name->text[i - 1] = '*';
	*out = str_of(name->text + i - 1, name->len - i + 1);
	*at = i + 1;
	return true;
}

const struct conf_domain *conf_domain_find(const struct conf *conf, struct str host)
{
	const struct conf_domain *found = NULL;
	struct lower name;
	struct str pattern;
	size_t at = 0;

	make_lower(&name, host);
	while (found == NULL && next_pattern(&name, &at, &pattern))
		found = map_get(&conf->index->domains, pattern);
	return found;
}

struct str conf_realm(const struct conf *conf, const struct conf_domain *domain, struct str host)
{
	if (domain != NULL && !str_empty(domain->realm))
		return domain->realm;
	return str_empty(conf->auth.realm) ? host : conf->auth.realm;
}

const struct conf_domain *conf_number_find(const struct conf *conf, struct str number)
{
	const struct conf_domain *found = NULL;

	for (size_t len = number.len < NUMBER_MAX ? number.len : NUMBER_MAX;
	     len >= 2 && found == NULL; len--)
		found = map_get(&conf->index->own_numbers, str_head(number, len));
	return found;
}

bool conf_is_own_number(const struct conf *conf, struct str number)
{
	return conf_number_find(conf, number) != NULL;
}

const struct conf_trust *conf_trusted(const struct conf *conf, const struct addr *addr,
                                      enum conf_transport transport)
{
	const struct conf_trust *best = NULL;

	for (size_t i = 0; i < conf->trusted_count; i++) {
		const struct conf_trust *trust = &conf->trusted[i];

		if (trust->transport != CONF_TRANSPORT_ANY && trust->transport != transport)
			continue;
		if (network_has(&trust->network, addr) &&
		    (best == NULL || trust->network.prefix > best->network.prefix))
			best = trust;
	}
	return best;
}

const struct conf_peer *conf_peer_find(const struct conf *conf, struct str name)
{
	return map_get(&conf->index->peers, name);
}

const struct conf_peer *conf_peer_by_addr(const struct conf *conf, const struct addr *addr)
{
	const struct conf_index *index = conf->index;
	unsigned char octets[17];
	size_t low = 0;
	size_t high = index->outer_count;

	addr_octets(addr, octets);
	/* Behind the last range that begins at or before it. */
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (memcmp(index->outer[middle].low, octets, sizeof(octets)) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0 || memcmp(octets, index->outer[low - 1].high, sizeof(octets)) > 0)
		return NULL;
	return index->outer[low - 1].peer;
}

const struct conf_peer *conf_peer_by_name(const struct conf *conf, struct str name)
{
	struct lower lower;

	make_lower(&lower, name);
	return lower.len == 0 ? NULL : map_get(&conf->index->names, str_of(lower.text, lower.len));
}

const struct conf_peer *conf_peer_by_token(const struct conf *conf, struct str token)
{
	const struct conf_peer *found = NULL;

	for (size_t i = 0; i < conf->peer_count; i++) {
		struct str own = conf->peers[i].token_file.bytes;

		if (!str_empty(own) && own.len == token.len &&
		    crypto_equal(own.p, token.p, own.len) && found == NULL)
			found = &conf->peers[i];
	}
	return found;
}

/* Add those of one entry that are not there yet. */
static size_t add_served(const struct served *entry, const struct conf_peer **out, size_t count,
                         size_t max)
{
	for (; entry != NULL && count < max; entry = entry->next) {
		bool known = false;

		for (size_t i = 0; i < count && !known; i++)
			known = out[i] == entry->peer;
		if (!known)
			out[count++] = entry->peer;
	}
	return count;
}

size_t conf_peers_for_domain(const struct conf *conf, struct str domain,
                             const struct conf_peer **out, size_t max)
{
	struct lower name;
	struct str pattern;
	size_t count = 0;
	size_t at = 0;

	make_lower(&name, domain);
	while (count < max && next_pattern(&name, &at, &pattern))
		count = add_served(map_get(&conf->index->peer_domains, pattern), out, count, max);
	return count;
}

size_t conf_peers_for_number(const struct conf *conf, struct str number,
                             const struct conf_peer **out, size_t max)
{
	size_t count = 0;

	for (size_t len = number.len < NUMBER_MAX ? number.len : NUMBER_MAX;
	     len >= 2 && count < max; len--)
		count = add_served(map_get(&conf->index->peer_numbers, str_head(number, len)), out,
		                   count, max);
	return count;
}

bool conf_domain_matches(struct str pattern, struct str domain)
{
	if (domain.len > 1 && domain.p[domain.len - 1] == '.')
		domain.len--;
	if (!str_starts(pattern, STR("*.")))
		return str_eq_nocase(pattern, domain);
	/* More than the dot must stand before it. */
	return domain.len > pattern.len - 1 && str_ends_nocase(domain, str_from_at(pattern, 1));
}

bool conf_peer_serves_domain(const struct conf_peer *peer, struct str domain)
{
	for (size_t i = 0; i < peer->domain_count; i++)
		if (conf_domain_matches(peer->domains[i], domain))
			return true;
	return false;
}

bool conf_peer_serves_number(const struct conf_peer *peer, struct str number)
{
	for (size_t i = 0; i < peer->number_count; i++)
		if (str_starts(number, peer->numbers[i]))
			return true;
	return false;
}

const struct conf_route *conf_route_find(const struct conf *conf, struct str domain,
                                         struct str number, size_t *index)
{
	for (size_t i = 0; i < conf->route_count; i++) {
		const struct conf_match *match = &conf->routes[i].match;

		if (!str_empty(match->domain) && !conf_domain_matches(match->domain, domain))
			continue;
		if (!str_empty(match->number) && !str_starts(number, match->number))
			continue;
		*index = i;
		return &conf->routes[i];
	}
	return NULL;
}
