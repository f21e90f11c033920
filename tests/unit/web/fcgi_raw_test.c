/*
 * Raw connections (fcgi_raw_begin() and what follows).
 */
#include "test_fcgi_fixture.h"

#define ASKS "24:CONTENT_LENGTH\0000\0SCGI\0001\0,"

enum { INPUT_MAX = 64 * 1024 };

static struct {
	char bytes[4 * LARGE]; /* all that was handed on and handled */
	size_t n, calls, most; /* most: new bytes in one call */
	size_t leave;          /* bytes of each call that are left for the next */
	size_t keep;           /* bytes that are to stay in front */
	bool pause;            /* after each call */
	void (*within)(void);  /* is called from within input() */
} in_;

static void
input(struct fcgi_conn *conn, struct fcgi_raw *in)
{
	size_t n = in->n - in->at > in_.leave ? in->n - in->at - in_.leave : 0;

	in_.calls++;
	if (in->n - in->at > in_.most)
		in_.most = in->n - in->at;
	memcpy(in_.bytes + in_.n, in->p + in->at, n);
	in_.n += n;
	in->at += n;
	if (in_.keep > 0 && in->kept == 0 && in->at >= in_.keep)
		in->kept = in_.keep;
	if (in_.within != NULL)
		in_.within();
	if (in_.pause)
		fcgi_raw_pause(fx.fcgi, conn);
}

static struct blob *
blob_of(struct str s)
{
	struct blob *b = blob_new(s.n);

	memcpy(b->p, s.p, s.n);
	return b;
}

static struct blob *
large(char letter)
{
	struct blob *b = blob_new(LARGE);

	memset(b->p, letter, LARGE);
	return b;
}

static void
write_all(struct str bytes)
{
	assert_int_equal(write(fx.client_fd, bytes.p, bytes.n), bytes.n);
}

static struct str
heard(void)
{
	return (struct str){in_.bytes, in_.n};
}

static size_t
kept_bytes(enum budget_kind kind)
{
	return budget_counts(fx.budget).kind_bytes[kind];
}

static int
setup_raw(void **state)
{
	setup(state);
	memset(&in_, 0, sizeof in_);
	fx.on_input = input;
	begin_anew();
	ask_records(STR(ASKS));
	fcgi_raw_begin(fx.fcgi, fx.conn, blob_of(STR("Status: 101\r\n\r\n")));
	read_all();
	assert_str(((struct str){fx.got, fx.n_got}), "Status: 101\r\n\r\n");
	fx.n_got = 0;
	return 0;
}

static void
assert_over(size_t gone)
{
	assert_int_equal(fx.gone, gone);
	assert_int_equal(fx.ended, 1);
	assert_int_equal(fcgi_counts(fx.fcgi).raw, 0);
	assert_int_equal(fcgi_counts(fx.fcgi).conns, 0);
	assert_int_equal(fcgi_counts(fx.fcgi).writing, 0);
	assert_int_equal(kept_bytes(BUDGET_REQUESTS), 0);
	assert_int_equal(kept_bytes(BUDGET_ANSWERS), 0);
}

static void
hang_up(void)
{
	close(fx.client_fd);
	fx.client_fd = -1;
}

static void
bytes_go_both_ways_and_nothing_is_kept(void **state)
{
	(void)state;
	assert_int_equal(fcgi_counts(fx.fcgi).raw, 1);
	assert_int_equal(fcgi_counts(fx.fcgi).open, 0);
	assert_null(fcgi_find(fx.fcgi, fcgi_handle(fx.conn)));
	write_all(STR("hello"));
	turn();
	assert_str(heard(), "hello");
	assert_true(fcgi_raw_send(fx.fcgi, fx.conn, blob_of(STR("world"))));
	read_all();
	assert_str(((struct str){fx.got, fx.n_got}), "world");
	assert_int_equal(kept_bytes(BUDGET_REQUESTS) + kept_bytes(BUDGET_ANSWERS), 0);
	assert_int_equal(fx.ended, 0);
	fcgi_raw_close(fx.fcgi, fx.conn);
	assert_int_equal(fx.ended, 0);
	turn();
	assert_over(0);
}

static void
what_is_left_is_there_again_with_more(void **state)
{
	(void)state;
	in_.leave = 3;
	write_all(STR("abcdef"));
	turn();
	assert_str(heard(), "abc");
	assert_true(kept_bytes(BUDGET_REQUESTS) > 3);
	write_all(STR("ghi"));
	turn();
	assert_str(heard(), "abcdef");
	in_.leave = 0;
	write_all(STR("j"));
	turn();
	assert_str(heard(), "abcdefghij");
	assert_int_equal(kept_bytes(BUDGET_REQUESTS), 0);
}

