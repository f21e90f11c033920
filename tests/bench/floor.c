/*
 * floor: the loop, and FastCGI.
 *
 *	POST /send              the text is the newest message
 *	POST /send?answer       the body is what GET /history answers from now on
 *	GET /poll?since=N       the newest messages above N (100 at most), or held until there is one
 *	GET /stream             what is sent from now on
 *	anything else           ok
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "floor.h"

enum { EVENTS_MAX = 256, ROUND = 64 };
enum { BEGIN = 1, END = 3, PARAMS = 4, STDIN = 5, STDOUT = 6 };

static TAILQ_HEAD(conns, conn) held = TAILQ_HEAD_INITIALIZER(held), due = TAILQ_HEAD_INITIALIZER(due);
char texts[KEPT][TEXT_MAX + 1];
long head;
static int epoll_fd;
static char history[BODY_MAX];
static size_t history_n;
static char body[BODY_MAX];
static char out[OUT_MAX];

static void
drop(struct conn *c)
{
	if (c->held)
		TAILQ_REMOVE(c->since < head ? &due : &held, c, entry);
	close(c->fd);
	free(c->in);
	free(c->out);
	free(c);
}

size_t
put_record(char *at, int type, size_t n)
{
	const char bytes[8] = {1, (char)type, 0, 1, (char)(n >> 8), (char)n, 0, 0};

	memcpy(at, bytes, sizeof bytes);
	return sizeof bytes;
}

void
hold(struct conn *c)
{
	c->held = true;
	if (c->since < head)
		TAILQ_INSERT_TAIL(&due, c, entry);
	else
		TAILQ_INSERT_TAIL(&held, c, entry);
}

void
write_out(struct conn *c, const char *bytes, size_t n)
{
	ssize_t sent = send(c->fd, bytes, n, MSG_NOSIGNAL);
	struct epoll_event e = {.events = EPOLLIN | EPOLLOUT, .data.ptr = c};

	if (sent == (ssize_t)n)
		return;
	if ((c->out = malloc(n)) == NULL)
		exit(1);
	memcpy(c->out, bytes, n);
	c->out_n = n;
	c->out_at = sent > 0 ? (size_t)sent : 0;
	epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->fd, &e);
}

static void
write_rest(struct conn *c)
{
	ssize_t sent = send(c->fd, c->out + c->out_at, c->out_n - c->out_at, MSG_NOSIGNAL);
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};

	if (sent < 0 && errno != EAGAIN) {
		drop(c);
		return;
	}
	c->out_at += sent > 0 ? (size_t)sent : 0;
	if (c->out_at < c->out_n)
		return;
	free(c->out);
	c->out = NULL;
	epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->fd, &e);
	if (c->view != POLL)
		hold(c);
}

/* The records of an answer, ready to be sent. */
static size_t
frame(const char *status, const char *text, size_t n)
{
	static char cgi[OUT_MAX];
	size_t cgi_n, at = 0;

	cgi_n = (size_t)snprintf(cgi, 512,
	    "%sContent-Type: application/json\r\nContent-Length: %zu\r\nCache-Control: no-store\r\n\r\n", status, n);
	memcpy(cgi + cgi_n, text, n);
	cgi_n += n;
	for (size_t from = 0; from < cgi_n;) {
		size_t part = cgi_n - from < 65528 ? cgi_n - from : 65528;

		at += put_record(out + at, STDOUT, part);
		memcpy(out + at, cgi + from, part);
		at += part;
		from += part;
	}
	at += put_record(out + at, END, 8);
	memset(out + at, 0, 8);
	return at + 8;
}

