/*
 * held: many polls that all do the same thing at once. The commands, each answered by one line:
 *
 *	held open N      N connections more, all at once
 *	held ask PATH    GET PATH on every connection, all at once; a %d in it stands for the connection's cursor
 *	held then PATH   like ask, but each connection does it as soon as its present request is answered
 *	held wait MS     until every request is answered, or MS; tells about the answers since the last wait
 *	held close       all connections, all at once
 *
 * Times are CLOCK_MONOTONIC in microseconds, which other programs can compare with theirs. The cursor is the "next" of
 * the last answer. An answer other than 200, a connection that is cut and an answer with "reset" or "gap" are bad.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "load.h"

enum { HELD_MAX = 100000, PATH_MAX_N = 1024, CONNECT_MS = 60000 };

static struct conn conns[HELD_MAX];
static size_t n_conns, n_asked;
static char then_path[PATH_MAX_N];

/* Since the last wait. */
static struct {
	size_t answered, good, messages;
	int64_t first_ns, last_ns;
} tally;

/* The time of CLOCK_MONOTONIC, in microseconds, at one of the wall clock's; 0 stays 0. */
static int64_t
monotonic_us(int64_t at_ns)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return at_ns == 0 ? 0 : ((int64_t)t.tv_sec * 1000000000 + t.tv_nsec - now_ns() + at_ns) / 1000;
}

static void
ask(struct conn *c, const char *path)
{
	char filled[PATH_MAX_N], request[REQUEST_MAX];
	const char *mark = strstr(path, "%d");

	if (!c->open)
		return;
	if (mark == NULL)
		snprintf(filled, sizeof filled, "%s", path);
	else
		snprintf(filled, sizeof filled, "%.*s%lld%s", (int)(mark - path), path, c->cursor, mark + 2);
	n_asked++;
	conn_ask(c, request, request_get(request, filled));
}

static void
answered(struct conn *c, const struct answer *a)
{
	const char *next = strstr(a->body, "\"next\":");

	n_asked--;
	if (a->status == 0)
		return;
	if (tally.answered++ == 0)
		tally.first_ns = a->at_ns;
	tally.last_ns = a->at_ns > tally.last_ns ? a->at_ns : tally.last_ns;
	if (a->status != 200 || next == NULL)
		conns_failed(a->head, 150);
	else if (strstr(a->body, "\"reset\"") != NULL || strstr(a->body, "\"gap\"") != NULL)
		conns_failed("reset or gap", 64);
	else {
		tally.good++;
		tally.messages += strstr(a->body, "\"id\":") != NULL;
		c->cursor = atoll(next + 7);
	}
	if (then_path[0] != '\0')
		ask(c, then_path);
}

static void
held_open(size_t n)
{
	int64_t began = now_ns(), give_up = began + (int64_t)CONNECT_MS * 1000000;

	n = n < HELD_MAX - n_conns ? n : HELD_MAX - n_conns;
	for (size_t i = 0; i < n; i++)
		conn_begin(&conns[n_conns++], answered);
	while (conns_connecting > 0 && now_ns() < give_up)
		pump(100);
	printf("{\"open\":%zu,\"us\":%" PRId64 "}\n", n_conns - conns_connecting, (now_ns() - began) / 1000);
}

static void
held_wait(int64_t wait_ms)
{
	int64_t until = now_ns() + wait_ms * 1000000;

	/* With a request to follow each answer they never run out: then every connection's first counts. */
	while ((then_path[0] == '\0' ? n_asked > 0 : tally.answered + conns_bad < n_conns) && now_ns() < until)
		pump((int)((until - now_ns()) / 1000000));
	printf("{\"answered\":%zu,\"good\":%zu,\"messages\":%zu,\"bad\":%lu,\"why\":\"%s\",\"open\":%zu,"
	       "\"first_us\":%" PRId64 ",\"last_us\":%" PRId64 "}\n",
	    tally.answered, tally.good, tally.messages, conns_bad, conns_why, n_asked, monotonic_us(tally.first_ns),
	    monotonic_us(tally.last_ns));
	memset(&tally, 0, sizeof tally);
	conns_bad = 0;
	conns_why[0] = then_path[0] = '\0';
}

void
held(const char *word, const char *value)
{
	int64_t began = now_ns();

	if (strncmp(word, "open ", 5) == 0)
		held_open((size_t)atol(value));
	else if (strncmp(word, "ask ", 4) == 0) {
		for (size_t i = 0; i < n_conns; i++)
			ask(&conns[i], value);
		printf("{\"asked\":%zu,\"us\":%" PRId64 "}\n", n_asked, (now_ns() - began) / 1000);
	} else if (strncmp(word, "then ", 5) == 0) {
		snprintf(then_path, sizeof then_path, "%s", value);
		printf("{}\n");
	} else if (strncmp(word, "wait ", 5) == 0)
		held_wait(atol(value));
	else {
		while (n_conns > 0)
			conn_close(&conns[--n_conns]);
		n_asked = 0;
		printf("{\"open\":0}\n");
	}
}
