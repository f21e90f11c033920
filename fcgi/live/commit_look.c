#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "commit_state.h"
#include "event/watch.h"
#include "store/walindex.h"

enum {
	LOOK_STEP_MS = 16,   /* between looks, after the first few */
	LOOK_FOR_MS = 5000,  /* after the last sign that somebody writes */
	OWN_SIGN_MS = 3,     /* after a commit of ours a sign is most likely of it */
	LOOK_BLIND_MS = 25,  /* where no sign is to be had */
	LOOK_AGAIN_MS = 500, /* after one that failed, when nothing else asks for it */
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

void
commit_plan_look(struct commit *c)
{
	int64_t now = clock_ms();

	if (c->watch == NULL)
		loop_timer_set(c->loop, &c->look_timer, c->look_kind, LOOK_BLIND_MS);
	else if (now - c->last_sign_ms < LOOK_FOR_MS) {
		c->look_step_ms = c->look_step_ms >= LOOK_STEP_MS ? LOOK_STEP_MS : c->look_step_ms * 2 + 1;
		loop_timer_set(c->loop, &c->look_timer, c->look_kind, c->look_step_ms);
	} else if (c->unsure)
		loop_timer_set(c->loop, &c->look_timer, c->look_kind, LOOK_AGAIN_MS);
}

/* Reading may work though writing does not: those who rode on a batch that failed get a look of their own. */
void
commit_end_look(struct commit *c)
{
	bool ok = c->status == STORE_OK || c->status == STORE_BUSY;

	if (c->task == RESTART || (c->task == PROBE && ok))
		return;
	if (c->status == STORE_OK)
		c->unsure = c->unsure && c->signs != c->looked_signs;
	else if (!ok || c->task == LOOK)
		/* The database may be shut: a look opens it, though nobody sends and nothing happens to the files. */
		c->unsure = true;
	commit_plan_look(c);
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

/* Somebody writes: another program, or the writer itself, whose batches look as well. */
static void
on_sign(void *ctx, bool wal_only)
{
	struct commit *c = ctx;

	if (!wal_only) {
		c->unsure = true;
		c->signs++;
	}
	c->last_sign_ms = clock_ms();
	c->look_step_ms = 1;
	if (c->running || c->last_sign_ms - c->committed_ms < OWN_SIGN_MS)
		loop_timer_set(c->loop, &c->look_timer, c->look_kind, 1);
	else
		c->look_due = true;
}

static void
on_look_timer(void *ctx, struct timer *t)
{
	struct commit *c = ctx;

	(void)t;
	c->look_due = true;
}

void
commit_init_look(struct commit *c)
{
	STAILQ_INIT(&c->looks);
	STAILQ_INIT(&c->looking);
	STAILQ_INIT(&c->probes);
	c->look_kind = loop_timer_kind(c->loop, on_look_timer, c);
}

void
commit_watch(struct commit *c)
{
	c->watch = watch_new(c->loop, c->options.path, on_sign, c);
	if (c->watch == NULL)
		log_warning("no_inotify", "detail=\"the database is looked at every %d ms instead\"", LOOK_BLIND_MS);
	c->look_due = true;
	c->unsure = true;
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
	uint32_t changes = walindex_changes(&c->walindex);

	return changes == 0 || changes == c->seen;
}

bool
commit_look_needed(struct commit *c)
{
	uint32_t changes = walindex_changes(&c->walindex);

	/* Asking costs a fiftieth of looking. */
	if (c->watch == NULL || c->unsure || changes == 0 || changes != c->seen)
		return true;
	c->look_due = false;
	commit_plan_look(c);
	return false;
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
