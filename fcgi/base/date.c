#include "date.h"

/* Takes n digits off *s. */
static bool
digits(struct str *s, size_t n, int *value)
{
	uint64_t v;

	if (s->n < n || !str_uint((struct str){s->p, n}, 9999, &v))
		return false;
	*value = (int)v;
	*s = (struct str){s->p + n, s->n - n};
	return true;
}

static bool
one_of(struct str *s, char a, char b)
{
	if (s->n == 0 || (s->p[0] != a && s->p[0] != b))
		return false;
	*s = (struct str){s->p + 1, s->n - 1};
	return true;
}

static int
month_days(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

/* Days since 1970-01-01 in the proleptic Gregorian calendar. */
static int64_t
day_number(int year, int month, int day)
{
	int64_t n = day - 1;

	for (int m = 1; m < month; m++)
		n += month_days(year, m);
	year--; /* whole years since year 1 */
	return n + INT64_C(365) * year + year / 4 - year / 100 + year / 400 - 719162;
}

static bool
take_day(struct str *s, int64_t *days)
{
	int year, month, day;

	if (!digits(s, 4, &year) || !one_of(s, '-', '-') || !digits(s, 2, &month) || !one_of(s, '-', '-') ||
	    !digits(s, 2, &day))
		return false;
	if (year < 1 || month < 1 || month > 12 || day < 1 || day > month_days(year, month))
		return false;
	*days = day_number(year, month, day);
	return true;
}

bool
date_day(struct str s, int tz_minutes, int64_t *ms)
{
	int64_t days;

	if (!take_day(&s, &days) || s.n > 0)
		return false;
	*ms = (days * 1440 - tz_minutes) * 60000;
	return true;
}

bool
date_zone(struct str s, int *minutes)
{
	bool west = s.n > 0 && s.p[0] == '-';
	int h, m;

	if (!(west ? one_of(&s, '-', '-') : one_of(&s, '+', ' ')) || !digits(&s, 2, &h) || !one_of(&s, ':', ':') ||
	    !digits(&s, 2, &m) || s.n > 0 || h > 23 || m > 59)
		return false;
	*minutes = west ? -(h * 60 + m) : h * 60 + m;
	return true;
}

bool
date_moment(struct str s, int tz_minutes, int64_t *ms)
{
	int64_t days;
	int hour, minute, second, fraction = 0, offset = 0;

	if (date_day(s, tz_minutes, ms))
		return true;
	if (!take_day(&s, &days) || s.n == 0 || (s.p[0] != 'T' && s.p[0] != 't' && s.p[0] != ' '))
		return false;
	s = str_skip(s, 1);
	if (!digits(&s, 2, &hour) || !one_of(&s, ':', ':') || !digits(&s, 2, &minute) || !one_of(&s, ':', ':') ||
	    !digits(&s, 2, &second) || hour > 23 || minute > 59 || second > 60)
		return false;
	if (one_of(&s, '.', '.')) {
		int unit = 100;

		if (s.n == 0 || s.p[0] < '0' || s.p[0] > '9')
			return false;
		for (; s.n > 0 && s.p[0] >= '0' && s.p[0] <= '9'; unit /= 10) {
			fraction += (s.p[0] - '0') * unit;
			s = str_skip(s, 1);
		}
	}
	if (!(s.n == 1 && one_of(&s, 'Z', 'z')) && !date_zone(s, &offset))
		return false;
	*ms = (days * 1440 + hour * 60 + minute - offset) * 60000 + second * 1000 + fraction;
	return true;
}
