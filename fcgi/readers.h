/*
 * readers: the worker threads that read the database for polls, history and search.
 *
 * Two groups, so that a search of seconds never keeps a page or a catch-up waiting. Each thread has a connection of its
 * own, which worker hands to a job's run function.
 */
#ifndef READERS_H
#define READERS_H

#include "store.h"
#include "worker.h"

struct readers;

/* n threads for pages and one for searches. NULL, with what is wrong in error. */
struct readers *readers_new(
    struct loop *loop, const struct store_options *options, int n, char error[STORE_ERROR_SIZE]);
void readers_free(struct readers *r);

/* As worker_add(): -1 when too many wait. */
int readers_add(struct readers *r, struct job *job);
int readers_add_search(struct readers *r, struct job *job);

#endif
