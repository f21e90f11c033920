/*
 * Sessions turn by turn: how much of what clients send is handled in each, in which order, and what passes through a
 * channel. The loop is real; connections are a slot each, which remembers its answer.
 */
#include "socketio/session.h"

#include "test.h"
#include "test_outlet.h"

enum {
	CONNS = 1200,
	PACKETS = 64, /* that a turn handles */
	INTERVAL_MS = 20000,
	TIMEOUT_MS = 500,
};

/* Something that a session speaks to, or that sent a POST; no FastCGI is in it. */
struct conn {
	bool open, ended;
	enum outlet_put then;    /* when it was given something */
	enum session_posted how; /* the POST ended */
	size_t n;                /* payloads */
	char body[200];          /* the last one */
	struct session_outlet outlet;
};

/* One that has joined: a cursor in the channel. */
struct one {
	struct session *session;
	struct session_cursor cursor;
	struct conn *conn; /* of its GET */
};

enum { ONES = 1000 };

static struct fixture {
	struct loop *loop;
	struct rooms *rooms;
	struct sessions *sessions;
	struct session_layer layer;
	struct session_channel channel;
	bool has_channel, ends_with_last; /* ends_with_last: the channel goes with the last one, as a namespace does */
	struct conn conns[CONNS];
	size_t n_conns;
	struct one ones[ONES];
	size_t n_ones;
	int event_fd;
	/* What the layer was given: the first letter of each text, and whose. */
	char letters[4000];
	struct session *whose[4000];
	size_t n, bytes;
	size_t ended;
	char hold_at; /* a text that is held */
	bool crowded;
	size_t looks; /* whether it is */
	int64_t later_ms;
	size_t allocations, replies;
} fx;

int64_t __real_clock_ms(void);
int64_t __wrap_clock_ms(void);
void *__real_malloc(size_t n);
void *__wrap_malloc(size_t n);
int64_t
__wrap_clock_ms(void)
{
	return __real_clock_ms() + fx.later_ms;
}

void *
__wrap_malloc(size_t n)
{
	fx.allocations++;
	return __real_malloc(n);
}

/* ---- the outlet, and the ends of POSTs ---- */

static unsigned
form(const struct session_outlet *o)
{
	(void)o;
	return 0;
}

static enum outlet_put
put(struct session_outlet *o, struct blob *wrapped)
{
	struct conn *c = CONTAINER(o, struct conn, outlet);

	assert_true(c->open);
	assert_non_null(wrapped);
	fx.replies++;
	snprintf(c->body, sizeof c->body, "%.*s", (int)wrapped->n, wrapped->p);
	blob_drop(wrapped);
	c->n++;
	c->open = c->then == OUTLET_OPEN || c->then == OUTLET_BLOCKED;
	return c->then;
}

static void
end(struct session_outlet *o, struct str payload)
{
	struct conn *c = CONTAINER(o, struct conn, outlet);

	(void)put(o, wrap(o, payload, 1));
	c->open = false;
	c->ended = true;
}

static const struct session_transport transport = {.form = form, .wrap = wrap, .put = put, .end = end};

/* As session_post() is told it. */
static uint64_t
name_of(const struct conn *c)
{
	return (uint64_t)(c - fx.conns) + 1;
}

static void
on_posted(void *ctx, uint64_t who, enum session_posted how)
{
	struct conn *c = &fx.conns[who - 1];

	(void)ctx;
	if (!c->open)
		return;
	c->open = false;
	c->how = how;
	fx.replies++;
}

/* ---- the layer ---- */

static int
on_opened(void *ctx, struct session *s)
{
	(void)ctx;
	(void)s;
	return 0;
}

static bool
on_text(void *ctx, struct session *s, struct str text)
{
	(void)ctx;
	assert_true(fx.n < sizeof fx.letters - 1);
	fx.letters[fx.n] = text.p[0];
	fx.whose[fx.n++] = s;
	fx.bytes += text.n;
	if (text.p[0] == fx.hold_at)
		session_hold(s, true);
	fx.crowded = fx.crowded || text.p[0] == 'C';
	return text.p[0] != '!';
}

static bool
on_ready(void *ctx)
{
	(void)ctx;
	fx.looks++;
	return !fx.crowded;
}

