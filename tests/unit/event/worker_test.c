#include "event/worker.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include "base/clock.h"
#include "test.h"

enum { JOBS = 500 };

struct task {
	struct job job;
	int number, result;
	void *ran_with;
	pthread_t thread;
	bool signals_blocked;
};

static struct fixture {
	struct loop *loop;
	struct worker *worker;
	pthread_t main;
	struct task tasks[JOBS];
	int done[JOBS]; /* numbers in the order in which they were done */
	size_t n_done;
	int64_t released;
	pthread_mutex_t mutex;
	pthread_cond_t release;
	void (*stop)(void *ctx, bool stop); /* of the worker */
} fx;

static void
run(void *ctx, struct job *job)
{
	struct task *t = (struct task *)(void *)job;
	sigset_t blocked;

	pthread_sigmask(SIG_SETMASK, NULL, &blocked);
	t->signals_blocked = sigismember(&blocked, SIGTERM) == 1;
	t->thread = pthread_self();
	t->ran_with = ctx;
	t->result = t->number * 2;
}

static void
done(struct job *job)
{
	struct task *t = (struct task *)(void *)job;

	assert_true(pthread_equal(pthread_self(), fx.main));
	assert_false(pthread_equal(t->thread, fx.main));
	assert_true(t->signals_blocked);
	assert_int_equal(t->result, t->number * 2);
	fx.done[fx.n_done++] = t->number;
}

/* Waits until the test lets it go on. */
static void
run_held(void *ctx, struct job *job)
{
	pthread_mutex_lock(&fx.mutex);
	while (fx.released == 0)
		pthread_cond_wait(&fx.release, &fx.mutex);
	fx.released--;
	pthread_mutex_unlock(&fx.mutex);
	run(ctx, job);
}

static void
release(int64_t n)
{
	pthread_mutex_lock(&fx.mutex);
	fx.released += n;
	pthread_cond_broadcast(&fx.release);
	pthread_mutex_unlock(&fx.mutex);
}

static int
setup(void **state)
{
	(void)state;
	memset(&fx, 0, sizeof fx);
	pthread_mutex_init(&fx.mutex, NULL);
	pthread_cond_init(&fx.release, NULL);
	fx.main = pthread_self();
	fx.loop = loop_new();
	for (int i = 0; i < JOBS; i++)
		fx.tasks[i] = (struct task){.job = {.run = run, .done = done}, .number = i, .result = -1};
	test_watchdog(30);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	release(JOBS);
	worker_free(fx.worker);
	loop_free(fx.loop);
	test_watchdog(0);
	return 0;
}

static void
start(int threads, size_t jobs_max, void **ctxs)
{
	fx.worker = worker_new(fx.loop,
	    &(struct worker_options){
	        .threads = threads, .jobs_max = jobs_max, .nice = threads > 1 ? 5 : 0, .ctxs = ctxs, .stop = fx.stop});
	assert_non_null(fx.worker);
}

static enum test_next
until_all_done(void *ctx, int turn)
{
	(void)turn;
	return fx.n_done < *(size_t *)ctx ? TEST_WAIT : TEST_STOP;
}

/* One thread: all jobs run, with its context, and come back in the order in which they were added. */
static void
one_thread_does_its_jobs_in_order(void **state)
{
	int context;
	void *ctxs[] = {&context};
	size_t all = JOBS;

	(void)state;
	start(1, JOBS, ctxs);
	for (int i = 0; i < JOBS; i++)
		assert_int_equal(worker_add(fx.worker, &fx.tasks[i].job), 0);
	assert_int_equal(fx.n_done, 0); /* nothing is done behind the loop's back */
	test_run(fx.loop, until_all_done, &all);
	for (int i = 0; i < JOBS; i++) {
		assert_int_equal(fx.done[i], i);
		assert_ptr_equal(fx.tasks[i].ran_with, &context);
	}
}

/* The first job is let go on when all others are done. */
static enum test_next
until_others_done(void *ctx, int turn)
{
	if (fx.n_done + 1 == *(size_t *)ctx)
		release(1);
	return until_all_done(ctx, turn);
}

