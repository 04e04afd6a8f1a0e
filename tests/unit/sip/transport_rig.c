#include "transport_rig.h"

#include "base/mem.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static void on_received(void *arg, struct sip_wire *wire, struct packet *packet,
                        const struct sip_flow *flow)
{
	struct rig *rig = arg;

	if (rig->received != NULL)
		rig->received(rig, wire, packet, flow);
	pthread_mutex_lock(&rig->lock);
	rig->received_count++;
	rig->received_by[sip_wire_index(wire)]++;
	rig->last = *flow;
	pthread_cond_broadcast(&rig->changed);
	pthread_mutex_unlock(&rig->lock);
}

static void on_broken(void *arg, struct sip_wire *wire, struct str head,
                      const struct sip_fault *fault, const struct sip_flow *flow)
{
	struct rig *rig = arg;

	(void)head;
	if (rig->broken != NULL)
		rig->broken(rig, wire, NULL, flow);
	pthread_mutex_lock(&rig->lock);
	rig->broken_count++;
	rig->broken_status = fault->status;
	pthread_cond_broadcast(&rig->changed);
	pthread_mutex_unlock(&rig->lock);
}

static void on_unreachable(void *arg, struct sip_wire *wire, const struct sip_flow *flow,
                           struct str head, enum err why)
{
	struct rig *rig = arg;

	(void)wire;
	pthread_mutex_lock(&rig->lock);
	/* The first one stays: the test looks at it while others may come. */
	if (rig->unreachable_count++ == 0) {
		rig->unreachable_why = why;
		rig->unreachable_flow = *flow;
		assert_int_equal(str_to_z(head, rig->unreachable_head,
		                          sizeof(rig->unreachable_head)),
		                 ERR_OK);
	}
	pthread_cond_broadcast(&rig->changed);
	pthread_mutex_unlock(&rig->lock);
}

static void on_closed(void *arg, struct sip_wire *wire, uint64_t connection)
{
	struct rig *rig = arg;

	(void)wire;
	assert_int_not_equal(connection, 0);
	pthread_mutex_lock(&rig->lock);
	rig->closed_count++;
	pthread_cond_broadcast(&rig->changed);
	pthread_mutex_unlock(&rig->lock);
}

void rig_open(struct rig *rig, const struct sip_wires_conf *conf)
{
	struct sip_wires_events events = { .arg = rig,
		                           .received = on_received,
		                           .broken = on_broken,
		                           .unreachable = on_unreachable,
		                           .closed = on_closed };
	struct sip_wires_conf none = { 0 };

	memset(rig, 0, sizeof(*rig));
	pthread_mutex_init(&rig->lock, NULL);
	pthread_cond_init(&rig->changed, NULL);
	assert_int_equal(crew_open(&rig->crew, RIG_WORKERS), ERR_OK);
	assert_int_equal(sip_wires_open(&rig->wires, rig->crew, NULL, conf == NULL ? &none : conf,
	                                &events),
	                 ERR_OK);
}

unsigned rig_listen(struct rig *rig, enum sip_listener_kind kind, const char *at)
{
	struct sip_listener_conf conf = { .kind = kind, .addr = rig_addr(at) };
	unsigned index;

	assert_int_equal(sip_listener_open(rig->wires, &conf, &index), ERR_OK);
	sip_listener_start(rig->wires, index);
	return index;
}

void rig_start(struct rig *rig)
{
	assert_int_equal(crew_start(rig->crew), ERR_OK);
}

void rig_close(struct rig *rig)
{
	crew_stop(rig->crew);
	sip_wires_close(rig->wires);
	crew_close(rig->crew);
	pthread_mutex_destroy(&rig->lock);
	pthread_cond_destroy(&rig->changed);
}

bool rig_wait(struct rig *rig, const unsigned *counter, unsigned n)
{
	struct timespec until;
	bool there;

	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += RIG_WAIT_MS / 1000;
	pthread_mutex_lock(&rig->lock);
	while (*counter < n && pthread_cond_timedwait(&rig->changed, &rig->lock, &until) == 0) {
	}
	there = *counter >= n;
	pthread_mutex_unlock(&rig->lock);
	return there;
}

unsigned rig_count(struct rig *rig, const unsigned *counter)
{
	unsigned n;

	pthread_mutex_lock(&rig->lock);
	n = *counter;
	pthread_mutex_unlock(&rig->lock);
	return n;
}

