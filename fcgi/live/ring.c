#include "ring.h"

#include <assert.h>
#include <stdlib.h>

void
ring_init(struct ring *r, size_t bytes_max, void (*emptied)(void *ctx, struct ring_chain *chain), void *ctx)
{
	*r = (struct ring){.bytes_max = bytes_max, .emptied = emptied, .ctx = ctx};
}

void
ring_chain_fini(struct ring_chain *chain)
{
	free(chain->v);
	*chain = (struct ring_chain){.owner = chain->owner, .floor = chain->floor};
}

struct message *
ring_at(const struct ring_chain *chain, size_t place)
{
	return chain->v[(chain->first + place) & (chain->cap - 1)];
}

static int
chain_grow(struct ring_chain *c)
{
	size_t cap = c->cap == 0 ? 4 : c->cap * 2;
	struct message **v;

	if (c->n < c->cap)
		return 0;
	v = malloc(cap * sizeof *v);
	if (v == NULL)
		return -1;
	for (size_t i = 0; i < c->n; i++)
		v[i] = ring_at(c, i);
	free(c->v);
	c->v = v;
	c->cap = cap;
	c->first = 0;
	return 0;
}

static void
chain_add(struct ring_chain *c, struct message *m)
{
	c->v[(c->first + c->n++) & (c->cap - 1)] = m;
}

static void
chain_remove_first(struct ring_chain *c)
{
	c->first = (c->first + 1) & (c->cap - 1);
	c->n--;
}

static void
chain_remove(struct ring_chain *c, size_t place)
{
	for (size_t i = place; i + 1 < c->n; i++)
		c->v[(c->first + i) & (c->cap - 1)] = ring_at(c, i + 1);
	c->n--;
}

size_t
ring_above(const struct ring_chain *chain, int64_t id)
{
	size_t low = 0, high = chain->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (ring_at(chain, middle)->f.id > id)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static void
let_go(struct ring *r, struct message *m)
{
	struct ring_chain *chain = m->chain;

	m->chain = NULL;
	r->bytes -= m->size;
	message_drop(m);
	if (chain->n == 0)
		r->emptied(r->ctx, chain);
}

static void
remove_oldest(struct ring *r)
{
	struct message *m = ring_at(&r->all, 0);

	assert(ring_at(m->chain, 0) == m);
	r->floor = r->all.floor = m->f.id;
	if (m->chain->floor < m->f.id)
		m->chain->floor = m->f.id;
	chain_remove_first(&r->all);
	chain_remove_first(m->chain);
	let_go(r, m);
}

static void
evict(struct ring *r)
{
	while (r->bytes > r->bytes_max && r->all.n > 1)
		remove_oldest(r);
}

void
ring_reset(struct ring *r, int64_t floor)
{
	while (r->all.n > 0)
		remove_oldest(r);
	r->floor = r->all.floor = floor;
}

void
ring_forget(struct ring *r, int64_t up_to)
{
	while (r->all.n > 0 && ring_at(&r->all, 0)->f.id <= up_to)
		remove_oldest(r);
	if (r->floor < up_to)
		r->floor = r->all.floor = up_to;
}

void
ring_fini(struct ring *r)
{
	ring_reset(r, 0);
	ring_chain_fini(&r->all);
}

int
ring_add(struct ring *r, struct ring_chain *chain, struct message *m)
{
	if (chain_grow(&r->all) != 0 || chain_grow(chain) != 0) {
		/* What is not in the ring must lie below its floor: readers find it in the database. */
		int64_t id = m->f.id;

		message_drop(m);
		chain->floor = id;
		ring_reset(r, id);
		return -1;
	}
	m->chain = chain;
	chain_add(&r->all, m);
	chain_add(chain, m);
	r->bytes += m->size;
	evict(r);
	return 0;
}

/* The place of the message with this id, or chain->n. */
static size_t
place_of(const struct ring_chain *chain, int64_t id)
{
	size_t place = ring_above(chain, id - 1);

	return place < chain->n && ring_at(chain, place)->f.id == id ? place : chain->n;
}

struct message *
ring_find(const struct ring *r, int64_t id)
{
	size_t place = place_of(&r->all, id);

	return place < r->all.n ? ring_at(&r->all, place) : NULL;
}

bool
ring_change(struct ring *r, int64_t id, struct message *now)
{
	size_t place = place_of(&r->all, id), room_place;
	struct message *was;

	if (place == r->all.n) {
		message_drop(now);
		return false;
	}
	was = ring_at(&r->all, place);
	room_place = place_of(was->chain, id);
	if (now == NULL) {
		chain_remove(&r->all, place);
		chain_remove(was->chain, room_place);
		let_go(r, was);
		return true;
	}
	now->chain = was->chain;
	r->all.v[(r->all.first + place) & (r->all.cap - 1)] = now;
	now->chain->v[(now->chain->first + room_place) & (now->chain->cap - 1)] = now;
	r->bytes = r->bytes + now->size - was->size;
	message_drop(was);
	evict(r);
	return true;
}