/* Several threads: a long job holds up none but its own thread, and each has its own context. */
static void
a_long_job_holds_up_only_its_own_thread(void **state)
{
	int contexts[3];
	void *ctxs[] = {&contexts[0], &contexts[1], &contexts[2]};
	size_t all = 20;
	bool together = false;

	(void)state;
	start(3, JOBS, ctxs);
	fx.tasks[0].job.run = run_held;
	for (size_t i = 0; i < all; i++)
		assert_int_equal(worker_add(fx.worker, &fx.tasks[i].job), 0);
	test_run(fx.loop, until_others_done, &all);
	assert_int_equal(fx.done[all - 1], 0);
	for (size_t i = 0; i < all; i++) {
		size_t which = (size_t)((int *)fx.tasks[i].ran_with - contexts);

		assert_true(which < 3);
		/* A context belongs to one thread. */
		for (size_t j = 0; j < all; j++)
			assert_int_equal(fx.tasks[i].ran_with == fx.tasks[j].ran_with,
			    pthread_equal(fx.tasks[i].thread, fx.tasks[j].thread) != 0);
		together = together || fx.tasks[i].ran_with != fx.tasks[0].ran_with;
	}
	assert_true(together);
}

static enum test_next
full_steps(void *ctx, int turn)
{
	static size_t waiting;
	size_t *max = ctx;

	if (turn == 0) {
		waiting = 0;
		/* The thread takes one away to run it; so many more may wait. */
		for (;;) {
			if (worker_add(fx.worker, &fx.tasks[waiting].job) == 0)
				waiting++;
			else if (waiting > *max)
				break;
			else
				clock_sleep_ms(2);
		}
		assert_int_equal(waiting, *max + 1);
		assert_int_equal(worker_add(fx.worker, &fx.tasks[waiting].job), -1);
		release(1);
		return TEST_WAIT;
	}
	if (fx.n_done == 0)
		return TEST_WAIT;
	if (fx.n_done == 1 && fx.released == 0 && waiting == *max + 1) {
		/* It has run: there is a place again. */
		if (worker_add(fx.worker, &fx.tasks[waiting].job) == 0)
			waiting++;
		release((int64_t)waiting);
		return TEST_WAIT;
	}
	return fx.n_done < waiting ? TEST_WAIT : TEST_STOP;
}

static void
refuses_a_job_when_it_is_full(void **state)
{
	void *ctxs[] = {NULL};
	size_t max = 4;

	(void)state;
	start(1, max, ctxs);
	for (int i = 0; i < JOBS; i++)
		fx.tasks[i].job.run = run_held;
	test_run(fx.loop, full_steps, &max);
	assert_true(fx.n_done > max);
}

static enum test_next
hurry_steps(void *ctx, int turn)
{
	if (turn == 0) {
		assert_int_equal(sched_getscheduler(0), SCHED_BATCH);
		for (int i = 0; i < 2; i++)
			assert_int_equal(worker_add(fx.worker, &fx.tasks[i].job), 0);
		release(1);
		return TEST_WAIT;
	}
	if (fx.n_done < 2) {
		/* One of them at least is still at work. */
		assert_int_equal(sched_getscheduler(0), *(int *)ctx);
		if (fx.n_done == 1 && fx.released == 0)
			release(1);
		return TEST_WAIT;
	}
	assert_int_equal(sched_getscheduler(0), SCHED_BATCH);
	return TEST_STOP;
}

/* While niced threads are at work the loop does not wait for a slice of theirs; other threads do not matter. */
static void
the_loop_does_not_wait_for_a_niced_thread(void **state)
{
	static const struct sched_param none;
	void *ctxs[] = {NULL, NULL};
	int meanwhile[] = {SCHED_BATCH, SCHED_OTHER};

	(void)state;
	for (int threads = 1; threads <= 2; threads++) {
		/* A loop that has run is its thread's for good, so another one. */
		teardown(NULL);
		setup(NULL);
		if (sched_setscheduler(0, SCHED_OTHER, &none) != 0)
			skip();
		fx.tasks[0].job.run = fx.tasks[1].job.run = run_held;
		start(threads, JOBS, ctxs);
		test_run(fx.loop, hurry_steps, &meanwhile[threads - 1]);
	}
	(void)sched_setscheduler(0, SCHED_OTHER, &none);
}

