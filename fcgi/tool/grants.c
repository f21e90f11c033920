#include "grants.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "say.h"

enum { USER_MAX = 123 /* "user:" and this are a message's `by` */ };

/* Of UTF-8, no control characters. */
static bool
name_ok(struct str name, size_t max)
{
	if (name.n == 0 || name.n > max || !str_utf8(name))
		return false;
	for (size_t i = 0; i < name.n; i++) {
		unsigned char c = (unsigned char)name.p[i];

		/* U+0080 to U+009F have a second byte as small as that, behind 0xC2. */
		if (c < 0x20 || c == 0x7F || (c < 0xA0 && i > 0 && (unsigned char)name.p[i - 1] == 0xC2))
			return false;
	}
	return true;
}

enum grants_whose
grants_whose(struct str who)
{
	if (str_eq(who, STR("anyone")))
		return GRANTS_ANYONE;
	if (str_eq(who, STR("users")))
		return GRANTS_USERS;
	if (str_starts(who, STR("user:")) && name_ok(str_skip(who, 5), USER_MAX))
		return GRANTS_ONE;
	if (str_starts(who, STR("token:")) && name_ok(str_skip(who, 6), MESSAGE_SENDER_MAX))
		return GRANTS_ONE;
	return GRANTS_NOBODY;
}

static struct store_grant *
find(const struct grants *g, struct str who, struct str rooms)
{
	for (size_t i = 0; i < g->n; i++)
		if (str_eq(str_of(g->rows[i].who), who) && str_eq(str_of(g->rows[i].rooms), rooms))
			return &g->rows[i];
	return NULL;
}

static struct store_grant *
add(struct grants *g)
{
	size_t cap = g->cap == 0 ? 64 : g->cap * 2;
	struct store_grant *rows;

	if (g->n < g->cap)
		return &g->rows[g->n++];
	rows = reallocarray(g->rows, cap, sizeof *rows);
	if (rows == NULL)
		return NULL;
	g->rows = rows;
	g->cap = cap;
	return &g->rows[g->n++];
}

static void
fill(struct store_grant *row, struct str who, struct str rooms, struct str may)
{
	snprintf(row->who, sizeof row->who, "%.*s", STR_ARGS(who));
	snprintf(row->rooms, sizeof row->rooms, "%.*s", STR_ARGS(rooms));
	grants_may((unsigned)sight_read_may(may), row->may);
}

int
grants_put(struct grants *g, struct str who, struct str rooms, struct str may)
{
	struct store_grant *row = find(g, who, rooms);

	if (row == NULL)
		row = add(g);
	if (row == NULL)
		return -1;
	fill(row, who, rooms, may);
	return 0;
}

int
grants_take(struct grants *g, struct str who, struct str rooms)
{
	struct store_grant *row = find(g, who, rooms);

	if (row == NULL)
		return -1;
	*row = g->rows[--g->n];
	return 0;
}

static int
load_row(void *ctx, const struct database_row *from)
{
	struct grants *g = ctx;
	struct str who = database_text(from, 0), rooms = database_text(from, 1), may = database_text(from, 2);
	struct store_grant *row;

	if (grants_whose(who) == GRANTS_NOBODY || !sight_rooms_ok(rooms) || sight_read_may(may) < 0) {
		g->odd++;
		return 0;
	}
	row = add(g);
	if (row == NULL) {
		say_error("out of memory");
		return -1;
	}
	fill(row, who, rooms, may);
	return 0;
}

int
grants_load(struct grants *g, struct database *d)
{
	*g = (struct grants){0};
	return database_run(d, "SELECT who, rooms, may FROM grants", NULL, 0, load_row, g);
}

void
grants_fini(struct grants *g)
{
	free(g->rows);
	*g = (struct grants){0};
}

/* Where a row decides for who; -1: nowhere. */
static int
rank_of(const struct store_grant *row, struct str who)
{
	struct str whose = str_of(row->who);

	if (str_eq(whose, STR("anyone")))
		return SIGHT_ANYONE;
	if (str_eq(who, STR("anyone")))
		return -1;
	if (str_eq(whose, STR("users")))
		return SIGHT_USERS;
	return str_eq(whose, who) ? SIGHT_OWN : -1;
}

struct sight *
grants_sight(const struct grants *g, struct sights *all, struct str who)
{
	struct sight_rule *rules = calloc(g->n + 1, sizeof *rules);
	struct sight *sight;
	size_t n = 0;

	if (rules == NULL)
		return NULL;
	for (size_t i = 0; i < g->n; i++) {
		int rank = rank_of(&g->rows[i], who);

		if (rank >= 0)
			rules[n++] = (struct sight_rule){.rooms = str_of(g->rows[i].rooms),
			    .rank = (uint8_t)rank,
			    .may = (uint8_t)sight_read_may(str_of(g->rows[i].may))};
	}
	sight = sight_get(all, rules, n);
	free(rules);
	return sight;
}

void
grants_may(unsigned may, char text[GRANTS_MAY_SIZE])
{
	char *at = text;

	if (may & MAY_READ)
		*at++ = 'r';
	if (may & MAY_WRITE)
		*at++ = 'w';
	if (may & MAY_MODERATE)
		*at++ = 'm';
	*at = '\0';
}

const char *
grants_words(unsigned may)
{
	static const char *const words[] = {"do nothing", "read", "write", "read and write", "moderate",
	    "read and moderate", "write and moderate", "read, write and moderate"};

	return words[may & 7];
}
