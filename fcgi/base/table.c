#include "table.h"

#include <assert.h>
#include <stdlib.h>

enum { PLACES_MIN = 64 };

int
table_init(struct table *t, table_name_fn *name)
{
	*t = (struct table){.key = hash_new_key(), .name = name, .base = PLACES_MIN, .capacity = PLACES_MIN};
	t->places = calloc(t->capacity, sizeof(struct table_entry *));
	return t->places == NULL ? -1 : 0;
}

void
table_fini(struct table *t)
{
	free(t->places);
	t->places = NULL;
}

static struct table_entry **
place_of(const struct table *t, struct str name)
{
	uint64_t h = hash_siphash(&t->key, name);
	size_t place = (size_t)h & (t->base - 1);

	if (place < t->split)
		place = (size_t)h & (2 * t->base - 1);
	return &t->places[place];
}

struct table_entry *
table_find(const struct table *t, struct str name)
{
	struct table_entry *e = *place_of(t, name);

	while (e != NULL && !str_eq(t->name(e), name))
		e = e->next;
	return e;
}

static bool
reserve(struct table *t, size_t n)
{
	struct table_entry **places;

	if (n <= t->capacity)
		return true;
	places = realloc(t->places, 2 * t->capacity * sizeof(struct table_entry *));
	if (places == NULL)
		return false;
	t->places = places;
	t->capacity *= 2;
	return true;
}

/* One place becomes two. */
static void
split_one(struct table *t)
{
	struct table_entry *e, *next;
	size_t from = t->split;

	if (!reserve(t, t->base + t->split + 1))
		return;
	e = t->places[from];
	t->places[from] = t->places[t->base + from] = NULL;
	if (++t->split == t->base) {
		t->base *= 2;
		t->split = 0;
	}
	for (; e != NULL; e = next) {
		struct table_entry **place = place_of(t, t->name(e));

		next = e->next;
		e->next = *place;
		*place = e;
	}
}

void
table_add(struct table *t, struct table_entry *e)
{
	struct table_entry **place;

	if (t->n >= t->base + t->split)
		split_one(t);
	place = place_of(t, t->name(e));
	e->next = *place;
	*place = e;
	t->n++;
}

void
table_remove(struct table *t, struct table_entry *e)
{
	struct table_entry **at = place_of(t, t->name(e));

	while (*at != e) {
		assert(*at != NULL);
		at = &(*at)->next;
	}
	*at = e->next;
	t->n--;
}

void
table_each(struct table *t, void (*fn)(void *ctx, struct table_entry *e), void *ctx)
{
	for (size_t i = 0; i < t->base + t->split; i++) {
		struct table_entry *e, *next;

		for (e = t->places[i]; e != NULL; e = next) {
			next = e->next;
			fn(ctx, e);
		}
	}
}
