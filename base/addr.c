#include "base/addr.h"

#include "base/mem.h"

#include <arpa/inet.h>

static void unmap(struct addr *a)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = a->sa.v6.sin6_port };

	if (addr_family(a) != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&a->sa.v6.sin6_addr))
		return;
	memcpy(&v4.sin_addr, a->sa.v6.sin6_addr.s6_addr + 12, 4);
	memset(&a->sa, 0, sizeof(a->sa));
	a->sa.v4 = v4;
}

enum err addr_parse(struct addr *out, struct str host, uint16_t port)
{
	char z[INET6_ADDRSTRLEN + 1];
	struct addr a = { 0 };

	if (host.len > 2 && host.p[0] == '[' && host.p[host.len - 1] == ']') {
		host = str_of(host.p + 1, host.len - 2);
		if (str_find(host, ':') == host.len)
			return ERR_SYNTAX;
	}
	if (str_to_z(host, z, sizeof(z)) != ERR_OK)
		return ERR_SYNTAX;
	if (inet_pton(AF_INET, z, &a.sa.v4.sin_addr) == 1)
		a.sa.v4.sin_family = AF_INET;
	else if (inet_pton(AF_INET6, z, &a.sa.v6.sin6_addr) == 1)
		a.sa.v6.sin6_family = AF_INET6;
	else
		return ERR_SYNTAX;
	addr_set_port(&a, port);
	unmap(&a);
	*out = a;
	return ERR_OK;
}

enum err addr_parse_port(struct addr *out, struct str text, uint16_t default_port)
{
	size_t colon = str_rfind(text, ':');
	size_t bracket = str_rfind(text, ']');
	uint64_t port;
	bool bare_v6 = bracket == text.len && colon != str_find(text, ':');

	if (bare_v6 || colon == text.len || (bracket != text.len && bracket > colon))
		return addr_parse(out, text, default_port);
	if (str_number(str_from_at(text, colon + 1), UINT16_MAX, &port) != ERR_OK)
		return ERR_SYNTAX;
	return addr_parse(out, str_head(text, colon), (uint16_t)port);
}

struct addr addr_from_sockaddr(const struct sockaddr *sa)
{
	struct addr a = { 0 };

	if (sa->sa_family == AF_INET)
		memcpy(&a.sa.v4, sa, sizeof(a.sa.v4));
	else if (sa->sa_family == AF_INET6)
		memcpy(&a.sa.v6, sa, sizeof(a.sa.v6));
	unmap(&a);
	return a;
}

socklen_t addr_len(const struct addr *a)
{
	return addr_family(a) == AF_INET6 ? sizeof(a->sa.v6) : sizeof(a->sa.v4);
}

uint16_t addr_port(const struct addr *a)
{
	/* sin_port and sin6_port share their place. */
	return ntohs(addr_family(a) == AF_INET6 ? a->sa.v6.sin6_port : a->sa.v4.sin_port);
}

void addr_set_port(struct addr *a, uint16_t port)
{
	if (addr_family(a) == AF_INET6)
		a->sa.v6.sin6_port = htons(port);
	else
		a->sa.v4.sin_port = htons(port);
}

void addr_write_host(const struct addr *a, bool brackets, struct buf *out)
{
	char z[INET6_ADDRSTRLEN] = "";

	if (addr_family(a) == AF_INET6) {
		(void)inet_ntop(AF_INET6, &a->sa.v6.sin6_addr, z, sizeof(z));
		if (brackets)
			buf_char(out, '[');
		buf_z(out, z);
		if (brackets)
			buf_char(out, ']');
		return;
	}
	if (addr_family(a) == AF_INET)
		(void)inet_ntop(AF_INET, &a->sa.v4.sin_addr, z, sizeof(z));
	buf_z(out, z[0] == '\0' ? "-" : z);
}

void addr_write(const struct addr *a, struct buf *out)
{
	addr_write_host(a, true, out);
	buf_char(out, ':');
	buf_number(out, addr_port(a));
}

const char *addr_text(const struct addr *a, char out[ADDR_TEXT])
{
	struct buf b;

	buf_wrap(&b, out, ADDR_TEXT);
	addr_write(a, &b);
	return buf_cstr(&b) == NULL ? "-" : out;
}

static struct str host_bytes(const struct addr *a)
{
	if (addr_family(a) == AF_INET6)
		return str_of((const char *)&a->sa.v6.sin6_addr, 16);
	return str_of((const char *)&a->sa.v4.sin_addr, 4);
}