struct job {
	struct post post;
	struct rig *rig;
	void (*fn)(struct sip_wire *w, void *arg);
	void *arg;
	unsigned done;
};

static void run_job(struct post *post, struct loop *loop)
{
	struct job *job = container_of(post, struct job, post);
	struct rig *rig = job->rig;

	job->fn(sip_wires_wire(rig->wires, loop_index(loop)), job->arg);
	pthread_mutex_lock(&rig->lock);
	job->done = 1;
	pthread_cond_broadcast(&rig->changed);
	pthread_mutex_unlock(&rig->lock);
}

void rig_run(struct rig *rig, unsigned worker, void (*fn)(struct sip_wire *w, void *arg), void *arg)
{
	struct job job = { .post.run = run_job, .rig = rig, .fn = fn, .arg = arg };

	loop_post(crew_loop(rig->crew, worker), &job.post);
	assert_true(rig_wait(rig, &job.done, 1));
}

void rig_echo(struct rig *rig, struct sip_wire *wire, struct packet *packet,
              const struct sip_flow *flow)
{
	(void)rig;
	sip_wire_send(wire, flow, packet, false, NULL);
}

static void on_sent(void *arg, enum err e, uint64_t connection)
{
	struct rig_sent *sent = arg;

	pthread_mutex_lock(&sent->rig->lock);
	sent->told++;
	sent->why = e;
	sent->connection = connection;
	pthread_cond_broadcast(&sent->rig->changed);
	pthread_mutex_unlock(&sent->rig->lock);
}

struct order {
	const struct sip_flow *flow;
	struct str text;
	bool fallback;
	struct rig_sent *sent;
};

static void send_here(struct sip_wire *w, void *arg)
{
	const struct order *o = arg;
	struct packet *p = sip_wire_packet(w, o->text.len);

	assert_non_null(p);
	memcpy(p->data, o->text.p, o->text.len);
	p->len = (uint32_t)o->text.len;
	sip_wire_send(w, o->flow, p, o->fallback, o->sent == NULL ? NULL : &o->sent->sending);
	packet_unref(p);
}

void rig_send(struct rig *rig, unsigned worker, const struct sip_flow *flow, const char *text,
              bool fallback, struct rig_sent *sent)
{
	struct order o = { flow, str_from(text), fallback, sent };

	if (sent != NULL) {
		*sent = (struct rig_sent){ .rig = rig };
		sent->sending.done = on_sent;
		sent->sending.arg = sent;
	}
	rig_run(rig, worker, send_here, &o);
}

enum err rig_told(struct rig_sent *sent)
{
	return rig_wait(sent->rig, &sent->told, 1) ? sent->why : ERR_TIMEOUT;
}

struct addr rig_addr(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse_port(&a, str_from(text), 0), ERR_OK);
	return a;
}

int rig_socket(int type, const char *local, const struct addr *remote)
{
	struct addr from = local == NULL ? (struct addr){ 0 } : rig_addr(local);
	struct timeval wait = { .tv_sec = RIG_WAIT_MS / 1000 };
	int fd = socket(local == NULL ? addr_family(remote) : addr_family(&from),
	                type | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)), 0);
	if (local != NULL)
		assert_int_equal(bind(fd, &from.sa.any, addr_len(&from)), 0);
	if (remote != NULL)
		assert_int_equal(connect(fd, &remote->sa.any, addr_len(remote)), 0);
	return fd;
}

struct addr rig_bound(int fd)
{
	struct addr a = { 0 };
	socklen_t len = sizeof(a.sa);

	assert_int_equal(getsockname(fd, &a.sa.any, &len), 0);
	return a;
}

void rig_read(int fd, char *out, size_t n)
{
	while (n > 0) {
		ssize_t got = recv(fd, out, n, 0);

		assert_true(got > 0);
		out += got;
		n -= (size_t)got;
	}
}

void rig_write(int fd, const void *p, size_t n)
{
	assert_int_equal(send(fd, p, n, MSG_NOSIGNAL), n);
}

bool rig_at_end(int fd)
{
	char c;
	ssize_t n = recv(fd, &c, 1, 0);

	return n == 0 || (n < 0 && errno == ECONNRESET);
}
