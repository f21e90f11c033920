#include "wire.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "event/loop.h"
#include "wire_state.h"

void
wires_init(struct wires *all)
{
	all->drain_next = -1;
	buf_init(&all->pongs, 2 * (size_t)WIRE_WRITE_MAX);
	all->drain_kind = loop_timer_kind(all->loop, wire_drain_begin, all);
	loop_hook(all->loop, LOOP_SWEEP, wire_drain_some, all);
}

void
wires_fini(struct wires *all)
{
	buf_fini(&all->pongs);
}

unsigned
wires_handler(struct wires *all, const struct wire_handler *handler)
{
	assert(all->n_handlers < WIRE_HANDLERS_MAX);
	all->handlers[all->n_handlers] = *handler;
	return all->n_handlers++;
}

struct wire *
wire_of(struct fcgi_conn *conn)
{
	return (struct wire *)(void *)((struct slot *)fcgi_slot(conn) + 1);
}

struct fcgi_conn *
wire_conn(struct wire *w)
{
	return fcgi_of_slot((struct slot *)(void *)w - 1);
}

/* ---- the handshake (RFC 6455 section 4.2) ---- */

/* Whether a list of words, as of Connection and Upgrade, has this one. */
static bool
names(struct str list, struct str word)
{
	while (list.n > 0)
		if (str_eq_nocase(str_trim(str_cut(&list, ',')), word))
			return true;
	return false;
}

static bool
refuse(struct request *r, const char *detail)
{
	request_fail(r->all, r->conn, PROBLEM_BAD_UPGRADE, "%s", detail);
	return false;
}

bool
wire_asked(struct wires *all, struct request *r)
{
	if (!r->scgi)
		return refuse(r, "a WebSocket can only come by scgi_pass");
	if (!request_scgi_ok(r))
		return false;
	if (!names(r->upgrade, STR("websocket")) || !names(r->connection, STR("upgrade")))
		return refuse(r, "this needs 'Upgrade: websocket' and 'Connection: Upgrade'");
	if (!str_eq(r->ws_version, STR("13"))) {
		request_fail_with(r->all, r->conn, PROBLEM_UPGRADE_REQUIRED,
		    STR("Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"), STR(""),
		    "Sec-WebSocket-Version must be 13, not '%.*s'", STR_ARGS(request_shown(r->ws_version)));
		return false;
	}
	if (!ws_key_ok(r->ws_key))
		return refuse(r, "Sec-WebSocket-Key must be 16 bytes in base64");
	if (all->draining) {
		request_fail(r->all, r->conn, PROBLEM_BUSY, "the daemon is about to end");
		return false;
	}
	return true;
}

static struct blob *
blob_of(struct str s)
{
	struct blob *b = blob_new(s.n);

	if (b != NULL)
		memcpy(b->p, s.p, s.n);
	return b;
}

bool
wire_open(struct wires *all, struct request *r, struct wire *w, unsigned handler)
{
	char accept[WS_ACCEPT_SIZE], head[200];

	assert(w == wire_of(r->conn) && handler < all->n_handlers);
	if (!wire_asked(all, r))
		return false;
	ws_accept(accept, r->ws_key);
	snprintf(head, sizeof head,
	    "Status: 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
	    "Sec-WebSocket-Accept: %s\r\n\r\n",
	    accept);
	*w = (struct wire){.state = WIRE_OPEN, .handler = (uint8_t)handler};
	((struct slot *)fcgi_slot(r->conn))->parked = PARKED_WIRE;
	all->requests->replies++;
	all->counts.opened++;
	all->counts.open++;
	fcgi_raw_begin(all->requests->fcgi, r->conn, blob_of(str_of(head)));
	return true;
}

/* ---- frames ---- */

struct blob *
wire_frame(enum ws_opcode opcode, struct str payload)
{
	char head[WS_HEAD_MAX];
	size_t n = ws_head(head, opcode, payload.n);
	struct blob *b = blob_new(n + payload.n);

	if (b == NULL)
		return NULL;
	memcpy(b->p, head, n);
	if (payload.n > 0)
		memcpy(b->p + n, payload.p, payload.n);
	return b;
}

void
wire_add_frame(struct buf *b, enum ws_opcode opcode, struct str payload)
{
	char head[WS_HEAD_MAX];

	buf_add(b, (struct str){head, ws_head(head, opcode, payload.n)});
	buf_add(b, payload);
}

static bool
send(struct wires *all, struct wire *w, struct blob *frames)
{
	all->counts.sent++;
	all->counts.bytes_to_send += frames == NULL ? 0 : frames->n;
	return fcgi_raw_send(all->requests->fcgi, wire_conn(w), frames);
}

void
wire_send_control(struct wires *all, struct wire *w, struct blob *frames)
{
	(void)send(all, w, frames);
}

bool
wire_ready(const struct wire *w)
{
	return w->state == WIRE_OPEN && !w->owner_waits;
}

bool
wire_send(struct wires *all, struct wire *w, struct blob *frames)
{
	if (w->state != WIRE_OPEN) {
		blob_drop(frames);
		return false;
	}
	assert(!w->owner_waits);
	w->owner_waits = !send(all, w, frames);
	return !w->owner_waits;
}

void
wires_drained(struct wires *all, struct fcgi_conn *conn)
{
	struct wire *w = wire_of(conn);
	struct blob *pong = w->pong;

	w->pong = NULL;
	if (pong != NULL)
		wire_send_control(all, w, pong);
	wire_end_if_sent(all, w);
	if (w->state != WIRE_OPEN || fcgi_raw_waits(conn) > 0 || !w->owner_waits)
		return;
	w->owner_waits = false;
	all->handlers[w->handler].drained(all->handlers[w->handler].ctx, w);
}

void
wire_go_on(struct wires *all, struct wire *w)
{
	if (!w->paused)
		return;
	w->paused = false;
	fcgi_raw_go_on(all->requests->fcgi, wire_conn(w));
	/* What it was paused for has its answer in this turn, and the turn after may end it. */
	all->drain_again = all->draining;
}
