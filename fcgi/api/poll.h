/*
 * poll: GET /poll: what is newer than a cursor, at once or as soon as it is there.
 *
 * States of a poll, and what leads out of them:
 * - ASKING: poll_request(), and poll_read() in the same call. By its cursor: beyond the head -> LOOKING; below the
 * floor
 *   -> READING; else by memory, which has something -> answered, or nothing -> PARKED.
 * - LOOKING: the writer looks whether another program has just made the cursor good -> ASKING, or answered `reset`.
 * - READING: a reader reads what memory does not hold -> answered with that, or found nothing -> ASKING above it.
 * - PARKED: in its room, or rooms, and under a timer. Exactly one of news (woken), late (timer), poll_gone() (the peer
 *   hung up) and poll_drain() (the daemon stops) takes it out -> answered, or READING if memory has lost some of it.
 * Each way out unlinks first and speaks second. In LOOKING and READING it is a handle and a copy of what it asks for. A
 * client that is gone meanwhile is forgotten when the look returns; a reader is stopped (errand.h).
 *
 * Asking and parking happen in one turn of the loop, so no message can fall between them.
 *
 * Files: poll.c takes requests, poll_ask.c reads what one asks for, poll_read.c finds that, poll_parking.c holds those
 * for which there is nothing yet, poll_answer.c makes answers; poll_state.h is theirs alone.
 */
#ifndef POLL_H
#define POLL_H

#include "web/request.h"

struct commit;
struct gate;
struct loop;
struct poll;
struct readers;
struct rooms;

struct poll_options {
	int64_t wait_max_ms;
	size_t reply_max; /* bytes of messages in one answer */
};

/* NULL without memory. */
struct poll *poll_new(struct loop *loop, const struct poll_options *options, struct requests *requests,
    struct rooms *rooms, struct readers *readers, struct commit *commit, struct gate *gate);
void poll_free(struct poll *p);

void poll_request(struct poll *p, struct request *r);

/* Tokens or grants changed: a parked poll that may not wait for what it waits for any more is answered. */
void poll_judge(struct poll *p, struct fcgi_conn *conn);

/* The peer of a parked poll hung up. */
void poll_gone(struct poll *p, struct fcgi_conn *conn);

/* Answers all parked polls with nothing, and from now on parks none. */
void poll_drain(struct poll *p);

size_t poll_parked(const struct poll *p);

/* Bytes of a connection's slot that a parked poll takes. */
size_t poll_slot_size(void);

#endif
