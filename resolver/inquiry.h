/* resolver/inquiry.h: a question that is being asked of the name servers, at its home, on behalf of all who wait for the answer.
 *
 * It is asked of one server after the other, at even intervals within the configured time and at once where one fails; what comes late
 * from an earlier one still counts. Aliases are followed. */
#pragma once
#include "resolver/ask.h"

/** Most at one home. When there is no room, the one that has had its time for longest ends. */
#define INQUIRIES_MAX 8192

struct inquiry;

/** Home: answer `ask` from the cache, let it wait for what is being asked already, or ask. */
void inquiry_take(struct home *h, struct ask *ask);
/** Free it; nobody is answered. The loops are stopped. */
void inquiry_drop(struct inquiry *q);
