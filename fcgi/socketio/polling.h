/*
 * polling: /socket.io/ (and /engine.io/): Engine.IO's HTTP long-polling (Engine.IO protocol 4, transport "polling").
 *
 * A held GET is the outlet of its session, for one reply.
 */
#ifndef POLLING_H
#define POLLING_H

#include "engine.h"

/* Before the first request, when e's fields are set. Sessions of several paths have one of these. */
void polling_init(struct engine *e);

void polling_request(struct engine *e, struct request *r);

/* The peer of a GET that is held hung up. */
void polling_gone(struct fcgi_conn *conn);

/* Bytes of a connection's slot. */
size_t polling_slot_size(void);

#endif
