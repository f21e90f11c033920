#include "chores.h"

#include <stdlib.h>

#include "checkpoint.h"
#include "event/loop.h"

enum {
	REST_MS = 50,              /* without a send, before the index is filled */
	REST_FAILED_MS = 1000,     /* after the index could not be filled */
	INDEX_BEHIND_MAX = 100000, /* rows; then it is filled without a rest */
};

struct chores {
	struct loop *loop;
	struct checkpoint *checkpoint;

	/* The index: */
	int64_t head, indexed; /* of the log; and greatest id in the index */
	bool fill_due;         /* something is missing in it */
	bool fill_waits;       /* for the timer, after a failure */
	bool filled_last;      /* a piece of it was the writer's last job */
	bool rested;           /* nobody has sent for REST_MS */
	struct timer timer;    /* to the end of the rest */
	uint8_t timer_kind;
};

static void
rest_for(struct chores *c, int64_t ms)
{
	loop_timer_set(c->loop, &c->timer, c->timer_kind, ms);
}

static void
on_rested(void *ctx, struct timer *t)
{
	struct chores *c = ctx;

	(void)t;
	c->rested = true;
	c->fill_waits = false;
}

struct chores *
chores_new(struct loop *loop, struct store *checkpointer)
{
	struct chores *c = calloc(1, sizeof *c);

	if (c == NULL)
		return NULL;
	c->loop = loop;
	c->checkpoint = checkpoint_new(loop, checkpointer);
	if (c->checkpoint == NULL) {
		free(c);
		return NULL;
	}
	c->timer_kind = loop_timer_kind(loop, on_rested, c);
	/* There may be something left to index. */
	c->fill_due = true;
	rest_for(c, REST_MS);
	return c;
}

void
chores_free(struct chores *c)
{
	if (c == NULL)
		return;
	checkpoint_free(c->checkpoint);
	free(c);
}

enum chore
chores_due(const struct chores *c, bool busy, bool searched)
{
	bool behind = c->head - c->indexed > INDEX_BEHIND_MAX;
	bool now = busy ? searched && !c->filled_last : c->rested || searched || behind;

	if (checkpoint_wants_writer(c->checkpoint))
		return CHORE_RESTART_WAL;
	return c->fill_due && !c->fill_waits && now ? CHORE_FILL : CHORE_NONE;
}

enum store_status
chores_run(enum chore chore, struct store *writer, int64_t floor, struct store_news *news)
{
	return chore == CHORE_FILL ? store_fill(writer, floor, news) : store_checkpoint(writer, false);
}

void
chores_told(struct chores *c, const struct store_news *news)
{
	c->filled_last = false;
	if (news->n_messages > 0 || news->n_changes > 0 || news->reset)
		c->fill_due = true;
	if (news->reset)
		c->indexed = 0;
	if (news->reset || news->head > c->head)
		c->head = news->head;
	if (news->wal_pages > 0)
		checkpoint_wrote(c->checkpoint, news->wal_pages);
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
		checkpoint_later(c->checkpoint);
	}
}

void
chores_ended(struct chores *c, enum chore chore, enum store_status status, const struct store_news *news)
{
	if (chore == CHORE_FILL)
		end_fill(c, status, news);
	else
		checkpoint_restarted(c->checkpoint);
}

void
chores_sent(struct chores *c)
{
	c->rested = false;
	/* Not put off any further while the index waits for it after a failure. */
	if (!c->fill_waits)
		rest_for(c, REST_MS);
	checkpoint_later(c->checkpoint);
}

void
chores_copy(struct chores *c)
{
	checkpoint_if_large(c->checkpoint);
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
