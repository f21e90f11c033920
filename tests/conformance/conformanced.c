/*
 * conformanced: the server that Socket.IO's conformance tests talk to.
 *
 * The same loop, sessions and members as longlined's, with another application on top: what the official suites expect
 * of a server, and the parts of the library that the relay has no use for (rooms, volatile emits, acknowledgements
 * asked of clients). Nothing is stored.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "config.h"
#include "endpoint.h"
#include "event/loop.h"
#include "event/signals.h"
#include "socketio/member.h"
#include "socketio/polling.h"
#include "socketio/websocket.h"
#include "web/wire.h"

struct daemon {
	struct config config;
	struct loop *loop;
	struct rooms *rooms;
	struct requests requests;
	struct members *members;
	struct sessions *sessions;
	struct engine socketio, engineio;
	struct websocket socketio_ws, engineio_ws;
	struct wires wires;
	unsigned echo; /* kind of WebSockets */
	int signal_fd;
	bool terminal;
};

/* ---- the application ---- */

static void
find_token(void *ctx, struct str name, enum json_type type, struct str value)
{
	if (str_eq(name, STR("token")) && type == JSON_STRING && str_eq(value, STR("secret")))
		*(bool *)ctx = true;
}

static enum member_answer
app_connect(void *ctx, struct member *m, struct str auth, struct buf *reply, struct buf *error)
{
	struct str nsp = member_namespace(m);
	bool known = false;

	(void)ctx;
	(void)reply;
	if (str_eq(nsp, STR("/")) || str_eq(nsp, STR("/custom")))
		return MEMBER_ACCEPT;
	if (!str_eq(nsp, STR("/admin")))
		return MEMBER_UNKNOWN;
	if (auth.n > 0)
		(void)json_object(auth, 100, find_token, &known, NULL);
	if (known)
		return MEMBER_ACCEPT;
	buf_add(error, STR("{\"message\":\"not authorized\",\"data\":{\"code\":\"E_AUTH\"}}"));
	return MEMBER_REFUSE;
}

/* Emits name with args (without a comma before them) behind it. */
static void
emit(struct member *m, const char *name, struct str args, const struct member_bytes *bytes)
{
	struct buf b;

	buf_init(&b, SIZE_MAX);
	buf_add_json(&b, str_of(name));
	if (args.n > 0)
		buf_add_char(&b, ',');
	buf_add(&b, args);
	member_emit(m, buf_str(&b), bytes);
	buf_fini(&b);
}

static void
app_connected(void *ctx, struct member *m, struct str auth)
{
	(void)ctx;
	if (!str_eq(member_namespace(m), STR("/admin")))
		emit(m, "auth", auth.n > 0 ? auth : STR("{}"), NULL);
}

static void
app_disconnected(void *ctx, struct member *m, bool left)
{
	(void)ctx;
	(void)m;
	(void)left;
}

/* The first argument, if it is a string. */
struct first {
	struct buf text;
	size_t n;
};

static void
take_first(void *ctx, struct str name, enum json_type type, struct str value)
{
	struct first *first = ctx;

	(void)name;
	if (first->n++ == 0 && type == JSON_STRING)
		buf_add(&first->text, value);
}

static struct str
first_string(struct first *first, struct str args)
{
	struct buf array;

	*first = (struct first){.n = 0};
	buf_init(&first->text, SIZE_MAX);
	buf_init(&array, SIZE_MAX);
	buf_printf(&array, "[%.*s]", STR_ARGS(args));
	(void)json_array(buf_str(&array), 1000, take_first, first);
	buf_fini(&array);
	return buf_str(&first->text);
}

static void
answered(void *ctx, struct member *m, struct str args, const struct member_bytes *bytes)
{
	(void)ctx;
	emit(m, "answered", args, bytes);
}

static void
say_to_all(struct daemon *d, struct member *m, const struct packet *p, const struct member_bytes *bytes,
    struct str room, bool not_me)
{
	struct buf b;

	buf_init(&b, SIZE_MAX);
	buf_add_json(&b, p->event);
	if (p->args.n > 0)
		buf_add_char(&b, ',');
	buf_add(&b, p->args);
	member_broadcast(d->members, member_namespace(m), room, not_me ? m : NULL, buf_str(&b), bytes);
	buf_fini(&b);
}

