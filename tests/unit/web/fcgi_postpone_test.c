/*
 * Requests that are put off (fcgi_postpone(), fcgi_resume()), and the one call that says that a request has ended.
 */
#include "test_fcgi_fixture.h"

enum { BODY = 900 };

static struct {
	size_t again;   /* how often more it is put off */
	size_t handled; /* calls of request() */
	bool refused;   /* the last fcgi_postpone() */
	bool dies;      /* memory goes while it is handled once more */
	char text[2 * BODY];
} got;

static struct blob *
reply(struct str text)
{
	return fcgi_frame(STR("Status: 200 OK\r\n\r\n"), text);
}

static size_t
kept_bytes(void)
{
	return budget_counts(fx.budget).kind_bytes[BUDGET_REQUESTS];
}

/* Everything that r brings, as text. */
static void
note(const struct fcgi_request *r)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n_params; i++)
		n += (size_t)snprintf(got.text + n, sizeof got.text - n, "%.*s=%.*s;", STR_ARGS(r->params[i].name),
		    STR_ARGS(r->params[i].value));
	snprintf(got.text + n, sizeof got.text - n, "%.*s%s%s", STR_ARGS(r->body), r->cut ? " cut" : "",
	    r->body_too_large ? " too large" : "");
}

/* Puts it off as often as `again` says, and answers then. */
static void
put_off(struct fcgi_request *r)
{
	struct budget_share other = {.bytes = 0};

	note(r);
	got.handled++;
	got.refused = false;
	if (got.dies && got.handled > 1) {
		(void)budget_set(fx.budget, &other, BUDGET_REQUESTS, MEMORY_MAX + 1);
		budget_set(fx.budget, &other, BUDGET_REQUESTS, 0);
	}
	if (got.again > 0) {
		got.again--;
		got.refused = !fcgi_postpone(fx.fcgi, r);
		if (!got.refused)
			return;
	}
	(void)fcgi_reply(fx.fcgi, fx.conn, reply(r->body));
}

static size_t
put_record(char *p, int type, struct str content)
{
	const char head[8] = {1, (char)type, 0, 1, (char)(content.n >> 8), (char)content.n, 0, 0};

	memcpy(p, head, sizeof head);
	memcpy(p + sizeof head, content.p, content.n);
	return sizeof head + content.n;
}

static const char *
long_body(void)
{
	static char body[BODY + 1];

	memset(body, 'b', BODY);
	return body;
}

static void
ask_with(size_t again, struct str params, struct str body)
{
	char records[4 * BODY];
	size_t n = sizeof BEGIN - 1;

	memset(&got, 0, sizeof got);
	(void)fcgi_reply(fx.fcgi, fx.conn, reply(STR("first")));
	read_all();
	fx.n_got = 0;
	assert_int_equal(fx.ended, 1);
	got.again = again;
	fx.handle = put_off;
	memcpy(records, BEGIN, n);
	n += put_record(records + n, 4, params);
	n += put_record(records + n, 4, STR(""));
	n += put_record(records + n, 5, body);
	n += put_record(records + n, 5, STR(""));
	ask_records((struct str){records, n});
}

/* A request with parameters and a body that is put off so often; the one of the fixture is answered before. */
static void
ask_later(size_t again)
{
	ask_with(again, STR("\3\5ONEvalue\5\0EMPTY"), str_of(long_body()));
}

static void
assert_whole(void)
{
	char want[2 * BODY];

	snprintf(want, sizeof want, "FCGI_ROLE=RESPONDER;ONE=value;EMPTY=;%s", long_body());
	assert_string_equal(got.text, want);
}

/* Another request has used the buffers in which this one came. */
static void
overwrite_buffers(void)
{
	struct fcgi_conn *first = fx.conn;
	int fd = fx.client_fd;
	struct sockaddr_un address;
	socklen_t n = sizeof address;

	fx.handle = NULL;
	assert_int_equal(getpeername(fd, (struct sockaddr *)&address, &n), 0);
	fx.client_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	assert_int_equal(connect(fx.client_fd, (struct sockaddr *)&address, n), 0);
	ask_records(STR(BEGIN "\1\4\0\1\0\12\0\0\3\5XXXxxxxx" NO_PARAMS "\1\5\0\1\0\3\0\0yyy" NO_BODY));
	(void)fcgi_reply(fx.fcgi, fx.conn, reply(STR("")));
	close(fx.client_fd);
	turn();
	fx.client_fd = fd;
	fx.conn = first;
	fx.handle = put_off;
	fx.ended = 1;
}