static void
end_channel(void)
{
	session_channel_fini(&fx.channel);
	memset(&fx.channel, 0xEE, sizeof fx.channel);
	fx.has_channel = false;
}

static void
on_ended(void *ctx, struct session *s)
{
	struct one *one = session_data(s);

	(void)ctx;
	fx.ended++;
	if (one == NULL)
		return;
	session_remove_cursor(&one->cursor);
	one->session = NULL;
	if (fx.ends_with_last && --fx.n_ones == 0)
		end_channel();
}

static int
setup(void **state)
{
	struct session_options options = {.ping_interval_ms = INTERVAL_MS,
	    .ping_timeout_ms = TIMEOUT_MS,
	    .connect_timeout_ms = 1000000,
	    .sessions_max = CONNS,
	    .queue_bytes_max = 1000000,
	    .reply_max = 1000000};

	(void)state;
	memset(&fx, 0, sizeof fx);
	fx.loop = loop_new();
	fx.rooms = rooms_new(fx.loop, 1 << 20);
	assert_non_null(fx.rooms);
	rooms_reset(fx.rooms, "epoch1", 7);
	fx.layer = (struct session_layer){.opened = on_opened, .ready = on_ready, .text = on_text, .ended = on_ended};
	fx.sessions = sessions_new(fx.loop, &options, fx.rooms, NULL);
	sessions_on_posted(fx.sessions, on_posted, NULL);
	assert_non_null(fx.sessions);
	fx.event_fd = test_single_turns(fx.loop);
	test_watchdog(60);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	/* A channel ends before its sessions' owner. */
	for (size_t i = 0; i < fx.n_ones; i++)
		if (fx.ones[i].session != NULL)
			session_end(fx.ones[i].session, STR("1"));
	if (fx.has_channel)
		end_channel();
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

static struct session *
new_session(void)
{
	bool limited;
	struct session *s = session_new(fx.sessions, &fx.layer, false, NULL, &limited);

	assert_non_null(s);
	session_connected(s);
	return s;
}

static struct conn *
new_conn(void)
{
	struct conn *c = &fx.conns[fx.n_conns++];

	assert_true(fx.n_conns <= CONNS);
	*c = (struct conn){.open = true, .then = OUTLET_USED, .outlet.transport = &transport};
	return c;
}

/* A POST of n packets, each a text of this letter and `size` bytes in all. */
static struct conn *
post_sized(struct session *s, size_t n, char letter, size_t size)
{
	struct conn *c = new_conn();
	struct buf body;

	buf_init(&body, SIZE_MAX);
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			buf_add_char(&body, 0x1E);
		buf_add_char(&body, '4');
		for (size_t j = 1; j < size; j++)
			buf_add_char(&body, letter);
	}
	session_post(s, name_of(c), buf_str(&body));
	buf_fini(&body);
	return c;
}

static struct conn *
post(struct session *s, size_t n, char letter)
{
	return post_sized(s, n, letter, 2);
}

/* ---- POSTs ---- */

static void
handles_64_packets_a_turn_over_all_posts(void **state)
{
	struct session *a = new_session(), *b = new_session();
	struct conn *first = post(a, 100, 'a'), *second = post(b, 100, 'b');

	(void)state;
	for (int i = 1; i <= 3; i++) {
		size_t of_a = 0;

		assert_true(first->open && second->open);
		turn();
		assert_int_equal(fx.n, i * PACKETS);
		for (size_t j = 0; j < fx.n; j++)
			of_a += fx.letters[j] == 'a';
		/* POST by POST, a few of each at a time. */
		assert_in_range(of_a * 2, fx.n - 16, fx.n + 16);
	}
	turn();
	assert_int_equal(fx.n, 200);
	assert_int_equal(sessions_counts(fx.sessions).packets, 200);
	assert_int_equal(sessions_counts(fx.sessions).posts, 0);
	assert_false(first->open || second->open);
	assert_false(first->open);
	assert_int_equal(first->how, SESSION_POST_HANDLED);
	assert_int_equal(second->how, SESSION_POST_HANDLED);
}

static void
handles_no_more_than_256_kb_a_turn(void **state)
{
	struct session *s = new_session();

	(void)state;
	post_sized(s, 10, 'a', 100000);
	turn();
	assert_int_equal(fx.n, 3);
	turn();
	assert_int_equal(fx.n, 6);
}

