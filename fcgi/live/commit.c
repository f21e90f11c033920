#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "access/access.h"
#include "base/budget.h"
#include "base/clock.h"
#include "base/log.h"
#include "commit_state.h"
#include "room.h"
#include "store/disk.h"

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
		c->status = chores_run(c->chores, c->chore, store, c->floor, &c->news);
		break;
	case NOTE:
		c->status = store_note_used(store, c->used, c->used_ms);
		break;
	}
	c->took_us = clock_us() - began;
}

enum { ACCESS_STEP_MS = 50 }; /* between tries to keep tokens and grants */

static void
on_access_timer(void *ctx, struct timer *t)
{
	struct commit *c = ctx;

	(void)t;
	c->access_again = true;
}

/* What changed of tokens and grants; without memory nobody may do anything until a later job, which comes soon, has
 * some. */
static void
take_access(struct commit *c)
{
	if (c->news.access != NULL) {
		store_access_free(c->access);
		c->access = c->news.access;
		c->news.access = NULL;
	}
	if (c->access == NULL || c->options.access == NULL)
		return;
	if (access_set(c->options.access, c->access) == 0)
		c->access = NULL;
	else {
		log_error("memory", "detail=\"tokens and grants cannot be kept: nobody may do anything\"");
		loop_timer_set(c->loop, &c->access_timer, c->access_kind, ACCESS_STEP_MS);
	}
	c->access_changed = true;
}

static void
publish_changes(struct rooms *rooms, const struct store_change *changes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct str room = str_of(changes[i].room);

		if (changes[i].pruned)
			rooms_prune(rooms, room, changes[i].id,
			    i + 1 == n || !changes[i + 1].pruned || strcmp(changes[i].room, changes[i + 1].room) != 0);
		else if (changes[i].told && changes[i].message == NULL)
			rooms_take_out(rooms, room, changes[i].id);
		else
			rooms_change(rooms, room, changes[i].id, changes[i].message);
	}
}

/* News go to the rooms, whatever became of the job: what was told once is not told again. */
static void
publish(struct commit *c)
{
	struct store_news *news = &c->news;

	/* First: what was committed before the messages that follow holds for these. */
	take_access(c);
	signs_job_ended(c->signs, news);
	chores_told(c->chores, news);
	c->news_behind = news->more;
	if (news->reset)
		rooms_reset(c->rooms, news->epoch, news->head);
	else {
		for (size_t i = 0; i < news->n_messages; i++)
			rooms_publish(c->rooms, news->messages[i]);
		publish_changes(c->rooms, news->changes, news->n_changes);
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
	c->access_changed = false;
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
	case NOTE:
		/* It says when a token was used last, to a day: what fails is not worth trying again. */
		break;
	}
	/* Those of the batch that are told were stored before, or never. */
	if (c->access_changed)
		commit_bar_queue(c);
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
	if (looks) {
		c->access_again = false;
		STAILQ_CONCAT(&c->looking, &c->looks);
	}
	/* One job at a time, and the queue has room for one. */
	(void)worker_add(c->writer, &c->job);
}

/* Whether its room may be a new one: of those that memory knows none is. */
static bool
may_make_room(struct commit *c, struct entry *e)
{
	const struct room *room = room_find(c->rooms, e->message->f.room);

	if (e->pass == NULL || c->options.persons == NULL || (room != NULL && room_chain(room)->n > 0))
		return true;
	if (!e->takes_room)
		e->takes_room = limit_try(c->options.persons, e->pass->person, LIMIT_NEW_ROOMS, 1, clock_ms());
	return e->takes_room;
}

static struct store_send
send_of(struct commit *c, struct entry *e)
{
	const struct pass *p = e->pass;

	return (struct store_send){.message = e->message,
	    .access_version = p == NULL ? 0 : access_version(c->options.access),
	    .claimed = p != NULL && (p->kind == PASS_STRANGER || p->claims) && e->message->f.sender.n > 0,
	    .revision = e->revision,
	    .no_new_room = e->message->f.changes == 0 && !may_make_room(c, e),
	    .only_again = c->options.disk != NULL && disk_full(c->options.disk)};
}

