/*
 * roomlist: GET /rooms: which rooms there are, the one with the newest message first.
 *
 * Read by a reader's thread from table rooms, which triggers keep, so it costs no walk through the log. A room is shown
 * as it was at the published head (I6), and the epoch answered is the one in which that head was asked for.
 */
#ifndef ROOMLIST_H
#define ROOMLIST_H

#include "web/request.h"

struct gate;
struct readers;
struct rooms;

struct roomlist {
	struct requests *requests;
	struct rooms *rooms;
	struct readers *readers;
	struct gate *gate;
};

void roomlist_request(struct roomlist *l, struct request *r);

#endif
