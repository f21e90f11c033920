/*
 * polling: /socket.io/ (and /engine.io/): Engine.IO's HTTP long-polling (Engine.IO protocol 4, transport "polling").
 */
#ifndef POLLING_H
#define POLLING_H

#include "web/request.h"

struct session_layer;
struct sessions;

struct socketio {
	struct requests *requests;
	struct sessions *sessions;
	const struct session_layer *layer;
	int64_t ping_interval_ms, ping_timeout_ms;
	size_t max_payload; /* bytes of a POST */
};

void socketio_request(struct socketio *io, struct request *r);

#endif
