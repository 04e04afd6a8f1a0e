#include "gateway/listeners.h"

#include "gateway/advertise.h"
#include "gateway/capture.h"
#include "gateway/demux.h"

#include <stdio.h>

#define PORT_TRIES 20 /* for a port that is free over UDP and TCP */

/* By what was asked for, so that a port that the system chose stays what it is, or by what came of it. */
static bool same_listener(const struct listener *had, const struct conf_listener *want)
{
	return had->conf != NULL && had->conf->scheme == want->scheme &&
	       (addr_eq(&had->conf->addr, &want->addr) || addr_eq(&had->bound, &want->addr));
}

/* The wires' number of what the snapshot in force already listens on for `want`, and no other of `next` has; SIP_LISTENERS_MAX: none. */
static unsigned find_kept(const struct gateway *g, const struct snapshot *before,
                          const struct snapshot *next, const struct conf_listener *want,
                          enum sip_listener_kind kind)
{
	for (unsigned i = 0; before != NULL && i < SIP_LISTENERS_MAX; i++) {
		if (next->listeners[i].conf == NULL && same_listener(&before->listeners[i], want) &&
		    sip_listener_kind(g->wires, i) == kind)
			return i;
	}
	return SIP_LISTENERS_MAX;
}

static bool is_in(const struct snapshot *s, unsigned index)
{
	return s != NULL && s->listeners[index].conf != NULL;
}

static void note(struct gateway *g, struct snapshot *next, const struct conf_listener *want,
                 unsigned index)
{
	next->listeners[index].conf = want;
	next->listeners[index].bound = *sip_listener_addr(g->wires, index);
}

static enum err open_one(struct gateway *g, struct snapshot *next, const struct conf_listener *want,
                         enum sip_listener_kind kind, const struct addr *at, unsigned *index)
{
	const struct snapshot *before = atomic_load(&g->snapshot);
	const struct sip_listener_conf conf = {
		.kind = kind,
		.addr = *at,
		.frame = want->scheme == CONF_SCHEME_STUN ? demux_stun_frame : demux_sip_frame,
		.tag = want->scheme == CONF_SCHEME_STUN ? DEMUX_STUN : DEMUX_SIP,
	};
	enum err e = ERR_OK;

	*index = find_kept(g, before, next, want, kind);
	if (*index == SIP_LISTENERS_MAX)
		e = sip_listener_open(g->wires, &conf, index);
	if (e == ERR_OK)
		note(g, next, want, *index);
	return e;
}

/* STUN speaks UDP and TCP on one port; where the system chooses it, it may be free for one and not for the other. */
static enum err open_stun(struct gateway *g, struct snapshot *next,
                          const struct conf_listener *want, unsigned *index)
{
	enum err e = ERR_INUSE;

	for (int tries = 0; tries < PORT_TRIES && e == ERR_INUSE; tries++) {
		struct addr at;
		unsigned tcp;

		if ((e = open_one(g, next, want, SIP_LISTEN_UDP, &want->addr, index)) != ERR_OK)
			return e;
		at = *sip_listener_addr(g->wires, *index);
		e = open_one(g, next, want, SIP_LISTEN_TCP, &at, &tcp);
		if (e == ERR_OK)
			return e;
		if (!is_in(atomic_load(&g->snapshot), *index))
			sip_listener_close(g->wires, *index);
		next->listeners[*index].conf = NULL;
		if (addr_port(&want->addr) != 0)
			return e;
	}
	return e;
}

static const char *advice(enum err e)
{
	switch (e) {
	case ERR_INUSE:
		return "another program listens there; stop it, or choose another port";
	case ERR_DENIED:
		return "ports below 1024 need root or CAP_NET_BIND_SERVICE";
	case ERR_UNREACHABLE:
		return "this machine has no such address; see `ip address`";
	case ERR_LIMIT:
		return "too many listeners";
	default:
		return "see the system's log";
	}
}

static void write_url(const struct conf_listener *want, const struct addr *bound,
                      struct ready_url *url)
{
	char text[ADDR_TEXT];

	(void)snprintf(url->text, sizeof(url->text), "%s://%s", conf_scheme_name(want->scheme),
	               addr_text(bound, text));
}

static enum err open_listener(struct gateway *g, struct snapshot *next,
                              const struct conf_listener *want, struct ready_url *url,
                              struct buf *why)
{
	unsigned index = 0;
	enum err e = ERR_UNSUPPORTED;

	if (want->scheme == CONF_SCHEME_STUN)
		e = open_stun(g, next, want, &index);
	else
		e = open_one(g, next, want,
		             want->scheme == CONF_SCHEME_TCP ? SIP_LISTEN_TCP : SIP_LISTEN_UDP,
		             &want->addr, &index);
	if (e == ERR_OK)
		write_url(want, sip_listener_addr(g->wires, index), url);
	else
		buf_printf(why, "cannot listen on %.*s: %s; %s\n", STR_ARG(want->url), err_text(e),
		           advice(e));
	return e;
}

enum err listeners_open(struct gateway *g, struct snapshot *next, struct buf *why)
{
	const struct conf *conf = next->conf;
	struct ready_url urls[SIP_LISTENERS_MAX];
	size_t count = 0;
	enum err e;

	if (conf->listen_count > SIP_LISTENERS_MAX) {
		buf_printf(why, "listen: %zu listeners; %d are the most\n", conf->listen_count,
		           SIP_LISTENERS_MAX);
		return ERR_LIMIT;
	}
	if ((e = web_prepare(g->web, conf, why)) != ERR_OK)
		return e;
	for (size_t i = 0; e == ERR_OK && i < conf->listen_count; i++) {
		const struct conf_listener *want = &conf->listen[i];

		if (want->scheme == CONF_SCHEME_HTTPS)
			write_url(want, web_bound(g->web, want), &urls[count++]);
		else
			e = open_listener(g, next, want, &urls[count++], why);
	}
	if (e == ERR_OK)
		advertise_learn(g, atomic_load(&g->snapshot), next);
	if (e == ERR_OK)
		e = snapshot_finish(next, urls, count);
	if (e == ERR_OK && conf->capture.url.len > 0)
		e = capture_open(&conf->capture.addr, &next->capture_fd);
	if (e != ERR_OK)
		listeners_undo(g, atomic_load(&g->snapshot), next);
	return e;
}

void listeners_switch(struct gateway *g, const struct snapshot *before, const struct snapshot *next)
{
	web_switch(g->web);
	for (unsigned i = 0; i < SIP_LISTENERS_MAX; i++) {
		if (is_in(next, i) && !is_in(before, i))
			sip_listener_start(g->wires, i);
		else if (!is_in(next, i) && is_in(before, i))
			sip_listener_close(g->wires, i);
	}
}

void listeners_undo(struct gateway *g, const struct snapshot *before, const struct snapshot *next)
{
	web_abandon(g->web);
	for (unsigned i = 0; i < SIP_LISTENERS_MAX; i++) {
		if (is_in(next, i) && !is_in(before, i))
			sip_listener_close(g->wires, i);
	}
}
