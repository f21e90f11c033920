/*
 * poll_ask: what a poll asks for: its rooms, its cursor, how long it waits.
 */
#ifndef POLL_ASK_H
#define POLL_ASK_H

#include "store/store.h"
#include "web/request.h"

struct room;
struct rooms;

struct poll_ask {
	struct str rooms[STORE_ROOMS_MAX]; /* views of whatever it was read from */
	size_t n_rooms;                    /* at least 1 */
	bool all_rooms;                    /* then n_rooms is 1, and says nothing */
	int64_t since;
	int64_t newest; /* > 0: since is the id before the newest-th newest message */
	bool looked;    /* what others committed before it came is known */
	bool no_gap;    /* since=all: nothing is missed by someone who begins */
	int64_t wait_ms;
	uint16_t limit;
	int8_t preferred; /* seconds taken from the Prefer header; -1: none */
};

/*
 * Reads the parameters (and Prefer) of r, whose query q is; views live as long as those two. head: what since=now
 * means. *epoch is the epoch that the client knows, p == NULL: none. false: answered with what is wrong.
 */
bool poll_ask_read(struct poll_ask *ask, struct request *r, const struct query *q, int64_t head, int64_t wait_max_ms,
    struct str *epoch);

/* The n_rooms rooms that are asked for: NULL for one that memory knows nothing of, or with `make` a new one. -1 without
 * memory to make it. */
int poll_ask_rooms(const struct poll_ask *ask, struct rooms *rooms, bool make, struct room *found[STORE_ROOMS_MAX]);

#endif
