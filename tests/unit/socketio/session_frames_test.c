/*
 * Sessions over WebSocket, and on the way there: outlets that send each packet by itself, packets that come one by one,
 * and every cell of the probe's table (session_probe.c). The loop is real; connections are a slot each.
 */
#include "socketio/session.h"

#include "test.h"
#include "test_outlet.h"
#include "test_rooms.h"

enum { CONNS = 300, INTERVAL_MS = 20000, TIMEOUT_MS = 500, UPGRADE_MS = 1000, PAYLOAD_MAX = 100, HEAD = 7 };

/* A WebSocket, or a GET; no bytes are moved. */
struct conn {
	bool open, ended;
	enum outlet_put then; /* when it was given something */
	size_t n;             /* payloads */
	size_t handled;       /* packets of its */
	char said[4000];      /* all payloads, each with | behind */
	struct session_outlet outlet;
};

static struct fixture {
	struct loop *loop;
	struct rooms *rooms;
	struct sessions *sessions;
	struct session_layer layer;
	struct session_cursor cursor;
	struct conn conns[CONNS];
	size_t n_conns;
	char heard[8000]; /* what the layer was given, each with | behind */
	char hold_at;     /* a text that is held */
	int64_t later_ms;
	size_t ended;
	int event_fd;
} fx;

/* Time passes when later() says so, and not otherwise. */
int64_t __wrap_clock_ms(void);

int64_t
__wrap_clock_ms(void)
{
	return 1000000 + fx.later_ms;
}

/* ---- outlets ---- */

static unsigned
form(const struct session_outlet *o)
{
	return o->transport->framed ? UINT16_MAX : 0;
}

static enum outlet_put
put(struct session_outlet *o, struct blob *wrapped)
{
	struct conn *c = CONTAINER(o, struct conn, outlet);
	size_t n = strlen(c->said);

	assert_true(c->open);
	snprintf(c->said + n, sizeof c->said - n, "%.*s|", (int)wrapped->n, wrapped->p);
	blob_drop(wrapped);
	c->n++;
	c->open = c->then == OUTLET_OPEN || c->then == OUTLET_BLOCKED;
	return c->then;
}

static void
end_get(struct session_outlet *o, struct str payload)
{
	(void)put(o, wrap(o, payload, 1));
	CONTAINER(o, struct conn, outlet)->open = false;
}

static void
end_frames(struct session_outlet *o, struct str payload)
{
	struct conn *c = CONTAINER(o, struct conn, outlet);

	(void)payload;
	assert_true(c->open);
	c->open = false;
	c->ended = true;
}

static void
handled(struct session_outlet *o)
{
	struct conn *c = CONTAINER(o, struct conn, outlet);

	assert_true(c->open);
	c->handled++;
}

static const struct session_transport polling = {.form = form, .wrap = wrap, .put = put, .end = end_get};
static const struct session_transport frames = {.framed = true,
    .payload_max = PAYLOAD_MAX,
    .form = form,
    .wrap = wrap,
    .put = put,
    .end = end_frames,
    .handled = handled};

static struct conn *
new_conn(const struct session_transport *t, enum outlet_put then)
{
	struct conn *c = &fx.conns[fx.n_conns++];

	assert_true(fx.n_conns <= CONNS);
	*c = (struct conn){.open = true, .then = then, .outlet.transport = t};
	return c;
}

static struct conn *
get(struct session *s)
{
	struct conn *c = new_conn(&polling, OUTLET_USED);

	session_attach(s, &c->outlet);
	return c;
}

static struct conn *
new_socket(void)
{
	return new_conn(&frames, OUTLET_OPEN);
}

static struct conn *
attach_socket(struct session *s)
{
	struct conn *c = new_socket();

	session_attach(s, &c->outlet);
	return c;
}

static struct conn *
probe(struct session *s)
{
	struct conn *c = new_socket();

	assert_true(session_probe(s, &c->outlet));
	return c;
}

