/*
 * poll_answer: answers to polls: one in the making, and the ready-made ones that many share.
 *
 * All are made in the same bytes, so one at a time: from poll_answer_begin() until it is sent or forgotten nobody may
 * begin another.
 */
#ifndef POLL_ANSWER_H
#define POLL_ANSWER_H

#include "web/request.h"

struct poll_answers;
struct room;
struct rooms;

/* reply_max: bytes of messages in one answer. NULL without memory. */
struct poll_answers *poll_answers_new(struct requests *requests, struct rooms *rooms, size_t reply_max);
void poll_answers_free(struct poll_answers *all);

/* An answer in the making. */
struct poll_answer {
	struct poll_answers *all;
	size_t n, from;        /* messages so far; where they begin in its bytes */
	size_t limit;          /* most messages */
	int64_t last;          /* the last message's id */
	bool begun;            /* there are bytes */
	bool no_gap;           /* nothing is missed by who gets it */
	bool more, gap, reset; /* what it says of itself */
};

void poll_answer_begin(struct poll_answer *a, struct poll_answers *all, size_t limit, bool no_gap);

/* What a reader found: n messages as JSON with commas between, up to the id last. */
void poll_answer_add_read(struct poll_answer *a, struct str json, size_t n, int64_t last);

/* What memory holds of the rooms (NULL: nothing) above since, in the order of ids, up to the answer's limits. Whether
 * there is anything to tell. */
bool poll_answer_add_rooms(struct poll_answer *a, struct room *const *rooms, size_t n, int64_t since);

/* Ends the answer and sends it. preferred: seconds taken from the Prefer header, to be named in the answer; -1: none.
 */
void poll_answer_send(struct poll_answer *a, struct fcgi_conn *conn, int preferred);

/* The whole answer for a cursor of another log. */
void poll_answer_send_reset(struct poll_answers *all, struct fcgi_conn *conn, int preferred);

/* The whole answer when nothing came: the same bytes for all, as long as the head stays. */
void poll_answer_send_empty(struct poll_answers *all, struct fcgi_conn *conn, int preferred);

/* Who is woken in one room. */
struct poll_woken {
	int64_t since;
	size_t limit;
	int preferred;
	unsigned origin; /* of its slot */
};

/*
 * The answer of a woken waiter, which it shares with all who stand where it stands. false: there is nothing to tell.
 * *reply is the caller's, for request_send(); NULL without memory.
 */
bool poll_answer_shared(
    struct poll_answers *all, struct room *room, const struct poll_woken *woken, struct blob **reply);

#endif
