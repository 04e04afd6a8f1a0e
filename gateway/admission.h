/* gateway/admission.h: who may bear which From, and who may reach whom.
 *
 * The table of "who is who" as one pure function: nothing that a request says about its sender is believed. Any thread, no allocation. */
#pragma once
#include "gateway/conf.h"

/** By what we know who is asking. */
enum who {
	WHO_STRANGER, /* by nothing */
	WHO_USER,     /* by digest, or by the connection it registered on */
	WHO_TRUSTED,  /* by its network (`trusted`) */
	WHO_PEER,     /* by its address (`peers`) */
};

struct admission_case {
	enum who who;
	bool may_relay;  /* trusted network */
	bool may_assert; /* trusted network */
	bool from_ours;  /* From is in a domain of ours, or one of our numbers */
	bool from_own; /* user: From is one of its AoRs; peer: From is in its domains or numbers */
	bool to_ours;  /* the request is for a user of ours */
	bool route_says;    /* an entry of `routes` leads it on */
	bool bears_opaque;  /* the Request-URI is one that we sealed and that has not ended */
	bool auth_required; /* `auth.required` */
	enum conf_call call;
	enum conf_role role; /* of the listener it came in by */
};

enum admission_verdict { ADMISSION_PASS, ADMISSION_CHALLENGE, ADMISSION_FORBID };

struct admission {
	enum admission_verdict verdict;
	const char *reason; /* for the log and the reason phrase; a constant */
};

/** May this request go on? */
struct admission admission_of(const struct admission_case *c);
/** The name of an identity's kind, for logs. */
const char *who_name(enum who who);
