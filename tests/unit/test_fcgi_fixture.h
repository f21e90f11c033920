/*
 * test_fcgi_fixture: a real listener, a real loop, and one client that asks and reads as the test wants. At first it
 * has asked once.
 */
#ifndef TEST_FCGI_FIXTURE_H
#define TEST_FCGI_FIXTURE_H

#include <sys/socket.h>
#include <sys/un.h>

#include "base/budget.h"
#include "test.h"
#include "web/fcgi.h"

enum { LARGE = 1000000, LATE_MS = 60, MEMORY_MAX = 4000000, SLOT_SIZE = 64 };

#ifndef REQUEST_WAIT_MS
#define REQUEST_WAIT_MS 10000
#endif

static struct fixture {
	char folder[TEST_PATH_SIZE];
	struct loop *loop;
	struct budget *budget;
	struct fcgi *fcgi;
	int listen_fd, client_fd, event_fd;
	struct fcgi_conn *conn; /* of the request that came last */
	size_t requests, gone, drained, ended;
	void (*handle)(struct fcgi_request *r); /* what on_request() does besides; NULL: nothing; so the next ones */
	void (*on_gone)(struct fcgi_conn *conn);
	void (*on_drained)(struct fcgi_conn *conn);
	void (*on_ended)(struct fcgi_conn *conn);
	void (*on_input)(struct fcgi_conn *conn, struct fcgi_raw *in);
	void (*on_waited)(struct fcgi_conn *conn);
	size_t waited;
	char *got; /* by the client */
	size_t n_got;
} fx;

static inline void
on_request(void *ctx, struct fcgi_request *r)
{
	(void)ctx;
	fx.conn = r->conn;
	fx.requests++;
	if (fx.handle != NULL)
		fx.handle(r);
}

static inline void
on_gone(void *ctx, struct fcgi_conn *conn)
{
	(void)ctx;
	assert_ptr_equal(conn, fx.conn);
	fx.gone++;
	if (fx.on_gone != NULL)
		fx.on_gone(conn);
}

static inline void
on_drained(void *ctx, struct fcgi_conn *conn)
{
	(void)ctx;
	assert_ptr_equal(conn, fx.conn);
	fx.drained++;
	if (fx.on_drained != NULL)
		fx.on_drained(conn);
}

static inline void
on_ended(void *ctx, struct fcgi_conn *conn)
{
	(void)ctx;
	assert_ptr_equal(conn, fx.conn);
	assert_null(fcgi_find(fx.fcgi, fcgi_handle(conn)));
	fx.ended++;
	if (fx.on_ended != NULL)
		fx.on_ended(conn);
}

static inline void
on_input(void *ctx, struct fcgi_conn *conn, struct fcgi_raw *in)
{
	(void)ctx;
	assert_ptr_equal(conn, fx.conn);
	fx.on_input(conn, in);
}

static inline void
on_waited(void *ctx, struct fcgi_conn *conn)
{
	(void)ctx;
	assert_ptr_equal(conn, fx.conn);
	fx.waited++;
	if (fx.on_waited != NULL)
		fx.on_waited(conn);
}

static inline void
turn(void)
{
	loop_run(fx.loop);
}

/* The records of a whole request, on a connection that is kept. */
#define BEGIN "\1\1\0\1\0\10\0\0\0\1\1\0\0\0\0\0"
#define NO_PARAMS "\1\4\0\1\0\0\0\0"
#define NO_BODY "\1\5\0\1\0\0\0\0"

/* These records, which are a whole request. */
static inline void
ask_records(struct str records)
{
	size_t before = fx.requests;

	assert_int_equal(write(fx.client_fd, records.p, records.n), records.n);
	for (int i = 0; i < 10 && fx.requests == before; i++)
		turn();
	assert_int_equal(fx.requests, before + 1);
}

static inline void
ask(void)
{
	ask_records(STR(BEGIN NO_PARAMS NO_BODY));
}

/* A client of its own, beside the one there is. */
static inline int
another_client(void)
{
	struct sockaddr_un address;
	socklen_t n = sizeof address;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	assert_int_equal(getsockname(fx.listen_fd, (struct sockaddr *)&address, &n), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, n), 0);
	return fd;
}

/* The client's connection is another one, on which nothing was asked; the first request was answered. */
static inline void
begin_anew(void)
{
	(void)fcgi_reply(fx.fcgi, fx.conn, fcgi_frame(STR("Status: 200 OK\r\n\r\n"), STR("")));
	close(fx.client_fd);
	turn();
	fx.client_fd = another_client();
	fx.requests = fx.ended = fx.gone = 0;
	assert_int_equal(fcgi_counts(fx.fcgi).conns, 0);
}

static inline int
setup(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct fcgi_handler handler = {.request = on_request,
	    .gone = on_gone,
	    .drained = on_drained,
	    .ended = on_ended,
	    .input = on_input,
	    .waited = on_waited};
	struct fcgi_options options = {.slot_size = SLOT_SIZE,
	    .conns_max = 10,
	    .body_max = 1000,
	    .request_wait_ms = REQUEST_WAIT_MS,
	    .send_wait_ms = LATE_MS};

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
	fx.event_fd = test_single_turns(fx.loop);
	fx.client_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	assert_int_equal(connect(fx.client_fd, (struct sockaddr *)&address, sizeof address), 0);
	fx.got = malloc(4 * LARGE);
	test_watchdog(30);
	ask();
	return 0;
}

static inline int
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
static inline void
read_all(void)
{
	ssize_t n;

	while ((n = read(fx.client_fd, fx.got + fx.n_got, 4 * LARGE - fx.n_got)) > 0)
		fx.n_got += (size_t)n;
}

/* Takes the records apart: the text of STDOUT; *ended: END_REQUEST was the last one. */
static inline struct str
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

#endif
