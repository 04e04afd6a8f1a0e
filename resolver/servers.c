#include "resolver/servers.h"

/* How long a silent server is left alone; doubled with each silence. */
#define RETRY_MS 1000
#define RETRY_MAX_MS 30000
#define SILENCES_MAX 10

void servers_init(struct servers *s, size_t count)
{
	must(count <= RESOLVER_SERVERS_MAX);
	*s = (struct servers){ .count = count };
}

static bool find(const struct servers *s, bool silent, unsigned without, size_t *out)
{
	for (size_t i = 0; i < s->count; i++) {
		if ((without >> i & 1) == 0 && (s->list[i].silences > 0) == silent) {
			*out = i;
			return true;
		}
	}
	return false;
}

bool servers_choose(const struct servers *s, unsigned tried, size_t *out)
{
	return find(s, false, tried, out) || find(s, true, tried, out);
}

static struct mono next_retry(const struct server_state *server, struct mono now)
{
	int64_t ms = (int64_t)RETRY_MS << server->silences;

	return mono_add_ms(now, ms < RETRY_MAX_MS ? ms : RETRY_MAX_MS);
}

bool servers_beside(struct servers *s, size_t chosen, struct mono now, size_t *out)
{
	bool all_silent = s->list[chosen].silences > 0;
	unsigned without = 1u << chosen;

	while (find(s, true, without, out)) {
		struct server_state *server = &s->list[*out];

		if (all_silent || !mono_after(server->retry, now)) {
			server->retry = next_retry(server, now);
			return true;
		}
		without |= 1u << *out;
	}
	return false;
}

void servers_answered(struct servers *s, size_t i, struct mono now)
{
	s->list[i].silences = 0;
	s->list[i].answered = now;
}

void servers_silent(struct servers *s, size_t i, struct mono sent, struct mono now)
{
	struct server_state *server = &s->list[i];

	if (server->answered.ns != 0 && !mono_after(sent, server->answered))
		return;
	if (server->silences < SILENCES_MAX)
		server->silences++;
	server->retry = next_retry(server, now);
}
