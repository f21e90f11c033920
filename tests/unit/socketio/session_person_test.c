/*
 * Whose sessions are: who may use one, for whom it is counted, and that nothing is told to one that may not have it any
 * more. Passes are made by hand; persons, sights, the loop and rooms are real.
 */
#include "access/access.h"
#include "socketio/session.h"
#include "test.h"
#include "test_outlet.h"

enum { SESSIONS = 300, MEMORY = 20000 };

static struct outlet {
	struct session_outlet outlet;
	bool open;
	struct pass *account; /* whose it is */
	char body[64];        /* the last payload */
} outlets[SESSIONS];

static struct fixture {
	struct loop *loop;
	struct rooms *rooms;
	struct persons *persons;
	struct sights *sights;
	struct sight *all, *none;
	struct sessions *sessions;
	struct session_layer layer;
	struct pass stranger, token, other;
	struct session_cursor cursor;
	size_t judged, ended;
	uint64_t changes;
	int64_t wall_ms;
	int event_fd;
} fx;

/* The linker puts these before the daemon's, see the Makefile. */
uint64_t __wrap_access_changes(const struct access *a);
int64_t __wrap_clock_wall_ms(void);

uint64_t
__wrap_access_changes(const struct access *a)
{
	(void)a;
	return fx.changes;
}

int64_t
__wrap_clock_wall_ms(void)
{
	return fx.wall_ms;
}

/* ---- the outlet ---- */

static unsigned
form(const struct session_outlet *o)
{
	(void)o;
	return 0;
}

static enum outlet_put
put(struct session_outlet *o, struct blob *wrapped)
{
	struct outlet *out = CONTAINER(o, struct outlet, outlet);

	assert_true(out->open);
	out->open = false;
	snprintf(out->body, sizeof out->body, "%.*s", (int)wrapped->n, wrapped->p);
	blob_drop(wrapped);
	return OUTLET_USED;
}

static void
end(struct session_outlet *o, struct str payload)
{
	(void)put(o, wrap(o, payload, 1));
}

static void
account(struct session_outlet *o, struct pass *pass)
{
	CONTAINER(o, struct outlet, outlet)->account = pass;
}

static const struct session_transport transport = {
    .form = form, .wrap = wrap, .put = put, .end = end, .account = account};

static struct outlet *
get(struct session *s, size_t i)
{
	outlets[i] = (struct outlet){.outlet.transport = &transport, .open = true};
	session_attach(s, &outlets[i].outlet);
	return &outlets[i];
}

/* ---- the layer ---- */

static int
on_opened(void *ctx, struct session *s)
{
	(void)ctx;
	(void)s;
	return 0;
}

static unsigned
on_packets(void *ctx, struct session_cursor *c, struct message *m, struct buf *body)
{
	(void)ctx;
	(void)c;
	buf_printf(body, "4%.*s", STR_ARGS(m->f.body));
	return 1;
}

static void
on_judge(void *ctx, struct session *s)
{
	(void)ctx;
	(void)s;
	fx.judged++;
}

static void
on_ended(void *ctx, struct session *s)
{
	(void)ctx;
	if (fx.cursor.session == s)
		session_remove_cursor(&fx.cursor);
	fx.ended++;
}

static void
turn(void)
{
	loop_run(fx.loop);
}

static struct pass
make_pass(enum pass_kind kind, struct str by, struct str identity)
{
	return (struct pass){.kind = kind,
	    .holders = 1,
	    .sight = sight_hold(fx.all),
	    .person = person_get(fx.persons, identity, PERSON_USER, 0),
	    .expires_ms = INT64_MAX,
	    .by = by};
}

