/* Searches that wait for the index. */
#include <stdlib.h>

#include "base/clock.h"
#include "commit_state.h"
#include "room.h"

void
commit_tell_index(struct commit *c)
{
	int64_t now = clock_ms();
	struct waiting *w;

	while ((w = STAILQ_FIRST(&c->index)) != NULL) {
		/* Rows of others are told in pieces: the head is that of the last one. */
		if (c->news_behind)
			w->id = INT64_MAX;
		else if (w->id == INT64_MAX)
			w->id = rooms_head(c->rooms);
		if (!chores_indexed_up_to(c->chores, w->id) && now < w->until_ms) {
			loop_timer_set(c->loop, &c->index_timer, c->index_kind, w->until_ms - now);
			return;
		}
		STAILQ_REMOVE_HEAD(&c->index, link);
		c->n_waiting--;
		w->fn(w->ctx, w->handle, true);
		free(w);
	}
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
	c->index_kind = loop_timer_kind(c->loop, on_index_timer, c);
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
	return chores_indexed(c->chores);
}
