/* sip/transaction_fsm.h: the four machines of RFC 3261 17, with RFC 6026 and RFC 4320, as tables.
 *
 * (machine, state, event) → (state, actions, timers). No clock, no socket, no memory: sip/transaction does what stands here.
 * A machine has two timers: one that sends again (A, E, G) and one that ends what it waits for (all others).
 * Pure: any thread. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum sip_machine {
	SIP_MACHINE_INVITE_CLIENT, /* 17.1.1; RFC 6026 8.4 */
	SIP_MACHINE_CLIENT,        /* 17.1.2 */
	SIP_MACHINE_INVITE_SERVER, /* 17.2.1; RFC 6026 8.5 */
	SIP_MACHINE_SERVER,        /* 17.2.2; RFC 4320 */
	SIP_MACHINE_COUNT
};

enum sip_state {
	SIP_STATE_SAME, /* in a step: stay */
	SIP_STATE_CALLING,
	SIP_STATE_TRYING,
	SIP_STATE_PROCEEDING,
	SIP_STATE_ACCEPTED,
	SIP_STATE_COMPLETED,
	SIP_STATE_CONFIRMED,
	SIP_STATE_TERMINATED,
	SIP_STATE_COUNT
};

enum sip_event {
	/* A response: received by a client, given by the user of a server. */
	SIP_EVENT_PROVISIONAL, /* 1xx */
	SIP_EVENT_SUCCESS,     /* 2xx */
	SIP_EVENT_REFUSAL,     /* 300 to 699 */
	SIP_EVENT_SILENCE,     /* a 408 that must not be sent (RFC 4320 4.2) */
	/* A server's client. */
	SIP_EVENT_REQUEST, /* the request once more */
	SIP_EVENT_ACK,
	/* A client's user. */
	SIP_EVENT_CANCELLED, /* a CANCEL has been sent */
	SIP_EVENT_ORPHANED,  /* nobody waits for the outcome any more */
	/* Timers. */
	SIP_EVENT_RETRANSMIT,
	SIP_EVENT_LIFETIME,
	/* What was sent did not arrive, and there is no other way. */
	SIP_EVENT_ERROR,
	SIP_EVENT_COUNT
};

/* What is to be done, in this order. */
enum sip_action {
	SIP_DO_ACK = 1,    /* acknowledge the response */
	SIP_DO_SEND = 2,   /* send the response that the user gave, and remember it */
	SIP_DO_TRYING = 4, /* the same with a 100 of our own */
	SIP_DO_RESEND = 8, /* send once more what was sent last, if anything was */
	SIP_DO_PASS = 16,  /* tell the user */
	SIP_DO_FAIL = 32,  /* it is over without an answer: tell the user */
	SIP_DO_END = 64,   /* it is over */
	SIP_IF_RELIABLE =
		128 /* in the table alone: the step counts only over a reliable transport */
};

enum sip_timer {
	SIP_TIMER_KEEP, /* leave it as it is */
	SIP_TIMER_STOP,
	SIP_TIMER_A, /* INVITE requests again */
	SIP_TIMER_B, /* INVITE: no response at all */
	SIP_TIMER_C, /* an INVITE of which nobody wants to know rings for as long as 16.6 step 11 would let it */
	SIP_TIMER_CANCEL, /* 9.1: no final response after a CANCEL */
	SIP_TIMER_D,
	SIP_TIMER_E,      /* other requests again */
	SIP_TIMER_E_SLOW, /* the same once a provisional response came: T2 */
	SIP_TIMER_F,      /* counts from the first sending */
	SIP_TIMER_G,      /* final responses to INVITE again */
	SIP_TIMER_H,
	SIP_TIMER_I,
	SIP_TIMER_J,
	SIP_TIMER_K,
	SIP_TIMER_L,
	SIP_TIMER_M,
	SIP_TIMER_TRYING, /* RFC 4320 4.1: when a non-INVITE must (and over UDP may first) be answered 100 */
	SIP_TIMER_COUNT
};

struct sip_step {
	uint8_t next;       /* enum sip_state */
	uint8_t actions;    /* enum sip_action, or'ed */
	uint8_t retransmit; /* enum sip_timer */
	uint8_t lifetime;   /* enum sip_timer */
};

struct sip_times {
	int64_t t1_ms;
	int64_t t2_ms;
	int64_t t4_ms;
};

/** The first state, and the timers to start; the request is sent, or handed to the user. */
struct sip_step sip_fsm_start(enum sip_machine machine);
/** What an event means. Nothing at all (all zero) where the machine ignores it. */
struct sip_step sip_fsm_step(enum sip_machine machine, enum sip_state state, enum sip_event event,
                             bool reliable);
/** After how many milliseconds a timer fires that is started for the `again`-th time (0: the first); -1: it doesn't run. */
int64_t sip_fsm_delay_ms(enum sip_timer timer, unsigned again, bool reliable,
                         const struct sip_times *times);
/** Which event a response of this status is. RFC 4320: what must not be sent to a non-INVITE is SIP_EVENT_SILENCE (408), or SIP_EVENT_COUNT:
 * no event at all (provisional ones but 100). */
enum sip_event sip_fsm_response(enum sip_machine machine, unsigned status);
/** For test failures and log lines. */
const char *sip_state_name(enum sip_state state);
