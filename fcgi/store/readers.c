#include "readers.h"

#include <stdio.h>
#include <stdlib.h>

enum { NICE = 5 };

struct readers {
	struct worker *pages, *searches;
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
	if (r == NULL)
		return;
	worker_free(r->pages);
	worker_free(r->searches);
	for (int i = 0; i < r->n; i++)
		store_close(r->stores[i]);
	free(r->stores);
	free(r);
}

int
readers_add(struct readers *r, struct job *job)
{
	return worker_add(r->pages, job);
}

int
readers_add_search(struct readers *r, struct job *job)
{
	return worker_add(r->searches, job);
}

struct readers_counts
readers_counts(struct readers *r)
{
	return (struct readers_counts){worker_counts(r->pages), worker_counts(r->searches)};
}
