#include <stdlib.h>

#include "base/clock.h"
#include "checkpoint.h"
#include "commit_state.h"
#include "room.h"

enum {
	REST_MS = 50,              /* without a send, before the index is filled */
	REST_FAILED_MS = 1000,     /* after the index could not be filled */
	INDEX_BEHIND_MAX = 100000, /* rows; then it is filled between batches */
};

void
commit_tell_index(struct commit *c)
{
	int64_t now = clock_ms();
	struct waiting *w;

	while ((w = STAILQ_FIRST(&c->index)) != NULL) {
		/* Rows of others are told in pieces: the head is that of the last one. */
		if (c->behind)
			w->id = INT64_MAX;
		else if (w->id == INT64_MAX)
			w->id = rooms_head(c->rooms);
		if (c->fill_due && c->counts.indexed < w->id && now < w->until_ms) {
			loop_timer_set(c->loop, &c->index_timer, c->index_kind, w->until_ms - now);
			return;
		}
		STAILQ_REMOVE_HEAD(&c->index, link);
		c->n_waiting--;
		w->fn(w->ctx, w->handle, true);
		free(w);
	}
}

void
commit_end_fill(struct commit *c)
{
	c->filled_last = true;
	if (c->status == STORE_OK && !c->news.reset && !c->news.more) {
		c->fill_due = c->news.index_behind;
		c->counts.indexed = c->news.indexed;
		checkpoint_later(c->checkpoint);
	} else if (c->status != STORE_OK) {
		c->fill_waits = true;
		loop_timer_set(
		    c->loop, &c->rest_timer, c->rest_kind, c->status == STORE_BUSY ? REST_MS : REST_FAILED_MS);
	}
}

bool
commit_should_fill(const struct commit *c)
{
	bool wanted = !STAILQ_EMPTY(&c->index) || rooms_head(c->rooms) - c->counts.indexed > INDEX_BEHIND_MAX;

	/* Between two batches at most one piece. */
	return c->fill_due && !c->fill_waits && (c->rested || (wanted && (!c->filled_last || c->queued == 0)));
}

bool
commit_index_first(const struct commit *c)
{
	return !STAILQ_EMPTY(&c->index) && !c->filled_last && commit_should_fill(c);
}

static void
on_rest_timer(void *ctx, struct timer *t)
{
	struct commit *c = ctx;

	(void)t;
	c->rested = true;
	c->fill_waits = false;
}

static void
on_index_timer(void *ctx, struct timer *t)
{
	(void)t;
	commit_tell_index(ctx);
}

void
commit_init_index(struct commit *c)
{
	STAILQ_INIT(&c->index);
	c->rest_kind = loop_timer_kind(c->loop, on_rest_timer, c);
	c->index_kind = loop_timer_kind(c->loop, on_index_timer, c);
	/* There may be something left to index. */
	c->fill_due = true;
	loop_timer_set(c->loop, &c->rest_timer, c->rest_kind, REST_MS);
}

void
commit_rest_index(struct commit *c)
{
	c->rested = false;
	/* Not put off any further while the index waits for it after a failure. */
	if (!c->fill_waits)
		loop_timer_set(c->loop, &c->rest_timer, c->rest_kind, REST_MS);
}

int
commit_want_index(struct commit *c, int64_t wait_ms, commit_looked_fn *fn, void *ctx, uint64_t handle)
{
	struct waiting *w = commit_add_waiting(c, &c->index, fn, ctx, handle);

	if (w == NULL)
		return -1;
	w->id = rooms_head(c->rooms);
	w->until_ms = clock_ms() + wait_ms;
	commit_tell_index(c);
	return 0;
}

int64_t
commit_indexed(const struct commit *c)
{
	return c->counts.indexed;
}
