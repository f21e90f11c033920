/*
 * sight: which rooms somebody may read, write to and moderate: the grants that hold for one, in the order in which they
 * decide.
 *
 * One order holds (docs/PROTOCOL.md, "Who may"): rules of the token or user before those of `users` before those of
 * `anyone`; within one of these an exact room before the longest prefix. The first rule that fits the room decides
 * alone. Equal sights are one object, so that whoever may see the same shares answers. A sight never changes; it is
 * held and dropped in the loop, and asked in any thread.
 *
 * Worked case: `anyone pub* r`, `users pub-ops rw`, `user:ann pub* ''`: ann may do nothing in pub-ops, bob reads and
 * writes there, a stranger reads it.
 *
 * The rules of one rank are a layer, sorted and shared: ten thousand rules of `anyone` stand in memory once, however
 * many people they hold for. Asking costs a binary search in each layer until one decides.
 */
#ifndef SIGHT_H
#define SIGHT_H

#include "store/store.h"

struct sight;
struct sight_layer;
struct sights;

enum { MAY_READ = 1, MAY_WRITE = 2, MAY_MODERATE = 4 };

/* r, w, m in any order, each once; -1: it is not that. "" is 0, and denies. */
int sight_read_may(struct str text);

/* A room's name, or a prefix (of 0 to 63 characters) and `*`. */
bool sight_rooms_ok(struct str rooms);

/* Whose rules decide: the first of these that has one for the room. */
enum sight_rank {
	SIGHT_OWN,   /* `token:X`, `user:X` */
	SIGHT_CLAIM, /* what a JWT says of itself */
	SIGHT_USERS,
	SIGHT_ANYONE,
	SIGHT_RANKS,
};

/* A rule as it is looked at. */
struct sight_rule {
	struct str rooms;  /* sight_rooms_ok() */
	uint8_t rank, may; /* enum sight_rank; MAY_ bits */
};

/* Those of one daemon; NULL without memory. All sights and layers must be dropped before it is freed. */
struct sights *sights_new(void);
void sights_free(struct sights *all);
size_t sights_count(const struct sights *all);

/*
 * The rules of one rank, n > 0 of them, held by the caller; they are copied, in any order; of two of the same rooms
 * the first counts. NULL without memory.
 */
struct sight_layer *sight_layer_get(struct sights *all, const struct sight_rule *rules, size_t n);
struct sight_layer *sight_layer_hold(struct sight_layer *layer); /* NULL is let pass, as by the next */
void sight_layer_drop(struct sight_layer *layer);

/* The sight of these layers (it holds them itself), held by the caller; NULL: none of that rank. NULL without memory.
 */
struct sight *sight_get_layers(struct sights *all, struct sight_layer *const layers[SIGHT_RANKS]);
/* The same of rules of all ranks, as sight_layer_get() takes them; none at all: nothing may be done. */
struct sight *sight_get(struct sights *all, const struct sight_rule *rules, size_t n);
/* The same for all rooms. */
struct sight *sight_get_all(struct sights *all, unsigned may);
struct sight *sight_hold(struct sight *s);
void sight_drop(struct sight *s); /* NULL is let pass */

/* MAY_ bits. */
unsigned sight_may(const struct sight *s, struct str room);

/*
 * Whether it may do so in every room there can be. false is also said where a rule that denies is left no room by
 * others before it: then rooms are asked for one by one, in vain.
 */
bool sight_everywhere(const struct sight *s, unsigned may);
/* Whether there can be a room in which it may; true is also said where such a rule is left no room. */
bool sight_anywhere(const struct sight *s, unsigned may);

/*
 * For the store, in the loop: the same of MAY_READ; NULL when it reads everywhere. Lives as long as the sight. Its
 * patterns are sorted, and none is within another; they are one `*` when there are more than SIGHT_PATTERNS_MAX, or no
 * memory for them.
 */
enum { SIGHT_PATTERNS_MAX = 1000 };
const struct store_sees *sight_sees(struct sight *s);

/* How many rules it has (but those behind a rank with a `*`), and the rule that decides about the room; NULL: none. */
size_t sight_rules(const struct sight *s);
const struct sight_rule *sight_decides(const struct sight *s, struct str room);

#endif
