/*
 * The loop is run by a clock of the test's own, which stands still but while the loop waits: so timers of hours are
 * tested in no time, and to the millisecond.
 */
#include "event/loop.h"

#include <errno.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>

#include "base/clock.h"
#include "test.h"

static int64_t now_ms = 1000; /* of the fake clock */
static int64_t late_ms;       /* how much later than asked the next wait ends */
static bool waits_for_ever;

/* These stand before the C library's, for clock.c and loop.c too. */
int
clock_gettime(clockid_t which, struct timespec *t)
{
	(void)which;
	*t = (struct timespec){.tv_sec = now_ms / 1000, .tv_nsec = now_ms % 1000 * 1000000};
	return 0;
}

int
epoll_wait(int fd, struct epoll_event *events, int n, int timeout)
{
	int ready = (int)syscall(SYS_epoll_wait, fd, events, n, 0);

	if (ready != 0)
		return ready;
	waits_for_ever = timeout < 0;
	if (waits_for_ever)
		return 0;
	now_ms += timeout + late_ms;
	return 0;
}

enum { TIMERS = 3000 };

static struct fixture {
	struct loop *loop;
	uint8_t kind;
	struct timer timers[TIMERS];
	int64_t due[TIMERS]; /* 0: not set */
	size_t fired, set;
	int64_t last_fired_ms, slack_ms;
	uint8_t other_kind;
	bool then_random; /* timers set and clear others when they go off */
} fx;

static void
set(size_t i, int64_t wait_ms)
{
	fx.set += fx.due[i] == 0;
	fx.due[i] = now_ms + wait_ms;
	loop_timer_set(fx.loop, &fx.timers[i], fx.kind, wait_ms);
}

static void
clear(size_t i)
{
	fx.set -= fx.due[i] != 0;
	fx.due[i] = 0;
	loop_timer_clear(fx.loop, &fx.timers[i]);
	loop_timer_clear(fx.loop, &fx.timers[i]); /* again is no harm */
}

static void
on_timer(void *ctx, struct timer *t)
{
	size_t i = (size_t)(t - fx.timers);

	assert_ptr_equal(ctx, &fx);
	assert_false(t->set);
	assert_true(fx.due[i] != 0);
	if (now_ms < fx.due[i])
		fail_msg("timer %zu is %lld ms early", i, (long long)(fx.due[i] - now_ms));
	if (now_ms > fx.due[i] + 8 + fx.slack_ms)
		fail_msg("timer %zu is %lld ms late", i, (long long)(now_ms - fx.due[i]));
	fx.due[i] = 0;
	fx.set--;
	fx.fired++;
	fx.last_fired_ms = now_ms;
	if (fx.then_random) {
		for (int n = 0; n < 2; n++) {
			size_t other = test_random(TIMERS);

			if (test_random(3) == 0 && fx.due[other] != 0)
				clear(other);
			else if (fx.fired < 20000)
				set(other, (int64_t)test_random(test_random(4) == 0 ? 300000 : 500));
		}
	}
}

static int
setup(void **state)
{
	(void)state;
	memset(&fx, 0, sizeof fx);
	late_ms = 0;
	waits_for_ever = false;
	fx.loop = loop_new();
	assert_non_null(fx.loop);
	fx.kind = loop_timer_kind(fx.loop, on_timer, &fx);
	test_watchdog(30);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	loop_free(fx.loop);
	test_watchdog(0);
	return 0;
}

/* Stops once nothing is left to wait for. */
static bool
stop_when_idle(void *ctx)
{
	(void)ctx;
	if (waits_for_ever)
		loop_stop(fx.loop);
	return false;
}

static void
run(void)
{
	loop_hook(fx.loop, LOOP_SWEEP, stop_when_idle, NULL);
	loop_run(fx.loop);
	assert_int_equal(fx.set, 0);
}

static void
a_timer_goes_off_on_time_at_any_offset(void **state)
{
	(void)state;
	/* At every offset from a step, so that roundings are all met. */
	for (size_t i = 0; i < 200; i++) {
		set(i, (int64_t)i);
		now_ms += (int64_t)(i % 3);
	}
	/* Only so late because time went on while they were set. */
	fx.slack_ms = 200;
	run();
	assert_int_equal(fx.fired, 200);
}

static void
timers_of_random_waits_all_go_off_on_time(void **state)
{
	(void)state;
	test_seed(8);
	for (size_t i = 0; i < TIMERS; i++)
		set(i, (int64_t)test_random(60000));
	run();
	assert_int_equal(fx.fired, TIMERS);
}

