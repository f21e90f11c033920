#include "commit.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "clock.h"
#include "log.h"
#include "loop.h"
#include "room.h"
#include "walindex.h"
#include "watch.h"
#include "worker.h"

enum {
	LOOK_STEP_MS = 16,       /* between looks, after the first few */
	LOOK_FOR_MS = 5000,      /* after the last sign that somebody writes */
	OWN_SIGN_MS = 3,         /* after a commit of ours a sign is most likely of it */
	LOOK_BLIND_MS = 25,      /* where no sign is to be had */
	LOCK_STEP_MS = 8,        /* between tries for a lock, after the first few */
	REST_MS = 50,            /* without a send, before the index is filled */
	REST_FAILED_MS = 1000,   /* after the index could not be filled */
	INDEX_BEHIND_MAX = 5000, /* rows; then it is filled between batches */
	TRUNCATE_MS = 2000,      /* without a commit, before the WAL is emptied */
	TRUNCATE_AGAIN_MS = 10000,
	CHECKPOINT_PAGES = 1000,
	WAL_WARN_PAGES = 65536, /* 256 MB */
	PROBE_KEEP_MS = 1000,
	WAITING_MAX = 10000,
};

struct entry {
	STAILQ_ENTRY(entry) link;
	struct message *message;
	commit_sent_fn *fn;
	void *ctx;
	uint64_t handle;
	int64_t since_us;
	size_t bytes;
};

/* Someone who waits for a look, a probe or the index. */
struct waiting {
	STAILQ_ENTRY(waiting) link;
	commit_looked_fn *fn;
	void *ctx;
	uint64_t handle;
	int64_t until_ms, id; /* the index is wanted up to this id, or until then */
};
STAILQ_HEAD(waitings, waiting);

enum task { BATCH, LOOK, FILL, PROBE };

struct commit {
	struct commit_options options;
	struct loop *loop;
	struct rooms *rooms;
	struct store *store;
	struct watch *watch;
	struct walindex walindex;
	uint32_t seen; /* its counter, for what was told */
	struct worker *writer, *checkpointer;
	STAILQ_HEAD(, entry) queue;
	size_t queued, queued_bytes;
	struct waitings looks, looking; /* looks wait; looking wait for the look under way */
	struct waitings probes, index;
	size_t n_waiting;

	/* The one job of the writer. */
	struct job job;
	enum task task;
	bool running;
	struct store_send *sends;
	size_t n_sends, cap_sends;
	int64_t floor, began_us, took_us;
	enum store_status status;
	struct store_news news;

	int64_t locked_since_ms; /* 0: no other program holds the lock */
	int64_t lock_step_ms, look_step_ms, last_sign_ms, committed_ms;
	bool failed; /* the last batch */
	bool probe_due;
	bool retry_waits, look_due, fill_due, fill_waits, rested, filled_last;
	struct timer retry_timer, look_timer, rest_timer, truncate_timer, index_timer;
	uint8_t retry_kind, look_kind, rest_kind, truncate_kind, index_kind;
	int64_t probed_ms;
	bool probe_ok;

	/* The one job of the checkpointer. */
	struct job checkpoint_job;
	struct store *checkpoint_store;
	bool checkpointing, truncate, wal_said;
	enum store_status checkpoint_status;
	struct commit_counts counts;
};

static struct commit *
of_job(struct job *job)
{
	return (struct commit *)(void *)((char *)job - offsetof(struct commit, job));
}

static void
run(void *store, struct job *job)
{
	struct commit *c = of_job(job);
	int64_t began = clock_us();

	switch (c->task) {
	case BATCH:
		c->status = store_append(store, c->sends, c->n_sends, c->floor, &c->news);
		break;
	case LOOK:
		c->status = store_look(store, c->floor, &c->news);
		break;
	case FILL:
		c->status = store_fill(store, c->floor, &c->news);
		break;
	case PROBE:
		c->status = store_probe(store, c->failed);
		break;
	}
	c->took_us = clock_us() - began;
}

