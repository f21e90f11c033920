/*
 * worker: threads with a queue of jobs; done jobs come back to the loop.
 *
 * The only seam between the loop and whatever may block. A job belongs to the loop until worker_add(), to a thread
 * while it runs, and to the loop again when its done function is called there.
 */
#ifndef WORKER_H
#define WORKER_H

#include <stddef.h>
#include <sys/queue.h>

struct loop;
struct worker;

struct job {
	STAILQ_ENTRY(job) link;
	void (*run)(void *thread_ctx, struct job *job); /* in a thread */
	void (*done)(struct job *job);                  /* in the loop, in the order in which jobs ended */
};

struct worker_options {
	int threads;
	size_t jobs_max; /* waiting; worker_add() refuses more */
	int nice;        /* added to the threads' niceness */
	void **ctxs;     /* one for each thread, the caller's */
};

/* NULL without memory, threads or descriptors. */
struct worker *worker_new(struct loop *loop, const struct worker_options *options);

/* 0, or -1 when jobs_max jobs wait. */
int worker_add(struct worker *w, struct job *job);

/* Ends the threads after the jobs that are waiting; their done functions are not called any more. NULL is let pass. */
void worker_free(struct worker *w);

#endif
