/*
 * held: many held polls from one small program, for tests/e2e/held.test.mjs and for measuring by hand.
 *
 * usage: held PORT, then commands on standard input, one a line; each is answered by one line:
 *
 *	open N        N connections to 127.0.0.1:PORT, all at once
 *	ask PATH      GET PATH on every connection, all at once; a %d in it stands for the connection's cursor
 *	then PATH     like ask, but each connection does it as soon as its present request is answered
 *	wait MS       until every request is answered, or so long; tells about the answers since the last wait
 *	close         all connections, all at once
 *
 * Times are CLOCK_MONOTONIC in microseconds, which other programs can compare with theirs. The cursor is the "next" of
 * the last answer. An answer other than 200, a connection that is cut and an answer with "reset" or "gap" are bad.
 * Written in C because the answers to 10,000 polls are to be timed, not the program that waits for them.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	CONNS_MAX = 100000,
	ANSWER_MAX = 8192, /* these polls are answered with one message or none */
	EVENTS_MAX = 512,
	PATH_MAX_N = 1024,
	CONNECT_MS = 60000,
};

struct conn {
	int fd;
	bool asked;
	long long cursor;
	size_t n;
	char *bytes; /* of an answer that has come in part */
};

struct tally {
	size_t answered, good, messages, bad;
	int64_t first_us, last_us;
	char why[160];
};

static struct conn *conns;
static size_t n_conns, n_asked;
static int epoll_fd, port;
static char then_path[PATH_MAX_N];
static struct tally tally;

static int64_t
now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void
die(const char *what)
{
	fprintf(stderr, "held: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void
bad(const char *why, size_t n)
{
	if (tally.bad++ == 0)
		snprintf(tally.why, sizeof tally.why, "%.*s", (int)n, why);
}

static void
drop(struct conn *c)
{
	if (c->asked)
		n_asked--;
	c->asked = false;
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

static void
ask(struct conn *c, const char *path)
{
	char with_cursor[PATH_MAX_N + 32], request[2 * PATH_MAX_N];
	const char *mark = strstr(path, "%d");
	int n;

	if (c->fd < 0)
		return;
	if (mark != NULL)
		snprintf(with_cursor, sizeof with_cursor, "%.*s%lld%s", (int)(mark - path), path, c->cursor, mark + 2);
	n = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n",
	    mark != NULL ? with_cursor : path, port);
	if (send(c->fd, request, (size_t)n, MSG_NOSIGNAL) != n) {
		bad("cannot send", 11);
		drop(c);
		return;
	}
	c->n = 0;
	c->asked = true;
	n_asked++;
}

/* The number behind a name in the answer; -1 without. */
static long long
number(const char *bytes, const char *name)
{
	const char *at = strstr(bytes, name);

	return at == NULL ? -1 : atoll(at + strlen(name));
}

/* Whether the answer is whole: by its Content-Length, or by the last chunk. */
static bool
whole(const char *bytes, size_t n)
{
	const char *body = strstr(bytes, "\r\n\r\n");
	long long length;

	if (body == NULL)
		return false;
	length = number(bytes, "Content-Length: ");
	if (length >= 0)
		return (long long)n - (body + 4 - bytes) >= length;
	return n >= 5 && memcmp(bytes + n - 5, "0\r\n\r\n", 5) == 0;
}

static void
answered(struct conn *c)
{
	const char *status = c->bytes + strlen("HTTP/1.1 ");
	long long next = number(c->bytes, "\"next\":");

	tally.last_us = now_us();
	if (tally.answered++ == 0)
		tally.first_us = tally.last_us;
	c->asked = false;
	n_asked--;
	if (strncmp(status, "200", 3) != 0 || next < 0)
		bad(status, strcspn(status, "\r\n"));
	else if (strstr(c->bytes, "\"reset\"") != NULL || strstr(c->bytes, "\"gap\"") != NULL)
		bad("reset or gap", 12);
	else {
		tally.good++;
		tally.messages += strstr(c->bytes, "\"id\":") != NULL;
		c->cursor = next;
	}
	if (then_path[0] != '\0')
		ask(c, then_path);
}

static void
input(struct conn *c)
{
	ssize_t n;

	if (c->fd < 0)
		return;
	if (c->bytes == NULL && (c->bytes = malloc(ANSWER_MAX)) == NULL)
		die("memory");
	n = recv(c->fd, c->bytes + c->n, ANSWER_MAX - 1 - c->n, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		bad("the connection was cut", 22);
		drop(c);
		return;
	}
	c->n += (size_t)n;
	c->bytes[c->n] = '\0';
	if (!c->asked)
		bad("an answer to nothing", 20);
	else if (whole(c->bytes, c->n))
		answered(c);
	else if (c->n == ANSWER_MAX - 1) {
		bad("an answer that is too long", 26);
		drop(c);
	}
}

/* One connection, begun but not waited for. */
static void
begin(struct conn *c)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	struct epoll_event e = {.events = EPOLLOUT, .data.ptr = c};
	int yes = 1;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		die("socket");
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
	if (connect(c->fd, (struct sockaddr *)&address, sizeof address) != 0 && errno != EINPROGRESS)
		die("connect");
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &e) != 0)
		die("epoll");
}

