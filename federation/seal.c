#include "federation/seal.h"

#include "base/crypto.h"
#include "base/wire.h"
#include "federation/house.h"
#include "sip/uri.h"

#define PLAIN_MAX (FED_SEAL_MAX / 4 * 3 - CRYPTO_SEAL_EXTRA)
#define CONTEXT STR("lotse opaque uri")

enum err fed_seal(const unsigned char key[32], struct str aor, struct str contact, struct wall end,
                  struct buf *out)
{
	unsigned char plain[PLAIN_MAX];
	unsigned char sealed[PLAIN_MAX + CRYPTO_SEAL_EXTRA];
	struct wire_writer w = wire_writer_of(plain, sizeof(plain));
	struct str text;
	enum err e;

	wire_write64(&w, (uint64_t)(end.ms / 1000));
	wire_write16(&w, (uint16_t)aor.len);
	wire_write_str(&w, aor);
	wire_write_str(&w, contact);
	if (w.err != ERR_OK || aor.len > UINT16_MAX)
		return ERR_LIMIT;
	text = wire_view(&w);
	if ((e = crypto_seal(key, text, CONTEXT, sealed)) != ERR_OK)
		return e;
	buf_z(out, FED_SEAL_PREFIX);
	crypto_base64url(str_of((const char *)sealed, text.len + CRYPTO_SEAL_EXTRA), out);
	return out->err;
}

/* Escapes undone, prefix and base64url off: what was sealed. */
static enum err read_sealed(struct str user, struct buf *out)
{
	char memory[FED_SEAL_MAX + sizeof(FED_SEAL_PREFIX)];
	struct buf plain;
	struct str text;

	buf_wrap(&plain, memory, sizeof(memory));
	if (!str_starts_nocase(user, STR("o")) || sip_unescape(user, &plain) != ERR_OK)
		return ERR_NOTFOUND;
	text = buf_view(&plain);
	if (!str_starts(text, STR(FED_SEAL_PREFIX)) ||
	    crypto_from_base64url(str_from_at(text, sizeof(FED_SEAL_PREFIX) - 1), out) != ERR_OK)
		return ERR_NOTFOUND;
	return out->len > CRYPTO_SEAL_EXTRA ? ERR_OK : ERR_NOTFOUND;
}

enum err fed_unseal(const unsigned char key[32], struct str user, struct wall now, struct buf *aor,
                    struct buf *contact)
{
	char sealed_memory[FED_SEAL_MAX];
	unsigned char plain[FED_SEAL_MAX];
	struct wire_reader r;
	struct buf sealed;
	struct str said_aor;
	uint64_t end_s;
	enum err e;

	buf_wrap(&sealed, sealed_memory, sizeof(sealed_memory));
	if (read_sealed(user, &sealed) != ERR_OK)
		return ERR_NOTFOUND;
	e = crypto_open(key, buf_view(&sealed), CONTEXT, plain);
	if (e != ERR_OK)
		return e == ERR_DENIED ? ERR_NOTFOUND : e;
	r = wire_reader_of(str_of((const char *)plain, sealed.len - CRYPTO_SEAL_EXTRA));
	end_s = wire_read64(&r);
	said_aor = wire_read_bytes(&r, wire_read16(&r));
	if (r.err != ERR_OK)
		return ERR_NOTFOUND;
	buf_str(aor, said_aor);
	buf_str(contact, wire_read_bytes(&r, wire_left(&r)));
	if (aor->err != ERR_OK || contact->err != ERR_OK)
		return aor->err != ERR_OK ? aor->err : contact->err;
	return (uint64_t)(now.ms / 1000) < end_s ? ERR_OK : ERR_TIMEOUT;
}

enum err federation_unseal(struct federation *fed, struct str user, struct wall now,
                           struct buf *aor, struct buf *contact)
{
	return fed_unseal(fed->seal_key, user, now, aor, contact);
}
