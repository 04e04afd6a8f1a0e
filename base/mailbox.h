/* base/mailbox.h: how threads touch: by posting messages that are given away.
 *
 * Many threads may post, one owner drains, in batches. A post is a node inside whatever is sent; after mailbox_post() it belongs to the
 * receiver. No locks: posting is one atomic exchange, and one eventfd write where the owner sleeps. Order is kept per sender. */
#pragma once
#include "base/err.h"

#include <stdatomic.h>

struct loop;

/** What is sent. `run` is called on the receiver's thread with the post, and owns it from then on. */
struct post {
	struct post *next;
	void (*run)(struct post *self, struct loop *loop);
};

struct mailbox {
	_Alignas(64) _Atomic(struct post *) head;
	_Alignas(64) int wake_fd;
};

/** Make an empty mailbox with its eventfd. ERR_LIMIT, ERR_SYSTEM. */
NODISCARD enum err mailbox_init(struct mailbox *m);
/** Close the eventfd. Nobody may post any more; what is still in it is lost. */
void mailbox_fini(struct mailbox *m);
/** Give `p` to the owner. Any thread; never blocks, never fails. */
void mailbox_post(struct mailbox *m, struct post *p);
/** Wake the owner, as a post to an empty mailbox does. */
void mailbox_ring(struct mailbox *m);
/** Owner: take all that is there, in order of arrival, as a list through `next`; NULL when empty. */
struct post *mailbox_take(struct mailbox *m);
