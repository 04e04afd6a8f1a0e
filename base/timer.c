#include "base/timer.h"

#include <string.h>

#define SLOT_BITS 8
#define SLOT_MASK (TIMER_SLOTS - 1)
#define TICK_MAX (((uint64_t)1 << (SLOT_BITS * TIMER_LEVELS)) - 1)

void timer_wheel_init(struct timer_wheel *w, struct mono now)
{
	memset(w, 0, sizeof(*w));
	w->start = now;
}

/* Rounded up for what is due, so that nothing fires early. */
static uint64_t tick_due(const struct timer_wheel *w, struct mono t)
{
	int64_t ns = t.ns - w->start.ns;

	return ns <= 0 ? 0 : (uint64_t)(ns + 999999) / 1000000;
}

static uint64_t tick_now(const struct timer_wheel *w, struct mono t)
{
	int64_t ns = t.ns - w->start.ns;

	return ns <= 0 ? 0 : (uint64_t)ns / 1000000;
}

static void insert(struct timer_wheel *w, struct timer *t)
{
	uint64_t ahead = t->due - w->now;
	unsigned level = 0;
	size_t slot;

	while (level < TIMER_LEVELS - 1 && ahead >> (SLOT_BITS * (level + 1)) != 0)
		level++;
	slot = (t->due >> (SLOT_BITS * level)) & SLOT_MASK;
	t->next = w->slots[level][slot];
	t->prev = &w->slots[level][slot];
	if (t->next != NULL)
		t->next->prev = &t->next;
	w->slots[level][slot] = t;
	w->used[level][slot / 64] |= (uint64_t)1 << slot % 64;
}

static void unlink_timer(struct timer *t)
{
	*t->prev = t->next;
	if (t->next != NULL)
		t->next->prev = t->prev;
	t->prev = NULL;
}

void timer_start(struct timer_wheel *w, struct timer *t, struct mono now, int64_t delay_ms,
                 void (*fire)(struct timer *))
{
	timer_stop(w, t);
	t->fire = fire;
	if (delay_ms > (int64_t)TICK_MAX)
		delay_ms = (int64_t)TICK_MAX;
	t->due = tick_due(w, mono_add_ms(now, delay_ms < 0 ? 0 : delay_ms));
	if (t->due <= w->now)
		t->due = w->now + 1;
	if (t->due - w->now > TICK_MAX)
		t->due = w->now + TICK_MAX;
	insert(w, t);
	w->count++;
}

void timer_stop(struct timer_wheel *w, struct timer *t)
{
	if (t->prev == NULL)
		return;
	unlink_timer(t);
	w->count--;
}

/* Take the whole of a slot off the wheel as a list whose head is `*list`. */
static void take_slot(struct timer_wheel *w, unsigned level, size_t slot, struct timer **list)
{
	*list = w->slots[level][slot];
	w->slots[level][slot] = NULL;
	w->used[level][slot / 64] &= ~((uint64_t)1 << slot % 64);
	if (*list != NULL)
		(*list)->prev = list;
}

/* Move the timers of a higher level's slot down, now that they are near. */
static void cascade(struct timer_wheel *w, unsigned level)
{
	size_t slot = (w->now >> (SLOT_BITS * level)) & SLOT_MASK;
	struct timer *list;

	take_slot(w, level, slot, &list);
	while (list != NULL) {
		struct timer *t = list;

		unlink_timer(t);
		insert(w, t);
	}
	if (slot == 0 && level + 1 < TIMER_LEVELS)
		cascade(w, level + 1);
}

static void fire_slot(struct timer_wheel *w, size_t slot)
{
	struct timer *list;

	take_slot(w, 0, slot, &list);
	while (list != NULL) {
		struct timer *t = list;

		unlink_timer(t);
		w->count--;
		t->fire(t);
	}
}

/* How many ticks may be skipped from w->now without passing a used slot of level 0 or the next cascade. */
static uint64_t idle_ticks(const struct timer_wheel *w)
{
	size_t slot = w->now & SLOT_MASK;
	size_t at = slot + 1;

	while (at < TIMER_SLOTS) {
		uint64_t word = w->used[0][at / 64] >> at % 64;

		if (word != 0)
			return at + (size_t)__builtin_ctzll(word) - slot;
		at = (at / 64 + 1) * 64;
	}
	return TIMER_SLOTS - slot;
}

void timer_wheel_advance(struct timer_wheel *w, struct mono now)
{
	uint64_t target = tick_now(w, now);

	while (w->now < target) {
		uint64_t step = w->count == 0 ? target - w->now : idle_ticks(w);

		if (step > target - w->now)
			step = target - w->now;
		w->now += step;
		if (w->count == 0)
			continue;
		if ((w->now & SLOT_MASK) == 0)
			cascade(w, 1);
		fire_slot(w, w->now & SLOT_MASK);
	}
}

int64_t timer_wheel_next_ms(const struct timer_wheel *w, struct mono now)
{
	uint64_t due;
	int64_t left_ns;

	if (w->count == 0)
		return -1;
	due = w->now + idle_ticks(w);
	left_ns = w->start.ns + (int64_t)due * 1000000 - now.ns;
	return left_ns <= 0 ? 0 : (left_ns + 999999) / 1000000;
}
