/*
 * person_state: what the files of person share; nobody else includes it.
 */
#ifndef PERSON_STATE_H
#define PERSON_STATE_H

#include "base/hash.h"
#include "person.h"

/* Persons are named by their place in the table; 0 is none, where there can be none. */
typedef uint32_t person_place;

/* The first places are not in the table: the one without limits, and those that are shared, one of each class. */
enum { PERSON_UNCOUNTED, PERSON_SHARED, PERSON_FIRST = PERSON_SHARED + PERSON_CLASSES };

/* How much more those have who share. */
enum { PERSON_SHARED_TIMES = 10 };

enum { PERSON_COUNTS = LIMITS - LIMIT_RATES };

struct person {
	/* Of the identity, with a key each: no identity is as long as to be kept here, and no two ever meet. */
	uint64_t hash[2];
	int64_t full_ns[LIMIT_RATES]; /* when the bucket is full again; what is owed is from now to then */
	uint32_t counts[PERSON_COUNTS];
	uint32_t holders;
	person_place next;          /* of those with the same place of the hash */
	person_place before, after; /* IDLE: in the list of those, the longest idle first */
	person_place group;         /* a /64: its /48 */
	uint32_t idle_s;            /* since when */
	uint8_t class;              /* enum person_class */
	uint8_t members;            /* a /48: the /64s of it that are in the table; so long it stays */
	bool idle;
};
_Static_assert(sizeof(struct person) <= PERSON_SIZE_MAX, "a person is small, for there are many");

struct persons {
	struct limits limits;
	struct hash_key keys[2];
	struct person *at;   /* by place */
	person_place *heads; /* by hash */
	size_t n_heads;      /* a power of two */
	size_t persons_max;
	person_place unused; /* the first that never was in use */
	person_place freed;  /* the first of those that are in use no more, linked by `next` */
	person_place idle_first, idle_last;
	struct persons_counts counts;
};

static inline person_place
person_place_of(const struct persons *all, const struct person *p)
{
	return (person_place)(p - all->at);
}

/* How many times the limits hold for p; 0: none does. */
static inline uint64_t
person_times(const struct persons *all, const struct person *p)
{
	person_place place = person_place_of(all, p);

	return place >= PERSON_FIRST ? 1 : place == PERSON_UNCOUNTED ? 0 : PERSON_SHARED_TIMES;
}

/* person_limit.c: whether p owes anything of any rate. */
bool person_owes(const struct person *p, int64_t now_ms);

/* person_address.c: of the identity of a /64, that of its /48; empty: it is none. */
struct str person_group_of(struct str identity, char text[PERSON_ADDRESS_SIZE]);

#endif
