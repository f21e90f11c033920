/* What becomes of a batch: its senders are told, or it is tried again, whole or in parts. */
#include <stdlib.h>

#include "access/access.h"
#include "base/budget.h"
#include "base/clock.h"
#include "base/log.h"
#include "commit_state.h"

/* The first of the batch. */
static void
finish(struct commit *c, enum commit_outcome outcome)
{
	commit_finish(c, TAILQ_FIRST(&c->batch), outcome, 0, 0);
}

/* Those who have waited for too long, in the batch and behind it; says so before, for each. */
static void
finish_late(struct commit *c, enum commit_outcome outcome, void (*say)(struct commit *c, const struct entry *e))
{
	struct entry *e;

	while ((e = TAILQ_FIRST(&c->queue)) != NULL && commit_is_late(c, e)) {
		if (say != NULL)
			say(c, e);
		commit_finish(c, e, outcome, 0, 0);
	}
}

static enum commit_outcome
outcome_of(const struct store_send *s)
{
	switch (s->outcome) {
	case STORE_STORED:
		return COMMIT_STORED;
	case STORE_REPLAYED:
		return COMMIT_REPLAYED;
	case STORE_KEY_CONFLICT:
		return COMMIT_KEY_CONFLICT;
	case STORE_SENDER_TAKEN:
		return COMMIT_SENDER_TAKEN;
	case STORE_NEW_ROOM:
		return COMMIT_NEW_ROOM;
	case STORE_ROOMS_FULL:
		return COMMIT_ROOMS_FULL;
	case STORE_NOTHING_NEW:
		return COMMIT_NO_DISK_SPACE;
	case STORE_SAME:
		return COMMIT_SAME;
	case STORE_GONE:
		return COMMIT_GONE;
	case STORE_ABSENT:
		return COMMIT_ABSENT;
	case STORE_OUTDATED:
		return COMMIT_OUTDATED;
	case STORE_REFUSED:
		break;
	}
	return COMMIT_REFUSED;
}

/* How long its person has to wait for another new room. */
static int64_t
new_room_in_ms(struct commit *c, struct entry *e)
{
	int64_t wait_ms = limit_take(c->options.persons, e->pass->person, LIMIT_NEW_ROOMS, 1, 0, clock_ms());

	e->takes_room = wait_ms >= 0;
	return wait_ms < 0 ? -wait_ms : 0;
}

static void
tell_send(struct commit *c, const struct store_send *s)
{
	struct entry *e = TAILQ_FIRST(&c->batch);

	if (s->outcome == STORE_STORED && s->made_room)
		e->takes_room = false; /* it was used */
	commit_finish(c, e, outcome_of(s), s->id, s->outcome == STORE_NEW_ROOM ? new_room_in_ms(c, e) : s->at_ms);
}

static void
count_batch(struct commit *c)
{
	const struct entry *e = TAILQ_FIRST(&c->batch);
	int64_t now_us = clock_us(), oldest_us = e->since_us;

	for (size_t i = 0; i < c->n_sends; i++, e = TAILQ_NEXT(e, in_batch)) {
		oldest_us = e->since_us < oldest_us ? e->since_us : oldest_us;
		if (c->sends[i].outcome == STORE_STORED)
			histogram_add(&c->counts.delivered, now_us - e->since_us);
	}
	c->counts.commits++;
	c->counts.sends += c->n_sends;
	c->counts.commit_us += (uint64_t)c->took_us;
	histogram_add(&c->counts.took, c->took_us);
	c->counts.lag_us = (uint64_t)(now_us - oldest_us);
	if (c->n_sends > c->counts.largest)
		c->counts.largest = c->n_sends;
}

static void
end_batch(struct commit *c)
{
	count_batch(c);
	c->failed = false;
	/* As good as a probe: /healthz need not write once more, nor go on about a failure that is over. */
	c->probed_ms = clock_ms();
	c->probe_ok = true;
	c->probe_busy_ms = 0;
	c->locked_since_ms = 0;
	chores_sent(c->chores);
	commit_part_ended(c, true);
	for (size_t i = 0; i < c->n_sends; i++)
		tell_send(c, &c->sends[i]);
	commit_gather(c, c->n_sends);
	commit_tell(c, &c->probes, true);
}

static void
fail_batch(struct commit *c)
{
	c->counts.failures++;
	c->failed = true;
	c->probed_ms = 0;
	c->locked_since_ms = 0;
	commit_part_ended(c, false);
	for (size_t i = 0; i < c->n_sends; i++)
		finish(c, c->status == STORE_FULL ? COMMIT_FULL : COMMIT_FAILED);
	/* A probe's own turn may never come while sends go on. */
	commit_tell(c, &c->probes, false);
}

/* Some send made the whole batch fail: they go in parts, and at last each by itself. Nobody waits for ever. */
static void
part_batch(struct commit *c)
{
	bool slow = c->status == STORE_TIMEOUT;
	const struct entry *e = TAILQ_FIRST(&c->batch);

	c->counts.failures++;
	c->failed = true;
	c->locked_since_ms = 0;
	if (c->n_sends > 1)
		commit_part_failed(c, slow);
	else {
		log_error("write_timeout", "file=\"%s\" room=%.*s took_ms=%lld detail=\"a trigger had no end in time\"",
		    c->options.path, STR_ARGS(e->message->f.room), (long long)c->took_us / 1000);
		commit_part_ended(c, false);
		finish(c, COMMIT_SLOW);
	}
	if (slow)
		finish_late(c, COMMIT_SLOW, NULL);
}

void
commit_try_again_in(struct commit *c, int64_t ms)
{
	c->retry_waits = true;
	loop_timer_set(c->loop, &c->retry_timer, c->retry_kind, ms);
}

static void
say_locked(struct commit *c, const struct entry *e)
{
	if (c->lock_step_ms > 0)
		log_error("database_locked", "file=\"%s\" waited_ms=%lld", c->options.path,
		    (long long)(clock_us() - e->since_us) / 1000);
	c->lock_step_ms = 0;
}

/* Another program has the lock: the batch stays where it is, but nobody waits for ever. */
static void
retry_batch(struct commit *c)
{
	if (c->news.more || c->news.reset || c->access_changed)
		return; /* it was not the lock: once more, at once */
	if (c->locked_since_ms == 0) {
		c->locked_since_ms = clock_ms();
		c->lock_step_ms = 1;
	}
	finish_late(c, COMMIT_LOCKED, say_locked);
	c->lock_step_ms =
	    c->lock_step_ms == 0 || c->lock_step_ms >= COMMIT_STEP_MS ? COMMIT_STEP_MS : c->lock_step_ms * 2;
	commit_try_again_in(c, c->lock_step_ms);
}

void
commit_end_batch(struct commit *c)
{
	if (c->status == STORE_OK)
		end_batch(c);
	else if (c->status == STORE_BUSY)
		retry_batch(c);
	else if (c->status == STORE_APART || c->status == STORE_TIMEOUT)
		part_batch(c);
	else
		fail_batch(c);
}