static void
a_new_post_goes_before_those_that_had_a_turn(void **state)
{
	enum { OTHERS = 20 };
	struct conn *c;
	struct session *s;

	(void)state;
	for (int i = 0; i < OTHERS; i++)
		post(new_session(), 100, 'a');
	for (int i = 0; i < 5; i++)
		turn();
	s = new_session();
	c = post(s, 2, 'n');
	turn();
	assert_false(c->open);
	assert_int_equal(fx.n, 6 * PACKETS);
}

static void
new_posts_do_not_starve_the_old_ones(void **state)
{
	struct session *s = new_session();

	(void)state;
	post(s, 40, 'o');
	post(new_session(), 100, 'x');
	turn(); /* both have had a turn */
	for (int i = 0; i < 6; i++) {
		for (int j = 0; j < PACKETS; j++)
			post(new_session(), 1, 'n');
		turn();
	}
	for (size_t i = 0; i < fx.n; i++)
		fx.bytes -= fx.letters[i] == 'o';
	assert_int_equal(fx.n, 7 * PACKETS);
	assert_int_equal(fx.bytes, fx.n - 40); /* all of the old one was handled */
}

/* A turn is over with one large packet: there both get theirs as well. */
static void
large_packets_starve_neither_new_nor_old_posts(void **state)
{
	struct conn *old = post(new_session(), 40, 'o'), *fresh;

	(void)state;
	for (int i = 0; i < 20; i++) {
		post_sized(new_session(), 1, 'n', 300000);
		turn();
	}
	assert_false(old->open);
	old = post_sized(new_session(), 30, 'o', 300000);
	for (int i = 0; i < 25; i++)
		turn();
	assert_true(old->open);
	fresh = post(new_session(), 1, 'n');
	turn();
	turn();
	assert_false(fresh->open);
}

static void
on_quiet(void *ctx, struct timer *t)
{
	(void)t;
	loop_stop(ctx);
}

/* Where there is no room for more: what waits is in order then, and the loop does not turn for it. */
static void
what_cannot_be_handled_yet_waits(void **state)
{
	enum { SOON_MS = 60 };
	struct session *s = new_session();
	struct conn *first, *second, *pong;
	struct timer timer = {0};

	(void)state;
	first = new_conn();
	session_post(s, name_of(first),
	    STR("4a\x1E"
	        "4C\x1E"
	        "4b"));
	second = post(new_session(), 100, 'c');
	turn();
	assert_int_equal(fx.n, 2);
	/* What is no message is handled all the same. */
	pong = new_conn();
	session_post(new_session(), name_of(pong), STR("3"));
	turn();
	assert_false(pong->open);
	assert_int_equal(pong->how, SESSION_POST_HANDLED);
	assert_int_equal(fx.n, 2);
	loop_remove_source(fx.loop, fx.event_fd);
	loop_timer_set(fx.loop, &timer, loop_timer_kind(fx.loop, on_quiet, fx.loop), SOON_MS);
	fx.looks = 0;
	loop_run(fx.loop);
	assert_in_range(fx.looks, 0, 100);
	assert_true(first->open && second->open);
	fx.crowded = false;
	test_single_turns_again(fx.loop, fx.event_fd);
	turn();
	assert_int_equal(fx.n, 2 + PACKETS);
	assert_false(first->open);
	turn();
	assert_int_equal(fx.n, 103);
	assert_false(second->open);
}

static void
a_second_post_waits_and_a_third_is_refused(void **state)
{
	struct session *s = new_session();
	struct conn *first = post(s, 100, 'a'), *second = post(s, 10, 'b'), *third = post(s, 1, 'c');

	(void)state;
	assert_false(third->open);
	assert_int_equal(third->how, SESSION_POST_REFUSED);
	turn();
	assert_true(first->open && second->open);
	turn();
	assert_false(first->open || second->open);
	assert_int_equal(fx.n, 110);
	for (size_t i = 0; i < 110; i++)
		assert_int_equal(fx.letters[i], i < 100 ? 'a' : 'b');
	/* The session is unharmed. */
	assert_true(session_alive(s));
	post(s, 1, 'd');
	turn();
	assert_int_equal(fx.letters[110], 'd');
}

