#include "gateway/capture.h"

#include "base/wire.h"

#include <errno.h>
#include <sys/uio.h>
#include <unistd.h>

#define HEAD_MAX 256
#define CHUNK_HEAD 6

/* Chunk types of HEPv3 (vendor 0). */
enum chunk {
	CHUNK_FAMILY = 1,
	CHUNK_PROTOCOL = 2,
	CHUNK_SOURCE_V4 = 3,
	CHUNK_DESTINATION_V4 = 4,
	CHUNK_SOURCE_V6 = 5,
	CHUNK_DESTINATION_V6 = 6,
	CHUNK_SOURCE_PORT = 7,
	CHUNK_DESTINATION_PORT = 8,
	CHUNK_SECONDS = 9,
	CHUNK_MICROSECONDS = 10,
	CHUNK_KIND = 11,
	CHUNK_AGENT = 12,
	CHUNK_PAYLOAD = 15,
};

#define KIND_SIP 1
#define FAMILY_V4 2
#define FAMILY_V6 10

enum err capture_open(const struct addr *server, int *fd)
{
	int s = socket(addr_family(server), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (s < 0)
		return err_from_errno(errno);
	if (connect(s, &server->sa.any, addr_len(server)) != 0) {
		enum err e = err_from_errno(errno);

		(void)close(s);
		return e;
	}
	*fd = s;
	return ERR_OK;
}

void capture_close(int fd)
{
	if (fd >= 0)
		(void)close(fd);
}

static void chunk_head(struct wire_writer *w, enum chunk type, size_t len)
{
	wire_write16(w, 0);
	wire_write16(w, (uint16_t)type);
	wire_write16(w, (uint16_t)(CHUNK_HEAD + len));
}

static void chunk8(struct wire_writer *w, enum chunk type, uint8_t value)
{
	chunk_head(w, type, 1);
	wire_write8(w, value);
}

static void chunk16(struct wire_writer *w, enum chunk type, uint16_t value)
{
	chunk_head(w, type, 2);
	wire_write16(w, value);
}

static void chunk32(struct wire_writer *w, enum chunk type, uint32_t value)
{
	chunk_head(w, type, 4);
	wire_write32(w, value);
}

/* An address of the other family, or none, is told as zeroes. */
static void chunk_host(struct wire_writer *w, enum chunk v4, enum chunk v6, bool is_v6,
                       const struct addr *a)
{
	chunk_head(w, is_v6 ? v6 : v4, is_v6 ? 16 : 4);
	if (is_v6 && addr_family(a) == AF_INET6)
		wire_write_bytes(w, &a->sa.v6.sin6_addr, 16);
	else if (!is_v6 && addr_family(a) == AF_INET)
		wire_write_bytes(w, &a->sa.v4.sin_addr, 4);
	else
		wire_write_zero(w, is_v6 ? 16 : 4);
}

static void write_head(struct wire_writer *w, const struct sip_flow *flow, bool sent,
                       size_t payload)
{
	const struct addr *from = sent ? &flow->local : &flow->remote;
	const struct addr *to = sent ? &flow->remote : &flow->local;
	bool v6 = addr_family(&flow->remote) == AF_INET6;
	struct wall now = wall_now();
	size_t length;

	wire_write_bytes(w, "HEP3", 4);
	length = wire_written(w);
	wire_write16(w, 0);
	chunk8(w, CHUNK_FAMILY, v6 ? FAMILY_V6 : FAMILY_V4);
	chunk8(w, CHUNK_PROTOCOL, flow->transport == SIP_TRANSPORT_UDP ? IPPROTO_UDP : IPPROTO_TCP);
	chunk_host(w, CHUNK_SOURCE_V4, CHUNK_SOURCE_V6, v6, from);
	chunk_host(w, CHUNK_DESTINATION_V4, CHUNK_DESTINATION_V6, v6, to);
	chunk16(w, CHUNK_SOURCE_PORT, addr_port(from));
	chunk16(w, CHUNK_DESTINATION_PORT, addr_port(to));
	chunk32(w, CHUNK_SECONDS, (uint32_t)(now.ms / 1000));
	chunk32(w, CHUNK_MICROSECONDS, (uint32_t)(now.ms % 1000) * 1000);
	chunk8(w, CHUNK_KIND, KIND_SIP);
	chunk32(w, CHUNK_AGENT, (uint32_t)getpid());
	chunk_head(w, CHUNK_PAYLOAD, payload);
	wire_patch16(w, length, (uint16_t)(wire_written(w) + payload));
}

void capture_message(int fd, struct str message, const struct sip_flow *flow, bool sent)
{
	char head[HEAD_MAX];
	struct wire_writer w = wire_writer_of(head, sizeof(head));
	struct iovec parts[2];
	struct msghdr msg = { .msg_iov = parts, .msg_iovlen = 2 };

	if (message.len > UINT16_MAX - HEAD_MAX)
		return;
	write_head(&w, flow, sent, message.len);
	if (w.err != ERR_OK)
		return;
	parts[0] = (struct iovec){ head, wire_written(&w) };
	parts[1] = (struct iovec){ (void *)(uintptr_t)message.p, message.len };
	(void)sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
}
