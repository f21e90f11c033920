/*
 * rooms_named: the rooms that a query names, for /poll and /history.
 */
#ifndef ROOMS_NAMED_H
#define ROOMS_NAMED_H

#include "store/store.h"
#include "web/request.h"

struct gate;

/*
 * Those in `room` parameters, each once, as views into q. With a `*` among them it is all rooms: n is 1 then, and the
 * names say nothing. None at all is room main.
 * false, answered (or put off), when one is bad or may not be read, or there are more than STORE_ROOMS_MAX.
 */
bool rooms_named(struct gate *g, struct request *r, const struct query *q, struct store_rooms *rooms);

#endif
