/* dialect: how each kind of server is subscribed to and sent to. Nothing here waits. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "load.h"

/* Steps of a Socket.IO session. */
enum { HANDSHAKE, CONNECT, CONNECTED, HOLD, PONG };

size_t
request_head(char *out, const char *method, const char *path, const char *type, size_t body_n)
{
	int n = snprintf(out, REQUEST_MAX, "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUser-Agent: node (bench)\r\n%s",
	    method, path, load_port, header_next());

	if (type != NULL)
		n += snprintf(
		    out + n, REQUEST_MAX - (size_t)n, "Content-Type: %s\r\nContent-Length: %zu\r\n", type, body_n);
	n += snprintf(out + n, REQUEST_MAX - (size_t)n, "\r\n");
	return (size_t)n;
}

size_t
request_get(char *out, const char *path)
{
	return request_head(out, "GET", path, NULL, 0);
}

size_t
request_send(char *out, const char *path, const char *text)
{
	size_t n = request_head(out, "POST", path, "text/plain;charset=UTF-8", strlen(text));

	return n + (size_t)snprintf(out + n, REQUEST_MAX - n, "%s", text);
}

static bool
always(const struct conn *c)
{
	(void)c;
	return true;
}

/* ---- Longline: GET /poll?since= ---- */

static size_t
poll_next(const struct conn *c, char *request)
{
	char path[128];
	int n;

	if (c->cursor < 0)
		n = snprintf(path, sizeof path, "/poll?since=now&wait=55");
	else
		n = snprintf(path, sizeof path, "/poll?since=%lld&wait=55", c->cursor);
	if (c->room != 0)
		snprintf(path + n, sizeof path - (size_t)n, "&room=" HEARD_ROOM "%u", c->room);
	else if (crowd_room[0] != '\0')
		snprintf(path + n, sizeof path - (size_t)n, "&%s", crowd_room);
	return request_get(request, path);
}

static bool
poll_take(struct conn *c, const struct answer *a)
{
	/* "next" stands behind the messages, which may be long. */
	const char *from = a->body_n > 80 ? a->body + a->body_n - 80 : a->body;
	const char *next = memmem(from, (size_t)(a->body + a->body_n - from), "\"next\":", 7);

	if (a->status != 200 || next == NULL)
		return false;
	c->cursor = atoll(next + 7);
	return true;
}

/* ---- Socket.IO: Engine.IO 4 by polling ---- */

static bool
socketio_holds(const struct conn *c)
{
	return c->step == HOLD;
}

static size_t
socketio_next(const struct conn *c, char *request)
{
	char path[192], connect[64] = "40";

	if (c->room != 0)
		snprintf(connect, sizeof connect, "40/" HEARD_ROOM "%u,", c->room);
	snprintf(path, sizeof path, "/socket.io/?EIO=4&transport=polling%s%s",
	    c->step == HANDSHAKE ? "" : "&sid=", c->token);
	if (c->step == CONNECT || c->step == PONG)
		return request_send(request, path, c->step == CONNECT ? connect : "3");
	return request_get(request, path);
}

static bool
socketio_opened(struct conn *c, const struct answer *a)
{
	const char *sid = memmem(a->body, a->body_n, "\"sid\":\"", 7);
	size_t n = sid == NULL ? 0 : strcspn(sid + 7, "\"");

	if (n == 0 || n >= sizeof c->token)
		return false;
	memcpy(c->token, sid + 7, n);
	c->token[n] = '\0';
	c->step = CONNECT;
	return true;
}

static bool
socketio_take(struct conn *c, const struct answer *a)
{
	const char *end = a->body + a->body_n;

	if (a->status != 200)
		return false;
	if (c->step == HANDSHAKE)
		return socketio_opened(c, a);
	if (c->step == CONNECT || c->step == PONG) {
		c->step = c->step == CONNECT ? CONNECTED : HOLD;
		return a->body_n == 2 && memcmp(a->body, "ok", 2) == 0;
	}
	for (const char *p = a->body; p < end;) {
		const char *sep = memchr(p, 0x1e, (size_t)(end - p));
		size_t n = (size_t)((sep == NULL ? end : sep) - p);

		if (n == 1 && *p == '2')
			c->step = PONG;
		else if (n >= 2 && p[0] == '4' && p[1] == '0')
			c->step = HOLD;
		else if (n == 1 && *p == '6')
			; /* NOOP: it goes on by WebSocket */
		else if (n < 2 || p[0] != '4' || p[1] != '2')
			return false;
		p += n + 1;
	}
	return true;
}

/* ---- nchan: the cursor is Last-Modified and Etag of the last answer ---- */

static size_t
nchan_next(const struct conn *c, char *request)
{
	const char *bar = strchr(c->token, '|');

	if (bar == NULL)
		return request_get(request, "/sub");
	return (size_t)snprintf(request, REQUEST_MAX,
	    "GET /sub HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUser-Agent: node (bench)\r\nIf-Modified-Since: "
	    "%.*s\r\nIf-None-Match: "
	    "%s\r\n\r\n",
	    load_port, (int)(bar - c->token), c->token, bar + 1);
}

static const char *
header(const struct answer *a, const char *name, int *n)
{
	const char *at = strcasestr(a->head, name);

	if (at == NULL || at > a->body)
		return NULL;
	at += strlen(name);
	*n = (int)strcspn(at, "\r\n");
	return at;
}

static bool
nchan_take(struct conn *c, const struct answer *a)
{
	int modified_n = 0, etag_n = 0;
	const char *modified = header(a, "\r\nLast-Modified: ", &modified_n), *etag = header(a, "\r\nEtag: ", &etag_n);

	if (a->status != 200 || modified == NULL || etag == NULL)
		return false;
	return snprintf(c->token, sizeof c->token, "%.*s|%.*s", modified_n, modified, etag_n, etag) <
	       (int)sizeof c->token;
}

const struct dialect *
dialect_find(const char *name)
{
	static const struct dialect all[] = {
	    {"poll", "/send", always, poll_next, poll_take, FLOW_NONE, NULL},
	    {"socketio", "/send", socketio_holds, socketio_next, socketio_take, FLOW_NONE, NULL},
	    {"nchan", "/pub", always, nchan_next, nchan_take, FLOW_NONE, NULL},
	};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (strcmp(all[i].name, name) == 0)
			return &all[i];
	for (size_t i = 0; i < n_dialects_flow; i++)
		if (strcmp(dialects_flow[i].name, name) == 0)
			return &dialects_flow[i];
	return NULL;
}
