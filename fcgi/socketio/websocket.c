#include "websocket.h"

#include <string.h>

#include "base/token.h"
#include "packet.h"

enum {
	RATE_WAIT_MAX_MS = 45000,
	FORM = UINT16_MAX,
	/* What heads of frames take is less than the rest of WIRE_WRITE_MAX. */
	PAYLOAD_MAX = WIRE_WRITE_MAX - 2048,
};

/* A WebSocket, in its connection's slot: of a session, or its probe. */
struct socket {
	struct slot slot;
	struct wire wire;
	struct websocket *all;
	struct session_outlet outlet;
};

size_t
websocket_slot_size(void)
{
	return sizeof(struct socket);
}

static struct socket *
of_outlet(struct session_outlet *o)
{
	return CONTAINER(o, struct socket, outlet);
}

/* ---- frames ---- */

static void
add_packet(struct buf *b, struct str packet)
{
	struct buf bytes;

	if (packet.n == 0 || packet.p[0] != 'b') {
		wire_add_frame(b, WS_TEXT, packet);
		return;
	}
	buf_init(&bytes, packet.n);
	token_add_decoded(&bytes, str_skip(packet, 1));
	wire_add_frame(b, WS_BINARY, buf_str(&bytes));
	b->failed = b->failed || !buf_ok(&bytes);
	buf_fini(&bytes);
}

struct blob *
websocket_frames(struct str payload, unsigned n)
{
	struct packet_walk walk = {.rest = payload};
	struct blob *frames = NULL;
	struct str packet;
	struct buf b;

	buf_init(&b, SIZE_MAX);
	/* Nearly always it is no longer; one allocation then. */
	(void)buf_reserve(&b, payload.n + 4 * WS_HEAD_MAX);
	if (n == 1)
		add_packet(&b, payload);
	else
		while (packet_next(&walk, &packet))
			add_packet(&b, packet);
	if (buf_ok(&b) && (frames = blob_new(b.n)) != NULL)
		memcpy(frames->p, b.p, b.n);
	buf_fini(&b);
	return frames;
}

/* ---- the outlet ---- */

static unsigned
form(const struct session_outlet *o)
{
	(void)o;
	return FORM;
}

static struct blob *
wrap(struct session_outlet *o, struct str payload, unsigned n)
{
	(void)o;
	return websocket_frames(payload, n);
}

/* One that is lost is told so later, and takes nothing meanwhile. */
static enum outlet_put
put(struct session_outlet *o, struct blob *wrapped)
{
	struct socket *k = of_outlet(o);

	return wire_send(k->all->wires, &k->wire, wrapped) ? OUTLET_OPEN : OUTLET_BLOCKED;
}

/* By a CLOSE alone: there are no packets for it. */
static void
end(struct session_outlet *o, struct str payload)
{
	struct socket *k = of_outlet(o);

	(void)payload;
	wire_close(k->all->wires, &k->wire,
	    sessions_are_draining(k->all->engine->sessions) ? WS_CODE_GOING_AWAY : WS_CODE_NONE);
}

static void
handled(struct session_outlet *o)
{
	struct socket *k = of_outlet(o);

	wire_go_on(k->all->wires, &k->wire);
}

static void
account(struct session_outlet *o, struct pass *pass)
{
	struct socket *k = of_outlet(o);

	if (k->all->engine->gate != NULL)
		gate_count_for(k->all->engine->gate, fcgi_of_slot(k), pass);
}

static const struct session_transport transport = {.framed = true,
    .payload_max = PAYLOAD_MAX,
    .form = form,
    .wrap = wrap,
    .put = put,
    .end = end,
    .handled = handled,
    .account = account};

/* ---- what comes ---- */

/* For how many ms a message is to wait; -1: too long. */
static int64_t
take(const struct socket *k, size_t bytes)
{
	struct gate *gate = k->all->engine->gate;
	const struct pass *pass = session_account(k->outlet.session);

	if (sessions_are_draining(k->all->engine->sessions))
		return 0;
	return gate == NULL || pass == NULL ? 0 : gate_take_message(gate, pass, bytes, RATE_WAIT_MAX_MS);
}

static bool
on_message(void *ctx, struct wire *w, bool binary, struct str data)
{
	struct socket *k = CONTAINER(w, struct socket, wire);
	int64_t wait_ms;

	(void)ctx;
	if (!session_alive(k->outlet.session))
		return true; /* that ended this, too */
	wait_ms = take(k, data.n);
	if (wait_ms >= 0)
		return session_packet(&k->outlet, binary, data, wait_ms);
	session_detach(&k->outlet);
	wire_close(k->all->wires, w, WS_CODE_POLICY);
	return true;
}

static void
on_drained(void *ctx, struct wire *w)
{
	(void)ctx;
	session_drained(&CONTAINER(w, struct socket, wire)->outlet);
}

static void
on_gone(void *ctx, struct wire *w)
{
	(void)ctx;
	session_detach(&CONTAINER(w, struct socket, wire)->outlet);
}

void
websocket_init(struct websocket *w)
{
	w->handler = wires_handler(
	    w->wires, &(struct wire_handler){.ctx = w, .message = on_message, .drained = on_drained, .gone = on_gone});
}

/* ---- requests ---- */

/* Answers 101; NULL: another answer was given, or it is lost already. */
static struct socket *
open(struct websocket *w, struct request *r)
{
	struct socket *k = fcgi_slot(r->conn);

	if (!wire_open(w->wires, r, &k->wire, w->handler))
		return NULL;
	k->all = w;
	k->outlet.transport = &transport;
	return k;
}

static void
handshake(struct websocket *w, struct request *r, const struct engine_asked *a)
{
	struct session *s = engine_handshake(w->engine, r, a, false);
	char text[ENGINE_OPEN_SIZE];
	struct socket *k;
	struct str packet;
	struct blob *b;

	if (s == NULL)
		return;
	packet = engine_open_packet(w->engine, s, "", text);
	if ((b = blob_new(packet.n)) != NULL)
		memcpy(b->p, packet.p, packet.n);
	session_queue(s, b, 1);
	/* socket.io-client waits long for the first packet of a WebSocket that ends without. */
	if (!session_alive(s)) {
		request_fail(r->all, r->conn, PROBLEM_BUSY, "there is no memory for another session");
		return;
	}
	if ((k = open(w, r)) != NULL)
		session_attach(s, &k->outlet);
	else
		session_end(s, STR("1"));
}

/* The WebSocket that a session by polling is to go on with. */
static void
upgrade(struct websocket *w, struct request *r, struct session *s)
{
	struct socket *k = open(w, r);

	if (k != NULL && !session_probe(s, &k->outlet))
		wire_close(w->wires, &k->wire, WS_CODE_NONE);
}

static void
serve(struct websocket *w, struct request *r, const struct engine_asked *a)
{
	struct session *s;

	if (w->engine->websocket && str_eq(a->transport, STR("polling")))
		engine_refuse(r->all, r->conn, ENGINE_BAD_REQUEST); /* polling is not upgraded */
	else if (!w->engine->websocket || !str_eq(a->transport, STR("websocket")))
		engine_refuse(r->all, r->conn, ENGINE_UNKNOWN_TRANSPORT);
	else if (!wire_asked(w->wires, r))
		return;
	else if (a->sid.n == 0)
		handshake(w, r, a);
	else if ((s = engine_session(w->engine, r, a)) != NULL)
		upgrade(w, r, s);
}

void
websocket_request(struct websocket *w, struct request *r)
{
	struct engine_asked a;

	if (engine_read(r, &a))
		serve(w, r, &a);
	query_fini(&a.query);
}
