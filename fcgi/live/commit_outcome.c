/* What becomes of a batch: its senders are told, or it is tried again, whole or in parts. */
#include <stdlib.h>

#include "base/budget.h"
#include "base/clock.h"
#include "base/log.h"
#include "commit_state.h"

static void
finish(struct commit *c, struct entry *e, enum commit_outcome outcome, int64_t id, int64_t at_ms)
{
	STAILQ_REMOVE_HEAD(&c->queue, link);
	c->queued--;
	c->queued_bytes -= e->bytes;
	budget_sub(c->options.budget, BUDGET_SENDS, e->bytes);
	e->fn(e->ctx, e->handle, outcome, e->message, id, at_ms);
	message_drop(e->message);
	free(e);
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
	case STORE_REFUSED:
		break;
	}
	return COMMIT_REFUSED;
}

static void
count_batch(struct commit *c)
{
	struct entry *oldest = STAILQ_FIRST(&c->queue);

	c->counts.commits++;
	c->counts.sends += c->n_sends;
	c->counts.commit_us += (uint64_t)c->took_us;
	c->counts.lag_us = (uint64_t)(clock_us() - oldest->since_us);
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
		finish(c, STAILQ_FIRST(&c->queue), outcome_of(&c->sends[i]), c->sends[i].id, c->sends[i].at_ms);
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
		finish(c, STAILQ_FIRST(&c->queue), c->status == STORE_FULL ? COMMIT_FULL : COMMIT_FAILED, 0, 0);
	/* A probe's own turn may never come while sends go on. */
	commit_tell(c, &c->probes, false);
}

/* Some send made the whole batch fail: they go in parts, and at last each by itself. Nobody waits for ever. */
static void
part_batch(struct commit *c)
{
	bool slow = c->status == STORE_TIMEOUT;
	struct entry *e = STAILQ_FIRST(&c->queue);

	c->counts.failures++;
	c->failed = true;
	c->locked_since_ms = 0;
	if (c->n_sends > 1)
		commit_part_failed(c, slow);
	else {
		log_error("write_timeout", "file=\"%s\" room=%.*s took_ms=%lld detail=\"a trigger had no end in time\"",
		    c->options.path, STR_ARGS(e->message->f.room), (long long)c->took_us / 1000);
		commit_part_ended(c, false);
		finish(c, e, COMMIT_SLOW, 0, 0);
	}
	while (
	    slow && (e = STAILQ_FIRST(&c->queue)) != NULL && clock_us() - e->since_us >= c->options.lock_wait_ms * 1000)
		finish(c, e, COMMIT_SLOW, 0, 0);
}

void
commit_try_again_in(struct commit *c, int64_t ms)
{
	c->retry_waits = true;
	loop_timer_set(c->loop, &c->retry_timer, c->retry_kind, ms);
}

/* Another program has the lock: the batch stays where it is, but nobody waits for ever. */
static void
retry_batch(struct commit *c)
{
	int64_t now = clock_ms();
	struct entry *e;

	if (c->news.more || c->news.reset)
		return; /* it was not the lock: once more, at once */
	if (c->locked_since_ms == 0) {
		c->locked_since_ms = now;
		c->lock_step_ms = 1;
	}
	while ((e = STAILQ_FIRST(&c->queue)) != NULL && now - e->since_us / 1000 >= c->options.lock_wait_ms) {
		if (c->lock_step_ms > 0)
			log_error("database_locked", "file=\"%s\" waited_ms=%lld", c->options.path,
			    (long long)(now - e->since_us / 1000));
		c->lock_step_ms = 0;
		finish(c, e, COMMIT_LOCKED, 0, 0);
	}
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
