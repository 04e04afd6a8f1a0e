#include "resolver/upstream.h"

#include "base/mem.h"

static void close_at_end(struct loop_end *end)
{
	upstream_close(container_of(end, struct upstream, end));
}

enum err upstream_open(struct upstream **out, struct loop *loop, struct settings *settings)
{
	struct upstream *up = mem_zero(sizeof(*up));
	enum err e;

	if (up == NULL)
		return ERR_NOMEM;
	up->loop = loop;
	up->refs = 1;
	up->end.run = close_at_end;
	up->settings = settings_ref(settings);
	servers_init(&up->servers, settings->conf.server_count);
	e = cares_open(&up->cares, loop, settings->conf.servers, settings->conf.server_count,
	               settings->conf.timeout_ms);
	if (e != ERR_OK) {
		upstream_close(up);
		return e;
	}
	*out = up;
	return ERR_OK;
}

void upstream_link(struct upstream *up, struct upstream **list)
{
	up->next = *list;
	up->prev = list;
	if (up->next != NULL)
		up->next->prev = &up->next;
	*list = up;
}

struct upstream *upstream_ref(struct upstream *up)
{
	up->refs++;
	return up;
}

void upstream_unref(struct upstream *up)
{
	must(up->refs > 0);
	/* Not here: it may be one of its packets that ends the last question. */
	if (--up->refs == 0)
		loop_at_end(up->loop, &up->end);
}

void upstream_close(struct upstream *up)
{
	if (up == NULL)
		return;
	if (up->prev != NULL) {
		*up->prev = up->next;
		if (up->next != NULL)
			up->next->prev = up->prev;
	}
	loop_end_cancel(up->loop, &up->end);
	cares_close(up->cares);
	settings_unref(up->settings);
	free(up);
}
