/*
 * single: GET, PATCH and DELETE /messages/ID: one message, and changing or deleting it.
 *
 * A change is a message of its own (sql/007-changes.sql). First the one that is to be changed is looked at, in memory
 *or by a reader; whoever may change it has a message made for it, which the writer stores if there is still something
 *to change:
 *
 *	who asks                                                        may change it
 *	is who was proven to have sent it (`by`), within edit_window    where it may write
 *	presents its key (If-Key)                                       where it may write
 *	anybody else                                                    where it may moderate
 */
#ifndef SINGLE_H
#define SINGLE_H

#include "draft.h"

struct commit;
struct gate;
struct readers;
struct request;
struct requests;
struct rooms;

struct single {
	struct requests *requests;
	struct rooms *rooms;
	struct readers *readers;
	struct commit *commit;
	struct gate *gate;
	struct draft_limits limits;
	int64_t edit_window_ms; /* so long a message may be changed by who sent it */
};

void single_request(struct single *s, struct request *r);

#endif
