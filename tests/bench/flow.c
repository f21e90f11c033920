/*
 * flow: answers that go on. What came of one is cut into whole pieces, WebSocket messages or Server-Sent Events, each
 * handed to its dialect and to whoever counts them; the rest waits with its connection.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "load.h"

enum { WS_CONTINUED = 0, WS_TEXT = 1, WS_BINARY = 2, WS_CLOSE = 8, WS_PING = 9, WS_PONG = 10 };
enum { CHUNK_SIZE, CHUNK_DATA, CHUNK_END };

void
flow_begin(struct conn *c, const struct dialect *d, heard_fn heard)
{
	c->flows = d;
	c->heard = heard;
	c->begun = c->chunked = false;
	c->chunk = CHUNK_SIZE;
	c->chunk_left = 0;
}

/* Clients mask what they say. A key of zeros leaves it as it is. */
static void
say(struct conn *c, int opcode, const char *bytes, size_t n)
{
	char frame[6 + 125];

	if (n > 125)
		return;
	memcpy(frame, (const char[]){(char)(0x80 | opcode), (char)(0x80 | n), 0, 0, 0, 0}, 6);
	memcpy(frame + 6, bytes, n);
	conn_say(c, frame, 6 + n);
}

void
flow_say(struct conn *c, const char *text)
{
	say(c, WS_TEXT, text, strlen(text));
}

static void
piece(struct conn *c, const char *text, size_t n, int64_t at_ns)
{
	if (c->flows->holds(c))
		c->heard(c, text, n, at_ns);
	if (!c->flows->piece(c, text, n))
		conns_failed(text, n < 150 ? n : 150);
}

/* Bytes of the whole frame that p begins with; 0: it is not there yet. */
static size_t
frame(struct conn *c, const char *p, size_t n, int64_t at_ns)
{
	const unsigned char *u = (const unsigned char *)p;
	size_t head = 2, length, extra;

	if (n < 2)
		return 0;
	length = u[1] & 127;
	extra = length == 126 ? 2 : length == 127 ? 8 : 0;
	if (n < head + extra)
		return 0;
	for (length = extra > 0 ? 0 : length; extra > 0; extra--)
		length = length << 8 | u[head++];
	if (n < head + length)
		return 0;
	if (u[0] == (0x80 | WS_TEXT) || u[0] == (0x80 | WS_BINARY))
		piece(c, p + head, length, at_ns);
	else if (u[0] == (0x80 | WS_PING))
		say(c, WS_PONG, p + head, length);
	else
		conns_failed("a frame that is no message", 64);
	return head + length;
}

static size_t
event(struct conn *c, const char *p, size_t n, int64_t at_ns)
{
	const char *end = memmem(p, n, "\n\n", 2);

	if (end == NULL)
		return 0;
	piece(c, p, (size_t)(end + 2 - p), at_ns);
	return (size_t)(end + 2 - p);
}

/* Takes the chunks' heads and ends out; how many bytes are left. */
static size_t
dechunk(struct conn *c, char *bytes, size_t n)
{
	size_t out = 0;

	for (size_t i = 0; i < n;) {
		if (c->chunk == CHUNK_DATA) {
			size_t part = c->chunk_left < n - i ? c->chunk_left : n - i;

			memmove(bytes + out, bytes + i, part);
			out += part;
			i += part;
			if ((c->chunk_left -= part) == 0)
				c->chunk = CHUNK_END;
			continue;
		}
		if (bytes[i] == '\n' && c->chunk == CHUNK_END)
			c->chunk = CHUNK_SIZE;
		else if (bytes[i] == '\n') {
			c->chunk = CHUNK_DATA;
			if (c->chunk_left == 0)
				conns_failed("the answer ended", 64);
		} else if (bytes[i] != '\r' && c->chunk == CHUNK_SIZE)
			c->chunk_left =
			    c->chunk_left << 4 | (size_t)(bytes[i] <= '9' ? bytes[i] - '0' : (bytes[i] & 7) + 9);
		i++;
	}
	return out;
}

static void
pieces(struct conn *c, char *bytes, size_t n, int64_t at_ns)
{
	size_t at = 0, used;
	bool kept = c->n > 0;

	if (kept) {
		conn_keep(c, bytes, n);
		bytes = c->bytes;
		n = c->n;
	}
	while (at < n && (used = c->flows->flow == FLOW_EVENTS ? event(c, bytes + at, n - at, at_ns)
	                                                       : frame(c, bytes + at, n - at, at_ns)) > 0)
		at += used;
	if (kept) {
		memmove(c->bytes, c->bytes + at, n - at);
		c->n = n - at;
	} else if (at < n)
		conn_keep(c, bytes + at, n - at);
}

/* Whether the head is whole now, and good. What stands behind it is left in rest. */
static bool
begin(struct conn *c, const char *bytes, size_t n, char **rest, size_t *rest_n)
{
	static char behind[1 << 18];
	const char *end, *chunked;
	int status;

	conn_keep(c, bytes, n);
	if ((end = strstr(c->bytes, "\r\n\r\n")) == NULL)
		return false;
	status = atoi(c->bytes + 9);
	if (status != (c->flows->flow == FLOW_WEBSOCKET ? 101 : 200)) {
		conns_failed(c->bytes, 150);
		c->n = 0;
		return false;
	}
	chunked = strcasestr(c->bytes, "\r\nTransfer-Encoding: chunked");
	c->chunked = chunked != NULL && chunked < end;
	*rest_n = c->n - (size_t)(end + 4 - c->bytes);
	*rest_n = *rest_n < sizeof behind ? *rest_n : sizeof behind;
	memcpy(behind, end + 4, *rest_n);
	*rest = behind;
	c->n = 0;
	return c->begun = true;
}

void
flow_input(struct conn *c, char *bytes, size_t n, int64_t at_ns)
{
	if (!c->begun && !begin(c, bytes, n, &bytes, &n))
		return;
	if (c->chunked)
		n = dechunk(c, bytes, n);
	if (n > 0)
		pieces(c, bytes, n, at_ns);
}
