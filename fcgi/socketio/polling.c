#include "polling.h"

static void
plain(struct request *r, int status, struct str type, struct str body)
{
	request_reply(r->all, r->conn, status, type, REQUEST_NO_STORE, body);
}

/* The upgrade is offered only where it can work: the web server's snippet may be older than we are. */
static void
handshake(struct engine *e, struct request *r, const struct engine_asked *a)
{
	bool offered = e->websocket && str_eq(r->can_upgrade, STR("1"));
	struct session *s = engine_handshake(e, r, a, engine_takes_few(r, a));
	char text[ENGINE_OPEN_SIZE];

	if (s != NULL)
		plain(r, 200, REQUEST_TEXT, engine_open_packet(e, s, offered ? "\"websocket\"" : "", text));
}

/* ---- the outlet ---- */

/* A GET that is held, in its connection's slot. */
struct held {
	struct slot slot;
	struct engine *engine;
	struct session_outlet outlet;
};

size_t
polling_slot_size(void)
{
	return sizeof(struct held);
}

/* Their origins: 0 to ORIGINS_ALL - 1. */
static unsigned
form(const struct session_outlet *o)
{
	return CONTAINER(o, const struct held, outlet)->slot.origin;
}

static struct blob *
wrap(struct session_outlet *o, struct str payload, unsigned n)
{
	struct held *h = CONTAINER(o, struct held, outlet);

	(void)n;
	return request_text(h->engine->requests, h->slot.origin, payload);
}

static enum outlet_put
put(struct session_outlet *o, struct blob *wrapped)
{
	struct held *h = CONTAINER(o, struct held, outlet);

	h->slot.parked = PARKED_NOT;
	return request_send(h->engine->requests, fcgi_of_slot(h), wrapped) ? OUTLET_USED : OUTLET_LOST;
}

static void
end(struct session_outlet *o, struct str payload)
{
	(void)put(o, wrap(o, payload, 1));
}

static const struct session_transport transport = {.form = form, .wrap = wrap, .put = put, .end = end};

static void
get(struct engine *e, struct request *r, struct session *s)
{
	struct held *h = fcgi_slot(r->conn);

	if (!engine_take(e, r, GATE_HELD))
		return;
	if (session_is_attached(s)) {
		/* Two clients with one session, or one that lost count: neither can go on. */
		plain(r, 400, REQUEST_TEXT, STR(""));
		session_end(s, STR("1"));
		return;
	}
	h->slot.parked = PARKED_SESSION;
	h->engine = e;
	h->outlet.transport = &transport;
	session_attach(s, &h->outlet);
}

void
polling_gone(struct fcgi_conn *conn)
{
	struct held *h = fcgi_slot(conn);

	session_detach(&h->outlet);
}

/* ---- POSTs ---- */

/* Whoever sent a POST is told how it ended, if it waits for that. */
static void
on_posted(void *ctx, uint64_t handle, enum session_posted how)
{
	struct requests *requests = ctx;
	struct fcgi_conn *conn = fcgi_find(requests->fcgi, handle);

	if (conn == NULL)
		return;
	if (how == SESSION_POST_HANDLED)
		request_reply(requests, conn, 200, STR("text/html"), REQUEST_NO_STORE, STR("ok"));
	else
		engine_refuse(requests, conn, how == SESSION_POST_ENDED ? ENGINE_UNKNOWN_SID : ENGINE_BAD_REQUEST);
}

void
polling_init(struct engine *e)
{
	sessions_on_posted(e->sessions, on_posted, e->requests);
}

static void
post(struct engine *e, struct request *r, struct session *s)
{
	if (r->body_too_large || r->body.n > e->max_payload) {
		plain(r, 413, REQUEST_TEXT, STR(""));
		return;
	}
	if (str_eq_nocase(r->content_type, STR("application/octet-stream"))) {
		session_end(s, STR("1"));
		engine_refuse(r->all, r->conn, ENGINE_BAD_REQUEST);
		return;
	}
	if (engine_take(e, r, GATE_BYTES))
		session_post(s, fcgi_handle(r->conn), r->body);
}

static void
serve(struct engine *e, struct request *r, const struct engine_asked *a)
{
	struct session *s;

	if (e->websocket && str_eq(a->transport, STR("websocket")))
		engine_refuse(r->all, r->conn, ENGINE_BAD_REQUEST); /* no upgrade has come with it */
	else if (!str_eq(a->transport, STR("polling")))
		engine_refuse(r->all, r->conn, ENGINE_UNKNOWN_TRANSPORT);
	else if (a->sid.n == 0)
		handshake(e, r, a);
	else if ((s = engine_session(e, r, a)) == NULL)
		return;
	else if (session_is_framed(s))
		engine_refuse(r->all, r->conn, ENGINE_BAD_REQUEST); /* it is over WebSocket, and goes on there */
	else if (r->method == METHOD_GET)
		get(e, r, s);
	else if (r->method == METHOD_POST)
		post(e, r, s);
	else
		plain(r, 500, REQUEST_TEXT, STR(""));
}

void
polling_request(struct engine *e, struct request *r)
{
	struct engine_asked a;

	if (r->method == METHOD_OPTIONS && ((struct slot *)fcgi_slot(r->conn))->origin != ORIGIN_NONE) {
		request_options(r, "GET,HEAD,PUT,PATCH,POST,DELETE");
		return;
	}
	if (engine_read(r, &a))
		serve(e, r, &a);
	query_fini(&a.query);
}