static bool
says(struct conn *c, const char *packet)
{
	return session_packet(&c->outlet, false, str_of(packet), 0);
}

/* As says(); it is its turn so many ms from now. */
static bool
says_in(struct conn *c, const char *packet, int64_t wait_ms)
{
	return session_packet(&c->outlet, false, str_of(packet), wait_ms);
}

/* A probe that has asked. */
static struct conn *
probed(struct session *s)
{
	struct conn *c = probe(s);

	assert_true(says_in(c, "2probe", 0));
	return c;
}

/* Its connection is gone. */
static void
lose(struct conn *c)
{
	c->open = false;
	session_detach(&c->outlet);
}

/* It takes more again. */
static void
drain(struct conn *c)
{
	c->then = OUTLET_OPEN;
	session_drained(&c->outlet);
}

/* A POST of two packets, of which the layer holds the first. */
static void
post_held(struct session *s)
{
	fx.hold_at = 'h';
	session_post(s, 1,
	    STR("4h\x1E"
	        "4b"));
}

/* ---- the layer ---- */

static int
on_opened(void *ctx, struct session *s)
{
	(void)ctx;
	(void)s;
	return 0;
}

static void
hear(const char *kind, struct str bytes)
{
	size_t n = strlen(fx.heard);

	snprintf(fx.heard + n, sizeof fx.heard - n, "%s%.*s|", kind, STR_ARGS(bytes));
}

static bool
on_text(void *ctx, struct session *s, struct str text)
{
	(void)ctx;
	hear("", text);
	if (text.n > 0 && text.p[0] == fx.hold_at)
		session_hold(s, true);
	return text.n == 0 || text.p[0] != '!';
}

static bool
on_binary(void *ctx, struct session *s, struct str bytes)
{
	(void)ctx;
	(void)s;
	hear("binary ", bytes);
	return true;
}

static unsigned
on_packets(void *ctx, struct session_cursor *c, struct message *m, struct buf *body)
{
	(void)ctx;
	(void)c;
	buf_printf(body, "4m%d", (int)m->f.id);
	return 1;
}

static void
on_ended(void *ctx, struct session *s)
{
	(void)ctx;
	(void)s;
	fx.ended++;
	session_remove_cursor(&fx.cursor);
}

static void
on_posted(void *ctx, uint64_t who, enum session_posted how)
{
	(void)ctx;
	(void)who;
	hear("post ", how == SESSION_POST_HANDLED ? STR("ok") : STR("not"));
}

static int
setup(void **state)
{
	struct session_options options = {.ping_interval_ms = INTERVAL_MS,
	    .ping_timeout_ms = TIMEOUT_MS,
	    .connect_timeout_ms = 1000000,
	    .sessions_max = CONNS,
	    .queue_bytes_max = 1000000,
	    .reply_max = 1000000,
	    .upgrade_timeout_ms = UPGRADE_MS};

	(void)state;
	memset(&fx, 0, sizeof fx);
	fx.loop = loop_new();
	fx.rooms = rooms_new(fx.loop, 1 << 20);
	assert_non_null(fx.rooms);
	rooms_reset(fx.rooms, "epoch1", HEAD);
	fx.layer = (struct session_layer){
	    .opened = on_opened, .text = on_text, .binary = on_binary, .packets = on_packets, .ended = on_ended};
	fx.sessions = sessions_new(fx.loop, &options, fx.rooms, NULL);
	assert_non_null(fx.sessions);
	sessions_on_posted(fx.sessions, on_posted, NULL);
	fx.event_fd = test_single_turns(fx.loop);
	test_watchdog(60);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < fx.n_conns; i++)
		fx.conns[i].open = false;
	sessions_free(fx.sessions);
	rooms_free(fx.rooms);
	loop_free(fx.loop);
	close(fx.event_fd);
	test_watchdog(0);
	return 0;
}

static void
turn(void)
{
	loop_run(fx.loop);
}

static void
turns(int n)
{
	for (int i = 0; i < n; i++)
		turn();
}

