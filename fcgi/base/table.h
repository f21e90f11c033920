/*
 * table: things by their names, found in a constant time whatever the names are.
 *
 * Names are strangers', so their places come from SipHash with a key of the table's own. What is in it embeds a struct
 * table_entry, and stays its owner's. The table grows by a place with each entry (linear hashing), so there is never a
 * moment in which all of it is laid anew; without memory it goes on with the places it has.
 *
 * Worked case: 4 places and `split` 1 are the places 0 to 4: of those whose last two bits are 00, which was split
 * already, the third bit says whether they are in 0 or in 4; 01, 10 and 11 are whole.
 */
#ifndef TABLE_H
#define TABLE_H

#include "container.h"
#include "hash.h"

struct table_entry {
	struct table_entry *next; /* in its place */
};

typedef struct str table_name_fn(const struct table_entry *e); /* constant while it is in the table */

struct table {
	struct hash_key key;
	table_name_fn *name;
	struct table_entry **places;
	size_t n;        /* entries */
	size_t base;     /* a power of two: the places there were before `split` of them were split */
	size_t split;    /* below base */
	size_t capacity; /* pointers that `places` has room for */
};

/* -1 without memory. */
int table_init(struct table *t, table_name_fn *name);

/* The entries are their owners'. */
void table_fini(struct table *t);

/* The entry of this name, or NULL. */
struct table_entry *table_find(const struct table *t, struct str name);

/* There must be none of its name. */
void table_add(struct table *t, struct table_entry *e);

/* e must be in it. */
void table_remove(struct table *t, struct table_entry *e);

/* Calls fn for each entry; fn may remove the one that it is given, and no other. */
void table_each(struct table *t, void (*fn)(void *ctx, struct table_entry *e), void *ctx);

#endif
