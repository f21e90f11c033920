#include <stdio.h>
#include <string.h>

#include "person.h"

static const char *const NAMES[LIMITS] = {
    [LIMIT_REQUESTS] = "requests",
    [LIMIT_HANDSHAKES] = "handshakes",
    [LIMIT_MESSAGES] = "messages",
    [LIMIT_BYTES] = "bytes",
    [LIMIT_DAY_BYTES] = "day-bytes",
    [LIMIT_PASSING] = "passing",
    [LIMIT_READING] = "reading",
    [LIMIT_NEW_ROOMS] = "new-rooms",
    [LIMIT_HELD] = "held",
    [LIMIT_SESSIONS] = "sessions",
    [LIMIT_READS] = "reads",
    [LIMIT_MEMORY] = "memory",
};

static const char *const CLASSES[PERSON_CLASSES] = {"stranger", "user", "trusted"};

enum { S = 1, MIN = 60, DAY = 86400 };

/* The table of docs/PROTOCOL.md: a stranger, a user or token, somebody trusted. */
static const struct limit_value DEFAULTS[LIMITS][PERSON_CLASSES] = {
    [LIMIT_REQUESTS] = {{.rate = 50, .most = 500}, {.rate = 100, .most = 1000}, {.off = true}},
    [LIMIT_HANDSHAKES] = {{.rate = 20, .most = 500}, {.rate = 20, .most = 500}, {.off = true}},
    [LIMIT_MESSAGES] = {{.rate = 10, .most = 300}, {.rate = 20, .most = 600}, {.off = true}},
    [LIMIT_BYTES] = {{.rate = 200000, .most = 20000000}, {.rate = 1000000, .most = 20000000}, {.off = true}},
    [LIMIT_DAY_BYTES] = {{.rate = 500000000.0 / DAY, .most = 500000000},
        {.rate = 2000000000.0 / DAY, .most = 2000000000}, {.off = true}},
    [LIMIT_PASSING] = {{.rate = 50, .most = 300}, {.rate = 50, .most = 300}, {.off = true}},
    [LIMIT_READING] = {{.rate = 200, .most = 3000}, {.rate = 500, .most = 10000}, {.off = true}},
    [LIMIT_NEW_ROOMS] = {{.rate = 1.0 / MIN, .most = 20}, {.rate = 10.0 / MIN, .most = 50}, {.off = true}},
    [LIMIT_HELD] = {{.most = 128}, {.most = 256}, {.most = 10000}},
    [LIMIT_SESSIONS] = {{.most = 128}, {.most = 256}, {.most = 10000}},
    [LIMIT_READS] = {{.most = 8}, {.most = 8}, {.most = 16}},
    [LIMIT_MEMORY] = {{.most = 8000000}, {.most = 16000000}, {.most = 64000000}},
};

const char *
limit_name(enum limit l)
{
	return NAMES[l];
}

void
limits_init(struct limits *limits)
{
	*limits = (struct limits){.set = {false}};
	for (int of = 0; of < PERSON_CLASSES; of++)
		for (int l = 0; l < LIMITS; l++)
			limits->v[of][l] = DEFAULTS[l][of];
}

/* ---- options ---- */

/* Which of the names it is, or -1. */
static int
find(const char *const *names, int n, struct str s)
{
	for (int i = 0; i < n; i++)
		if (str_eq(s, str_of(names[i])))
			return i;
	return -1;
}

/* Cuts off a k, M or G at the end: by how much it multiplies. */
static uint64_t
cut_unit(struct str *s)
{
	static const char units[] = "kMG";
	const char *unit = s->n == 0 ? NULL : strchr(units, s->p[s->n - 1]);
	uint64_t times = 1;

	if (unit == NULL || *unit == '\0')
		return 1;
	s->n--;
	for (const char *u = units; u <= unit; u++)
		times *= 1000;
	return times;
}

enum { DIGITS_MAX = 12 };

/* Digits, and a unit. */
static bool
read_whole(struct str s, uint64_t most, uint64_t *value)
{
	uint64_t times = cut_unit(&s);

	if (s.n > DIGITS_MAX || !str_uint(s, most / times, value))
		return false;
	*value *= times;
	return true;
}

