/*
 * serve: what becomes of a request between FastCGI and its route: its slot, who is told when its peer is gone, whose
 * memory its answer is, what a change of tokens or grants does to one that waits.
 */
#ifndef SERVE_H
#define SERVE_H

#include "route.h"
#include "web/request.h"
#include "web/wire.h"

struct serve {
	struct requests *requests;
	struct routes routes;
	struct wires *wires;
	int64_t last_request_ms; /* clock_ms() when one came */
};

/* For fcgi_new(); s must last as long as what that makes, and its routes be there before the loop runs. */
struct fcgi_handler serve_handler(struct serve *s);

/* Bytes of a connection's slot: what handlers put there, one at a time. */
size_t serve_slot_size(void);

/* For struct gate; ctx is a struct serve. What waits for a session or a send is judged there. */
void serve_judge(void *ctx, struct fcgi_conn *conn);

#endif
