/* What a member waits for before the same is asked again: a look of the writer's, or its turn. */
#include <stdlib.h>

#include "base/clock.h"
#include "event/loop.h"
#include "live/commit.h"
#include "relay_state.h"

struct delay {
	LIST_ENTRY(delay) link;
	struct relay *relay;
	struct participant *who; /* NULL: it left, and the look is still to come */
	struct timer timer;
	bool looks;
};

static void
delay_free(struct delay *d)
{
	loop_timer_clear(d->relay->options.loop, &d->timer);
	LIST_REMOVE(d, link);
	if (d->who != NULL)
		d->who->delay = NULL;
	free(d);
}

static void
go_on(struct delay *d)
{
	struct participant *who = d->who;

	delay_free(d);
	if (who != NULL)
		member_resume(who->member);
}

static void
looked(void *ctx, uint64_t handle, bool ok)
{
	struct delay *d = ctx;

	(void)handle;
	if (d->who != NULL)
		d->who->look_failed = !ok;
	go_on(d);
}

static void
on_turn(void *ctx, struct timer *t)
{
	(void)ctx;
	go_on(CONTAINER(t, struct delay, timer));
}

/* NULL without memory. */
static struct delay *
delay_new(struct relay *r, struct participant *who, bool looks)
{
	struct delay *d = calloc(1, sizeof *d);

	if (d == NULL)
		return NULL;
	d->relay = r;
	d->who = who;
	d->looks = looks;
	who->delay = d;
	LIST_INSERT_HEAD(&r->delays, d, link);
	return d;
}

enum relay_look
relay_wait_look(struct relay *r, struct participant *who)
{
	struct delay *d;

	if (who->look_failed || (who->pass != NULL && who->pass->lost))
		return LOOK_FAILED;
	if (who->looked || commit_current(r->commit))
		return LOOK_DONE;
	d = delay_new(r, who, true);
	if (d == NULL)
		return LOOK_FAILED;
	if (commit_look(r->commit, looked, d, 0) != 0) {
		delay_free(d);
		return LOOK_FAILED;
	}
	who->looked = true;
	return LOOK_WAITS;
}

bool
relay_wait_turn(struct relay *r, struct participant *who, int64_t ms)
{
	struct delay *d = delay_new(r, who, false);

	if (d == NULL)
		return false;
	who->paid = true;
	loop_timer_set(r->options.loop, &d->timer, r->turn_kind, ms);
	return true;
}

bool
relay_wait_reader(struct relay *r, struct participant *who)
{
	int64_t wait_ms;

	if (who->paid || who->pass == NULL || r->options.persons == NULL)
		return false;
	wait_ms = limit_take(r->options.persons, who->pass->person, LIMIT_READING, 0, INT64_MAX, clock_ms());
	return wait_ms > 0 && relay_wait_turn(r, who, wait_ms);
}

void
relay_forget_delay(struct participant *who)
{
	struct delay *d = who->delay;

	if (d == NULL)
		return;
	d->who->delay = NULL;
	d->who = NULL;
	if (!d->looks)
		delay_free(d);
}

void
relay_waits_init(struct relay *r)
{
	LIST_INIT(&r->delays);
	if (r->options.loop != NULL)
		r->turn_kind = loop_timer_kind(r->options.loop, on_turn, r);
}

void
relay_free_delays(struct relay *r)
{
	while (!LIST_EMPTY(&r->delays))
		delay_free(LIST_FIRST(&r->delays));
}