/* News go to the rooms, whatever became of the job: what was told once is not told again. */
static void
publish(struct commit *c)
{
	struct store_news *news = &c->news;

	if (news->n_messages > 0 || news->n_changes > 0 || news->reset)
		c->fill_due = true;
	if (news->reset) {
		rooms_reset(c->rooms, news->epoch, news->head);
		walindex_refresh(&c->walindex);
		c->counts.indexed = 0;
	} else {
		for (size_t i = 0; i < news->n_messages; i++)
			rooms_publish(c->rooms, news->messages[i]);
		for (size_t i = 0; i < news->n_changes; i++)
			rooms_change(
			    c->rooms, str_of(news->changes[i].room), news->changes[i].id, news->changes[i].message);
		if (news->head > rooms_head(c->rooms))
			rooms_publish_end(c->rooms, news->head);
		news->n_messages = news->n_changes = 0; /* their holdings were taken */
	}
	if (news->seen != 0)
		c->seen = news->seen;
	if (news->more)
		c->look_due = true;
	if (news->wal_pages > 0)
		c->counts.wal_pages = news->wal_pages;
}

static void
finish(struct commit *c, struct entry *e, enum commit_outcome outcome, int64_t id, int64_t at_ms)
{
	STAILQ_REMOVE_HEAD(&c->queue, link);
	c->queued--;
	c->queued_bytes -= e->bytes;
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
	c->committed_ms = clock_ms();
	c->locked_since_ms = 0;
	c->rested = false;
	/* Not put off any further while the index waits for it after a failure. */
	if (!c->fill_waits)
		loop_timer_set(c->loop, &c->rest_timer, c->rest_kind, REST_MS);
	loop_timer_set(c->loop, &c->truncate_timer, c->truncate_kind, TRUNCATE_MS);
	for (size_t i = 0; i < c->n_sends; i++)
		finish(c, STAILQ_FIRST(&c->queue), outcome_of(&c->sends[i]), c->sends[i].id, c->sends[i].at_ms);
}

static void
fail_batch(struct commit *c)
{
	c->counts.failures++;
	c->failed = true;
	c->probed_ms = 0;
	/* What was written before the failure must not be taken for committed after a crash: a probe writes over it. */
	c->probe_due = true;
	c->locked_since_ms = 0;
	for (size_t i = 0; i < c->n_sends; i++)
		finish(c, STAILQ_FIRST(&c->queue), c->status == STORE_FULL ? COMMIT_FULL : COMMIT_FAILED, 0, 0);
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
	c->lock_step_ms = c->lock_step_ms == 0 || c->lock_step_ms >= LOCK_STEP_MS ? LOCK_STEP_MS : c->lock_step_ms * 2;
	c->retry_waits = true;
	loop_timer_set(c->loop, &c->retry_timer, c->retry_kind, c->lock_step_ms);
}

static void
tell(struct commit *c, struct waitings *who, bool ok)
{
	struct waiting *w;

	while ((w = STAILQ_FIRST(who)) != NULL) {
		STAILQ_REMOVE_HEAD(who, link);
		c->n_waiting--;
		w->fn(w->ctx, w->handle, ok);
		free(w);
	}
}