/* Waits beyond one round of the wheel, up to days. */
static void
a_timer_may_wait_for_days(void **state)
{
	static const int64_t waits[] = {65523, 65528, 65532, 65535, 65536, 65537, 65540, 65544, 131071, 131072, 131080,
	    3600000, 86400000, 10 * INT64_C(86400000)};

	(void)state;
	for (size_t i = 0; i < LENGTH(waits); i++)
		set(i, waits[i]);
	run();
	assert_int_equal(fx.fired, LENGTH(waits));
}

/* What is due in the same step goes off in the order in which it was set. */
static size_t order[8];

static void
note_order(void *ctx, struct timer *t)
{
	(void)ctx;
	order[fx.fired++] = (size_t)(t - fx.timers);
}

static void
timers_of_one_moment_go_off_in_the_order_they_were_set(void **state)
{
	uint8_t kind = loop_timer_kind(fx.loop, note_order, NULL);
	static const int64_t waits[] = {40, 20, 20, 0, 40, 20};
	static const size_t want[] = {3, 1, 2, 5, 0, 4};

	(void)state;
	for (size_t i = 0; i < LENGTH(waits); i++)
		loop_timer_set(fx.loop, &fx.timers[i], kind, waits[i]);
	run();
	assert_int_equal(fx.fired, LENGTH(want));
	for (size_t i = 0; i < LENGTH(want); i++)
		assert_int_equal(order[i], want[i]);
}

static void
a_timer_can_be_set_again_and_cleared(void **state)
{
	(void)state;
	set(0, 100);
	set(0, 200); /* later */
	set(1, 200);
	set(1, 100); /* sooner */
	set(2, 100);
	clear(2);
	set(3, 70000); /* in the slot of an earlier round */
	set(4, 70000 - 65536);
	clear(3);
	set(5, 300);
	clear(5);
	set(5, 300);
	run();
	assert_int_equal(fx.fired, 4);
}

/* Timers set, moved and cleared by others as they go off, among them many for later rounds in the same slots. */
static void
timers_can_be_changed_as_others_go_off(void **state)
{
	(void)state;
	test_seed(9);
	fx.then_random = true;
	for (size_t i = 0; i < TIMERS / 2; i++)
		set(i, (int64_t)(test_random(5) * 65536 + test_random(100)));
	run();
	assert_true(fx.fired > 1000);
}

static void
again(void *ctx, struct timer *t)
{
	(void)ctx;
	if (++fx.fired < 100)
		loop_timer_set(fx.loop, t, fx.other_kind, 0);
	fx.last_fired_ms = now_ms;
}

/* A timer that sets itself with no wait does not keep the turn from ending. */
static void
a_timer_that_sets_itself_again_lets_the_turn_end(void **state)
{
	int64_t from = now_ms;

	(void)state;
	fx.other_kind = loop_timer_kind(fx.loop, again, NULL);
	loop_timer_set(fx.loop, &fx.timers[0], fx.other_kind, 0);
	run();
	assert_int_equal(fx.fired, 100);
	assert_true(fx.last_fired_ms - from <= 100 * 8 && fx.last_fired_ms - from >= 100);
}

/* The machine may stand still (suspended, or short of time) for longer than a round of the wheel. */
static void
no_timer_is_lost_when_the_machine_stands_still(void **state)
{
	(void)state;
	test_seed(10);
	late_ms = 200000;
	fx.slack_ms = 200000;
	for (size_t i = 0; i < 500; i++)
		set(i, (int64_t)test_random(1000000));
	run();
	assert_int_equal(fx.fired, 500);
}

/* After 199 days the clock of the wheel begins anew: whoever waits over that moment waits no shorter, and sleeps. */
static void
no_wait_is_shorter_when_the_clock_of_the_wheel_begins_anew(void **state)
{
	static const int64_t round_ms = (INT64_C(1) << 32) * 4;

	(void)state;
	now_ms += round_ms / 3;
	run();
	now_ms += round_ms / 3;
	waits_for_ever = false;
	loop_run(fx.loop);
	now_ms += round_ms - round_ms / 3 * 2 - 1000;
	waits_for_ever = false;
	for (size_t i = 0; i < 200; i++)
		set(i, (int64_t)i * 10);
	loop_run(fx.loop);
	assert_int_equal(fx.fired, 200);
	set(0, 300000);
	waits_for_ever = false;
	loop_run(fx.loop);
	assert_int_equal(fx.fired, 201);
}

