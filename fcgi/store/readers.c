#include "readers.h"

#include <stdio.h>
#include <stdlib.h>

enum { NICE = 5 };

enum question { POLL, HISTORY, SEARCH, LIST, TAIL, MISSED, ONE };

struct read {
	struct job job;
	LIST_ENTRY(read) link;
	enum question question;
	union {
		struct store_poll *poll;
		struct store_page *page; /* of history or a search */
		struct store_list *list;
		struct store_tail *tail;
		struct store_missed *missed;
		struct store_one *one;
	} ask;
	struct read_turn *turn; /* or NULL */
	enum store_status status;
	readers_done_fn *done;
	void *ctx;
};

struct readers {
	struct worker *pages, *searches;
	LIST_HEAD(, read) reads;
	struct store **stores;
	int n;
};

static void
stop(void *store, bool stopped)
{
	store_stop(store, stopped);
}

struct readers *
readers_new(
    struct loop *loop, const struct store_options *options, int n, size_t jobs_max, char error[STORE_ERROR_SIZE])
{
	struct worker_options worker = {.threads = n, .jobs_max = jobs_max, .nice = NICE, .stop = stop};
	struct readers *r = calloc(1, sizeof *r);
	void **ctxs;

	snprintf(error, STORE_ERROR_SIZE, "no memory or threads for readers");
	if (r == NULL)
		return NULL;
	r->stores = calloc((size_t)n + 1, sizeof *r->stores);
	ctxs = calloc((size_t)n + 1, sizeof *ctxs);
	while (r->stores != NULL && ctxs != NULL && r->n < n + 1) {
		struct store *s = store_open(options, false, error);

		if (s == NULL)
			break;
		ctxs[r->n] = s;
		r->stores[r->n++] = s;
	}
	if (r->n == n + 1) {
		worker.ctxs = ctxs;
		r->pages = worker_new(loop, &worker);
		worker.threads = 1;
		worker.nice = 2 * NICE;
		worker.ctxs = ctxs + n;
		r->searches = worker_new(loop, &worker);
	}
	free(ctxs);
	if (r->pages == NULL || r->searches == NULL) {
		readers_free(r);
		return NULL;
	}
	return r;
}

void
readers_free(struct readers *r)
{
	struct read *read;

	if (r == NULL)
		return;
	worker_free(r->pages);
	worker_free(r->searches);
	while ((read = LIST_FIRST(&r->reads)) != NULL) {
		LIST_REMOVE(read, link);
		free(read);
	}
	for (int i = 0; i < r->n; i++)
		store_close(r->stores[i]);
	free(r->stores);
	free(r);
}

static void
run(void *store, struct job *job)
{
	struct read *read = CONTAINER(job, struct read, job);

	switch (read->question) {
	case POLL:
		read->status = store_poll(store, read->ask.poll);
		break;
	case HISTORY:
		read->status = store_history(store, read->ask.page);
		break;
	case SEARCH:
		read->status = store_search(store, read->ask.page);
		break;
	case LIST:
		read->status = store_list(store, read->ask.list);
		break;
	case TAIL:
		read->status = store_tail(store, read->ask.tail);
		break;
	case MISSED:
		read->status = store_missed(store, read->ask.missed);
		break;
	case ONE:
		read->status = store_one(store, read->ask.one);
		break;
	}
}

static void
finish(struct job *job)
{
	struct read *read = CONTAINER(job, struct read, job);

	LIST_REMOVE(read, link);
	if (read->turn != NULL)
		read->turn->took_us = job->took_us;
	read->done(read->ctx, job->cancelled ? STORE_STOPPED : read->status);
	free(read);
}

static struct read *
ask(struct readers *r, struct read asked)
{
	struct read *read = malloc(sizeof *read);

	if (read == NULL)
		return NULL;
	*read = asked;
	read->job = (struct job){.run = run, .done = finish, .turn = asked.turn == NULL ? NULL : asked.turn->key};
	if (worker_add(asked.question == SEARCH ? r->searches : r->pages, &read->job) != 0) {
		free(read);
		return NULL;
	}
	LIST_INSERT_HEAD(&r->reads, read, link);
	return read;
}

struct read *
readers_poll(struct readers *r, struct store_poll *poll, struct read_turn *turn, readers_done_fn *done, void *ctx)
{
	return ask(r, (struct read){.question = POLL, .ask.poll = poll, .turn = turn, .done = done, .ctx = ctx});
}

struct read *
readers_history(struct readers *r, struct store_page *page, struct read_turn *turn, readers_done_fn *done, void *ctx)
{
	return ask(r, (struct read){.question = HISTORY, .ask.page = page, .turn = turn, .done = done, .ctx = ctx});
}

struct read *
readers_search(struct readers *r, struct store_page *page, struct read_turn *turn, readers_done_fn *done, void *ctx)
{
	return ask(r, (struct read){.question = SEARCH, .ask.page = page, .turn = turn, .done = done, .ctx = ctx});
}

struct read *
readers_list(struct readers *r, struct store_list *list, struct read_turn *turn, readers_done_fn *done, void *ctx)
{
	return ask(r, (struct read){.question = LIST, .ask.list = list, .turn = turn, .done = done, .ctx = ctx});
}

struct read *
readers_tail(struct readers *r, struct store_tail *tail, struct read_turn *turn, readers_done_fn *done, void *ctx)
{
	return ask(r, (struct read){.question = TAIL, .ask.tail = tail, .turn = turn, .done = done, .ctx = ctx});
}

struct read *
readers_missed(struct readers *r, struct store_missed *missed, struct read_turn *turn, readers_done_fn *done, void *ctx)
{
	return ask(r, (struct read){.question = MISSED, .ask.missed = missed, .turn = turn, .done = done, .ctx = ctx});
}

struct read *
readers_one(struct readers *r, struct store_one *one, struct read_turn *turn, readers_done_fn *done, void *ctx)
{
	return ask(r, (struct read){.question = ONE, .ask.one = one, .turn = turn, .done = done, .ctx = ctx});
}

void
readers_cancel(struct read *read)
{
	worker_cancel(&read->job);
}

struct readers_counts
readers_counts(struct readers *r)
{
	return (struct readers_counts){worker_counts(r->pages), worker_counts(r->searches)};
}
