#include <assert.h>
#include <string.h>

#include "wire_state.h"

/* PONGs to what is being read go out together. */
static void
send_pongs(struct wires *all, struct wire *w)
{
	struct blob *b;

	if (all->pongs.n == 0 && buf_ok(&all->pongs))
		return;
	/* Without memory for all of it the wire is lost: half a frame would be worse. */
	b = buf_ok(&all->pongs) ? blob_new(all->pongs.n) : NULL;
	if (b != NULL)
		memcpy(b->p, all->pongs.p, b->n);
	buf_reset(&all->pongs, WIRE_WRITE_MAX);
	if (w->state == WIRE_OPEN)
		wire_send_control(all, w, b);
	else
		blob_drop(b);
}

static void
on_ping(struct wires *all, struct wire *w, struct str payload)
{
	if (fcgi_raw_waits(wire_conn(w)) == 0) {
		wire_add_frame(&all->pongs, WS_PONG, payload);
		return;
	}
	blob_drop(w->pong);
	w->pong = wire_frame(WS_PONG, payload);
}

/* The message that ends with this frame, all of it together. */
static struct str
whole(struct fcgi_raw *in, const struct ws_frame *frame)
{
	struct str data = frame->payload;

	assert(frame->before == in->kept);
	if (in->kept == 0)
		return data;
	memmove(in->p + in->kept, data.p, data.n);
	data = (struct str){in->p, in->kept + data.n};
	in->kept = 0;
	return data;
}

static void
on_data(struct wires *all, struct wire *w, struct fcgi_raw *in, const struct ws_frame *frame)
{
	const struct wire_handler *h = &all->handlers[w->handler];
	struct str data;

	if (w->state != WIRE_OPEN || w->last)
		return;
	if (!frame->fin) {
		assert(frame->before == in->kept);
		memmove(in->p + in->kept, frame->payload.p, frame->payload.n);
		in->kept += frame->payload.n;
		return;
	}
	data = whole(in, frame);
	all->counts.messages++;
	all->counts.bytes_received += data.n;
	send_pongs(all, w);
	/* wire_go_on() and wire_close() may come from within. */
	w->paused = true;
	if (h->message(h->ctx, w, frame->opcode == WS_BINARY, data))
		w->paused = false;
	if (w->paused)
		fcgi_raw_pause(all->requests->fcgi, wire_conn(w));
}

/* One frame. false: there is no whole one. */
static bool
next(struct wires *all, struct wire *w, struct fcgi_raw *in)
{
	struct ws_frame frame;

	switch (ws_next(&w->walk, in->p + in->at, in->n - in->at, all->message_max, &frame)) {
	case WS_PART:
		return false;
	case WS_BAD:
		send_pongs(all, w);
		wire_fail(all, w, frame.code);
		return false;
	case WS_FRAME:
		break;
	}
	in->at += frame.used;
	if (frame.opcode == WS_CLOSE) {
		send_pongs(all, w);
		wire_closed_by_peer(all, w, ws_close_code(frame.payload));
	} else if (frame.opcode == WS_PING && w->state == WIRE_OPEN)
		on_ping(all, w, frame.payload);
	else if (frame.opcode == WS_TEXT || frame.opcode == WS_BINARY)
		on_data(all, w, in, &frame);
	return true;
}

/* The time for the rest of a message runs from when it began. */
static void
set_time(struct wires *all, struct wire *w, bool in_part, bool another)
{
	bool runs = in_part && !w->paused;

	if (w->state != WIRE_OPEN || (runs && w->timed && !another) || (!runs && !w->timed))
		return;
	fcgi_raw_wait(all->requests->fcgi, wire_conn(w), runs ? all->message_wait_ms : 0);
	w->timed = runs;
}

void
wires_input(struct wires *all, struct fcgi_conn *conn, struct fcgi_raw *in)
{
	struct wire *w = wire_of(conn);
	uint64_t messages = all->counts.messages;

	w->heard = true;
	while ((w->state == WIRE_OPEN || w->state == WIRE_CLOSING) && !w->paused && in->at < in->n)
		if (!next(all, w, in))
			break;
	send_pongs(all, w);
	if (w->state != WIRE_OPEN)
		in->kept = 0;
	if (w->state != WIRE_OPEN && w->state != WIRE_CLOSING)
		in->at = in->n;
	set_time(all, w, in->at < in->n || w->walk.opcode != 0, messages != all->counts.messages);
}
