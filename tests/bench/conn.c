/* conn: connections to 127.0.0.1. One request at a time on each; a whole answer is handed to the connection's function.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "load.h"

enum { EVENTS_MAX = 256 };

int load_port;
unsigned long conns_bad;
unsigned long long conns_bytes;
int conns_room;
size_t conns_connecting;
char conns_why[160];

static int epoll_fd;
static char scratch[1 << 18];

static void
die(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(1);
}

int64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void
conns_start(void)
{
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = NULL};

	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (epoll_fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, STDIN_FILENO, &e) != 0)
		die("epoll");
}

void
conns_failed(const char *why, size_t n)
{
	if (conns_bad++ == 0) {
		n = strcspn(why, "\r\n") < n ? strcspn(why, "\r\n") : n;
		snprintf(conns_why, sizeof conns_why, "%.*s", (int)n, why);
		for (char *p = conns_why; *p != '\0'; p++)
			*p = *p == '"' || *p == '\\' ? '\'' : *p;
	}
}

static void
start(struct conn *c, answered_fn answered, int flags, uint32_t until)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)load_port)};
	struct epoll_event e = {.events = until, .data.ptr = c};
	int yes = 1;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
	if (c->fd < 0)
		die("socket");
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
	setsockopt(c->fd, SOL_SOCKET, SO_TIMESTAMPNS, &yes, sizeof yes);
	if (conns_room > 0) {
		/* The kernel keeps as much for a sender as so many segments are, and those of this machine are 64 KB.
		 */
		int segment = 1448;

		setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &conns_room, sizeof conns_room);
		setsockopt(c->fd, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof segment);
	}
	if (connect(c->fd, (struct sockaddr *)&address, sizeof address) != 0 && errno != EINPROGRESS)
		die("connect");
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &e) != 0)
		die("epoll");
	c->asked = false;
	c->answered = answered;
	c->n = 0;
	c->whole = 0;
	c->begun = false;
}

void
conn_open(struct conn *c, answered_fn answered)
{
	struct linger linger = {.l_onoff = 1}; /* no port is kept back after a close */

	start(c, answered, 0, EPOLLIN);
	setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
	c->open = true;
}

void
conn_begin(struct conn *c, answered_fn answered)
{
	start(c, answered, SOCK_NONBLOCK, EPOLLOUT);
	conns_connecting++;
}

static void
connected(struct conn *c)
{
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
	int error = 0;
	socklen_t size = sizeof error;

	getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size);
	errno = error;
	if (error != 0 || epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->fd, &e) != 0)
		die("connect");
	c->open = true;
	conns_connecting--;
}

void
conn_close(struct conn *c)
{
	if (c->open)
		close(c->fd);
	free(c->bytes);
	*c = (struct conn){.fd = -1};
}

static void
watch(struct conn *c, uint32_t events)
{
	struct epoll_event e = {.events = events, .data.ptr = c};

	if (c->open && epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->fd, &e) != 0)
		die("epoll");
}

void
conn_stop(struct conn *c)
{
	watch(c, 0);
}

void
conn_go(struct conn *c)
{
	watch(c, EPOLLIN);
}

void
conn_say(struct conn *c, const char *bytes, size_t n)
{
	if (send(c->fd, bytes, n, MSG_NOSIGNAL) != (ssize_t)n)
		conns_failed("a word to the server could not be sent", 64);
}

void
conn_ask_body(struct conn *c, const char *request, size_t n, const char *body, size_t body_n)
{
	bool more = body_n > 0;

	c->asked = true;
	/* A large body waits here until the server has taken it: that is what its sender would do. */
	if (send(c->fd, request, n, MSG_NOSIGNAL | (more ? MSG_MORE : 0)) != (ssize_t)n ||
	    (more && send(c->fd, body, body_n, MSG_NOSIGNAL) != (ssize_t)body_n))
		conns_failed("a request could not be sent", 64);
}

void
conn_ask(struct conn *c, const char *request, size_t n)
{
	conn_ask_body(c, request, n, NULL, 0);
}