/* Those whose index is there, or who waited long enough. */
static void
tell_index(struct commit *c)
{
	int64_t now = clock_ms();
	struct waiting *w;

	while ((w = STAILQ_FIRST(&c->index)) != NULL) {
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

static void
end_fill(struct commit *c)
{
	c->filled_last = true;
	if (c->status == STORE_OK && !c->news.reset && !c->news.more) {
		c->fill_due = c->news.index_behind;
		c->counts.indexed = c->news.indexed;
		loop_timer_set(c->loop, &c->truncate_timer, c->truncate_kind, TRUNCATE_MS);
	} else if (c->status != STORE_OK) {
		c->fill_waits = true;
		loop_timer_set(
		    c->loop, &c->rest_timer, c->rest_kind, c->status == STORE_BUSY ? REST_MS : REST_FAILED_MS);
	}
}

static void checkpoint(struct commit *c, bool truncate);

/* When to look again: soon after a sign of writing, then every now and then, then not at all. */
static void
plan_look(struct commit *c)
{
	int64_t now = clock_ms();

	if (c->watch == NULL)
		loop_timer_set(c->loop, &c->look_timer, c->look_kind, LOOK_BLIND_MS);
	else if (now - c->last_sign_ms < LOOK_FOR_MS) {
		c->look_step_ms = c->look_step_ms >= LOOK_STEP_MS ? LOOK_STEP_MS : c->look_step_ms * 2 + 1;
		loop_timer_set(c->loop, &c->look_timer, c->look_kind, c->look_step_ms);
	}
}

static void
done(struct job *job)
{
	struct commit *c = of_job(job);

	c->running = false;
	publish(c);
	if (c->task != FILL)
		c->filled_last = false;
	switch (c->task) {
	case BATCH:
		if (c->status == STORE_OK)
			end_batch(c);
		else if (c->status == STORE_BUSY)
			retry_batch(c);
		else
			fail_batch(c);
		break;
	case LOOK:
		c->counts.looks++;
		break;
	case FILL:
		end_fill(c);
		break;
	case PROBE:
		c->probed_ms = clock_ms();
		c->probe_ok = c->status == STORE_OK || c->status == STORE_BUSY;
		if (c->status == STORE_OK)
			c->failed = false;
		tell(c, &c->probes, c->probe_ok);
		break;
	}
	if (c->task == BATCH && c->status != STORE_OK && c->status != STORE_BUSY) {
		/* Reading may work though writing does not: a look of their own tells them. */
		STAILQ_CONCAT(&c->looking, &c->looks);
		STAILQ_CONCAT(&c->looks, &c->looking);
		plan_look(c);
	} else if (c->task != PROBE) {
		plan_look(c);
		/* Who came while it ran waits for the next. */
		tell(c, &c->looking, c->status == STORE_OK || c->status == STORE_BUSY);
	}
	tell_index(c);
	store_news_fini(&c->news);
	if ((c->task == BATCH || c->task == FILL) && c->counts.wal_pages >= CHECKPOINT_PAGES)
		checkpoint(c, false);
}

static struct commit *
of_checkpoint_job(struct job *job)
{
	return (struct commit *)(void *)((char *)job - offsetof(struct commit, checkpoint_job));
}

static void
run_checkpoint(void *store, struct job *job)
{
	struct commit *c = of_checkpoint_job(job);

	c->checkpoint_status = store_checkpoint(store, c->truncate);
}

static void
checkpoint_done(struct job *job)
{
	struct commit *c = of_checkpoint_job(job);

	c->checkpointing = false;
	if (c->truncate && c->checkpoint_status == STORE_OK) {
		c->counts.wal_pages = 0;
		c->wal_said = false;
	} else if (c->truncate)
		loop_timer_set(c->loop, &c->truncate_timer, c->truncate_kind, TRUNCATE_AGAIN_MS);
	else if (c->counts.wal_pages >= WAL_WARN_PAGES && !c->wal_said) {
		c->wal_said = true;
		log_warning("wal_large", "pages=%lld detail=\"does another program keep a read transaction open?\"",
		    (long long)c->counts.wal_pages);
	}
}

static void
checkpoint(struct commit *c, bool truncate)
{
	if (c->checkpointing)
		return;
	c->truncate = truncate;
	c->checkpointing = worker_add(c->checkpointer, &c->checkpoint_job) == 0;
}

static void
start(struct commit *c, enum task task)
{
	c->task = task;
	c->running = true;
	if (task == PROBE)
		c->probe_due = false;
	c->floor = rooms_floor(c->rooms);
	c->began_us = clock_us();
	if (task != PROBE) {
		c->look_due = false;
		STAILQ_CONCAT(&c->looking, &c->looks);
	}
	/* One job at a time, and the queue has room for one. */
	(void)worker_add(c->writer, &c->job);
}

/* Room for the whole queue in sends; false when it cannot be had, and the queue waits. */
static bool
take_queue(struct commit *c)
{
	struct entry *e;

	if (c->cap_sends < c->queued) {
		size_t cap = c->queued < 64 ? 64 : c->queued * 2;
		struct store_send *sends = realloc(c->sends, cap * sizeof *sends);

		if (sends == NULL)
			return false;
		c->sends = sends;
		c->cap_sends = cap;
	}
	c->n_sends = 0;
	STAILQ_FOREACH (e, &c->queue, link)
		c->sends[c->n_sends++] = (struct store_send){.message = e->message};
	return true;
}

static bool
should_fill(const struct commit *c)
{
	bool wanted = !STAILQ_EMPTY(&c->index) || rooms_head(c->rooms) - c->counts.indexed > INDEX_BEHIND_MAX;

	/* Between two batches at most one piece. */
	return c->fill_due && !c->fill_waits && (c->rested || (wanted && (!c->filled_last || c->queued == 0)));
}

/* A search waits for the index: a piece of it goes before the next batch, but no two. */
static bool
index_first(const struct commit *c)
{
	return !STAILQ_EMPTY(&c->index) && !c->filled_last && should_fill(c);
}

/* The COMMIT phase of a turn. */
static bool
turn(void *ctx)
{
	struct commit *c = ctx;

	if (c->running)
		return false;
	if (c->queued > 0 && !c->retry_waits && !index_first(c) && take_queue(c))
		start(c, BATCH);
	else if (c->look_due || !STAILQ_EMPTY(&c->looks))
		start(c, LOOK);
	else if (c->probe_due || !STAILQ_EMPTY(&c->probes))
		start(c, PROBE);
	else if (should_fill(c) && (c->queued == 0 || !STAILQ_EMPTY(&c->index)))
		start(c, FILL);
	return false;
}

/* Somebody writes: another program, or the writer itself, whose batches look as well. */
static void
on_sign(void *ctx)
{
	struct commit *c = ctx;

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

static void
on_retry_timer(void *ctx, struct timer *t)
{
	struct commit *c = ctx;

	(void)t;
	c->retry_waits = false;
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
on_truncate_timer(void *ctx, struct timer *t)
{
	(void)t;
	checkpoint(ctx, true);
}

static void
on_index_timer(void *ctx, struct timer *t)
{
	(void)t;
	tell_index(ctx);
}

struct commit *
commit_new(struct loop *loop, const struct commit_options *options, struct store *writer, struct store *checkpointer,
    struct rooms *rooms)
{
	struct commit *c = calloc(1, sizeof *c);
	void *writer_ctx = writer, *checkpointer_ctx = checkpointer;

	if (c == NULL)
		return NULL;
	c->options = *options;
	c->loop = loop;
	c->rooms = rooms;
	c->store = writer;
	walindex_init(&c->walindex, options->path);
	c->job = (struct job){.run = run, .done = done};
	c->checkpoint_job = (struct job){.run = run_checkpoint, .done = checkpoint_done};
	STAILQ_INIT(&c->queue);
	STAILQ_INIT(&c->looks);
	STAILQ_INIT(&c->looking);
	STAILQ_INIT(&c->probes);
	STAILQ_INIT(&c->index);
	c->retry_kind = loop_timer_kind(loop, on_retry_timer, c);
	c->look_kind = loop_timer_kind(loop, on_look_timer, c);
	c->rest_kind = loop_timer_kind(loop, on_rest_timer, c);
	c->truncate_kind = loop_timer_kind(loop, on_truncate_timer, c);
	c->index_kind = loop_timer_kind(loop, on_index_timer, c);
	c->writer = worker_new(loop, &(struct worker_options){.threads = 1, .jobs_max = 1, .ctxs = &writer_ctx});
	c->checkpointer =
	    worker_new(loop, &(struct worker_options){.threads = 1, .jobs_max = 1, .ctxs = &checkpointer_ctx});
	if (c->writer == NULL || c->checkpointer == NULL) {
		commit_free(c);
		return NULL;
	}
	c->watch = watch_new(loop, options->path, on_sign, c);
	if (c->watch == NULL)
		log_warning("no_inotify", "detail=\"the database is looked at every %d ms instead\"", LOOK_BLIND_MS);
	/* There may be something left to index, or a WAL left by a crash. */
	c->fill_due = c->look_due = true;
	loop_timer_set(loop, &c->rest_timer, c->rest_kind, REST_MS);
	loop_timer_set(loop, &c->truncate_timer, c->truncate_kind, TRUNCATE_MS);
	loop_hook(loop, LOOP_COMMIT, turn, c);
	return c;
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
commit_free(struct commit *c)
{
	struct entry *e;

	if (c == NULL)
		return;
	watch_free(c->watch);
	worker_free(c->writer);
	worker_free(c->checkpointer);
	store_news_fini(&c->news);
	while ((e = STAILQ_FIRST(&c->queue)) != NULL) {
		STAILQ_REMOVE_HEAD(&c->queue, link);
		message_drop(e->message);
		free(e);
	}
	drop_waiting(&c->looks);
	drop_waiting(&c->looking);
	drop_waiting(&c->probes);
	drop_waiting(&c->index);
	/* walindex stays open: readers may still hold locks on its file. */
	free(c->sends);
	free(c);
}

int
commit_add(struct commit *c, struct message *m, commit_sent_fn *fn, void *ctx, uint64_t handle)
{
	struct entry *e;
	size_t bytes = sizeof *e + m->size;

	if (c->queued >= c->options.queue_max || bytes > c->options.queue_bytes_max - c->queued_bytes)
		return -1;
	e = malloc(sizeof *e);
	if (e == NULL)
		return -1;
	*e = (struct entry){
	    .message = m, .fn = fn, .ctx = ctx, .handle = handle, .since_us = clock_us(), .bytes = bytes};
	STAILQ_INSERT_TAIL(&c->queue, e, link);
	c->queued++;
	c->queued_bytes += bytes;
	return 0;
}

static struct waiting *
add_waiting(struct commit *c, struct waitings *to, commit_looked_fn *fn, void *ctx, uint64_t handle)
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
	return add_waiting(c, &c->looks, fn, ctx, handle) == NULL ? -1 : 0;
}

bool
commit_current(struct commit *c)
{
	uint32_t changes = walindex_changes(&c->walindex);

	return changes == 0 || changes == c->seen;
}

int
commit_probe(struct commit *c, commit_looked_fn *fn, void *ctx, uint64_t handle)
{
	if (c->probed_ms != 0 && clock_ms() - c->probed_ms < PROBE_KEEP_MS) {
		fn(ctx, handle, c->probe_ok);
		return 0;
	}
	return add_waiting(c, &c->probes, fn, ctx, handle) == NULL ? -1 : 0;
}

int
commit_want_index(struct commit *c, int64_t wait_ms, commit_looked_fn *fn, void *ctx, uint64_t handle)
{
	struct waiting *w = add_waiting(c, &c->index, fn, ctx, handle);

	if (w == NULL)
		return -1;
	w->id = rooms_head(c->rooms);
	w->until_ms = clock_ms() + wait_ms;
	tell_index(c);
	return 0;
}

int64_t
commit_indexed(const struct commit *c)
{
	return c->counts.indexed;
}

bool
commit_idle(const struct commit *c)
{
	return c->queued == 0 && !(c->running && c->task == BATCH);
}

struct commit_counts
commit_counts(const struct commit *c)
{
	struct commit_counts counts = c->counts;

	counts.queued = c->queued;
	return counts;
}
