/*
 * moment: times as they are given to an option: how long from now or ago, or when.
 */
#ifndef MOMENT_H
#define MOMENT_H

#include "base/str.h"

/*
 * `90d`, `12h` (s, m, h, d, w or y of 365 days; up to 100 years), a day as `2027-01-31` (its 00:00 in UTC), or an RFC
 * 3339 date-time. In milliseconds since 1970 UTC. false: it is none of these.
 */
bool moment_read(struct str text, int64_t now_ms, int64_t *at_ms);

/* The same of what is over: `90d` is so long ago. */
bool moment_read_past(struct str text, int64_t now_ms, int64_t *at_ms);

/* `2027-01-31 12:00` in UTC; `never` for none. */
enum { MOMENT_SIZE = 20 };
void moment_write(bool none, int64_t at_ms, char text[MOMENT_SIZE]);

#endif
