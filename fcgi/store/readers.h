/*
 * readers: the questions that are asked of the log, a function for each; the answer comes by a call in the loop.
 *
 * Nobody above knows that SQLite blocks, and so takes threads. They are in two groups, so that a search of seconds
 * never keeps a page or a catch-up waiting.
 */
#ifndef READERS_H
#define READERS_H

#include "event/worker.h"
#include "store.h"

struct readers;

/* A question that is not answered yet. */
struct read;

/* The answer stands where the question was put, if STORE_OK. STORE_STOPPED: it was cancelled. */
typedef void readers_done_fn(void *ctx, enum store_status status);

/*
 * n threads for pages and one for searches; jobs_max may wait for either. NULL, with what is wrong in error.
 */
struct readers *readers_new(
    struct loop *loop, const struct store_options *options, int n, size_t jobs_max, char error[STORE_ERROR_SIZE]);

/* What waits is dropped, what runs is stopped; neither is told. */
void readers_free(struct readers *r);

/*
 * Asks as the function of store.h does that has this name. *ask, and what it views, is the reader's until done; what
 * was answered is then the caller's to free, also after a failure. NULL: too many wait, or no memory; nothing was done.
 */
struct read *readers_poll(struct readers *r, struct store_poll *ask, readers_done_fn *done, void *ctx);
struct read *readers_history(struct readers *r, struct store_page *ask, readers_done_fn *done, void *ctx);
struct read *readers_search(struct readers *r, struct store_page *ask, readers_done_fn *done, void *ctx);
struct read *readers_list(struct readers *r, struct store_list *ask, readers_done_fn *done, void *ctx);
struct read *readers_tail(struct readers *r, struct store_tail *ask, readers_done_fn *done, void *ctx);
struct read *readers_missed(struct readers *r, struct store_missed *ask, readers_done_fn *done, void *ctx);

/* Nobody waits for it any more: it does not begin, or is stopped. done is still called, later; the read ends there. */
void readers_cancel(struct read *read);

struct readers_counts {
	struct worker_counts pages, searches;
};
struct readers_counts readers_counts(struct readers *r);

#endif
