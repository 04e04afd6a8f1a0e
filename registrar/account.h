/* registrar/account.h: an account as octets, as it lies in the store, and what makes one acceptable.
 *
 *	octet    version, 1
 *	octet    flags: 1 disabled, 2 has MD5, 4 has SHA-256
 *	text     16 bits of length, then the octets: realm
 *	as told  16 octets, 32 octets: HA1 of either algorithm
 *
 * Pure; any thread. */
#pragma once
#include "registrar/registrar.h"

#define REG_ACCOUNT_VERSION 1
#define REG_REALM_MAX 255
#define REG_ACCOUNT_RECORD_MAX (2 + 2 + REG_REALM_MAX + 16 + 32)

/** Is it user@domain with a domain in lower case, are all texts as long as they may be, the digests hex? ERR_SYNTAX, ERR_LIMIT. */
NODISCARD enum err reg_account_check(const struct reg_account *account);
/** Write it; it must have been checked. Returns how many octets. */
size_t reg_account_encode(const struct reg_account *account,
                          unsigned char out[REG_ACCOUNT_RECORD_MAX]);
/** Read it, everything copied into `arena`. ERR_NOMEM; ERR_VERSION, ERR_CORRUPT. */
NODISCARD enum err reg_account_decode(struct str address, struct str record, struct arena *arena,
                                      struct reg_account *out);
/** Write the AoR whose account is at `address`: "sip:" and the address. */
struct str reg_account_aor(struct str address, char out[4 + REG_USER_MAX]);
/** The address of the account of an AoR; empty where it can have none. */
struct str reg_aor_account(struct str aor);
