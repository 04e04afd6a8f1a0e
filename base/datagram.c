#include "base/datagram.h"

#include "base/mem.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <sys/mman.h>
#include <sys/uio.h>

#define SPILL_SIZE ((size_t)65536) /* longer than any datagram */
#define FAILURES_SKIPPED 16

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

struct datagram_inbox {
	struct mmsghdr headers[DATAGRAM_BATCH];
	struct iovec parts[DATAGRAM_BATCH][2];
	struct addr remotes[DATAGRAM_BATCH];
	union control controls[DATAGRAM_BATCH];
	struct packet *packets[DATAGRAM_BATCH];
	char *spill;    /* mapped, and backed by memory only where something was written */
	unsigned stale; /* slots to be made ready before the next call */
};

enum err datagram_inbox_open(struct datagram_inbox **out)
{
	struct datagram_inbox *in = mem_zero(sizeof(*in));

	if (in == NULL)
		return ERR_NOMEM;
	in->spill = mmap(NULL, SPILL_SIZE * DATAGRAM_BATCH, PROT_READ | PROT_WRITE,
	                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (in->spill == MAP_FAILED) {
		free(in);
		return ERR_NOMEM;
	}
	in->stale = DATAGRAM_BATCH;
	*out = in;
	return ERR_OK;
}

void datagram_inbox_close(struct datagram_inbox *in)
{
	if (in == NULL)
		return;
	for (size_t i = 0; i < DATAGRAM_BATCH; i++)
		packet_unref(in->packets[i]);
	(void)munmap(in->spill, SPILL_SIZE * DATAGRAM_BATCH);
	free(in);
}

/* A packet to receive into that nobody else has; NULL without memory, then all goes to the spill. */
static struct packet *fresh(struct packet *old)
{
	if (old != NULL && old->cap == DATAGRAM_SLOT &&
	    atomic_load_explicit(&old->refs, memory_order_acquire) == 1)
		return old;
	packet_unref(old);
	return packet_new(DATAGRAM_SLOT);
}

static void make_ready(struct datagram_inbox *in, unsigned i)
{
	struct packet *p = fresh(in->packets[i]);

	in->packets[i] = p;
	in->parts[i][0].iov_base = p == NULL ? in->spill : p->data;
	in->parts[i][0].iov_len = p == NULL ? 0 : p->cap;
	in->parts[i][1].iov_base = in->spill + i * SPILL_SIZE;
	in->parts[i][1].iov_len = SPILL_SIZE;
	in->headers[i].msg_hdr = (struct msghdr){
		.msg_name = &in->remotes[i].sa,
		.msg_namelen = sizeof(in->remotes[i].sa),
		.msg_iov = in->parts[i],
		.msg_iovlen = 2,
		.msg_control = &in->controls[i],
		.msg_controllen = sizeof(in->controls[i]),
	};
}

/* What did not fit its slot gets a packet of its own size. */
static struct packet *join(const struct datagram_inbox *in, unsigned i)
{
	struct packet *slot = in->packets[i];
	size_t len = in->headers[i].msg_len;
	size_t first = slot == NULL ? 0 : slot->cap;
	struct packet *whole = packet_new(len);

	if (whole == NULL)
		return NULL;
	if (first > 0)
		memcpy(whole->data, slot->data, first);
	memcpy(whole->data + first, in->parts[i][1].iov_base, len - first);
	whole->len = (uint32_t)len;
	return whole;
}

static void settle(struct datagram_inbox *in, unsigned i)
{
	struct packet *slot = in->packets[i];
	unsigned len = in->headers[i].msg_len;

	if (slot != NULL && len <= slot->cap) {
		slot->len = len;
		return;
	}
	in->packets[i] = join(in, i);
	packet_unref(slot);
}

enum err datagram_receive(struct datagram_inbox *in, int fd, unsigned *count)
{
	int n;

	for (unsigned i = 0; i < in->stale; i++)
		make_ready(in, i);
	in->stale = 0;
	*count = 0;
	n = recvmmsg(fd, in->headers, DATAGRAM_BATCH, MSG_DONTWAIT, NULL);
	if (n < 0) {
		/* The system may have written to the first one's lengths. */
		in->stale = 1;
		return err_from_errno(errno);
	}
	in->stale = (unsigned)n;
	for (unsigned i = 0; i < (unsigned)n; i++)
		settle(in, i);
	*count = (unsigned)n;
	return ERR_OK;
}

static struct addr local_of_v4(const struct cmsghdr *c)
{
	struct in_pktinfo info;
	struct addr a = { 0 };

	memcpy(&info, CMSG_DATA(c), sizeof(info));
	a.sa.v4.sin_family = AF_INET;
	/* Not the destination in the header: that may be a broadcast, from which nothing can be sent. */
	a.sa.v4.sin_addr = info.ipi_spec_dst;
	return a;
}

static struct addr local_of_v6(const struct cmsghdr *c)
{
	struct in6_pktinfo info;
	struct addr a = { 0 };

