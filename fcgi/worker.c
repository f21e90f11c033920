#include "worker.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "loop.h"

STAILQ_HEAD(jobs, job);

struct thread {
	struct worker *worker;
	pthread_t id;
	void *ctx;
};

struct worker {
	struct loop *loop;
	int event_fd;
	int nice;
	size_t jobs_max, n_added; /* jobs that are not done yet, where the loop is to hurry meanwhile */
	int n_threads;
	struct thread *threads;

	pthread_mutex_t mutex; /* guards what follows */
	pthread_cond_t more;
	struct jobs waiting, done;
	size_t n_waiting;
	bool closing;
};

static void *
run_thread(void *arg)
{
	struct thread *t = arg;
	struct worker *w = t->worker;

	/* Linux gives each thread a niceness of its own; without the right to change it, it stays as it is. */
	if (w->nice != 0)
		(void)setpriority(PRIO_PROCESS, 0, w->nice);
	pthread_mutex_lock(&w->mutex);
	for (;;) {
		struct job *job;
		bool first;

		while (STAILQ_EMPTY(&w->waiting) && !w->closing)
			pthread_cond_wait(&w->more, &w->mutex);
		job = STAILQ_FIRST(&w->waiting);
		if (job == NULL)
			break;
		STAILQ_REMOVE_HEAD(&w->waiting, link);
		w->n_waiting--;
		pthread_mutex_unlock(&w->mutex);
		job->run(t->ctx, job);
		pthread_mutex_lock(&w->mutex);
		first = STAILQ_EMPTY(&w->done);
		STAILQ_INSERT_TAIL(&w->done, job, link);
		if (first)
			(void)eventfd_write(w->event_fd, 1);
	}
	pthread_mutex_unlock(&w->mutex);
	return NULL;
}

static void
collect(void *ctx)
{
	struct worker *w = ctx;
	struct jobs done = STAILQ_HEAD_INITIALIZER(done);
	eventfd_t n;
	struct job *job;

	(void)eventfd_read(w->event_fd, &n);
	pthread_mutex_lock(&w->mutex);
	STAILQ_CONCAT(&done, &w->done);
	pthread_mutex_unlock(&w->mutex);
	while ((job = STAILQ_FIRST(&done)) != NULL) {
		STAILQ_REMOVE_HEAD(&done, link);
		if (w->nice > 0 && --w->n_added == 0)
			loop_hurry(w->loop, false);
		job->done(job);
	}
}

struct worker *
worker_new(struct loop *loop, const struct worker_options *options)
{
	struct worker *w = calloc(1, sizeof *w);
	sigset_t all, old;

	if (w == NULL)
		return NULL;
	*w = (struct worker){.loop = loop, .nice = options->nice, .jobs_max = options->jobs_max};
	STAILQ_INIT(&w->waiting);
	STAILQ_INIT(&w->done);
	pthread_mutex_init(&w->mutex, NULL);
	pthread_cond_init(&w->more, NULL);
	w->threads = calloc((size_t)options->threads, sizeof *w->threads);
	w->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (w->threads == NULL || w->event_fd < 0 || loop_add_source(loop, w->event_fd, collect, w) != 0) {
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
	if (w->n_waiting < w->jobs_max) {
		STAILQ_INSERT_TAIL(&w->waiting, job, link);
		w->n_waiting++;
		pthread_cond_signal(&w->more);
		result = 0;
	}
	pthread_mutex_unlock(&w->mutex);
	if (result == 0 && w->nice > 0 && w->n_added++ == 0)
		loop_hurry(w->loop, true);
	return result;
}

void
worker_free(struct worker *w)
{
	if (w == NULL)
		return;
	pthread_mutex_lock(&w->mutex);
	w->closing = true;
	pthread_cond_broadcast(&w->more);
	pthread_mutex_unlock(&w->mutex);
	for (int i = 0; i < w->n_threads; i++)
		pthread_join(w->threads[i].id, NULL);
	if (w->event_fd >= 0) {
		loop_remove_source(w->loop, w->event_fd);
		close(w->event_fd);
	}
	pthread_cond_destroy(&w->more);
	pthread_mutex_destroy(&w->mutex);
	free(w->threads);
	free(w);
}