/* So much later; what is due then has gone off. */
static void
later(int64_t ms)
{
	fx.later_ms += ms + 20;
	turns(3);
}

static struct session *
new_session(bool few)
{
	bool limited;
	struct session *s = session_new(fx.sessions, &fx.layer, few, NULL, &limited);

	assert_non_null(s);
	session_connected(s);
	return s;
}

static struct blob *
text_blob(const char *text)
{
	struct blob *b = blob_new(strlen(text));

	assert_non_null(b);
	memcpy(b->p, text, b->n);
	return b;
}

static void
queue(struct session *s, const char *text)
{
	session_queue(s, text_blob(text), 1);
}

static void
join(struct session *s, int64_t since, bool replays)
{
	session_add_cursor(
	    s, &fx.cursor, &(struct session_start){.room = STR("main"), .since = since, .replays = replays});
}

static void
publish(void)
{
	test_rooms_publish(fx.rooms, rooms_head(fx.rooms) + 1, "main");
}

static uint64_t
failed(enum session_upgrade_failure why)
{
	return sessions_counts(fx.sessions).upgrades_failed[why];
}

/* ---- what goes out ---- */

static void
waits_in_its_room_as_soon_as_it_has_sent(void **state)
{
	struct session *s = new_session(false);
	struct conn *c = attach_socket(s);

	(void)state;
	join(s, HEAD, false);
	turn();
	assert_non_null(fx.cursor.waiter.room);
	queue(s, "4q");
	turn();
	assert_string_equal(c->said, "4q|");
	assert_non_null(fx.cursor.waiter.room);
	for (int i = 1; i <= 3; i++) {
		publish();
		turn();
		assert_int_equal(c->n, 1 + i);
		/* In this very turn: what comes next is told in a round with all others. */
		assert_non_null(fx.cursor.waiter.room);
		assert_int_equal(waiter_since(&fx.cursor.waiter), HEAD + i);
	}
	assert_string_equal(c->said, "4q|4m8|4m9|4m10|");
}

static void
a_payload_has_a_bound_of_its_own_and_the_rest_follows(void **state)
{
	struct session *s = new_session(true); /* few: that is for replies of polling */
	struct conn *c;

	(void)state;
	for (int i = 0; i < 100; i++)
		queue(s, "4a");
	c = attach_socket(s);
	turns(5);
	assert_int_equal(c->n, 3);
	assert_int_equal(strlen(c->said), 100 * 3);
	for (size_t n = 0; n < strlen(c->said); n += strcspn(c->said + n, "|") + 1)
		assert_in_range(strcspn(c->said + n, "|"), 16 * 3, PAYLOAD_MAX + 1);
}

static void
a_packet_with_a_separator_in_it_goes_alone(void **state)
{
	struct session *s = new_session(false);
	struct conn *c;

	(void)state;
	queue(s, "4a");
	queue(s, "4b\x1E"
	         "4c");
	queue(s, "4d");
	c = attach_socket(s);
	turns(3);
	assert_string_equal(c->said, "4a|4b\x1E"
	                             "4c|4d|");
}

static void
a_blocked_one_stands_in_no_room_and_goes_on_from_its_cursor(void **state)
{
	struct session *s = new_session(false);
	struct conn *c = attach_socket(s);

	(void)state;
	join(s, HEAD, false);
	turn();
	c->then = OUTLET_BLOCKED;
	publish();
	turn();
	assert_string_equal(c->said, "4m8|");
	assert_null(fx.cursor.waiter.room);
	publish();
	publish();
	queue(s, "4q");
	turns(3);
	assert_int_equal(c->n, 1);
	assert_null(fx.cursor.waiter.room);
	drain(c);
	assert_string_equal(c->said, "4m8|4m9\x1E"
	                             "4m10\x1E"
	                             "4q|");
	assert_non_null(fx.cursor.waiter.room);
}

