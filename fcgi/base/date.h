/*
 * date: dates and times as people write them in a URL.
 */
#ifndef DATE_H
#define DATE_H

#include "str.h"

/* YYYY-MM-DD, its 00:00 at tz_minutes east of UTC, in milliseconds since 1970 UTC. */
bool date_day(struct str s, int tz_minutes, int64_t *ms);

/* A day as above, or an RFC 3339 date-time, whose blank before an offset was once a + in a URL. */
bool date_moment(struct str s, int tz_minutes, int64_t *ms);

/* +HH:MM or -HH:MM, up to 23:59; a blank at the beginning was once a +. */
bool date_zone(struct str s, int *minutes);

#endif
