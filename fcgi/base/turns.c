#include "turns.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

enum { PLACES_MAX = 65536 };

/* What one has in the queue. */
struct turns_lane {
	TAILQ_ENTRY(turns_lane) link; /* among the new ones, in the ring, or free */
	LIST_ENTRY(turns_lane) near;  /* in its place */
	const void *key;
	struct turns_items items;
	bool is_new;
};

int
turns_init(struct turns *t, size_t n_max)
{
	*t = (struct turns){.n_max = n_max, .n_places = 16};
	TAILQ_INIT(&t->new);
	TAILQ_INIT(&t->ring);
	TAILQ_INIT(&t->free);
	while (t->n_places < n_max && t->n_places < PLACES_MAX)
		t->n_places *= 2;
	/* Pages that were never used cost nothing. */
	t->lanes = calloc(n_max, sizeof *t->lanes);
	t->places = calloc(t->n_places, sizeof *t->places);
	if (t->lanes != NULL && t->places != NULL)
		return 0;
	turns_fini(t);
	return -1;
}

void
turns_fini(struct turns *t)
{
	free(t->lanes);
	free(t->places);
	t->lanes = NULL;
	t->places = NULL;
}

/* Keys are addresses of ours: nobody chooses them, and they differ by little. */
static struct turns_place *
place_of(struct turns *t, const void *key)
{
	uint64_t h = (uint64_t)(uintptr_t)key * UINT64_C(0x9E3779B97F4A7C15);

	return &t->places[(h >> 32) & (t->n_places - 1)];
}

static struct turns_lane *
find(struct turns *t, const void *key)
{
	struct turns_lane *lane;

	LIST_FOREACH (lane, place_of(t, key), near)
		if (lane->key == key)
			return lane;
	return NULL;
}

/* For whoever comes new. There are as many lanes as things may be, so there is one. */
static struct turns_lane *
begin(struct turns *t, const void *key)
{
	struct turns_lane *lane = TAILQ_FIRST(&t->free);

	if (lane != NULL)
		TAILQ_REMOVE(&t->free, lane, link);
	else
		lane = &t->lanes[t->used++];
	lane->key = key;
	lane->is_new = true;
	TAILQ_INIT(&lane->items);
	TAILQ_INSERT_TAIL(&t->new, lane, link);
	LIST_INSERT_HEAD(place_of(t, key), lane, near);
	return lane;
}

static void
leave(struct turns *t, struct turns_lane *lane)
{
	TAILQ_REMOVE(lane->is_new ? &t->new : &t->ring, lane, link);
}

static void
end(struct turns *t, struct turns_lane *lane)
{
	leave(t, lane);
	LIST_REMOVE(lane, near);
	TAILQ_INSERT_HEAD(&t->free, lane, link);
}

void
turns_add(struct turns *t, struct turns_item *item, const void *key)
{
	struct turns_lane *lane;

	assert(t->n < t->n_max && item->lane == NULL);
	if (key == NULL)
		key = item;
	lane = find(t, key);
	if (lane == NULL)
		lane = begin(t, key);
	TAILQ_INSERT_TAIL(&lane->items, item, link);
	item->lane = lane;
	t->n++;
}

void
turns_remove(struct turns *t, struct turns_item *item)
{
	struct turns_lane *lane = item->lane;

	TAILQ_REMOVE(&lane->items, item, link);
	item->lane = NULL;
	t->n--;
	if (TAILQ_EMPTY(&lane->items))
		end(t, lane);
}

struct turns_item *
turns_take(struct turns *t)
{
	bool of_new = !TAILQ_EMPTY(&t->new) && (TAILQ_EMPTY(&t->ring) || t->new_in_a_row < TURNS_NEW_MAX);
	struct turns_lane *lane = of_new ? TAILQ_FIRST(&t->new) : TAILQ_FIRST(&t->ring);
	struct turns_item *item;

	if (lane == NULL)
		return NULL;
	t->new_in_a_row = of_new ? t->new_in_a_row + 1 : 0;
	leave(t, lane);
	lane->is_new = false;
	TAILQ_INSERT_TAIL(&t->ring, lane, link);
	item = TAILQ_FIRST(&lane->items);
	turns_remove(t, item);
	return item;
}