/* Frames are no reply that comes whole or not at all. */
static void
the_welcome_comes_before_what_was_missed(void **state)
{
	struct session *s = new_session(false), *other;
	struct conn *c, *reply;

	(void)state;
	publish();
	join(s, HEAD, true);
	session_queue_welcome(s, text_blob("40"), &fx.cursor);
	c = attach_socket(s);
	turn();
	assert_string_equal(c->said, "40\x1E"
	                             "4m8|");
	session_end(s, STR("1"));
	other = new_session(false);
	join(other, HEAD, true);
	session_queue_welcome(other, text_blob("40"), &fx.cursor);
	reply = get(other);
	assert_string_equal(reply->said, "4m8\x1E"
	                                 "40|");
}

/* It closes, so its reply to CONNECT is not queued any more; a client would keep what comes without it, and have it
 * twice. */
static void
nothing_comes_without_the_welcome(void **state)
{
	struct session *s = new_session(false);
	struct conn *c = attach_socket(s);

	(void)state;
	c->then = OUTLET_BLOCKED;
	queue(s, "4q");
	turn();
	session_close(s);
	publish();
	join(s, HEAD, true);
	session_queue_welcome(s, text_blob("40"), &fx.cursor);
	drain(c);
	turn();
	assert_string_equal(c->said, "4q|");
	assert_true(c->ended);
}

static void
the_heartbeat_is_that_of_polling(void **state)
{
	struct session *s = new_session(false);
	struct conn *c = attach_socket(s);

	(void)state;
	later(INTERVAL_MS);
	assert_string_equal(c->said, "2|");
	assert_false(says(c, "3"));
	turn();
	assert_int_equal(c->handled, 1);
	later(INTERVAL_MS);
	assert_string_equal(c->said, "2|2|");
	later(TIMEOUT_MS);
	assert_true(c->ended);
	assert_int_equal(fx.ended, 1);
}

static void
a_closed_one_says_what_is_queued_and_ends(void **state)
{
	struct session *s = new_session(false);
	struct conn *c = attach_socket(s);

	(void)state;
	queue(s, "41");
	session_close(s);
	turns(2);
	assert_string_equal(c->said, "41|");
	assert_true(c->ended);
}

static void
a_stop_leaves_it_to_the_transport(void **state)
{
	struct session *s = new_session(false);
	struct conn *c = attach_socket(s);

	(void)state;
	sessions_drain(fx.sessions);
	turn();
	assert_true(c->open);
	assert_true(sessions_are_draining(fx.sessions));
	lose(c);
	assert_int_equal(fx.ended, 1);
}

/* ---- what comes ---- */

static void
a_packet_is_a_message_and_is_never_parted(void **state)
{
	struct conn *c = attach_socket(new_session(false));

	(void)state;
	assert_false(says(c, "4a\x1E"
	                     "4b"));
	turn();
	assert_string_equal(fx.heard, "a\x1E"
	                              "4b|");
	assert_int_equal(c->handled, 1);
	assert_false(session_packet(&c->outlet, true, STR("1x"), 0));
	turn();
	assert_false(session_packet(&c->outlet, true, STR(""), 0));
	turn();
	assert_string_equal(fx.heard, "a\x1E"
	                              "4b|binary 1x|binary |");
	assert_int_equal(c->handled, 3);
	assert_false(says(c, "bAQI="));
	turn();
	assert_memory_equal(fx.heard + strlen(fx.heard) - 3, "\1\2|", 3);
	/* These mean nothing. */
	says(c, "5");
	turn();
	says(c, "6");
	turn();
	assert_true(c->open);
	assert_int_equal(c->n, 0);
}

static void
what_breaks_the_protocol_ends_it(void **state)
{
	static const char *const bad[] = {"", "2", "2probe", "x", "4!"};

	(void)state;
	for (size_t i = 0; i < LENGTH(bad); i++) {
		struct conn *c = attach_socket(new_session(false));

		says(c, bad[i]);
		turn();
		assert_true(c->ended);
		assert_int_equal(fx.ended, i + 1);
	}
}

