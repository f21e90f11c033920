/*
 * rooms_read: how far a query says that rooms were read, for /rooms.
 */
#ifndef ROOMS_READ_H
#define ROOMS_READ_H

#include "store/store.h"
#include "web/query.h"

struct request;

/*
 * Those in `read` parameters, each ROOM:ID. Whether the room may be read is not asked: the list tells only of rooms
 * that may. false, answered, when one is bad, names a room once more, or there are more than STORE_ROOMS_MAX.
 */
bool rooms_read(struct request *r, const struct query *q, struct store_marks *marks);

#endif
