/*
 * rooms_named: the rooms that a query names, for /poll and /history.
 */
#ifndef ROOMS_NAMED_H
#define ROOMS_NAMED_H

#include "web/request.h"

/*
 * The names in `room` parameters, each once, as views into q; *all_rooms: there was a `*`. None at all is room main.
 * false, answered, when one is bad or there are more than max.
 */
bool rooms_named(struct request *r, const struct query *q, struct str *names, size_t *n, size_t max, bool *all_rooms);

#endif
