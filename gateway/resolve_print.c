#include "gateway/resolve_print.h"

#include <stdio.h>

/* ---------------------------------------------------------------------------- for people */

static void print_ttl(uint32_t ttl, struct buf *out)
{
	if (ttl != UINT32_MAX)
		buf_printf(out, "  ttl %u", ttl);
}

static void print_target(const struct resolver_target *t, size_t number, struct buf *out)
{
	char text[ADDR_TEXT];
	const char *addr = addr_text(&t->addr, text);

	buf_printf(out, "%3zu  %-4s %-28s %.*s", number, resolver_transport_text(t->transport),
	           addr, STR_ARG(t->host));
	if (t->has_srv)
		buf_printf(out, "  priority %u weight %u", t->priority, t->weight);
	print_ttl(t->ttl, out);
	buf_char(out, '\n');
}

/* A question stands deeper than what led to it. */
static void print_step(const struct resolver_step *step, struct buf *out)
{
	buf_printf(out, "%*s%s %.*s: %.*s", (int)(2 + 2 * step->depth), "", step->type,
	           STR_ARG(step->name), STR_ARG(step->answer));
	if (step->cached)
		buf_z(out, "  (known already");
	else
		buf_printf(out, "  (%lld ms", (long long)step->ms);
	if (step->ttl > 0)
		buf_printf(out, ", ttl %u", step->ttl);
	buf_z(out, ")\n");
}

void resolve_print_text(const struct resolver_result *result, bool trace, struct buf *out)
{
	if (trace) {
		buf_z(out, "asked\n");
		for (size_t i = 0; i < result->step_count; i++)
			print_step(&result->steps[i], out);
	}
	buf_printf(out, "%s", resolver_outcome_text(result->outcome));
	if (result->reason.len > 0)
		buf_printf(out, ": %.*s", STR_ARG(result->reason));
	buf_char(out, '\n');
	for (size_t i = 0; i < result->target_count; i++)
		print_target(&result->targets[i], i + 1, out);
}

/* ---------------------------------------------------------------------------- for programs */

/* DNS may hold any octet: what isn't ASCII is written as the character of that number, so that the text is valid in any case. */
static void json_str(struct str s, struct buf *out)
{
	buf_char(out, '"');
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c < 0x20 || c >= 0x7f)
			buf_printf(out, "\\u%04x", c);
		else if (c == '"' || c == '\\')
			buf_printf(out, "\\%c", c);
		else
			buf_char(out, (char)c);
	}
	buf_char(out, '"');
}

static void json_member(const char *name, struct str value, struct buf *out)
{
	buf_printf(out, "\"%s\": ", name);
	json_str(value, out);
}

static void json_number(const char *name, bool known, uint64_t value, struct buf *out)
{
	buf_printf(out, ", \"%s\": ", name);
	if (known)
		buf_number(out, value);
	else
		buf_z(out, "null");
}

static void json_target(const struct resolver_target *t, struct buf *out)
{
	char memory[ADDR_TEXT];
	struct buf host;

	buf_wrap(&host, memory, sizeof(memory));
	addr_write_host(&t->addr, false, &host);
	buf_char(out, '{');
	json_member("transport", str_from(resolver_transport_text(t->transport)), out);
	buf_z(out, ", ");
	json_member("host", t->host, out);
	buf_z(out, ", ");
	json_member("address", buf_view(&host), out);
	json_number("port", true, addr_port(&t->addr), out);
	json_number("priority", t->has_srv, t->priority, out);
	json_number("weight", t->has_srv, t->weight, out);
	json_number("ttl", t->ttl != UINT32_MAX, t->ttl, out);
	buf_char(out, '}');
}

static void json_step(const struct resolver_step *step, struct buf *out)
{
	buf_printf(out, "{\"source\": \"dns\", ");
	json_member("name", step->name, out);
	buf_z(out, ", ");
	json_member("type", str_from(step->type), out);
	json_number("depth", true, step->depth, out);
	json_number("ms", true, (uint64_t)(step->ms < 0 ? 0 : step->ms), out);
	buf_z(out, ", ");
	json_member("answer", step->answer, out);
	json_number("ttl", step->ttl > 0, step->ttl, out);
	buf_printf(out, ", \"cached\": %s}", step->cached ? "true" : "false");
}

void resolve_print_json(const struct resolver_result *result, struct buf *out)
{
	buf_char(out, '{');
	json_member("outcome", str_from(resolver_outcome_text(result->outcome)), out);
	buf_z(out, ", ");
	if (result->reason.len > 0)
		json_member("reason", result->reason, out);
	else
		buf_z(out, "\"reason\": null");
	buf_z(out, ", \"targets\": [");
	for (size_t i = 0; i < result->target_count; i++) {
		buf_z(out, i == 0 ? "" : ", ");
		json_target(&result->targets[i], out);
	}
	buf_z(out, "], \"trace\": [");
	for (size_t i = 0; i < result->step_count; i++) {
		buf_z(out, i == 0 ? "" : ", ");
		json_step(&result->steps[i], out);
	}
	buf_z(out, "]}\n");
}
