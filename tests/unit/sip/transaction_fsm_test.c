#include "sip/transaction_fsm.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static const struct sip_times usual = { 500, 4000, 5000 };

#define IC SIP_MACHINE_INVITE_CLIENT
#define NC SIP_MACHINE_CLIENT
#define IS SIP_MACHINE_INVITE_SERVER
#define NS SIP_MACHINE_SERVER
#define ANY (-1)

/* Every arrow of the figures, once; what isn't here must do nothing. */
struct arrow {
	int machine;
	int from;
	int event;
	int reliable; /* 0, 1, ANY */
	int to;
	int actions;
	int retransmit;
	int lifetime;
};

// clang-format off
#define S(name) SIP_STATE_##name
#define E(name) SIP_EVENT_##name
#define T(name) SIP_TIMER_##name
static const struct arrow arrows[] = {
	/* RFC 3261 figure 5, RFC 6026 figure 4 */
	{ IC, S(CALLING),    E(PROVISIONAL), ANY, S(PROCEEDING), SIP_DO_PASS,              T(STOP), T(STOP) },
	{ IC, S(CALLING),    E(SUCCESS),     ANY, S(ACCEPTED),   SIP_DO_PASS,              T(STOP), T(M) },
	{ IC, S(CALLING),    E(REFUSAL),     ANY, S(COMPLETED),  SIP_DO_ACK | SIP_DO_PASS, T(STOP), T(D) },
	{ IC, S(CALLING),    E(RETRANSMIT),  ANY, S(SAME),       SIP_DO_RESEND,            T(A),    T(KEEP) },
	{ IC, S(CALLING),    E(LIFETIME),    ANY, S(TERMINATED), SIP_DO_FAIL,              T(STOP), T(STOP) },
	{ IC, S(CALLING),    E(ERROR),       ANY, S(TERMINATED), SIP_DO_FAIL,              T(STOP), T(STOP) },
	{ IC, S(PROCEEDING), E(PROVISIONAL), ANY, S(SAME),       SIP_DO_PASS,              T(KEEP), T(KEEP) },
	{ IC, S(PROCEEDING), E(SUCCESS),     ANY, S(ACCEPTED),   SIP_DO_PASS,              T(STOP), T(M) },
	{ IC, S(PROCEEDING), E(REFUSAL),     ANY, S(COMPLETED),  SIP_DO_ACK | SIP_DO_PASS, T(STOP), T(D) },
	{ IC, S(PROCEEDING), E(CANCELLED),   ANY, S(SAME),       0,                        T(KEEP), T(CANCEL) },
	{ IC, S(PROCEEDING), E(ORPHANED),    ANY, S(SAME),       0,                        T(KEEP), T(C) },
	{ IC, S(PROCEEDING), E(LIFETIME),    ANY, S(TERMINATED), SIP_DO_FAIL,              T(STOP), T(STOP) },
	{ IC, S(COMPLETED),  E(REFUSAL),     ANY, S(SAME),       SIP_DO_ACK,               T(KEEP), T(KEEP) },
	{ IC, S(COMPLETED),  E(LIFETIME),    ANY, S(TERMINATED), SIP_DO_END,               T(STOP), T(STOP) },
	{ IC, S(COMPLETED),  E(ERROR),       ANY, S(TERMINATED), SIP_DO_END,               T(STOP), T(STOP) },
	{ IC, S(ACCEPTED),   E(SUCCESS),     ANY, S(SAME),       SIP_DO_PASS,              T(KEEP), T(KEEP) },
	{ IC, S(ACCEPTED),   E(LIFETIME),    ANY, S(TERMINATED), SIP_DO_END,               T(STOP), T(STOP) },
	/* RFC 3261 figure 6 */
	{ NC, S(TRYING),     E(PROVISIONAL), ANY, S(PROCEEDING), SIP_DO_PASS,              T(KEEP), T(F) },
	{ NC, S(TRYING),     E(SUCCESS),     ANY, S(COMPLETED),  SIP_DO_PASS,              T(STOP), T(K) },
	{ NC, S(TRYING),     E(REFUSAL),     ANY, S(COMPLETED),  SIP_DO_PASS,              T(STOP), T(K) },
	{ NC, S(TRYING),     E(RETRANSMIT),  ANY, S(SAME),       SIP_DO_RESEND,            T(E),    T(KEEP) },
	{ NC, S(TRYING),     E(LIFETIME),    ANY, S(TERMINATED), SIP_DO_FAIL,              T(STOP), T(STOP) },
	{ NC, S(TRYING),     E(ERROR),       ANY, S(TERMINATED), SIP_DO_FAIL,              T(STOP), T(STOP) },
	{ NC, S(PROCEEDING), E(PROVISIONAL), ANY, S(SAME),       SIP_DO_PASS,              T(KEEP), T(KEEP) },
	{ NC, S(PROCEEDING), E(SUCCESS),     ANY, S(COMPLETED),  SIP_DO_PASS,              T(STOP), T(K) },
	{ NC, S(PROCEEDING), E(REFUSAL),     ANY, S(COMPLETED),  SIP_DO_PASS,              T(STOP), T(K) },
	{ NC, S(PROCEEDING), E(RETRANSMIT),  ANY, S(SAME),       SIP_DO_RESEND,            T(E_SLOW), T(KEEP) },
	{ NC, S(PROCEEDING), E(LIFETIME),    ANY, S(TERMINATED), SIP_DO_FAIL,              T(STOP), T(STOP) },
	{ NC, S(PROCEEDING), E(ERROR),       ANY, S(TERMINATED), SIP_DO_FAIL,              T(STOP), T(STOP) },
	{ NC, S(COMPLETED),  E(LIFETIME),    ANY, S(TERMINATED), SIP_DO_END,               T(STOP), T(STOP) },
	/* RFC 3261 figure 7, RFC 6026 figure 5 */
	{ IS, S(PROCEEDING), E(REQUEST),     ANY, S(SAME),       SIP_DO_RESEND,            T(KEEP), T(KEEP) },
	{ IS, S(PROCEEDING), E(PROVISIONAL), ANY, S(SAME),       SIP_DO_SEND,              T(KEEP), T(KEEP) },
	{ IS, S(PROCEEDING), E(SUCCESS),     ANY, S(ACCEPTED),   SIP_DO_SEND,              T(KEEP), T(L) },
	{ IS, S(PROCEEDING), E(REFUSAL),     ANY, S(COMPLETED),  SIP_DO_SEND,              T(G),    T(H) },
	{ IS, S(COMPLETED),  E(REQUEST),     ANY, S(SAME),       SIP_DO_RESEND,            T(KEEP), T(KEEP) },
	{ IS, S(COMPLETED),  E(RETRANSMIT),  ANY, S(SAME),       SIP_DO_RESEND,            T(G),    T(KEEP) },
	{ IS, S(COMPLETED),  E(ACK),         ANY, S(CONFIRMED),  0,                        T(STOP), T(I) },
	{ IS, S(COMPLETED),  E(LIFETIME),    ANY, S(TERMINATED), SIP_DO_END,               T(STOP), T(STOP) },
	{ IS, S(CONFIRMED),  E(LIFETIME),    ANY, S(TERMINATED), SIP_DO_END,               T(STOP), T(STOP) },
	{ IS, S(ACCEPTED),   E(SUCCESS),     ANY, S(SAME),       SIP_DO_SEND,              T(KEEP), T(KEEP) },
	{ IS, S(ACCEPTED),   E(ACK),         ANY, S(SAME),       SIP_DO_PASS,              T(KEEP), T(KEEP) },
	{ IS, S(ACCEPTED),   E(LIFETIME),    ANY, S(TERMINATED), SIP_DO_END,               T(STOP), T(STOP) },
	/* RFC 3261 figure 8, RFC 4320 4 */
	{ NS, S(TRYING),     E(PROVISIONAL), 1,   S(PROCEEDING), SIP_DO_SEND,              T(STOP), T(KEEP) },
	{ NS, S(TRYING),     E(RETRANSMIT),  ANY, S(PROCEEDING), SIP_DO_TRYING,            T(STOP), T(KEEP) },
	{ NS, S(TRYING),     E(SUCCESS),     ANY, S(COMPLETED),  SIP_DO_SEND,              T(STOP), T(J) },
	{ NS, S(TRYING),     E(REFUSAL),     ANY, S(COMPLETED),  SIP_DO_SEND,              T(STOP), T(J) },
	{ NS, S(TRYING),     E(SILENCE),     ANY, S(COMPLETED),  0,                        T(STOP), T(J) },
	{ NS, S(PROCEEDING), E(REQUEST),     ANY, S(SAME),       SIP_DO_RESEND,            T(KEEP), T(KEEP) },
	{ NS, S(PROCEEDING), E(PROVISIONAL), ANY, S(SAME),       SIP_DO_SEND,              T(KEEP), T(KEEP) },
	{ NS, S(PROCEEDING), E(SUCCESS),     ANY, S(COMPLETED),  SIP_DO_SEND,              T(STOP), T(J) },
	{ NS, S(PROCEEDING), E(REFUSAL),     ANY, S(COMPLETED),  SIP_DO_SEND,              T(STOP), T(J) },
	{ NS, S(PROCEEDING), E(SILENCE),     ANY, S(COMPLETED),  0,                        T(STOP), T(J) },
	{ NS, S(PROCEEDING), E(ERROR),       ANY, S(TERMINATED), SIP_DO_END,               T(STOP), T(STOP) },
	{ NS, S(COMPLETED),  E(REQUEST),     ANY, S(SAME),       SIP_DO_RESEND,            T(KEEP), T(KEEP) },
	{ NS, S(COMPLETED),  E(LIFETIME),    ANY, S(TERMINATED), SIP_DO_END,               T(STOP), T(STOP) },
	{ NS, S(COMPLETED),  E(ERROR),       ANY, S(TERMINATED), SIP_DO_END,               T(STOP), T(STOP) },
};
// clang-format on

