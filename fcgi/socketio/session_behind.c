/* What memory has left behind is read for a cursor: when its person's turn is, and by what that one may. */
#include <stdlib.h>
#include <string.h>

#include "access/access.h"
#include "base/clock.h"
#include "live/commit.h"
#include "session_state.h"
#include "store/readers.h"

enum {
	READ_LIMIT = 256,
	PLACE_STEP_MS = 50, /* between tries for a place among its person's reads */
};

/* Messages that memory does not hold, on their way to a cursor. */
struct reading {
	LIST_ENTRY(reading) link;
	struct sessions *all;
	struct session *session;       /* NULL: it ended meanwhile */
	struct session_cursor *cursor; /* NULL: it left meanwhile */
	struct pass *pass;             /* for whom it is counted, held; or NULL */
	struct timer timer;            /* it waits for its turn */
	struct read *read;             /* NULL: not yet, or the writer looks and then it is asked again */
	struct read_turn turn;
	bool entered; /* it has a place among its person's reads */
	uint64_t resets;
	struct store_tail tail;
	char room[MESSAGE_ROOM_MAX];
};

/* Takes what was read for c, which had nothing. */
static void
take_backlog(struct session_cursor *c, struct store_tail *tail)
{
	struct session *s = c->session;
	struct unsaid *u = session_unsaid(s);

	if (u == NULL) {
		session_doom(s);
		return;
	}
	c->backlog = tail->messages;
	c->backlog_n = (uint16_t)tail->n;
	tail->messages = NULL;
	tail->n = 0;
	for (size_t i = 0; i < c->backlog_n; i++)
		u->backlog_bytes += c->backlog[i]->size;
	u->backlog_bytes += budget_size(c->backlog);
	if (!session_count(s))
		session_doom(s);
}

/* A thread has done its part, or none will: its person pays. */
static void
pay(struct reading *r)
{
	struct persons *persons = r->all->options.persons;
	uint64_t ms = (uint64_t)(r->turn.took_us + 500) / 1000;

	if (r->entered) {
		limit_charge(persons, r->pass->person, LIMIT_READING, ms, clock_ms());
		limit_leave(persons, r->pass->person, LIMIT_READS, 1);
	}
	r->entered = false;
}

static void
reading_free(struct reading *r)
{
	if (r->session != NULL)
		r->session->reading = NULL;
	pay(r);
	LIST_REMOVE(r, link);
	pass_drop(r->pass);
	loop_timer_clear(r->all->loop, &r->timer);
	store_tail_fini(&r->tail);
	free(r);
}

/* Memory has learned what the reader knew before it of tokens and grants; unless the look failed it is asked again. */
static void
looked(void *ctx, uint64_t handle, bool ok)
{
	struct reading *r = ctx;
	struct session *s = r->session;

	(void)handle;
	reading_free(r);
	if (s != NULL && !ok)
		session_end(s, STR("1"));
	else if (s != NULL)
		session_wake(s);
}

static void
done(void *ctx, enum store_status status)
{
	struct reading *r = ctx;
	struct session *s = r->session;
	struct session_cursor *c = r->cursor;
	bool missed = false;

	r->read = NULL;
	pay(r);
	if (s != NULL && status == STORE_STALE && r->all->options.commit != NULL &&
	    commit_look(r->all->options.commit, looked, r, 0) == 0)
		return;
	if (s != NULL)
		s->reading = NULL;
	/* What was read of a log that was replaced meanwhile is dropped. */
	if (c != NULL && s != NULL && r->resets == rooms_resets(r->all->rooms)) {
		c->newest_max = 0;
		missed = status == STORE_OK && r->tail.gap;
		if (missed)
			;
		else if (status == STORE_OK && r->tail.n > 0)
			take_backlog(c, &r->tail);
		else if (status == STORE_OK)
			c->since = r->tail.head; /* nothing up to there */
	}
	/* After a failure the session ends; the client comes back with a new one and asks again. Likewise where
	 * something is not kept any more that it was not told: it is told then that it did not recover. */
	if (s != NULL && (missed || (status != STORE_OK && status != STORE_STOPPED)))
		session_end(s, STR("1"));
	else if (s != NULL)
		session_wake(s);
	r->session = NULL;
	reading_free(r);
}

/* 0: it has its place; or else ms until it is tried again. */
static int64_t
take_turn(struct reading *r)
{
	struct persons *persons = r->all->options.persons;
	int64_t wait_ms;

	if (persons == NULL || r->pass == NULL)
		return 0;
	/* What was read before is paid first, however long that takes. */
	wait_ms = limit_take(persons, r->pass->person, LIMIT_READING, 0, INT64_MAX, clock_ms());
	if (wait_ms > 0)
		return wait_ms;
	r->entered = limit_enter(persons, r->pass->person, LIMIT_READS, 1);
	return r->entered ? 0 : PLACE_STEP_MS;
}

/* By which tokens and grants it is let read. */
static int64_t
version_of(const struct reading *r)
{
	return r->pass == NULL || r->all->options.access == NULL ? 0 : access_version(r->all->options.access);
}

/* Asks, or waits for its turn. false: too many are being asked. */
static bool
begin(struct reading *r)
{
	int64_t wait_ms = take_turn(r);

	if (wait_ms > 0) {
		loop_timer_set(r->all->loop, &r->timer, r->all->read_kind, wait_ms);
		return true;
	}
	r->turn.key = r->entered ? r->pass->person : NULL;
	r->tail = (struct store_tail){.access_version = version_of(r),
	    .room = {r->room, r->cursor->room_n},
	    .since = r->cursor->since,
	    .head = rooms_head(r->all->rooms),
	    .limit = READ_LIMIT,
	    .bytes_max = r->all->options.reply_max,
	    .newest_max = r->cursor->newest_max};
	r->resets = rooms_resets(r->all->rooms);
	r->read = readers_tail(r->all->readers, &r->tail, &r->turn, done, r);
	return r->read != NULL;
}

/* A cursor must not go past what was not read: the client comes back and asks again. */
static void
begin_or_close(struct reading *r)
{
	struct session *s = r->session;

	if (begin(r))
		return;
	reading_free(r);
	session_close(s);
}

static void
on_turn(void *ctx, struct timer *t)
{
	(void)ctx;
	begin_or_close(CONTAINER(t, struct reading, timer));
}

void
session_read_behind(struct session *s, struct session_cursor *c)
{
	struct reading *r = calloc(1, sizeof *r);

	if (r == NULL) {
		session_close(s);
		return;
	}
	r->all = s->all;
	r->session = s;
	r->cursor = c;
	r->pass = c->pass == NULL ? NULL : pass_hold(c->pass);
	memcpy(r->room, c->room, c->room_n);
	s->reading = r;
	LIST_INSERT_HEAD(&s->all->readings, r, link);
	begin_or_close(r);
}

void
session_stop_reading(struct session *s, const struct session_cursor *c)
{
	struct reading *r = s->reading;

	if (r == NULL || (c != NULL && r->cursor != c))
		return;
	r->cursor = NULL;
	if (c == NULL)
		r->session = NULL;
	if (r->timer.set) {
		reading_free(r);
		if (c != NULL)
			session_wake(s);
	} else if (r->read != NULL)
		readers_cancel(r->read);
}

void
session_free_readings(struct sessions *all)
{
	while (!LIST_EMPTY(&all->readings))
		reading_free(LIST_FIRST(&all->readings));
}

void
session_behind_init(struct sessions *all)
{
	all->read_kind = loop_timer_kind(all->loop, on_turn, all);
}
