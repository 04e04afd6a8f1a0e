/* gateway/capture.h: what passed on the wire, told to a capture server as HEPv3 over UDP (Homer, sngrep, heplify).
 *
 * Never waits: what the socket does not take is lost. Any thread. */
#pragma once
#include "sip/transport.h"

/** A socket to the capture server. ERR_UNREACHABLE and others of the system. */
NODISCARD enum err capture_open(const struct addr *server, int *fd);
/** -1 is fine. */
void capture_close(int fd);
/** Tell one message, received or sent by `flow`. */
void capture_message(int fd, struct str message, const struct sip_flow *flow, bool sent);
