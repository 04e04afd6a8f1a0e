#include "gateway/cli_roster.h"

#include "base/mem.h"
#include "gateway/cli_csv.h"
#include "registrar/registrar.h"
#include "sip/uri.h"

#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#define ARENA_MAX ((size_t)1 << 30)
#define REQUEST_MAX ((size_t)512 << 20)
#define FIELDS_MAX 4
#define PROGRESS 20000 /* lines */

/* A domain that accounts are in, and what is known of it. */
struct roster_domain {
	struct roster_domain *next;
	struct str name;
	struct str realm; /* empty: not ours, or not yet asked */
};

/* ---------------------------------------------------------------------------- complaints */

static void complain(struct roster *r, size_t line, const char *format, ...) PRINTF_LIKE(3, 4);
static void complain(struct roster *r, size_t line, const char *format, ...)
{
	va_list list;

	if (++r->complaints > ROSTER_COMPLAINTS)
		return;
	if (line > 0)
		(void)fprintf(stderr, "%s:%zu: ", r->file == NULL ? "-" : r->file, line);
	else
		(void)fputs("lotse user: ", stderr);
	va_start(list, format);
	(void)vfprintf(stderr, format, list);
	va_end(list);
	(void)fputc('\n', stderr);
}

static void end_complaints(const struct roster *r)
{
	if (r->complaints > ROSTER_COMPLAINTS)
		(void)fprintf(stderr, "... and %zu lines more\n",
		              r->complaints - ROSTER_COMPLAINTS);
	if (r->complaints > 0 && r->file != NULL)
		(void)fprintf(stderr, "%s: nothing was imported\n", r->file);
}

/* ---------------------------------------------------------------------------- entries */

enum err roster_init(struct roster *r, const char *file)
{
	struct hash_key key;
	enum err e = hash_key_init(&key);

	*r = (struct roster){ .file = file };
	arena_init(&r->arena, NULL, 0, ARENA_MAX);
	map_init(&r->addresses, ROSTER_MAX, &key);
	map_init(&r->domains, ROSTER_MAX, &key);
	return e;
}

void roster_fini(struct roster *r)
{
	map_fini(&r->addresses);
	map_fini(&r->domains);
	free(r->entries);
	arena_fini(&r->arena);
}

/* Nothing but user and domain, as a SIP URI has them. */
static bool is_bare(const struct sip_uri *uri)
{
	return uri->scheme == SIP_SCHEME_SIP && uri->has_user && !uri->has_password &&
	       !uri->has_port && uri->params.len == 0 && uri->headers.len == 0;
}

bool roster_address(struct roster *r, size_t line, struct str text, struct str *out)
{
	char as_uri[REG_USER_MAX + 8];
	char canonical[REG_USER_MAX + 8];
	struct sip_uri uri;
	struct buf b;
	struct buf aor;

	buf_wrap(&b, as_uri, sizeof(as_uri));
	buf_wrap(&aor, canonical, sizeof(canonical));
	if (!str_starts_nocase(text, STR("sip:")))
		buf_z(&b, "sip:");
	buf_str(&b, text);
	if (b.err != ERR_OK || sip_uri_parse(&uri, buf_view(&b)) != ERR_OK || !is_bare(&uri) ||
	    sip_uri_aor(&uri, &aor, NULL) != ERR_OK || aor.len - 4 > REG_USER_MAX) {
		complain(r, line, "\"%.*s\" is no address; write user@domain",
		         STR_ARG(str_head(text, 300)));
		return false;
	}
	return arena_str(&r->arena, str_from_at(buf_view(&aor), 4), out) == ERR_OK;
}

static struct str domain_of(struct str address)
{
	return str_from_at(address, str_rfind(address, '@') + 1);
}

static bool add_domain(struct roster *r, struct str name)
{
	struct roster_domain *d = map_get(&r->domains, name);

	if (d != NULL)
		return true;
	d = arena_zero(&r->arena, sizeof(*d));
	if (d == NULL || map_put(&r->domains, name, d) != ERR_OK)
		return false;
	d->name = name;
	d->next = r->first_domain;
	r->first_domain = d;
	return true;
}

static bool make_room(struct roster *r)
{
	size_t room = r->room == 0 ? 16 : 2 * r->room;
	struct roster_entry *grown;

	if (r->count < r->room)
		return true;
	grown = room > 2 * (size_t)ROSTER_MAX ? NULL
	                                      : reallocarray(r->entries, room, sizeof(*grown));
	if (grown == NULL)
		return false;
	r->entries = grown;
	r->room = room;
	return true;
}

