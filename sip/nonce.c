#include "sip/nonce.h"

#include "base/mem.h"

#define MAC_OCTETS 16
#define MAC_HEX ((size_t)2 * MAC_OCTETS)
#define PLAIN_HEX 32

static void put_hex64(struct buf *out, uint64_t n)
{
	unsigned char octets[8];

	for (size_t i = 0; i < sizeof(octets); i++)
		octets[i] = (unsigned char)(n >> (56 - 8 * i));
	crypto_hex(octets, sizeof(octets), out);
}

/* The MAC over time and salt (their hex) and the realm, as hex. */
static bool put_mac(struct buf *out, struct str key, struct str plain, struct str realm)
{
	const struct str parts[] = { STR_INIT("nonce"), plain, realm };
	unsigned char mac[CRYPTO_SHA256];

	if (!crypto_mac(key, parts, COUNT_OF(parts), mac))
		return false;
	crypto_hex(mac, MAC_OCTETS, out);
	return true;
}

enum err sip_nonce_make(struct buf *out, struct str key, struct str realm, struct wall now,
                        uint64_t salt)
{
	char memory[SIP_NONCE_TEXT];
	struct buf text;

	buf_wrap(&text, memory, sizeof(memory));
	put_hex64(&text, (uint64_t)now.ms);
	put_hex64(&text, salt);
	if (!put_mac(&text, key, buf_view(&text), realm))
		return ERR_NOMEM;
	buf_str(out, buf_view(&text));
	return out->err;
}

static bool read_hex64(struct str s, uint64_t *out)
{
	uint64_t n = 0;

	for (size_t i = 0; i < s.len; i++) {
		char c = s.p[i];

		if (c >= '0' && c <= '9')
			n = n << 4 | (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			n = n << 4 | (uint64_t)(c - 'a' + 10);
		else
			return false;
	}
	*out = n;
	return true;
}

enum sip_nonce_verdict sip_nonce_check(struct str nonce, struct str key, struct str realm,
                                       struct wall now, int64_t lifetime_ms, struct wall *issued)
{
	char memory[MAC_HEX];
	struct buf mac;
	uint64_t ms;

	if (nonce.len != SIP_NONCE_TEXT || !read_hex64(str_head(nonce, 16), &ms) ||
	    ms > INT64_MAX / 2)
		return SIP_NONCE_FORGED;
	buf_wrap(&mac, memory, sizeof(memory));
	if (!put_mac(&mac, key, str_head(nonce, PLAIN_HEX), realm) ||
	    !crypto_equal(memory, nonce.p + PLAIN_HEX, MAC_HEX))
		return SIP_NONCE_FORGED;
	issued->ms = (int64_t)ms;
	/* A clock that was set back must not make old nonces live for longer. */
	if (issued->ms > now.ms + lifetime_ms || now.ms - issued->ms > lifetime_ms)
		return SIP_NONCE_STALE;
	return SIP_NONCE_FRESH;
}

/* Which counts of a nonce were used: the highest, and bit i for highest - i. */
struct count {
	uint64_t hash; /* 0: free */
	uint64_t seen;
	int64_t issued_ms;
	uint32_t highest;
};

#define BUCKET 8

/* A nonce may be in one bucket alone; what a full bucket forgets moves its floor. */
struct bucket {
	int64_t floor_ms; /* nonces issued at or before that time can't be told from used ones */
	struct count counts[BUCKET];
};

struct nonce_counts {
	struct hash_key key;
	size_t mask;
	struct bucket buckets[];
};

enum err nonce_counts_open(struct nonce_counts **out, size_t limit, const struct hash_key *key)
{
	struct nonce_counts *counts;
	size_t buckets = 8;

	while (buckets * BUCKET < limit) {
		if (buckets > SIZE_MAX / 4 / sizeof(struct bucket))
			return ERR_LIMIT;
		buckets *= 2;
	}
	counts = mem_zero(sizeof(*counts) + buckets * sizeof(struct bucket));
	if (counts == NULL)
		return ERR_NOMEM;
	counts->key = *key;
	counts->mask = buckets - 1;
	for (size_t i = 0; i < buckets; i++)
		counts->buckets[i].floor_ms = INT64_MIN;
	*out = counts;
	return ERR_OK;
}

void nonce_counts_close(struct nonce_counts *counts)
{
	free(counts);
}

static struct count *find_count(struct bucket *bucket, uint64_t hash)
{
	for (size_t i = 0; i < BUCKET; i++) {
		if (bucket->counts[i].hash == hash)
			return &bucket->counts[i];
	}
	return NULL;
}

/* A place for a new nonce: a free one, one that is too old to be used again, or the oldest. */
static struct count *take_place(struct bucket *bucket, struct wall now, int64_t lifetime_ms)
{
	struct count *oldest = &bucket->counts[0];

	for (size_t i = 0; i < BUCKET; i++) {
		struct count *c = &bucket->counts[i];

		if (c->hash == 0 || now.ms - c->issued_ms > lifetime_ms)
			return c;
		if (c->issued_ms < oldest->issued_ms)
			oldest = c;
	}
	if (oldest->issued_ms > bucket->floor_ms)
		bucket->floor_ms = oldest->issued_ms;
	return oldest;
}

static enum nonce_use use_count(struct count *c, uint32_t nc)
{
	uint32_t behind;

	if (nc > c->highest) {
		uint32_t step = nc - c->highest;

		c->seen = step < 64 ? c->seen << step | 1 : 1;
		c->highest = nc;
		return NONCE_FIRST;
	}
	behind = c->highest - nc;
	if (behind > 63 || (c->seen >> behind & 1) != 0)
		return NONCE_REPLAY;
	c->seen |= (uint64_t)1 << behind;
	return NONCE_FIRST;
}

enum nonce_use nonce_counts_use(struct nonce_counts *counts, struct str nonce, uint32_t nc,
                                struct wall issued, struct wall now, int64_t lifetime_ms)
{
	uint64_t hash = hash_str(&counts->key, nonce) | 1; /* 0 means free */
	struct bucket *bucket = &counts->buckets[hash >> 32 & counts->mask];
	struct count *c = find_count(bucket, hash);

	if (c != NULL)
		return use_count(c, nc);
	if (issued.ms <= bucket->floor_ms)
		return NONCE_UNKNOWN;
	c = take_place(bucket, now, lifetime_ms);
	*c = (struct count){ .hash = hash, .seen = 1, .issued_ms = issued.ms, .highest = nc };
	return NONCE_FIRST;
}