static void
a_good_bye_ends_it(void **state)
{
	struct conn *c = attach_socket(new_session(false));

	(void)state;
	says(c, "1");
	turn();
	assert_true(c->ended);
	assert_int_equal(c->handled, 0);
	assert_int_equal(sessions_counts(fx.sessions).framed, 0);
}

static void
packets_take_turns_with_posts(void **state)
{
	enum { SOCKETS = 100, PER_TURN = 64 };
	struct conn *c[SOCKETS];

	(void)state;
	for (int i = 0; i < SOCKETS; i++) {
		c[i] = attach_socket(new_session(false));
		says(c[i], "4a");
	}
	turn();
	assert_int_equal(sessions_counts(fx.sessions).packets, PER_TURN);
	assert_int_equal(sessions_counts(fx.sessions).posts, SOCKETS - PER_TURN);
	assert_int_equal(c[0]->handled, 1);
	assert_int_equal(c[SOCKETS - 1]->handled, 0);
	turn();
	assert_int_equal(c[SOCKETS - 1]->handled, 1);
}

static void
what_waits_for_its_turn_is_handled_then(void **state)
{
	struct session *s = new_session(false);
	struct conn *c = attach_socket(s);

	(void)state;
	assert_false(says_in(c, "4a", 400));
	turns(3);
	assert_string_equal(fx.heard, "");
	/* The clock stands still: nothing is read meanwhile, a pong neither. */
	later(INTERVAL_MS + 10 * TIMEOUT_MS);
	assert_string_equal(fx.heard, "a|");
	assert_int_equal(c->handled, 1);
	assert_true(session_alive(s));
	assert_false(says_in(c, "4b", 40000));
	/* It is paid for; who is gone waits no more. */
	lose(c);
	assert_int_equal(fx.ended, 0);
	turn();
	assert_string_equal(fx.heard, "a|b|");
	assert_int_equal(fx.ended, 1);
}

static void
a_close_does_not_wait_for_anybodys_turn(void **state)
{
	struct session *s = new_session(false);
	struct conn *c = attach_socket(s);

	(void)state;
	c->then = OUTLET_BLOCKED;
	queue(s, "41");
	turn();
	queue(s, "4q");
	assert_false(says_in(c, "4a", 40000));
	session_close(s);
	turns(3);
	assert_string_equal(fx.heard, "");
	assert_true(sessions_idle(fx.sessions));
	assert_int_equal(c->handled, 1);
	/* What comes now is passed over. */
	assert_true(says(c, "4b"));
	session_drained(&c->outlet);
	drain(c);
	assert_string_equal(fx.heard, "");
	assert_string_equal(c->said, "41|4q|");
	assert_true(c->ended);
}

static void
what_is_held_is_not_over(void **state)
{
	struct session *s = new_session(false);
	struct conn *c = attach_socket(s);

	(void)state;
	fx.hold_at = 'h';
	says(c, "4h");
	turns(3);
	assert_int_equal(c->handled, 0);
	session_release(s);
	turn();
	assert_int_equal(c->handled, 1);
}

/* ---- the probe ---- */

static void
upgrades(void **state)
{
	struct session *s = new_session(false);
	struct conn *ws, *held = get(s), *next;

	(void)state;
	join(s, HEAD, false);
	ws = probe(s);
	turn();
	assert_true(held->open);
	assert_false(session_is_framed(s));
	assert_true(says(ws, "2probe"));
	assert_string_equal(ws->said, "3probe|");
	assert_string_equal(held->said, "6|");
	/* What there is goes by polling still. */
	publish();
	turn();
	next = get(s);
	assert_string_equal(next->said, "4m8|");
	next = get(s);
	assert_true(next->open);
	assert_true(says(ws, "5"));
	assert_string_equal(next->said, "6|");
	assert_true(session_is_framed(s));
	assert_int_equal(sessions_counts(fx.sessions).upgrades, 1);
	assert_int_equal(sessions_counts(fx.sessions).framed, 1);
	assert_non_null(fx.cursor.waiter.room);
	publish();
	queue(s, "4q");
	turns(2);
	assert_string_equal(ws->said, "3probe|4m9\x1E"
	                              "4q|");
	/* Nothing of the probe is left: its time, or a `6`. */
	later(UPGRADE_MS);
	assert_string_equal(ws->said, "3probe|4m9\x1E"
	                              "4q|");
	assert_true(ws->open);
	session_end(s, STR("1"));
	assert_true(ws->ended);
	assert_int_equal(sessions_counts(fx.sessions).framed, 0);
}

