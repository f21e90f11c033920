/*
 * Requests that come by SCGI, on the listener of FastCGI's.
 */
#define REQUEST_WAIT_MS 60

#include "test_fcgi_fixture.h"

#define NAMES              \
	"CONTENT_LENGTH\0" \
	"0\0"              \
	"SCGI\0"           \
	"1\0"              \
	"REQUEST_METHOD\0" \
	"GET\0"
#define ASKS "43:" NAMES ","

static char text[200];
static size_t text_n;

/* Everything that r brings, as text. */
static void
note(struct fcgi_request *r)
{
	text_n = 0;
	for (size_t i = 0; i < r->n_params; i++)
		text_n += (size_t)snprintf(text + text_n, sizeof text - text_n, "%.*s=%.*s;",
		    STR_ARGS(r->params[i].name), STR_ARGS(r->params[i].value));
	snprintf(text + text_n, sizeof text - text_n, "%.*s%s%s", STR_ARGS(r->body), r->scgi ? "scgi" : "",
	    r->body_too_large ? " too large" : "");
}

static void
write_all(struct str bytes)
{
	assert_int_equal(write(fx.client_fd, bytes.p, bytes.n), bytes.n);
}

static struct blob *
reply(struct str body)
{
	return fcgi_frame(STR("Status: 200 OK\r\n\r\n"), body);
}

/* Whether the daemon has closed the connection, behind what is read then, and in order: not by a reset. */
static bool
closed(void)
{
	ssize_t n;

	while ((n = read(fx.client_fd, fx.got + fx.n_got, 1000)) > 0)
		fx.n_got += (size_t)n;
	return n == 0;
}

static void
the_answer_goes_out_without_records_and_then_the_connection_is_closed(void **state)
{
	(void)state;
	begin_anew();
	fx.handle = note;
	ask_records(STR(ASKS));
	assert_string_equal(text, "CONTENT_LENGTH=0;SCGI=1;REQUEST_METHOD=GET;scgi");
	assert_int_equal(fcgi_counts(fx.fcgi).open, 1);
	assert_true(fcgi_reply(fx.fcgi, fx.conn, reply(STR("body"))));
	assert_int_equal(fx.ended, 1);
	assert_true(closed());
	assert_str(((struct str){fx.got, fx.n_got}), "Status: 200 OK\r\n\r\nbody");
	assert_int_equal(fcgi_counts(fx.fcgi).conns, 0);
	assert_int_equal(fcgi_counts(fx.fcgi).open, 0);
}

static void
a_request_may_be_cut_anywhere(void **state)
{
	(void)state;
	for (size_t at = 1; at < sizeof ASKS - 1; at++) {
		begin_anew();
		fx.handle = note;
		write_all((struct str){ASKS, at});
		turn();
		turn();
		assert_int_equal(fx.requests, 0);
		assert_true(budget_counts(fx.budget).kind_bytes[BUDGET_REQUESTS] > 0);
		ask_records((struct str){ASKS + at, sizeof ASKS - 1 - at});
		assert_string_equal(text, "CONTENT_LENGTH=0;SCGI=1;REQUEST_METHOD=GET;scgi");
		assert_int_equal(budget_counts(fx.budget).kind_bytes[BUDGET_REQUESTS], 0);
	}
}

static bool put_off_before;

static void
put_off_once(struct fcgi_request *r)
{
	text[0] = '\0';
	if (put_off_before)
		note(r);
	else
		assert_true(fcgi_postpone(fx.fcgi, r));
	put_off_before = true;
}

static void
one_that_was_put_off_comes_again_as_it_was(void **state)
{
	(void)state;
	begin_anew();
	fx.handle = put_off_once;
	ask_records(STR(ASKS));
	assert_string_equal(text, "");
	fcgi_resume(fx.fcgi, fx.conn);
	assert_string_equal(text, "CONTENT_LENGTH=0;SCGI=1;REQUEST_METHOD=GET;scgi");
	assert_true(fcgi_reply(fx.fcgi, fx.conn, reply(STR("body"))));
	assert_true(closed());
	assert_str(((struct str){fx.got, fx.n_got}), "Status: 200 OK\r\n\r\nbody");
}

static void
an_answer_that_many_share_loses_its_records(void **state)
{
	static char want[LARGE];
	struct blob *shared;

	(void)state;
	begin_anew();
	ask_records(STR(ASKS));
	memset(want, 'x', sizeof want);
	shared = reply((struct str){want, sizeof want});
	assert_true(fcgi_reply(fx.fcgi, fx.conn, blob_hold(shared)));
	assert_int_equal(fcgi_counts(fx.fcgi).writing, 1);
	for (int i = 0; i < 1000 && fcgi_counts(fx.fcgi).conns > 0; i++) {
		read_all();
		turn();
	}
	assert_true(closed());
	assert_int_equal(fx.n_got, sizeof "Status: 200 OK\r\n\r\n" - 1 + sizeof want);
	assert_memory_equal(fx.got + fx.n_got - sizeof want, want, sizeof want);
	blob_drop(shared);
}

