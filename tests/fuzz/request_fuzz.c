/*
 * Requests of all kinds to all that answers, Socket.IO's sessions and the relay among them, in one long-lived log:
 * each is answered once or held, and what is answered or stored is well-formed (answer.h, stub.h).
 *
 * An input is a byte of options, then steps with 0x1D between, which begin with what they do:
 *   q N request   on connection N, see stub_read(); with $0 to $3, $p, $i, $e for what was learned (answer.h)
 *   c N           its peer hangs up
 *   t, a N        the turn ends; N times 200 ms pass
 *   s N, l N, j N the oldest send, look, reading is done, with outcome N
 *   p N message   another program's message: its event, 0x1F, its body
 *   n, x          memory is (not) true; the next answer does not get away
 *   b, d N        parts of answers are (not) taken late; what was given on connection N is taken
 */
#include <sys/eventfd.h>
#include <unistd.h>

#include "api/errand.h"
#include "api/history.h"
#include "api/poll.h"
#include "api/roomlist.h"
#include "api/send.h"
#include "api/single.h"
#include "api/stream.h"
#include "base/clock.h"
#include "base/log.h"
#include "event/loop.h"
#include "health.h"
#include "live/gate.h"
#include "live/room.h"
#include "route.h"
#include "socketio/polling.h"
#include "socketio/relay.h"
#include "stub.h"
#include "web/wire.h"

enum { SESSIONS_MAX = 16, SIDS_MAX = 512, WAIT_MAX_MS = 55000 };

static struct world {
	struct loop *loop;
	struct rooms *rooms;
	struct requests requests;
	struct poll *poll;
	struct stream *stream;
	struct send send;
	struct single single;
	struct history history;
	struct roomlist roomlist;
	struct health health;
	_Atomic uint64_t passed_over;
	struct relay *relay;
	struct members *members;
	struct sessions *sessions;
	struct engine engine;
	struct wires wires; /* of which there are none */
	struct routes routes;
	struct persons *persons;
	struct access *access;
	struct gate gate;
	struct buf texts[STUB_CONNS];       /* their requests */
	char sids[SIDS_MAX][TOKEN_ID_SIZE]; /* of an input, of those that ended as well */
	size_t n_sids;
	struct str rest;
	bool ending;
	int event_fd;
} w;

static void
gone(struct fcgi_conn *c)
{
	struct slot *slot = (struct slot *)(void *)c->slot;

	if (!c->open)
		return;
	if (slot->parked == PARKED_POLL)
		poll_gone(w.poll, c);
	else if (slot->parked == PARKED_STREAM)
		stream_gone(w.stream, c);
	else if (slot->parked == PARKED_SESSION)
		polling_gone(c);
	else if (slot->parked == PARKED_ERRAND)
		errand_gone(c);
	else if (slot->parked == PARKED_LATE)
		gate_gone(&w.gate, c);
	c->open = c->postponed = c->streaming = c->blocked = false;
	gate_ended(&w.gate, c);
}

/* Whether it is answered, or waits for something. */
static void
check_open(const struct fcgi_conn *c)
{
	const struct slot *slot = (const struct slot *)(const void *)c->slot;

	MUST(!c->open || slot->parked != PARKED_NOT || stub.n_sends + stub.n_looks + stub.n_reads > 0 ||
	     !sessions_idle(w.sessions));
}

/* The requests are for any host, so that they get somewhere; but what they name could be asked for. */
static void
check_host(struct str header)
{
	struct hosts all = {.n = 0};

	MUST(hosts_know(&all, header));
	MUST(hosts_add(&all, STR("[::1]")) && hosts_add(&all, STR("localhost")));
	MUST(!hosts_know(&all, header) || host_is_address(header));
	/* Nothing that is known as a host has a port for a name. */
	if (hosts_add(&all, header))
		MUST(hosts_know(&all, header));
}

/* A request has come, for the first time or again. */
static void
handle(struct fcgi_conn *c)
{
	struct fcgi_request from = {.conn = c};
	struct request r;

	stub_read(&from, buf_str(&w.texts[c - stub.conns]));
	request_init(&r, &w.requests, &from, sizeof c->slot);
	check_host(r.host);
	route_request(&w.routes, &r, &from);
	check_open(c);
}

