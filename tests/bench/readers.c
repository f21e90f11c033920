/*
 * readers: those who subscribe all at once, and those who stop reading.
 *
 *	storm N MS      N connections; once all are there each subscribes, all at once. Tells how many hold in the end
 *	stall open N    N readers more, who take nothing from their sockets once they hold
 *	stall reads N   the same, but that they go on reading
 *	stall go MS     all of them read what there is, until nothing came for MS; tells how many messages each got
 *	stall close     they hang up
 *
 * Of a reader's messages those count whose text begins with b:0:, which is no run's.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "load.h"

enum { READERS_MAX = 15000, OPEN_MS = 10000, STALLED_ROOM = 4096 };

static struct conn readers[READERS_MAX], stalled[CONNS_MAX];
static size_t n_stalled;
static int64_t last_ns;

static void
heard(struct conn *c, const char *text, size_t n, int64_t at_ns)
{
	c->answers += memmem(text, n, "b:0:", 4) != NULL;
	last_ns = at_ns;
}

/* Of a flow only a connection that was cut is told of here. It stays so. */
static void
answered(struct conn *c, const struct answer *a)
{
	if (a->status != 0 && (c->flows != NULL || a->status != 200))
		conns_failed(a->head, 150);
}

static void
subscribe(struct conn *c, const struct dialect *d)
{
	char request[REQUEST_MAX];

	if (d->flow != FLOW_NONE)
		flow_begin(c, d, heard);
	conn_ask(c, request, d->next(c, request));
}

static size_t
holding(const struct dialect *d, const struct conn *list, size_t n)
{
	size_t held = 0;

	for (size_t i = 0; i < n; i++)
		held += list[i].open && list[i].asked && d->holds(&list[i]);
	return held;
}

void
readers_storm(const struct dialect *d, size_t n, int64_t wait_ms)
{
	int64_t began = now_ns(), until = began + wait_ms * 1000000;
	size_t held = 0;

	n = n < READERS_MAX ? n : READERS_MAX;
	for (size_t i = 0; i < n; i++)
		conn_begin(&readers[i], answered);
	while (conns_connecting > 0 && now_ns() < until)
		pump(10);
	began = now_ns();
	for (size_t i = 0; i < n; i++)
		subscribe(&readers[i], d);
	while ((held = holding(d, readers, n)) + conns_bad < n && now_ns() < until)
		pump(10);
	printf("{\"holding\":%zu,\"us\":%" PRId64 ",\"bad\":%lu,\"why\":\"%s\"}\n", held, (now_ns() - began) / 1000,
	    conns_bad, conns_why);
	for (size_t i = 0; i < n; i++)
		conn_close(&readers[i]);
}

static void
stall_open(const struct dialect *d, size_t n, bool stops)
{
	int64_t until = now_ns() + OPEN_MS * (int64_t)1000000;
	size_t from = n_stalled;

	conns_room = STALLED_ROOM;
	for (; n_stalled < CONNS_MAX && n_stalled < from + n; n_stalled++) {
		conn_open(&stalled[n_stalled], answered);
		subscribe(&stalled[n_stalled], d);
	}
	conns_room = 0;
	while (holding(d, stalled, n_stalled) < n_stalled && now_ns() < until)
		pump(10);
	for (size_t i = from; i < n_stalled && stops; i++)
		conn_stop(&stalled[i]);
	printf("{\"holding\":%zu,\"bad\":%lu,\"why\":\"%s\"}\n", holding(d, stalled, n_stalled), conns_bad, conns_why);
}

static void
stall_go(int64_t quiet_ms)
{
	unsigned long long bytes = conns_bytes;
	unsigned least = ~0U, most = 0;
	size_t open = 0, sum = 0;

	for (size_t i = 0; i < n_stalled; i++)
		conn_go(&stalled[i]);
	for (last_ns = now_ns(); now_ns() - last_ns < quiet_ms * 1000000;)
		pump(10);
	for (size_t i = 0; i < n_stalled; i++) {
		open += stalled[i].open;
		sum += stalled[i].answers;
		least = stalled[i].answers < least ? stalled[i].answers : least;
		most = stalled[i].answers > most ? stalled[i].answers : most;
	}
	printf("{\"open\":%zu,\"least\":%u,\"most\":%u,\"sum\":%zu,\"bytes\":%llu,\"bad\":%lu,\"why\":\"%s\"}\n", open,
	    least, most, sum, conns_bytes - bytes, conns_bad, conns_why);
}

void
readers_stall(const struct dialect *d, const char *command, long value)
{
	if (strncmp(command, "open ", 5) == 0)
		stall_open(d, (size_t)value, true);
	else if (strncmp(command, "reads ", 6) == 0)
		stall_open(d, (size_t)value, false);
	else if (strncmp(command, "go ", 3) == 0)
		stall_go(value);
	else {
		while (n_stalled > 0)
			conn_close(&stalled[--n_stalled]);
		printf("{}\n");
	}
}
