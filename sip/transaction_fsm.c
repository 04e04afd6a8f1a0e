#include "sip/transaction_fsm.h"

#define TIMER_D_MIN_MS 32000 /* Timer D over UDP: at least 32 s (17.1.1.2) */
#define ORPHAN_MS 185000

/* Steps as they stand in the figures: where to, what to do, the timer that sends again, the timer that ends. */
#define STEP(state, actions, retransmit, lifetime)                                         \
	{                                                                                  \
		SIP_STATE_##state, (actions), SIP_TIMER_##retransmit, SIP_TIMER_##lifetime \
	}

// clang-format off
static const struct sip_step starts[SIP_MACHINE_COUNT] = {
	[SIP_MACHINE_INVITE_CLIENT] = STEP(CALLING,    0, A,      B),
	[SIP_MACHINE_CLIENT]        = STEP(TRYING,     0, E,      F),
	[SIP_MACHINE_INVITE_SERVER] = STEP(PROCEEDING, 0, KEEP,   KEEP),
	[SIP_MACHINE_SERVER]        = STEP(TRYING,     0, TRYING, KEEP),
};

static const struct sip_step steps[SIP_MACHINE_COUNT][SIP_STATE_COUNT][SIP_EVENT_COUNT] = {
	/* Figure 5, and 6026 8.4: a 2xx leads to Accepted, which lets further ones pass. */
	[SIP_MACHINE_INVITE_CLIENT] = {
		[SIP_STATE_CALLING] = {
			[SIP_EVENT_PROVISIONAL] = STEP(PROCEEDING, SIP_DO_PASS,              STOP, STOP),
			[SIP_EVENT_SUCCESS]     = STEP(ACCEPTED,   SIP_DO_PASS,              STOP, M),
			[SIP_EVENT_REFUSAL]     = STEP(COMPLETED,  SIP_DO_ACK | SIP_DO_PASS, STOP, D),
			[SIP_EVENT_RETRANSMIT]  = STEP(SAME,       SIP_DO_RESEND,            A,    KEEP),
			[SIP_EVENT_LIFETIME]    = STEP(TERMINATED, SIP_DO_FAIL,              STOP, STOP),
			[SIP_EVENT_ERROR]       = STEP(TERMINATED, SIP_DO_FAIL,              STOP, STOP),
		},
		[SIP_STATE_PROCEEDING] = {
			[SIP_EVENT_PROVISIONAL] = STEP(SAME,       SIP_DO_PASS,              KEEP, KEEP),
			[SIP_EVENT_SUCCESS]     = STEP(ACCEPTED,   SIP_DO_PASS,              STOP, M),
			[SIP_EVENT_REFUSAL]     = STEP(COMPLETED,  SIP_DO_ACK | SIP_DO_PASS, STOP, D),
			[SIP_EVENT_CANCELLED]   = STEP(SAME,       0,                        KEEP, CANCEL),
			[SIP_EVENT_ORPHANED]    = STEP(SAME,       0,                        KEEP, C),
			[SIP_EVENT_LIFETIME]    = STEP(TERMINATED, SIP_DO_FAIL,              STOP, STOP),
		},
		[SIP_STATE_COMPLETED] = {
			[SIP_EVENT_REFUSAL]     = STEP(SAME,       SIP_DO_ACK,               KEEP, KEEP),
			[SIP_EVENT_LIFETIME]    = STEP(TERMINATED, SIP_DO_END,               STOP, STOP),
			[SIP_EVENT_ERROR]       = STEP(TERMINATED, SIP_DO_END,               STOP, STOP),
		},
		[SIP_STATE_ACCEPTED] = {
			[SIP_EVENT_SUCCESS]     = STEP(SAME,       SIP_DO_PASS,              KEEP, KEEP),
			[SIP_EVENT_LIFETIME]    = STEP(TERMINATED, SIP_DO_END,               STOP, STOP),
		},
	},
	/* Figure 6. */
	[SIP_MACHINE_CLIENT] = {
		[SIP_STATE_TRYING] = {
			[SIP_EVENT_PROVISIONAL] = STEP(PROCEEDING, SIP_DO_PASS,   KEEP,   F),
			[SIP_EVENT_SUCCESS]     = STEP(COMPLETED,  SIP_DO_PASS,   STOP,   K),
			[SIP_EVENT_REFUSAL]     = STEP(COMPLETED,  SIP_DO_PASS,   STOP,   K),
			[SIP_EVENT_RETRANSMIT]  = STEP(SAME,       SIP_DO_RESEND, E,      KEEP),
			[SIP_EVENT_LIFETIME]    = STEP(TERMINATED, SIP_DO_FAIL,   STOP,   STOP),
			[SIP_EVENT_ERROR]       = STEP(TERMINATED, SIP_DO_FAIL,   STOP,   STOP),
		},
		[SIP_STATE_PROCEEDING] = {
			[SIP_EVENT_PROVISIONAL] = STEP(SAME,       SIP_DO_PASS,   KEEP,   KEEP),
			[SIP_EVENT_SUCCESS]     = STEP(COMPLETED,  SIP_DO_PASS,   STOP,   K),
			[SIP_EVENT_REFUSAL]     = STEP(COMPLETED,  SIP_DO_PASS,   STOP,   K),
			[SIP_EVENT_RETRANSMIT]  = STEP(SAME,       SIP_DO_RESEND, E_SLOW, KEEP),
			[SIP_EVENT_LIFETIME]    = STEP(TERMINATED, SIP_DO_FAIL,   STOP,   STOP),
			[SIP_EVENT_ERROR]       = STEP(TERMINATED, SIP_DO_FAIL,   STOP,   STOP),
		},
		[SIP_STATE_COMPLETED] = {
			[SIP_EVENT_LIFETIME]    = STEP(TERMINATED, SIP_DO_END,    STOP,   STOP),
		},
	},
	/* Figure 7, and 6026 8.5: Accepted takes in retransmitted INVITEs and lets 2xx pass; a transport error ends nothing: the client
	 * may come by another way, and the timers bound the wait. */
	[SIP_MACHINE_INVITE_SERVER] = {
		[SIP_STATE_PROCEEDING] = {
			[SIP_EVENT_REQUEST]     = STEP(SAME,       SIP_DO_RESEND, KEEP, KEEP),
			[SIP_EVENT_PROVISIONAL] = STEP(SAME,       SIP_DO_SEND,   KEEP, KEEP),
			[SIP_EVENT_SUCCESS]     = STEP(ACCEPTED,   SIP_DO_SEND,   KEEP, L),
			[SIP_EVENT_REFUSAL]     = STEP(COMPLETED,  SIP_DO_SEND,   G,    H),
		},
		[SIP_STATE_COMPLETED] = {
			[SIP_EVENT_REQUEST]     = STEP(SAME,       SIP_DO_RESEND, KEEP, KEEP),
			[SIP_EVENT_RETRANSMIT]  = STEP(SAME,       SIP_DO_RESEND, G,    KEEP),
			[SIP_EVENT_ACK]         = STEP(CONFIRMED,  0,             STOP, I),
			[SIP_EVENT_LIFETIME]    = STEP(TERMINATED, SIP_DO_END,    STOP, STOP),
		},
		[SIP_STATE_CONFIRMED] = {
			[SIP_EVENT_LIFETIME]    = STEP(TERMINATED, SIP_DO_END,    STOP, STOP),
		},
		[SIP_STATE_ACCEPTED] = {
			[SIP_EVENT_SUCCESS]     = STEP(SAME,       SIP_DO_SEND,   KEEP, KEEP),
			[SIP_EVENT_ACK]         = STEP(SAME,       SIP_DO_PASS,   KEEP, KEEP),
			[SIP_EVENT_LIFETIME]    = STEP(TERMINATED, SIP_DO_END,    STOP, STOP),
		},
	},
	/* Figure 8, and 4320: a 100 over UDP not before Timer E has become T2, and at that time in any case; never a 408. */
	[SIP_MACHINE_SERVER] = {
		[SIP_STATE_TRYING] = {
			[SIP_EVENT_PROVISIONAL] = STEP(PROCEEDING, SIP_DO_SEND | SIP_IF_RELIABLE, STOP, KEEP),
			[SIP_EVENT_SUCCESS]     = STEP(COMPLETED,  SIP_DO_SEND,   STOP, J),
			[SIP_EVENT_REFUSAL]     = STEP(COMPLETED,  SIP_DO_SEND,   STOP, J),
			[SIP_EVENT_SILENCE]     = STEP(COMPLETED,  0,             STOP, J),
			[SIP_EVENT_RETRANSMIT]  = STEP(PROCEEDING, SIP_DO_TRYING, STOP, KEEP),
		},
		[SIP_STATE_PROCEEDING] = {
			[SIP_EVENT_REQUEST]     = STEP(SAME,       SIP_DO_RESEND, KEEP, KEEP),
			[SIP_EVENT_PROVISIONAL] = STEP(SAME,       SIP_DO_SEND,   KEEP, KEEP),
			[SIP_EVENT_SUCCESS]     = STEP(COMPLETED,  SIP_DO_SEND,   STOP, J),
			[SIP_EVENT_REFUSAL]     = STEP(COMPLETED,  SIP_DO_SEND,   STOP, J),
			[SIP_EVENT_SILENCE]     = STEP(COMPLETED,  0,             STOP, J),
			[SIP_EVENT_ERROR]       = STEP(TERMINATED, SIP_DO_END,    STOP, STOP),
		},
		[SIP_STATE_COMPLETED] = {
			[SIP_EVENT_REQUEST]     = STEP(SAME,       SIP_DO_RESEND, KEEP, KEEP),
			[SIP_EVENT_LIFETIME]    = STEP(TERMINATED, SIP_DO_END,    STOP, STOP),
			[SIP_EVENT_ERROR]       = STEP(TERMINATED, SIP_DO_END,    STOP, STOP),
		},
	},
};
// clang-format on

