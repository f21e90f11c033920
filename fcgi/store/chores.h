/*
 * chores: what the log needs beside sends, and when: its index filled, its write-ahead log (WAL) kept short, what is
 * not kept any more deleted (pruning.h), and what was deleted erased from its files (scrub.h).
 *
 * The index is filled by the writer, between its other jobs, a piece at a time: when a search waits for it, or 10,000
 * notes of changed and deleted messages wait to be taken, which hold their old texts; and while no sends wait if nobody
 * has sent for 50 ms, or if it is 100,000 rows behind.
 *
 * Automatic checkpoints are off. The WAL is copied on a thread and a connection of its own, so that sends hardly pay
 * for it: every 1,000 pages all that can be copied without waiting; after 2 s without a commit the file is emptied as
 * well. While sends go on without a rest some pages are never copied, and SQLite would write on at the file's end for
 * ever. So from 4,000 pages on the writer copies those few itself, between two batches, and its next transaction begins
 * at the start of the file again.
 *
 * When something was deleted the index is written anew and the WAL emptied, by the writer, in its rests (scrub.h). An
 * index that another version of words made is made anew (rebuild.h).
 */
#ifndef CHORES_H
#define CHORES_H

#include "pruning.h"
#include "rebuild.h"
#include "scrub.h"
#include "store.h"

struct chores;
struct loop;

enum chore { CHORE_NONE, CHORE_FILL, CHORE_PRUNE, CHORE_RESTART_WAL, CHORE_SCRUB, CHORE_ERASE_WAL, CHORE_REBUILD };

/*
 * The connection, for the thread that copies, stays the caller's. A scrub begins scrub_after_ms behind the first
 * deletion that it is for. NULL without memory, threads or descriptors.
 */
struct chores *chores_new(struct loop *loop, struct store *checkpointer, int64_t scrub_after_ms);
void chores_free(struct chores *c);

/* From now on the log is kept so; keep stays the caller's. -1 without memory. Without it all is kept for ever. */
int chores_keep(struct chores *c, const struct keep *keep);
struct pruning_counts chores_pruning(const struct chores *c);

/*
 * What the writer should do next. busy: sends wait for it; then it is only what cannot wait, and never two pieces of
 * the index in a row. searched: a search waits for the index.
 */
enum chore chores_due(const struct chores *c, bool busy, bool searched);

/* Does it; in the writer's thread, as store_look(). */
enum store_status chores_run(
    struct chores *c, enum chore chore, struct store *writer, int64_t floor, struct store_news *news);

/* After each job of the writer's; then, if it was one of these: */
void chores_told(struct chores *c, const struct store_news *news);
void chores_ended(struct chores *c, enum chore chore, enum store_status status, const struct store_news *news);
void chores_sent(struct chores *c); /* a batch that was stored: chores rest until sends do */

/* Copies a WAL that has become large. Last in a job's end: the thread takes the processor from those to be answered. */
void chores_copy(struct chores *c);

/* Greatest id that search knows; and whether it knows all up to an id. */
int64_t chores_indexed(const struct chores *c);
bool chores_indexed_up_to(const struct chores *c, int64_t id);

/* How many deletions and changes have left words in the files that are not erased yet. */
int64_t chores_erasing(const struct chores *c);

/* How many ids are yet to be put into an index that is made anew; and whether anything of that is to be done. */
int64_t chores_rebuild_left(const struct chores *c);
bool chores_rebuilding(const struct chores *c);

/* There is no room for CHORE_REBUILD, which was due: it is due again in some seconds. */
void chores_put_off_rebuild(struct chores *c);

#endif
