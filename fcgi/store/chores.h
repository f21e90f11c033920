/*
 * chores: what the log needs beside sends, and when: its index filled, its write-ahead log (WAL) kept short.
 *
 * The WAL is copied on a thread of its own (checkpoint.h). What needs the writer is done between its other jobs, one
 * chore at a time: a piece of the index when nobody has sent for 50 ms, when a search waits for it or it is far behind;
 * and the last of a WAL that is to begin anew. While sends wait, no two chores follow each other but for a WAL's.
 */
#ifndef CHORES_H
#define CHORES_H

#include "store.h"

struct chores;
struct loop;

enum chore { CHORE_NONE, CHORE_FILL, CHORE_RESTART_WAL };

/* The connection, for the thread that copies, stays the caller's. NULL without memory, threads or descriptors. */
struct chores *chores_new(struct loop *loop, struct store *checkpointer);
void chores_free(struct chores *c);

/* What the writer should do next. busy: sends wait for it; searched: a search waits for the index. */
enum chore chores_due(const struct chores *c, bool busy, bool searched);

/* Does it; in the writer's thread, as store_look(). */
enum store_status chores_run(enum chore chore, struct store *writer, int64_t floor, struct store_news *news);

/* After each job of the writer's; then, if it was one of these: */
void chores_told(struct chores *c, const struct store_news *news);
void chores_ended(struct chores *c, enum chore chore, enum store_status status, const struct store_news *news);
void chores_sent(struct chores *c); /* a batch that was stored: chores rest until sends do */

/* Copies a WAL that has become large. Last in a job's end: the thread takes the processor from whoever is answered. */
void chores_copy(struct chores *c);

/* Greatest id that search knows; and whether it knows all up to an id. */
int64_t chores_indexed(const struct chores *c);
bool chores_indexed_up_to(const struct chores *c, int64_t id);

#endif
