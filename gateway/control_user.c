/* user list, export, realms, change: accounts. Passwords never come here: who makes an account has made its digests. */
#include "gateway/control_words.h"

#include "base/mem.h"

#include <malloc.h>

#define TRIM_FROM 10000

/* ---------------------------------------------------------------------------- list and export */

static void json_account(struct json *j, const struct reg_account *a)
{
	json_begin(j, NULL, '{');
	json_str(j, "address", a->address);
	json_str(j, "realm", a->realm);
	json_begin(j, "algorithms", '[');
	if (a->sha256.len > 0)
		json_str(j, NULL, STR("SHA-256"));
	if (a->md5.len > 0)
		json_str(j, NULL, STR("MD5"));
	json_end(j, ']');
	json_bool(j, "disabled", a->disabled);
	json_end(j, '}');
}

static bool visit_list(void *arg, const struct reg_account *a)
{
	struct control_session *s = arg;

	control_walked(s, a->address);
	if (s->json) {
		json_account(&s->writer, a);
		return true;
	}
	control_clean(&s->text, a->address);
	buf_z(&s->text, "  realm ");
	control_clean(&s->text, a->realm);
	buf_z(&s->text, a->disabled ? "  disabled\n" : "\n");
	return true;
}

static void put_csv(struct buf *out, struct str field)
{
	bool quoted = str_find(field, ',') < field.len || str_find(field, '"') < field.len;

	if (!quoted) {
		buf_str(out, field);
		return;
	}
	buf_char(out, '"');
	for (size_t i = 0; i < field.len; i++) {
		if (field.p[i] == '"')
			buf_char(out, '"');
		buf_char(out, field.p[i]);
	}
	buf_char(out, '"');
}

static bool visit_export(void *arg, const struct reg_account *a)
{
	struct control_session *s = arg;
	const struct str fields[] = { a->address, a->realm, a->md5, a->sha256 };

	control_walked(s, a->address);
	for (size_t i = 0; i < COUNT_OF(fields); i++) {
		if (i > 0)
			buf_char(&s->text, ',');
		put_csv(&s->text, fields[i]);
	}
	buf_char(&s->text, '\n');
	return true;
}

/* The next part; true: there is more. */
static bool walk(struct control_session *s, reg_account_visit_fn visit)
{
	bool left = false;
	enum err e = reg_account_walk(s->control->reader, str_of(s->after, s->after_len),
	                              CONTROL_STEP, visit, s, &left);

	if (e != ERR_OK) {
		control_fail(s, e);
		return true; /* nothing is to be added */
	}
	return left;
}

static void more_list(struct control_session *s)
{
	bool left = walk(s, visit_list);

	if (!left && s->json) {
		json_end(&s->writer, ']');
		buf_char(&s->text, '\n');
	}
	control_say(s);
	if (!left)
		control_exit(s, CONTROL_DONE);
}

static void more_export(struct control_session *s)
{
	bool left = walk(s, visit_export);

	control_say(s);
	if (!left)
		control_exit(s, CONTROL_DONE);
}

void control_user_list(struct control_session *s)
{
	if (s->json) {
		s->writer.lines = true;
		json_begin(&s->writer, NULL, '[');
	}
	control_stream(s, more_list);
}

void control_user_export(struct control_session *s)
{
	control_stream(s, more_export);
}

/* ---------------------------------------------------------------------------- realms */

static bool wrong_line(struct control_session *s)
{
	control_err(
		s,
		"the daemon does not understand line %zu of this command; is it of another version?\n",
		s->change_count);
	control_exit(s, CONTROL_WRONG);
	return false;
}

bool control_user_realms_line(struct control_session *s, const struct str *words, size_t count)
{
	const struct conf *conf = control_conf(s->control);
	const struct conf_domain *domain;

	if (count != 1)
		return wrong_line(s);
	domain = conf_domain_find(conf, words[0]);
	if (domain == NULL) {
		const struct str answer[] = { STR("stranger"), words[0] };

		control_frame(s, answer, COUNT_OF(answer));
	} else {
		const struct str answer[] = { STR("realm"), words[0],
			                      conf_realm(conf, domain, words[0]) };

		control_frame(s, answer, COUNT_OF(answer));
	}
	s->change_count++;
	arena_fini(&s->body);
	return true;
}

