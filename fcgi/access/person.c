#include "person.h"

#include <assert.h>
#include <stdlib.h>

#include "person_state.h"

enum {
	MEMBERS_MAX = 64, /* /64s of a /48 */
	FORGET_S = 3600,  /* idle ones that owe nothing */
	FORGETS_PER_DROP = 2,
};

struct persons *
persons_new(const struct limits *limits, size_t persons_max)
{
	struct persons *all = calloc(1, sizeof *all);

	if (all == NULL)
		return NULL;
	*all = (struct persons){.limits = *limits,
	    .keys = {hash_new_key(), hash_new_key()},
	    .n_heads = 64,
	    .persons_max = persons_max,
	    .unused = PERSON_FIRST};
	while (all->n_heads < persons_max)
		all->n_heads *= 2;
	/* Pages that were never used cost nothing. */
	all->at = calloc(PERSON_FIRST + persons_max, sizeof *all->at);
	all->heads = calloc(all->n_heads, sizeof *all->heads);
	if (all->at == NULL || all->heads == NULL) {
		persons_free(all);
		return NULL;
	}
	for (int of = 0; of < PERSON_CLASSES; of++)
		all->at[PERSON_SHARED + of].class = (uint8_t)of;
	return all;
}

void
persons_free(struct persons *all)
{
	if (all == NULL)
		return;
	free(all->at);
	free(all->heads);
	free(all);
}

struct persons_counts
persons_counts(const struct persons *all)
{
	return all->counts;
}

/* ---- those that are idle ---- */

/* Behind the place `before`; 0: as the first. */
static void
idle_insert(struct persons *all, struct person *p, person_place before)
{
	person_place place = person_place_of(all, p), after = before == 0 ? all->idle_first : all->at[before].after;

	p->idle = true;
	p->before = before;
	p->after = after;
	*(before == 0 ? &all->idle_first : &all->at[before].after) = place;
	*(after == 0 ? &all->idle_last : &all->at[after].before) = place;
}

static void
idle_remove(struct persons *all, struct person *p)
{
	if (!p->idle)
		return;
	p->idle = false;
	*(p->before == 0 ? &all->idle_first : &all->at[p->before].after) = p->after;
	*(p->after == 0 ? &all->idle_last : &all->at[p->after].before) = p->before;
}

/* ---- the table ---- */

struct name {
	uint64_t hash[2];
};

static struct name
name_of(const struct persons *all, struct str identity)
{
	return (struct name){{hash_siphash(&all->keys[0], identity), hash_siphash(&all->keys[1], identity)}};
}

static person_place *
head_of(const struct persons *all, const uint64_t hash[2])
{
	return &all->heads[hash[0] & (all->n_heads - 1)];
}

static struct person *
find(const struct persons *all, struct name name)
{
	person_place at = *head_of(all, name.hash);

	while (at != 0 && (all->at[at].hash[0] != name.hash[0] || all->at[at].hash[1] != name.hash[1]))
		at = all->at[at].next;
	return at == 0 ? NULL : &all->at[at];
}

/* A /64 of the /48 is no more. A /48 without any is not needed, unless it owes something itself. */
static void
leave_group(struct persons *all, struct person *group, int64_t now_ms)
{
	if (--group->members > 0 || group->holders > 0)
		return;
	group->idle_s = (uint32_t)(now_ms / 1000);
	idle_insert(all, group, person_owes(group, now_ms) ? all->idle_last : 0);
}

/* p is idle, and is no more. */
static void
forget(struct persons *all, struct person *p, int64_t now_ms)
{
	person_place place = person_place_of(all, p), group = p->group;
	person_place *at = head_of(all, p->hash);

	idle_remove(all, p);
	while (*at != place)
		at = &all->at[*at].next;
	*at = p->next;
	*p = (struct person){.next = all->freed};
	all->freed = place;
	all->counts.n--;
	if (group != 0)
		leave_group(all, &all->at[group], now_ms);
}

/* Somebody who was not known, and whom nobody holds yet; NULL: all are busy. */
static struct person *
add(struct persons *all, struct name name, int64_t now_ms)
{
	person_place *head = head_of(all, name.hash), place;

	if (all->counts.n >= all->persons_max) {
		if (all->idle_first == 0)
			return NULL;
		forget(all, &all->at[all->idle_first], now_ms);
	}
	place = all->freed != 0 ? all->freed : all->unused++;
	if (place == all->freed)
		all->freed = all->at[place].next;
	all->at[place] = (struct person){.hash = {name.hash[0], name.hash[1]}, .next = *head};
	*head = place;
	all->counts.n++;
	return &all->at[place];
}

/* ---- holding ---- */

struct person *
person_hold(struct person *p)
{
	p->holders++;
	return p;
}

/* p, of the table. */
static struct person *
take(struct persons *all, struct person *p, enum person_class of)
{
	idle_remove(all, p);
	p->class = (uint8_t)of;
	all->counts.busy += p->holders == 0;
	return person_hold(p);
}

static struct person *
share(struct persons *all, enum person_class of)
{
	all->counts.shared++;
	return person_hold(&all->at[PERSON_SHARED + of]);
}

/* Of a /64 that was not known: of its own, if the /48 has not as many yet. */
static struct person *
take_member(struct persons *all, struct name name, struct str identity, enum person_class of, int64_t now_ms)
{
	struct name group_name = name_of(all, identity);
	struct person *group = find(all, group_name), *p;

	if (group == NULL)
		group = add(all, group_name, now_ms);
	if (group == NULL)
		return share(all, of);
	if (group->members == MEMBERS_MAX)
		return take(all, group, of);
	idle_remove(all, group);
	group->members++;
	p = add(all, name, now_ms);
	if (p == NULL) {
		leave_group(all, group, now_ms);
		return share(all, of);
	}
	p->group = person_place_of(all, group);
	return take(all, p, of);
}

struct person *
person_get(struct persons *all, struct str identity, enum person_class of, int64_t now_ms)
{
	char text[PERSON_ADDRESS_SIZE];
	struct name name;
	struct person *p;
	struct str group;

	if (identity.n == 0)
		return person_hold(&all->at[PERSON_UNCOUNTED]);
	name = name_of(all, identity);
	p = find(all, name);
	if (p != NULL)
		return take(all, p, of);
	group = person_group_of(identity, text);
	if (group.n > 0)
		return take_member(all, name, group, of, now_ms);
	p = add(all, name, now_ms);
	return p == NULL ? share(all, of) : take(all, p, of);
}

/* Those that were idle for long are not needed, unless they owe something. */
static void
forget_some(struct persons *all, int64_t now_ms)
{
	for (int i = 0; i < FORGETS_PER_DROP && all->idle_first != 0; i++) {
		struct person *p = &all->at[all->idle_first];

		if (now_ms / 1000 - p->idle_s < FORGET_S || person_owes(p, now_ms))
			return;
		forget(all, p, now_ms);
	}
}

void
person_drop(struct persons *all, struct person *p, int64_t now_ms)
{
	assert(p->holders > 0);
	if (--p->holders > 0 || person_place_of(all, p) < PERSON_FIRST)
		return;
	all->counts.busy--;
	p->idle_s = (uint32_t)(now_ms / 1000);
	if (p->members == 0)
		idle_insert(all, p, all->idle_last);
	forget_some(all, now_ms);
}
