/*
 * checkpoint: keeps the write-ahead log (WAL) short, on a thread and a connection of its own, so that no send pays for
 * it.
 *
 * Automatic checkpoints are off. What can be copied without waiting is copied from a number of pages on; after a rest
 * all is, and the file is emptied.
 */
#ifndef CHECKPOINT_H
#define CHECKPOINT_H

#include <stdint.h>

struct checkpoint;
struct loop;
struct store;

/* The connection stays the caller's. NULL without memory, threads or descriptors. */
struct checkpoint *checkpoint_new(struct loop *loop, struct store *store);
void checkpoint_free(struct checkpoint *c);

/* The WAL has so many pages after a transaction. */
void checkpoint_wrote(struct checkpoint *c, int64_t pages);

/* Copies what can be without waiting, if there are enough of them. */
void checkpoint_if_large(struct checkpoint *c);

/* Somebody writes: the file is emptied after a rest from now on. */
void checkpoint_later(struct checkpoint *c);

int64_t checkpoint_pages(const struct checkpoint *c);

#endif