static void
on_ended(struct fcgi_conn *c)
{
	gate_ended(&w.gate, c);
}

static void
request(size_t i, struct str text)
{
	gone(&stub.conns[i]);
	buf_reset(&w.texts[i], SIZE_MAX);
	names_expand(&w.texts[i], text, &stub.names);
	MUST(buf_ok(&w.texts[i]));
	handle(stub_open(i));
}

static void
publish(struct message *m)
{
	m->f.id = rooms_head(w.rooms) + 1;
	m->f.at_ms = clock_wall_ms();
	MUST(message_encode(m) == 0 && json_object(m->json, ANSWER_DEPTH_MAX, NULL, NULL, NULL) == JSON_OK);
	MUST(answer_valid_for_sqlite(m->json));
	rooms_publish(w.rooms, message_hold(m));
	rooms_publish_end(w.rooms, m->f.id);
}

static void
end_send(enum commit_outcome outcome)
{
	struct stub_send send = stub_take_send();
	int64_t id = 1;

	if (outcome > COMMIT_OUTDATED || (outcome > COMMIT_NO_DISK_SPACE && send.message->f.changes == 0))
		outcome = COMMIT_STORED;
	if (outcome == COMMIT_STORED) {
		publish(send.message);
		id = send.message->f.id;
	}
	send.fn(send.ctx, send.handle, outcome, send.message, id, send.message->f.at_ms);
	message_drop(send.message);
}

static void
end_look(bool ok)
{
	struct stub_look look = stub_take_look();

	look.fn(look.ctx, look.handle, ok);
}

static void
end_read(unsigned how)
{
	stub.missed = how >> 4 & 3;
	/* Nothing but a search has a syntax or an end. */
	stub_end_read(how % 16 == 15 ? STORE_STALE : (enum store_status)(how % (STORE_SYNTAX + 1)));
}

/* A row as any program may insert it: its text may have any bytes. */
static void
other_program(unsigned how, struct str body)
{
	static const struct str rooms[] = {{"main", 4}, {"ops", 3}, {"x", 1}, {"y", 1}};
	struct str event = str_cut(&body, 0x1F);
	struct message_fields f = {.room = rooms[how & 3],
	    .event = event.n == 0 || event.n > MESSAGE_EVENT_MAX ? STR("e") : event,
	    .sender = how & 4 ? STR("\xFF\"x") : STR("ann"),
	    .body = body,
	    .is_args = (how & 8) != 0};
	struct message *m;

	if (f.is_args && (json_array(body, ANSWER_DEPTH_MAX - 100, NULL, NULL) != JSON_OK))
		return;
	if (how & 16 && f.is_args) {
		f.attachments = STR("\"AQL/\",\"\"");
		f.n_attachments = 2;
	}
	m = message_new(&f);
	MUST(m != NULL);
	publish(m);
	message_drop(m);
}

static void
taken(struct fcgi_conn *c)
{
	if (!c->open || !c->blocked)
		return;
	c->blocked = false;
	MUST(((const struct slot *)(const void *)c->slot)->parked == PARKED_STREAM);
	stream_drained(w.stream, c);
}

/* false: the turn ends. */
static bool
step(struct str text)
{
	unsigned char what = text.n > 0 ? (unsigned char)text.p[0] : 't', n = text.n > 1 ? (unsigned char)text.p[1] : 0;
	struct str more = text.n > 2 ? str_skip(text, 2) : STR("");

	switch (what) {
	case 'q':
		request(n % STUB_CONNS, more);
		return true;
	case 'c':
		gone(&stub.conns[n % STUB_CONNS]);
		return true;
	case 'a':
		stub.now_ms += (n & 63) * 200;
		return false;
	case 's':
		if (stub.n_sends > 0)
			end_send((enum commit_outcome)(n & 15));
		return true;
	case 'l':
		if (stub.n_looks > 0)
			end_look(n & 1);
		return true;
	case 'j':
		if (stub.n_reads > 0)
			end_read(n);
		return true;
	case 'p':
		other_program(n, more);
		return true;
	case 'n':
		stub.not_current = !stub.not_current;
		return true;
	case 'x':
		stub.lost = true;
		return true;
	case 'b':
		stub.blocking = !stub.blocking;
		return true;
	case 'd':
		taken(&stub.conns[n % STUB_CONNS]);
		return true;
	default:
		return false;
	}
}