static bool copy(struct roster *r, struct roster_entry *e)
{
	return arena_str(&r->arena, e->password, &e->password) == ERR_OK &&
	       arena_str(&r->arena, e->realm, &e->realm) == ERR_OK &&
	       arena_str(&r->arena, e->md5, &e->md5) == ERR_OK &&
	       arena_str(&r->arena, e->sha256, &e->sha256) == ERR_OK;
}

bool roster_add(struct roster *r, const struct roster_entry *entry)
{
	struct roster_entry e = *entry;

	if (map_get(&r->addresses, e.address) != NULL) {
		complain(r, e.line, "%.*s stands here twice", STR_ARG(e.address));
		return false;
	}
	/* The map leads to the address itself: entries move. */
	if (r->count == ROSTER_MAX || !make_room(r) || !copy(r, &e) ||
	    map_put(&r->addresses, e.address, (void *)(uintptr_t)e.address.p) != ERR_OK ||
	    !add_domain(r, domain_of(e.address))) {
		complain(
			r, e.line,
			"more than %d accounts at once, or no memory for them; bring them in parts",
			ROSTER_MAX);
		return false;
	}
	r->entries[r->count++] = e;
	return true;
}

/* ---------------------------------------------------------------------------- files */

static bool is_hex(struct str s, size_t len)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = char_lower(s.p[i]);

		if ((c < '0' || c > '9') && (c < 'a' || c > 'f'))
			return false;
	}
	return s.len == 0 || s.len == len;
}

static bool is_exported(const struct str *fields, size_t count)
{
	return count == 4 && fields[1].len > 0 && fields[2].len + fields[3].len > 0 &&
	       is_hex(fields[2], 32) && is_hex(fields[3], 64);
}

static void take_record(struct roster *r, size_t line, struct str text)
{
	struct str fields[FIELDS_MAX];
	struct roster_entry e = { .line = line };
	size_t count;
	enum err err = csv_split(text, &r->arena, fields, FIELDS_MAX, &count);

	if (err == ERR_SYNTAX) {
		complain(
			r, line,
			"a quote that is not closed, or in the middle of a field (\"\" stands for one)");
		return;
	}
	if (err != ERR_OK || (count != 2 && !is_exported(fields, count))) {
		complain(
			r, line,
			"not \"user@domain,password\"; a password with a comma stands in double quotes");
		return;
	}
	if (count == 2 && fields[1].len == 0) {
		complain(r, line, "no password");
		return;
	}
	if (!roster_address(r, line, str_trim(fields[0]), &e.address))
		return;
	if (count == 2) {
		e.password = fields[1];
	} else {
		e.realm = fields[1];
		e.md5 = fields[2];
		e.sha256 = fields[3];
	}
	(void)roster_add(r, &e);
}

static void take_line(struct roster *r, size_t line, struct str text)
{
	if (text.len > 0 && text.p[text.len - 1] == '\n')
		text.len--;
	if (text.len > 0 && text.p[text.len - 1] == '\r')
		text.len--;
	if (line == 1 &&
	    str_starts(text, STR("\xef\xbb\xbf"))) /* as some spreadsheets begin a file */
		text = str_from_at(text, 3);
	if (text.len >= ROSTER_LINE_MAX)
		complain(r, line, "longer than %d octets", ROSTER_LINE_MAX);
	else if (str_find(text, '\0') < text.len)
		complain(r, line, "not text");
	else if (str_trim(text).len > 0 && text.p[0] != '#')
		take_record(r, line, text);
}

static void show_progress(const struct roster *r, const char *what, size_t n, bool last)
{
	if (r->file == NULL || isatty(STDERR_FILENO) != 1 || (n < PROGRESS))
		return;
	if (n % PROGRESS == 0 || last)
		(void)fprintf(stderr, "\r%s %zu%s", what, n, last ? "\n" : "");
}

bool roster_read(struct roster *r, FILE *in)
{
	char *text = NULL;
	size_t size = 0;
	size_t line = 0;
	ssize_t len;

	while (r->count < ROSTER_MAX + (size_t)1 && (len = getline(&text, &size, in)) >= 0) {
		take_line(r, ++line, str_of(text, (size_t)len));
		show_progress(r, "lines read:", line, false);
		if (r->complaints > 10 * (size_t)ROSTER_COMPLAINTS)
			break; /* this is no list of accounts */
	}
	show_progress(r, "lines read:", line, true);
	free(text);
	return ferror(in) == 0;
}

/* ---------------------------------------------------------------------------- realms */