static int
setup(void **state)
{
	struct session_options options = {.ping_interval_ms = 1000000,
	    .ping_timeout_ms = 1000000,
	    .connect_timeout_ms = 1000000,
	    .sessions_max = SESSIONS,
	    .queue_bytes_max = 1000000,
	    .reply_max = 1000000,
	    .access = (struct access *)&fx};
	struct limits limits;
	char error[LIMIT_ERROR_SIZE];

	(void)state;
	memset(&fx, 0, sizeof fx);
	limits_init(&limits);
	assert_true(limits_read(&limits, STR("sessions=2"), error));
	assert_true(limits_read(&limits, STR("memory=20000"), error));
	fx.persons = options.persons = persons_new(&limits, 100);
	fx.sights = sights_new();
	fx.all = sight_get_all(fx.sights, MAY_READ | MAY_WRITE);
	fx.none = sight_get_all(fx.sights, 0);
	fx.stranger = make_pass(PASS_STRANGER, STR(""), STR("@192.0.2.1"));
	fx.token = make_pass(PASS_TOKEN, STR("ci"), STR("token:ci"));
	fx.other = make_pass(PASS_USER, STR("user:ci"), STR("user:ci"));
	fx.loop = loop_new();
	fx.rooms = rooms_new(fx.loop, 1 << 20);
	rooms_reset(fx.rooms, "epoch1", 7);
	fx.layer =
	    (struct session_layer){.opened = on_opened, .packets = on_packets, .judge = on_judge, .ended = on_ended};
	fx.sessions = sessions_new(fx.loop, &options, fx.rooms, NULL);
	assert_non_null(fx.sessions);
	fx.event_fd = test_single_turns(fx.loop);
	test_watchdog(60);
	return 0;
}

static void
end_pass(struct pass *pass)
{
	/* All that held it have let go. */
	assert_int_equal(pass->holders, 1);
	sight_drop(pass->sight);
	person_drop(fx.persons, pass->person, 0);
}

static int
teardown(void **state)
{
	(void)state;
	sessions_free(fx.sessions);
	rooms_free(fx.rooms);
	loop_free(fx.loop);
	close(fx.event_fd);
	end_pass(&fx.stranger);
	end_pass(&fx.token);
	end_pass(&fx.other);
	sight_drop(fx.all);
	sight_drop(fx.none);
	sights_free(fx.sights);
	persons_free(fx.persons);
	test_watchdog(0);
	return 0;
}

static struct session *
new_session(struct pass *pass)
{
	bool limited;
	struct session *s = session_new(fx.sessions, &fx.layer, false, pass, &limited);

	assert_non_null(s);
	assert_false(limited);
	session_connected(s);
	return s;
}

static bool
is_limited(struct pass *pass)
{
	bool limited;

	assert_null(session_new(fx.sessions, &fx.layer, false, pass, &limited));
	return limited;
}

static void
set_sight(struct pass *pass, struct sight *sight)
{
	sight_drop(pass->sight);
	pass->sight = sight_hold(sight);
}

/* As the writer tells of it. */
static void
say(const char *text)
{
	struct message_fields f = {.room = STR("main"), .event = STR("e"), .body = str_of(text)};
	struct message *m = message_new(&f);

	assert_non_null(m);
	m->f.id = rooms_head(fx.rooms) + 1;
	rooms_publish(fx.rooms, m);
	rooms_publish_end(fx.rooms, m->f.id);
}

static void
add_cursor(struct session *s, struct pass *pass)
{
	session_add_cursor(s, &fx.cursor, &(struct session_start){.room = STR("main"), .since = 7, .pass = pass});
}

static void
set_queue(struct session *s, size_t bytes)
{
	session_queue(s, blob_new(bytes), 1);
}

/* ---- who may use it ---- */

static void
is_for_its_person_and_a_strangers_for_all(void **state)
{
	struct session *none = new_session(NULL), *of_stranger = new_session(&fx.stranger),
	               *of_token = new_session(&fx.token);
	struct pass same = fx.token, stranger = fx.stranger;

	(void)state;
	same.kind = PASS_JWT; /* who it is counts, not how that was proven */
	assert_true(session_is_for(none, NULL));
	assert_true(session_is_for(none, &fx.token));
	assert_true(session_is_for(of_stranger, &fx.stranger));
	assert_true(session_is_for(of_stranger, &fx.token));
	assert_true(session_is_for(of_token, &fx.token));
	assert_true(session_is_for(of_token, &same));
	assert_false(session_is_for(of_token, NULL));
	assert_false(session_is_for(of_token, &fx.stranger));
	assert_false(session_is_for(of_token, &fx.other));
	stranger.by = fx.token.by;
	assert_false(session_is_for(of_token, &stranger));
}

