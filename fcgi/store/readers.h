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

/* Whose a question is, and what it cost; the caller's, until done. */
struct read_turn {
	void *key; /* only compared: threads take questions in turns, one of each key; NULL: nobody else's */
	/* For done: how long it took a thread, also if it was cancelled meanwhile; 0: it never began. */
	int64_t took_us;
};

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
 * Asks as the function of store.h does that has this name. *ask, and what it views, is the reader's until done, and so
 * is *turn (or NULL); what was answered is then the caller's to free, also after a failure. NULL: too many wait, or no
 * memory; nothing was done.
 */
struct read *readers_poll(
    struct readers *r, struct store_poll *ask, struct read_turn *turn, readers_done_fn *done, void *ctx);
struct read *readers_history(
    struct readers *r, struct store_page *ask, struct read_turn *turn, readers_done_fn *done, void *ctx);
struct read *readers_search(
    struct readers *r, struct store_page *ask, struct read_turn *turn, readers_done_fn *done, void *ctx);
struct read *readers_list(
    struct readers *r, struct store_list *ask, struct read_turn *turn, readers_done_fn *done, void *ctx);
struct read *readers_tail(
    struct readers *r, struct store_tail *ask, struct read_turn *turn, readers_done_fn *done, void *ctx);
struct read *readers_missed(
    struct readers *r, struct store_missed *ask, struct read_turn *turn, readers_done_fn *done, void *ctx);

struct read *readers_one(
    struct readers *r, struct store_one *ask, struct read_turn *turn, readers_done_fn *done, void *ctx);

/* Nobody waits for it any more: it does not begin, or is stopped. done is still called, later; the read ends there. */
void readers_cancel(struct read *read);

struct readers_counts {
	struct worker_counts pages, searches;
};
struct readers_counts readers_counts(struct readers *r);

#endif
