/*
 * checkpoint: keeps the write-ahead log (WAL) short, on a thread and a connection of its own, so that sends hardly pay
 * for it.
 *
 * Automatic checkpoints are off. What can be copied without waiting is copied after each so many pages; after a rest
 * all is, and the file is emptied. While sends go on without a rest there is always something that was not copied yet,
 * and SQLite would write on at the file's end for ever: so from a number of pages on the writer itself, between two
 * batches, copies the few pages that are left, and its next transaction begins at the start of the file again.
 */
#ifndef CHECKPOINT_H
#define CHECKPOINT_H

#include <stdbool.h>
#include <stdint.h>

struct checkpoint;
struct loop;
struct store;

/* The connection stays the caller's. NULL without memory, threads or descriptors. */
struct checkpoint *checkpoint_new(struct loop *loop, struct store *store);
void checkpoint_free(struct checkpoint *c);

/* The WAL has so many pages after a transaction. */
void checkpoint_wrote(struct checkpoint *c, int64_t pages);

/* Copies what can be without waiting, if there are enough new ones. */
void checkpoint_if_large(struct checkpoint *c);

/* Whether the writer is to run store_checkpoint() before it writes on, and then to say so. */
bool checkpoint_wants_writer(const struct checkpoint *c);
void checkpoint_restarted(struct checkpoint *c);

/* Somebody writes: the file is emptied after a rest from now on. */
void checkpoint_later(struct checkpoint *c);

int64_t checkpoint_pages(const struct checkpoint *c);

#endif