static void
do_open(size_t n)
{
	int64_t began = now_us();
	size_t open = 0;

	if (n > CONNS_MAX - n_conns) {
		errno = EINVAL;
		die("open");
	}
	for (size_t i = 0; i < n; i++)
		begin(&conns[n_conns + i]);
	while (open < n) {
		struct epoll_event events[EVENTS_MAX];
		int k = epoll_wait(epoll_fd, events, EVENTS_MAX, CONNECT_MS);

		if (k <= 0)
			die("connections are not accepted");
		for (int i = 0; i < k; i++) {
			struct conn *c = events[i].data.ptr;
			struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
			int error = 0;
			socklen_t size = sizeof error;

			getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size);
			errno = error;
			if (error != 0 || epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->fd, &e) != 0)
				die("connect");
			open++;
		}
	}
	n_conns += n;
	printf("{\"open\":%zu,\"us\":%lld}\n", n_conns, (long long)(now_us() - began));
}

static void
do_wait(int64_t wait_ms)
{
	int64_t until = now_us() + wait_ms * 1000;

	/* With a request to follow each answer they never run out: then every connection's first counts. */
	while ((then_path[0] == '\0' ? n_asked > 0 : tally.answered + tally.bad < n_conns) && now_us() < until) {
		struct epoll_event events[EVENTS_MAX];
		int left = (int)((until - now_us()) / 1000);
		int k = epoll_wait(epoll_fd, events, EVENTS_MAX, left > 0 ? left : 0);

		for (int i = 0; i < k; i++)
			input(events[i].data.ptr);
	}
	printf("{\"answered\":%zu,\"good\":%zu,\"messages\":%zu,\"bad\":%zu,\"why\":\"%s\",\"open\":%zu,"
	       "\"first_us\":%lld,\"last_us\":%lld}\n",
	    tally.answered, tally.good, tally.messages, tally.bad, tally.why, n_asked, (long long)tally.first_us,
	    (long long)tally.last_us);
	tally = (struct tally){0};
	then_path[0] = '\0';
}

static void
do_close(void)
{
	for (size_t i = 0; i < n_conns; i++) {
		drop(&conns[i]);
		free(conns[i].bytes);
		conns[i].bytes = NULL;
	}
	n_conns = 0;
	printf("{\"open\":0}\n");
}

static void
command(char *line)
{
	char *value = strchr(line, ' ');

	line[strcspn(line, "\n")] = '\0';
	value = value == NULL ? line + strlen(line) : value + 1;
	if (strncmp(line, "open ", 5) == 0)
		do_open((size_t)atol(value));
	else if (strncmp(line, "ask ", 4) == 0) {
		int64_t began = now_us();

		for (size_t i = 0; i < n_conns; i++)
			ask(&conns[i], value);
		printf("{\"asked\":%zu,\"us\":%lld}\n", n_asked, (long long)(now_us() - began));
	} else if (strncmp(line, "then ", 5) == 0) {
		snprintf(then_path, sizeof then_path, "%.*s", PATH_MAX_N - 1, value);
		printf("{}\n");
	} else if (strncmp(line, "wait ", 5) == 0)
		do_wait(atol(value));
	else if (strcmp(line, "close") == 0)
		do_close();
	else
		printf("{\"unknown\":true}\n");
	fflush(stdout);
}

int
main(int argc, char **argv)
{
	struct rlimit limit;
	char line[2 * PATH_MAX_N];

	if (argc != 2 || (port = atoi(argv[1])) <= 0) {
		fprintf(stderr, "usage: held PORT\n");
		return 2;
	}
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	conns = calloc(CONNS_MAX, sizeof *conns);
	if (epoll_fd < 0 || conns == NULL)
		die("start");
	while (fgets(line, sizeof line, stdin) != NULL)
		command(line);
	return 0;
}
