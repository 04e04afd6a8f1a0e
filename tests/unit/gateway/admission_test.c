#include "gateway/admission.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* What a case says about the sender and his request, beside who he is. */
enum {
	RELAY = 1,   /* trusted: may reach anywhere */
	ASSERT = 2,  /* trusted: may be anybody */
	OURS = 4,    /* From is in a domain of ours */
	OWN = 8,     /* From is the sender's own */
	TO_US = 16,  /* for a user of ours */
	ROUTE = 32,  /* an entry of `routes` leads on */
	OPAQUE = 64, /* bears a URI that we sealed */
	OPEN = 128,  /* auth.required: false */
};

#define PASS ADMISSION_PASS
#define ASK ADMISSION_CHALLENGE
#define NO ADMISSION_FORBID
#define VERIFIED CONF_CALL_VERIFIED
#define NONE CONF_CALL_NONE
#define ANY CONF_CALL_ANY
#define PUBLIC CONF_ROLE_PUBLIC
#define USERS CONF_ROLE_USERS
#define PEERS CONF_ROLE_PEERS

/* The table of the design, section 6, as far as its kinds exist. */
static const struct {
	enum who who;
	unsigned facts;
	enum conf_call call;
	enum conf_role role;
	enum admission_verdict want;
} cases[] = {
	/* a user: its own AoRs; anywhere */
	{ WHO_USER, OURS | OWN | TO_US, NONE, PUBLIC, PASS },
	{ WHO_USER, OURS | OWN, NONE, PUBLIC, PASS },
	{ WHO_USER, OURS | TO_US, ANY, PUBLIC, NO }, /* another user's name */
	{ WHO_USER, TO_US, ANY, PUBLIC, NO },        /* a foreign name */
	{ WHO_USER, OURS | OWN, NONE, USERS, PASS },
	{ WHO_USER, OURS | OWN, NONE, PEERS, NO },

	/* a trusted network: anyone if it may assert, anywhere if it may relay */
	{ WHO_TRUSTED, RELAY | ASSERT | OURS, NONE, PUBLIC, PASS },
	{ WHO_TRUSTED, RELAY | ASSERT, NONE, PUBLIC, PASS },
	{ WHO_TRUSTED, ASSERT | TO_US, NONE, PUBLIC, PASS },
	{ WHO_TRUSTED, ASSERT, NONE, PUBLIC, NO },        /* may not relay */
	{ WHO_TRUSTED, RELAY | OURS, NONE, PUBLIC, ASK }, /* one of ours, unproved */
	{ WHO_TRUSTED, RELAY | TO_US, NONE, PUBLIC, NO }, /* may not assert */
	{ WHO_TRUSTED, RELAY | ASSERT, NONE, USERS, PASS },
	{ WHO_TRUSTED, RELAY | ASSERT, NONE, PEERS, PASS },

	/* a peer: its own domains and numbers; our users, others only where a route says so */
	{ WHO_PEER, OWN | TO_US, NONE, PUBLIC, PASS },
	{ WHO_PEER, OWN, ANY, PUBLIC, NO },
	{ WHO_PEER, OWN | ROUTE, NONE, PUBLIC, PASS },
	{ WHO_PEER, TO_US, ANY, PUBLIC, NO },        /* a third party's name */
	{ WHO_PEER, OURS | TO_US, ANY, PUBLIC, NO }, /* one of ours: 403, no challenge */
	{ WHO_PEER, OURS | OWN | TO_US, ANY, PUBLIC, NO },
	{ WHO_PEER, OWN | OPAQUE, NONE, PUBLIC, PASS },
	{ WHO_PEER, OWN | TO_US, NONE, PEERS, PASS },
	{ WHO_PEER, OWN | TO_US, NONE, USERS, NO },

	/* anyone else: nobody; our users under `call: any` alone */
	{ WHO_STRANGER, TO_US, ANY, PUBLIC, PASS },
	{ WHO_STRANGER, TO_US, VERIFIED, PUBLIC, NO }, /* nobody's domain is proved yet */
	{ WHO_STRANGER, TO_US, NONE, PUBLIC, NO },
	{ WHO_STRANGER, 0, ANY, PUBLIC, NO },     /* no open relay */
	{ WHO_STRANGER, ROUTE, ANY, PUBLIC, NO }, /* nor by a route */
	{ WHO_STRANGER, OURS | TO_US, ANY, PUBLIC, ASK },
	{ WHO_STRANGER, OURS, NONE, PUBLIC, ASK },
	{ WHO_STRANGER, OPAQUE, NONE, PUBLIC, PASS }, /* whatever `call` says */
	{ WHO_STRANGER, OURS | OPAQUE, NONE, PUBLIC, ASK },
	{ WHO_STRANGER, OURS, NONE, USERS, ASK },
	{ WHO_STRANGER, TO_US, ANY, USERS, NO },
	{ WHO_STRANGER, TO_US, ANY, PEERS, NO },

	/* auth.required: false, for laboratories: a From of ours goes unchallenged, a foreign one as before */
	{ WHO_STRANGER, OPEN | OURS | TO_US, NONE, PUBLIC, PASS },
	{ WHO_STRANGER, OPEN | OURS, NONE, PUBLIC, PASS },
	{ WHO_STRANGER, OPEN | OURS, NONE, USERS, PASS },
	{ WHO_STRANGER, OPEN, ANY, PUBLIC, NO },
	{ WHO_STRANGER, OPEN | TO_US, VERIFIED, PUBLIC, NO },
	{ WHO_PEER, OPEN | OURS | TO_US, ANY, PUBLIC, NO },
};

