/* Which row decides, and what a change changes. */
#include <stdlib.h>
#include <string.h>

#include "grants.h"

/* Of a room and patterns: a prefix without its `*`; *is_prefix: it had one. */
static struct str
stem(const char *rooms, bool *is_prefix)
{
	struct str s = str_of(rooms);

	*is_prefix = s.n > 0 && s.p[s.n - 1] == '*';
	s.n -= *is_prefix;
	return s;
}

/* Whether each room that `inner` means is meant by `outer`, too. */
static bool
covers(const char *outer, const char *inner)
{
	bool outer_prefix, inner_prefix;
	struct str out = stem(outer, &outer_prefix), in = stem(inner, &inner_prefix);

	return outer_prefix ? str_starts(in, out) : !inner_prefix && str_eq(in, out);
}

static int
rank(const struct store_grant *row)
{
	switch (grants_whose(str_of(row->who))) {
	case GRANTS_ONE:
		return 0;
	case GRANTS_USERS:
		return 1;
	default:
		return 2;
	}
}

/* As rows decide: rank, then an exact room, then the longest prefix. */
static int
compare_order(const void *x, const void *y)
{
	const struct store_grant *a = *(const struct store_grant *const *)x, *b = *(const struct store_grant *const *)y;
	bool a_prefix, b_prefix;
	struct str a_stem = stem(a->rooms, &a_prefix), b_stem = stem(b->rooms, &b_prefix);

	if (rank(a) != rank(b))
		return rank(a) - rank(b);
	if (a_prefix != b_prefix)
		return a_prefix - b_prefix;
	return (a_stem.n < b_stem.n) - (a_stem.n > b_stem.n);
}

static bool
concerns(const struct store_grant *row, struct str who)
{
	struct str whose = str_of(row->who);

	return str_eq(whose, STR("anyone")) || str_eq(whose, who) ||
	       (str_eq(whose, STR("users")) && !str_eq(who, STR("anyone")));
}

bool
grants_fitting(const struct grants *g, struct str who, struct str room, const struct store_grant ***rows, size_t *n)
{
	char name[MESSAGE_ROOM_MAX + 2] = "";

	*n = 0;
	*rows = calloc(g->n + 1, sizeof **rows);
	if (*rows == NULL || room.n >= sizeof name)
		return false;
	memcpy(name, room.p, room.n);
	for (size_t i = 0; i < g->n; i++)
		if (concerns(&g->rows[i], who) && covers(g->rows[i].rooms, name))
			(*rows)[(*n)++] = &g->rows[i];
	qsort(*rows, *n, sizeof **rows, compare_order);
	return true;
}

struct comparison {
	struct sight *before, *after;
	struct str whom;
	grants_change_fn *fn;
	void *ctx;
};

/*
 * Looks at one kind of room. No room's name has a `~`, so that a prefix with one behind it stands for the rooms that no
 * longer row fits.
 */
static void
compare_room(const struct comparison *c, const char *rooms)
{
	char name[MESSAGE_ROOM_MAX + 2];
	size_t n = strlen(rooms);
	struct str room = {name, n};
	unsigned before, after;

	if (n >= sizeof name)
		return;
	memcpy(name, rooms, n);
	if (n > 0 && name[n - 1] == '*')
		name[n - 1] = '~';
	before = sight_may(c->before, room);
	after = sight_may(c->after, room);
	if (before != after)
		c->fn(c->ctx, c->whom, str_of(rooms), before, after);
}

static int
compare_names(const void *x, const void *y)
{
	return strcmp(*(const char *const *)x, *(const char *const *)y);
}

/* The kinds of rooms among `rooms` that rows tell apart, each once, the whole of it first; NULL without memory. */
static const char **
kinds_of(const struct grants *before, const struct grants *after, const char *rooms, size_t *n)
{
	const char **kinds = calloc(before->n + after->n + 1, sizeof *kinds);
	const struct grants *both[] = {before, after};
	size_t all = 0;

	if (kinds == NULL)
		return NULL;
	kinds[all++] = rooms;
	for (int side = 0; side < 2; side++)
		for (size_t i = 0; i < both[side]->n; i++)
			if (covers(rooms, both[side]->rows[i].rooms))
				kinds[all++] = both[side]->rows[i].rooms;
	qsort(kinds, all, sizeof *kinds, compare_names);
	*n = 0;
	for (size_t i = 0; i < all; i++)
		if (*n == 0 || strcmp(kinds[i], kinds[*n - 1]) != 0)
			kinds[(*n)++] = kinds[i];
	return kinds;
}

static int
compare_for(const struct grants *before, const struct grants *after, struct str whom, const char *rooms,
    grants_change_fn *fn, void *ctx)
{
	struct sights *all = sights_new();
	struct comparison c = {.whom = whom, .fn = fn, .ctx = ctx};
	const char **kinds = NULL;
	size_t n = 0;
	bool good;

	if (all == NULL)
		return -1;
	c.before = grants_sight(before, all, whom);
	c.after = grants_sight(after, all, whom);
	kinds = kinds_of(before, after, rooms, &n);
	good = c.before != NULL && c.after != NULL && kinds != NULL;
	for (size_t i = 0; good && i < n; i++)
		compare_room(&c, kinds[i]);
	free(kinds);
	sight_drop(c.before);
	sight_drop(c.after);
	sights_free(all);
	return good ? 0 : -1;
}

int
grants_compare(const struct grants *before, const struct grants *after, struct str who, struct str rooms,
    grants_change_fn *fn, void *ctx)
{
	char name[MESSAGE_ROOM_MAX + 2] = "";

	if (rooms.n >= sizeof name)
		return -1;
	memcpy(name, rooms.p, rooms.n);
	/* Whoever has rows of one's own loses no more than other users do. */
	if (compare_for(before, after, who, name, fn, ctx) != 0)
		return -1;
	return str_eq(who, STR("anyone")) ? compare_for(before, after, STR("users"), name, fn, ctx) : 0;
}