struct sip_step sip_fsm_start(enum sip_machine machine)
{
	return starts[machine];
}

struct sip_step sip_fsm_step(enum sip_machine machine, enum sip_state state, enum sip_event event,
                             bool reliable)
{
	struct sip_step step = steps[machine][state][event];

	if ((step.actions & SIP_IF_RELIABLE) != 0 && !reliable)
		return (struct sip_step){ 0 };
	step.actions &= (uint8_t)~SIP_IF_RELIABLE;
	return step;
}

/* T1, 2*T1, 4*T1... but not over `most`. */
static int64_t doubled(int64_t t1, unsigned times, int64_t most)
{
	int64_t delay = t1;

	for (; times > 0 && delay < most; times--)
		delay *= 2;
	return delay < most ? delay : most;
}

/* When a client's Timer E is set to T2: the sum of the steps before (3.5 s by default). */
static int64_t until_slow(const struct sip_times *times)
{
	int64_t sum = 0;

	for (int64_t step = times->t1_ms; step < times->t2_ms; step *= 2)
		sum += step;
	return sum;
}

static int64_t at_least(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

int64_t sip_fsm_delay_ms(enum sip_timer timer, unsigned again, bool reliable,
                         const struct sip_times *times)
{
	int64_t all = 64 * times->t1_ms;

	switch (timer) {
	case SIP_TIMER_A:
		return reliable ? -1 : doubled(times->t1_ms, again, all);
	case SIP_TIMER_E:
	case SIP_TIMER_G:
		return reliable ? -1 : doubled(times->t1_ms, again, times->t2_ms);
	case SIP_TIMER_E_SLOW:
		return reliable ? -1 : times->t2_ms;
	case SIP_TIMER_B:
	case SIP_TIMER_F:
	case SIP_TIMER_H:
	case SIP_TIMER_L:
	case SIP_TIMER_M:
	case SIP_TIMER_CANCEL:
		return all;
	case SIP_TIMER_C:
		return ORPHAN_MS;
	case SIP_TIMER_D:
		return reliable ? 0 : at_least(all, TIMER_D_MIN_MS);
	case SIP_TIMER_I:
	case SIP_TIMER_K:
		return reliable ? 0 : times->t4_ms;
	case SIP_TIMER_J:
		return reliable ? 0 : all;
	case SIP_TIMER_TRYING:
		return until_slow(times);
	case SIP_TIMER_KEEP:
	case SIP_TIMER_STOP:
	case SIP_TIMER_COUNT:
		break;
	}
	return -1;
}

enum sip_event sip_fsm_response(enum sip_machine machine, unsigned status)
{
	if (machine == SIP_MACHINE_SERVER) {
		if (status > 100 && status < 200)
			return SIP_EVENT_COUNT;
		if (status == 408)
			return SIP_EVENT_SILENCE;
	}
	if (status < 200)
		return SIP_EVENT_PROVISIONAL;
	return status < 300 ? SIP_EVENT_SUCCESS : SIP_EVENT_REFUSAL;
}

const char *sip_state_name(enum sip_state state)
{
	static const char *const names[SIP_STATE_COUNT] = {
		"same",     "calling",   "trying",    "proceeding",
		"accepted", "completed", "confirmed", "terminated",
	};

	return names[state];
}
