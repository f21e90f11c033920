/*
 * readers: the worker threads that read the database for polls, history and search.
 *
 * Two groups, so that a search of seconds never keeps a page or a catch-up waiting. Each thread has a connection of its
 * own, which worker hands to a job's run function.
 */
#ifndef READERS_H
#define READERS_H

#include "event/worker.h"
#include "store.h"

struct readers;

/*
 * n threads for pages and one for searches; jobs_max may wait for either. NULL, with what is wrong in error.
 */
struct readers *readers_new(
    struct loop *loop, const struct store_options *options, int n, size_t jobs_max, char error[STORE_ERROR_SIZE]);

/* What waits is dropped, what runs is stopped. */
void readers_free(struct readers *r);

/* As worker_add(): -1 when too many wait. A job is ended by worker_cancel(), also while it reads. */
int readers_add(struct readers *r, struct job *job);
int readers_add_search(struct readers *r, struct job *job);

struct readers_counts {
	struct worker_counts pages, searches;
};
struct readers_counts readers_counts(struct readers *r);

#endif