void control_user_realms(struct control_session *s)
{
	control_exit(s, CONTROL_DONE);
}

/* ---------------------------------------------------------------------------- change */

static bool op_of(struct str word, enum reg_account_op *out)
{
	static const char *const names[] = { [REG_ACCOUNT_ADD] = "add",
		                             [REG_ACCOUNT_SET] = "set",
		                             [REG_ACCOUNT_PUT] = "put",
		                             [REG_ACCOUNT_REMOVE] = "remove" };

	for (size_t i = 0; i < COUNT_OF(names); i++) {
		if (str_eq(word, str_from(names[i]))) {
			*out = (enum reg_account_op)i;
			return true;
		}
	}
	return false;
}

static bool make_room(struct control_session *s)
{
	size_t room = s->change_room == 0 ? 64 : 2 * s->change_room;
	struct reg_account_change *grown;

	if (s->change_count < s->change_room)
		return true;
	if (room > CONTROL_CHANGES_MAX)
		room = CONTROL_CHANGES_MAX;
	grown = s->change_count < room ? reallocarray(s->changes, room, sizeof(*grown)) : NULL;
	if (grown == NULL)
		return false;
	s->changes = grown;
	s->change_room = room;
	return true;
}

bool control_user_change_line(struct control_session *s, const struct str *words, size_t count)
{
	enum reg_account_op op;

	if (count < 2 || !op_of(words[0], &op) || count != (op == REG_ACCOUNT_REMOVE ? 2 : 5))
		return wrong_line(s);
	if (!make_room(s)) {
		control_err(
			s,
			"more than %d accounts at once, or no memory for them; bring them in parts\n",
			CONTROL_CHANGES_MAX);
		control_exit(s, CONTROL_FAILED);
		return false;
	}
	s->changes[s->change_count++] = (struct reg_account_change){
		.op = op,
		.account = { .address = words[1],
		             .realm = count == 5 ? words[2] : STR_NONE,
		             .md5 = count == 5 ? words[3] : STR_NONE,
		             .sha256 = count == 5 ? words[4] : STR_NONE },
	};
	return true;
}

/* A refusal is told by its line; that the store can't write is no fault of a line's. */
static bool is_refusal(enum err e)
{
	return e == ERR_EXISTS || e == ERR_NOTFOUND || e == ERR_SYNTAX || e == ERR_LIMIT;
}

static void on_changed(void *arg, enum err e, size_t index)
{
	struct control_session *s = arg;

	if (!control_resume(s))
		return;
	if (e == ERR_OK) {
		control_exit(s, CONTROL_DONE);
	} else if (is_refusal(e)) {
		char text[24];
		struct buf b;
		struct str answer[3] = { STR("refused"), STR_NONE, str_from(err_text(e)) };

		buf_wrap(&b, text, sizeof(text));
		buf_number(&b, index);
		answer[1] = buf_view(&b);
		control_frame(s, answer, COUNT_OF(answer));
		control_exit(s, CONTROL_NO);
	} else {
		control_fail(s, e);
	}
}

void control_user_change(struct control_session *s)
{
	enum err e;

	if (s->change_count == 0) {
		control_exit(s, CONTROL_DONE);
		return;
	}
	control_wait(s);
	e = registrar_accounts_change(s->control->registrar, s->control->loop, s->changes,
	                              s->change_count, on_changed, s);
	/* Everything was copied. */
	free(s->changes);
	s->changes = NULL;
	arena_fini(&s->body);
	if (s->change_count > TRIM_FROM)
		(void)malloc_trim(0); /* an import's hundreds of MB are not needed again */
	if (e != ERR_OK && control_resume(s))
		control_fail(s, e);
}
