#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/budget.h"
#include "base/clock.h"
#include "commit_state.h"
#include "room.h"

enum { CROWD = 512 }; /* sends that wait; a batch of them takes some 10 ms */

static struct commit *
of_job(struct job *job)
{
	return CONTAINER(job, struct commit, job);
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
	case PROBE:
		c->status = store_probe(store, c->failed);
		break;
	case CHORE:
		c->status = chores_run(c->chore, store, c->floor, &c->news);
		break;
	}
	c->took_us = clock_us() - began;
}

/* News go to the rooms, whatever became of the job: what was told once is not told again. */
static void
publish(struct commit *c)
{
	struct store_news *news = &c->news;

	signs_job_ended(c->signs, news);
	chores_told(c->chores, news);
	c->news_behind = news->more;
	if (news->reset)
		rooms_reset(c->rooms, news->epoch, news->head);
	else {
		for (size_t i = 0; i < news->n_messages; i++)
			rooms_publish(c->rooms, news->messages[i]);
		for (size_t i = 0; i < news->n_changes; i++)
			rooms_change(
			    c->rooms, str_of(news->changes[i].room), news->changes[i].id, news->changes[i].message);
		if (news->head > rooms_head(c->rooms))
			rooms_publish_end(c->rooms, news->head);
		news->n_messages = news->n_changes = 0; /* their holdings were taken */
	}
}

static void
done(struct job *job)
{
	struct commit *c = of_job(job);

	c->running = false;
	publish(c);
	if (c->task == BATCH)
		rooms_expect(c->rooms, false);
	switch (c->task) {
	case BATCH:
		commit_end_batch(c);
		break;
	case LOOK:
		c->counts.looks++;
		break;
	case PROBE:
		commit_end_probe(c);
		break;
	case CHORE:
		chores_ended(c->chores, c->chore, c->status, &c->news);
		break;
	}
	commit_end_look(c);
	commit_tell_index(c);
	store_news_fini(&c->news);
	if (c->queued > 0)
		rooms_expect(c->rooms, true);
	chores_copy(c->chores);
}

static void
start(struct commit *c, enum task task)
{
	bool looks = task == BATCH || task == LOOK;

	c->task = task;
	c->running = true;
	c->floor = rooms_floor(c->rooms);
	signs_job_begins(c->signs, looks);
	if (looks)
		STAILQ_CONCAT(&c->looking, &c->looks);
	/* One job at a time, and the queue has room for one. */
	(void)worker_add(c->writer, &c->job);
}

/* Makes a batch of the sends that go now; false without memory, and the queue waits for a moment. */
static bool
take_queue(struct commit *c)
{
	struct entry *e;

	if (c->cap_sends < c->queued) {
		size_t cap = c->queued < 64 ? 64 : c->queued * 2;
		struct store_send *sends = realloc(c->sends, cap * sizeof *sends);

		if (sends == NULL) {
			commit_try_again_in(c, COMMIT_STEP_MS);
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

/* A look that waited on a failed batch goes before the next batch: batch after batch may fail. */
static bool
look_first(const struct commit *c)
{
	return c->failed && c->task == BATCH && !STAILQ_EMPTY(&c->looks);
}

/* Whether sends wait that can go now. */
static bool
batch_due(struct commit *c)
{
	return c->queued > 0 && !c->retry_waits && !commit_gathers(c) && !look_first(c);
}

/* The COMMIT phase of a turn. */
static bool
turn(void *ctx)
{
	struct commit *c = ctx;
	bool busy = c->queued > 0;

	if (c->running)
		return false;
	c->chore = chores_due(c->chores, busy, !STAILQ_EMPTY(&c->index));
	if (busy && c->chore != CHORE_NONE && !look_first(c))
		start(c, CHORE);
	else if (batch_due(c) && take_queue(c))
		start(c, BATCH);
	else if (!STAILQ_EMPTY(&c->looks) || signs_look_due(c->signs))
		start(c, LOOK);
	else if (!STAILQ_EMPTY(&c->probes))
		start(c, PROBE);
	else if (c->chore != CHORE_NONE)
		start(c, CHORE);
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
	/* Senders are refused before waiters are driven out. */
	budget_kind(
	    options->budget, BUDGET_SENDS, BUDGET_LARGEST, budget_counts(options->budget).bytes_max / 2, NULL, NULL);
	c->gather_fd = -1;
	c->job = (struct job){.run = run, .done = done};
	STAILQ_INIT(&c->queue);
	STAILQ_INIT(&c->looks);
	STAILQ_INIT(&c->looking);
	STAILQ_INIT(&c->probes);
	commit_init_index(c);
	c->retry_kind = loop_timer_kind(loop, on_retry_timer, c);
	c->writer = worker_new(loop, &(struct worker_options){.threads = 1, .jobs_max = 1, .ctxs = &writer_ctx});
	c->chores = chores_new(loop, checkpointer);
	c->signs = signs_new(loop, options->path);
	if (c->writer == NULL || c->chores == NULL || c->signs == NULL || commit_init_gather(c) != 0) {
		commit_free(c);
		return NULL;
	}
	loop_hook(loop, LOOP_COMMIT, turn, c);
	return c;
}

void
commit_free(struct commit *c)
{
	struct entry *e;

	if (c == NULL)
		return;
	signs_free(c->signs);
	commit_fini_gather(c);
	loop_timer_clear(c->loop, &c->retry_timer);
	loop_timer_clear(c->loop, &c->index_timer);
	worker_free(c->writer);
	chores_free(c->chores);
	store_news_fini(&c->news);
	while ((e = STAILQ_FIRST(&c->queue)) != NULL) {
		STAILQ_REMOVE_HEAD(&c->queue, link);
		budget_sub(c->options.budget, BUDGET_SENDS, e->bytes);
		message_drop(e->message);
		free(e);
	}
	commit_drop_waiting(c);
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
	counts.indexed = chores_indexed(c->chores);
	return counts;
}
