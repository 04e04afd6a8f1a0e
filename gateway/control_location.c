/* location list, location show: the bindings of our own users. */
#include "gateway/control_words.h"

#define ARENA_MAX ((size_t)256 << 10)

/* ---------------------------------------------------------------------------- one binding */

static void json_binding(struct json *j, const struct reg_binding *b, struct wall now)
{
	char text[ADDR_TEXT];
	char when[CONTROL_TIME];

	json_begin(j, NULL, '{');
	json_str(j, "uri", b->uri);
	json_thousandths(j, "q", b->q);
	json_number(j, "expires", wall_seconds_left(now, b->expires));
	json_known(j, "user_agent", b->user_agent);
	json_str(j, "transport", control_transport(b->source.transport));
	json_str(j, "source", str_from(addr_text(&b->source.remote, text)));
	json_str(j, "registered", str_from(control_time(b->registered, when)));
	json_end(j, '}');
}

static void text_binding(const struct reg_binding *b, struct wall now, struct buf *out)
{
	struct json number = json_to(out);
	char when[CONTROL_TIME];

	buf_z(out, "  ");
	control_clean(out, b->uri);
	buf_z(out, "  q ");
	json_thousandths(&number, NULL, b->q);
	buf_printf(out, "  for %lld s  from %.*s ", (long long)wall_seconds_left(now, b->expires),
	           STR_ARG(control_transport(b->source.transport)));
	addr_write(&b->source.remote, out);
	buf_printf(out, "  since %s", control_time(b->registered, when));
	if (b->user_agent.len > 0) {
		buf_z(out, "  ");
		control_clean(out, b->user_agent);
	}
	buf_char(out, '\n');
}

/* ---------------------------------------------------------------------------- one address */

static void json_address(struct json *j, struct str aor, const struct reg_bindings *bindings,
                         struct wall now)
{
	json_str(j, "address", aor);
	json_begin(j, "bindings", '[');
	for (size_t i = 0; i < bindings->count; i++)
		json_binding(j, &bindings->items[i], now);
	json_end(j, ']');
}

static void text_address(struct str aor, const struct reg_bindings *bindings, struct wall now,
                         struct buf *out)
{
	control_clean(out, aor);
	buf_char(out, '\n');
	for (size_t i = 0; i < bindings->count; i++)
		text_binding(&bindings->items[i], now, out);
}

/* ---------------------------------------------------------------------------- all */

static bool visit(void *arg, struct str aor, const struct reg_bindings *bindings)
{
	struct control_session *s = arg;
	struct wall now = wall_now();

	control_walked(s, aor);
	if (bindings->count == 0)
		return true;
	if (s->json) {
		json_begin(&s->writer, NULL, '{');
		json_address(&s->writer, aor, bindings, now);
		json_end(&s->writer, '}');
	} else {
		text_address(aor, bindings, now, &s->text);
	}
	return true;
}

static void more(struct control_session *s)
{
	bool left = false;
	enum err e = reg_walk(s->control->reader, str_of(s->after, s->after_len), CONTROL_STEP,
	                      wall_now(), visit, s, &left);

	if (e != ERR_OK) {
		control_fail(s, e);
		return;
	}
	if (!left && s->json) {
		json_end(&s->writer, ']');
		buf_char(&s->text, '\n');
	}
	control_say(s);
	if (!left)
		control_exit(s, CONTROL_DONE);
}

void control_location_list(struct control_session *s)
{
	if (s->json) {
		s->writer.lines = true;
		json_begin(&s->writer, NULL, '[');
	}
	control_stream(s, more);
}

/* ---------------------------------------------------------------------------- show */

static const char *known_name(enum reg_known known)
{
	static const char *const names[] = {
		[REG_NOBODY] = "nobody", [REG_ABSENT] = "absent", [REG_FOUND] = "found"
	};

	return names[known];
}

static void show(struct control_session *s, const struct address *a, enum reg_known known,
                 const struct reg_bindings *found, struct wall now)
{
	if (s->json) {
		json_begin(&s->writer, NULL, '{');
		json_str(&s->writer, "outcome", str_from(known_name(known)));
		json_address(&s->writer, a->aor, found, now);
		json_end(&s->writer, '}');
		buf_char(&s->text, '\n');
	} else if (known == REG_FOUND) {
		text_address(a->aor, found, now, &s->text);
	} else {
		control_clean(&s->text, a->aor);
		buf_z(&s->text, a->own == NULL        ? ": in no domain of ours\n"
		                : known == REG_ABSENT ? ": nobody is registered\n"
		                                      : ": there is no such account\n");
	}
	control_say(s);
	control_exit(s, known == REG_FOUND ? CONTROL_DONE : CONTROL_NO);
}

void control_location_show(struct control_session *s)
{
	struct reg_bindings found = { 0 };
	enum reg_known known = REG_NOBODY;
	struct wall now = wall_now();
	struct address address;
	struct sip_uri uri;
	struct arena arena;
	enum err e;

	if (control_address(s, s->args[0], &address, &uri) != ERR_OK)
		return;
	arena_init(&arena, NULL, 0, ARENA_MAX);
	e = reg_lookup(s->control->reader, address.aor, now, &arena, &known, &found);
	if (e == ERR_OK)
		show(s, &address, known, &found, now);
	else
		control_fail(s, e);
	arena_fini(&arena);
}