static void
what_came_is_handled_though_the_connection_is_gone(void **state)
{
	struct session *s = new_session();
	struct conn *c = post(s, 100, 'a'), *get = new_conn();

	(void)state;
	session_attach(s, &get->outlet);
	turn();
	assert_true(c->open && get->open);
	c->open = get->open = false;
	session_detach(&get->outlet);
	/* For everybody else it is over. */
	assert_false(session_alive(s));
	assert_int_equal(fx.ended, 0);
	turn();
	assert_int_equal(fx.n, 100);
	assert_int_equal(fx.ended, 1);
	assert_int_equal(fx.replies, 0);
}

static void
a_stop_waits_for_what_came(void **state)
{
	struct session *s = new_session();
	struct conn *c = post(s, 100, 'a'), *get = new_conn();

	(void)state;
	session_attach(s, &get->outlet);
	turn();
	sessions_drain(fx.sessions);
	assert_string_equal(get->body, "1");
	assert_false(sessions_idle(fx.sessions));
	turn();
	assert_true(sessions_idle(fx.sessions));
	assert_int_equal(fx.n, 100);
	assert_false(c->open);
	assert_int_equal(c->how, SESSION_POST_HANDLED);
	assert_int_equal(fx.ended, 1);
}

/* A client whose GET was under way asks again: it is told to go, but what it has sent is handled. */
static void
a_stop_waits_for_what_came_though_a_get_comes(void **state)
{
	struct session *s = new_session();
	struct conn *c = post(s, 100, 'a'), *get = new_conn();

	(void)state;
	turn();
	sessions_drain(fx.sessions);
	session_attach(s, &get->outlet);
	assert_string_equal(get->body, "1");
	assert_false(sessions_idle(fx.sessions));
	turn();
	assert_int_equal(fx.n, 100);
	assert_false(c->open);
	assert_int_equal(c->how, SESSION_POST_HANDLED);
	assert_int_equal(fx.ended, 1);
}

static void
what_came_is_handled_though_an_answer_does_not_get_away(void **state)
{
	struct session *s = new_session();
	struct conn *get = new_conn();

	(void)state;
	post(s, 200, 'a');
	session_attach(s, &get->outlet);
	turn();
	get->then = OUTLET_LOST;
	session_queue(s, blob_new(1), 1);
	turn();
	assert_false(get->open);
	assert_false(session_alive(s));
	turn();
	turn();
	assert_int_equal(fx.n, 200);
	assert_int_equal(fx.ended, 1);
}

/* It was not handled, so its client must not be told that it was. */
static void
a_post_of_a_session_that_ends_is_not_answered_ok(void **state)
{
	struct session *s = new_session();
	struct conn *c = post(s, 100, 'a');

	(void)state;
	turn();
	session_end(s, STR("1"));
	assert_false(c->open);
	assert_int_equal(c->how, SESSION_POST_ENDED);
}

static void
a_bad_packet_ends_the_session_and_what_is_behind_it_does_not_count(void **state)
{
	struct session *s = new_session();
	struct conn *c = new_conn(), *next;

	(void)state;
	session_post(s, name_of(c),
	    STR("4a\x1E"
	        "4!\x1E"
	        "4b"));
	next = post(s, 1, 'c');
	turn();
	assert_int_equal(fx.n, 2);
	assert_int_equal(fx.ended, 1);
	assert_false(c->open);
	assert_int_equal(c->how, SESSION_POST_HANDLED);
	assert_false(next->open);
	assert_int_equal(next->how, SESSION_POST_ENDED);
}

