/*
 * Answers that go on (fcgi_more(), fcgi_end()): a real listener, a real loop, and a client that reads as the test
 * wants.
 */
#include "web/fcgi.h"

#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/budget.h"
#include "test.h"

enum { LARGE = 1000000, LATE_MS = 60, MEMORY_MAX = 4000000 };

static struct fixture {
	char folder[TEST_PATH_SIZE];
	struct loop *loop;
	struct budget *budget;
	struct fcgi *fcgi;
	int listen_fd, client_fd, event_fd;
	struct fcgi_conn *conn; /* of the request that came last */
	size_t requests, gone, drained;
	char *got; /* by the client */
	size_t n_got;
} fx;

static void
on_request(void *ctx, struct fcgi_request *r)
{
	(void)ctx;
	fx.conn = r->conn;
	fx.requests++;
}

static void
on_gone(void *ctx, struct fcgi_conn *conn)
{
	(void)ctx;
	assert_ptr_equal(conn, fx.conn);
	fx.gone++;
}

static void
on_drained(void *ctx, struct fcgi_conn *conn)
{
	(void)ctx;
	assert_ptr_equal(conn, fx.conn);
	fx.drained++;
}

static void
no_turn_without_end(void *ctx)
{
	loop_stop(ctx);
}

static void
turn(void)
{
	loop_run(fx.loop);
}

/* A whole request without parameters, on a connection that is kept. */
static void
ask(void)
{
	static const char records[] = "\1\1\0\1\0\10\0\0\0\1\1\0\0\0\0\0\1\4\0\1\0\0\0\0\1\5\0\1\0\0\0\0";
	size_t before = fx.requests;

	assert_int_equal(write(fx.client_fd, records, sizeof records - 1), sizeof records - 1);
	for (int i = 0; i < 10 && fx.requests == before; i++)
		turn();
	assert_int_equal(fx.requests, before + 1);
}

