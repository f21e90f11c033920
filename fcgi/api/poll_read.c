#include "poll_read.h"

#include <stdlib.h>
#include <string.h>

#include "errand.h"
#include "live/commit.h"
#include "live/room.h"
#include "poll_answer.h"

struct poll_reads {
	struct requests *requests;
	struct rooms *rooms;
	struct readers *readers;
	struct commit *commit;
	struct poll_answers *answers;
	poll_again_fn *again;
	void *ctx;
};

/* A poll that waits for a look or for a reader, with copies of all that it needs. */
struct reading {
	struct poll_reads *all;
	uint64_t handle; /* of the request */
	struct poll_ask ask;
	char names[STORE_ROOMS_MAX][MESSAGE_ROOM_MAX];
	uint64_t resets; /* rooms_resets() when it began */
	struct store_poll read;
};

struct poll_reads *
poll_reads_new(struct requests *requests, struct rooms *rooms, struct readers *readers, struct commit *commit,
    struct poll_answers *answers, poll_again_fn *again, void *ctx)
{
	struct poll_reads *all = calloc(1, sizeof *all);

	if (all != NULL)
		*all = (struct poll_reads){requests, rooms, readers, commit, answers, again, ctx};
	return all;
}

void
poll_reads_free(struct poll_reads *all)
{
	free(all);
}

/* A copy of what is asked, for a job; NULL without memory. */
static struct reading *
reading_new(struct poll_reads *all, struct fcgi_conn *conn, const struct poll_ask *ask)
{
	struct reading *r = calloc(1, sizeof *r);

	if (r == NULL)
		return NULL;
	r->all = all;
	r->handle = fcgi_handle(conn);
	r->resets = rooms_resets(all->rooms);
	r->ask = *ask;
	for (size_t i = 0; i < ask->n_rooms && !ask->all_rooms; i++) {
		memcpy(r->names[i], ask->rooms[i].p, ask->rooms[i].n);
		r->ask.rooms[i].p = r->names[i];
	}
	return r;
}

static void
reading_free(struct reading *r)
{
	buf_fini(&r->read.json);
	free(r);
}

/* Whoever waits for a job is told here when the job found another log, or failed; else true. */
static bool
came_well(struct reading *r, struct fcgi_conn *conn, bool is_other_log, bool ok)
{
	if (is_other_log)
		poll_answer_send_reset(r->all->answers, conn, r->ask.preferred);
	else if (!ok)
		request_fail(r->all->requests, conn, PROBLEM_STORE_FAILED, "the database cannot be read");
	return ok && !is_other_log;
}

/* The reader found nothing: what it looked at need not be asked for once more. */
static void
ask_above(struct reading *r, struct fcgi_conn *conn)
{
	r->ask.since = r->read.head;
	r->ask.newest = 0;
	r->all->again(r->all->ctx, conn, &r->ask);
}

/* What a reader found, and what memory holds above it. */
static void
answer_read(struct reading *r, struct fcgi_conn *conn)
{
	struct poll_reads *all = r->all;
	struct room *rooms[STORE_ROOMS_MAX];
	struct poll_answer a;

	if (r->read.n == 0 && !r->read.gap) {
		ask_above(r, conn);
		return;
	}
	poll_answer_begin(&a, all->answers, r->ask.limit, r->ask.no_gap);
	poll_answer_add_read(&a, buf_str(&r->read.json), r->read.n, r->read.last_id);
	a.gap = r->read.gap && !r->ask.no_gap;
	if (r->read.more || r->read.head < rooms_floor(all->rooms) || !commit_current(all->commit)) {
		/* The next poll goes on from the last message; without one, from where the reader looked. */
		a.more = true;
		if (a.n == 0)
			a.last = r->read.head;
	} else {
		poll_ask_rooms(&r->ask, all->rooms, false, rooms);
		poll_answer_add_rooms(&a, rooms, r->ask.n_rooms, r->read.head);
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
	struct poll_reads *all = r->all;
	struct fcgi_conn *conn = errand_back(all->requests, r->handle);

	if (conn != NULL && came_well(r, conn, r->resets != rooms_resets(all->rooms), status == STORE_OK))
		answer_read(r, conn);
	reading_free(r);
}

void
poll_read_store(struct poll_reads *all, struct fcgi_conn *conn, const struct poll_ask *ask)
{
	struct reading *r = reading_new(all, conn, ask);

	if (r != NULL) {
		r->read = (struct store_poll){.since = ask->since,
		    .newest = ask->newest,
		    .head = rooms_head(all->rooms),
		    .limit = ask->limit,
		    .rooms = {.n = ask->n_rooms, .all = ask->all_rooms}};
		memcpy(r->read.rooms.names, r->ask.rooms, sizeof r->read.rooms.names);
		if (errand_begin(conn, readers_poll(all->readers, &r->read, done, r)))
			return;
		free(r);
	}
	request_refuse_busy(all->requests, conn);
}

/* A cursor beyond the head may be one that another program has just made good. */
static void
looked(void *ctx, uint64_t handle, bool ok)
{
	struct reading *r = ctx;
	struct poll_reads *all = r->all;
	struct fcgi_conn *conn = fcgi_find(all->requests->fcgi, handle);
	bool beyond = ok && r->ask.since > rooms_head(all->rooms);

	if (conn != NULL && came_well(r, conn, r->resets != rooms_resets(all->rooms) || beyond, ok)) {
		r->ask.looked = true;
		all->again(all->ctx, conn, &r->ask);
	}
	reading_free(r);
}

void
poll_read_look(struct poll_reads *all, struct fcgi_conn *conn, const struct poll_ask *ask)
{
	struct reading *r = reading_new(all, conn, ask);

	if (r != NULL && commit_look(all->commit, looked, r, r->handle) == 0)
		return;
	free(r);
	request_refuse_busy(all->requests, conn);
}
