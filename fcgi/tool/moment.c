#include "moment.h"

#include <stdio.h>
#include <string.h>

#include "base/date.h"
#include "store/message.h"

static const int64_t DAY_S = 86400, YEARS_MAX_S = INT64_C(100) * 365 * 86400;

/* Seconds of a unit; 0: it is none. */
static int64_t
unit_seconds(char unit)
{
	switch (unit) {
	case 's':
		return 1;
	case 'm':
		return 60;
	case 'h':
		return 3600;
	case 'd':
		return DAY_S;
	case 'w':
		return 7 * DAY_S;
	case 'y':
		return 365 * DAY_S;
	default:
		return 0;
	}
}

/* sign: 1 from now on, -1 back. */
static bool
read_moment(struct str text, int64_t now_ms, int64_t sign, int64_t *at_ms)
{
	int64_t unit = text.n > 1 ? unit_seconds(text.p[text.n - 1]) : 0;
	uint64_t n;

	if (unit == 0)
		return date_moment(text, 0, at_ms);
	if (!str_uint((struct str){text.p, text.n - 1}, (uint64_t)(YEARS_MAX_S / unit), &n))
		return false;
	*at_ms = now_ms + sign * (int64_t)n * unit * 1000;
	return true;
}

bool
moment_read(struct str text, int64_t now_ms, int64_t *at_ms)
{
	return read_moment(text, now_ms, 1, at_ms);
}

bool
moment_read_past(struct str text, int64_t now_ms, int64_t *at_ms)
{
	return read_moment(text, now_ms, -1, at_ms);
}

void
moment_write(bool none, int64_t at_ms, char text[MOMENT_SIZE])
{
	char whole[MESSAGE_TIME_SIZE];

	message_time(at_ms, whole);
	if (none)
		snprintf(text, MOMENT_SIZE, "never");
	else
		snprintf(text, MOMENT_SIZE, "%.10s %.5s", whole, whole + 11);
}