static int
setup(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct fcgi_handler handler = {.request = on_request, .gone = on_gone, .drained = on_drained};
	struct fcgi_options options = {
	    .slot_size = 16, .conns_max = 10, .body_max = 1000, .request_wait_ms = 10000, .send_wait_ms = LATE_MS};

	(void)state;
	memset(&fx, 0, sizeof fx);
	test_folder(fx.folder);
	snprintf(address.sun_path, sizeof address.sun_path, "%.90s/sock", fx.folder);
	fx.listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(fx.listen_fd, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(listen(fx.listen_fd, 10), 0);
	fx.loop = loop_new();
	fx.budget = budget_new(MEMORY_MAX);
	options.listen_fd = fx.listen_fd;
	options.budget = fx.budget;
	fx.fcgi = fcgi_new(fx.loop, &options, &handler);
	assert_non_null(fx.fcgi);
	fx.event_fd = eventfd(1, EFD_CLOEXEC);
	assert_int_equal(loop_add_source(fx.loop, fx.event_fd, no_turn_without_end, fx.loop), 0);
	fx.client_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	assert_int_equal(connect(fx.client_fd, (struct sockaddr *)&address, sizeof address), 0);
	fx.got = malloc(4 * LARGE);
	test_watchdog(30);
	ask();
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	if (fx.client_fd >= 0)
		close(fx.client_fd);
	fcgi_free(fx.fcgi);
	budget_free(fx.budget);
	loop_free(fx.loop);
	close(fx.listen_fd);
	close(fx.event_fd);
	free(fx.got);
	test_folder_remove(fx.folder);
	test_watchdog(0);
	return 0;
}

/* Reads all that has come. */
static void
read_all(void)
{
	ssize_t n;

	while ((n = read(fx.client_fd, fx.got + fx.n_got, 4 * LARGE - fx.n_got)) > 0)
		fx.n_got += (size_t)n;
}

/* Takes the records apart: the text of STDOUT; *ended: END_REQUEST was the last one. */
static struct str
text_got(bool *ended)
{
	size_t n = 0;

	*ended = false;
	for (size_t at = 0; at + 8 <= fx.n_got;) {
		const unsigned char *h = (const unsigned char *)fx.got + at;
		size_t length = (size_t)h[4] << 8 | h[5];

		assert_false(*ended);
		assert_int_equal(h[6], 0);
		if (at + 8 + length > fx.n_got)
			break;
		*ended = h[1] == 3;
		at += 8;
		if (h[1] == 6) {
			/* In place: the text is never longer than what it was in. */
			memmove(fx.got + n, fx.got + at, length);
			n += length;
		}
		at += length;
	}
	fx.n_got = 0;
	return (struct str){fx.got, n};
}

static enum output_result
give(struct str text)
{
	return fcgi_more(fx.fcgi, fx.conn, fcgi_frame_part(text));
}

static enum output_result
give_large(char letter)
{
	char *text = malloc(LARGE);
	enum output_result result;

	memset(text, letter, LARGE);
	result = give((struct str){text, LARGE});
	free(text);
	return result;
}

static void
an_answer_goes_on_part_by_part_and_the_connection_is_kept(void **state)
{
	bool ended;

	(void)state;
	assert_int_equal(give(STR("Status: 200 OK\r\n\r\none")), OUTPUT_SENT);
	assert_int_equal(give(STR("two")), OUTPUT_SENT);
	read_all();
	assert_str(text_got(&ended), "Status: 200 OK\r\n\r\nonetwo");
	assert_false(ended);
	turn();
	assert_ptr_equal(fcgi_find(fx.fcgi, fcgi_handle(fx.conn)), fx.conn);
	assert_int_equal(fcgi_counts(fx.fcgi).open, 1);
	fcgi_end(fx.fcgi, fx.conn);
	read_all();
	assert_int_equal(text_got(&ended).n, 0);
	assert_true(ended);
	assert_int_equal(fcgi_counts(fx.fcgi).open, 0);
	ask();
	assert_int_equal(fx.gone + fx.drained, 0);
}

static void
one_that_is_blocked_has_drained_once_all_was_read(void **state)
{
	bool ended;
	size_t n;

	(void)state;
	assert_int_equal(give_large('x'), OUTPUT_BLOCKED);
	turn();
	assert_int_equal(fx.drained, 0);
	for (int i = 0; i < 1000 && fx.drained == 0; i++) {
		read_all();
		turn();
	}
	assert_int_equal(fx.drained, 1);
	/* What was kept is let go. */
	assert_int_equal(budget_counts(fx.budget).kind_bytes[BUDGET_ANSWERS], 0);
	assert_int_equal(fcgi_counts(fx.fcgi).writing, 0);
	assert_int_equal(give(STR("behind it")), OUTPUT_SENT);
	read_all();
	n = text_got(&ended).n;
	assert_int_equal(n, LARGE + 9);
	assert_memory_equal(fx.got + LARGE, "behind it", 9);
	assert_int_equal(fx.gone, 0);
}

static void
an_end_waits_behind_what_is_blocked(void **state)
{
	bool ended;

	(void)state;
	assert_int_equal(give_large('x'), OUTPUT_BLOCKED);
	fcgi_end(fx.fcgi, fx.conn);
	for (int i = 0; i < 1000 && fcgi_counts(fx.fcgi).open > 0; i++) {
		read_all();
		turn();
	}
	read_all();
	assert_int_equal(text_got(&ended).n, LARGE);
	assert_true(ended);
	assert_int_equal(fx.drained + fx.gone, 0);
	ask();
}

static void
nobody_is_told_of_a_hang_up_behind_the_end(void **state)
{
	uint64_t handle = fcgi_handle(fx.conn);

	(void)state;
	assert_int_equal(give_large('x'), OUTPUT_BLOCKED);
	assert_ptr_equal(fcgi_find(fx.fcgi, handle), fx.conn);
	fcgi_end(fx.fcgi, fx.conn);
	assert_null(fcgi_find(fx.fcgi, handle));
	close(fx.client_fd);
	fx.client_fd = -1;
	turn();
	assert_int_equal(fx.gone, 0);
	assert_int_equal(fcgi_counts(fx.fcgi).open, 0);
	assert_int_equal(fcgi_counts(fx.fcgi).conns, 0);
}

static void
whoever_has_it_is_told_of_a_hang_up(void **state)
{
	(void)state;
	assert_int_equal(give(STR("one")), OUTPUT_SENT);
	close(fx.client_fd);
	fx.client_fd = -1;
	turn();
	assert_int_equal(fx.gone, 1);
	assert_int_equal(fcgi_counts(fx.fcgi).open, 0);
	assert_int_equal(fcgi_counts(fx.fcgi).conns, 0);
}

static void
whoever_has_it_is_told_of_one_that_stands_still(void **state)
{
	int64_t from = clock_ms();

	(void)state;
	assert_int_equal(give_large('x'), OUTPUT_BLOCKED);
	while (fx.gone == 0 && clock_ms() - from < 10000)
		turn();
	assert_int_equal(fx.gone, 1);
	assert_in_range(clock_ms() - from, LATE_MS, 10000);
	assert_int_equal(fcgi_counts(fx.fcgi).conns, 0);
}

static void
the_slowest_goes_when_memory_is_short(void **state)
{
	struct budget_share other = {.bytes = 0};

	(void)state;
	assert_int_equal(give_large('x'), OUTPUT_BLOCKED);
	assert_true(budget_set(fx.budget, &other, BUDGET_ANSWERS, MEMORY_MAX / 2));
	assert_int_equal(fx.gone, 1);
	assert_int_equal(fcgi_counts(fx.fcgi).conns, 0);
	budget_set(fx.budget, &other, BUDGET_ANSWERS, 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(an_answer_goes_on_part_by_part_and_the_connection_is_kept),
	    TEST(one_that_is_blocked_has_drained_once_all_was_read),
	    TEST(an_end_waits_behind_what_is_blocked),
	    TEST(nobody_is_told_of_a_hang_up_behind_the_end),
	    TEST(whoever_has_it_is_told_of_a_hang_up),
	    TEST(whoever_has_it_is_told_of_one_that_stands_still),
	    TEST(the_slowest_goes_when_memory_is_short),
	};

	return cmocka_run_group_tests_name("fcgi", tests, NULL, NULL);
}