static void
a_held_session_waits_and_others_go_on(void **state)
{
	struct session *s = new_session(), *other = new_session();
	struct conn *c, *alone;

	(void)state;
	fx.hold_at = 'h';
	c = new_conn();
	session_post(s, name_of(c),
	    STR("4h\x1E"
	        "4b"));
	alone = post(other, 1, 'h');
	for (int i = 0; i < 3; i++)
		turn();
	assert_int_equal(fx.n, 2);
	assert_true(c->open);
	/* Nothing of it is left to be handled, but what was is not over. */
	assert_true(alone->open);
	session_release(s);
	session_release(other);
	turn();
	assert_false(alone->open);
	assert_int_equal(alone->how, SESSION_POST_HANDLED);
	assert_int_equal(fx.letters[2], 'b');
	assert_false(c->open);
	assert_int_equal(c->how, SESSION_POST_HANDLED);
	/* A POST that comes while its session is held waits as well; so does a good-bye. */
	session_hold(other, true);
	c = post(other, 1, 'c');
	turn();
	assert_true(c->open);
	session_release(other);
	turn();
	assert_false(c->open);
	assert_int_equal(c->how, SESSION_POST_HANDLED);
	session_hold(other, true);
	c = new_conn();
	session_post(other, name_of(c),
	    STR("1\x1E"
	        "4b"));
	turn();
	assert_int_equal(fx.ended, 0);
	session_release(other);
	turn();
	assert_int_equal(fx.ended, 1);
	assert_false(c->open);
	assert_int_equal(c->how, SESSION_POST_HANDLED);
}

/* Nobody may ever release it: neither its POSTs nor the session stay for ever. */
static void
a_held_session_that_closes_lets_go_of_its_posts(void **state)
{
	struct session *s = new_session();
	struct conn *first, *second;

	(void)state;
	session_hold(s, true);
	first = post(s, 1, 'a');
	second = post(s, 1, 'b');
	turn();
	assert_true(first->open && second->open);
	session_close(s);
	turn();
	assert_false(first->open || second->open);
	assert_int_equal(fx.n, 0);
	assert_true(sessions_idle(fx.sessions));
	fx.later_ms += 31000;
	assert_false(session_alive(s));
}

static void
the_heartbeat_stands_still_while_a_post_is_handled(void **state)
{
	struct session *s = new_session();
	struct conn *c = new_conn();

	(void)state;
	fx.hold_at = 'h';
	fx.later_ms += INTERVAL_MS + TIMEOUT_MS / 2; /* a ping was sent, half of the time for its pong is over */
	turn();
	session_post(s, name_of(c),
	    STR("4h\x1E"
	        "4b"));
	turn();
	fx.later_ms += 100 * TIMEOUT_MS;
	turn();
	assert_true(session_alive(s));
	session_release(s);
	turn();
	assert_false(c->open);
	assert_int_equal(c->how, SESSION_POST_HANDLED);
	assert_true(session_alive(s));
	/* Once it got more time for the pong, as always when something else came; then the time that was left counts.
	 */
	fx.later_ms += TIMEOUT_MS - 100;
	assert_true(session_alive(s));
	fx.later_ms += 200;
	assert_false(session_alive(s));
}

/* A client drops a server that is silent for an interval and a time-out, whatever it is sending meanwhile. */
static void
a_ping_is_not_put_off_by_posts(void **state)
{
	struct session *s = new_session();
	struct conn *get = new_conn();

	(void)state;
	fx.hold_at = 'h';
	session_attach(s, &get->outlet);
	post(s, 2, 'h');
	fx.later_ms += INTERVAL_MS + 20;
	for (int i = 0; i < 3; i++)
		turn();
	assert_string_equal(get->body, "2");
	/* The pong has its time when the client can say it. */
	fx.later_ms += 10 * TIMEOUT_MS;
	turn();
	session_release(s);
	for (int i = 0; i < 3; i++)
		turn();
	assert_true(session_alive(s));
	fx.later_ms += TIMEOUT_MS - 20;
	turn();
	assert_true(session_alive(s));
}

/* ---- what passes ---- */

static struct one *
join(void)
{
	struct one *one = &fx.ones[fx.n_ones++];

	assert_true(fx.n_ones <= ONES);
	one->session = new_session();
	session_set_data(one->session, one);
	if (!fx.has_channel)
		session_channel_init(&fx.channel, one->session);
	fx.has_channel = true;
	session_add_cursor(one->session, &one->cursor,
	    &(struct session_start){.room = STR("main"), .since = 7, .channel = &fx.channel});
	return one;
}

