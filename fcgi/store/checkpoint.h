/*
 * checkpoint: keeps the write-ahead log (WAL) short, on a thread and a connection of its own, so that sends hardly pay
 * for it.
 *
 * Automatic checkpoints are off. Every 1,000 pages all that can be copied without waiting is copied; after 2 s without
 * a commit the file is emptied as well. While sends go on without a rest some pages are never copied, and SQLite would
 * write on at the file's end for ever. So from 4,000 pages on the writer copies those few itself, between two batches,
 * and its next transaction begins at the start of the file again.
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

/* After a transaction: the WAL has this many pages. */
void checkpoint_wrote(struct checkpoint *c, int64_t pages);

/* Copies what can be copied without waiting, if 1,000 pages are new. */
void checkpoint_if_large(struct checkpoint *c);

/* Whether the writer should run store_checkpoint() before it writes on, and then say so. */
bool checkpoint_wants_writer(const struct checkpoint *c);
void checkpoint_restarted(struct checkpoint *c);

/* After a commit: the file is emptied 2 s from now. */
void checkpoint_later(struct checkpoint *c);

int64_t checkpoint_pages(const struct checkpoint *c);

#endif
