/*
 * How a batch waits for those who come back. Commits seem to take a while longer than they do, and the moment that is
 * waited is longer than it would be, so that a machine that is slow does not matter.
 */
#include <sys/timerfd.h>

#include "live/commit.h"

#include "test_commit_fixture.h"

enum { SENDERS = 8, ROUNDS = 20 };

int64_t __real_clock_us(void);
int64_t __wrap_clock_us(void);
int __real_timerfd_settime(int fd, int flags, const struct itimerspec *to, struct itimerspec *was);
int __wrap_timerfd_settime(int fd, int flags, const struct itimerspec *to, struct itimerspec *was);

static _Atomic int64_t added_us;
static int64_t longer_ms, waited_us;

int64_t
__wrap_clock_us(void)
{
	added_us += 5000;
	return __real_clock_us() + added_us;
}

int
__wrap_timerfd_settime(int fd, int flags, const struct itimerspec *to, struct itimerspec *was)
{
	struct itimerspec longer = *to;

	waited_us = to->it_value.tv_sec * 1000000 + to->it_value.tv_nsec / 1000;
	longer.it_value.tv_nsec += longer_ms * 1000000;
	return __real_timerfd_settime(fd, flags, &longer, was);
}

/* Each sender sends again when it was answered; one of them in a turn, as requests come one after the other. */
static enum test_next
crowd_steps(void *ctx, int turn)
{
	static size_t n_sent;

	(void)ctx;
	if (turn == 0) {
		for (n_sent = 0; n_sent < SENDERS / 2; n_sent++)
			assert_int_equal(add(n_sent, "a", "text", ""), 0);
		return TEST_AGAIN;
	}
	/* The others begin when a commit is under way: two groups, if they did not become one. */
	if (n_sent < SENDERS || (n_sent < fx.n_done + SENDERS && n_sent < SENDERS * ROUNDS)) {
		assert_int_equal(add(n_sent++, "a", "text", ""), 0);
		return TEST_AGAIN;
	}
	return fx.n_done < SENDERS * ROUNDS ? TEST_WAIT : TEST_STOP;
}

static void
one_batch_waits_for_those_of_the_last(void **state)
{
	struct commit_counts counts;

	(void)state;
	longer_ms = 900;
	run(crowd_steps);
	counts = commit_counts(fx.commit);
	assert_int_equal(counts.sends, SENDERS * ROUNDS);
	/* All of them together, but for the first ones; in two groups it would be twice as many. */
	assert_in_range(counts.commits, ROUNDS, ROUNDS + ROUNDS / 2);
}

static enum test_next
away_steps(void *ctx, int turn)
{
	(void)ctx;
	if (turn == 0) {
		for (size_t i = 0; i < SENDERS; i++)
			assert_int_equal(add(i, "a", "text", ""), 0);
		return TEST_AGAIN;
	}
	if (fx.n_done < SENDERS + (size_t)fx.step)
		return TEST_AGAIN;
	if (fx.step == ROUNDS)
		return TEST_STOP;
	assert_int_equal(add(SENDERS + (size_t)fx.step++, "a", "text", ""), 0);
	return TEST_AGAIN;
}

static void
senders_that_do_not_come_back_are_not_waited_for(void **state)
{
	(void)state;
	longer_ms = 0;
	run(away_steps);
	assert_int_equal(commit_counts(fx.commit).sends, SENDERS + ROUNDS);
	assert_in_range(waited_us, 1, 1000);
}

static void
an_impatient_batch_waits_for_nobody(void **state)
{
	(void)state;
	longer_ms = waited_us = 0;
	fx.options.no_gather = true;
	run(away_steps);
	assert_int_equal(waited_us, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(one_batch_waits_for_those_of_the_last, setup, teardown),
	    cmocka_unit_test_setup_teardown(senders_that_do_not_come_back_are_not_waited_for, setup, teardown),
	    cmocka_unit_test_setup_teardown(an_impatient_batch_waits_for_nobody, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
