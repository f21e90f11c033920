/*
 * The queue: sends wait in turns by whose they are (base/turns.h), and a batch takes some of them; those stay in its
 * hand until they are told, also while it is tried again. So what one person sends, be it many or large, keeps the
 * others waiting for one batch more at most, which is short.
 */
#include <stdlib.h>

#include "access/access.h"
#include "base/budget.h"
#include "base/clock.h"
#include "commit_state.h"
#include "room.h"

enum {
	CROWD = 512, /* sends that wait; a batch of them takes some 10 ms */
	BATCH_MAX = 1024,
	BATCH_BYTES = 1000000, /* beyond the first; written and synced in some ms */
};

int
commit_init_queue(struct commit *c)
{
	TAILQ_INIT(&c->queue);
	TAILQ_INIT(&c->batch);
	TAILQ_INIT(&c->barred);
	return turns_init(&c->waiting, c->options.queue_max);
}

/* Of all it has left: it is in no list. */
static void
end(struct commit *c, struct entry *e)
{
	c->queued_bytes -= e->bytes;
	budget_sub(c->options.budget, BUDGET_SENDS, e->bytes);
	message_drop(e->message);
	pass_drop(e->pass);
	free(e);
}

static void
free_all(struct commit *c, struct entries *of)
{
	struct entry *e;

	while ((e = TAILQ_FIRST(of)) != NULL) {
		TAILQ_REMOVE(of, e, link);
		end(c, e);
	}
}

void
commit_fini_queue(struct commit *c)
{
	free_all(c, &c->queue);
	free_all(c, &c->barred);
	turns_fini(&c->waiting);
}

/* Its message has to be let in: e is with those who wait, or in the hand of a batch. */
static void
leave(struct commit *c, struct entry *e)
{
	TAILQ_REMOVE(&c->queue, e, link);
	c->queued--;
	if (e->turn.lane != NULL) {
		turns_remove(&c->waiting, &e->turn);
		return;
	}
	TAILQ_REMOVE(&c->batch, e, in_batch);
	c->n_batch--;
	c->batch_bytes -= e->bytes;
}

/* One of the queue is told, and is no more. */
static void
tell(struct commit *c, struct entry *e, enum commit_outcome outcome, int64_t id, int64_t at_ms)
{
	if (e->takes_room)
		limit_give_back(c->options.persons, e->pass->person, LIMIT_NEW_ROOMS, 1);
	e->fn(e->ctx, e->handle, outcome, e->message, id, at_ms);
	end(c, e);
}

void
commit_finish(struct commit *c, struct entry *e, enum commit_outcome outcome, int64_t id, int64_t at_ms)
{
	leave(c, e);
	tell(c, e, outcome, id, at_ms);
}

int
commit_add(struct commit *c, struct message *m, struct pass *pass, commit_sent_fn *fn, void *ctx, uint64_t handle)
{
	return commit_add_change(c, m, -1, pass, fn, ctx, handle);
}

int
commit_add_change(struct commit *c, struct message *m, int64_t revision, struct pass *pass, commit_sent_fn *fn,
    void *ctx, uint64_t handle)
{
	struct entry *e;
	size_t bytes;

	if (c->queued >= c->options.queue_max || (e = malloc(sizeof *e)) == NULL)
		return -1;
	bytes = budget_size(e) + budget_size(m);
	if (bytes > c->options.queue_bytes_max - c->queued_bytes ||
	    !budget_take(c->options.budget, BUDGET_SENDS, bytes)) {
		free(e);
		return -1;
	}
	*e = (struct entry){.message = m,
	    .fn = fn,
	    .ctx = ctx,
	    .handle = handle,
	    .since_us = clock_us(),
	    .bytes = bytes,
	    .revision = revision};
	if (pass != NULL)
		e->pass = pass_hold(pass);
	TAILQ_INSERT_TAIL(&c->queue, e, link);
	turns_add(&c->waiting, &e->turn, pass == NULL ? NULL : pass->person);
	c->queued++;
	c->queued_bytes += bytes;
	rooms_expect(c->rooms, true);
	return 0;
}

void
commit_fill_batch(struct commit *c)
{
	struct turns_item *item;

	while (c->n_batch < BATCH_MAX && (c->n_batch == 0 || c->batch_bytes < BATCH_BYTES) &&
	       (item = turns_take(&c->waiting)) != NULL) {
		struct entry *e = CONTAINER(item, struct entry, turn);

		TAILQ_INSERT_TAIL(&c->batch, e, in_batch);
		c->n_batch++;
		c->batch_bytes += e->bytes;
	}
}

bool
commit_is_late(const struct commit *c, const struct entry *e)
{
	return clock_us() - e->since_us >= c->options.lock_wait_ms * 1000;
}

bool
commit_crowded(const struct commit *c)
{
	return c->queued >= CROWD || c->queued * 2 >= c->options.queue_max ||
	       c->queued_bytes >= c->options.queue_bytes_max / 2;
}

/* ---- those that were let in, and may not be stored any more ---- */

/* Whether a send may still be stored. */
static bool
may(const struct entry *e)
{
	unsigned enough = e->message->f.changes > 0 ? MAY_WRITE | MAY_MODERATE : MAY_WRITE;

	return e->pass == NULL || (!e->pass->revoked && sight_may(e->pass->sight, e->message->f.room) & enough);
}

void
commit_bar_queue(struct commit *c)
{
	struct entry *e, *next;

	for (e = TAILQ_FIRST(&c->queue); e != NULL; e = next) {
		next = TAILQ_NEXT(e, link);
		if (may(e))
			continue;
		leave(c, e);
		TAILQ_INSERT_TAIL(&c->barred, e, link);
	}
}

enum { BARRED_PER_TURN = 64 }; /* are told in a turn */

bool
commit_tell_barred(struct commit *c)
{
	struct entry *e;

	for (int i = 0; i < BARRED_PER_TURN && (e = TAILQ_FIRST(&c->barred)) != NULL; i++) {
		TAILQ_REMOVE(&c->barred, e, link);
		tell(c, e, e->pass->revoked ? COMMIT_REVOKED : COMMIT_FORBIDDEN, 0, 0);
	}
	return !TAILQ_EMPTY(&c->barred);
}
