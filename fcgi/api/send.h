/*
 * send: POST /send.
 *
 * A request becomes a message or an error here, before anything is queued; the answer goes out after the commit.
 */
#ifndef SEND_H
#define SEND_H

#include "draft.h"
#include "live/commit.h"

struct gate;

struct send {
	struct requests *requests;
	struct commit *commit;
	struct gate *gate;
	struct draft_limits limits;
};

void send_request(struct send *s, struct request *r);

/* What the answer to a repetition says of itself. */
#define SEND_REPLAYED STR(REQUEST_NO_STORE_LINE "Idempotent-Replayed: true\r\n")

/* Answers a request whose message (m, which may be a change) was not stored: what commit.h says of it. */
void send_failed(struct requests *requests, struct gate *gate, struct fcgi_conn *conn, enum commit_outcome outcome,
    const struct message *m, int64_t id, int64_t at_ms);

#endif