/* ---- for whom it is counted ---- */

static void
a_person_has_so_many_and_no_more(void **state)
{
	struct session *first = new_session(&fx.token);

	(void)state;
	new_session(&fx.token);
	assert_true(is_limited(&fx.token));
	new_session(&fx.other);
	session_end(first, STR("1"));
	new_session(&fx.token);
	assert_true(is_limited(&fx.token));
}

static void
moves_to_the_first_that_is_proven(void **state)
{
	struct session *a = new_session(&fx.stranger), *b = new_session(&fx.stranger), *c;

	(void)state;
	assert_true(session_move(a, &fx.stranger));
	assert_ptr_equal(session_account(a), &fx.stranger);
	assert_true(session_move(a, &fx.token));
	assert_ptr_equal(session_account(a), &fx.token);
	assert_ptr_equal(session_pass(a), &fx.stranger);
	/* Another one changes nothing, nor does a stranger. */
	assert_true(session_move(a, &fx.other));
	assert_true(session_move(a, &fx.stranger));
	assert_ptr_equal(session_account(a), &fx.token);
	assert_true(session_move(b, &fx.token));
	/* Both places of the stranger's are free again, and the token has no more. */
	c = new_session(&fx.stranger);
	new_session(&fx.stranger);
	assert_true(is_limited(&fx.stranger));
	assert_false(session_move(c, &fx.token));
	assert_ptr_equal(session_account(c), &fx.stranger);
	session_end(a, STR("1"));
	assert_true(session_move(c, &fx.token));
}

static void
what_an_outlet_holds_is_its_accounts(void **state)
{
	struct session *s = new_session(&fx.stranger);
	struct outlet *o = get(s, 0);

	(void)state;
	assert_ptr_equal(o->account, &fx.stranger);
	assert_true(session_move(s, &fx.token));
	assert_ptr_equal(o->account, &fx.token);
	o->open = false;
	session_detach(&o->outlet);
	s = new_session(&fx.stranger);
	assert_true(session_move(s, &fx.other));
	assert_ptr_equal(get(s, 1)->account, &fx.other);
}

static void
what_is_queued_is_its_persons_memory(void **state)
{
	struct session *a = new_session(&fx.token), *b = new_session(&fx.token), *other = new_session(&fx.other);

	(void)state;
	set_queue(a, MEMORY / 2);
	set_queue(other, MEMORY / 2);
	turn();
	assert_int_equal(fx.ended, 0);
	set_queue(b, MEMORY / 2);
	turn();
	assert_int_equal(fx.ended, 1);
	/* What goes out is no memory any more. */
	get(a, 0);
	set_queue(a, MEMORY * 3 / 4);
	turn();
	assert_int_equal(fx.ended, 1);
}

static void
what_its_layer_keeps_is_too_and_moves_along(void **state)
{
	struct session *s = new_session(&fx.stranger), *of_token = new_session(&fx.token);

	(void)state;
	assert_true(session_keep(s, MEMORY - 1000));
	assert_false(session_keep(s, MEMORY + 1000));
	assert_true(session_keep(s, MEMORY / 2 + 1000));
	assert_true(session_keep(of_token, MEMORY / 2));
	assert_false(session_move(s, &fx.token));
	assert_true(session_keep(of_token, 0));
	assert_true(session_move(s, &fx.token));
	assert_true(session_keep(new_session(&fx.stranger), MEMORY - 1000));
	assert_false(session_keep(of_token, MEMORY / 2));
	assert_true(session_keep(s, 0));
	assert_true(session_keep(of_token, MEMORY / 2));
}

/* ---- after a change ---- */