static void
run_slowly(void *ctx, struct job *job)
{
	clock_sleep_ms(20);
	run(ctx, job);
}

static void
done_timed(struct job *job)
{
	struct task *t = (struct task *)(void *)job;

	if (job->cancelled)
		assert_int_equal(job->took_us, 0);
	else
		assert_in_range(job->took_us, 20000, 5000000);
	fx.done[fx.n_done++] = t->number;
}

static void
a_job_tells_how_long_it_ran(void **state)
{
	void *ctxs[] = {NULL};
	size_t all = 3;

	(void)state;
	start(1, JOBS, ctxs);
	for (size_t i = 0; i < all; i++) {
		fx.tasks[i].job.run = run_slowly;
		fx.tasks[i].job.done = done_timed;
		fx.tasks[i].job.took_us = 7;
		assert_int_equal(worker_add(fx.worker, &fx.tasks[i].job), 0);
	}
	worker_cancel(&fx.tasks[2].job);
	test_run(fx.loop, until_all_done, &all);
	assert_int_equal(fx.done[2] + fx.done[1] + fx.done[0], 3);
}

static int turns_of[JOBS], turn_now;

static void
done_large(struct job *job)
{
	struct task *t = (struct task *)(void *)job;

	done(job);
	turns_of[t->number] = turn_now;
	loop_spend(fx.loop, 512 * 1024);
}

static enum test_next
large_steps(void *ctx, int turn)
{
	turn_now = turn + 1;
	/* The first turn finds all of them ended. */
	if (turn == 0)
		usleep(20000);
	return until_all_done(ctx, turn);
}

/* Jobs whose answers are large are done over several turns, in order. */
static void
large_answers_are_spread_over_several_turns(void **state)
{
	void *ctxs[] = {NULL};
	size_t all = 10;

	(void)state;
	start(1, JOBS, ctxs);
	for (size_t i = 0; i < all; i++) {
		fx.tasks[i].job.done = done_large;
		assert_int_equal(worker_add(fx.worker, &fx.tasks[i].job), 0);
	}
	test_run(fx.loop, large_steps, &all);
	for (size_t i = 0; i < all; i++) {
		assert_int_equal(fx.done[i], i);
		assert_true(i < 2 || turns_of[i] > turns_of[i - 2]);
	}
}

/* A job may be added again where it is done. */
static void
done_again(struct job *job)
{
	struct task *t = (struct task *)(void *)job;

	done(job);
	if (fx.n_done < 50)
		assert_int_equal(worker_add(fx.worker, &t->job), 0);
}

static void
a_job_may_add_itself_again_as_it_is_done(void **state)
{
	void *ctxs[] = {NULL};
	size_t all = 50;

	(void)state;
	start(1, 1, ctxs);
	fx.tasks[0].job.done = done_again;
	assert_int_equal(worker_add(fx.worker, &fx.tasks[0].job), 0);
	test_run(fx.loop, until_all_done, &all);
	assert_int_equal(fx.n_done, 50);
}

/* Freed while jobs wait: all are run, none is told of. */
static void
free_runs_the_jobs_that_wait_and_tells_of_none(void **state)
{
	void *ctxs[] = {NULL, NULL};

	(void)state;
	start(2, JOBS, ctxs);
	for (int i = 0; i < 100; i++)
		assert_int_equal(worker_add(fx.worker, &fx.tasks[i].job), 0);
	worker_free(fx.worker);
	fx.worker = NULL;
	for (int i = 0; i < 100; i++)
		assert_int_equal(fx.tasks[i].result, 2 * i);
	assert_int_equal(fx.n_done, 0);
	worker_free(NULL);
}

/* ---- jobs that nobody waits for any more ---- */

/* A context as a store is: it can be told to stop, and sees what runs on it. */
struct stoppable {
	bool stopped, running;
	int stops, begins;
};

