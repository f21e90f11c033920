/*
 * cursor: where a reader begins, as a query says it, and what memory has above that, for /poll and /stream.
 */
#ifndef API_CURSOR_H
#define API_CURSOR_H

#include "live/room.h"
#include "store/store.h"
#include "web/request.h"

struct sight;

struct cursor {
	int64_t since;
	int64_t newest; /* > 0: since=-N: it is N messages before the end */
	bool no_gap;    /* since=all: a client that begins misses nothing */
};

/* Reads the parameter since; `now` leaves since as it is. false: answered with what is wrong. */
bool cursor_read(struct request *r, struct str value, struct cursor *c);

/*
 * The rooms that are asked for, of `*` what the sight sees of the log: NULL for one that memory knows nothing of, or
 * with `make` a new one. -1 without memory to make it, or for what is seen of the log.
 */
int cursor_rooms(const struct store_rooms *asked, struct rooms *rooms, struct sight *sight, bool make,
    struct room *found[STORE_ROOMS_MAX]);

/* The id before the newest-th newest message of these rooms, if memory knows it; or else -1. */
int64_t cursor_newest(const struct store_rooms *asked, struct rooms *rooms, struct sight *sight, int64_t newest);

/* What memory has of rooms (NULL: nothing) above an id, in the order of ids. Good for the turn. */
struct cursor_walk {
	struct room *const *rooms;
	size_t n, places[STORE_ROOMS_MAX];
};
void cursor_walk_begin(struct cursor_walk *w, struct room *const *rooms, size_t n, int64_t since);
/* The next message; NULL: there is none. */
const struct message *cursor_walk_next(struct cursor_walk *w);

#endif
