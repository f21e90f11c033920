/*
 * wheel: timers, in slots of 4 ms; setting and clearing one costs the same however many there are.
 *
 * A timer is late by at most two steps, never early. The wheel goes round in 65 s; a timer that is due later stays in
 * its slot for as many rounds.
 */
#ifndef WHEEL_H
#define WHEEL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/container.h"

enum { WHEEL_SLOTS = 16384 };

struct timer {
	TAILQ_ENTRY(timer) link;
	uint32_t due; /* step of the wheel's clock */
	uint8_t kind; /* its owner's */
	bool set;
};

TAILQ_HEAD(timers, timer);

struct wheel {
	int64_t start_ms;
	uint32_t step;                       /* the last one whose timers have gone off */
	uint64_t occupied[WHEEL_SLOTS / 64]; /* a bit for each slot that has timers */
	struct timers slots[WHEEL_SLOTS];
};

/* It is all zero. */
void wheel_init(struct wheel *w);

/* (Re)sets t to go off wait_ms from now. */
void wheel_set(struct wheel *w, struct timer *t, int64_t wait_ms);
void wheel_clear(struct wheel *w, struct timer *t);

/* Calls fn for each that is due; fn may set and clear any timer. */
typedef void wheel_fire_fn(void *ctx, struct timer *t);
void wheel_fire(struct wheel *w, wheel_fire_fn *fn, void *ctx);

/* Milliseconds until the next slot that has timers, -1 when there is none. */
int wheel_wait_ms(const struct wheel *w);

#endif