	memcpy(&info, CMSG_DATA(c), sizeof(info));
	a.sa.v6.sin6_family = AF_INET6;
	a.sa.v6.sin6_addr = info.ipi6_addr;
	if (IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr))
		a.sa.v6.sin6_scope_id = info.ipi6_ifindex;
	return a;
}

static struct addr local_of(struct msghdr *h)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c != NULL; c = CMSG_NXTHDR(h, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO)
			return local_of_v4(c);
		if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO)
			return local_of_v6(c);
	}
	return (struct addr){ 0 };
}

struct datagram_in datagram_at(struct datagram_inbox *in, unsigned index)
{
	return (struct datagram_in){
		.packet = in->packets[index],
		.remote = addr_from_sockaddr(&in->remotes[index].sa.any),
		.local = local_of(&in->headers[index].msg_hdr),
	};
}

/* Put `a` into a control message that names the source. Returns its length. */
static size_t name_source(union control *out, const struct addr *a)
{
	struct cmsghdr *c = &out->align;

	memset(out, 0, sizeof(*out));
	if (addr_family(a) == AF_INET6) {
		struct in6_pktinfo info = { .ipi6_addr = a->sa.v6.sin6_addr,
			                    .ipi6_ifindex = a->sa.v6.sin6_scope_id };

		c->cmsg_level = IPPROTO_IPV6;
		c->cmsg_type = IPV6_PKTINFO;
		c->cmsg_len = CMSG_LEN(sizeof(info));
		memcpy(CMSG_DATA(c), &info, sizeof(info));
		return CMSG_SPACE(sizeof(info));
	}
	struct in_pktinfo info = { .ipi_spec_dst = a->sa.v4.sin_addr };

	c->cmsg_level = IPPROTO_IP;
	c->cmsg_type = IP_PKTINFO;
	c->cmsg_len = CMSG_LEN(sizeof(info));
	memcpy(CMSG_DATA(c), &info, sizeof(info));
	return CMSG_SPACE(sizeof(info));
}

/* sendmmsg wants pointers to what it only reads. */
static void *unconst(const void *p)
{
	return (void *)(uintptr_t)p;
}

enum err datagram_send(int fd, const struct datagram_out *list, unsigned count, unsigned *sent)
{
	struct mmsghdr headers[DATAGRAM_BATCH];
	struct iovec parts[DATAGRAM_BATCH];
	union control controls[DATAGRAM_BATCH];
	int n;

	if (count > DATAGRAM_BATCH)
		count = DATAGRAM_BATCH;
	for (unsigned i = 0; i < count; i++) {
		const struct datagram_out *d = &list[i];
		bool named = addr_family(&d->local) != AF_UNSPEC;

		parts[i] = (struct iovec){ unconst(d->bytes.p), d->bytes.len };
		headers[i].msg_hdr = (struct msghdr){
			.msg_name = unconst(&d->remote.sa),
			.msg_namelen = addr_len(&d->remote),
			.msg_iov = &parts[i],
			.msg_iovlen = 1,
			.msg_control = named ? &controls[i] : NULL,
			.msg_controllen = named ? name_source(&controls[i], &d->local) : 0,
		};
	}
	n = sendmmsg(fd, headers, count, MSG_DONTWAIT);
	*sent = n < 0 ? 0 : (unsigned)n;
	if (n >= 0)
		return ERR_OK;
	/* The device had no room (told only to sockets that ask for errors): the datagram is lost, the socket not full. */
	return errno == ENOBUFS ? ERR_FULL : err_from_errno(errno);
}

/* Why the datagram came to nothing, by the system's note; ERR_OK where it says nothing that counts. */
static enum err failure_reason(struct msghdr *h)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c != NULL; c = CMSG_NXTHDR(h, c)) {
		struct sock_extended_err note;

		if (!(c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) &&
		    !(c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR))
			continue;
		memcpy(&note, CMSG_DATA(c), sizeof(note));
		if (note.ee_errno == EMSGSIZE ||
		    (note.ee_origin != SO_EE_ORIGIN_ICMP && note.ee_origin != SO_EE_ORIGIN_ICMP6))
			return ERR_OK;
		return err_from_errno((int)note.ee_errno);
	}
	return ERR_OK;
}

enum err datagram_failed(int fd, struct datagram_failure *out)
{
	union {
		struct cmsghdr align;
		char bytes[512];
	} control;
	struct iovec part = { out->head, sizeof(out->head) };
	struct addr remote = { 0 };

	for (int i = 0; i < FAILURES_SKIPPED; i++) {
		struct msghdr h = { .msg_name = &remote.sa,
			            .msg_namelen = sizeof(remote.sa),
			            .msg_iov = &part,
			            .msg_iovlen = 1,
			            .msg_control = &control,
			            .msg_controllen = sizeof(control) };
		ssize_t n = recvmsg(fd, &h, MSG_ERRQUEUE | MSG_DONTWAIT);

		if (n < 0)
			return ERR_AGAIN;
		out->why = failure_reason(&h);
		if (out->why == ERR_OK)
			continue;
		out->remote = addr_from_sockaddr(&remote.sa.any);
		out->len = (size_t)n;
		return ERR_OK;
	}
	return ERR_AGAIN;
}