static void
assert_answered(void)
{
	bool ended;

	read_all();
	assert_int_equal(text_got(&ended).n, strlen("Status: 200 OK\r\n\r\n") + BODY);
	assert_true(ended);
	assert_int_equal(fx.ended, 2);
	assert_int_equal(fx.gone, 0);
	assert_int_equal(kept_bytes(), 0);
	assert_int_equal(fcgi_counts(fx.fcgi).open, 0);
}

static void
it_comes_once_more_as_it_came_first(void **state)
{
	uint64_t handle;

	(void)state;
	ask_later(1);
	handle = fcgi_handle(fx.conn);
	assert_true(fcgi_is_postponed(fx.conn));
	assert_in_range(kept_bytes(), BODY, 2 * BODY);
	overwrite_buffers();
	assert_int_equal(fcgi_counts(fx.fcgi).open, 1);
	assert_ptr_equal(fcgi_find(fx.fcgi, handle), fx.conn);
	assert_int_equal(fx.ended, 1);
	memset(got.text, 0, sizeof got.text);
	fcgi_resume(fx.fcgi, fx.conn);
	assert_whole();
	assert_answered();
	assert_int_equal(got.handled, 2);
	assert_int_equal(fcgi_counts(fx.fcgi).requests, 3);
	assert_null(fcgi_find(fx.fcgi, handle));
	assert_false(fcgi_is_postponed(fx.conn));
	/* The connection is kept, as behind any answer. */
	fx.handle = NULL;
	ask();
}

static void
what_was_wrong_with_it_is_kept(void **state)
{
	char body[BODY + 200] = {0};

	(void)state;
	ask_with(1, STR("\3\3ONEa\0b"), (struct str){body, sizeof body});
	assert_non_null(strstr(got.text, "ONE=a; cut too large"));
	memset(got.text, 0, sizeof got.text);
	fcgi_resume(fx.fcgi, fx.conn);
	assert_non_null(strstr(got.text, "ONE=a; cut too large"));
}

static void
it_may_be_put_off_again_and_again(void **state)
{
	size_t bytes;

	(void)state;
	ask_later(3);
	bytes = kept_bytes();
	for (int i = 0; i < 2; i++) {
		fcgi_resume(fx.fcgi, fx.conn);
		assert_true(fcgi_is_postponed(fx.conn));
		assert_int_equal(kept_bytes(), bytes);
		overwrite_buffers();
	}
	assert_int_equal(fx.ended, 1);
	fcgi_resume(fx.fcgi, fx.conn);
	assert_whole();
	assert_answered();
}

static void
it_may_be_answered_later_than_in_the_call(void **state)
{
	(void)state;
	ask_later(1);
	fx.handle = NULL;
	fcgi_resume(fx.fcgi, fx.conn);
	assert_int_equal(kept_bytes(), 0);
	assert_int_equal(fcgi_counts(fx.fcgi).open, 1);
	assert_int_equal(fx.ended, 1);
	(void)fcgi_reply(fx.fcgi, fx.conn, reply(str_of(long_body())));
	assert_answered();
}

static void
it_may_be_answered_without_coming_again(void **state)
{
	(void)state;
	ask_later(1);
	(void)fcgi_reply(fx.fcgi, fx.conn, reply(str_of(long_body())));
	assert_answered();
	assert_int_equal(got.handled, 1);
}

static void
its_answer_may_go_on(void **state)
{
	(void)state;
	ask_later(1);
	assert_int_equal(fcgi_more(fx.fcgi, fx.conn, fcgi_frame_part(STR("Status: 200 OK\r\n\r\n"))), OUTPUT_SENT);
	assert_int_equal(kept_bytes(), 0);
	assert_int_equal(fcgi_more(fx.fcgi, fx.conn, fcgi_frame_part(str_of(long_body()))), OUTPUT_SENT);
	fcgi_end(fx.fcgi, fx.conn);
	assert_answered();
}

static void
whoever_put_it_off_is_told_of_a_hang_up(void **state)
{
	(void)state;
	ask_later(1);
	close(fx.client_fd);
	fx.client_fd = -1;
	turn();
	assert_int_equal(fx.gone, 1);
	assert_int_equal(fx.ended, 2);
	assert_int_equal(kept_bytes(), 0);
	assert_int_equal(fcgi_counts(fx.fcgi).open, 0);
	assert_int_equal(fcgi_counts(fx.fcgi).conns, 0);
}

