/*
 * poll_read: polls that cannot be answered from memory alone: a reader catches up, or the writer looks first.
 *
 * Whoever waits here is a handle and a copy of what it asks for. A client gone meanwhile is forgotten when the look
 * returns, and a reader is stopped (errand.h).
 */
#ifndef POLL_READ_H
#define POLL_READ_H

#include "poll_ask.h"

struct commit;
struct poll_answers;
struct poll_reads;
struct readers;

/* Asks again, now that the cursor is where memory may answer it; ask ends with the call. */
typedef void poll_again_fn(void *ctx, struct fcgi_conn *conn, struct poll_ask *ask);

/* NULL without memory. */
struct poll_reads *poll_reads_new(struct requests *requests, struct rooms *rooms, struct readers *readers,
    struct commit *commit, struct poll_answers *answers, poll_again_fn *again, void *ctx);
void poll_reads_free(struct poll_reads *all);

/* Answers by a reader, and by what memory holds above; if both find nothing, asks again above what was read. */
void poll_read_store(struct poll_reads *all, struct fcgi_conn *conn, const struct poll_ask *ask);

/* Asks again after a look at what other programs committed; a cursor beyond the head even then is told `reset`. */
void poll_read_look(struct poll_reads *all, struct fcgi_conn *conn, const struct poll_ask *ask);

#endif