static void
a_get_behind_the_probe_gets_a_noop_after_a_moment(void **state)
{
	struct session *s = new_session(false);
	struct conn *ws = probed(s), *held;

	(void)state;
	for (int i = 0; i < 3; i++) {
		held = get(s);
		turns(3);
		assert_true(held->open);
		later(60);
		assert_true(held->open);
		later(60);
		assert_string_equal(held->said, "6|");
	}
	/* One that was answered otherwise leaves none for the next. */
	held = get(s);
	later(60);
	queue(s, "4q");
	turn();
	assert_string_equal(held->said, "4q|");
	held = get(s);
	later(60);
	assert_true(held->open);
	later(60);
	assert_string_equal(held->said, "6|");
	assert_string_equal(ws->said, "3probe|");
}

static void
before_the_probe_asks_gets_are_held_as_ever(void **state)
{
	struct session *s = new_session(false);
	struct conn *ws = probe(s), *held = get(s);

	(void)state;
	later(300);
	assert_true(held->open && ws->open);
	says(ws, "2probe");
	assert_string_equal(held->said, "6|");
}

static void
a_second_probe_ask_is_answered_again(void **state)
{
	struct session *s = new_session(false);
	struct conn *ws = probed(s), *held;

	(void)state;
	held = get(s);
	says(ws, "2probe");
	assert_string_equal(ws->said, "3probe|3probe|");
	/* It is no reason to have the client's GETs come as fast as they can. */
	assert_true(held->open);
	assert_true(says(ws, "5"));
	assert_string_equal(held->said, "6|");
}

static void
what_is_not_of_the_probe_ends_it_alone(void **state)
{
	static const char *const asked[] = {"5", "", "3", "4a", "2", "2probe ", "1", "6"};
	static const char *const behind[] = {"", "3", "4a", "2", "5 ", "1", "6"};
	struct session *s = new_session(false);
	struct conn *held = get(s), *ws;

	(void)state;
	for (size_t i = 0; i < LENGTH(asked); i++) {
		ws = probe(s);
		says(ws, asked[i]);
		assert_true(ws->ended);
		assert_string_equal(ws->said, "");
		assert_true(held->open);
	}
	ws = probe(s);
	session_packet(&ws->outlet, true, STR("2probe"), 0);
	assert_true(ws->ended);
	for (size_t i = 0; i < LENGTH(behind); i++) {
		ws = probed(s);
		held = get(s);
		says(ws, behind[i]);
		assert_true(ws->ended);
		assert_true(held->open);
		queue(s, "4q");
		turn();
		assert_string_equal(held->said, "4q|");
	}
	assert_int_equal(failed(UPGRADE_BAD_PACKET), LENGTH(asked) + 1 + LENGTH(behind));
	assert_string_equal(fx.heard, "");
	assert_true(session_alive(s));
	assert_false(session_is_framed(s));
	/* And another one may come. */
	ws = probed(s);
	says(ws, "5");
	assert_true(session_is_framed(s));
}

