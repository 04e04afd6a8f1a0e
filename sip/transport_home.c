#include "sip/transport_conn.h"

#include "base/mem.h"
#include "base/socket.h"

/* ---------------------------------------------------------------------------- places */

/* What names a place: transport, host, port. Returns its length. */
static uint8_t place_key(char key[20], enum sip_transport transport, const struct addr *remote)
{
	bool v6 = addr_family(remote) == AF_INET6;
	size_t host = v6 ? 16 : 4;
	uint16_t port = addr_port(remote);

	key[0] = (char)transport;
	memcpy(key + 1, &port, sizeof(port));
	if (v6)
		memcpy(key + 3, &remote->sa.v6.sin6_addr, host);
	else
		memcpy(key + 3, &remote->sa.v4.sin_addr, host);
	return (uint8_t)(3 + host);
}

static struct sip_wire *home_of(const struct sip_wires *t, struct str key)
{
	return t->wires[crew_home(t->crew, hash_str(&t->key, key))];
}

static struct str key_of(const struct sip_place *place)
{
	return str_of(place->key, place->key_len);
}

/* The newest stands first. Without room it is not found, and somebody may open another. */
static void list_place(struct sip_place *place)
{
	struct map *places = &place->home->places;

	place->next = map_get(places, key_of(place));
	place->listed = map_put(places, key_of(place), place) == ERR_OK;
}

static void forget_place(struct sip_place *place)
{
	struct map *places = &place->home->places;
	struct sip_place *first = place->listed ? map_get(places, key_of(place)) : NULL;
	struct sip_place **at = &first;

	while (*at != NULL && *at != place)
		at = &(*at)->next;
	if (*at != NULL) {
		*at = place->next;
		/* The key stands in the first of them; putting again at a key that is there needs no memory. */
		if (first == NULL)
			(void)map_del(places, key_of(place));
		else
			must(map_put(places, key_of(first), first) == ERR_OK);
	}
	free(place);
}

static void come_here(struct post *post, struct loop *loop)
{
	(void)loop;
	list_place(container_of(post, struct sip_place, come));
}

static void go_here(struct post *post, struct loop *loop)
{
	(void)loop;
	forget_place(container_of(post, struct sip_place, go));
}

struct sip_place *sip_place_new(struct sip_wire *w, const struct sip_flow *flow)
{
	struct sip_place *place = mem_zero(sizeof(*place));

	if (place == NULL)
		return NULL;
	place->id = flow->connection;
	place->key_len = place_key(place->key, flow->transport, &flow->remote);
	place->home = home_of(w->all, key_of(place));
	place->come.run = come_here;
	place->go.run = go_here;
	if (place->home == w)
		list_place(place);
	else
		sip_post(place->home, &place->come);
	return place;
}

void sip_place_leave(struct sip_wire *w, struct sip_place *place)
{
	if (place->home == w)
		forget_place(place);
	else
		sip_post(place->home, &place->go);
}

/* ---------------------------------------------------------------------------- opening */

/* From which host: the one that was routed, else the listener's, else the system's choice. */
static struct addr local_host(const struct sip_port *port, const struct sip_flow *flow)
{
	if (!addr_is_any(&port->listener->addr))
		return port->listener->addr;
	if (addr_family(&flow->local) == addr_family(&flow->remote))
		return flow->local;
	return (struct addr){ 0 };
}

static struct sip_conn *open_to(struct sip_wire *w, const struct sip_flow *to, enum err *why)
{
	struct sip_flow flow = *to;
	const struct sip_port *port;
	struct sip_conn *c;
	struct addr local;
	int fd;

	if (!sip_port_fits(w, flow.listener, &flow) && (*why = sip_wire_route(w, &flow)) != ERR_OK)
		return NULL;
	port = w->ports[flow.listener];
	local = local_host(port, &flow);
	if ((*why = socket_connect(&local, &flow.remote, &fd)) != ERR_OK)
		return NULL;
	c = sip_conn_new(w, port, fd, &flow.remote, SIP_CONN_CONNECTING, why);
	if (c == NULL)
		return NULL;
	c->flow.local = local;
	sip_conn_settle(c);
	return c;
}

/* ---------------------------------------------------------------------------- the way of a message */

static void at_owner(struct sip_wire *w, struct sip_pending *p)
{
	struct sip_conn *c = sip_conn_find(w, p->flow.connection);

	if (c == NULL)
		sip_send_again(w, p);
	else
		sip_conn_take(c, p);
}

static void owner_here(struct post *post, struct loop *loop)
{
	struct sip_pending *p = container_of(post, struct sip_pending, post);

	at_owner(p->origin->all->wires[loop_index(loop)], p);
}

void sip_send_by_id(struct sip_wire *here, struct sip_pending *p)
{
	unsigned owner = sip_connection_worker(p->flow.connection);

	if (owner >= here->all->count) {
		sip_send_again(here, p);
	} else if (owner == here->index) {
		at_owner(here, p);
	} else {
		p->post.run = owner_here;
		sip_post(here->all->wires[owner], &p->post);
	}
}

static void at_home(struct sip_wire *w, struct sip_pending *p, struct str key)
{
	const struct sip_place *place = map_get(&w->places, key);
	struct sip_conn *c;
	enum err e;

	if (place != NULL) {
		p->flow.connection = place->id;
		sip_send_by_id(w, p);
		return;
	}
	c = open_to(w, &p->flow, &e);
	if (c == NULL)
		sip_pending_done(w, p, e, 0);
	else
		sip_conn_take(c, p);
}

static void home_here(struct post *post, struct loop *loop)
{
	struct sip_pending *p = container_of(post, struct sip_pending, post);
	char key[20];
	uint8_t len = place_key(key, p->flow.transport, &p->flow.remote);

	at_home(p->origin->all->wires[loop_index(loop)], p, str_of(key, len));
}

void sip_send_by_home(struct sip_wire *here, struct sip_pending *p)
{
	char key[20];
	uint8_t len = place_key(key, p->flow.transport, &p->flow.remote);
	struct sip_wire *home = home_of(here->all, str_of(key, len));

	if (home == here) {
		at_home(here, p, str_of(key, len));
	} else {
		p->post.run = home_here;
		sip_post(home, &p->post);
	}
}

/* A home hears of a connection's end before the messages that missed it: both come from the connection's worker. */
void sip_send_again(struct sip_wire *here, struct sip_pending *p)
{
	if (!p->fallback || here->all->closing || ++p->tries >= SIP_SEND_TRIES)
		sip_pending_done(here, p, ERR_CLOSED, 0);
	else
		sip_send_by_home(here, p);
}
