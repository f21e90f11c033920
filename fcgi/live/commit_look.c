#include <stdlib.h>

#include "base/clock.h"
#include "commit_state.h"

enum {
	PROBE_KEEP_MS = 1000,
	WAITING_MAX = 10000,
};

void
commit_tell(struct commit *c, struct waitings *who, bool ok)
{
	struct waiting *w;

	while ((w = STAILQ_FIRST(who)) != NULL) {
		STAILQ_REMOVE_HEAD(who, link);
		c->n_waiting--;
		w->fn(w->ctx, w->handle, ok);
		free(w);
	}
}

/* Reading may work though writing does not: those whose look was part of a failed batch get one of their own. */
void
commit_end_look(struct commit *c)
{
	bool ok = c->status == STORE_OK || c->status == STORE_BUSY;

	if ((c->task == PROBE || c->task == CHORE || c->task == NOTE) && ok)
		return;
	signs_looked(c->signs, c->status == STORE_OK);
	if (c->task == BATCH && !ok) {
		STAILQ_CONCAT(&c->looking, &c->looks);
		STAILQ_CONCAT(&c->looks, &c->looking);
	} else
		commit_tell(c, &c->looking, ok);
}

void
commit_end_probe(struct commit *c)
{
	c->probed_ms = clock_ms();
	if (c->status != STORE_BUSY)
		c->probe_busy_ms = 0;
	else if (c->probe_busy_ms == 0)
		c->probe_busy_ms = c->probed_ms;
	/* Sends wait for a lock as well, but not for ever. */
	c->probe_ok = c->status == STORE_OK ||
	              (c->status == STORE_BUSY && c->probed_ms - c->probe_busy_ms < c->options.lock_wait_ms);
	if (c->status == STORE_OK)
		c->failed = false;
	commit_tell(c, &c->probes, c->probe_ok);
}

struct waiting *
commit_add_waiting(struct commit *c, struct waitings *to, commit_looked_fn *fn, void *ctx, uint64_t handle)
{
	struct waiting *w = c->n_waiting < WAITING_MAX ? malloc(sizeof *w) : NULL;

	if (w == NULL)
		return NULL;
	*w = (struct waiting){.fn = fn, .ctx = ctx, .handle = handle};
	STAILQ_INSERT_TAIL(to, w, link);
	c->n_waiting++;
	return w;
}

int
commit_look(struct commit *c, commit_looked_fn *fn, void *ctx, uint64_t handle)
{
	return commit_add_waiting(c, &c->looks, fn, ctx, handle) == NULL ? -1 : 0;
}

bool
commit_current(struct commit *c)
{
	return signs_current(c->signs);
}

int
commit_probe(struct commit *c, commit_looked_fn *fn, void *ctx, uint64_t handle)
{
	if (c->probed_ms != 0 && clock_ms() - c->probed_ms < PROBE_KEEP_MS) {
		fn(ctx, handle, c->probe_ok);
		return 0;
	}
	return commit_add_waiting(c, &c->probes, fn, ctx, handle) == NULL ? -1 : 0;
}

static void
drop_waiting(struct waitings *who)
{
	struct waiting *w;

	while ((w = STAILQ_FIRST(who)) != NULL) {
		STAILQ_REMOVE_HEAD(who, link);
		free(w);
	}
}

void
commit_drop_waiting(struct commit *c)
{
	drop_waiting(&c->looks);
	drop_waiting(&c->looking);
	drop_waiting(&c->probes);
	drop_waiting(&c->index);
}