static void
check_kept(struct fcgi_conn *conn, struct fcgi_raw *in)
{
	(void)conn;
	assert_int_equal(in->kept, 4);
	assert_memory_equal(in->p, "abcd", 4);
	assert_memory_equal(in->p + in->at, "more", 4);
	in->at = in->n;
	in->kept = 0;
	in_.calls = 100;
}

static void
what_is_kept_stays_in_front(void **state)
{
	(void)state;
	in_.keep = 4;
	write_all(STR("abcdefgh"));
	turn();
	assert_str(heard(), "abcdefgh");
	write_all(STR("ij"));
	turn();
	assert_str(heard(), "abcdefghij");
	fx.on_input = check_kept;
	write_all(STR("more"));
	turn();
	assert_int_equal(in_.calls, 100);
	assert_int_equal(kept_bytes(BUDGET_REQUESTS), 0);
}

static void
a_turn_reads_64_kb_whoever_sends_how_much(void **state)
{
	static char bytes[150000];

	(void)state;
	write_all((struct str){bytes, sizeof bytes});
	turn();
	assert_int_equal(in_.n, INPUT_MAX);
	turn();
	assert_int_equal(in_.n, 2 * INPUT_MAX);
	turn();
	assert_int_equal(in_.n, sizeof bytes);
}

static void
while_it_is_paused_nothing_is_read(void **state)
{
	(void)state;
	in_.pause = true;
	in_.leave = 2;
	write_all(STR("abcd"));
	turn();
	assert_str(heard(), "ab");
	write_all(STR("ef"));
	for (int i = 0; i < 3; i++)
		turn();
	assert_int_equal(in_.calls, 1);
	/* First what was left, then what waits in the socket. */
	in_.leave = 0;
	fcgi_raw_go_on(fx.fcgi, fx.conn);
	assert_int_equal(in_.calls, 1);
	turn();
	assert_str(heard(), "abcd");
	turn();
	assert_int_equal(in_.calls, 2);
	fcgi_raw_go_on(fx.fcgi, fx.conn);
	turn();
	assert_str(heard(), "abcdef");
	/* One that was paused, and nothing came, goes on as if nothing had been. */
	fcgi_raw_go_on(fx.fcgi, fx.conn);
	turn();
	write_all(STR("g"));
	turn();
	assert_str(heard(), "abcdefg");
}

/* Only then is what came meanwhile read, though no event tells of it again. */
static void
what_was_left_is_handed_on_before_more_is_read(void **state)
{
	(void)state;
	in_.pause = true;
	in_.leave = 2;
	write_all(STR("abcd"));
	turn();
	in_.leave = 0;
	in_.pause = false;
	fcgi_raw_go_on(fx.fcgi, fx.conn);
	write_all(STR("ef"));
	turn();
	assert_str(heard(), "abcd");
	assert_int_equal(in_.calls, 2);
	turn();
	assert_str(heard(), "abcdef");
}

static void
one_that_is_paused_again_does_not_go_on(void **state)
{
	(void)state;
	in_.pause = true;
	in_.leave = 2;
	write_all(STR("abcd"));
	turn();
	in_.leave = 0;
	fcgi_raw_go_on(fx.fcgi, fx.conn);
	fcgi_raw_pause(fx.fcgi, fx.conn);
	for (int i = 0; i < 3; i++)
		turn();
	assert_int_equal(in_.calls, 1);
	fcgi_raw_go_on(fx.fcgi, fx.conn);
	turn();
	assert_str(heard(), "abcd");
}

static bool looked, waited_in_vain;

static bool
look_for_calls(void *ctx)
{
	looked = looked || in_.calls == 2;
	if (looked)
		loop_stop(ctx);
	return false;
}

static uint8_t go_on_kind;

/* At first it goes on; the next time nobody has looked. */
static void
go_on_or_give_up(void *ctx, struct timer *t)
{
	waited_in_vain = in_.calls > 1;
	if (waited_in_vain) {
		loop_stop(ctx);
		return;
	}
	loop_timer_set(ctx, t, go_on_kind, 10000);
	fcgi_raw_go_on(fx.fcgi, fx.conn);
}