static void
one_that_is_gone_or_late_ends_alone(void **state)
{
	struct session *s = new_session(false);
	struct conn *held = get(s), *ws;

	(void)state;
	for (int has_asked = 0; has_asked < 2; has_asked++) {
		ws = has_asked ? probed(s) : probe(s);
		lose(ws);
		assert_int_equal(failed(UPGRADE_LOST), 1 + has_asked);
		if (has_asked)
			held = get(s);
		later(300);
		assert_true(held->open); /* there is no `6` behind it */
		ws = has_asked ? probed(s) : probe(s);
		later(UPGRADE_MS - 100);
		assert_true(ws->open);
		later(100);
		assert_true(ws->ended);
		assert_int_equal(failed(UPGRADE_TIMEOUT), 1 + has_asked);
		assert_true(session_alive(s));
	}
	assert_true(fx.ended == 0);
}

static void
a_second_socket_is_refused_and_harms_nothing(void **state)
{
	struct session *s = new_session(false);
	struct conn *ws = probe(s), *second = new_socket();

	(void)state;
	assert_false(session_probe(s, &second->outlet));
	says(ws, "2probe");
	assert_false(session_probe(s, &second->outlet));
	says(ws, "5");
	assert_false(session_probe(s, &second->outlet));
	assert_int_equal(failed(UPGRADE_SECOND), 3);
	queue(s, "4q");
	turn();
	assert_string_equal(ws->said, "3probe|4q|");
}

static void
a_session_that_ends_takes_its_probe_along(void **state)
{
	(void)state;
	for (int has_asked = 0; has_asked < 2; has_asked++) {
		struct session *s = new_session(false);
		struct conn *ws = has_asked ? probed(s) : probe(s);

		session_end(s, STR("1"));
		assert_true(ws->ended);
		assert_int_equal(failed(UPGRADE_SESSION_ENDED), 1 + has_asked);
		later(UPGRADE_MS);
	}
}

/* The client's network is gone: its GET, and then the probe. */
static void
a_session_that_is_left_takes_its_probe_along(void **state)
{
	struct session *s = new_session(false);
	struct conn *ws = probe(s), *held = get(s);

	(void)state;
	post_held(s);
	turn();
	lose(held);
	assert_true(ws->ended);
	assert_int_equal(fx.ended, 0);
	session_release(s);
	turns(2);
	assert_int_equal(fx.ended, 1);
}

static void
what_was_posted_before_comes_first(void **state)
{
	struct session *s = new_session(false);
	struct conn *ws = probed(s);

	(void)state;
	post_held(s);
	session_post(s, 2, STR("4c"));
	turn();
	says(ws, "5");
	assert_false(says(ws, "4d"));
	turns(3);
	assert_string_equal(fx.heard, "h|");
	session_release(s);
	turns(3);
	assert_string_equal(fx.heard, "h|b|post ok|c|post ok|d|");
	assert_int_equal(ws->handled, 1);
}

/* All that waits goes with the session, and whoever waits for it is told. */
static void
an_end_drops_all_that_came(void **state)
{
	struct session *s = new_session(false);
	struct conn *ws = probed(s);

	(void)state;
	post_held(s);
	session_post(s, 2, STR("4c"));
	turn();
	says(ws, "5");
	says(ws, "4d");
	session_end(s, STR("1"));
	assert_string_equal(fx.heard, "h|post not|post not|");
	assert_true(sessions_idle(fx.sessions));
	turn();
}

static void
the_welcome_and_what_was_missed_are_the_next_outlets(void **state)
{
	struct session *s = new_session(false);
	struct conn *ws = probe(s);

	(void)state;
	publish();
	join(s, HEAD, true);
	says(ws, "2probe");
	session_queue_welcome(s, text_blob("40"), &fx.cursor);
	says(ws, "5");
	turn();
	assert_string_equal(ws->said, "3probe|40\x1E"
	                              "4m8|");
}