static void
on_turn(void *ctx)
{
	(void)ctx;
	if (w.ending) {
		loop_stop(w.loop);
		return;
	}
	for (;;) {
		bool last = memchr(w.rest.p, 0x1D, w.rest.n) == NULL, more = step(str_cut(&w.rest, 0x1D));

		if (last) {
			loop_stop(w.loop);
			return;
		}
		if (!more)
			return;
	}
}

/* Sessions are known by the answers to their handshakes. */
static void
on_answer(struct str cgi)
{
	const struct answer *a = &stub.answer;

	(void)cgi;
	if (str_starts(a->body, STR("0{\"sid\":\""))) {
		MUST(w.n_sids < SIDS_MAX);
		MUST(names_learn(w.sids[w.n_sids++], TOKEN_ID_SIZE, a->body, "\"sid\":\"", "\""));
	}
}

static void
open_socketio(void)
{
	struct relay_options relay = {.ephemeral = "typing",
	    .recovery = true,
	    .recovery_messages = 3,
	    .message_max = 100000,
	    .loop = w.loop,
	    .access = w.access,
	    .persons = w.persons};
	struct member_options member = {.depth_max = 1000,
	    .message_max = 100000,
	    .namespaces_max = 4,
	    .attachments_max = PACKET_ATTACHMENTS_MAX,
	    .attachment_wait_ms = 1000000,
	    .event_wait_ms = 1000000};
	struct session_options session = {.ping_interval_ms = 2500,
	    .ping_timeout_ms = 2000,
	    .connect_timeout_ms = 4500,
	    .sessions_max = SESSIONS_MAX,
	    .queue_bytes_max = 100000,
	    .reply_max = 1000,
	    .access = w.access,
	    .persons = w.persons};
	struct member_app app;

	token_secret(relay.secret);
	w.relay = relay_new(&relay, w.rooms, NULL, NULL);
	MUST(w.relay != NULL);
	app = relay_app(w.relay);
	w.members = members_new(&member, &app);
	w.sessions = sessions_new(w.loop, &session, w.rooms, NULL);
	MUST(w.members != NULL && w.sessions != NULL);
	relay_set_members(w.relay, w.members);
	w.engine = (struct engine){.requests = &w.requests,
	    .sessions = w.sessions,
	    .gate = &w.gate,
	    .layer = members_layer(w.members),
	    .ping_interval_ms = session.ping_interval_ms,
	    .ping_timeout_ms = session.ping_timeout_ms,
	    .max_payload = 1000000};
	polling_init(&w.engine);
}

static void
close_all(void)
{
	sessions_free(w.sessions);
	poll_free(w.poll);
	stream_free(w.stream);
	members_free(w.members);
	relay_free(w.relay);
	rooms_free(w.rooms);
	access_free(w.access);
	persons_free(w.persons);
	loop_free(w.loop);
	for (int i = 0; i < STUB_CONNS; i++)
		buf_fini(&w.texts[i]);
	close(w.event_fd);
}

/* An open log; a stranger has so little that some of it is used up. */
static void
open_access(void)
{
	struct limits limits;
	char error[LIMIT_ERROR_SIZE];

	limits_init(&limits);
	MUST(limits_read(&limits, STR("stranger.messages=5:3"), error));
	MUST(limits_read(&limits, STR("stranger.passing=5:3"), error));
	MUST(limits_read(&limits, STR("stranger.sessions=8"), error));
	w.persons = persons_new(&limits, 64);
	MUST(w.persons != NULL);
	w.access = access_new(&(struct access_options){.persons = w.persons});
	MUST(w.access != NULL);
	w.gate = (struct gate){.loop = w.loop, .requests = &w.requests, .access = w.access, .persons = w.persons};
	gate_init(&w.gate);
	stub.resumed = handle;
	stub.ended = on_ended;
	for (int i = 0; i < STUB_CONNS; i++)
		buf_init(&w.texts[i], SIZE_MAX);
}

