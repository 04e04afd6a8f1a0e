#include "gateway/snapshot.h"

#include "base/mem.h"
#include "gateway/capture.h"

enum err snapshot_new(struct snapshot **out, const struct conf *conf)
{
	struct snapshot *s = mem_zero(sizeof(*s));

	if (s == NULL)
		return ERR_NOMEM;
	atomic_init(&s->refs, 1);
	s->conf = conf;
	s->capture_fd = -1;
	*out = s;
	return ERR_OK;
}

const struct snapshot *snapshot_ref(const struct snapshot *s)
{
	(void)atomic_fetch_add_explicit(&((struct snapshot *)(uintptr_t)s)->refs, 1,
	                                memory_order_relaxed);
	return s;
}

static void free_ingress(struct snapshot *s)
{
	for (size_t i = 0; i < s->ingress_count; i++)
		free((char *)(uintptr_t)s->ingress[i].p);
	free(s->ingress);
}

void snapshot_unref(const struct snapshot *s)
{
	struct snapshot *mine = (struct snapshot *)(uintptr_t)s;

	if (s == NULL || atomic_fetch_sub_explicit(&mine->refs, 1, memory_order_acq_rel) != 1)
		return;
	free_ingress(mine);
	capture_close(mine->capture_fd);
	free(mine->urls);
	conf_unref(mine->conf);
	free(mine);
}

static void write_host(struct str host, struct buf *out)
{
	bool v6 = str_find(host, ':') < host.len;

	if (v6)
		buf_char(out, '[');
	buf_str(out, host);
	if (v6)
		buf_char(out, ']');
}

static void write_named(const struct listener *l, const struct addr *local, struct buf *out)
{
	const struct conf_advertise *a = &l->conf->advertise;

	if (a->host.len > 0) {
		write_host(a->host, out);
		buf_printf(out, ":%u", a->port != 0 ? a->port : addr_port(&l->bound));
		return;
	}
	addr_write_host(addr_family(&l->mapped) != 0 ? &l->mapped : local, true, out);
	buf_printf(out, ":%u", addr_port(&l->bound));
}

void snapshot_sent_by(const struct snapshot *s, const struct sip_flow *flow, struct buf *out)
{
	const struct listener *l = &s->listeners[flow->listener];

	if (l->conf != NULL)
		write_named(l, &flow->local, out);
	else
		addr_write(&flow->local,
		           out); /* a listener that a reload has closed: its connections live on */
}

static bool is_sip(const struct listener *l)
{
	return l->conf != NULL &&
	       (l->conf->scheme == CONF_SCHEME_UDP || l->conf->scheme == CONF_SCHEME_TCP);
}

/* What a provider is told: SIP listeners that take in the public or peers, by a name or address that others can use. */
static bool publishes(const struct listener *l)
{
	return is_sip(l) && l->conf->role != CONF_ROLE_USERS &&
	       (l->conf->advertise.host.len > 0 || addr_family(&l->mapped) != 0 ||
	        !addr_is_any(&l->bound));
}

static enum err add_ingress(struct snapshot *s, struct str text)
{
	struct str *grown = reallocarray(s->ingress, s->ingress_count + 1, sizeof(*grown));

	if (grown == NULL)
		return ERR_NOMEM;
	s->ingress = grown;
	grown[s->ingress_count] = str_of(str_dup_z(text), text.len);
	if (grown[s->ingress_count].p == NULL)
		return ERR_NOMEM;
	s->ingress_count++;
	return ERR_OK;
}

static enum err default_ingress(struct snapshot *s)
{
	enum err e = ERR_OK;

	for (size_t i = 0; e == ERR_OK && i < SIP_LISTENERS_MAX; i++) {
		const struct listener *l = &s->listeners[i];
		char text[512];
		struct buf b;

		if (!publishes(l))
			continue;
		buf_wrap(&b, text, sizeof(text));
		buf_z(&b, "sip:");
		write_named(l, &l->bound, &b);
		buf_z(&b, l->conf->scheme == CONF_SCHEME_TCP ? ";transport=tcp;lr"
		                                             : ";transport=udp;lr");
		e = b.err == ERR_OK ? add_ingress(s, buf_view(&b)) : b.err;
	}
	return e;
}

enum err snapshot_finish(struct snapshot *s, const struct ready_url *urls, size_t url_count)
{
	const struct conf_federation *f = &s->conf->federation;
	enum err e = ERR_OK;

	s->urls = calloc(url_count + 1, sizeof(*urls));
	if (s->urls == NULL)
		return ERR_NOMEM;
	if (url_count > 0)
		memcpy(s->urls, urls, url_count * sizeof(*urls));
	s->url_count = url_count;
	for (size_t i = 0; e == ERR_OK && i < f->ingress_count; i++)
		e = add_ingress(s, f->ingress[i]);
	return e == ERR_OK && f->ingress_count == 0 ? default_ingress(s) : e;
}

static bool is_mapped(const struct listener *l, const struct addr *a)
{
	return addr_family(&l->mapped) != 0 && addr_eq_host(&l->mapped, a) &&
	       addr_port(a) == addr_port(&l->bound);
}

static bool advertised(const struct listener *l, struct str host, uint16_t port)
{
	const struct conf_advertise *a = &l->conf->advertise;
	uint16_t own = a->port != 0 ? a->port : addr_port(&l->bound);

	return a->host.len > 0 && port == own && str_eq_nocase(a->host, host);
}

bool snapshot_is_us(const struct snapshot *s, const struct sip_wires *wires,
                    const struct sip_uri *uri)
{
	uint16_t port = uri->has_port ? uri->port : 5060;
	struct addr a;
	bool numeric;

	if (uri->scheme != SIP_SCHEME_SIP && uri->scheme != SIP_SCHEME_SIPS)
		return false;
	numeric = uri->host_kind != SIP_HOST_NAME && addr_parse(&a, uri->host, port) == ERR_OK;
	if (numeric && sip_wires_is_own(wires, &a))
		return true;
	for (size_t i = 0; i < SIP_LISTENERS_MAX; i++) {
		if (numeric && is_sip(&s->listeners[i]) && is_mapped(&s->listeners[i], &a))
			return true;
		if (is_sip(&s->listeners[i]) && advertised(&s->listeners[i], uri->host, port))
			return true;
	}
	return false;
}