static void
what_it_may_not_read_is_not_told_and_never_again(void **state)
{
	struct session *s = new_session(&fx.stranger);
	struct outlet *o;

	(void)state;
	add_cursor(s, &fx.token);
	o = get(s, 0);
	say("seen");
	turn();
	assert_string_equal(o->body, "4seen");
	o = get(s, 1);
	set_sight(&fx.token, fx.none);
	say("hidden");
	turn();
	assert_true(o->open);
	/* It was passed over, so what comes behind it would hide that. */
	set_sight(&fx.token, fx.all);
	say("too late");
	turn();
	assert_true(o->open);
	assert_false(session_sees(&fx.cursor));
}

static void
a_sight_that_comes_back_before_anything_was_hidden_is_as_good(void **state)
{
	struct session *s = new_session(&fx.stranger);
	struct outlet *o;

	(void)state;
	add_cursor(s, &fx.token);
	set_sight(&fx.token, fx.none);
	set_sight(&fx.token, fx.all);
	o = get(s, 0);
	say("seen");
	turn();
	assert_string_equal(o->body, "4seen");
}

static void
nothing_is_told_to_a_namespace_whose_pass_has_ended(void **state)
{
	struct session *s = new_session(&fx.stranger);
	struct outlet *o;

	(void)state;
	add_cursor(s, &fx.token);
	o = get(s, 0);
	fx.token.expires_ms = 5;
	fx.wall_ms = 5;
	say("hidden");
	turn();
	assert_true(o->open);
}

static void
a_session_whose_own_pass_has_ended_ends_before_it_is_told_anything(void **state)
{
	struct session *s = new_session(&fx.token);
	struct outlet *o;

	(void)state;
	add_cursor(s, &fx.token);
	o = get(s, 0);
	fx.token.revoked = true;
	session_queue(s, wrap(NULL, STR("4queued"), 1), 1);
	say("hidden");
	turn();
	assert_string_equal(o->body, "1");
	assert_int_equal(fx.ended, 1);
}

static void
nor_is_a_request_taken_for_it(void **state)
{
	struct session *s = new_session(&fx.token);

	(void)state;
	assert_true(session_alive(s));
	fx.token.expires_ms = 5;
	fx.wall_ms = 4;
	assert_true(session_alive(s));
	fx.wall_ms = 5;
	assert_false(session_alive(s));
	assert_int_equal(fx.ended, 1);
}

static void
all_are_judged_some_in_each_turn(void **state)
{
	enum { N = 200 };

	(void)state;
	for (int i = 0; i < N; i++)
		new_session(NULL);
	turn();
	assert_int_equal(fx.judged, 0);
	fx.changes++;
	turn();
	assert_int_equal(fx.judged, 64);
	turn();
	/* In the middle of it again: all once more. */
	fx.changes++;
	for (int i = 0; i < 3; i++)
		turn();
	assert_int_equal(fx.judged, 5 * 64);
	turn();
	assert_int_equal(fx.judged, 2 * 64 + N);
	turn();
	assert_int_equal(fx.judged, 2 * 64 + N);
}

static void
those_whose_pass_has_ended_end(void **state)
{
	struct outlet *held = get(new_session(&fx.token), 0);

	(void)state;
	new_session(&fx.token);
	new_session(&fx.other);
	fx.token.revoked = true;
	fx.changes++;
	turn();
	assert_int_equal(fx.ended, 2);
	assert_int_equal(fx.judged, 1);
	assert_string_equal(held->body, "1");
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(is_for_its_person_and_a_strangers_for_all),
	    TEST(a_person_has_so_many_and_no_more),
	    TEST(moves_to_the_first_that_is_proven),
	    TEST(what_an_outlet_holds_is_its_accounts),
	    TEST(what_is_queued_is_its_persons_memory),
	    TEST(what_its_layer_keeps_is_too_and_moves_along),
	    TEST(what_it_may_not_read_is_not_told_and_never_again),
	    TEST(a_sight_that_comes_back_before_anything_was_hidden_is_as_good),
	    TEST(nothing_is_told_to_a_namespace_whose_pass_has_ended),
	    TEST(a_session_whose_own_pass_has_ended_ends_before_it_is_told_anything),
	    TEST(nor_is_a_request_taken_for_it),
	    TEST(all_are_judged_some_in_each_turn),
	    TEST(those_whose_pass_has_ended_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
