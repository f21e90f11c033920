/*
 * worker: threads with a queue of jobs; done jobs come back to the loop.
 *
 * Threads take jobs in turns (base/turns.h): who has many of them waiting keeps nobody else's waiting.
 *
 * The only seam between the loop and whatever may block. A job belongs to the loop until worker_add(), to a thread
 * while it runs, and to the loop again when its done function is called there.
 *
 * States of a job: WAITING by worker_add() -> RUNNING when a thread takes it -> ENDED -> its done function is called. A
 * job that nobody wants any more is cancelled: WAITING it is ENDED at once, makes room and never runs; RUNNING it goes
 * on, and its thread is told to stop, which is for the caller's stop function to see to.
 */
#ifndef WORKER_H
#define WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/container.h"
#include "base/turns.h"

struct loop;
struct worker;

enum job_state { JOB_IDLE, JOB_WAITING, JOB_RUNNING, JOB_ENDED };

struct job {
	void (*run)(void *thread_ctx, struct job *job); /* in a thread */
	void (*done)(struct job *job);                  /* in the loop, in the order in which jobs ended */
	const void *turn;                               /* whose it is, only compared; NULL: nobody else's */
	bool cancelled;                                 /* for done: what it found, if it ran at all, is of no use */
	int64_t took_us;                                /* for done: how long it ran; 0: it never did */

	/* worker's own: */
	struct worker *worker; /* that has it now */
	enum job_state state;
	struct turns_item waiting;
	TAILQ_ENTRY(job) link; /* of those that are done */
};

struct worker_options {
	int threads;
	size_t jobs_max; /* waiting; worker_add() refuses more */
	int nice;        /* added to the threads' niceness */
	void **ctxs;     /* one for each thread, the caller's */
	/*
	 * Tells the thread that works with ctx that its job is cancelled (true), or that another job begins (false).
	 * From any thread, under a lock, so that it never meets another job than the cancelled one; must not wait.
	 * NULL: jobs run to their end, also those that wait when the worker is freed.
	 */
	void (*stop)(void *ctx, bool stop);
};

struct worker_counts {
	size_t waiting; /* jobs that no thread has taken yet */
	/* Since the start: added; cancelled of these; refused, since jobs_max waited. */
	uint64_t taken, cancelled, refused;
};

/* NULL without memory, threads or descriptors. */
struct worker *worker_new(struct loop *loop, const struct worker_options *options);

/* 0, or -1 when jobs_max jobs wait. */
int worker_add(struct worker *w, struct job *job);

/*
 * Nobody waits for the job any more. Between worker_add() and its done function, which is still called, later, with
 * `cancelled` set; nothing for one that is in no worker.
 */
void worker_cancel(struct job *job);

struct worker_counts worker_counts(struct worker *w);

/*
 * Ends the threads after the jobs that are waiting, or with `stop` as if all were cancelled; their done functions are
 * not called any more. NULL is let pass.
 */
void worker_free(struct worker *w);

#endif
