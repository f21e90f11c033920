/*
 * send: POST /send.
 *
 * A request becomes a message or an error here, before anything is queued; the answer goes out after the commit.
 */
#ifndef SEND_H
#define SEND_H

#include "draft.h"

struct commit;

struct send {
	struct requests *requests;
	struct commit *commit;
	struct draft_limits limits;
};

void send_request(struct send *s, struct request *r);

#endif