static const struct arrow *arrow_of(int machine, int state, int event, int reliable)
{
	for (size_t i = 0; i < COUNT_OF(arrows); i++) {
		const struct arrow *a = &arrows[i];

		if (a->machine == machine && a->from == state && a->event == event &&
		    (a->reliable == ANY || a->reliable == reliable))
			return a;
	}
	return NULL;
}

static void check_cell(int machine, int state, int event, int reliable)
{
	static const struct arrow nothing = { 0 };
	const struct arrow *want = arrow_of(machine, state, event, reliable);
	struct sip_step is = sip_fsm_step((enum sip_machine)machine, (enum sip_state)state,
	                                  (enum sip_event)event, reliable != 0);

	if (want == NULL)
		want = &nothing;
	if (is.next != want->to || is.actions != want->actions ||
	    is.retransmit != want->retransmit || is.lifetime != want->lifetime)
		fail_msg("machine %d, %s, event %d, reliable %d: to %s, actions %d, timers %d %d",
		         machine, sip_state_name((enum sip_state)state), event, reliable,
		         sip_state_name((enum sip_state)is.next), is.actions, is.retransmit,
		         is.lifetime);
}

static void does_what_the_figures_show_and_nothing_else(void **state)
{
	(void)state;
	for (int machine = 0; machine < SIP_MACHINE_COUNT; machine++) {
		for (int from = 0; from < SIP_STATE_COUNT; from++) {
			for (int event = 0; event < SIP_EVENT_COUNT; event++) {
				check_cell(machine, from, event, 0);
				check_cell(machine, from, event, 1);
			}
		}
	}
}