static void
stop(void *ctx, bool stopped)
{
	struct stoppable *s = ctx;

	pthread_mutex_lock(&fx.mutex);
	s->stopped = stopped;
	*(stopped ? &s->stops : &s->begins) += 1;
	pthread_cond_broadcast(&fx.release);
	pthread_mutex_unlock(&fx.mutex);
}

/* Runs until it is told to stop; a job of number 0 needs no telling. */
static void
run_until_stopped(void *ctx, struct job *job)
{
	struct stoppable *s = ctx;

	pthread_mutex_lock(&fx.mutex);
	s->running = true;
	pthread_cond_broadcast(&fx.release);
	while (!s->stopped && ((struct task *)(void *)job)->number > 0)
		pthread_cond_wait(&fx.release, &fx.mutex);
	s->running = false;
	pthread_mutex_unlock(&fx.mutex);
	run(ctx, job);
}

static void
done_cancelled(struct job *job)
{
	assert_true(job->cancelled);
	fx.done[fx.n_done++] = ((struct task *)(void *)job)->number;
}

static void
wait_running(struct stoppable *s)
{
	pthread_mutex_lock(&fx.mutex);
	while (!s->running)
		pthread_cond_wait(&fx.release, &fx.mutex);
	pthread_mutex_unlock(&fx.mutex);
}

static void
wait_until_taken(size_t waiting)
{
	while (worker_counts(fx.worker).waiting != waiting)
		clock_sleep_ms(1);
}

static enum test_next
release_all(void *ctx, int turn)
{
	if (turn == 0)
		release(JOBS);
	return until_all_done(ctx, turn);
}

/* One has hundreds of jobs waiting: another's few take turns with them. */
static void
who_has_many_jobs_keeps_nobody_waiting(void **state)
{
	void *ctxs[] = {NULL};
	size_t all = 404;
	static const char a, b;

	(void)state;
	start(1, JOBS, ctxs);
	for (size_t i = 0; i < all; i++) {
		fx.tasks[i].job.run = i == 0 ? run_held : run;
		fx.tasks[i].job.turn = i < 400 ? &a : &b;
		fx.tasks[i].job.done = i == 402 ? done_cancelled : done;
		assert_int_equal(worker_add(fx.worker, &fx.tasks[i].job), 0);
		if (i == 0)
			wait_until_taken(0);
	}
	worker_cancel(&fx.tasks[402].job);
	test_run(fx.loop, release_all, &all);
	/* The one that was cancelled has ended before all others. */
	assert_int_equal(fx.done[0], 402);
	for (int i = 1; i < 8; i++)
		assert_int_equal(fx.done[i], ((const int[]){0, 1, 400, 2, 401, 3, 403})[i - 1]);
	for (int i = 8; i < (int)all; i++)
		assert_int_equal(fx.done[i], i - 4);
}

/* Those that wait never run, make room at once, and are told of in the loop; the one that runs is stopped. */
static void
a_cancelled_job_never_runs_or_is_stopped(void **state)
{
	struct stoppable context = {0};
	void *ctxs[] = {&context};
	size_t all = 5;
	struct worker_counts counts;

	(void)state;
	fx.stop = stop;
	start(1, 3, ctxs);
	for (int i = 0; i < 5; i++)
		fx.tasks[i].job.run = run_until_stopped;
	for (int i = 1; i < 4; i++)
		fx.tasks[i].job.done = done_cancelled;
	assert_int_equal(worker_add(fx.worker, &fx.tasks[1].job), 0);
	wait_running(&context);
	for (int i = 2; i < 5; i++)
		assert_int_equal(worker_add(fx.worker, &fx.tasks[i].job), 0);
	assert_int_equal(worker_add(fx.worker, &fx.tasks[0].job), -1);
	assert_int_equal(worker_counts(fx.worker).waiting, 3);
	worker_cancel(&fx.tasks[3].job);
	worker_cancel(&fx.tasks[2].job);
	worker_cancel(&fx.tasks[2].job);
	assert_int_equal(fx.n_done, 0); /* nothing is done behind the loop's back */
	assert_int_equal(context.stops, 0);
	assert_int_equal(worker_add(fx.worker, &fx.tasks[0].job), 0);
	fx.tasks[4].number = 0;
	worker_cancel(&fx.tasks[1].job);
	worker_cancel(&fx.tasks[1].job);
	test_run(fx.loop, until_all_done, &all);
	assert_int_equal(fx.done[0], 3);
	assert_int_equal(fx.done[1], 2);
	assert_int_equal(fx.done[2], 1);
	assert_int_equal(fx.tasks[2].result, -1);
	assert_int_equal(fx.tasks[3].result, -1);
	/* Told once, and the jobs behind it were not stopped by what was meant for it. */
	assert_int_equal(context.stops, 1);
	assert_int_equal(context.begins, 3);
	assert_false(context.stopped);
	counts = worker_counts(fx.worker);
	assert_int_equal(counts.cancelled, 3);
	assert_int_equal(counts.refused, 1);
	assert_int_equal(counts.waiting, 0);
	worker_cancel(&fx.tasks[1].job); /* in no worker any more */
	assert_int_equal(worker_counts(fx.worker).cancelled, 3);
}