/* Bytes of the whole answer, 0 while its head is not there; by its Content-Length, or by its last chunk. */
static size_t
whole_n(const char *bytes, size_t n)
{
	const char *end = memmem(bytes, n, "\r\n\r\n", 4), *length;

	if (end == NULL)
		return 0;
	if ((length = strcasestr(bytes, "\r\nContent-Length: ")) != NULL && length < end)
		return (size_t)(end + 4 - bytes) + (size_t)atoll(length + 18);
	if (strncmp(bytes + 9, "304", 3) == 0 || strncmp(bytes + 9, "204", 3) == 0)
		return (size_t)(end + 4 - bytes);
	return memcmp(bytes + n - 5, "0\r\n\r\n", 5) == 0 ? n : 0;
}

static void
lost(struct conn *c, const char *why)
{
	struct answer none = {.status = 0, .head = "", .body = ""};
	bool asked = c->asked;

	conns_failed(why, strlen(why));
	close(c->fd);
	c->open = c->asked = false;
	c->n = c->whole = 0;
	if (asked)
		c->answered(c, &none);
}

static void
handle(struct conn *c, char *bytes, size_t n, int64_t at_ns)
{
	struct answer a = {.head = bytes, .at_ns = at_ns};

	a.body = (const char *)memmem(bytes, n, "\r\n\r\n", 4) + 4;
	a.body_n = n - (size_t)(a.body - bytes);
	a.status = atoi(bytes + 9);
	c->n = c->whole = 0;
	if (!c->asked) {
		conns_failed("an answer to nothing", 64);
		return;
	}
	c->asked = false;
	c->answered(c, &a);
}

void
conn_keep(struct conn *c, const char *bytes, size_t n)
{
	if (c->n + n + 1 > c->size) {
		c->size = (c->n + n + 1) * 2;
		if (c->size > ANSWER_MAX || (c->bytes = realloc(c->bytes, c->size)) == NULL)
			die("an answer is too long");
	}
	memcpy(c->bytes + c->n, bytes, n);
	c->n += n;
	c->bytes[c->n] = '\0';
}

/* What came of an answer that needs more than one read. */
static void
gather(struct conn *c, const char *bytes, size_t n, int64_t at_ns)
{
	conn_keep(c, bytes, n);
	if (c->whole == 0)
		c->whole = whole_n(c->bytes, c->n);
	if (c->whole != 0 && c->n >= c->whole)
		handle(c, c->bytes, c->n, at_ns);
}

static void
input(struct conn *c)
{
	char control[128];
	struct iovec iov = {scratch, sizeof scratch - 1};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
	int64_t at_ns = 0;
	ssize_t n;

	if (!c->open || ((n = recvmsg(c->fd, &m, MSG_DONTWAIT)) < 0 && (errno == EAGAIN || errno == EINTR)))
		return;
	if (n <= 0) {
		lost(c, "the connection was cut");
		return;
	}
	for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); h != NULL; h = CMSG_NXTHDR(&m, h))
		if (h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_TIMESTAMPNS) {
			struct timespec t;

			memcpy(&t, CMSG_DATA(h), sizeof t);
			at_ns = (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
		}
	if (at_ns == 0)
		at_ns = now_ns();
	scratch[n] = '\0';
	conns_bytes += (size_t)n;
	if (c->flows != NULL)
		flow_input(c, scratch, (size_t)n, at_ns);
	else if (c->n == 0 && whole_n(scratch, (size_t)n) == (size_t)n)
		handle(c, scratch, (size_t)n, at_ns);
	else
		gather(c, scratch, (size_t)n, at_ns);
}

bool
pump(int wait_ms)
{
	struct epoll_event events[EVENTS_MAX];
	int n = epoll_wait(epoll_fd, events, EVENTS_MAX, wait_ms);
	bool command = false;

	for (int i = 0; i < n; i++) {
		if (events[i].data.ptr == NULL)
			command = true;
		else if (events[i].events & EPOLLOUT)
			connected(events[i].data.ptr);
		else
			input(events[i].data.ptr);
	}
	return command;
}
