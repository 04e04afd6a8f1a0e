#include "sip/transaction_table.h"

#include "base/mem.h"

#include <stdalign.h>

static size_t index_size(const struct sip_msg *msg)
{
	return offsetof(struct sip_msg, headers) + msg->count * sizeof(msg->headers[0]);
}

/* What may be lost before each of the two pieces behind the struct. */
#define PADDING (2 * alignof(max_align_t))

void *sip_transaction_alloc(size_t size, struct str key, const struct sip_msg *msg)
{
	void *memory = malloc(size + index_size(msg) + key.len + PADDING);

	if (memory != NULL)
		memset(memory, 0, size);
	return memory;
}

void sip_transaction_init(struct sip_transaction *self, size_t size, struct str key,
                          const struct sip_msg *msg, struct packet *packet)
{
	struct arena behind;

	arena_init(&behind, (char *)self + size, index_size(msg) + key.len + PADDING, 0);
	self->msg = sip_msg_keep(msg, &behind, false);
	must(self->msg != NULL && arena_str(&behind, key, &self->key) == ERR_OK);
	self->packet = packet_ref(packet);
}

static bool is_client(const struct sip_transaction *self)
{
	return self->machine == SIP_MACHINE_INVITE_CLIENT || self->machine == SIP_MACHINE_CLIENT;
}

static void fired(struct sip_transaction *self, enum sip_event event)
{
	if (is_client(self))
		sip_client_event(container_of(self, struct sip_client, t), event, NULL,
		                 ERR_TIMEOUT);
	else
		sip_server_event(container_of(self, struct sip_server, t), event, NULL);
}

static void on_retransmit(struct timer *timer)
{
	fired(container_of(timer, struct sip_transaction, retransmit), SIP_EVENT_RETRANSMIT);
}

static void on_lifetime(struct timer *timer)
{
	fired(container_of(timer, struct sip_transaction, lifetime), SIP_EVENT_LIFETIME);
}

/* Timer F counts from the first sending, the others from now. */
static int64_t already_over(const struct sip_transaction *self, enum sip_timer which)
{
	const struct sip_transactions_env *env = &self->table->env;

	return which == SIP_TIMER_F ? mono_ms_between(self->started, env->now(env->arg)) : 0;
}

static void set_timer(struct sip_transaction *self, struct timer *timer, enum sip_timer which,
                      void (*fire)(struct timer *))
{
	const struct sip_transactions_env *env = &self->table->env;
	int64_t delay;

	if (which == SIP_TIMER_KEEP)
		return;
	delay = sip_fsm_delay_ms(which, timer == &self->retransmit ? self->again : 0,
	                         self->reliable, &self->table->times);
	if (delay < 0) {
		if (timer_running(timer))
			env->timer_stop(env->arg, timer);
		return;
	}
	env->timer_start(env->arg, timer, delay - already_over(self, which), fire);
}

static void set_timers(struct sip_transaction *self, struct sip_step step)
{
	set_timer(self, &self->retransmit, step.retransmit, on_retransmit);
	set_timer(self, &self->lifetime, step.lifetime, on_lifetime);
}

enum err sip_transaction_begin(struct sip_transaction *self, struct map *map)
{
	struct sip_transactions *table = self->table;
	struct sip_step step = sip_fsm_start(self->machine);
	enum err e;

	if (sip_transactions_count(table) >= table->limit)
		return ERR_LIMIT;
	if ((e = map_put(map, self->key, self)) != ERR_OK)
		return e;
	table->begun++;
	self->state = step.next;
	self->started = table->env.now(table->env.arg);
	set_timers(self, step);
	return ERR_OK;
}

struct sip_step sip_transaction_step(struct sip_transaction *self, enum sip_event event)
{
	struct sip_step step = sip_fsm_step(self->machine, self->state, event, self->reliable);

	if (step.next != SIP_STATE_SAME)
		self->state = step.next;
	if (event != SIP_EVENT_RETRANSMIT && step.retransmit != SIP_TIMER_KEEP)
		self->again = 0;
	else if (event == SIP_EVENT_RETRANSMIT && self->again < UINT8_MAX)
		self->again++;
	set_timers(self, step);
	return step;
}

void sip_transaction_leave(struct sip_transaction *self, struct map *map)
{
	const struct sip_transactions_env *env = &self->table->env;

	if (map != NULL)
		must(map_del(map, self->key) == self);
	if (timer_running(&self->retransmit))
		env->timer_stop(env->arg, &self->retransmit);
	if (timer_running(&self->lifetime))
		env->timer_stop(env->arg, &self->lifetime);
	env->forget(env->arg, &self->sending);
}

void sip_transaction_free(struct sip_transaction *self)
{
	packet_unref(self->packet);
	free(self);
}
