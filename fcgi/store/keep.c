#include "keep.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { DECIMALS_MAX = 6 };

static const int64_t SECOND_MS = 1000, DAY_MS = INT64_C(86400000), AGE_MAX_DAYS = 36500,
                     MESSAGES_MAX = INT64_C(1000000000000);

/* Milliseconds of a unit; 0: it is none. */
static int64_t
unit_ms(char unit)
{
	switch (unit) {
	case 's':
		return SECOND_MS;
	case 'm':
		return 60 * SECOND_MS;
	case 'h':
		return 3600 * SECOND_MS;
	case 'd':
		return DAY_MS;
	case 'w':
		return 7 * DAY_MS;
	default:
		return 0;
	}
}

/* A number, with decimals if need be, of some units. */
static bool
read_age(struct str s, int64_t unit, int64_t *age_ms)
{
	struct str whole = str_cut(&s, '.');
	bool dot = s.p > whole.p + whole.n;
	uint64_t n, decimals = 0;
	int64_t scale = 1;

	if (!str_uint(whole, (uint64_t)(AGE_MAX_DAYS * DAY_MS / unit), &n) ||
	    (dot && (s.n == 0 || s.n > DECIMALS_MAX || !str_uint(s, UINT64_MAX, &decimals))))
		return false;
	for (size_t i = 0; i < s.n; i++)
		scale *= 10;
	*age_ms = (int64_t)n * unit + (int64_t)decimals * unit / scale;
	return *age_ms >= SECOND_MS && *age_ms <= AGE_MAX_DAYS * DAY_MS;
}

/* The same with its unit behind it. */
static bool
read_duration(struct str s, int64_t *age_ms)
{
	int64_t unit = s.n > 1 ? unit_ms(s.p[s.n - 1]) : 0;

	return unit != 0 && read_age((struct str){s.p, s.n - 1}, unit, age_ms);
}

static bool
read_messages(struct str s, int64_t *messages)
{
	uint64_t n;

	if (!str_uint(s, (uint64_t)MESSAGES_MAX, &n) || n == 0)
		return false;
	*messages = (int64_t)n;
	return true;
}

bool
keep_read_days(struct keep *k, struct str value, char error[KEEP_ERROR_SIZE])
{
	int64_t age_ms = 0;

	if (!str_eq(value, STR("off")) && !read_age(value, DAY_MS, &age_ms) && !read_duration(value, &age_ms)) {
		snprintf(error, KEEP_ERROR_SIZE,
		    "expected days (30, 0.5), a time (90s, 12h, 4w; s, m, h, d or w), from 1s to 36500 days, or off");
		return false;
	}
	k->otherwise.age_ms = age_ms;
	return true;
}

bool
keep_read_messages(struct keep *k, struct str value, char error[KEEP_ERROR_SIZE])
{
	int64_t messages = 0;

	if (!str_eq(value, STR("off")) && !read_messages(value, &messages)) {
		snprintf(error, KEEP_ERROR_SIZE, "expected a number from 1 to %" PRId64 ", or off", MESSAGES_MAX);
		return false;
	}
	k->otherwise.messages = messages;
	return true;
}

/* A time, a number of messages, or one of each. */
static bool
read_rule(struct str value, struct keep_rule *rule)
{
	struct str first = str_cut(&value, ',');
	bool two = value.p > first.p + first.n;

	*rule = (struct keep_rule){0};
	if (!two && str_eq(first, STR("off")))
		return true;
	if (read_duration(first, &rule->age_ms))
		return !two || read_messages(value, &rule->messages);
	return read_messages(first, &rule->messages) && (!two || read_duration(value, &rule->age_ms));
}

/* Which of two decides where both fit: below 0 a. 0: they are of the same rooms. */
static int
compare(const struct keep_room *a, const struct keep_room *b)
{
	if (a->n != b->n)
		return a->n > b->n ? -1 : 1;
	if (a->prefix != b->prefix)
		return a->prefix ? 1 : -1;
	return memcmp(a->name, b->name, a->n);
}

bool
keep_read_room(struct keep *k, struct str value, char error[KEEP_ERROR_SIZE])
{
	struct str name = str_cut(&value, '=');
	struct keep_room room = {.prefix = name.n > 0 && name.p[name.n - 1] == '*'};
	size_t n = name.n - room.prefix, place = 0;

	if (n > MESSAGE_ROOM_MAX || (n == 0 ? !room.prefix : !message_room_ok((struct str){name.p, n}))) {
		snprintf(error, KEEP_ERROR_SIZE,
		    "expected a room, or the beginning of one and *, and = behind it, as in ci-*=30d");
		return false;
	}
	if (!read_rule(value, &room.rule)) {
		snprintf(error, KEEP_ERROR_SIZE,
		    "expected a time with its unit (s, m, h, d or w), a number of messages, both (30d,1000), or off "
		    "behind the =");
		return false;
	}
	memcpy(room.name, name.p, n);
	room.n = (uint8_t)n;
	while (place < k->n && compare(&k->rooms[place], &room) < 0)
		place++;
	if (k->n == KEEP_ROOMS_MAX || (place < k->n && compare(&k->rooms[place], &room) == 0)) {
		if (k->n == KEEP_ROOMS_MAX)
			snprintf(error, KEEP_ERROR_SIZE, "it may be given %d times, and not once more", KEEP_ROOMS_MAX);
		else
			snprintf(error, KEEP_ERROR_SIZE, "these rooms were given before");
		return false;
	}
	memmove(&k->rooms[place + 1], &k->rooms[place], (k->n - place) * sizeof room);
	k->rooms[place] = room;
	k->n++;
	return true;
}

static bool
deletes(struct keep_rule r)
{
	return r.age_ms > 0 || r.messages > 0;
}

bool
keep_any(const struct keep *k)
{
	for (size_t i = 0; i < k->n; i++)
		if (deletes(k->rooms[i].rule))
			return true;
	return deletes(k->otherwise);
}

int64_t
keep_age_max(const struct keep *k)
{
	int64_t most = k->otherwise.age_ms;

	for (size_t i = 0; i < k->n; i++)
		if (k->rooms[i].rule.age_ms > most)
			most = k->rooms[i].rule.age_ms;
	return most;
}

struct keep_rule
keep_of(const struct keep *k, struct str room)
{
	for (size_t i = 0; i < k->n; i++) {
		const struct keep_room *r = &k->rooms[i];

		if (room.n >= r->n && (r->prefix || room.n == r->n) && memcmp(room.p, r->name, r->n) == 0)
			return r->rule;
	}
	return k->otherwise;
}

static void
add_rule(struct buf *b, const char *name, bool prefix, struct keep_rule r)
{
	buf_printf(b, "%s%s=%" PRId64 "ms,%" PRId64 " ", name, prefix ? "*" : "", r.age_ms, r.messages);
}

void
keep_add_text(const struct keep *k, struct buf *b)
{
	add_rule(b, "", false, k->otherwise);
	for (size_t i = 0; i < k->n; i++)
		add_rule(b, k->rooms[i].name, k->rooms[i].prefix, k->rooms[i].rule);
}
