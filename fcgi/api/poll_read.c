#include <stdlib.h>
#include <string.h>

#include "errand.h"
#include "live/commit.h"
#include "poll_state.h"

/* A poll that waits for a look or for a reader, with copies of all that it needs. */
struct reading {
	struct poll *poll;
	uint64_t handle; /* of the request */
	struct poll_ask ask;
	char names[STORE_ROOMS_MAX][MESSAGE_ROOM_MAX];
	uint64_t resets; /* rooms_resets() when it began */
	struct store_poll read;
};

/* A copy of what is asked, for a job; NULL without memory. */
static struct reading *
reading_new(struct poll *p, struct fcgi_conn *conn, const struct poll_ask *ask)
{
	struct reading *r = calloc(1, sizeof *r);

	if (r == NULL)
		return NULL;
	r->poll = p;
	r->handle = fcgi_handle(conn);
	r->resets = rooms_resets(p->rooms);
	r->ask = *ask;
	for (size_t i = 0; i < ask->rooms.n && !ask->rooms.all; i++) {
		memcpy(r->names[i], ask->rooms.names[i].p, ask->rooms.names[i].n);
		r->ask.rooms.names[i].p = r->names[i];
	}
	return r;
}

static void
reading_free(struct reading *r)
{
	buf_fini(&r->read.json);
	free(r);
}

/* Whether a look or a reader did not fail, nor find another log; false: answered. */
static bool
came_well(struct reading *r, struct fcgi_conn *conn, bool is_other_log, bool ok)
{
	if (is_other_log)
		poll_answer_send_reset(r->poll, conn, r->ask.preferred);
	else if (!ok)
		request_fail(r->poll->requests, conn, PROBLEM_STORE_FAILED, "the database cannot be read");
	return ok && !is_other_log;
}

/* The reader found nothing: what it looked at need not be asked for once more. */
static void
ask_above(struct reading *r, struct fcgi_conn *conn)
{
	r->ask.since = r->read.head;
	r->ask.newest = 0;
	poll_read(r->poll, conn, &r->ask);
}

/* What a reader found, and what memory holds above it. */
static void
answer_read(struct reading *r, struct fcgi_conn *conn)
{
	struct poll *p = r->poll;
	struct room *rooms[STORE_ROOMS_MAX];
	struct poll_answer a;

	if (r->read.n == 0 && !r->read.gap) {
		ask_above(r, conn);
		return;
	}
	poll_answer_begin(&a, p, r->ask.limit, r->ask.no_gap);
	poll_answer_add_read(&a, buf_str(&r->read.json), r->read.n, r->read.last_id);
	a.gap = r->read.gap && !r->ask.no_gap;
	if (r->read.more || r->read.head < rooms_floor(p->rooms) || !commit_current(p->commit)) {
		/* The next poll goes on from the last message; without one, from where the reader looked. */
		a.more = true;
		if (a.n == 0)
			a.last = r->read.head;
	} else {
		poll_ask_rooms(&r->ask, p->rooms, false, rooms);
		poll_answer_add_rooms(&a, rooms, r->ask.rooms.n, r->read.head);
	}
	if (a.n == 0 && !a.gap && !a.more)
		ask_above(r, conn);
	else
		poll_answer_send(&a, conn, r->ask.preferred);
}

static void
done(void *ctx, enum store_status status)
{
	struct reading *r = ctx;
	struct poll *p = r->poll;
	struct fcgi_conn *conn = errand_back(p->requests, r->handle);

	if (conn != NULL && came_well(r, conn, r->resets != rooms_resets(p->rooms), status == STORE_OK))
		answer_read(r, conn);
	reading_free(r);
}

void
poll_read_store(struct poll *p, struct fcgi_conn *conn, const struct poll_ask *ask)
{
	struct reading *r = reading_new(p, conn, ask);

	if (r != NULL) {
		r->read = (struct store_poll){.since = ask->since,
		    .newest = ask->newest,
		    .head = rooms_head(p->rooms),
		    .limit = ask->limit,
		    .rooms = r->ask.rooms};
		if (errand_begin(conn, readers_poll(p->readers, &r->read, done, r)))
			return;
		free(r);
	}
	request_refuse_busy(p->requests, conn);
}

/* A cursor beyond the head may be one that another program has just made good. */
static void
looked(void *ctx, uint64_t handle, bool ok)
{
	struct reading *r = ctx;
	struct poll *p = r->poll;
	struct fcgi_conn *conn = fcgi_find(p->requests->fcgi, handle);
	bool beyond = ok && r->ask.since > rooms_head(p->rooms);

	if (conn != NULL && came_well(r, conn, r->resets != rooms_resets(p->rooms) || beyond, ok)) {
		r->ask.looked = true;
		poll_read(p, conn, &r->ask);
	}
	reading_free(r);
}

static void
look(struct poll *p, struct fcgi_conn *conn, const struct poll_ask *ask)
{
	struct reading *r = reading_new(p, conn, ask);

	if (r != NULL && commit_look(p->commit, looked, r, r->handle) == 0)
		return;
	free(r);
	request_refuse_busy(p->requests, conn);
}

/* Answers from memory, or parks. During a round it joins the round, unless its page is full. */
static void
read_memory(struct poll *p, struct fcgi_conn *conn, const struct poll_ask *ask)
{
	struct room *rooms[STORE_ROOMS_MAX];
	struct poll_answer a;
	bool may_wait = ask->wait_ms > 0 && !p->draining;

	poll_answer_begin(&a, p, ask->limit, ask->no_gap);
	poll_ask_rooms(ask, p->rooms, false, rooms);
	if (poll_answer_add_rooms(&a, rooms, ask->rooms.n, ask->since)) {
		/* Another program may have deleted just now what memory would tell. */
		if (!ask->looked && !commit_current(p->commit))
			look(p, conn, ask);
		else if (a.gap || a.more || rooms[0] == NULL || !may_wait ||
		         !poll_park_in_round(p, conn, ask, rooms[0]))
			poll_answer_send(&a, conn, ask->preferred);
		return;
	}
	if (!may_wait)
		poll_answer_send_empty(p, conn, ask->preferred);
	else if (poll_ask_rooms(ask, p->rooms, true, rooms) != 0 || poll_park(p, conn, ask, rooms) != 0)
		request_fail(p->requests, conn, PROBLEM_BUSY, "no memory for another held poll");
}

/* since=-N where memory holds the N newest: the cursor, else -1. */
static int64_t
newest_in_memory(struct poll *p, const struct poll_ask *ask)
{
	struct room *rooms[STORE_ROOMS_MAX];
	const struct ring_chain *chain;

	if (ask->rooms.n > 1)
		return -1;
	poll_ask_rooms(ask, p->rooms, false, rooms);
	if (rooms[0] == NULL)
		return -1;
	chain = room_chain(rooms[0]);
	return chain->n < (size_t)ask->newest ? -1 : ring_at(chain, chain->n - (size_t)ask->newest)->f.id - 1;
}

void
poll_read(struct poll *p, struct fcgi_conn *conn, struct poll_ask *ask)
{
	int64_t since = ask->newest > 0 ? newest_in_memory(p, ask) : ask->since;

	if (since > rooms_head(p->rooms))
		look(p, conn, ask);
	else if (since < rooms_floor(p->rooms))
		poll_read_store(p, conn, ask);
	else {
		ask->since = since;
		read_memory(p, conn, ask);
	}
}
