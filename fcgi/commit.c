#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "budget.h"
#include "checkpoint.h"
#include "clock.h"
#include "commit_state.h"
#include "log.h"
#include "room.h"
#include "watch.h"

enum {
	LOCK_STEP_MS = 8, /* between tries for a lock, after the first few */
	CROWD = 512,      /* sends that wait; a batch of them takes some 10 ms */
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
	case RESTART:
		c->status = store_checkpoint(store, false);
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
		c->seen = 0;
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
	c->behind = news->more;
	if (news->more)
		c->look_due = true;
	if (news->wal_pages > 0)
		checkpoint_wrote(c->checkpoint, news->wal_pages);
}

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
	c->committed_ms = clock_ms();
	/* As good as a probe: /healthz need not write once more, nor go on about a failure that is over. */
	c->probed_ms = c->committed_ms;
	c->probe_ok = true;
	c->probe_busy_ms = 0;
	c->locked_since_ms = 0;
	commit_rest_index(c);
	checkpoint_later(c->checkpoint);
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

static void
try_again_in(struct commit *c, int64_t ms)
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
	c->lock_step_ms = c->lock_step_ms == 0 || c->lock_step_ms >= LOCK_STEP_MS ? LOCK_STEP_MS : c->lock_step_ms * 2;
	try_again_in(c, c->lock_step_ms);
}

static void
done(struct job *job)
{
	struct commit *c = of_job(job);

	c->running = false;
	if (c->watch != NULL)
		watch_rest(c->watch, false);
	publish(c);
	if (c->task == BATCH)
		rooms_expect(c->rooms, false);
	if (c->task != FILL)
		c->filled_last = false;
	switch (c->task) {
	case BATCH:
		if (c->status == STORE_OK)
			end_batch(c);
		else if (c->status == STORE_BUSY)
			retry_batch(c);
		else if (c->status == STORE_APART || c->status == STORE_TIMEOUT)
			part_batch(c);
		else
			fail_batch(c);
		break;
	case LOOK:
		c->counts.looks++;
		break;
	case FILL:
		commit_end_fill(c);
		break;
	case PROBE:
		commit_end_probe(c);
		break;
	case RESTART:
		checkpoint_restarted(c->checkpoint);
		break;
	}
	commit_end_look(c);
	commit_tell_index(c);
	store_news_fini(&c->news);
	if (c->queued > 0)
		rooms_expect(c->rooms, true);
	if (c->task == BATCH || c->task == FILL)
		checkpoint_if_large(c->checkpoint);
}

static void
start(struct commit *c, enum task task)
{
	c->task = task;
	c->running = true;
	c->floor = rooms_floor(c->rooms);
	c->looked_signs = c->signs;
	/* Its own writes are told of in one piece when it has ended; what others commit meanwhile it sees itself. */
	if (c->watch != NULL)
		watch_rest(c->watch, true);
	if (task != PROBE && task != RESTART) {
		c->look_due = false;
		STAILQ_CONCAT(&c->looking, &c->looks);
	}
	/* One job at a time, and the queue has room for one. */
	(void)worker_add(c->writer, &c->job);
}

/* Room for the whole queue in sends, and as much of it as goes now; false when it cannot be had, and the queue waits
 * for a moment. */
static bool
take_queue(struct commit *c)
{
	struct entry *e;

	if (c->cap_sends < c->queued) {
		size_t cap = c->queued < 64 ? 64 : c->queued * 2;
		struct store_send *sends = realloc(c->sends, cap * sizeof *sends);

		if (sends == NULL) {
			try_again_in(c, LOCK_STEP_MS);
			return false;
		}
		c->sends = sends;
		c->cap_sends = cap;
	}
	c->n_sends = 0;
	for (e = STAILQ_FIRST(&c->queue); c->n_sends < commit_part(c); e = STAILQ_NEXT(e, link))
		c->sends[c->n_sends++] = (struct store_send){.message = e->message};
	return true;
}