static struct admission_case case_of(enum who who, unsigned facts, enum conf_call call,
                                     enum conf_role role)
{
	return (struct admission_case){ .who = who,
		                        .may_relay = (facts & RELAY) != 0,
		                        .may_assert = (facts & ASSERT) != 0,
		                        .from_ours = (facts & OURS) != 0,
		                        .from_own = (facts & OWN) != 0,
		                        .to_ours = (facts & TO_US) != 0,
		                        .route_says = (facts & ROUTE) != 0,
		                        .bears_opaque = (facts & OPAQUE) != 0,
		                        .auth_required = (facts & OPEN) == 0,
		                        .call = call,
		                        .role = role };
}

static void the_table_holds(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct admission_case c = case_of(cases[i].who, cases[i].facts, cases[i].call,
		                                  cases[i].role);
		struct admission got = admission_of(&c);

		if (got.verdict != cases[i].want)
			fail_msg("case %zu (%s, %#x): %d, %s", i, who_name(cases[i].who),
			         cases[i].facts, got.verdict, got.reason);
		assert_int_equal(got.reason[0] == '\0', got.verdict == ADMISSION_PASS);
	}
}

/* Over every combination: what must never happen, whatever else is said. */
static void never_an_open_relay(void **state)
{
	(void)state;
	for (unsigned facts = 0; facts < OPEN; facts++) {
		for (unsigned n = 0; n < 9; n++) {
			struct admission_case c = case_of(WHO_STRANGER, facts,
			                                  (enum conf_call)(n / 3),
			                                  (enum conf_role)(n % 3));
			struct admission got = admission_of(&c);

			if (got.verdict == ADMISSION_PASS) {
				assert_true(c.to_ours || c.bears_opaque);
				assert_false(c.from_ours);
			}
			c.who = WHO_USER;
			if (admission_of(&c).verdict == ADMISSION_PASS)
				assert_true(c.from_ours && c.from_own);
			c.who = WHO_PEER;
			if (admission_of(&c).verdict == ADMISSION_PASS)
				assert_false(c.from_ours);
		}
	}
}

static void each_kind_has_a_name(void **state)
{
	(void)state;
	assert_string_equal(who_name(WHO_STRANGER), "stranger");
	assert_string_equal(who_name(WHO_PEER), "peer");
	assert_string_equal(who_name((enum who)99), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table_holds),
		cmocka_unit_test(never_an_open_relay),
		cmocka_unit_test(each_kind_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
