#include "gateway/worker.h"

#include "base/mem.h"
#include "gateway/call.h"
#include "gateway/request.h"

#define NONCES_MAX 65536
#define TICK_MS 1000

static void on_request(void *arg, struct sip_server *server, const struct sip_msg *msg,
                       struct packet *packet, const struct sip_flow *flow)
{
	request_receive(arg, server, msg, packet, flow);
}

static void on_cancel(void *arg, struct sip_server *server, const struct sip_msg *cancel)
{
	struct request *r = sip_server_arg(server);

	(void)arg;
	if (r != NULL)
		request_cancel(r, cancel);
}

static void on_stray(void *arg, const struct sip_msg *msg, const struct sip_flow *flow)
{
	struct worker *w = arg;

	(void)msg;
	(void)flow;
	meters_count(&w->meters, M_STRAY);
}

/* Figures that others keep, copied where they are read from. */
static void on_tick(struct timer *t)
{
	struct worker *w = container_of(t, struct worker, tick);
	uint64_t begun = sip_transactions_begun(w->transactions);

	meters_set(&w->meters, M_OPEN_TRANSACTIONS,
	           (int64_t)sip_transactions_count(w->transactions));
	meters_add(&w->meters, M_TRANSACTIONS, (int64_t)(begun - w->begun));
	w->begun = begun;
	loop_timer_start(w->loop, t, TICK_MS, on_tick);
}

static enum err open_parts(struct worker *w)
{
	const struct sip_transactions_events events = {
		.arg = w, .request = on_request, .cancel = on_cancel, .stray = on_stray
	};
	const struct sip_transactions_conf conf = { 0 };
	enum err e;

	if ((e = sip_transactions_open(&w->transactions, w->wire, &conf, &events)) != ERR_OK)
		return e;
	if ((e = reg_reader_open(&w->reader, w->gateway->registrar)) != ERR_OK)
		return e;
	if ((e = nonce_counts_open(&w->nonces, NONCES_MAX, &w->gateway->keys.home)) != ERR_OK)
		return e;
	return calls_open(&w->calls, w);
}

enum err worker_open(struct worker **out, struct gateway *g, unsigned index)
{
	struct worker *w = mem_zero(sizeof(*w));
	enum err e;

	if (w == NULL)
		return ERR_NOMEM;
	w->gateway = g;
	w->index = index;
	w->loop = crew_loop(g->crew, index);
	w->wire = sip_wires_wire(g->wires, index);
	meters_init(&w->meters, g->metrics, index);
	e = crypto_random(&w->counter, sizeof(w->counter));
	if (e == ERR_OK)
		e = open_parts(w);
	if (e != ERR_OK) {
		worker_close(w);
		return e;
	}
	loop_on_turn(w->loop, meters_turn, &w->meters);
	loop_timer_start(w->loop, &w->tick, TICK_MS, on_tick);
	*out = w;
	return ERR_OK;
}

void worker_leave_store(struct worker *w)
{
	if (w == NULL)
		return;
	reg_reader_close(w->reader);
	w->reader = NULL;
}

void worker_close(struct worker *w)
{
	if (w == NULL)
		return;
	loop_timer_stop(w->loop, &w->tick);
	calls_close(w->calls);
	requests_close(w);
	sip_transactions_close(w->transactions);
	nonce_counts_close(w->nonces);
	worker_leave_store(w);
	snapshot_unref(w->snapshot);
	free(w);
}

uint64_t worker_unique(struct worker *w)
{
	struct str s = str_of((const char *)&w->counter, sizeof(w->counter));

	w->counter += 0x10001; /* odd steps: all 2^64 values come by */
	return hash_str(&w->gateway->keys.home, s) ^ ((uint64_t)w->index << 56);
}