static void
a_blocked_probe_is_blocked_when_it_takes_over(void **state)
{
	struct session *s = new_session(false);
	struct conn *ws = probe(s);

	(void)state;
	ws->then = OUTLET_BLOCKED;
	says(ws, "2probe");
	says(ws, "5");
	queue(s, "4q");
	turns(2);
	assert_string_equal(ws->said, "3probe|");
	drain(ws);
	assert_string_equal(ws->said, "3probe|4q|");
	/* Or it drains before; who asks again without reading is gone. */
	s = new_session(false);
	ws = probe(s);
	ws->then = OUTLET_BLOCKED;
	says(ws, "2probe");
	session_drained(&ws->outlet);
	says(ws, "2probe");
	assert_string_equal(ws->said, "3probe|3probe|");
	says(ws, "2probe");
	assert_true(ws->ended);
	assert_true(session_alive(s));
}

static void
a_probe_waits_for_its_persons_turn(void **state)
{
	struct session *s = new_session(false);
	struct conn *ws = probe(s), *held = get(s);

	(void)state;
	assert_false(says_in(ws, "2probe", 300));
	turns(2);
	assert_string_equal(ws->said, "");
	later(300);
	assert_string_equal(ws->said, "3probe|");
	assert_string_equal(held->said, "6|");
	assert_int_equal(ws->handled, 1);
	assert_false(says_in(ws, "5", 300));
	assert_false(session_is_framed(s));
	later(300);
	assert_true(session_is_framed(s));
	assert_int_equal(ws->handled, 2);
	/* One that ends thereby is asked for no more. */
	s = new_session(false);
	ws = probe(s);
	assert_false(says_in(ws, "5", 300));
	later(300);
	assert_true(ws->ended);
	assert_int_equal(ws->handled, 0);
}

static void
a_closing_session_may_end_over_the_socket(void **state)
{
	struct session *s = new_session(false);
	struct conn *ws = probed(s);

	(void)state;
	queue(s, "41");
	session_close(s);
	turn();
	says(ws, "5");
	turns(2);
	assert_string_equal(ws->said, "3probe|41|");
	assert_true(ws->ended);
	s = new_session(false);
	ws = probed(s);
	session_close(s);
	says(ws, "5");
	assert_string_equal(ws->said, "3probe|");
	assert_true(ws->ended);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(waits_in_its_room_as_soon_as_it_has_sent),
	    TEST(a_payload_has_a_bound_of_its_own_and_the_rest_follows),
	    TEST(a_packet_with_a_separator_in_it_goes_alone),
	    TEST(a_blocked_one_stands_in_no_room_and_goes_on_from_its_cursor),
	    TEST(the_welcome_comes_before_what_was_missed),
	    TEST(nothing_comes_without_the_welcome),
	    TEST(the_heartbeat_is_that_of_polling),
	    TEST(a_closed_one_says_what_is_queued_and_ends),
	    TEST(a_stop_leaves_it_to_the_transport),
	    TEST(a_packet_is_a_message_and_is_never_parted),
	    TEST(what_breaks_the_protocol_ends_it),
	    TEST(a_good_bye_ends_it),
	    TEST(packets_take_turns_with_posts),
	    TEST(what_waits_for_its_turn_is_handled_then),
	    TEST(a_close_does_not_wait_for_anybodys_turn),
	    TEST(what_is_held_is_not_over),
	    TEST(upgrades),
	    TEST(a_get_behind_the_probe_gets_a_noop_after_a_moment),
	    TEST(before_the_probe_asks_gets_are_held_as_ever),
	    TEST(a_second_probe_ask_is_answered_again),
	    TEST(what_is_not_of_the_probe_ends_it_alone),
	    TEST(one_that_is_gone_or_late_ends_alone),
	    TEST(a_second_socket_is_refused_and_harms_nothing),
	    TEST(a_session_that_ends_takes_its_probe_along),
	    TEST(a_session_that_is_left_takes_its_probe_along),
	    TEST(what_was_posted_before_comes_first),
	    TEST(an_end_drops_all_that_came),
	    TEST(the_welcome_and_what_was_missed_are_the_next_outlets),
	    TEST(a_blocked_probe_is_blocked_when_it_takes_over),
	    TEST(a_probe_waits_for_its_persons_turn),
	    TEST(a_closing_session_may_end_over_the_socket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