static void
on_main(struct daemon *d, struct member *m, const struct packet *p, const struct member_bytes *bytes)
{
	struct first first;
	struct str word = first_string(&first, p->args);

	if (str_eq(p->event, STR("chat message")))
		say_to_all(d, m, p, bytes, STR(""), false);
	else if (str_eq(p->event, STR("broadcast")))
		say_to_all(d, m, p, bytes, STR(""), true);
	else if (str_eq(p->event, STR("room")))
		say_to_all(d, m, p, bytes, word, false);
	else if (str_eq(p->event, STR("volatile")))
		member_emit_volatile(m, STR("\"volatile\""));
	else if (str_eq(p->event, STR("join")) || str_eq(p->event, STR("leave"))) {
		if (str_eq(p->event, STR("join")))
			(void)member_join(m, word);
		else
			member_leave(m, word);
		if (p->has_id)
			member_ack(m, p->id, STR("\"ok\""), NULL);
	} else if (str_eq(p->event, STR("ask"))) {
		struct buf b;

		buf_init(&b, SIZE_MAX);
		buf_printf(&b, "\"question\"%s%.*s", p->args.n > 0 ? "," : "", STR_ARGS(p->args));
		member_ask(m, buf_str(&b), bytes, answered, d);
		buf_fini(&b);
	} else if (str_eq(p->event, STR("bye")))
		member_disconnect(m);
	else if (str_eq(p->event, STR("bye-hard"))) {
		struct session *s = member_session(m);

		member_disconnect(m);
		session_close(s);
	}
	buf_fini(&first.text);
}

static bool
app_event(void *ctx, struct member *m, const struct packet *p, const struct member_bytes *bytes)
{
	if (str_eq(p->event, STR("message")))
		emit(m, "message-back", p->args, bytes);
	else if (str_eq(p->event, STR("message-with-ack"))) {
		if (p->has_id)
			member_ack(m, p->id, p->args, bytes);
	} else if (str_eq(member_namespace(m), STR("/")))
		on_main(ctx, m, p, bytes);
	return true;
}

/* ---- bare Engine.IO: an echo ---- */

static void
echo(struct session *s, char type, struct str data)
{
	struct blob *b = blob_new(data.n + 1);

	if (b != NULL) {
		b->p[0] = type;
		memcpy(b->p + 1, data.p, data.n);
	}
	session_queue(s, b, 1);
}

static int
echo_opened(void *ctx, struct session *s)
{
	(void)ctx;
	session_connected(s);
	return 0;
}

static bool
echo_text(void *ctx, struct session *s, struct str text)
{
	(void)ctx;
	echo(s, '4', text);
	return true;
}

static bool
echo_binary(void *ctx, struct session *s, struct str bytes)
{
	struct buf b;

	(void)ctx;
	buf_init(&b, SIZE_MAX);
	token_add_base64(&b, bytes);
	echo(s, 'b', buf_str(&b));
	buf_fini(&b);
	return true;
}

static void
echo_ended(void *ctx, struct session *s)
{
	(void)ctx;
	(void)s;
}

static const struct session_layer ECHO = {
    .opened = echo_opened, .text = echo_text, .binary = echo_binary, .ended = echo_ended};

/* ---- bare WebSocket: an echo, that reads as fast as it is read ---- */

struct echo_socket {
	struct slot slot;
	struct wire wire;
};

static bool
wire_message(void *ctx, struct wire *w, bool binary, struct str data)
{
	struct daemon *d = ctx;

	return wire_send(&d->wires, w, wire_frame(binary ? WS_BINARY : WS_TEXT, data));
}

static void
wire_drained(void *ctx, struct wire *w)
{
	struct daemon *d = ctx;

	wire_go_on(&d->wires, w);
}

static void
wire_gone(void *ctx, struct wire *w)
{
	(void)ctx;
	(void)w;
}

/* ---- the rest of a daemon ---- */

static size_t
slot_size(void)
{
	size_t most = polling_slot_size();

	if (most < websocket_slot_size())
		most = websocket_slot_size();
	return most > sizeof(struct echo_socket) ? most : sizeof(struct echo_socket);
}

static void
to_session(struct engine *e, struct websocket *w, struct request *r)
{
	if (r->scgi)
		websocket_request(w, r);
	else
		polling_request(e, r);
}

static void
on_request(void *ctx, struct fcgi_request *from)
{
	struct daemon *d = ctx;
	struct request r;

	request_init(&r, &d->requests, from, slot_size());
	request_open_cors(&r);
	if (!request_scgi_ok(&r))
		return;
	if (str_eq(r.path, STR("/socket.io/echo")))
		(void)wire_open(&d->wires, &r, wire_of(r.conn), d->echo);
	else if (str_starts(r.path, STR("/socket.io/engine.io/")))
		to_session(&d->engineio, &d->engineio_ws, &r);
	else if (str_starts(r.path, STR("/socket.io/")))
		to_session(&d->socketio, &d->socketio_ws, &r);
	else
		request_reply(&d->requests, r.conn, 200, STR("text/plain"), STR(""), STR("ok\n"));
}