static void
open_all(void)
{
	struct poll_options poll = {.wait_max_ms = WAIT_MAX_MS, .reply_max = 1000};

	log_set_level(LOG_ERROR);
	stub.now_ms = 1000000;
	stub.answered = on_answer;
	MUST((w.loop = loop_new()) != NULL && (w.rooms = rooms_new(w.loop, 4000)) != NULL);
	open_access();
	w.poll = poll_new(w.loop, &poll, &w.requests, w.rooms, NULL, NULL, &w.gate);
	w.stream = stream_new(w.loop, &w.requests, w.rooms, NULL, NULL, &w.gate);
	MUST(w.poll != NULL && w.stream != NULL);
	MUST(stream_slot_size() <= sizeof stub.conns[0].slot);
	MUST(poll_slot_size() <= sizeof stub.conns[0].slot && polling_slot_size() <= sizeof stub.conns[0].slot);
	open_socketio();
	w.send = (struct send){.requests = &w.requests,
	    .gate = &w.gate,
	    .limits = {.body_max = 100000, .message_max = 50000, .depth_max = 1000}};
	w.single = (struct single){.requests = &w.requests, .gate = &w.gate, .limits = w.send.limits};
	w.history = (struct history){.requests = &w.requests, .rooms = w.rooms, .gate = &w.gate};
	w.roomlist = (struct roomlist){.requests = &w.requests, .rooms = w.rooms, .gate = &w.gate};
	w.health = (struct health){.wires = &w.wires,
	    .version = "0",
	    .loop = w.loop,
	    .requests = &w.requests,
	    .rooms = w.rooms,
	    .poll = w.poll,
	    .stream = w.stream,
	    .sessions = w.sessions,
	    .relay = w.relay,
	    .gate = &w.gate,
	    .database = "/nonexistent",
	    .passed_over = &w.passed_over};
	w.routes = (struct routes){
	    &w.send, &w.single, w.poll, w.stream, &w.history, &w.roomlist, &w.health, &w.engine, NULL, &w.gate};
	/* Always readable: each turn begins with on_turn(). */
	w.event_fd = eventfd(1, EFD_CLOEXEC);
	MUST(w.event_fd >= 0 && loop_add_source(w.loop, w.event_fd, on_turn, NULL) == 0);
	atexit(close_all);
}

/* Whatever waits gets its answer, whoever is held hangs up: nothing is left for the next input. */
static void
end_all(void)
{
	stub.lost = stub.not_current = stub.blocking = false;
	while (stub.n_sends + stub.n_looks + stub.n_reads > 0) {
		while (stub.n_reads > 0)
			end_read(STORE_FAILED);
		while (stub.n_looks > 0)
			end_look(false);
		while (stub.n_sends > 0)
			end_send(COMMIT_FAILED);
	}
	for (int i = 0; i < STUB_CONNS; i++) {
		check_open(&stub.conns[i]);
		gone(&stub.conns[i]);
	}
	for (size_t i = 0; i < w.n_sids; i++) {
		struct session *s = session_find(w.sessions, members_layer(w.members), str_of(w.sids[i]));

		if (s != NULL)
			session_end(s, STR("1"));
	}
	w.n_sids = 0;
	w.ending = true;
	loop_run(w.loop);
	w.ending = false;
	MUST(sessions_count(w.sessions) == 0 && poll_parked(w.poll) == 0);
	MUST(stub.n_sends + stub.n_looks + stub.n_reads == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static const struct origins origins[] = {{.any = false}, {.any = true},
	    {.n = 2, .named = {{"https://chat.example", 20}, {"capacitor://localhost", 21}}}, {.any = false}};

	if (n == 0)
		return 0;
	if (w.loop == NULL)
		open_all();
	rooms_reset(w.rooms, "0123456789abcdef", bytes[0] & 4 ? 40 : 0);
	stub.names = (struct names){.epoch = "0123456789abcdef"};
	w.requests.origins = origins[bytes[0] & 3];
	w.rest = (struct str){(const char *)bytes + 1, n - 1};
	loop_run(w.loop);
	end_all();
	return 0;
}
