/*
 * poll: GET /poll: what is newer than a cursor, at once or as soon as it is there.
 *
 * States of a poll, and what leads out of them:
 * - asking: poll_request(). It may need a look at the database (a cursor beyond the head, poll_read_look()) or a reader
 *   (a cursor below what memory holds, "READING", poll_read_store()) -> answered, or parked.
 * - parked: in its room and under a timer (poll_parking) -> exactly one of news (woken), late (timer), gone (the peer
 *   hung up), poll_drain() (the daemon stops).
 *
 * Asking and parking happen in one turn of the loop, so no message can fall between them.
 */
#ifndef POLL_H
#define POLL_H

#include "web/request.h"

struct commit;
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
    struct rooms *rooms, struct readers *readers, struct commit *commit);
void poll_free(struct poll *p);

void poll_request(struct poll *p, struct request *r);

/* The peer of a parked poll hung up. */
void poll_gone(struct poll *p, struct fcgi_conn *conn);

/* Answers all parked polls with nothing, and from now on parks none. */
void poll_drain(struct poll *p);

size_t poll_parked(const struct poll *p);

/* Bytes of a connection's slot that a parked poll takes. */
size_t poll_slot_size(void);

#endif