static void
on_gone(void *ctx, struct fcgi_conn *conn)
{
	struct daemon *d = ctx;
	unsigned parked = ((struct slot *)fcgi_slot(conn))->parked;

	if (parked == PARKED_SESSION)
		polling_gone(conn);
	else if (parked == PARKED_WIRE)
		wires_gone(&d->wires, conn);
}

static void
on_drained(void *ctx, struct fcgi_conn *conn)
{
	wires_drained(&((struct daemon *)ctx)->wires, conn);
}

static void
on_input(void *ctx, struct fcgi_conn *conn, struct fcgi_raw *in)
{
	wires_input(&((struct daemon *)ctx)->wires, conn, in);
}

static void
on_waited(void *ctx, struct fcgi_conn *conn)
{
	wires_waited(&((struct daemon *)ctx)->wires, conn);
}

static void
on_ended(void *ctx, struct fcgi_conn *conn)
{
	if (((struct slot *)fcgi_slot(conn))->parked == PARKED_WIRE)
		wires_ended(&((struct daemon *)ctx)->wires, conn);
}

static void
on_signal(void *ctx)
{
	struct daemon *d = ctx;

	if (signals_read(d->signal_fd, d->terminal) != 0)
		loop_stop(d->loop);
}

static void
no_wake(void *ctx, struct room *room, struct waiter *w)
{
	(void)ctx;
	(void)room;
	(void)w;
}

static int
open_all(struct daemon *d)
{
	const struct config *c = &d->config;
	struct member_options member = config_member(c);
	struct session_options session = config_session(c);
	struct member_app app = {.ctx = d,
	    .connect = app_connect,
	    .connected = app_connected,
	    .event = app_event,
	    .disconnected = app_disconnected};
	struct fcgi_options fcgi = config_fcgi(c);
	struct fcgi_handler handler = {.ctx = d,
	    .request = on_request,
	    .gone = on_gone,
	    .drained = on_drained,
	    .input = on_input,
	    .waited = on_waited,
	    .ended = on_ended};
	bool inherited;

	d->loop = loop_new();
	d->rooms = rooms_new(d->loop, 0);
	rooms_reset(d->rooms, "conformance", 0);
	rooms_on_wake(d->rooms, ROOM_POLL, no_wake, NULL);
	d->requests.origins = c->cors;
	d->members = members_new(&member, &app);
	d->sessions = sessions_new(d->loop, &session, d->rooms, NULL);
	d->socketio = (struct engine){.requests = &d->requests,
	    .sessions = d->sessions,
	    .layer = members_layer(d->members),
	    .ping_interval_ms = c->ping_interval_ms,
	    .ping_timeout_ms = c->ping_timeout_ms,
	    .max_payload = (size_t)c->max_payload,
	    .websocket = !c->no_websocket};
	d->engineio = d->socketio;
	d->engineio.layer = &ECHO;
	fcgi.slot_size = slot_size();
	fcgi.conns_max = 10000;
	fcgi.listen_fd = endpoint_listen(c->socket, &inherited);
	if (fcgi.listen_fd < 0)
		return -1;
	polling_init(&d->socketio);
	d->requests.fcgi = fcgi_new(d->loop, &fcgi, &handler);
	if (d->requests.fcgi == NULL)
		return -1;
	d->wires = (struct wires){.loop = d->loop,
	    .requests = &d->requests,
	    .message_max = (size_t)c->max_payload,
	    .message_wait_ms = c->message_timeout_s * 1000};
	wires_init(&d->wires);
	d->socketio_ws = (struct websocket){.engine = &d->socketio, .wires = &d->wires};
	d->engineio_ws = (struct websocket){.engine = &d->engineio, .wires = &d->wires};
	websocket_init(&d->socketio_ws);
	websocket_init(&d->engineio_ws);
	d->echo = wires_handler(&d->wires,
	    &(struct wire_handler){.ctx = d, .message = wire_message, .drained = wire_drained, .gone = wire_gone});
	return 0;
}

int
main(int argc, char **argv)
{
	static struct daemon d;
	int status = config_read(&d.config, argc, argv);

	if (status >= 0)
		return status;
	umask(0007);
	d.terminal = signals_take();
	setenv("LIBFCGI_OS_CLOSE_POLL_TIMEOUT", "0", 1);
	if (open_all(&d) != 0)
		return 1;
	d.signal_fd = signals_open();
	if (d.signal_fd < 0 || loop_add_source(d.loop, d.signal_fd, on_signal, &d) != 0)
		return 1;
	if (d.config.pid_file != NULL && endpoint_write_pid(d.config.pid_file) != 0)
		return 1;
	loop_run(d.loop);
	sessions_free(d.sessions);
	fcgi_free(d.requests.fcgi);
	wires_fini(&d.wires);
	members_free(d.members);
	rooms_free(d.rooms);
	loop_free(d.loop);
	unlink(d.config.socket);
	return 0;
}
