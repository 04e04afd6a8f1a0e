#include "registrar/account.h"

#include "base/wire.h"

enum { FLAG_DISABLED = 1, FLAG_MD5 = 2, FLAG_SHA256 = 4, FLAG_ALL = 7 };

#define MD5_HEX ((size_t)2 * CRYPTO_MD5)
#define SHA256_HEX ((size_t)2 * CRYPTO_SHA256)

/* ---------------------------------------------------------------------------- checking */

#define NO_DIGIT 16u

/* What a hex digit means, NO_DIGIT for any other octet. */
static unsigned hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	c = char_lower(c);
	return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10) : NO_DIGIT;
}

static bool is_digest(struct str hex, size_t len)
{
	if (str_empty(hex))
		return true;
	if (hex.len != len)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (hex_digit(hex.p[i]) == NO_DIGIT)
			return false;
	}
	return true;
}

static bool is_address(struct str address)
{
	size_t at = str_rfind(address, '@');

	if (at == 0 || at + 1 >= address.len)
		return false;
	for (size_t i = 0; i < address.len; i++) {
		char c = address.p[i];

		if ((unsigned char)c <= ' ' || c == 0x7f)
			return false;
		if (i > at && c != char_lower(c))
			return false;
	}
	return true;
}

enum err reg_account_check(const struct reg_account *account)
{
	if (account->address.len > REG_USER_MAX || account->realm.len > REG_REALM_MAX)
		return ERR_LIMIT;
	if (!is_address(account->address) || !is_digest(account->md5, MD5_HEX) ||
	    !is_digest(account->sha256, SHA256_HEX))
		return ERR_SYNTAX;
	return ERR_OK;
}

/* ---------------------------------------------------------------------------- octets */

static void write_digest(struct wire_writer *w, struct str hex)
{
	for (size_t i = 0; i + 1 < hex.len; i += 2)
		wire_write8(w, (uint8_t)(hex_digit(hex.p[i]) << 4 | hex_digit(hex.p[i + 1])));
}

size_t reg_account_encode(const struct reg_account *account,
                          unsigned char out[REG_ACCOUNT_RECORD_MAX])
{
	struct wire_writer w = wire_writer_of(out, REG_ACCOUNT_RECORD_MAX);
	unsigned flags = account->disabled ? FLAG_DISABLED : 0;

	flags |= str_empty(account->md5) ? 0 : (unsigned)FLAG_MD5;
	flags |= str_empty(account->sha256) ? 0 : (unsigned)FLAG_SHA256;
	wire_write8(&w, REG_ACCOUNT_VERSION);
	wire_write8(&w, (uint8_t)flags);
	wire_write16(&w, (uint16_t)account->realm.len);
	wire_write_str(&w, account->realm);
	write_digest(&w, account->md5);
	write_digest(&w, account->sha256);
	must(w.err == ERR_OK);
	return wire_written(&w);
}

/* Read `len` octets as hex into the arena. */
static enum err read_digest(struct wire_reader *r, size_t len, struct arena *arena, struct str *out)
{
	struct str octets = wire_read_bytes(r, len);
	struct buf hex;
	char *p;

	if (r->err != ERR_OK)
		return ERR_CORRUPT;
	p = arena_alloc(arena, 2 * len);
	if (p == NULL)
		return ERR_NOMEM;
	buf_wrap(&hex, p, 2 * len);
	crypto_hex((const unsigned char *)octets.p, len, &hex);
	*out = buf_view(&hex);
	return hex.err;
}

enum err reg_account_decode(struct str address, struct str record, struct arena *arena,
                            struct reg_account *out)
{
	struct wire_reader r = wire_reader_of(record);
	unsigned version = wire_read8(&r);
	unsigned flags = wire_read8(&r);
	struct str realm = wire_read_bytes(&r, wire_read16(&r));
	enum err e;

	if (r.err != ERR_OK || version == 0 || realm.len > REG_REALM_MAX)
		return ERR_CORRUPT;
	if (version > REG_ACCOUNT_VERSION)
		return ERR_VERSION;
	*out = (struct reg_account){ .disabled = (flags & FLAG_DISABLED) != 0 };
	if ((flags & FLAG_MD5) != 0 &&
	    (e = read_digest(&r, CRYPTO_MD5, arena, &out->md5)) != ERR_OK)
		return e;
	if ((flags & FLAG_SHA256) != 0 &&
	    (e = read_digest(&r, CRYPTO_SHA256, arena, &out->sha256)) != ERR_OK)
		return e;
	if (wire_reader_end(&r) != ERR_OK || (flags & ~(unsigned)FLAG_ALL) != 0)
		return ERR_CORRUPT;
	e = arena_str(arena, address, &out->address);
	return e == ERR_OK ? arena_str(arena, realm, &out->realm) : e;
}

/* ---------------------------------------------------------------------------- names */

struct str reg_account_aor(struct str address, char out[4 + REG_USER_MAX])
{
	struct buf aor;

	buf_wrap(&aor, out, 4 + REG_USER_MAX);
	buf_z(&aor, "sip:");
	buf_str(&aor, address);
	must(aor.err == ERR_OK);
	return buf_view(&aor);
}

struct str reg_aor_account(struct str aor)
{
	return str_starts(aor, STR("sip:")) && str_find(aor, '@') < aor.len ? str_from_at(aor, 4)
	                                                                    : STR_NONE;
}

/* ---------------------------------------------------------------------------- making */

static enum err make_digest(enum sip_digest algorithm, struct str user, struct str realm,
                            struct str password, struct arena *arena, struct str *out)
{
	struct sip_hex hex;

	if (!sip_digest_ha1(algorithm, user, realm, password, &hex))
		return ERR_NOMEM;
	return arena_str(arena, sip_hex_str(&hex), out);
}

/* The address with its domain in lower case. */
static enum err make_address(struct str address, struct arena *arena, struct str *out)
{
	char *p = arena_alloc(arena, address.len + 1);
	size_t at = str_rfind(address, '@');

	if (p == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < address.len; i++)
		p[i] = i > at ? char_lower(address.p[i]) : address.p[i];
	p[address.len] = '\0';
	*out = str_of(p, address.len);
	return ERR_OK;
}

enum err reg_account_make(struct reg_account *out, struct str address, struct str realm,
                          struct str password, struct arena *arena)
{
	struct str user = str_head(address, str_rfind(address, '@'));
	enum err e;

	*out = (struct reg_account){ 0 };
	if (address.len > REG_USER_MAX)
		return ERR_LIMIT;
	if ((e = make_address(address, arena, &out->address)) != ERR_OK ||
	    (e = arena_str(arena, realm, &out->realm)) != ERR_OK ||
	    (e = reg_account_check(out)) != ERR_OK ||
	    (e = make_digest(SIP_DIGEST_MD5, user, realm, password, arena, &out->md5)) != ERR_OK)
		return e;
	return make_digest(SIP_DIGEST_SHA256, user, realm, password, arena, &out->sha256);
}