static void
the_largest_goes_when_memory_is_short(void **state)
{
	struct budget_share other = {.bytes = 0};

	(void)state;
	ask_later(1);
	/* A smaller one, but the last that came. */
	assert_true(budget_set(fx.budget, &other, BUDGET_REQUESTS, 500));
	budget_add(fx.budget, BUDGET_SENDS, MEMORY_MAX - 1000);
	assert_true(budget_set(fx.budget, &other, BUDGET_REQUESTS, 510));
	assert_int_equal(fx.gone, 1);
	assert_int_equal(fx.ended, 2);
	assert_int_equal(fcgi_counts(fx.fcgi).conns, 0);
	budget_sub(fx.budget, BUDGET_SENDS, MEMORY_MAX - 1000);
	budget_set(fx.budget, &other, BUDGET_REQUESTS, 0);
	assert_int_equal(budget_counts(fx.budget).bytes, 0);
}

static void
without_room_it_is_answered_at_once(void **state)
{
	(void)state;
	budget_add(fx.budget, BUDGET_SENDS, MEMORY_MAX - 100);
	ask_later(1);
	assert_true(got.refused);
	assert_answered();
	assert_int_equal(got.handled, 1);
	budget_sub(fx.budget, BUDGET_SENDS, MEMORY_MAX - 100);
}

static void
without_room_it_is_not_put_off_again(void **state)
{
	(void)state;
	ask_later(2);
	budget_add(fx.budget, BUDGET_SENDS, MEMORY_MAX - 100);
	fcgi_resume(fx.fcgi, fx.conn);
	assert_true(got.refused);
	assert_whole();
	assert_answered();
	budget_sub(fx.budget, BUDGET_SENDS, MEMORY_MAX - 100);
}

static void
its_views_stay_while_it_is_handled(void **state)
{
	(void)state;
	ask_later(1);
	got.dies = true;
	fcgi_resume(fx.fcgi, fx.conn);
	assert_whole();
	assert_answered();
}

static size_t n_open;

static void
count_open(void *ctx, struct fcgi_conn *conn)
{
	(void)ctx;
	assert_true(fcgi_is_postponed(conn));
	n_open++;
}

static void
one_that_is_put_off_is_open_in_a_drain(void **state)
{
	(void)state;
	ask_later(1);
	fcgi_drain(fx.fcgi);
	n_open = 0;
	fcgi_each_open(fx.fcgi, count_open, NULL);
	assert_int_equal(n_open, 1);
	fcgi_resume(fx.fcgi, fx.conn);
	read_all();
	assert_true(fx.n_got > BODY);
	assert_int_equal(fx.ended, 2);
	assert_int_equal(kept_bytes(), 0);
}

static void
one_that_is_put_off_at_the_end_has_ended_once(void **state)
{
	(void)state;
	ask_later(1);
	fcgi_free(fx.fcgi);
	fx.fcgi = NULL;
	assert_int_equal(fx.ended, 2);
	assert_int_equal(kept_bytes(), 0);
}

static void
one_that_has_no_answer_has_ended(void **state)
{
	(void)state;
	assert_false(fcgi_reply(fx.fcgi, fx.conn, NULL));
	assert_int_equal(fx.ended, 1);
	assert_int_equal(fx.gone, 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(it_comes_once_more_as_it_came_first),
	    TEST(what_was_wrong_with_it_is_kept),
	    TEST(it_may_be_put_off_again_and_again),
	    TEST(it_may_be_answered_later_than_in_the_call),
	    TEST(it_may_be_answered_without_coming_again),
	    TEST(its_answer_may_go_on),
	    TEST(whoever_put_it_off_is_told_of_a_hang_up),
	    TEST(the_largest_goes_when_memory_is_short),
	    TEST(without_room_it_is_answered_at_once),
	    TEST(without_room_it_is_not_put_off_again),
	    TEST(its_views_stay_while_it_is_handled),
	    TEST(one_that_is_put_off_is_open_in_a_drain),
	    TEST(one_that_is_put_off_at_the_end_has_ended_once),
	    TEST(one_that_has_no_answer_has_ended),
	};

	return cmocka_run_group_tests_name("fcgi_postpone", tests, NULL, NULL);
}
