#include "base/mailbox.h"

#include <errno.h>
#include <stdint.h>
#include <stddef.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum err mailbox_init(struct mailbox *m)
{
	atomic_init(&m->head, NULL);
	m->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return m->wake_fd < 0 ? err_from_errno(errno) : ERR_OK;
}

void mailbox_fini(struct mailbox *m)
{
	if (m->wake_fd >= 0)
		(void)close(m->wake_fd);
	m->wake_fd = -1;
}

void mailbox_ring(struct mailbox *m)
{
	uint64_t one = 1;

	must(write(m->wake_fd, &one, sizeof(one)) == sizeof(one) || errno == EAGAIN);
}

void mailbox_post(struct mailbox *m, struct post *p)
{
	struct post *head = atomic_load_explicit(&m->head, memory_order_relaxed);

	do {
		p->next = head;
	} while (!atomic_compare_exchange_weak_explicit(&m->head, &head, p, memory_order_release,
	                                                memory_order_relaxed));
	/* Only the first in an empty box rings: one system call a batch. */
	if (head == NULL)
		mailbox_ring(m);
}

struct post *mailbox_take(struct mailbox *m)
{
	struct post *newest = atomic_exchange_explicit(&m->head, NULL, memory_order_acquire);
	struct post *list = NULL;

	while (newest != NULL) {
		struct post *next = newest->next;

		newest->next = list;
		list = newest;
		newest = next;
	}
	return list;
}