/* Who rode on a batch that failed has its look before the next one, which may fail as well, and the one after that. */
static bool
look_first(const struct commit *c)
{
	return c->failed && c->task == BATCH && !STAILQ_EMPTY(&c->looks);
}

/* The COMMIT phase of a turn. */
static bool
turn(void *ctx)
{
	struct commit *c = ctx;

	if (c->running)
		return false;
	if (checkpoint_wants_writer(c->checkpoint))
		start(c, RESTART);
	else if (c->queued > 0 && !c->retry_waits && !commit_gathers(c) && !look_first(c) && !commit_index_first(c) &&
	         take_queue(c))
		start(c, BATCH);
	else if (!STAILQ_EMPTY(&c->looks) || (c->look_due && commit_look_needed(c)))
		start(c, LOOK);
	else if (!STAILQ_EMPTY(&c->probes))
		start(c, PROBE);
	else if (commit_should_fill(c) && (c->queued == 0 || !STAILQ_EMPTY(&c->index)))
		start(c, FILL);
	return false;
}

static void
on_retry_timer(void *ctx, struct timer *t)
{
	struct commit *c = ctx;

	(void)t;
	c->retry_waits = false;
}

struct commit *
commit_new(struct loop *loop, const struct commit_options *options, struct store *writer, struct store *checkpointer,
    struct rooms *rooms)
{
	struct commit *c = calloc(1, sizeof *c);
	void *writer_ctx = writer;

	if (c == NULL)
		return NULL;
	c->options = *options;
	c->loop = loop;
	c->rooms = rooms;
	walindex_init(&c->walindex, options->path);
	/* Those who send are refused before those who wait are driven out. */
	budget_kind(
	    options->budget, BUDGET_SENDS, BUDGET_LARGEST, budget_counts(options->budget).bytes_max / 2, NULL, NULL);
	c->gather_fd = -1;
	c->job = (struct job){.run = run, .done = done};
	STAILQ_INIT(&c->queue);
	commit_init_look(c);
	commit_init_index(c);
	c->retry_kind = loop_timer_kind(loop, on_retry_timer, c);
	c->writer = worker_new(loop, &(struct worker_options){.threads = 1, .jobs_max = 1, .ctxs = &writer_ctx});
	c->checkpoint = checkpoint_new(loop, checkpointer);
	if (c->writer == NULL || c->checkpoint == NULL || commit_init_gather(c) != 0) {
		commit_free(c);
		return NULL;
	}
	commit_watch(c);
	loop_hook(loop, LOOP_COMMIT, turn, c);
	return c;
}

void
commit_free(struct commit *c)
{
	struct entry *e;

	if (c == NULL)
		return;
	watch_free(c->watch);
	commit_fini_gather(c);
	worker_free(c->writer);
	checkpoint_free(c->checkpoint);
	store_news_fini(&c->news);
	while ((e = STAILQ_FIRST(&c->queue)) != NULL) {
		STAILQ_REMOVE_HEAD(&c->queue, link);
		budget_sub(c->options.budget, BUDGET_SENDS, e->bytes);
		message_drop(e->message);
		free(e);
	}
	commit_drop_waiting(c);
	/* walindex stays open: readers may still hold locks on its file. */
	free(c->sends);
	free(c);
}

int
commit_add(struct commit *c, struct message *m, commit_sent_fn *fn, void *ctx, uint64_t handle)
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
	*e = (struct entry){
	    .message = m, .fn = fn, .ctx = ctx, .handle = handle, .since_us = clock_us(), .bytes = bytes};
	STAILQ_INSERT_TAIL(&c->queue, e, link);
	c->queued++;
	c->queued_bytes += bytes;
	rooms_expect(c->rooms, true);
	return 0;
}

bool
commit_crowded(const struct commit *c)
{
	return c->queued >= CROWD || c->queued * 2 >= c->options.queue_max ||
	       c->queued_bytes >= c->options.queue_bytes_max / 2;
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
	counts.wal_pages = checkpoint_pages(c->checkpoint);
	return counts;
}