/* It has run, and the loop does not know yet: it is not told to stop, nor is another thread. */
static void
a_cancelled_job_that_has_run_stops_nobody(void **state)
{
	struct stoppable contexts[2] = {0};
	void *ctxs[] = {&contexts[0], &contexts[1]};
	size_t all = 2;

	(void)state;
	fx.stop = stop;
	start(2, 3, ctxs);
	fx.tasks[0].job.done = done_cancelled;
	assert_int_equal(worker_add(fx.worker, &fx.tasks[0].job), 0);
	while (__atomic_load_n(&fx.tasks[0].result, __ATOMIC_ACQUIRE) < 0)
		clock_sleep_ms(1);
	fx.tasks[1].job.run = run_until_stopped;
	fx.tasks[1].job.done = done_cancelled;
	assert_int_equal(worker_add(fx.worker, &fx.tasks[1].job), 0);
	while (!contexts[0].running && !contexts[1].running)
		clock_sleep_ms(1);
	worker_cancel(&fx.tasks[0].job);
	assert_int_equal(contexts[0].stops + contexts[1].stops, 0);
	worker_cancel(&fx.tasks[1].job);
	assert_int_equal(contexts[0].stops + contexts[1].stops, 1);
	test_run(fx.loop, until_all_done, &all);
}

/* Freed meanwhile: what waits does not run, what runs is stopped. */
static void
free_stops_the_job_that_runs(void **state)
{
	struct stoppable context = {0};
	void *ctxs[] = {&context};

	(void)state;
	fx.stop = stop;
	start(1, JOBS, ctxs);
	for (int i = 1; i < 100; i++) {
		fx.tasks[i].job.run = run_until_stopped;
		assert_int_equal(worker_add(fx.worker, &fx.tasks[i].job), 0);
	}
	wait_running(&context);
	worker_free(fx.worker);
	fx.worker = NULL;
	assert_int_equal(fx.tasks[1].result, 2);
	for (int i = 2; i < 100; i++)
		assert_int_equal(fx.tasks[i].result, -1);
	assert_int_equal(fx.n_done, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(one_thread_does_its_jobs_in_order, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_long_job_holds_up_only_its_own_thread, setup, teardown),
	    cmocka_unit_test_setup_teardown(who_has_many_jobs_keeps_nobody_waiting, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_job_tells_how_long_it_ran, setup, teardown),
	    cmocka_unit_test_setup_teardown(refuses_a_job_when_it_is_full, setup, teardown),
	    cmocka_unit_test_setup_teardown(the_loop_does_not_wait_for_a_niced_thread, setup, teardown),
	    cmocka_unit_test_setup_teardown(large_answers_are_spread_over_several_turns, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_job_may_add_itself_again_as_it_is_done, setup, teardown),
	    cmocka_unit_test_setup_teardown(free_runs_the_jobs_that_wait_and_tells_of_none, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_cancelled_job_never_runs_or_is_stopped, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_cancelled_job_that_has_run_stops_nobody, setup, teardown),
	    cmocka_unit_test_setup_teardown(free_stops_the_job_that_runs, setup, teardown),
	};

	return cmocka_run_group_tests_name("worker", tests, NULL, NULL);
}
