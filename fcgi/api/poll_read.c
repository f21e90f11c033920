#include <stdlib.h>
#include <string.h>

#include "cursor.h"
#include "errand.h"
#include "live/commit.h"
#include "poll_state.h"

/* A poll that waits for a look or for a reader, with copies of all that it needs. */
struct reading {
	struct poll *poll;
	uint64_t handle; /* of the request */
	struct poll_ask ask;
	char names[STORE_ROOMS_MAX][MESSAGE_ROOM_MAX];
	uint64_t resets;     /* rooms_resets() when it began */
	struct sight *sight; /* held: what its request could see then */
	struct read_turn turn;
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
	r->sight = sight_hold(slot_pass(conn)->sight);
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
	sight_drop(r->sight);
	gate_end_read(r->poll->gate, &r->turn);
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

/* Whether memory goes on where the reader ended. */
static bool
goes_on(const struct reading *r)
{
	return !r->read.more && r->read.head >= rooms_floor(r->poll->rooms);
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
	if (!goes_on(r) || !r->ask.looked) {
		/* The next poll goes on from the last message; without one, from where the reader looked. */
		a.more = true;
		if (a.n == 0)
			a.last = r->read.head;
	} else {
		if (cursor_rooms(&r->ask.rooms, p->rooms, r->sight, false, rooms) == 0)
			poll_answer_add_rooms(&a, rooms, r->ask.rooms.n, r->read.head);
	}
	if (a.n == 0 && !a.gap && !a.more)
		ask_above(r, conn);
	else
		poll_answer_send(&a, conn, r->ask.preferred);
}

static void look(struct poll *p, struct fcgi_conn *conn, const struct poll_ask *ask);

static void
looked_above(void *ctx, uint64_t handle, bool ok)
{
	struct reading *r = ctx;
	struct poll *p = r->poll;
	struct fcgi_conn *conn = fcgi_find(p->requests->fcgi, handle);

	r->ask.looked = true;
	if (conn != NULL && gate_still_may_read(p->gate, conn, &r->ask.rooms) &&
	    came_well(r, conn, r->resets != rooms_resets(p->rooms), ok)) {
		if (slot_pass(conn)->sight != r->sight)
			poll_read(p, conn, &r->ask);
		else
			answer_read(r, conn);
	}
	reading_free(r);
}

/* Another program may have deleted just now what memory would tell: whether that is looked at first. Not by answering
 * with `more`: who sees nothing of what is written would notice that something is. */
static bool
looks_above(struct reading *r)
{
	struct poll *p = r->poll;

	r->ask.looked = r->ask.looked || commit_current(p->commit);
	return !r->ask.looked && goes_on(r) && commit_look(p->commit, looked_above, r, r->handle) == 0;
}

static void
done(void *ctx, enum store_status status)
{
	struct reading *r = ctx;
	struct poll *p = r->poll;
	struct fcgi_conn *conn = errand_back(p->requests, r->handle);

	gate_end_read(p->gate, &r->turn);
	if (conn != NULL && gate_still_may_read(p->gate, conn, &r->ask.rooms)) {
		/* Tokens or grants changed meanwhile: it asks once more, with what they say now. */
		if (status == STORE_STALE || slot_pass(conn)->sight != r->sight)
			look(p, conn, &r->ask);
		else if (came_well(r, conn, r->resets != rooms_resets(p->rooms), status == STORE_OK)) {
			if (looks_above(r))
				return;
			answer_read(r, conn);
		}
	}
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
		    .access_version = access_version(p->gate->access),
		    .rooms = r->ask.rooms};
		r->read.rooms.sees = sight_sees(r->sight);
		gate_begin_read(p->gate, conn, &r->turn);
		if (errand_begin(conn, readers_poll(p->readers, &r->read, &r->turn, done, r)))
			return;
		reading_free(r);
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

	if (conn != NULL && gate_still_may_read(p->gate, conn, &r->ask.rooms) &&
	    came_well(r, conn, r->resets != rooms_resets(p->rooms) || beyond, ok)) {
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
	if (r != NULL)
		reading_free(r);
	request_refuse_busy(p->requests, conn);
}

/* Answers from memory, or parks. During a round it joins the round, unless its page is full. */
static void
read_memory(struct poll *p, struct fcgi_conn *conn, const struct poll_ask *ask)
{
	struct room *rooms[STORE_ROOMS_MAX];
	struct poll_answer a;
	struct sight *sight = slot_pass(conn)->sight;
	bool may_wait = ask->wait_ms > 0 && !p->draining;

	poll_answer_begin(&a, p, ask->limit, ask->no_gap);
	if (cursor_rooms(&ask->rooms, p->rooms, sight, false, rooms) != 0) {
		request_fail(p->requests, conn, PROBLEM_BUSY, "no memory for another held poll");
		return;
	}
	if (rooms[0] != NULL && room_is_far(rooms[0], ask->since)) {
		poll_read_store(p, conn, ask);
		return;
	}
	if (poll_answer_add_rooms(&a, rooms, ask->rooms.n, ask->since)) {
		/* Another program may have deleted just now what memory would tell. */
		if (!ask->looked && !commit_current(p->commit))
			look(p, conn, ask);
		else if (a.gap || a.more || rooms[0] == NULL || !may_wait ||
		         !poll_park_in_round(p, conn, ask, rooms[0]))
			poll_answer_send(&a, conn, ask->preferred);
		return;
	}
	/* Who does not wait is told what holds by now, be it that another program has just closed the room. */
	if (ask->wait_ms == 0 && !ask->looked && !commit_current(p->commit))
		look(p, conn, ask);
	else if (!may_wait)
		poll_answer_send_empty(p, conn, ask->preferred);
	else if (cursor_rooms(&ask->rooms, p->rooms, sight, true, rooms) != 0 || poll_park(p, conn, ask, rooms) != 0)
		request_fail(p->requests, conn, PROBLEM_BUSY, "no memory for another held poll");
}

void
poll_read(struct poll *p, struct fcgi_conn *conn, struct poll_ask *ask)
{
	int64_t since =
	    ask->newest > 0 ? cursor_newest(&ask->rooms, p->rooms, slot_pass(conn)->sight, ask->newest) : ask->since;

	if (since > rooms_head(p->rooms))
		look(p, conn, ask);
	else if (since < rooms_floor(p->rooms))
		poll_read_store(p, conn, ask);
	else {
		ask->since = since;
		read_memory(p, conn, ask);
	}
}
