/*
 * poll_state: what the files of poll share, in the order in which a request comes to them.
 */
#ifndef POLL_STATE_H
#define POLL_STATE_H

#include "base/jitter.h"
#include "live/gate.h"
#include "live/room.h"
#include "poll.h"
#include "store/store.h"

struct poll {
	struct loop *loop;
	struct requests *requests;
	struct rooms *rooms;
	struct readers *readers;
	struct commit *commit;
	struct gate *gate;
	struct poll_options options;
	bool draining;

	/* Parked: */
	size_t n_parked;
	uint8_t late_kind;
	struct jitter jitter;

	/* Answers: the bytes of the one in the making; for pages of each origin, and for those who are somebody, the
	 * ready one that says nothing came.
	 */
	struct buf body;
	struct poll_empty {
		struct blob *reply;
		int64_t head;
		uint64_t resets; /* rooms_resets() when it was made */
	} empty[ORIGINS_ALL];
};

/* ---- poll_ask.c ---- */

/* What a poll asks for: its rooms, its cursor, how long it waits. */
struct poll_ask {
	struct store_rooms rooms; /* as rooms_named() has them; views of whatever it was read from */
	int64_t since;
	int64_t newest; /* > 0: since=-N: start N messages before the end */
	bool looked;    /* what others committed before it came is known */
	bool no_gap;    /* since=all: a client that begins misses nothing */
	int64_t wait_ms;
	uint16_t limit;
	int8_t preferred; /* seconds taken from the Prefer header; -1: none */
};

/*
 * Reads the parameters (and Prefer) of r, whose query q is; views live as long as those two. *epoch is the epoch that
 * the client knows, p == NULL: none. false: answered with what is wrong.
 */
bool poll_ask_read(
    const struct poll *p, struct poll_ask *ask, struct request *r, const struct query *q, struct str *epoch);

/* ---- poll_read.c ---- */

/* Answers what is asked, now or when a look or a reader is done, or parks it. ask ends with the call. */
void poll_read(struct poll *p, struct fcgi_conn *conn, struct poll_ask *ask);

/* The same by a reader, for a cursor below what memory holds. */
void poll_read_store(struct poll *p, struct fcgi_conn *conn, const struct poll_ask *ask);

/* ---- poll_parking.c ---- */

/* Waits in the ask's rooms, found or made, for what comes above the head of now. -1 without memory. */
int poll_park(struct poll *p, struct fcgi_conn *conn, const struct poll_ask *ask, struct room *const *rooms);

/* Joins the round of a room that is being told just now: it gets what gathers meanwhile as well, in its turn. false: it
 * cannot, and is to be answered now. */
bool poll_park_in_round(struct poll *p, struct fcgi_conn *conn, const struct poll_ask *ask, struct room *room);

void poll_parking_init(struct poll *p);

/* ---- poll_answer.c ---- */

/*
 * An answer in the making. All are made in the same bytes, so one at a time: from poll_answer_begin() until it is sent
 * or forgotten nobody may begin another.
 */
struct poll_answer {
	struct poll *poll;
	size_t n, from;        /* messages so far; where they begin in its bytes */
	size_t limit;          /* most messages */
	int64_t last;          /* the last message's id */
	bool begun;            /* there are bytes */
	bool no_gap;           /* as of struct poll_ask */
	bool more, gap, reset; /* what it says of itself */
};

void poll_answer_begin(struct poll_answer *a, struct poll *p, size_t limit, bool no_gap);

/* What a reader found: n messages as JSON with commas between, up to the id last. */
void poll_answer_add_read(struct poll_answer *a, struct str json, size_t n, int64_t last);

/* What memory holds of the rooms (NULL: nothing) above since, in the order of ids, up to the answer's limits. Whether
 * there is anything to tell. */
bool poll_answer_add_rooms(struct poll_answer *a, struct room *const *rooms, size_t n, int64_t since);

/* Ends the answer and sends it. preferred: seconds taken from the Prefer header, to be named in the answer; -1: none.
 */
void poll_answer_send(struct poll_answer *a, struct fcgi_conn *conn, int preferred);

/* The whole answer for a cursor of another log. */
void poll_answer_send_reset(struct poll *p, struct fcgi_conn *conn, int preferred);

/* The whole answer when nothing came. */
void poll_answer_send_empty(struct poll *p, struct fcgi_conn *conn, int preferred);

/* A waiter that is woken in one room. */
struct poll_woken {
	int64_t since;
	size_t limit;
	int preferred;
	unsigned origin; /* of its slot */
};

/*
 * The answer of a woken waiter, which it shares with all that stand where it stands. false: there is nothing to tell.
 * *reply is the caller's, for request_send(); NULL without memory.
 */
bool poll_answer_shared(struct poll *p, struct room *room, const struct poll_woken *woken, struct blob **reply);

#endif
