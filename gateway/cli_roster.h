/* gateway/cli_roster.h: accounts that a command is about to make: read, checked, their realms asked for, their digests made, and given away all at once.
 *
 * A password is digested here, in the command's own process: only HA1 values leave it. */
#pragma once
#include "base/map.h"
#include "gateway/cli_accounts.h"

#define ROSTER_MAX 1000000   /* accounts */
#define ROSTER_LINE_MAX 4096 /* octets of a line of a file */
#define ROSTER_COMPLAINTS 50 /* that are told; further ones are counted */

/* One account. Strs are in the roster's arena. */
struct roster_entry {
	size_t line;         /* of the file, from 1; 0: from the command line */
	struct str address;  /* canonical */
	struct str password; /* empty: it has digests already */
	struct str realm;    /* empty: as configured */
	struct str md5;
	struct str sha256;
};

struct roster {
	const char *file; /* for complaints; NULL: the command line */
	struct arena arena;
	struct roster_entry *entries;
	size_t count;
	size_t room;
	struct map addresses; /* to entries: nobody twice */
	struct map domains;   /* to struct roster_domain */
	struct roster_domain *first_domain;
	size_t complaints;
};

/** An empty one. ERR_SYSTEM. */
NODISCARD enum err roster_init(struct roster *r, const char *file);
void roster_fini(struct roster *r);
/** Understand an address: "alice@alpha.example" or its sip: URI, as the account is called. Where it is none, that is a complaint (`line`) and false. The str is in the arena. */
bool roster_address(struct roster *r, size_t line, struct str text, struct str *out);
/** Add one (strs are copied but for `address`, which roster_address() made). False: a complaint, or no memory. */
bool roster_add(struct roster *r, const struct roster_entry *entry);
/** Read a file of lines "user@domain,password" or, as export writes them, "user@domain,realm,HA1 MD5,HA1 SHA-256". False: it can't be read. */
bool roster_read(struct roster *r, FILE *in);
/** Ask for the realms and give all to the accounts, or none; `op`: "add", "set", "put". Complaints go to stderr. The command's exit status. */
int roster_give(struct roster *r, struct cli_accounts *accounts, const char *op);
