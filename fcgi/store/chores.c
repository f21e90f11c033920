#include "chores.h"

#include <stdlib.h>

#include "base/log.h"
#include "event/loop.h"
#include "event/worker.h"

enum {
	REST_MS = 50,              /* without a send, before the index is filled */
	REST_FAILED_MS = 1000,     /* after the index could not be filled */
	INDEX_BEHIND_MAX = 100000, /* rows; then it is filled without a rest */
	NOTES_MAX = 10000,         /* of changed and deleted rows; then it is filled while sends wait, too */

	TRUNCATE_MS = 2000, /* without a commit, before the WAL is emptied */
	TRUNCATE_AGAIN_MS = 10000,
	COPY_PAGES = 1000,
	RESTART_PAGES = 4000,   /* 16 MB */
	WAL_WARN_PAGES = 65536, /* 256 MB */
};

struct chores {
	struct loop *loop;
	struct pruning *pruning; /* NULL: all is kept */

	/* The index: */
	int64_t head;       /* of the log */
	int64_t indexed;    /* greatest id in the index */
	int64_t notes;      /* of changed and deleted rows, which it has to take */
	bool fill_due;      /* something is missing in it */
	bool fill_waits;    /* for the timer, after a failure */
	bool filled_last;   /* a piece of it was the writer's last job */
	bool rested;        /* nobody has sent for REST_MS */
	struct timer timer; /* to the end of the rest */
	uint8_t timer_kind;

	/* The WAL: */
	struct worker *copier;
	struct job copy; /* its only job */
	bool copying;
	bool truncate; /* the job empties the file, too */
	enum store_status status;
	int64_t pages;  /* in the WAL */
	int64_t copied; /* the same when it was last copied */
	bool restart;   /* little is left to be copied, and then the WAL can begin anew */
	bool large_logged;
	struct timer truncate_timer;
	uint8_t truncate_kind;

	struct scrub scrub;
	struct rebuild rebuild;
};

static void
rest_for(struct chores *c, int64_t ms)
{
	loop_timer_set(c->loop, &c->timer, c->timer_kind, ms);
}

static void
truncate_in(struct chores *c, int64_t ms)
{
	loop_timer_set(c->loop, &c->truncate_timer, c->truncate_kind, ms);
}

static void
on_rested(void *ctx, struct timer *t)
{
	struct chores *c = ctx;

	(void)t;
	c->rested = true;
	c->fill_waits = false;
}

static void
run_copy(void *store, struct job *job)
{
	struct chores *c = CONTAINER(job, struct chores, copy);

	c->status = store_checkpoint(store, c->truncate);
}

static void
copy_done(struct job *job)
{
	struct chores *c = CONTAINER(job, struct chores, copy);

	c->copying = false;
	if (c->truncate && c->status == STORE_OK) {
		c->pages = c->copied = 0;
		c->large_logged = false;
	} else if (c->truncate)
		truncate_in(c, TRUNCATE_AGAIN_MS);
	else if (c->status == STORE_OK && c->pages >= RESTART_PAGES)
		c->restart = true;
	if (c->pages >= WAL_WARN_PAGES && !c->large_logged) {
		c->large_logged = true;
		log_warning("wal_large", "pages=%lld detail=\"does another program keep a read transaction open?\"",
		    (long long)c->pages);
	}
}

static void
copy(struct chores *c, bool truncate)
{
	if (c->copying)
		return;
	c->truncate = truncate;
	c->copied = c->pages;
	c->copying = worker_add(c->copier, &c->copy) == 0;
}

static void
on_truncate_timer(void *ctx, struct timer *t)
{
	struct chores *c = ctx;

	(void)t;
	if (c->copying)
		truncate_in(c, TRUNCATE_MS);
	else
		copy(c, true);
}

struct chores *
chores_new(struct loop *loop, struct store *checkpointer, int64_t scrub_after_ms)
{
	struct chores *c = calloc(1, sizeof *c);
	void *ctx = checkpointer;

	if (c == NULL)
		return NULL;
	c->loop = loop;
	c->copy = (struct job){.run = run_copy, .done = copy_done};
	c->copier = worker_new(loop, &(struct worker_options){.threads = 1, .jobs_max = 1, .ctxs = &ctx});
	if (c->copier == NULL) {
		free(c);
		return NULL;
	}
	c->timer_kind = loop_timer_kind(loop, on_rested, c);
	c->truncate_kind = loop_timer_kind(loop, on_truncate_timer, c);
	scrub_init(&c->scrub, loop, scrub_after_ms);
	rebuild_init(&c->rebuild, loop);
	/* There may be something left to index, and a WAL left by a crash. */
	c->fill_due = true;
	rest_for(c, REST_MS);
	truncate_in(c, TRUNCATE_MS);
	return c;
}

void
chores_free(struct chores *c)
{
	if (c == NULL)
		return;
	worker_free(c->copier);
	pruning_free(c->pruning);
	loop_timer_clear(c->loop, &c->timer);
	loop_timer_clear(c->loop, &c->truncate_timer);
	scrub_fini(&c->scrub);
	rebuild_fini(&c->rebuild);
	free(c);
}

int
chores_keep(struct chores *c, const struct keep *keep)
{
	c->pruning = pruning_new(c->loop, keep);
	return c->pruning == NULL ? -1 : 0;
}

struct pruning_counts
chores_pruning(const struct chores *c)
{
	return pruning_counts(c->pruning);
}