/* Digits, perhaps with a point between, a unit, and a time. */
static bool
read_rate(struct str s, double *rate)
{
	struct str number = str_cut(&s, '/'), whole, fraction;
	uint64_t times = cut_unit(&number), value, parts = 0;
	double per = s.n == 0 || str_eq(s, STR("s")) ? S
	             : str_eq(s, STR("min"))         ? MIN
	             : str_eq(s, STR("day"))         ? DAY
	                                             : 0;
	bool pointed = memchr(number.p, '.', number.n) != NULL;

	fraction = number;
	whole = str_cut(&fraction, '.');
	if (per == 0 || whole.n > DIGITS_MAX || fraction.n > DIGITS_MAX || !str_uint(whole, UINT64_MAX, &value) ||
	    (pointed && !str_uint(fraction, UINT64_MAX, &parts)))
		return false;
	*rate = (double)parts;
	for (size_t i = 0; i < fraction.n; i++)
		*rate /= 10;
	*rate = (*rate + (double)value) * (double)times / per;
	/* Beyond these, ns of filling are no numbers to count with. */
	return *rate >= 1e-6 && *rate <= 1e12;
}

static const uint64_t BURST_MAX = UINT64_C(1000000000000);

static bool
read_value(enum limit l, struct str text, struct limit_value *v)
{
	struct str burst = text, rate;

	*v = (struct limit_value){.off = str_eq(text, STR("off"))};
	if (v->off)
		return true;
	if (l >= LIMIT_RATES)
		return read_whole(text, UINT32_MAX, &v->most);
	rate = str_cut(&burst, ':');
	if (l == LIMIT_DAY_BYTES && rate.n == text.n) {
		v->rate = read_whole(text, BURST_MAX, &v->most) ? (double)v->most / DAY : 0;
		return v->most > 0;
	}
	return read_rate(rate, &v->rate) && read_whole(burst, BURST_MAX, &v->most) && v->most > 0;
}

static bool
refuse_name(struct str name, char error[LIMIT_ERROR_SIZE])
{
	size_t n = (size_t)snprintf(
	    error, LIMIT_ERROR_SIZE, "there is no limit '%.*s', but ", (int)(name.n < 40 ? name.n : 40), name.p);

	for (int l = 0; l < LIMITS && n < LIMIT_ERROR_SIZE; l++)
		n += (size_t)snprintf(error + n, LIMIT_ERROR_SIZE - n, "%s%s",
		    l == 0            ? ""
		    : l == LIMITS - 1 ? " and "
		                      : ", ",
		    NAMES[l]);
	return false;
}

static bool
refuse_value(enum limit l, struct str value, char error[LIMIT_ERROR_SIZE])
{
	const char *expected = l >= LIMIT_RATES ? "a count up to 4294967295, such as 128 or 8M"
	                       : l == LIMIT_DAY_BYTES
	                           ? "bytes a day, such as 500M, or RATE:BURST, such as 500M/day:500M"
	                           : "RATE:BURST, such as 10/s:300 or 1/min:20";

	snprintf(error, LIMIT_ERROR_SIZE, "%s must be %s, or off, not '%.*s'", NAMES[l], expected,
	    (int)(value.n < 40 ? value.n : 40), value.p);
	return false;
}

bool
limits_read(struct limits *limits, struct str text, char error[LIMIT_ERROR_SIZE])
{
	struct str value = text, name = str_cut(&value, '='), rest = name, class_name = str_cut(&rest, '.');
	bool classed = class_name.n < name.n;
	int of = find(CLASSES, PERSON_CLASSES, class_name), l = find(NAMES, LIMITS, classed ? rest : name);
	struct limit_value v;

	if (classed && of < 0) {
		snprintf(error, LIMIT_ERROR_SIZE, "a class is stranger, user or trusted, not '%.*s'",
		    (int)(class_name.n < 40 ? class_name.n : 40), class_name.p);
		return false;
	}
	if (l < 0)
		return refuse_name(classed ? rest : name, error);
	if (!read_value((enum limit)l, value, &v))
		return refuse_value((enum limit)l, value, error);
	for (int i = 0; i < PERSON_CLASSES; i++)
		if (!classed || i == of) {
			limits->v[i][l] = v;
			limits->set[i] = true;
		}
	return true;
}