static void
hold_get(struct one *one)
{
	one->conn = new_conn();
	session_attach(one->session, &one->conn->outlet);
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
tell(const char *text, const struct one *except)
{
	session_channel_tell(&fx.channel, text_blob(text), 1, except == NULL ? NULL : &except->cursor);
}

static void
tells_all_but_the_one_who_said_it(void **state)
{
	struct one *a = join(), *b = join();

	(void)state;
	hold_get(a);
	hold_get(b);
	tell("4x", a);
	turn();
	assert_string_equal(b->conn->body, "4x");
	assert_true(a->conn->open);
	/* One that was passed over is told of the next one. */
	tell("4y", b);
	turn();
	assert_string_equal(a->conn->body, "4y");
	hold_get(b);
	turn();
	assert_true(b->conn->open);
}

/* ---- outlets that take more than one payload, as a stream does ---- */

/* One whose outlet does this with each payload. */
static struct one *
join_with(enum outlet_put then)
{
	struct one *one = join();

	one->conn = new_conn();
	one->conn->then = then;
	session_attach(one->session, &one->conn->outlet);
	return one;
}

static void
an_outlet_that_stays_open_is_given_one_payload_after_the_other(void **state)
{
	struct one *a = join_with(OUTLET_OPEN);

	(void)state;
	for (int i = 0; i < 3; i++) {
		session_queue(a->session, text_blob("4q"), 1);
		turn();
		assert_int_equal(a->conn->n, i + 1);
		assert_string_equal(a->conn->body, "4q");
	}
	tell("4x", NULL);
	turn();
	assert_string_equal(a->conn->body, "4x");
	session_end(a->session, STR("1"));
	assert_true(a->conn->ended);
	assert_string_equal(a->conn->body, "1");
}

static void
an_outlet_that_is_blocked_is_given_nothing_until_it_has_drained(void **state)
{
	struct one *a = join_with(OUTLET_BLOCKED);

	(void)state;
	session_queue(a->session, text_blob("4q"), 1);
	turn();
	assert_int_equal(a->conn->n, 1);
	session_queue(a->session, text_blob("4r"), 1);
	tell("4x", NULL);
	turn();
	assert_int_equal(a->conn->n, 1);
	assert_true(session_is_attached(a->session));
	assert_false(session_ready(a->session));
	a->conn->then = OUTLET_OPEN;
	session_drained(&a->conn->outlet);
	assert_int_equal(a->conn->n, 2);
	assert_string_equal(a->conn->body, "4r\x1E"
	                                   "4x");
	assert_true(session_ready(a->session));
}

static void
a_blocked_outlet_is_told_of_the_end(void **state)
{
	struct one *a = join_with(OUTLET_BLOCKED);

	(void)state;
	session_queue(a->session, text_blob("4q"), 1);
	turn();
	session_end(a->session, STR("1"));
	assert_true(a->conn->ended);
}

static void
a_session_whose_blocked_outlet_is_gone_is_left(void **state)
{
	struct one *a = join_with(OUTLET_BLOCKED);

	(void)state;
	session_queue(a->session, text_blob("4q"), 1);
	turn();
	session_detach(&a->conn->outlet);
	assert_int_equal(fx.ended, 1);
	assert_false(a->conn->ended);
}

static void
keeps_the_newest_64_for_10_seconds(void **state)
{
	struct one *a = join(), *late;
	char text[8];

	(void)state;
	for (int i = 0; i < 100; i++) {
		snprintf(text, sizeof text, "4%d", i);
		tell(text, NULL);
	}
	hold_get(late = join()); /* what was before it is not for it */
	turn();
	assert_true(late->conn->open);
	hold_get(a);
	assert_memory_equal(a->conn->body, "436\x1E", 4);
	assert_int_equal(fx.channel.next - fx.channel.first, 64);
	tell("4old", NULL);
	turn();
	fx.later_ms += 10100;
	for (int i = 0; i < 10 && fx.channel.ring != NULL; i++)
		turn();
	assert_null(fx.channel.ring);
	assert_int_equal(fx.channel.bytes, 0);
	hold_get(a);
	assert_true(a->conn->open);
}

static void
keeps_a_megabyte_of_them_at_most(void **state)
{
	(void)state;
	join();
	for (int i = 0; i < 20; i++)
		session_channel_tell(&fx.channel, blob_new(300000), 1, NULL);
	assert_int_equal(fx.channel.next - fx.channel.first, 3);
	/* One alone may be larger. */
	session_channel_tell(&fx.channel, blob_new(3000000), 1, NULL);
	assert_int_equal(fx.channel.next - fx.channel.first, 1);
}

static void
stands_in_its_place_among_what_is_queued(void **state)
{
	struct one *a = join();

	(void)state;
	session_queue(a->session, text_blob("41"), 1);
	tell("42", NULL);
	session_queue(a->session, text_blob("43"), 1);
	hold_get(a);
	assert_string_equal(a->conn->body, "41\x1E"
	                                   "42\x1E"
	                                   "43");
}

static void
waits_for_the_welcome(void **state)
{
	struct one *a = join();

	(void)state;
	session_queue_welcome(a->session, text_blob("40"), &a->cursor);
	tell("42", NULL);
	hold_get(a);
	assert_string_equal(a->conn->body, "40\x1E"
	                                   "42");
}

static void
tells_64_in_a_turn(void **state)
{
	enum { N = 200 };

	(void)state;
	for (int i = 0; i < N; i++)
		hold_get(join());
	tell("4x", NULL);
	for (size_t told = PACKETS; told < N; told += PACKETS) {
		turn();
		assert_int_equal(fx.replies, told);
	}
	turn();
	assert_int_equal(fx.replies, N);
}

/* Its answer does not get away, so its session ends, and with that the channel. */
static void
the_last_one_may_end_as_it_is_told(void **state)
{
	struct session_channel gone;
	struct one *a = join();

	(void)state;
	memset(&gone, 0xEE, sizeof gone);
	fx.ends_with_last = true;
	hold_get(a);
	a->conn->then = OUTLET_LOST;
	tell("4x", NULL);
	turn();
	assert_int_equal(fx.ended, 1);
	assert_memory_equal(&fx.channel, &gone, sizeof gone);
	turn();
}

/* Each that is told comes back at once: what is said without a pause must not be told without one. */
static void
events_gather_after_a_large_round(void **state)
{
	enum { N = 200, REST_MS = N * SESSION_REST_US / 1000 };
	struct conn *again;

	(void)state;
	for (int i = 0; i < N; i++)
		hold_get(join());
	tell("4a", NULL);
	turn();
	hold_get(&fx.ones[0]); /* the round is under way still */
	tell("4b", NULL);
	while (fx.channel.telling)
		turn();
	hold_get(&fx.ones[1]);
	tell("4c", NULL);
	for (int i = 0; i < 5; i++)
		turn();
	again = fx.ones[0].conn;
	assert_true(again->open && fx.ones[1].conn->open);
	/* What is queued for it alone does not wait. */
	session_queue(fx.ones[1].session, text_blob("4x"), 1);
	turn();
	assert_string_equal(fx.ones[1].conn->body, "4b\x1E"
	                                           "4c\x1E"
	                                           "4x");
	fx.later_ms += REST_MS + 20;
	for (int i = 0; i < 10 && again->open; i++)
		turn();
	assert_string_equal(again->body, "4b\x1E"
	                                 "4c");
	/* After a small round there is hardly any. */
	fx.later_ms += 20;
	turn();
	turn();
	hold_get(&fx.ones[1]);
	tell("4d", NULL);
	turn();
	assert_string_equal(fx.ones[1].conn->body, "4d");
}

static void
a_round_behind_a_rest_goes_in_pieces(void **state)
{
	enum { N = 64 };

	(void)state;
	for (int i = 0; i < N; i++)
		hold_get(join());
	tell("4a", NULL);
	turn();
	assert_int_equal(fx.replies, N);
	for (int i = 0; i < N; i++)
		hold_get(&fx.ones[i]);
	tell("4b", NULL);
	turn();
	assert_int_equal(fx.replies, N);
	for (int told = SESSION_PIECE; told <= N; told += SESSION_PIECE) {
		fx.later_ms += N * SESSION_REST_US / 1000 + 20;
		for (int i = 0; i < 5; i++)
			turn();
		assert_int_equal(fx.replies, N + told);
	}
}

/* What an event costs beside n sessions that are away: allocations, holdings of its bytes, and answers. */
static size_t
cost_beside(size_t n)
{
	struct blob *b = text_blob("4x");
	size_t before, steps;

	for (size_t i = 0; i < n; i++)
		join();
	turn();
	before = fx.allocations + fx.replies;
	for (int i = 0; i < 1000; i++)
		session_channel_tell(&fx.channel, blob_hold(b), 1, NULL);
	turn();
	steps = fx.allocations + fx.replies - before + b->holders;
	for (size_t i = 0; i < n; i++)
		session_end(fx.ones[i].session, STR("1"));
	end_channel();
	fx.n_ones = 0;
	blob_drop(b);
	return steps;
}

static void
costs_the_same_beside_a_thousand_sessions(void **state)
{
	size_t few;

	(void)state;
	(void)cost_beside(2); /* what is made once is made now */
	few = cost_beside(2);
	assert_in_range(few, 1, 200);
	assert_int_equal(cost_beside(1000), few);
}

/* A queue of any length: each packet that is queued or goes out is one step. */
static void
what_is_queued_goes_in_order(void **state)
{
	struct one *a = join();

	(void)state;
	for (int i = 0; i < 300; i++)
		session_queue(a->session, text_blob("41"), 1);
	session_queue(a->session, text_blob("42"), 1);
	hold_get(a);
	assert_memory_equal(a->conn->body, "41\x1E", 3);
	hold_get(a);
	assert_int_equal(strlen(a->conn->body), 45 * 3 - 1);
	assert_string_equal(a->conn->body + 44 * 3, "42");
}

/* A session with a large queue ends: its memory is given back a bounded number of pieces a turn. */
static void
a_large_queue_is_freed_in_pieces(void **state)
{
	enum { N = 5000, PER_TURN = 1024 };
	struct one *a = join();
	struct blob *b = text_blob("41");

	(void)state;
	for (int i = 0; i < N; i++)
		session_queue(a->session, blob_hold(b), 1);
	assert_int_equal(b->holders, N + 1);
	session_end(a->session, STR("1"));
	assert_int_equal(b->holders, N + 1);
	for (int left = N; left > 0; left -= PER_TURN) {
		turn();
		assert_int_equal(b->holders, 1 + (left > PER_TURN ? left - PER_TURN : 0));
	}
	blob_drop(b);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(handles_64_packets_a_turn_over_all_posts),
	    TEST(handles_no_more_than_256_kb_a_turn),
	    TEST(a_new_post_goes_before_those_that_had_a_turn),
	    TEST(new_posts_do_not_starve_the_old_ones),
	    TEST(large_packets_starve_neither_new_nor_old_posts),
	    TEST(what_cannot_be_handled_yet_waits),
	    TEST(a_second_post_waits_and_a_third_is_refused),
	    TEST(what_came_is_handled_though_the_connection_is_gone),
	    TEST(a_stop_waits_for_what_came),
	    TEST(a_stop_waits_for_what_came_though_a_get_comes),
	    TEST(what_came_is_handled_though_an_answer_does_not_get_away),
	    TEST(a_post_of_a_session_that_ends_is_not_answered_ok),
	    TEST(a_bad_packet_ends_the_session_and_what_is_behind_it_does_not_count),
	    TEST(a_held_session_waits_and_others_go_on),
	    TEST(a_held_session_that_closes_lets_go_of_its_posts),
	    TEST(the_heartbeat_stands_still_while_a_post_is_handled),
	    TEST(a_ping_is_not_put_off_by_posts),
	    TEST(tells_all_but_the_one_who_said_it),
	    TEST(an_outlet_that_stays_open_is_given_one_payload_after_the_other),
	    TEST(an_outlet_that_is_blocked_is_given_nothing_until_it_has_drained),
	    TEST(a_blocked_outlet_is_told_of_the_end),
	    TEST(a_session_whose_blocked_outlet_is_gone_is_left),
	    TEST(keeps_the_newest_64_for_10_seconds),
	    TEST(keeps_a_megabyte_of_them_at_most),
	    TEST(stands_in_its_place_among_what_is_queued),
	    TEST(waits_for_the_welcome),
	    TEST(tells_64_in_a_turn),
	    TEST(the_last_one_may_end_as_it_is_told),
	    TEST(events_gather_after_a_large_round),
	    TEST(a_round_behind_a_rest_goes_in_pieces),
	    TEST(costs_the_same_beside_a_thousand_sessions),
	    TEST(what_is_queued_goes_in_order),
	    TEST(a_large_queue_is_freed_in_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
