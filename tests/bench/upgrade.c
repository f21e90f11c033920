/*
 * upgrade: sessions of Socket.IO that go from polling to WebSocket, as its own client does, while messages come.
 *
 *	upgrade open N     N sessions by polling
 *	upgrade go MS      all of them ask for a WebSocket at once; until all have switched, or MS
 *	upgrade close MS   what each has had, once nothing came for MS; they hang up
 *
 * The last argument of an event is the id of its message. Where one room alone is written to, ids have no holes, so
 *each session must get the same ids, one behind the other.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"

enum { CLIENTS_MAX = 4096, OPEN_MS = 30000 };

static struct client {
	struct conn poll, socket;
	enum { BY_POLLING, ASKED, PROBED, PAUSING, SWITCHED } phase;
	long long first, last;
} clients[CLIENTS_MAX];
static size_t n_clients, n_switched;
static unsigned long n_messages, n_lost, n_wrong;
static int64_t last_ns;

static void
take_id(struct client *k, long long id)
{
	if (k->first == 0)
		k->first = id;
	else if (id <= k->last)
		n_wrong++;
	else
		n_lost += (unsigned long)(id - k->last - 1);
	k->last = id > k->last ? id : k->last;
	n_messages++;
	last_ns = now_ns();
}

/* A packet; only events have an id, as the last of their arguments: ,"ID"] */
static void
take_packet(struct client *k, const char *p, size_t n)
{
	const char *from = n > 2 ? memrchr(p, '"', n - 2) : NULL;

	if (n > 2 && p[0] == '4' && p[1] == '2' && from != NULL && (from = memrchr(p, '"', (size_t)(from - p))) != NULL)
		take_id(k, atoll(from + 1));
}

static void
switch_over(struct client *k)
{
	flow_say(&k->socket, "5");
	k->phase = SWITCHED;
	n_switched++;
}

static void
ask(struct client *k)
{
	char request[REQUEST_MAX];

	conn_ask(&k->poll, request, dialect_find("socketio")->next(&k->poll, request));
}

static void
polled(struct conn *c, const struct answer *a)
{
	struct client *k = (struct client *)(void *)c;
	const struct dialect *d = dialect_find("socketio");
	const char *p = a->body, *end = p + a->body_n;

	if (a->status != 200 || !d->take(c, a)) {
		if (a->status != 0)
			conns_failed(a->status == 200 ? a->body : a->head, 150);
		return;
	}
	while (p < end) {
		const char *sep = memchr(p, 0x1e, (size_t)(end - p));

		sep = sep == NULL ? end : sep;
		take_packet(k, p, (size_t)(sep - p));
		p = sep + 1;
	}
	if (k->phase == PAUSING && d->holds(c))
		switch_over(k);
	else
		ask(k);
}

static void
cut(struct conn *c, const struct answer *a)
{
	(void)c;
	(void)a; /* it was counted */
}

static void
heard(struct conn *c, const char *text, size_t n, int64_t at_ns)
{
	(void)c;
	(void)text;
	(void)n;
	(void)at_ns;
}

static bool
begun(const struct conn *c)
{
	return c->begun;
}

static bool
piece(struct conn *c, const char *text, size_t n)
{
	struct client *k = (struct client *)(void *)((char *)c - offsetof(struct client, socket));

	if (n == 6 && memcmp(text, "3probe", 6) == 0 && k->phase == PROBED) {
		k->phase = PAUSING;
		if (!k->poll.asked)
			switch_over(k);
	} else if (n == 1 && text[0] == '2')
		flow_say(c, "3");
	else
		take_packet(k, text, n);
	return k->phase == PAUSING || (k->phase == SWITCHED && n > 0 && text[0] != '6');
}

static const struct dialect switched = {"", "", begun, NULL, NULL, FLOW_WEBSOCKET, piece};

static void
begin(struct client *k)
{
	char request[REQUEST_MAX];

	conn_open(&k->socket, cut);
	flow_begin(&k->socket, &switched, heard);
	k->phase = ASKED;
	conn_ask(&k->socket, request,
	    (size_t)snprintf(request, sizeof request,
	        "GET /socket.io/?EIO=4&transport=websocket&sid=%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: "
	        "Upgrade\r\n"
	        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
	        "dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
	        k->poll.token, load_port));
}

static void
upgrade_open(size_t n)
{
	int64_t until = now_ns() + OPEN_MS * (int64_t)1000000;
	size_t held = 0;

	for (n = n < CLIENTS_MAX ? n : CLIENTS_MAX; n_clients < n; n_clients++) {
		conn_open(&clients[n_clients].poll, polled);
		ask(&clients[n_clients]);
	}
	while (held < n && now_ns() < until) {
		pump(10);
		held = 0;
		for (size_t i = 0; i < n; i++)
			held += dialect_find("socketio")->holds(&clients[i].poll);
	}
	printf("{\"holding\":%zu,\"bad\":%lu,\"why\":\"%s\"}\n", held, conns_bad, conns_why);
}

static void
upgrade_go(int64_t wait_ms)
{
	int64_t began = now_ns(), until = began + wait_ms * 1000000;

	for (size_t i = 0; i < n_clients; i++)
		begin(&clients[i]);
	while (n_switched < n_clients && now_ns() < until) {
		pump(5);
		for (size_t i = 0; i < n_clients; i++)
			if (clients[i].phase == ASKED && clients[i].socket.begun) {
				clients[i].phase = PROBED;
				flow_say(&clients[i].socket, "2probe");
			}
	}
	printf("{\"switched\":%zu,\"us\":%" PRId64 ",\"bad\":%lu,\"why\":\"%s\"}\n", n_switched,
	    (now_ns() - began) / 1000, conns_bad, conns_why);
}

static void
upgrade_close(int64_t quiet_ms)
{
	long long last = 0;

	for (last_ns = now_ns(); now_ns() - last_ns < quiet_ms * 1000000;)
		pump(10);
	for (size_t i = 0; i < n_clients; i++)
		last = clients[i].last > last ? clients[i].last : last;
	for (size_t i = 0; i < n_clients; i++)
		n_lost +=
		    (unsigned long)(last - clients[i].last) + (unsigned long)llabs(clients[i].first - clients[0].first);
	printf("{\"deliveries\":%lu,\"missing\":%lu,\"wrong\":%lu,\"bad\":%lu,\"why\":\"%s\"}\n", n_messages, n_lost,
	    n_wrong, conns_bad, conns_why);
	for (; n_clients > 0; n_clients--) {
		conn_close(&clients[n_clients - 1].socket);
		conn_close(&clients[n_clients - 1].poll);
	}
}

void
upgrade(const char *command, long value)
{
	if (strncmp(command, "open ", 5) == 0)
		upgrade_open((size_t)value);
	else if (strncmp(command, "go ", 3) == 0)
		upgrade_go(value);
	else
		upgrade_close(value);
}
