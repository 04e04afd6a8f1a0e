/* gateway/demux.h: what was received: STUN, SIP, a keep-alive or noise? And whose is it?
 *
 * Called by the wires on the worker that received. What needs no state is answered there; the rest goes to the home of its Call-ID. */
#pragma once
#include "gateway/worker.h"

/* What a listener of the wires is for: its tag. */
enum demux_tag { DEMUX_SIP, DEMUX_STUN };

/** The events of the wires, for a struct gateway. */
struct sip_wires_events demux_events(struct gateway *g);
/** Cuts streams of stun:// listeners. */
struct sip_frame demux_stun_frame(struct sip_framer *state, struct str pending);
/** Cuts streams of SIP listeners, on which STUN may be asked too: the first octet tells. */
struct sip_frame demux_sip_frame(struct sip_framer *state, struct str pending);