/* From each state in which a machine can wait for ever but for its user, a timer leads out: whoever enters Accepted, Completed or Confirmed
 * has one running. */
static void always_ends(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(arrows); i++) {
		const struct arrow *a = &arrows[i];

		if (a->to != SIP_STATE_ACCEPTED && a->to != SIP_STATE_COMPLETED &&
		    a->to != SIP_STATE_CONFIRMED)
			continue;
		assert_true(a->lifetime > SIP_TIMER_STOP);
		for (int reliable = 0; reliable < 2; reliable++)
			assert_true(sip_fsm_delay_ms((enum sip_timer)a->lifetime, 0, reliable != 0,
			                             &usual) >= 0);
		assert_int_equal(sip_fsm_step((enum sip_machine)a->machine, (enum sip_state)a->to,
		                              SIP_EVENT_LIFETIME, false)
		                         .next,
		                 SIP_STATE_TERMINATED);
	}
}

static void starts_as_the_figures_do(void **state)
{
	static const struct {
		int machine, first, retransmit, lifetime;
	} rows[] = {
		{ IC, SIP_STATE_CALLING, SIP_TIMER_A, SIP_TIMER_B },
		{ NC, SIP_STATE_TRYING, SIP_TIMER_E, SIP_TIMER_F },
		{ IS, SIP_STATE_PROCEEDING, SIP_TIMER_KEEP, SIP_TIMER_KEEP },
		{ NS, SIP_STATE_TRYING, SIP_TIMER_TRYING, SIP_TIMER_KEEP },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct sip_step step = sip_fsm_start((enum sip_machine)rows[i].machine);

		assert_int_equal(step.next, rows[i].first);
		assert_int_equal(step.retransmit, rows[i].retransmit);
		assert_int_equal(step.lifetime, rows[i].lifetime);
	}
}

