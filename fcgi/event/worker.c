#include "worker.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "loop.h"

TAILQ_HEAD(jobs, job);

struct thread {
	struct worker *worker;
	pthread_t id;
	void *ctx;
	struct job *job; /* that runs; NULL: none */
};

struct worker {
	struct loop *loop;
	int event_fd;
	int nice;
	size_t n_added; /* jobs that are not done yet, where the loop is to hurry meanwhile */
	int n_threads;
	struct thread *threads;
	void (*stop)(void *ctx, bool stop);
	uint64_t n_taken, n_cancelled, n_refused;

	pthread_mutex_t mutex; /* guards what follows */
	pthread_cond_t more;
	struct turns waiting;
	struct jobs done;
	bool closing;
};

/* Waits for a job; NULL: the end. With the mutex. */
static struct job *
take_job(struct thread *t)
{
	struct worker *w = t->worker;
	struct turns_item *item;
	struct job *job;

	while (w->waiting.n == 0 && !w->closing)
		pthread_cond_wait(&w->more, &w->mutex);
	item = turns_take(&w->waiting);
	if (item == NULL)
		return NULL;
	job = CONTAINER(item, struct job, waiting);
	job->state = JOB_RUNNING;
	t->job = job;
	if (w->stop != NULL)
		w->stop(t->ctx, false);
	return job;
}

/* Hands a job back to the loop. With the mutex. */
static void
end_job(struct worker *w, struct job *job)
{
	bool first = TAILQ_EMPTY(&w->done);

	job->state = JOB_ENDED;
	TAILQ_INSERT_TAIL(&w->done, job, link);
	if (first)
		(void)eventfd_write(w->event_fd, 1);
}

static void *
run_thread(void *arg)
{
	struct thread *t = arg;
	struct worker *w = t->worker;
	struct job *job;
	int64_t began_us;

	/* Linux gives each thread a niceness of its own; without the right to change it, it stays as it is. */
	if (w->nice != 0)
		(void)setpriority(PRIO_PROCESS, 0, w->nice);
	pthread_mutex_lock(&w->mutex);
	while ((job = take_job(t)) != NULL) {
		pthread_mutex_unlock(&w->mutex);
		began_us = clock_us();
		job->run(t->ctx, job);
		job->took_us = clock_us() - began_us;
		pthread_mutex_lock(&w->mutex);
		t->job = NULL;
		end_job(w, job);
	}
	pthread_mutex_unlock(&w->mutex);
	return NULL;
}

/* The rest is for the next turn, before those that end meanwhile. */
static void
put_back(struct worker *w, struct jobs *rest)
{
	if (TAILQ_EMPTY(rest))
		return;
	pthread_mutex_lock(&w->mutex);
	TAILQ_CONCAT(rest, &w->done, link);
	TAILQ_CONCAT(&w->done, rest, link);
	pthread_mutex_unlock(&w->mutex);
	(void)eventfd_write(w->event_fd, 1);
}

static void
collect(void *ctx)
{
	struct worker *w = ctx;
	struct jobs done = TAILQ_HEAD_INITIALIZER(done);
	eventfd_t n;
	struct job *job;

	(void)eventfd_read(w->event_fd, &n);
	pthread_mutex_lock(&w->mutex);
	TAILQ_CONCAT(&done, &w->done, link);
	pthread_mutex_unlock(&w->mutex);
	while (!loop_spent(w->loop) && (job = TAILQ_FIRST(&done)) != NULL) {
		TAILQ_REMOVE(&done, job, link);
		job->worker = NULL;
		job->state = JOB_IDLE;
		if (w->nice > 0 && --w->n_added == 0)
			loop_hurry(w->loop, false);
		job->done(job);
	}
	put_back(w, &done);
}

