/*
 * paging: messages of /history, oldest first, however many, with a page of them in memory at a time.
 *
 * The newest N are found by going back page by page, of which only the borders are kept (16 bytes for each), and then
 * printed by asking for the pages once more, the oldest first. Messages that come meanwhile are not among them. All of
 * them, when nothing is searched for, are asked for in their own order.
 */
#ifndef PAGING_H
#define PAGING_H

#include "answer.h"
#include "asking.h"

enum { PAGING_LIMIT = 500 /* messages of a page */ };

struct paging {
	struct asking *asking;
	struct buf target; /* the path and what filters, with at least one parameter */
	bool all, search;  /* all there are, not count of them; found by words, so that the newest come first */
	uint64_t count;
	int (*fn)(void *ctx, const struct told *t);
	void *ctx;
	/* Its own. */
	size_t target_n;
	struct paging_page {
		int64_t before; /* 0: the newest */
		int64_t floor;  /* only those from this id on */
	} * pages;
	size_t n, room;
};

/* Calls fn for each, until it returns another thing than 0: that, or how the program ends, said. */
int paging_run(struct paging *p);

#endif