static size_t
news(char *text, long since)
{
	size_t n = (size_t)sprintf(text, "{\"epoch\":\"0123456789abcdef\",\"messages\":[");
	long from = since > head - 100 ? since : head - 100;

	for (long id = (from < 0 ? 0 : from) + 1; id <= head; id++)
		n += (size_t)sprintf(text + n,
		    "%s{\"id\":%ld,\"room\":\"main\",\"event\":\"chat message\",\"sender\":\"\",\"text\":\"%s\","
		    "\"at\":\"2026-01-01T12:00:00.000Z\"}",
		    text[n - 1] == '[' ? "" : ",", id, texts[id % KEPT]);
	return n + (size_t)sprintf(text + n, "],\"next\":%ld,\"more\":false}", head);
}

/* Some at a time, as a server must that has others to serve; all at the same place get the same bytes. */
static void
wake_some(void)
{
	enum view view = POLL;
	long since = -1, at = -1;
	size_t n = 0;

	for (int i = 0; i < ROUND && !TAILQ_EMPTY(&due); i++) {
		struct conn *c = TAILQ_FIRST(&due);

		TAILQ_REMOVE(&due, c, entry);
		c->held = false;
		if (c->since != since || at != head || c->view != view) {
			view = c->view;
			n = view == POLL ? frame("", body, news(body, c->since)) : flow_news(out, view, c->since);
			since = c->since;
			at = head;
		}
		write_out(c, out, n);
		if (view == POLL)
			continue;
		c->since = head;
		if (c->out == NULL)
			hold(c);
	}
}

static void
request(struct conn *c, const char *content, size_t n)
{
	char text[128];

	c->held = false;
	if (c->method == 'P' && c->answer) {
		history_n = n < BODY_MAX ? n : BODY_MAX;
		memcpy(history, content, history_n);
		write_out(c, out, frame("", "{}", 2));
	} else if (c->method == 'P') {
		char *kept = texts[(head + 1) % KEPT];

		n = n < TEXT_MAX ? n : TEXT_MAX;
		memcpy(kept, content, n);
		kept[n] = '\0';
		head++;
		TAILQ_CONCAT(&due, &held, entry);
		n = (size_t)sprintf(text, "{\"id\":%ld,\"room\":\"main\",\"at\":\"2026-01-01T12:00:00.000Z\"}\n", head);
		write_out(c, out, frame("Status: 201 Created\r\n", text, n));
	} else if (c->path == 'p') {
		if ((c->since = c->since < 0 ? head : c->since) < head) {
			write_out(c, out, frame("", body, news(body, c->since)));
		} else {
			hold(c);
		}
	} else if (c->path == 's')
		flow_stream(c);
	else if (c->path == 'h' && history_n > 0)
		write_out(c, out, frame("", history, history_n));
	else
		write_out(c, out, frame("", "ok", 2));
}

static size_t
length(const uint8_t **p)
{
	size_t n = *(*p)++;

	if (n & 128) {
		n = (n & 127) << 24 | (size_t)(*p)[0] << 16 | (size_t)(*p)[1] << 8 | (*p)[2];
		*p += 3;
	}
	return n;
}

static void
params(struct conn *c, const uint8_t *p, const uint8_t *end)
{
	while (p < end) {
		size_t name_n = length(&p), value_n = length(&p);
		const char *name = (const char *)p, *value = name + name_n;

		if (name_n == 14 && memcmp(name, "REQUEST_METHOD", 14) == 0)
			c->method = *value;
		else if (name_n == 11 && memcmp(name, "SCRIPT_NAME", 11) == 0)
			c->path = value_n > 4 ? value[1] : '\0';
		else if (name_n == 12 && memcmp(name, "QUERY_STRING", 12) == 0) {
			c->answer = value_n == 6 && memcmp(value, "answer", 6) == 0;
			if (value_n > 6 && memcmp(value, "since=", 6) == 0)
				c->since = value[6] == 'n' ? -1 : atol(value + 6);
		}
		p += name_n + value_n;
	}
}