struct worker *
worker_new(struct loop *loop, const struct worker_options *options)
{
	struct worker *w = calloc(1, sizeof *w);
	sigset_t all, old;

	if (w == NULL)
		return NULL;
	*w = (struct worker){.loop = loop, .nice = options->nice, .stop = options->stop};
	TAILQ_INIT(&w->done);
	pthread_mutex_init(&w->mutex, NULL);
	pthread_cond_init(&w->more, NULL);
	w->threads = calloc((size_t)options->threads, sizeof *w->threads);
	w->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (turns_init(&w->waiting, options->jobs_max) != 0 || w->threads == NULL || w->event_fd < 0 ||
	    loop_add_source(loop, w->event_fd, collect, w) != 0) {
		worker_free(w);
		return NULL;
	}
	/* Signals are the loop's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	for (; w->n_threads < options->threads; w->n_threads++) {
		struct thread *t = &w->threads[w->n_threads];

		*t = (struct thread){.worker = w, .ctx = options->ctxs[w->n_threads]};
		if (pthread_create(&t->id, NULL, run_thread, t) != 0)
			break;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (w->n_threads < options->threads) {
		worker_free(w);
		return NULL;
	}
	return w;
}

int
worker_add(struct worker *w, struct job *job)
{
	int result = -1;

	pthread_mutex_lock(&w->mutex);
	if (w->waiting.n < w->waiting.n_max) {
		job->worker = w;
		job->state = JOB_WAITING;
		job->cancelled = false;
		job->took_us = 0;
		turns_add(&w->waiting, &job->waiting, job->turn);
		pthread_cond_signal(&w->more);
		result = 0;
	}
	pthread_mutex_unlock(&w->mutex);
	if (result == 0)
		w->n_taken++;
	else
		w->n_refused++;
	if (result == 0 && w->nice > 0 && w->n_added++ == 0)
		loop_hurry(w->loop, true);
	return result;
}

/* With the mutex. */
static void
stop_running(struct worker *w, const struct job *job)
{
	for (int i = 0; w->stop != NULL && i < w->n_threads; i++)
		if (w->threads[i].job == job)
			w->stop(w->threads[i].ctx, true);
}

void
worker_cancel(struct job *job)
{
	struct worker *w = job->worker;

	if (w == NULL || job->cancelled)
		return;
	w->n_cancelled++;
	job->cancelled = true;
	pthread_mutex_lock(&w->mutex);
	if (job->state == JOB_WAITING) {
		turns_remove(&w->waiting, &job->waiting);
		end_job(w, job);
	} else if (job->state == JOB_RUNNING)
		stop_running(w, job);
	pthread_mutex_unlock(&w->mutex);
}

struct worker_counts
worker_counts(struct worker *w)
{
	struct worker_counts counts = {.taken = w->n_taken, .cancelled = w->n_cancelled, .refused = w->n_refused};

	pthread_mutex_lock(&w->mutex);
	counts.waiting = w->waiting.n;
	pthread_mutex_unlock(&w->mutex);
	return counts;
}

/* With the mutex. */
static void
cancel_all(struct worker *w)
{
	while (turns_take(&w->waiting) != NULL)
		continue;
	for (int i = 0; i < w->n_threads; i++)
		if (w->threads[i].job != NULL)
			w->stop(w->threads[i].ctx, true);
}

void
worker_free(struct worker *w)
{
	if (w == NULL)
		return;
	pthread_mutex_lock(&w->mutex);
	w->closing = true;
	if (w->stop != NULL)
		cancel_all(w);
	pthread_cond_broadcast(&w->more);
	pthread_mutex_unlock(&w->mutex);
	for (int i = 0; i < w->n_threads; i++)
		pthread_join(w->threads[i].id, NULL);
	if (w->event_fd >= 0) {
		loop_remove_source(w->loop, w->event_fd);
		close(w->event_fd);
	}
	turns_fini(&w->waiting);
	pthread_cond_destroy(&w->more);
	pthread_mutex_destroy(&w->mutex);
	free(w->threads);
	free(w);
}