/* Makes a batch of the sends that go now; false without memory, and the queue waits for a moment. */
static bool
take_queue(struct commit *c)
{
	struct entry *e;

	commit_fill_batch(c);
	if (c->cap_sends < c->n_batch) {
		size_t cap = c->n_batch < 64 ? 64 : c->n_batch * 2;
		struct store_send *sends = realloc(c->sends, cap * sizeof *sends);

		if (sends == NULL) {
			commit_try_again_in(c, COMMIT_STEP_MS);
			return false;
		}
		c->sends = sends;
		c->cap_sends = cap;
	}
	c->n_sends = 0;
	for (e = TAILQ_FIRST(&c->batch); c->n_sends < commit_part(c); e = TAILQ_NEXT(e, in_batch))
		c->sends[c->n_sends++] = send_of(c, e);
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

/*
 * What the writer should do besides; but nothing that would fill the disk for those who send, unless what was deleted
 * waits for it to be erased.
 */
static enum chore
chore_due(struct commit *c, bool busy)
{
	bool searched = !STAILQ_EMPTY(&c->index);
	enum chore due = chores_due(c->chores, busy, searched);

	if (due != CHORE_REBUILD || chores_rebuild_left(c->chores) == 0 || c->options.disk == NULL ||
	    !disk_short(c->options.disk))
		return due;
	chores_put_off_rebuild(c->chores);
	return chores_due(c->chores, busy, searched);
}

/* The COMMIT phase of a turn. */
static bool
turn(void *ctx)
{
	struct commit *c = ctx;
	bool busy = c->queued > 0, more = commit_tell_barred(c);

	if (c->running)
		return more;
	c->chore = chore_due(c, busy);
	if (busy && c->chore != CHORE_NONE && !look_first(c))
		start(c, CHORE);
	else if (batch_due(c) && take_queue(c))
		start(c, BATCH);
	else if (!STAILQ_EMPTY(&c->looks) || c->access_again || signs_look_due(c->signs))
		start(c, LOOK);
	else if (!STAILQ_EMPTY(&c->probes))
		start(c, PROBE);
	else if (c->chore != CHORE_NONE)
		start(c, CHORE);
	else if (!busy && c->options.access != NULL && access_next_used(c->options.access, c->used, &c->used_ms))
		start(c, NOTE);
	return more;
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
	STAILQ_INIT(&c->looks);
	STAILQ_INIT(&c->looking);
	STAILQ_INIT(&c->probes);
	commit_init_index(c);
	c->retry_kind = loop_timer_kind(loop, on_retry_timer, c);
	c->access_kind = loop_timer_kind(loop, on_access_timer, c);
	c->writer = worker_new(loop, &(struct worker_options){.threads = 1, .jobs_max = 1, .ctxs = &writer_ctx});
	c->chores = chores_new(loop, checkpointer, options->scrub_after_ms);
	c->signs = signs_new(loop, options->path);
	if (commit_init_queue(c) != 0 || c->writer == NULL || c->chores == NULL || c->signs == NULL ||
	    commit_init_gather(c) != 0 || (c->options.keep != NULL && chores_keep(c->chores, c->options.keep) != 0)) {
		commit_free(c);
		return NULL;
	}
	loop_hook(loop, LOOP_COMMIT, turn, c);
	return c;
}

void
commit_free(struct commit *c)
{
	if (c == NULL)
		return;
	signs_free(c->signs);
	commit_fini_gather(c);
	loop_timer_clear(c->loop, &c->retry_timer);
	loop_timer_clear(c->loop, &c->access_timer);
	loop_timer_clear(c->loop, &c->index_timer);
	worker_free(c->writer);
	chores_free(c->chores);
	store_news_fini(&c->news);
	commit_fini_queue(c);
	commit_drop_waiting(c);
	store_access_free(c->access);
	free(c->sends);
	free(c);
}

bool
commit_idle(const struct commit *c)
{
	return c->queued == 0 && TAILQ_EMPTY(&c->barred) && !(c->running && c->task == BATCH);
}

struct commit_counts
commit_counts(const struct commit *c)
{
	struct commit_counts counts = c->counts;

	counts.queued = c->queued;
	counts.indexed = chores_indexed(c->chores);
	counts.pruning = chores_pruning(c->chores);
	counts.erasing = chores_erasing(c->chores);
	counts.rebuild_left = chores_rebuild_left(c->chores);
	counts.rebuilding = chores_rebuilding(c->chores);
	return counts;
}