/* A moment that has passed is the next one. */
static void
a_moment_that_has_passed_is_the_next_one(void **state)
{
	(void)state;
	set(0, 0);
	set(1, -1);
	set(2, -100);
	fx.slack_ms = 108;
	run();
	assert_int_equal(fx.fired, 3);
}

/* What happened in a turn, as letters. */
static char happened[64];

static void
note(const char *what)
{
	assert_true(strlen(happened) + strlen(what) < sizeof happened);
	strcat(happened, what);
}

static bool
on_wake(void *ctx)
{
	note(ctx);
	return false;
}

static bool
on_commit(void *ctx)
{
	static int more;

	note(ctx);
	more = (more + 1) % 3;
	if (more == 0)
		loop_stop(fx.loop);
	return more != 0; /* so the next turn does not wait: nothing else would wake it */
}

static void
note_timer(void *ctx, struct timer *t)
{
	(void)ctx;
	(void)t;
	note("t");
}

static void
on_source(void *ctx)
{
	eventfd_t n;

	assert_int_equal(eventfd_read(*(int *)ctx, &n), 0);
	note("s");
}

static void
a_turn_goes_in_its_order(void **state)
{
	uint8_t kind = loop_timer_kind(fx.loop, note_timer, NULL);
	static char wake[] = "W", late[] = "L", commit[] = "C", sweep[] = "S", wake_2[] = "w";
	int fd = eventfd(1, EFD_NONBLOCK);

	(void)state;
	happened[0] = '\0';
	assert_int_equal(loop_add_source(fx.loop, fd, on_source, &fd), 0);
	loop_hook(fx.loop, LOOP_SWEEP, on_wake, sweep);
	loop_hook(fx.loop, LOOP_COMMIT, on_commit, commit);
	loop_hook(fx.loop, LOOP_LATE, on_wake, late);
	loop_hook(fx.loop, LOOP_WAKE, on_wake, wake);
	loop_hook(fx.loop, LOOP_WAKE, on_wake, wake_2);
	loop_timer_set(fx.loop, &fx.timers[0], kind, 0);
	now_ms += 8; /* it is due in the first turn */
	loop_run(fx.loop);
	assert_string_equal(happened, "sWwtLCSWwLCSWwLCS");
	loop_remove_source(fx.loop, fd);
	close(fd);
}

struct conn_event {
	int fd;
	uint32_t generation, events;
};
static struct conn_event seen[16];
static size_t n_seen;

static void
on_conn(void *ctx, int fd, uint32_t generation, uint32_t events)
{
	(void)ctx;
	assert_true(n_seen < LENGTH(seen));
	seen[n_seen++] = (struct conn_event){fd, generation, events};
}

static void
no_conn(void *ctx, int fd, uint32_t generation, uint32_t events)
{
	(void)ctx;
	fail_msg("fd %d generation %u events %u", fd, generation, events);
}

static enum test_next
conn_steps(void *ctx, int turn)
{
	int *pair = ctx;
	char c;

	switch (turn) {
	case 0:
		assert_int_equal(n_seen, 0);
		assert_int_equal(write(pair[1], "x", 1), 1);
		return TEST_AGAIN;
	case 1:
		assert_int_equal(n_seen, 1);
		assert_int_equal(seen[0].fd, pair[0]);
		assert_int_equal(seen[0].generation, 7);
		assert_int_equal(seen[0].events, LOOP_IN);
		return TEST_AGAIN;
	case 2:
		/* Edge-triggered: nobody is told again of what was not read. */
		assert_int_equal(n_seen, 1);
		assert_int_equal(loop_want_output(fx.loop, 1, pair[0], 7, true), 0);
		return TEST_AGAIN;
	case 3:
		assert_int_equal(n_seen, 2);
		assert_true(seen[1].events & LOOP_OUT);
		assert_int_equal(loop_want_output(fx.loop, 1, pair[0], 8, false), 0);
		assert_int_equal(read(pair[0], &c, 1), 1);
		return TEST_AGAIN;
	case 4:
		/* Another generation of the same descriptor. */
		n_seen = 0;
		close(pair[1]);
		return TEST_AGAIN;
	case 5:
		assert_int_equal(n_seen, 1);
		assert_int_equal(seen[0].generation, 8);
		assert_true(seen[0].events & LOOP_GONE);
		assert_false(seen[0].events & LOOP_OUT);
		return TEST_AGAIN;
	default:
		return TEST_STOP;
	}
}