/* What is handed on at a turn's end may be for a hook that has run already: the loop does not sleep before that has. */
static void
what_was_left_is_looked_at_at_once(void **state)
{
	struct timer timer = {.set = false};

	(void)state;
	looked = waited_in_vain = false;
	in_.pause = true;
	in_.leave = 2;
	write_all(STR("abcd"));
	turn();
	in_.leave = 0;
	go_on_kind = loop_timer_kind(fx.loop, go_on_or_give_up, fx.loop);
	loop_hook(fx.loop, LOOP_WAKE, look_for_calls, fx.loop);
	loop_timer_set(fx.loop, &timer, go_on_kind, 0);
	loop_remove_source(fx.loop, fx.event_fd);
	loop_run(fx.loop);
	assert_false(waited_in_vain);
	assert_str(heard(), "abcd");
	loop_timer_clear(fx.loop, &timer);
	test_single_turns_again(fx.loop, fx.event_fd);
}

static void
what_came_before_a_hang_up_is_handed_on(void **state)
{
	static char bytes[150000];

	(void)state;
	write_all((struct str){bytes, sizeof bytes});
	hang_up();
	for (int i = 0; i < 10 && fx.gone == 0; i++)
		turn();
	assert_int_equal(in_.n, sizeof bytes);
	assert_over(1);
}

static void
one_that_is_paused_is_gone_when_it_goes_on(void **state)
{
	(void)state;
	in_.pause = true;
	write_all(STR("ab"));
	turn();
	write_all(STR("cd"));
	hang_up();
	for (int i = 0; i < 3; i++)
		turn();
	assert_int_equal(fx.gone, 0);
	in_.pause = false;
	fcgi_raw_go_on(fx.fcgi, fx.conn);
	for (int i = 0; i < 10 && fx.gone == 0; i++)
		turn();
	assert_str(heard(), "abcd");
	assert_over(1);
}

static void
a_send_to_one_that_hung_up_ends_nothing_by_itself(void **state)
{
	(void)state;
	write_all(STR("last words"));
	hang_up();
	assert_false(fcgi_raw_send(fx.fcgi, fx.conn, blob_of(STR("x"))));
	assert_false(fcgi_raw_send(fx.fcgi, fx.conn, blob_of(STR("y"))));
	assert_int_equal(fx.gone, 0);
	for (int i = 0; i < 10 && fx.gone == 0; i++)
		turn();
	assert_str(heard(), "last words");
	assert_over(1);
}

/* It did not hang up, and no event tells of it. */
static void
one_that_reads_no_more_is_gone_with_a_send(void **state)
{
	(void)state;
	write_all(STR("last words"));
	assert_int_equal(shutdown(fx.client_fd, SHUT_RD), 0);
	assert_false(fcgi_raw_send(fx.fcgi, fx.conn, blob_of(STR("x"))));
	for (int i = 0; i < 10 && fx.gone == 0; i++)
		turn();
	assert_str(heard(), "last words");
	assert_over(1);
}

/* The same while it is paused: what is in the socket is read when it goes on. */
static void
nor_while_it_is_paused(void **state)
{
	(void)state;
	in_.pause = true;
	write_all(STR("ab"));
	turn();
	write_all(STR("cd"));
	hang_up();
	assert_false(fcgi_raw_send(fx.fcgi, fx.conn, blob_of(STR("x"))));
	for (int i = 0; i < 3; i++)
		turn();
	assert_int_equal(fx.gone, 0);
	in_.pause = false;
	fcgi_raw_go_on(fx.fcgi, fx.conn);
	for (int i = 0; i < 10 && fx.gone == 0; i++)
		turn();
	assert_str(heard(), "abcd");
	assert_over(1);
}

static void
one_that_is_blocked_has_drained_once_all_was_read(void **state)
{
	(void)state;
	assert_false(fcgi_raw_send(fx.fcgi, fx.conn, large('x')));
	assert_true(fcgi_raw_waits(fx.conn) > 0);
	assert_true(kept_bytes(BUDGET_ANSWERS) > 0);
	write_all(STR("input goes on"));
	turn();
	assert_str(heard(), "input goes on");
	assert_int_equal(fx.drained, 0);
	for (int i = 0; i < 1000 && fx.drained == 0; i++) {
		read_all();
		turn();
	}
	assert_int_equal(fx.drained, 1);
	read_all();
	assert_int_equal(fx.n_got, LARGE);
	assert_int_equal(fcgi_raw_waits(fx.conn), 0);
	assert_int_equal(kept_bytes(BUDGET_ANSWERS) + kept_bytes(BUDGET_REQUESTS), 0);
	assert_int_equal(fcgi_counts(fx.fcgi).writing, 0);
}

