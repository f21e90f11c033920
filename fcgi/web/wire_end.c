#include "base/log.h"
#include "event/loop.h"
#include "wire_state.h"

enum {
	DRAINED_PER_TURN = 256,                         /* descriptors that are looked at */
	LAST_QUIET = WIRE_CLOSE_MS / WIRE_QUIET_MS - 1, /* the time that runs is the last */
};

static const char *const ENDS[WIRE_ENDS] = {
    "peer", "lost", "over", "stop", "protocol", "utf8", "policy", "too_big", "other"};

const char *
wire_end_name(enum wire_end end)
{
	return ENDS[end];
}

static enum wire_end
end_of(unsigned code)
{
	switch (code) {
	case WS_CODE_NONE:
		return WIRE_END_OVER;
	case WS_CODE_GOING_AWAY:
		return WIRE_END_STOP;
	case WS_CODE_PROTOCOL:
		return WIRE_END_PROTOCOL;
	case WS_CODE_NOT_UTF8:
		return WIRE_END_UTF8;
	case WS_CODE_POLICY:
		return WIRE_END_POLICY;
	case WS_CODE_TOO_BIG:
		return WIRE_END_TOO_BIG;
	default:
		return WIRE_END_OTHER;
	}
}

/* It has no owner any more. */
static void
leave_open(struct wires *all, struct wire *w, enum wire_state next, enum wire_end end)
{
	all->counts.open--;
	all->counts.ended[end]++;
	w->state = next;
	w->owner_waits = w->timed = w->paused = false;
	blob_drop(w->pong);
	w->pong = NULL;
	/* Whatever it was waiting for, its peer's CLOSE is to be heard. */
	fcgi_raw_go_on(all->requests->fcgi, wire_conn(w));
}

static void
tell_gone(struct wires *all, struct wire *w)
{
	all->handlers[w->handler].gone(all->handlers[w->handler].ctx, w);
}

static void
wait_for(struct wires *all, struct wire *w, int64_t wait_ms)
{
	fcgi_raw_wait(all->requests->fcgi, wire_conn(w), wait_ms);
}

void
wire_end_if_sent(struct wires *all, struct wire *w)
{
	struct fcgi_conn *conn = wire_conn(w);
	char frame[WS_CLOSE_MAX];
	struct blob *b;

	if (w->close_due && fcgi_raw_waits(conn) == 0) {
		w->close_due = false;
		b = blob_new(ws_close(frame, w->code));
		for (size_t i = 0; b != NULL && i < b->n; i++)
			b->p[i] = frame[i];
		wire_send_control(all, w, b);
	}
	if (w->state == WIRE_ENDING && fcgi_raw_waits(conn) == 0) {
		/* What its peer says behind its CLOSE is read and dropped: a socket that is closed with something
		 * unread takes along what it has sent. */
		fcgi_raw_end_output(all->requests->fcgi, conn);
		w->state = WIRE_FAILED;
		w->quiet = LAST_QUIET;
	}
}

static void
say_close(struct wires *all, struct wire *w, unsigned code)
{
	w->code = (uint16_t)code;
	w->close_due = true;
	wire_end_if_sent(all, w);
}

void
wire_close(struct wires *all, struct wire *w, unsigned code)
{
	if (w->state != WIRE_OPEN)
		return;
	leave_open(all, w, WIRE_CLOSING, end_of(code));
	say_close(all, w, code);
	wait_for(all, w, WIRE_CLOSE_MS);
}

void
wire_closed_by_peer(struct wires *all, struct wire *w, unsigned code)
{
	bool owned = w->state == WIRE_OPEN;

	if (owned) {
		leave_open(all, w, WIRE_ENDING, WIRE_END_PEER);
		say_close(all, w, code);
		wait_for(all, w, WIRE_CLOSE_MS);
		tell_gone(all, w);
	} else {
		w->state = WIRE_ENDING;
		wire_end_if_sent(all, w);
	}
}

void
wire_fail(struct wires *all, struct wire *w, unsigned code)
{
	if (w->state != WIRE_OPEN) {
		/* It was closed before, and has the rest of that time. */
		w->state = WIRE_FAILED;
		w->quiet = LAST_QUIET;
		return;
	}
	leave_open(all, w, WIRE_FAILED, end_of(code));
	w->quiet = 0;
	w->heard = false;
	wait_for(all, w, WIRE_QUIET_MS);
	say_close(all, w, code);
	tell_gone(all, w);
}

/* Nothing more comes, or for too long: it is closed, be our CLOSE taken or not. */
static bool
is_over(struct wires *all, struct wire *w)
{
	bool goes_on = w->heard || fcgi_raw_waits(wire_conn(w)) > 0;

	w->heard = false;
	if (w->state != WIRE_FAILED || !goes_on || ++w->quiet >= WIRE_CLOSE_MS / WIRE_QUIET_MS)
		return true;
	wait_for(all, w, WIRE_QUIET_MS);
	return false;
}

void
wires_waited(struct wires *all, struct fcgi_conn *conn)
{
	struct wire *w = wire_of(conn);

	if (w->state == WIRE_OPEN) {
		all->counts.late++;
		log_info("message_late", "detail=\"the rest of a WebSocket message did not come\"");
		wire_fail(all, w, WS_CODE_POLICY);
	} else if (is_over(all, w))
		fcgi_raw_close(all->requests->fcgi, conn);
}

void
wires_gone(struct wires *all, struct fcgi_conn *conn)
{
	struct wire *w = wire_of(conn);

	if (w->state == WIRE_OPEN) {
		leave_open(all, w, WIRE_DEAD, WIRE_END_LOST);
		tell_gone(all, w);
	}
	w->state = WIRE_DEAD;
}

void
wires_ended(struct wires *all, struct fcgi_conn *conn)
{
	struct wire *w = wire_of(conn);

	if (w->state == WIRE_OPEN)
		leave_open(all, w, WIRE_DEAD, WIRE_END_STOP);
}

/* ---- the daemon's end ---- */

void
wires_drain(struct wires *all)
{
	all->draining = true;
	loop_timer_set(all->loop, &all->drain_timer, all->drain_kind, WIRE_DRAIN_MS);
}

void
wire_drain_begin(void *ctx, struct timer *t)
{
	struct wires *all = ctx;

	(void)t;
	all->drain_next = 0;
}

static void
drain_one(void *ctx, struct fcgi_conn *conn)
{
	struct wires *all = ctx;
	struct wire *w = wire_of(conn);

	if (w->state != WIRE_OPEN)
		return;
	if (w->paused) {
		/* It has said something that is not answered yet. */
		w->last = true;
		return;
	}
	leave_open(all, w, WIRE_CLOSING, WIRE_END_STOP);
	say_close(all, w, WS_CODE_GOING_AWAY);
	wait_for(all, w, WIRE_CLOSE_MS);
	tell_gone(all, w);
}

bool
wire_drain_some(void *ctx)
{
	struct wires *all = ctx;
	bool any = all->drain_next >= 0;

	if (any)
		all->drain_next = fcgi_walk_raw(all->requests->fcgi, all->drain_next, DRAINED_PER_TURN, drain_one, all);
	else if (all->drain_again) {
		all->drain_again = false;
		all->drain_next = 0;
	}
	return any || all->drain_next >= 0;
}