static void on_realm(void *arg, const struct str *words, size_t count)
{
	struct roster *r = arg;
	struct roster_domain *d = count < 2 ? NULL : map_get(&r->domains, words[1]);

	if (d != NULL && count == 3 && str_eq(words[0], STR("realm")) &&
	    arena_str(&r->arena, words[2], &d->realm) != ERR_OK)
		d->realm = STR_NONE;
}

static int ask_realms(struct roster *r, struct cli_accounts *accounts)
{
	const struct str word = STR("user realms");
	struct buf request;
	int status;

	buf_init(&request, REQUEST_MAX);
	control_line(&request, &word, 1);
	for (const struct roster_domain *d = r->first_domain; d != NULL; d = d->next)
		control_line(&request, &d->name, 1);
	status = cli_accounts_ask(accounts, &request, on_realm, r);
	buf_fini(&request);
	return status;
}

static void complain_of_strangers(struct roster *r)
{
	for (size_t i = 0; i < r->count; i++) {
		struct str domain = domain_of(r->entries[i].address);
		const struct roster_domain *d = map_get(&r->domains, domain);

		if (d != NULL && d->realm.len > 0)
			continue;
		complain(
			r, r->entries[i].line,
			"%.*s: %.*s is no domain of ours; name it under `domains:` of the configuration%s",
			STR_ARG(r->entries[i].address), STR_ARG(domain),
			r->file == NULL ? ", or see that -f or --data mean the right one" : "");
	}
}

/* ---------------------------------------------------------------------------- giving */

static void write_account(struct buf *request, const char *op, const struct reg_account *a)
{
	const struct str words[] = { str_from(op), a->address, a->realm, a->md5, a->sha256 };

	control_line(request, words, COUNT_OF(words));
}

static void write_entry(struct roster *r, struct buf *request, const char *op,
                        const struct roster_entry *e)
{
	const struct roster_domain *d = map_get(&r->domains, domain_of(e->address));
	struct reg_account account = {
		.address = e->address, .realm = e->realm, .md5 = e->md5, .sha256 = e->sha256
	};
	char memory[2048];
	struct arena arena;
	enum err err = ERR_OK;

	arena_init(&arena, memory, sizeof(memory), 65536);
	if (e->password.len > 0)
		err = reg_account_make(&account, e->address, e->realm.len > 0 ? e->realm : d->realm,
		                       e->password, &arena);
	if (err == ERR_OK)
		write_account(request, op, &account);
	else
		complain(r, e->line, "%.*s: the account cannot be made: %s", STR_ARG(e->address),
		         err_text(err));
	arena_fini(&arena);
}

static void on_refused(void *arg, const struct str *words, size_t count)
{
	struct roster *r = arg;
	const struct roster_entry *e;
	uint64_t index;

	if (count != 3 || !str_eq(words[0], STR("refused")) ||
	    str_number(words[1], UINT32_MAX, &index) != ERR_OK || index >= r->count)
		return;
	e = &r->entries[index];
	if (str_eq(words[2], str_from(err_text(ERR_EXISTS))))
		complain(r, e->line, "%.*s is there already; %s", STR_ARG(e->address),
		         r->file == NULL ? "`lotse user passwd` sets its password anew"
		                         : "leave it out, or replace what is there (--replace)");
	else if (str_eq(words[2], str_from(err_text(ERR_NOTFOUND))))
		complain(r, e->line, "there is no account %.*s; `lotse user add` makes it",
		         STR_ARG(e->address));
	else
		complain(r, e->line, "%.*s: %.*s", STR_ARG(e->address), STR_ARG(words[2]));
}

static int give_all(struct roster *r, struct cli_accounts *accounts, const char *op)
{
	const struct str word = STR("user change");
	struct buf request;
	int status = CLI_USAGE;

	buf_init(&request, REQUEST_MAX);
	control_line(&request, &word, 1);
	for (size_t i = 0; i < r->count; i++) {
		write_entry(r, &request, op, &r->entries[i]);
		show_progress(r, "digests made:", i + 1, i + 1 == r->count);
	}
	if (r->complaints == 0)
		status = cli_accounts_ask(accounts, &request, on_refused, r);
	buf_fini(&request);
	return status;
}

int roster_give(struct roster *r, struct cli_accounts *accounts, const char *op)
{
	int status = CLI_USAGE;

	if (r->complaints == 0) {
		status = ask_realms(r, accounts);
		if (status == CLI_DONE)
			complain_of_strangers(r);
	}
	if (r->complaints == 0 && status == CLI_DONE)
		status = give_all(r, accounts, op);
	else if (status == CLI_DONE)
		status = CLI_USAGE;
	end_complaints(r);
	return status;
}
