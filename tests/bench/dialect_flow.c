/* dialect_flow: how to subscribe where the answer goes on. Nothing here waits. */
#include <stdio.h>
#include <string.h>

#include "load.h"

enum { OPENING, CONNECTED };

static size_t
ask(char *request, const char *path, const char *more)
{
	return (size_t)snprintf(request, REQUEST_MAX,
	    "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUser-Agent: node (bench)\r\n%s%s\r\n", path, load_port,
	    header_next(), more);
}

static size_t
ask_upgrade(char *request, const char *path)
{
	return ask(request, path,
	    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
	    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n");
}

static bool
begun(const struct conn *c)
{
	return c->begun;
}

static bool
any(struct conn *c, const char *text, size_t n)
{
	(void)c;
	(void)text;
	(void)n;
	return true;
}

/* ---- Socket.IO by WebSocket alone ---- */

static bool
connected(const struct conn *c)
{
	return c->begun && c->step == CONNECTED;
}

static size_t
websocket_next(const struct conn *c, char *request)
{
	(void)c;
	return ask_upgrade(request, "/socket.io/?EIO=4&transport=websocket");
}

static bool
websocket_piece(struct conn *c, const char *text, size_t n)
{
	char connect[64] = "40";

	if (c->room != 0)
		snprintf(connect, sizeof connect, "40/" HEARD_ROOM "%u,", c->room);
	if (n > 0 && text[0] == '0')
		flow_say(c, connect);
	else if (n == 1 && text[0] == '2')
		flow_say(c, "3");
	else if (n >= 2 && text[0] == '4' && text[1] == '0')
		c->step = CONNECTED;
	else
		return n >= 2 && text[0] == '4' && text[1] == '2';
	return true;
}

/* ---- Longline: GET /stream, as an EventSource asks ---- */

static size_t
stream_next(const struct conn *c, char *request)
{
	char path[128] = "/stream?since=now";

	if (c->room != 0)
		snprintf(path, sizeof path, "/stream?since=now&room=" HEARD_ROOM "%u", c->room);
	else if (crowd_room[0] != '\0')
		snprintf(path, sizeof path, "/stream?since=now&%s", crowd_room);
	return ask(request, path, "Accept: text/event-stream\r\n");
}

/* ---- nchan ---- */

static size_t
nchan_websocket_next(const struct conn *c, char *request)
{
	(void)c;
	return ask_upgrade(request, "/ws");
}

static size_t
nchan_events_next(const struct conn *c, char *request)
{
	(void)c;
	return ask(request, "/events", "Accept: text/event-stream\r\n");
}

const struct dialect dialects_flow[] = {
    {"websocket", "/send", connected, websocket_next, NULL, FLOW_WEBSOCKET, websocket_piece},
    {"stream", "/send", begun, stream_next, NULL, FLOW_EVENTS, any},
    {"nchan-websocket", "/pub", begun, nchan_websocket_next, NULL, FLOW_WEBSOCKET, any},
    {"nchan-events", "/pub", begun, nchan_events_next, NULL, FLOW_EVENTS, any},
};
const size_t n_dialects_flow = sizeof dialects_flow / sizeof *dialects_flow;