bool addr_eq_host(const struct addr *a, const struct addr *b)
{
	return addr_family(a) == addr_family(b) && str_eq(host_bytes(a), host_bytes(b));
}

bool addr_eq(const struct addr *a, const struct addr *b)
{
	return addr_eq_host(a, b) && addr_port(a) == addr_port(b);
}

uint64_t addr_hash_host(const struct hash_key *key, const struct addr *a)
{
	return hash_str(key, host_bytes(a));
}

uint64_t addr_hash(const struct hash_key *key, const struct addr *a)
{
	struct str host = host_bytes(a);
	uint16_t port = addr_port(a);
	char bytes[18];

	memcpy(bytes, host.p, host.len);
	memcpy(bytes + host.len, &port, 2);
	return hash_str(key, str_of(bytes, host.len + 2));
}

bool addr_is_any(const struct addr *a)
{
	static const char zero[16];
	struct str host = host_bytes(a);

	return memcmp(host.p, zero, host.len) == 0;
}

bool addr_is_loopback(const struct addr *a)
{
	if (addr_family(a) == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&a->sa.v6.sin6_addr);
	return (ntohl(a->sa.v4.sin_addr.s_addr) >> 24) == 127;
}

static bool in_any_of(const struct addr *a, const char *const *networks, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct network n;

		if (network_parse(&n, str_from(networks[i])) == ERR_OK && network_has(&n, a))
			return true;
	}
	return false;
}

bool addr_is_inward(const struct addr *a)
{
	static const char *const v4[] = {
		"0.0.0.0/8",      "10.0.0.0/8",    "100.64.0.0/10",  "127.0.0.0/8",
		"169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/3",
	};
	/* 64:ff9b::/96 and 2002::/16 hide an IPv4 address of any kind. */
	static const char *const v6[] = {
		"::/127",    "64:ff9b::/96", "2002::/16", "fc00::/7",
		"fe80::/10", "fec0::/10",    "ff00::/8",
	};

	if (addr_family(a) == AF_INET6)
		return in_any_of(a, v6, COUNT_OF(v6));
	return in_any_of(a, v4, COUNT_OF(v4));
}

static bool bits_equal(const char *a, const char *b, unsigned bits)
{
	unsigned whole = bits / 8;
	unsigned mask = bits % 8 == 0 ? 0 : 0xffu << (8 - bits % 8) & 0xff;

	if (memcmp(a, b, whole) != 0)
		return false;
	return mask == 0 || (((unsigned char)a[whole] ^ (unsigned char)b[whole]) & mask) == 0;
}

enum err network_parse(struct network *out, struct str text)
{
	static const char zero[16];
	struct str rest = text;
	struct str host = str_cut(&rest, '/');
	struct network n;
	uint64_t prefix;
	char low[16];
	struct str bytes;

	if (addr_parse(&n.addr, host, 0) != ERR_OK)
		return ERR_SYNTAX;
	bytes = host_bytes(&n.addr);
	n.prefix = (unsigned)bytes.len * 8;
	if (host.len < text.len) {
		if (str_number(rest, UINT16_MAX, &prefix) != ERR_OK)
			return ERR_SYNTAX;
		if (prefix > n.prefix)
			return ERR_RANGE;
		n.prefix = (unsigned)prefix;
	}
	memcpy(low, bytes.p, bytes.len);
	for (unsigned bit = 0; bit < n.prefix; bit++)
		low[bit / 8] = (char)(low[bit / 8] & ~(0x80 >> bit % 8));
	if (memcmp(low, zero, bytes.len) != 0)
		return ERR_RANGE;
	*out = n;
	return ERR_OK;
}

bool network_has(const struct network *n, const struct addr *a)
{
	return addr_family(&n->addr) == addr_family(a) &&
	       bits_equal(host_bytes(&n->addr).p, host_bytes(a).p, n->prefix);
}

bool network_overlaps(const struct network *a, const struct network *b)
{
	return a->prefix < b->prefix ? network_has(a, &b->addr) : network_has(b, &a->addr);
}

void network_write(const struct network *n, struct buf *out)
{
	addr_write_host(&n->addr, false, out);
	if (n->prefix < host_bytes(&n->addr).len * 8) {
		buf_char(out, '/');
		buf_number(out, n->prefix);
	}
}
