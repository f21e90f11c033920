#include "poll.h"

#include <stdlib.h>

#include "live/commit.h"
#include "live/room.h"
#include "poll_answer.h"
#include "poll_parking.h"
#include "poll_read.h"

struct poll {
	struct requests *requests;
	struct rooms *rooms;
	struct commit *commit;
	struct poll_answers *answers;
	struct poll_reads *reads;
	struct poll_parking *parking;
	int64_t wait_max_ms;
	bool draining;
};

size_t
poll_slot_size(void)
{
	return poll_parking_slot_size();
}

size_t
poll_parked(const struct poll *p)
{
	return poll_parking_n(p->parking);
}

/* A cursor that memory can answer: with what is there, or by waiting; also with others, unless its answer is full. */
static void
ask_memory(struct poll *p, struct fcgi_conn *conn, const struct poll_ask *ask)
{
	struct room *rooms[STORE_ROOMS_MAX];
	struct poll_answer a;
	bool may_wait = ask->wait_ms > 0 && !p->draining;

	poll_answer_begin(&a, p->answers, ask->limit, ask->no_gap);
	poll_ask_rooms(ask, p->rooms, false, rooms);
	if (poll_answer_add_rooms(&a, rooms, ask->n_rooms, ask->since)) {
		/* Another program may have deleted just now what memory would tell. */
		if (!ask->looked && !commit_current(p->commit))
			poll_read_look(p->reads, conn, ask);
		else if (a.gap || a.more || rooms[0] == NULL || !may_wait ||
		         !poll_parking_join(p->parking, conn, ask, rooms[0]))
			poll_answer_send(&a, conn, ask->preferred);
		return;
	}
	if (!may_wait)
		poll_answer_send_empty(p->answers, conn, ask->preferred);
	else if (poll_ask_rooms(ask, p->rooms, true, rooms) != 0 || poll_parking_add(p->parking, conn, ask, rooms) != 0)
		request_fail(p->requests, conn, PROBLEM_BUSY, "no memory for another held poll");
}

/* since=-N where memory holds the N newest: the cursor, else -1. */
static int64_t
newest_in_memory(struct poll *p, const struct poll_ask *ask)
{
	struct room *rooms[STORE_ROOMS_MAX];
	const struct ring_chain *chain;

	if (ask->n_rooms > 1)
		return -1;
	poll_ask_rooms(ask, p->rooms, false, rooms);
	if (rooms[0] == NULL)
		return -1;
	chain = room_chain(rooms[0]);
	return chain->n < (size_t)ask->newest ? -1 : ring_at(chain, chain->n - (size_t)ask->newest)->f.id - 1;
}

/* A cursor that is not beyond the head: by memory, or by a reader. */
static void
answer(void *ctx, struct fcgi_conn *conn, struct poll_ask *ask)
{
	struct poll *p = ctx;

	if (ask->newest > 0) {
		int64_t since = newest_in_memory(p, ask);

		if (since < 0) {
			poll_read_store(p->reads, conn, ask);
			return;
		}
		ask->since = since;
	}
	if (ask->since < rooms_floor(p->rooms))
		poll_read_store(p->reads, conn, ask);
	else
		ask_memory(p, conn, ask);
}

static void
get(struct poll *p, struct request *r)
{
	static const char *const known[] = {"room", "since", "wait", "limit", "epoch", NULL};
	struct query q;
	struct poll_ask ask;
	struct str epoch;

	if (!request_query(r, &q, known, "room"))
		return;
	if (poll_ask_read(&ask, r, &q, rooms_head(p->rooms), p->wait_max_ms, &epoch)) {
		if (epoch.p != NULL && !str_eq(epoch, str_of(rooms_epoch(p->rooms))))
			poll_answer_send_reset(p->answers, r->conn, ask.preferred);
		else if (ask.newest > 0 || ask.since <= rooms_head(p->rooms))
			answer(p, r->conn, &ask);
		else
			poll_read_look(p->reads, r->conn, &ask);
	}
	query_fini(&q);
}

void
poll_request(struct poll *p, struct request *r)
{
	request_open_cors(r);
	if (request_method_ok(r, "GET, OPTIONS"))
		get(p, r);
}

void
poll_gone(struct poll *p, struct fcgi_conn *conn)
{
	poll_parking_gone(p->parking, conn);
}

void
poll_drain(struct poll *p)
{
	p->draining = true;
	poll_parking_end_all(p->parking);
}

struct poll *
poll_new(struct loop *loop, const struct poll_options *options, struct requests *requests, struct rooms *rooms,
    struct readers *readers, struct commit *commit)
{
	struct poll *p = calloc(1, sizeof *p);

	if (p == NULL)
		return NULL;
	*p = (struct poll){.requests = requests, .rooms = rooms, .commit = commit, .wait_max_ms = options->wait_max_ms};
	p->answers = poll_answers_new(requests, rooms, options->reply_max);
	p->reads = poll_reads_new(requests, rooms, readers, commit, p->answers, answer, p);
	p->parking = poll_parking_new(loop, requests, rooms, p->answers, p->reads);
	if (p->answers == NULL || p->reads == NULL || p->parking == NULL) {
		poll_free(p);
		return NULL;
	}
	return p;
}

void
poll_free(struct poll *p)
{
	if (p == NULL)
		return;
	poll_parking_free(p->parking);
	poll_reads_free(p->reads);
	poll_answers_free(p->answers);
	free(p);
}