static void waits_as_table_4_says(void **state)
{
	static const struct {
		enum sip_timer timer;
		unsigned again;
		int64_t udp, tcp;
	} rows[] = {
		{ SIP_TIMER_A, 0, 500, -1 },        { SIP_TIMER_A, 1, 1000, -1 },
		{ SIP_TIMER_A, 5, 16000, -1 },      { SIP_TIMER_A, 6, 32000, -1 },
		{ SIP_TIMER_A, 255, 32000, -1 },    { SIP_TIMER_B, 0, 32000, 32000 },
		{ SIP_TIMER_C, 0, 185000, 185000 }, { SIP_TIMER_CANCEL, 0, 32000, 32000 },
		{ SIP_TIMER_D, 0, 32000, 0 },       { SIP_TIMER_E, 0, 500, -1 },
		{ SIP_TIMER_E, 1, 1000, -1 },       { SIP_TIMER_E, 2, 2000, -1 },
		{ SIP_TIMER_E, 3, 4000, -1 },       { SIP_TIMER_E, 255, 4000, -1 },
		{ SIP_TIMER_E_SLOW, 0, 4000, -1 },  { SIP_TIMER_F, 0, 32000, 32000 },
		{ SIP_TIMER_G, 0, 500, -1 },        { SIP_TIMER_G, 3, 4000, -1 },
		{ SIP_TIMER_G, 255, 4000, -1 },     { SIP_TIMER_H, 0, 32000, 32000 },
		{ SIP_TIMER_I, 0, 5000, 0 },        { SIP_TIMER_J, 0, 32000, 0 },
		{ SIP_TIMER_K, 0, 5000, 0 },        { SIP_TIMER_L, 0, 32000, 32000 },
		{ SIP_TIMER_M, 0, 32000, 32000 },   { SIP_TIMER_TRYING, 0, 3500, 3500 },
		{ SIP_TIMER_KEEP, 0, -1, -1 },      { SIP_TIMER_STOP, 0, -1, -1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		assert_int_equal(sip_fsm_delay_ms(rows[i].timer, rows[i].again, false, &usual),
		                 rows[i].udp);
		assert_int_equal(sip_fsm_delay_ms(rows[i].timer, rows[i].again, true, &usual),
		                 rows[i].tcp);
	}
}

static void other_times_shift_all(void **state)
{
	const struct sip_times quick = { 100, 400, 500 };
	const struct sip_times slow = { 1000, 4000, 5000 };
	const struct sip_times strange = { 5000, 4000, 5000 };

	(void)state;
	assert_int_equal(sip_fsm_delay_ms(SIP_TIMER_B, 0, false, &quick), 6400);
	assert_int_equal(sip_fsm_delay_ms(SIP_TIMER_D, 0, false, &quick), 32000);
	assert_int_equal(sip_fsm_delay_ms(SIP_TIMER_D, 0, false, &slow), 64000);
	assert_int_equal(sip_fsm_delay_ms(SIP_TIMER_TRYING, 0, false, &quick), 300);
	assert_int_equal(sip_fsm_delay_ms(SIP_TIMER_E, 0, false, &strange), 4000);
	assert_int_equal(sip_fsm_delay_ms(SIP_TIMER_TRYING, 0, false, &strange), 0);
}

static void tells_responses_apart(void **state)
{
	static const struct {
		int machine;
		unsigned status;
		int event;
	} rows[] = {
		{ IC, 100, SIP_EVENT_PROVISIONAL }, { IC, 199, SIP_EVENT_PROVISIONAL },
		{ IC, 200, SIP_EVENT_SUCCESS },     { IC, 299, SIP_EVENT_SUCCESS },
		{ IC, 300, SIP_EVENT_REFUSAL },     { IC, 408, SIP_EVENT_REFUSAL },
		{ IC, 699, SIP_EVENT_REFUSAL },     { NC, 183, SIP_EVENT_PROVISIONAL },
		{ NC, 408, SIP_EVENT_REFUSAL },     { IS, 183, SIP_EVENT_PROVISIONAL },
		{ IS, 408, SIP_EVENT_REFUSAL },     { NS, 100, SIP_EVENT_PROVISIONAL },
		{ NS, 180, SIP_EVENT_COUNT },       { NS, 199, SIP_EVENT_COUNT },
		{ NS, 200, SIP_EVENT_SUCCESS },     { NS, 404, SIP_EVENT_REFUSAL },
		{ NS, 408, SIP_EVENT_SILENCE },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_int_equal(sip_fsm_response((enum sip_machine)rows[i].machine,
		                                  rows[i].status),
		                 rows[i].event);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(does_what_the_figures_show_and_nothing_else),
		cmocka_unit_test(always_ends),
		cmocka_unit_test(starts_as_the_figures_do),
		cmocka_unit_test(waits_as_table_4_says),
		cmocka_unit_test(other_times_shift_all),
		cmocka_unit_test(tells_responses_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