static void
something_may_be_put_behind_a_little_that_waits(void **state)
{
	size_t n = 0;

	(void)state;
	do
		n++;
	while (fcgi_raw_send(fx.fcgi, fx.conn, blob_of(STR("something"))));
	assert_false(fcgi_raw_send(fx.fcgi, fx.conn, large('x')));
	for (int i = 0; i < 1000 && fx.drained == 0; i++) {
		read_all();
		turn();
	}
	assert_int_equal(fx.drained, 1);
	read_all();
	assert_int_equal(fx.n_got, 9 * n + LARGE);
	assert_memory_equal(fx.got + 9 * n - 9, "somethingxxx", 12);
	assert_int_equal(fcgi_counts(fx.fcgi).writing, 0);
}

static void
a_shared_blob_is_kept_once(void **state)
{
	struct blob *b = large('x');
	size_t alone;

	(void)state;
	assert_false(fcgi_raw_send(fx.fcgi, fx.conn, blob_hold(b)));
	alone = kept_bytes(BUDGET_ANSWERS);
	assert_in_range(alone, LARGE, LARGE + 2000);
	assert_int_equal(b->holders, 2);
	fcgi_raw_close(fx.fcgi, fx.conn);
	assert_int_equal(b->holders, 1);
	blob_drop(b);
	turn();
	assert_over(0);
}

static void
one_that_takes_nothing_is_gone_after_a_time(void **state)
{
	int64_t from = clock_ms();

	(void)state;
	assert_false(fcgi_raw_send(fx.fcgi, fx.conn, large('x')));
	while (fx.gone == 0 && clock_ms() - from < 10000)
		turn();
	assert_in_range(clock_ms() - from, LATE_MS, 9000);
	assert_int_equal(fcgi_counts(fx.fcgi).late, 1);
	assert_over(1);
}

static void
press(enum budget_kind kind)
{
	struct budget_share other = {.bytes = 0};

	(void)budget_set(fx.budget, &other, kind, MEMORY_MAX);
	budget_set(fx.budget, &other, kind, 0);
}

static void
the_slowest_reader_goes_when_memory_is_short(void **state)
{
	(void)state;
	assert_false(fcgi_raw_send(fx.fcgi, fx.conn, large('x')));
	press(BUDGET_QUEUES);
	assert_int_equal(kept_bytes(BUDGET_ANSWERS), 0);
	assert_int_equal(fx.gone, 0);
	/* Nothing more is done with it in this turn, but it is no harm to try. */
	assert_false(fcgi_raw_send(fx.fcgi, fx.conn, blob_of(STR("x"))));
	fcgi_raw_pause(fx.fcgi, fx.conn);
	fcgi_raw_go_on(fx.fcgi, fx.conn);
	fcgi_raw_wait(fx.fcgi, fx.conn, 10);
	turn();
	assert_over(1);
}

static void
the_largest_input_goes_when_memory_is_short(void **state)
{
	(void)state;
	in_.leave = 1000;
	write_all(STR("half a message"));
	turn();
	assert_true(kept_bytes(BUDGET_REQUESTS) > 0);
	press(BUDGET_QUEUES);
	assert_int_equal(kept_bytes(BUDGET_REQUESTS), 0);
	assert_int_equal(fx.gone, 0);
	turn();
	assert_over(1);
}

static void
press_from_within(void)
{
	press(BUDGET_QUEUES);
}

static void
its_input_stays_while_it_is_handed_on_though_memory_is_short(void **state)
{
	(void)state;
	in_.leave = 5;
	write_all(STR("first "));
	turn();
	in_.leave = 2;
	in_.within = press_from_within;
	write_all(STR("second"));
	turn();
	assert_str(heard(), "first seco");
	assert_over(1);
}

static void
close_from_within(void)
{
	fcgi_raw_close(fx.fcgi, fx.conn);
}

static void
it_may_be_closed_while_its_input_is_handed_on(void **state)
{
	(void)state;
	in_.leave = 5;
	write_all(STR("first "));
	turn();
	in_.within = close_from_within;
	write_all(STR("second"));
	turn();
	assert_over(0);
}

static void
send_large_from_within(void)
{
	in_.within = NULL;
	assert_false(fcgi_raw_send(fx.fcgi, fx.conn, large('x')));
}