enum chore
chores_due(const struct chores *c, bool busy, bool searched)
{
	bool behind = c->head - c->indexed > INDEX_BEHIND_MAX;
	bool wanted = searched || c->notes > NOTES_MAX;
	bool now = busy ? wanted && !c->filled_last : c->rested || wanted || behind;

	if (c->restart && !c->copying)
		return CHORE_RESTART_WAL;
	/* First: it rests between its pieces, and the others have their turn meanwhile. */
	switch (scrub_due(&c->scrub, busy)) {
	case SCRUB_PIECE:
		return CHORE_SCRUB;
	case SCRUB_WAL:
		if (!c->copying)
			return CHORE_ERASE_WAL;
		break;
	case SCRUB_NOTHING:
		break;
	}
	now = now && c->fill_due && !c->fill_waits;
	/* In turns, where both are due. */
	if (!busy && pruning_due(c->pruning) && (!now || c->filled_last))
		return CHORE_PRUNE;
	if (rebuild_due(&c->rebuild, busy) && (!now || c->filled_last))
		return CHORE_REBUILD;
	return now ? CHORE_FILL : CHORE_NONE;
}

enum store_status
chores_run(struct chores *c, enum chore chore, struct store *writer, int64_t floor, struct store_news *news)
{
	switch (chore) {
	case CHORE_FILL:
		return store_fill(writer, floor, news);
	case CHORE_PRUNE:
		return pruning_run(c->pruning, writer, floor, news);
	case CHORE_SCRUB:
		return store_scrub(writer, floor, news);
	case CHORE_ERASE_WAL:
		return store_scrub_end(writer, news);
	case CHORE_REBUILD:
		return store_rebuild(writer, floor, news);
	default:
		return store_checkpoint(writer, false);
	}
}

void
chores_told(struct chores *c, const struct store_news *news)
{
	c->filled_last = false;
	scrub_told(&c->scrub, news);
	rebuild_told(&c->rebuild, news);
	if (news->n_messages > 0 || news->n_changes > 0 || news->reset)
		c->fill_due = true;
	c->notes += (int64_t)news->n_changes;
	if (news->reset) {
		c->indexed = c->notes = 0;
		pruning_reset(c->pruning);
	}
	if (news->reset || news->head > c->head)
		c->head = news->head;
	if (news->wal_pages == 0)
		return;
	if (news->wal_pages < c->pages)
		c->copied = 0; /* it began anew */
	c->pages = news->wal_pages;
}

static void
end_fill(struct chores *c, enum store_status status, const struct store_news *news)
{
	c->filled_last = true;
	if (status != STORE_OK) {
		c->fill_waits = true;
		rest_for(c, status == STORE_BUSY ? REST_MS : REST_FAILED_MS);
	} else if (!news->reset && !news->more) {
		c->fill_due = news->index_behind;
		c->indexed = news->indexed;
		c->notes = news->notes;
		scrub_filled(&c->scrub, news);
		rebuild_filled(&c->rebuild, news);
		truncate_in(c, TRUNCATE_MS);
	}
}

static void
end_scrub(struct chores *c, enum store_status status, const struct store_news *news)
{
	if (news->indexed > c->indexed)
		c->indexed = news->indexed;
	scrub_piece_ended(&c->scrub, status, news);
	/* Whatever is in the WAL, so that little is left for the writer. */
	if (news->scrubbed)
		copy(c, false);
	truncate_in(c, TRUNCATE_MS);
}

static void
end_erase_wal(struct chores *c, enum store_status status, const struct store_news *news)
{
	if (status == STORE_OK) {
		c->pages = c->copied = 0;
		c->large_logged = false;
	} else
		copy(c, false);
	scrub_wal_ended(&c->scrub, status, news);
}

void
chores_ended(struct chores *c, enum chore chore, enum store_status status, const struct store_news *news)
{
	switch (chore) {
	case CHORE_FILL:
		end_fill(c, status, news);
		break;
	case CHORE_PRUNE:
		pruning_ended(c->pruning, status, c->rested);
		if (news->wal_pages > 0)
			truncate_in(c, TRUNCATE_MS);
		break;
	case CHORE_SCRUB:
		end_scrub(c, status, news);
		break;
	case CHORE_ERASE_WAL:
		end_erase_wal(c, status, news);
		break;
	case CHORE_REBUILD:
		rebuild_ended(&c->rebuild, status, news, c->rested);
		truncate_in(c, TRUNCATE_MS);
		break;
	default:
		c->restart = false;
		c->copied = c->pages;
	}
}

void
chores_sent(struct chores *c)
{
	c->rested = false;
	/* Not put off any further while the index waits for it after a failure. */
	if (!c->fill_waits)
		rest_for(c, REST_MS);
	truncate_in(c, TRUNCATE_MS);
}

void
chores_copy(struct chores *c)
{
	if (c->pages - c->copied >= COPY_PAGES)
		copy(c, false);
}

int64_t
chores_indexed(const struct chores *c)
{
	return c->indexed;
}

bool
chores_indexed_up_to(const struct chores *c, int64_t id)
{
	return !c->fill_due || c->indexed >= id;
}

int64_t
chores_erasing(const struct chores *c)
{
	return scrub_left(&c->scrub);
}

int64_t
chores_rebuild_left(const struct chores *c)
{
	return c->rebuild.left;
}

void
chores_put_off_rebuild(struct chores *c)
{
	rebuild_put_off(&c->rebuild);
}

bool
chores_rebuilding(const struct chores *c)
{
	return c->rebuild.due;
}
