/*
 * grants: the rows of table grants, and what they mean for somebody: which decides, and what a change takes away.
 *
 * Who a row is for: `anyone`, `users` (who has proven a name, tokens too), `user:NAME`, `token:NAME`. What they mean is
 * sight.h's, in the daemon and here.
 */
#ifndef GRANTS_H
#define GRANTS_H

#include "access/sight.h"
#include "database.h"

struct grants {
	struct store_grant *rows;
	size_t n, cap;
	size_t odd; /* rows of the table that can mean nothing, and are not here */
};

enum grants_whose { GRANTS_NOBODY, GRANTS_ANYONE, GRANTS_USERS, GRANTS_ONE };

/* GRANTS_NOBODY: it is none of the four. */
enum grants_whose grants_whose(struct str who);

/* Those of the table; -1, said. grants_fini() them. */
int grants_load(struct grants *g, struct database *d);
void grants_fini(struct grants *g);

/* Puts one in, in the place of one for the same and the same rooms, or takes it out. -1 without memory; or it is not
 * there. All of it must be good. */
int grants_put(struct grants *g, struct str who, struct str rooms, struct str may);
int grants_take(struct grants *g, struct str who, struct str rooms);

/* What holds for who, as a sight, which must be dropped; NULL without memory. */
struct sight *grants_sight(const struct grants *g, struct sights *all, struct str who);

/* The rows that fit who and the room, in the order in which they decide: the first alone does. false without memory. */
bool grants_fitting(
    const struct grants *g, struct str who, struct str room, const struct store_grant ***rows, size_t *n);

/*
 * Calls fn for each kind of room in which another thing may be done after a row for (who, rooms) was put in, changed or
 * taken out: for whom that is so (who, or `users`, who fall back on what `anyone` may), in which rooms (a room, or a
 * prefix and `*`, for all that no other row names), what was allowed and what is (MAY_ bits). -1 without memory.
 */
typedef void grants_change_fn(void *ctx, struct str whom, struct str rooms, unsigned before, unsigned after);
int grants_compare(const struct grants *before, const struct grants *after, struct str who, struct str rooms,
    grants_change_fn *fn, void *ctx);

/* "rw"; "-" for nothing. */
enum { GRANTS_MAY_SIZE = 4 };
void grants_may(unsigned may, char text[GRANTS_MAY_SIZE]);
/* "read and write", "do nothing" */
const char *grants_words(unsigned may);

#endif