static void
a_connection_is_heard_until_it_is_closed(void **state)
{
	int pair[2];

	(void)state;
	n_seen = 0;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	/* Of another kind than the first. */
	assert_int_equal(loop_conn_kind(fx.loop, no_conn, NULL), 0);
	assert_int_equal(loop_conn_kind(fx.loop, on_conn, NULL), 1);
	assert_int_equal(loop_add_conn(fx.loop, 1, pair[0], 7), 0);
	assert_int_equal(loop_add_conn(fx.loop, 1, -1, 7), -1);
	assert_int_equal(errno, EBADF);
	test_run(fx.loop, conn_steps, pair);
	close(pair[0]);
}

enum { PAIRS = 5, QUARTER = 256 * 1024 };

static struct spending {
	size_t each; /* what hearing a connection costs */
	int heard[PAIRS], n_heard, n_hooks, turns[PAIRS];
	int64_t at_ms[PAIRS];
	int turn;
} spending;

static void
hear_and_spend(void *ctx, int fd, uint32_t generation, uint32_t events)
{
	(void)ctx;
	(void)fd;
	(void)events;
	assert_false(loop_spent(fx.loop));
	spending.heard[spending.n_heard] = (int)generation;
	spending.at_ms[spending.n_heard] = now_ms;
	spending.turns[spending.n_heard++] = spending.turn;
	loop_spend(fx.loop, spending.each);
}

/* A hook finds nothing spent, whatever connections and the hook before it have spent. */
static bool
spend_in_hook(void *ctx)
{
	(void)ctx;
	assert_false(loop_spent(fx.loop));
	loop_spend(fx.loop, 4 * QUARTER);
	assert_true(loop_spent(fx.loop));
	spending.n_hooks++;
	return false;
}

static enum test_next
until_all_heard(void *ctx, int turn)
{
	(void)ctx;
	spending.turn = turn + 1;
	return spending.n_heard < PAIRS && turn < 20 ? TEST_WAIT : TEST_STOP;
}

static void
hear_all(size_t each)
{
	int pairs[PAIRS][2];

	spending = (struct spending){.each = each};
	for (uint32_t i = 0; i < PAIRS; i++) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pairs[i]), 0);
		assert_int_equal(loop_add_conn(fx.loop, 0, pairs[i][0], i + 1), 0);
		assert_int_equal(write(pairs[i][1], "x", 1), 1);
	}
	test_run(fx.loop, until_all_heard, NULL);
	assert_int_equal(spending.n_heard, PAIRS);
	assert_int_equal(spending.at_ms[PAIRS - 1], spending.at_ms[0]); /* the loop did not wait */
	/* In order: what was left comes first. */
	for (int i = 0; i < PAIRS; i++) {
		assert_int_equal(spending.heard[i], i + 1);
		close(pairs[i][0]);
		close(pairs[i][1]);
	}
}

/* Connections whose answers are large are heard over several turns, none of them lost, and the loop does not wait. */
static void
large_answers_are_spread_over_several_turns(void **state)
{
	(void)state;
	assert_int_equal(loop_conn_kind(fx.loop, hear_and_spend, NULL), 0);
	hear_all(QUARTER / 4);
	assert_int_equal(spending.turns[PAIRS - 1], spending.turns[0]);
	assert_int_equal(loop_cut(fx.loop), 0);
	teardown(NULL);
	setup(NULL);
	assert_int_equal(loop_conn_kind(fx.loop, hear_and_spend, NULL), 0);
	hear_all(2 * QUARTER);
	for (int i = 0; i < PAIRS; i++)
		assert_int_equal(spending.turns[i], spending.turns[0] + i / 2);
	assert_int_equal(loop_cut(fx.loop), 2);
	teardown(NULL);
	setup(NULL);
	assert_int_equal(loop_conn_kind(fx.loop, hear_and_spend, NULL), 0);
	loop_hook(fx.loop, LOOP_WAKE, spend_in_hook, NULL);
	loop_hook(fx.loop, LOOP_WAKE, spend_in_hook, NULL);
	hear_all(40 * QUARTER);
	for (int i = 0; i < PAIRS; i++)
		assert_int_equal(spending.turns[i], spending.turns[0] + i);
	assert_int_equal(loop_cut(fx.loop), PAIRS + spending.n_hooks);
	assert_true(spending.n_hooks >= 2 * PAIRS);
}

static int removed_calls;

static void
remove_other(void *ctx)
{
	int *fds = ctx;

	removed_calls++;
	loop_remove_source(fx.loop, fds[0]);
	loop_remove_source(fx.loop, fds[1]);
}