/* Walks the records of a whole request, once its last one is there. Returns false if it is not. */
static bool
walk(struct conn *c, const uint8_t *in, size_t n)
{
	size_t content_n = 0;
	bool whole = false;

	for (const uint8_t *p = in; n - (size_t)(p - in) >= 8 && !whole; p += 8 + (size_t)(p[4] << 8 | p[5]) + p[6]) {
		size_t record_n = (size_t)(p[4] << 8 | p[5]);

		if ((size_t)(in + n - p) < 8 + record_n + p[6])
			return false;
		whole = p[1] == STDIN && record_n == 0;
	}
	if (!whole)
		return false;
	c->since = -1;
	for (const uint8_t *p = in; p < in + n; p += 8 + (size_t)(p[4] << 8 | p[5]) + p[6]) {
		size_t record_n = (size_t)(p[4] << 8 | p[5]);

		if (p[1] == BEGIN)
			c->keep = p[10] & 1;
		else if (p[1] == PARAMS)
			params(c, p + 8, p + 8 + record_n);
		else if (p[1] == STDIN && content_n + record_n <= BODY_MAX) {
			memcpy(body + content_n, p + 8, record_n);
			content_n += record_n;
		}
	}
	request(c, body, content_n);
	return true;
}

static void
input(struct conn *c)
{
	static uint8_t in[1 << 16];
	ssize_t n = read(c->fd, in, sizeof in);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		drop(c);
		return;
	}
	/* FastCGI begins with its version, SCGI with a number. */
	c->scgi = c->scgi || (c->in_n == 0 && in[0] >= '0' && in[0] <= '9');
	if (!c->scgi && c->in_n == 0 && walk(c, in, (size_t)n))
		return;
	if (c->in_n + (size_t)n > c->in_size) {
		c->in_size = (c->in_n + (size_t)n) * 2;
		if (c->in_size > 2 * BODY_MAX || (c->in = realloc(c->in, c->in_size)) == NULL)
			exit(1);
	}
	memcpy(c->in + c->in_n, in, (size_t)n);
	c->in_n += (size_t)n;
	if (c->scgi) {
		size_t used = flow_scgi(c, (char *)c->in, c->in_n);

		memmove(c->in, c->in + used, c->in_n -= used);
	} else if (walk(c, c->in, c->in_n))
		c->in_n = 0;
}

static void
take_conns(int listener)
{
	int fd;

	for (int i = 0; i < ROUND && (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0; i++) {
		struct conn *c = calloc(1, sizeof *c);
		struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};

		if (c == NULL)
			exit(1);
		c->fd = fd;
		epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &e);
	}
}

static int
listen_at(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	unlink(path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 65535) != 0) {
		fprintf(stderr, "floor: cannot listen at %s: %s\n", path, strerror(errno));
		exit(1);
	}
	return fd;
}

int
main(int argc, char **argv)
{
	struct epoll_event e = {.events = EPOLLIN}, events[EVENTS_MAX];
	const char *path = NULL, *pid_file = NULL;
	struct rlimit limit;
	int listener;
	FILE *f;

	for (int i = 1; i + 1 < argc; i++) {
		path = strcmp(argv[i], "--socket") == 0 ? argv[i + 1] : path;
		pid_file = strcmp(argv[i], "--pid-file") == 0 ? argv[i + 1] : pid_file;
	}
	if (path == NULL) {
		fprintf(stderr, "usage: floor --socket PATH [--pid-file PATH]\n");
		return 2;
	}
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
	listener = listen_at(path);
	if (pid_file != NULL && (f = fopen(pid_file, "w")) != NULL) {
		fprintf(f, "%d\n", (int)getpid());
		fclose(f);
	}
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &e);
	for (;;) {
		int n = epoll_wait(epoll_fd, events, EVENTS_MAX, TAILQ_EMPTY(&due) ? -1 : 0);

		for (int i = 0; i < n; i++) {
			struct conn *c = events[i].data.ptr;

			if (c == NULL)
				take_conns(listener);
			else if (events[i].events & EPOLLOUT)
				write_rest(c);
			else
				input(c);
		}
		wake_some();
	}
}
