#include "checkpoint.h"

#include <stddef.h>
#include <stdlib.h>

#include "base/log.h"
#include "event/loop.h"
#include "event/worker.h"
#include "store.h"

enum {
	TRUNCATE_MS = 2000, /* without a commit, before the WAL is emptied */
	TRUNCATE_AGAIN_MS = 10000,
	CHECKPOINT_PAGES = 1000,
	RESTART_PAGES = 4000,   /* 16 MB */
	WAL_WARN_PAGES = 65536, /* 256 MB */
};

struct checkpoint {
	struct loop *loop;
	struct worker *worker;
	struct job job; /* the only one */
	bool running, truncate, wal_logged;
	enum store_status status;
	struct timer timer;
	uint8_t timer_kind;
	int64_t pages, copied; /* in the WAL; and when it was last copied */
	bool restart;          /* little is left to be copied, and then the WAL can begin anew */
};

static struct checkpoint *
of_job(struct job *job)
{
	return CONTAINER(job, struct checkpoint, job);
}

static void
run(void *store, struct job *job)
{
	struct checkpoint *c = of_job(job);

	c->status = store_checkpoint(store, c->truncate);
}

static void
done(struct job *job)
{
	struct checkpoint *c = of_job(job);

	c->running = false;
	if (c->truncate && c->status == STORE_OK) {
		c->pages = c->copied = 0;
		c->wal_logged = false;
	} else if (c->truncate)
		loop_timer_set(c->loop, &c->timer, c->timer_kind, TRUNCATE_AGAIN_MS);
	else if (c->status == STORE_OK && c->pages >= RESTART_PAGES)
		c->restart = true;
	if (c->pages >= WAL_WARN_PAGES && !c->wal_logged) {
		c->wal_logged = true;
		log_warning("wal_large", "pages=%lld detail=\"does another program keep a read transaction open?\"",
		    (long long)c->pages);
	}
}

static void
start(struct checkpoint *c, bool truncate)
{
	if (c->running)
		return;
	c->truncate = truncate;
	c->copied = c->pages;
	c->running = worker_add(c->worker, &c->job) == 0;
}

static void
on_truncate_timer(void *ctx, struct timer *t)
{
	struct checkpoint *c = ctx;

	(void)t;
	if (c->running)
		checkpoint_later(c);
	else
		start(c, true);
}

struct checkpoint *
checkpoint_new(struct loop *loop, struct store *store)
{
	struct checkpoint *c = calloc(1, sizeof *c);
	void *ctx = store;

	if (c == NULL)
		return NULL;
	c->loop = loop;
	c->job = (struct job){.run = run, .done = done};
	c->timer_kind = loop_timer_kind(loop, on_truncate_timer, c);
	c->worker = worker_new(loop, &(struct worker_options){.threads = 1, .jobs_max = 1, .ctxs = &ctx});
	if (c->worker == NULL) {
		free(c);
		return NULL;
	}
	/* There may be a WAL left by a crash. */
	checkpoint_later(c);
	return c;
}

void
checkpoint_free(struct checkpoint *c)
{
	if (c == NULL)
		return;
	worker_free(c->worker);
	free(c);
}

void
checkpoint_wrote(struct checkpoint *c, int64_t pages)
{
	if (pages < c->pages)
		c->copied = 0; /* it began anew */
	c->pages = pages;
}

void
checkpoint_if_large(struct checkpoint *c)
{
	if (c->pages - c->copied >= CHECKPOINT_PAGES)
		start(c, false);
}

bool
checkpoint_wants_writer(const struct checkpoint *c)
{
	return c->restart && !c->running;
}

void
checkpoint_restarted(struct checkpoint *c)
{
	c->restart = false;
	c->copied = c->pages;
}

void
checkpoint_later(struct checkpoint *c)
{
	loop_timer_set(c->loop, &c->timer, c->timer_kind, TRUNCATE_MS);
}

int64_t
checkpoint_pages(const struct checkpoint *c)
{
	return c->pages;
}