static enum test_next
few_turns(void *ctx, int turn)
{
	(void)ctx;
	return turn < 3 ? TEST_AGAIN : TEST_STOP;
}

/* A source removed in a turn is not called in it any more. */
static void
a_source_removed_in_a_turn_is_not_called_in_it(void **state)
{
	int fds[2] = {eventfd(1, EFD_NONBLOCK), eventfd(1, EFD_NONBLOCK)};

	(void)state;
	removed_calls = 0;
	assert_int_equal(loop_add_source(fx.loop, fds[0], remove_other, fds), 0);
	assert_int_equal(loop_add_source(fx.loop, fds[1], remove_other, fds), 0);
	test_run(fx.loop, few_turns, NULL);
	assert_int_equal(removed_calls, 1);
	close(fds[0]);
	close(fds[1]);
	loop_free(NULL);
}

static enum test_next
policy_steps(void *ctx, int turn)
{
	(void)ctx;
	switch (turn) {
	case 0:
		assert_int_equal(sched_getscheduler(0), SCHED_BATCH);
		loop_hurry(fx.loop, true);
		loop_hurry(fx.loop, true);
		return TEST_AGAIN;
	case 1:
		assert_int_equal(sched_getscheduler(0), SCHED_OTHER);
		loop_hurry(fx.loop, false);
		assert_int_equal(sched_getscheduler(0), SCHED_OTHER);
		loop_hurry(fx.loop, false);
		return TEST_AGAIN;
	default:
		assert_int_equal(sched_getscheduler(0), SCHED_BATCH);
		return TEST_STOP;
	}
}

static enum test_next
own_policy_steps(void *ctx, int turn)
{
	(void)ctx;
	(void)turn;
	loop_hurry(fx.loop, true);
	assert_int_equal(sched_getscheduler(0), SCHED_IDLE);
	loop_hurry(fx.loop, false);
	assert_int_equal(sched_getscheduler(0), SCHED_IDLE);
	return TEST_STOP;
}

static enum test_next
no_batch_steps(void *ctx, int turn)
{
	(void)ctx;
	(void)turn;
	assert_int_equal(sched_getscheduler(0), SCHED_OTHER);
	return TEST_STOP;
}

/* A batch thread, unless it is in a hurry, or was given another policy. */
static void
the_loop_is_a_batch_thread_unless_in_a_hurry_or_told_otherwise(void **state)
{
	struct sched_param none = {0};

	(void)state;
	if (sched_getscheduler(0) != SCHED_OTHER && sched_getscheduler(0) != SCHED_BATCH)
		skip();
	assert_int_equal(sched_setscheduler(0, SCHED_OTHER, &none), 0);
	loop_no_batch(fx.loop);
	test_run(fx.loop, no_batch_steps, NULL);
	/* A loop that has run is its thread's for good, so another one. */
	loop_free(fx.loop);
	fx.loop = loop_new();
	test_run(fx.loop, policy_steps, NULL);
	if (sched_setscheduler(0, SCHED_IDLE, &none) != 0)
		return;
	loop_free(fx.loop);
	fx.loop = loop_new();
	test_run(fx.loop, own_policy_steps, NULL);
	(void)sched_setscheduler(0, SCHED_OTHER, &none);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(a_timer_goes_off_on_time_at_any_offset, setup, teardown),
	    cmocka_unit_test_setup_teardown(timers_of_random_waits_all_go_off_on_time, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_timer_may_wait_for_days, setup, teardown),
	    cmocka_unit_test_setup_teardown(timers_of_one_moment_go_off_in_the_order_they_were_set, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_timer_can_be_set_again_and_cleared, setup, teardown),
	    cmocka_unit_test_setup_teardown(timers_can_be_changed_as_others_go_off, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_timer_that_sets_itself_again_lets_the_turn_end, setup, teardown),
	    cmocka_unit_test_setup_teardown(no_timer_is_lost_when_the_machine_stands_still, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_moment_that_has_passed_is_the_next_one, setup, teardown),
	    cmocka_unit_test_setup_teardown(
	        no_wait_is_shorter_when_the_clock_of_the_wheel_begins_anew, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_turn_goes_in_its_order, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_connection_is_heard_until_it_is_closed, setup, teardown),
	    cmocka_unit_test_setup_teardown(large_answers_are_spread_over_several_turns, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_source_removed_in_a_turn_is_not_called_in_it, setup, teardown),
	    cmocka_unit_test_setup_teardown(the_loop_is_a_batch_thread_unless_in_a_hurry_or_told_otherwise, setup,
	        teardown), /* last: a policy may be for good */
	};

	return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