static void
an_answer_may_go_on(void **state)
{
	(void)state;
	begin_anew();
	ask_records(STR(ASKS));
	assert_int_equal(fcgi_more(fx.fcgi, fx.conn, fcgi_frame_part(STR("one"))), OUTPUT_SENT);
	assert_int_equal(fcgi_more(fx.fcgi, fx.conn, fcgi_frame_part(STR("two"))), OUTPUT_SENT);
	fcgi_end(fx.fcgi, fx.conn);
	assert_true(closed());
	assert_str(((struct str){fx.got, fx.n_got}), "onetwo");
}

static void
a_request_with_a_body_says_so_and_its_answer_arrives(void **state)
{
	static char body[100000];

	(void)state;
	begin_anew();
	fx.handle = note;
	write_all(STR("29:CONTENT_LENGTH\000100000\0SCGI\0001\0,"));
	write_all((struct str){body, sizeof body});
	for (int i = 0; i < 10 && fx.requests == 0; i++)
		turn();
	assert_string_equal(text, "CONTENT_LENGTH=100000;SCGI=1;scgi too large");
	assert_true(fcgi_reply(fx.fcgi, fx.conn, reply(STR("no"))));
	assert_true(closed());
	assert_str(((struct str){fx.got, fx.n_got}), "Status: 200 OK\r\n\r\nno");
}

static void
what_is_no_request_is_closed(void **state)
{
	static const struct str bad[] = {
	    {"0:,", 3},
	    {"5:abcde,", 8},
	    {"43:" NAMES ";", sizeof ASKS - 1},
	    {ASKS "x", sizeof ASKS},
	    {"999999999", 9},
	    {"1x", 2},
	    {"\2", 1},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(bad); i++) {
		uint64_t before = fcgi_counts(fx.fcgi).bad_records;

		begin_anew();
		write_all(bad[i]);
		turn();
		turn();
		assert_true(closed());
		assert_int_equal(fcgi_counts(fx.fcgi).bad_records, before + 1);
		assert_int_equal(fx.requests, 0);
		close(fx.client_fd);
		fx.client_fd = another_client();
		ask();
	}
}

static void
half_a_request_is_closed_after_a_time(void **state)
{
	int64_t from = clock_ms();

	(void)state;
	begin_anew();
	write_all((struct str){ASKS, 10});
	for (int i = 0; i < 2; i++)
		turn();
	assert_int_equal(fcgi_counts(fx.fcgi).conns, 1);
	while (fcgi_counts(fx.fcgi).conns > 0 && clock_ms() - from < 10000)
		turn();
	assert_true(closed());
	assert_in_range(clock_ms() - from, REQUEST_WAIT_MS, 9000);
	assert_int_equal(fcgi_counts(fx.fcgi).late, 1);
}

static void
half_a_request_goes_when_memory_is_short(void **state)
{
	struct budget_share other = {.bytes = 0};

	(void)state;
	begin_anew();
	write_all((struct str){ASKS, 10});
	turn();
	turn();
	(void)budget_set(fx.budget, &other, BUDGET_QUEUES, MEMORY_MAX);
	assert_true(closed());
	budget_set(fx.budget, &other, BUDGET_QUEUES, 0);
}

static void
a_daemon_that_drains_answers_the_same(void **state)
{
	(void)state;
	begin_anew();
	ask_records(STR(ASKS));
	fcgi_drain(fx.fcgi);
	assert_true(fcgi_reply(fx.fcgi, fx.conn, reply(STR("last"))));
	assert_true(closed());
	assert_str(((struct str){fx.got, fx.n_got}), "Status: 200 OK\r\n\r\nlast");
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(the_answer_goes_out_without_records_and_then_the_connection_is_closed),
	    TEST(a_request_may_be_cut_anywhere),
	    TEST(one_that_was_put_off_comes_again_as_it_was),
	    TEST(an_answer_that_many_share_loses_its_records),
	    TEST(an_answer_may_go_on),
	    TEST(a_request_with_a_body_says_so_and_its_answer_arrives),
	    TEST(what_is_no_request_is_closed),
	    TEST(half_a_request_is_closed_after_a_time),
	    TEST(half_a_request_goes_when_memory_is_short),
	    TEST(a_daemon_that_drains_answers_the_same),
	};

	return cmocka_run_group_tests_name("fcgi_scgi", tests, NULL, NULL);
}