static void
it_may_be_blocked_while_its_input_is_handed_on(void **state)
{
	(void)state;
	in_.leave = 2;
	in_.within = send_large_from_within;
	write_all(STR("abcd"));
	turn();
	write_all(STR("ef"));
	turn();
	assert_str(heard(), "abcd");
	in_.leave = 0;
	for (int i = 0; i < 1000 && fx.drained == 0; i++) {
		read_all();
		turn();
	}
	assert_int_equal(fx.drained, 1);
	assert_true(kept_bytes(BUDGET_REQUESTS) > 0);
	write_all(STR("g"));
	turn();
	assert_str(heard(), "abcdefg");
	assert_int_equal(kept_bytes(BUDGET_REQUESTS) + kept_bytes(BUDGET_ANSWERS), 0);
}

static void
a_time_that_was_set_comes_once(void **state)
{
	int64_t from = clock_ms();

	(void)state;
	fcgi_raw_wait(fx.fcgi, fx.conn, 30);
	assert_true(kept_bytes(BUDGET_REQUESTS) > 0);
	while (fx.waited == 0 && clock_ms() - from < 10000)
		turn();
	assert_in_range(clock_ms() - from, 30, 9000);
	assert_int_equal(kept_bytes(BUDGET_REQUESTS), 0);
	fcgi_raw_wait(fx.fcgi, fx.conn, 20);
	fcgi_raw_wait(fx.fcgi, fx.conn, 0);
	assert_int_equal(kept_bytes(BUDGET_REQUESTS), 0);
	for (from = clock_ms(); clock_ms() - from < 50;)
		turn();
	assert_int_equal(fx.waited, 1);
}

static size_t walked;

static void
walk(void *ctx, struct fcgi_conn *conn)
{
	(void)ctx;
	assert_ptr_equal(conn, fx.conn);
	walked++;
}

static void
all_that_are_raw_can_be_walked(void **state)
{
	(void)state;
	walked = 0;
	assert_int_equal(fcgi_walk_raw(fx.fcgi, 0, 100000, walk, NULL), -1);
	assert_int_equal(walked, 1);
	fcgi_raw_close(fx.fcgi, fx.conn);
	assert_int_equal(fcgi_walk_raw(fx.fcgi, 0, 100000, walk, NULL), -1);
	assert_int_equal(walked, 1);
	assert_int_equal(fcgi_walk_raw(fx.fcgi, 0, 2, walk, NULL), 2);
}

static void
without_memory_for_the_head_it_is_gone(void **state)
{
	(void)state;
	fcgi_raw_close(fx.fcgi, fx.conn);
	turn();
	close(fx.client_fd);
	fx.client_fd = another_client();
	fx.ended = 0;
	ask_records(STR(ASKS));
	fcgi_raw_begin(fx.fcgi, fx.conn, NULL);
	assert_int_equal(fx.gone, 0);
	turn();
	assert_over(1);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_raw, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(bytes_go_both_ways_and_nothing_is_kept),
	    TEST(what_is_left_is_there_again_with_more),
	    TEST(what_is_kept_stays_in_front),
	    TEST(a_turn_reads_64_kb_whoever_sends_how_much),
	    TEST(while_it_is_paused_nothing_is_read),
	    TEST(what_was_left_is_handed_on_before_more_is_read),
	    TEST(one_that_is_paused_again_does_not_go_on),
	    TEST(what_was_left_is_looked_at_at_once),
	    TEST(what_came_before_a_hang_up_is_handed_on),
	    TEST(one_that_is_paused_is_gone_when_it_goes_on),
	    TEST(a_send_to_one_that_hung_up_ends_nothing_by_itself),
	    TEST(one_that_reads_no_more_is_gone_with_a_send),
	    TEST(nor_while_it_is_paused),
	    TEST(one_that_is_blocked_has_drained_once_all_was_read),
	    TEST(something_may_be_put_behind_a_little_that_waits),
	    TEST(a_shared_blob_is_kept_once),
	    TEST(one_that_takes_nothing_is_gone_after_a_time),
	    TEST(the_slowest_reader_goes_when_memory_is_short),
	    TEST(the_largest_input_goes_when_memory_is_short),
	    TEST(its_input_stays_while_it_is_handed_on_though_memory_is_short),
	    TEST(it_may_be_closed_while_its_input_is_handed_on),
	    TEST(it_may_be_blocked_while_its_input_is_handed_on),
	    TEST(a_time_that_was_set_comes_once),
	    TEST(all_that_are_raw_can_be_walked),
	    TEST(without_memory_for_the_head_it_is_gone),
	};

	return cmocka_run_group_tests_name("fcgi_raw", tests, NULL, NULL);
}
