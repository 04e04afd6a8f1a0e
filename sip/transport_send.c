#include "sip/transport_conn.h"

#include "base/mem.h"

void sip_post(struct sip_wire *to, struct post *post)
{
	if (crew_stopped(to->all->crew))
		post->run(post, to->loop);
	else
		loop_post(to->loop, post);
}

/* ---------------------------------------------------------------------------- telling */

void sip_tell(struct sip_wire *w, struct sip_sending *sending, enum err why, uint64_t connection)
{
	if (sending == NULL)
		return;
	sending->pending = NULL;
	/* No turn will end any more. */
	if (w->all->closing)
		return;
	sending->pending = &w->nobody;
	sending->why = why;
	sending->connection = connection;
	sending->next = NULL;
	sending->prev = w->told_last;
	*w->told_last = sending;
	w->told_last = &sending->next;
	loop_at_end(w->loop, &w->tell);
}

/* Take it out of those that will be told. */
static void untell(struct sip_wire *w, struct sip_sending *sending)
{
	must(sending->prev != NULL);
	*sending->prev = sending->next;
	if (sending->next != NULL)
		sending->next->prev = sending->prev;
	else
		w->told_last = sending->prev;
	sending->next = NULL;
	sending->prev = NULL;
	sending->pending = NULL;
}

void sip_tell_run(struct loop_end *end)
{
	struct sip_wire *w = container_of(end, struct sip_wire, tell);

	while (w->told != NULL) {
		struct sip_sending *sending = w->told;

		untell(w, sending);
		sending->done(sending->arg, sending->why, sending->connection);
	}
}

void sip_sending_forget(struct sip_sending *sending)
{
	if (sending->pending == NULL)
		return;
	if (sending->prev != NULL) {
		untell(sending->pending->origin, sending);
		return;
	}
	sending->pending->sending = NULL;
	sending->pending = NULL;
}

/* ---------------------------------------------------------------------------- messages under way */

static struct sip_pending *take_spare(struct sip_wire *w)
{
	struct sip_pending *p = w->spare;

	if (p == NULL)
		return malloc(sizeof(*p));
	w->spare = p->next;
	w->spare_count--;
	return p;
}

static void give_spare(struct sip_wire *w, struct sip_pending *p)
{
	if (w->spare_count + 1 > SIP_SPARE_MAX) {
		free(p);
		return;
	}
	p->next = w->spare;
	w->spare = p;
	w->spare_count++;
}

struct sip_pending *sip_pending_new(struct sip_wire *w, const struct sip_flow *flow,
                                    struct packet *packet, struct sip_sending *sending)
{
	struct sip_pending *p = take_spare(w);

	if (p == NULL) {
		sip_tell(w, sending, ERR_NOMEM, 0);
		return NULL;
	}
	*p = (struct sip_pending){ .origin = w,
		                   .sending = sending,
		                   .packet = packet == NULL ? NULL : packet_ref(packet),
		                   .flow = *flow,
		                   .wanted = sending != NULL };
	if (sending != NULL)
		sending->pending = p;
	return p;
}

/* On the sender's thread again. */
static void pending_home(struct sip_pending *p)
{
	struct sip_wire *w = p->origin;
	struct sip_sending *sending = p->sending;

	if (sending != NULL)
		sip_tell(w, sending, p->why, p->connection);
	give_spare(w, p);
}

static void pending_came_home(struct post *post, struct loop *loop)
{
	(void)loop;
	pending_home(container_of(post, struct sip_pending, post));
}

void sip_pending_done(struct sip_wire *here, struct sip_pending *p, enum err why,
                      uint64_t connection)
{
	packet_unref(p->packet);
	p->packet = NULL;
	p->why = why;
	p->connection = connection;
	if (!p->wanted) {
		give_spare(here, p);
	} else if (p->origin == here) {
		pending_home(p);
	} else {
		p->post.run = pending_came_home;
		sip_post(p->origin, &p->post);
	}
}

/* ---------------------------------------------------------------------------- the door */

static void stream_send(struct sip_wire *w, const struct sip_flow *flow, struct packet *packet,
                        bool fallback, struct sip_sending *sending)
{
	struct sip_pending *p = sip_pending_new(w, flow, packet, sending);

	if (p == NULL)
		return;
	p->fallback = fallback || flow->connection == 0;
	if (flow->connection != 0)
		sip_send_by_id(w, p);
	else
		sip_send_by_home(w, p);
}

void sip_wire_send(struct sip_wire *w, const struct sip_flow *flow, struct packet *packet,
                   bool fallback, struct sip_sending *sending)
{
	const struct sip_wires_events *events = &w->all->events;

	if (sending != NULL)
		sip_sending_forget(sending);
	if (events->sent != NULL)
		events->sent(events->arg, w, packet_view(packet), flow);
	if (flow->transport == SIP_TRANSPORT_UDP)
		sip_udp_send(w, flow, packet, sending);
	else if (flow->transport == SIP_TRANSPORT_TCP)
		stream_send(w, flow, packet, fallback, sending);
	else
		sip_tell(w, sending, ERR_UNSUPPORTED, 0);
}
