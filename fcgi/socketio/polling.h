/*
 * polling: /socket.io/ (and /engine.io/): Engine.IO's HTTP long-polling (Engine.IO protocol 4, transport "polling").
 *
 * A held GET is the outlet of its session, for one reply.
 */
#ifndef POLLING_H
#define POLLING_H

#include "web/request.h"

struct gate;
struct session_layer;
struct sessions;

struct polling {
	struct requests *requests;
	struct sessions *sessions;
	struct gate *gate; /* what requests take of their persons'; NULL: nothing */
	const struct session_layer *layer;
	int64_t ping_interval_ms, ping_timeout_ms;
	size_t max_payload; /* bytes of a POST */
};

/* Before the first request, when the fields are set. */
void polling_init(struct polling *p);

void polling_request(struct polling *p, struct request *r);

/* The peer of a GET that is held hung up. */
void polling_gone(struct fcgi_conn *conn);

/* Bytes of a connection's slot. */
size_t polling_slot_size(void);

#endif
