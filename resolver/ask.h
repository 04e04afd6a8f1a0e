/* resolver/ask.h: a question about a name and a type, on its way from who wants to know to its home and back.
 *
 * It hangs on its asker's list from beginning to end. Between ask_send() and the answer the home reads `name` and `type` and writes
 * what it has found; the rest is the asker's, who may lose interest meanwhile (ask_forget()). */
#pragma once
#include "resolver/home.h"

/** Most of one worker that are unanswered. */
#define ASKS_MAX 65536

struct ask {
	struct post post;
	struct ask *next; /* of the asker's */
	struct ask **prev;
	struct home *asker;
	struct home *home;
	struct resolver_query *query; /* NULL: nobody wants to know any more */
	struct ask *next_of_query;
	struct ask *next_waiter; /* of the inquiry it waits for */
	unsigned depth;          /* of the trace */
	bool answered;
	struct mono begun;
	struct mono ended;
	/* Written by the home. */
	bool cached;
	struct records *records; /* a reference; NULL: `failure` says why */
	enum dns_verdict failure;
	/* What is asked. */
	enum dns_type type;
	struct str name;
	char text[];
};

/** Ask; the answer may be there when this returns. NULL without memory or over the limit. On the asker's loop. */
struct ask *ask_send(struct home *asker, struct resolver_query *query, struct str name,
                     enum dns_type type);
/** Home: answer it, with a reference of `records` more, or with a failure where that is NULL. The ask is gone then. */
void ask_answer(struct ask *ask, struct records *records, enum dns_verdict failure, bool cached);
/** Asker: nobody wants to know any more. */
void ask_forget(struct ask *ask);
/** Free it at once. Only where it is answered, or no loop runs. */
void ask_free(struct ask *ask);
/** What has been found. */
enum dns_verdict ask_verdict(const struct ask *ask);
