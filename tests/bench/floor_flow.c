/*
 * floor_flow: answers that go on. A WebSocket's client is only heard where it connects, and its answers to pings are
 * dropped; whole requests and frames are taken, of which each comes in one piece from nginx or waits for its rest.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ws.h"
#include "floor.h"

enum { STDOUT = 6, BATCH = 100 };

static size_t
add_frame(char *out, const char *text, size_t n)
{
	size_t at = ws_head(out, WS_TEXT, n);

	memcpy(out + at, text, n);
	return at + n;
}

static size_t
say(char *out, const char *text)
{
	return add_frame(out, text, strlen(text));
}

/* What is above since, ready to be sent: a frame for each message, or all events in one record. */
size_t
flow_news(char *out, enum view view, long since)
{
	char text[2 * TEXT_MAX];
	size_t at = view == EVENTS ? 8 : 0;

	for (long id = (since > head - BATCH ? since : head - BATCH) + 1; id <= head; id++) {
		const char *one = texts[id % KEPT];

		if (view == WEBSOCKET) {
			at += add_frame(
			    out + at, text, (size_t)sprintf(text, "42[\"chat message\",\"%s\",\"%ld\"]", one, id));
			continue;
		}
		at += (size_t)sprintf(out + at,
		    "id: %ld-0123456789abcdef\ndata: {\"id\":%ld,\"room\":\"main\",\"event\":\"chat "
		    "message\",\"sender\":\"\","
		    "\"text\":\"%s\",\"at\":\"2026-01-01T12:00:00.000Z\"}\n\n",
		    id, id, one);
	}
	if (view == EVENTS)
		put_record(out, STDOUT, at - 8);
	return at;
}

void
flow_stream(struct conn *c)
{
	char out[512];
	size_t n = (size_t)sprintf(out + 8,
	    "Content-Type: text/event-stream\r\nCache-Control: no-store\r\nVary: Accept\r\nVary: Origin\r\n\r\n"
	    "retry: 1000\nevent: open\nid: %ld-0123456789abcdef\n\n",
	    head);

	put_record(out, STDOUT, n);
	write_out(c, out, n + 8);
	c->view = EVENTS;
	c->since = head;
	hold(c);
}

/* The value of a name among the netstring's. */
static const char *
value_of(const char *p, const char *end, const char *name)
{
	while (p < end) {
		const char *value = p + strlen(p) + 1;

		if (strcmp(p, name) == 0 && value < end)
			return value;
		p = value + strlen(value) + 1;
	}
	return "";
}

static size_t
upgrade(struct conn *c, char *in, size_t n)
{
	char *colon = memchr(in, ':', n), accept[WS_ACCEPT_SIZE], out[512];
	size_t whole, at;
	const char *key;

	if (colon == NULL || (whole = (size_t)(colon + 1 - in) + (size_t)atol(in) + 1) > n)
		return 0;
	key = value_of(colon + 1, in + whole - 1, "HTTP_SEC_WEBSOCKET_KEY");
	ws_accept(accept, (struct str){key, strlen(key)});
	at = (size_t)sprintf(out,
	    "Status: 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
	    "%s\r\n\r\n",
	    accept);
	at += say(out + at,
	    "0{\"sid\":\"f9cwcBNJTP4rt6BwCPCN\",\"upgrades\":[],\"pingInterval\":25000,\"pingTimeout\":20000,"
	    "\"maxPayload\":1000000}");
	c->view = WEBSOCKET;
	write_out(c, out, at);
	return whole;
}

static size_t
client_frame(struct conn *c, char *in, size_t n)
{
	size_t length, whole;
	char out[128], *text = in + 6;

	if (n < 2 || n < (whole = 6 + (length = in[1] & 127)))
		return 0;
	for (size_t i = 0; i < length; i++)
		text[i] ^= in[2 + i % 4];
	if (length >= 2 && text[0] == '4' && text[1] == '0') {
		write_out(c, out,
		    say(out, "40{\"sid\":\"9l7DlBtt9eqHQ4i9mn4U\",\"pid\":\"9l7DlBtt9eqHQ4i9mn4U.0.obCuM_"
		             "11ztQduxdYbX7S\"}"));
		c->since = head;
		hold(c);
	}
	return whole;
}

size_t
flow_scgi(struct conn *c, char *in, size_t n)
{
	size_t at = 0, used;

	while ((used = (c->view == POLL ? upgrade : client_frame)(c, in + at, n - at)) > 0)
		at += used;
	return at;
}
