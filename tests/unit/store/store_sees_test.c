/*
 * What is read by somebody who may not see all rooms is what a log without the hidden ones would tell.
 */
#include "store/store.h"

#include "base/clock.h"
#include "test_store_fixture.h"

/* The same log twice: with all rooms, and with only those that are seen, the ids being the same. */
static struct test_store bare;

enum { ROOMS = 60, PATTERNS = 700 };

/* Who may see rooms r0, r1 and so on, by number. */
static struct {
	bool seen[ROOMS];
	size_t asked; /* how often */
	char names[PATTERNS][8];
	struct str patterns[PATTERNS];
	struct store_sees sees;
} sight;

static bool
sees(const void *ctx, struct str room)
{
	char text[8];
	int number;

	(void)ctx;
	sight.asked++;
	snprintf(text, sizeof text, "%.*s", STR_ARGS(room));
	number = atoi(text + 1);
	return text[0] == 'r' && number < ROOMS && sight.seen[number];
}

/* The same rooms, found by names (how 0), by prefixes (1), by "*" (2), or by more names than are looked up (3). */
static void
set_patterns(int how)
{
	size_t n = 0;

	for (int i = 0; i < ROOMS && how == 0; i++)
		if (sight.seen[i])
			snprintf(sight.names[n++], sizeof *sight.names, "r%d", i);
	for (int i = 0; i < 10 && how == 1; i++)
		snprintf(sight.names[n++], sizeof *sight.names, "r%d*", i);
	for (int i = 0; i < PATTERNS && how == 3; i++)
		snprintf(sight.names[n++], sizeof *sight.names, "r%d", i);
	if (how == 2)
		snprintf(sight.names[n++], sizeof *sight.names, "*");
	for (size_t i = 0; i < n; i++)
		sight.patterns[i] = str_of(sight.names[i]);
	sight.sees = (struct store_sees){.sees = sees, .patterns = sight.patterns, .n_patterns = n};
}

static int
setup_both(void **state)
{
	(void)state;
	test_store_init(&bare);
	test_store_init(&fx);
	test_watchdog(120);
	memset(&sight, 0, sizeof sight);
	return 0;
}

static int
teardown_both(void **state)
{
	(void)state;
	test_store_fini(&fx);
	test_store_fini(&bare);
	return 0;
}

/* 0 to n-1. */
static int64_t
below(int64_t n)
{
	return (int64_t)test_random((size_t)n);
}

/* In both if the room is seen. */
static void
insert(int id, int room, const char *sender, int at)
{
	static const char *const words[] = {"tapir", "capybara", "otter", "tapir otter"};
	struct test_store *both[] = {&fx, &bare};

	for (int i = 0; i < (sight.seen[room] ? 2 : 1); i++)
		test_other(both[i],
		    "INSERT INTO messages (id, room, sender, text, at) VALUES (%d, 'r%d', '%s', '%s %d', %d)", id, room,
		    sender, words[id % 4], id, at);
}

static void
take_away(int id)
{
	test_other(&fx, "DELETE FROM messages WHERE id = %d", id);
	test_other(&bare, "DELETE FROM messages WHERE id = %d", id);
}

/* A random log of n messages in so many rooms, of which so many (about) of a hundred are seen. */
static void
make_log(int n, int rooms, int percent)
{
	int at = 1000;

	for (int i = 0; i < ROOMS; i++)
		sight.seen[i] = i < rooms && (int)below(100) < percent;
	test_other(&fx, "BEGIN");
	test_other(&bare, "BEGIN");
	for (int id = 1; id <= n; id++) {
		/* The clock stands still, runs, and is set back. */
		at += below(20) == 0 ? -300 : (int)below(3) * 10;
		insert(id, (int)below(rooms), below(2) == 0 ? "ann" : "bob", at);
		if (below(8) == 0)
			take_away(1 + (int)below(id));
	}
	/* Some rooms, seen and not, are deleted wholly. */
	for (int i = 0; i < rooms; i += 7) {
		test_other(&fx, "DELETE FROM messages WHERE room = 'r%d'", i);
		test_other(&bare, "DELETE FROM messages WHERE room = 'r%d'", i);
	}
	test_other(&fx, "COMMIT");
	test_other(&bare, "COMMIT");
	test_fill(&fx);
	test_fill(&bare);
}

/* Reads with small answers, so that they are cut by bytes too. */
static void
set_reply_max(size_t reply_max)
{
	struct test_store *both[] = {&fx, &bare};

	for (int i = 0; i < 2; i++) {
		store_close(both[i]->reader);
		both[i]->options.reply_max = reply_max;
		both[i]->reader = test_store_open(both[i], false);
	}
}

static void
compare_polls(int64_t head)
{
	struct store_poll a = {.rooms = {.all = true, .sees = &sight.sees},
	    .since = below(head + 2),
	    .newest = below(2) == 0 ? 0 : 1 + below(30),
	    .head = below(4) == 0 ? below(head) : head,
	    .limit = 1 + test_random(20)};
	struct store_poll b = a;

	b.rooms.sees = NULL;
	assert_int_equal(store_poll(fx.reader, &a), STORE_OK);
	assert_int_equal(store_poll(bare.reader, &b), STORE_OK);
	assert_str_n(buf_str(&a.json), buf_str(&b.json));
	assert_int_equal(a.n, b.n);
	assert_int_equal(a.since, b.since);
	assert_int_equal(a.last_id, b.last_id);
	assert_int_equal(a.more, b.more);
	assert_int_equal(a.gap, b.gap);
	buf_fini(&a.json);
	buf_fini(&b.json);
}

static void
compare_pages(int64_t head, bool search)
{
	struct store_page a = {.rooms = {.all = true, .sees = &sight.sees},
	    .cursor = (enum store_cursor)below(search ? 2 : 5),
	    .at = below(head + 2),
	    .head = below(4) == 0 ? below(head) : head,
	    .limit = 1 + test_random(20),
	    .by_sender = below(3) == 0,
	    .sender = STR("bob"),
	    .from_ms = INT64_MIN,
	    .until_ms = INT64_MAX};
	struct store_page b;

	if (a.cursor == STORE_ON)
		a.at = 900 + below(3000);
	if (below(3) == 0)
		a.from_ms = 900 + below(3000);
	if (below(3) == 0)
		a.until_ms = 900 + below(4000);
	if (search)
		a.q = below(2) == 0 ? STR("tapir") : STR("ott* -capybara");
	b = a;
	b.rooms.sees = NULL;
	assert_int_equal((search ? store_search : store_history)(fx.reader, &a), STORE_OK);
	assert_int_equal((search ? store_search : store_history)(bare.reader, &b), STORE_OK);
	assert_str_n(buf_str(&a.json), buf_str(&b.json));
	assert_int_equal(a.n, b.n);
	assert_int_equal(a.older, b.older);
	assert_int_equal(a.newer, b.newer);
	buf_fini(&a.json);
	buf_fini(&b.json);
}

static void
compare_lists(int64_t head)
{
	struct store_list a = {.sees = &sight.sees,
	    .head = below(2) == 0 ? below(head) : head,
	    .after = below(2) == 0 ? INT64_MAX : below(head),
	    .limit = 1 + test_random(30)};
	struct store_list b = a;

	b.sees = NULL;
	assert_int_equal(store_list(fx.reader, &a), STORE_OK);
	assert_int_equal(store_list(bare.reader, &b), STORE_OK);
	assert_str_n(buf_str(&a.json), buf_str(&b.json));
	assert_int_equal(a.n, b.n);
	assert_int_equal(a.more, b.more);
	buf_fini(&a.json);
	buf_fini(&b.json);
}

static void
compare(int n, int rooms, int percent)
{
	make_log(n, rooms, percent);
	for (int i = 0; i < 800; i++) {
		if (i % 100 == 0)
			set_reply_max(i % 200 == 0 ? 1000000 : 700);
		set_patterns(i % 4);
		compare_polls(n);
		compare_pages(n, false);
		compare_pages(n, true);
		compare_lists(n);
	}
}

/* Few are seen: they are asked for by their names. */
static void
is_as_if_the_others_were_not_there_when_few_are_seen(void **state)
{
	(void)state;
	test_seed(1);
	compare(400, 40, 20);
}

/* More than a job can name: all is read, and filtered. */
static void
is_as_if_the_others_were_not_there_when_many_are_seen(void **state)
{
	(void)state;
	test_seed(2);
	compare(400, ROOMS, 75);
}

static void
is_nothing_when_no_room_is_seen(void **state)
{
	(void)state;
	test_seed(3);
	compare(100, 10, 0);
}

/* One small room of a large log is read without a walk through it. */
static void
is_read_without_the_rest_when_it_is_little(void **state)
{
	int64_t began;
	struct store_list list;

	(void)state;
	sight.seen[1] = sight.seen[5] = true;
	insert(1, 1, "ann", 1);
	test_other(&fx, "WITH RECURSIVE c(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM c WHERE i < 200000)"
	                " INSERT INTO messages (room, text, at) SELECT 'r' || (10 + i %% 3000), 'tapir', i FROM c");
	test_fill(&fx);
	set_patterns(0);
	sight.asked = 0;
	for (int i = 0; i < 4; i++) {
		struct store_poll poll = {.rooms = {.all = true, .sees = &sight.sees}, .head = 200000, .limit = 10};
		struct store_page page = {.rooms = poll.rooms,
		    .cursor = i == 3 ? STORE_ON : STORE_NEWEST,
		    .head = 200000,
		    .limit = 10,
		    .from_ms = INT64_MIN,
		    .until_ms = INT64_MAX,
		    .q = i == 2 ? STR("capybara") : STR("")};

		began = clock_ms();
		if (i == 0) {
			assert_int_equal(store_poll(fx.reader, &poll), STORE_OK);
			assert_int_equal(poll.n, 1);
			buf_fini(&poll.json);
		} else {
			assert_int_equal((i == 2 ? store_search : store_history)(fx.reader, &page), STORE_OK);
			assert_int_equal(page.n, 1);
			assert_int_equal(page.older, -1);
			buf_fini(&page.json);
		}
		assert_true(clock_ms() - began < 5000);
	}
	list = (struct store_list){.sees = &sight.sees, .head = 200000, .after = INT64_MAX, .limit = 10};
	assert_int_equal(store_list(fx.reader, &list), STORE_OK);
	assert_int_equal(list.n, 1);
	assert_false(list.more);
	buf_fini(&list.json);
	/* Of two hundred thousand rows, three thousand rooms. */
	assert_true(sight.asked < 100);
}

/* A question that was let in by other grants than there are now is not answered. */
static void
is_not_told_when_grants_have_changed(void **state)
{
	struct store_poll poll = {.access_version = 1, .rooms = {.all = true}, .head = 1, .limit = 10};
	struct store_page page = {.access_version = 1,
	    .rooms = {.all = true},
	    .head = 1,
	    .limit = 10,
	    .from_ms = INT64_MIN,
	    .until_ms = INT64_MAX,
	    .q = STR("tapir")};
	struct store_list list = {.access_version = 1, .head = 1, .after = INT64_MAX, .limit = 10};
	struct store_tail tail = {.access_version = 1, .room = STR("r1"), .head = 1, .limit = 10, .bytes_max = 100};
	struct store_missed missed = {.access_version = 1, .room = STR("r1"), .head = 1, .limit = 10};

	(void)state;
	insert(1, 1, "ann", 1);
	for (int i = 0; i < 3; i++) {
		enum store_status want = i == 1 ? STORE_STALE : STORE_OK;

		if (i == 1)
			test_other(&fx, "INSERT INTO grants VALUES ('users', '*', 'r')");
		if (i == 2) {
			int64_t now = test_number(&fx, "SELECT value FROM meta WHERE name = 'access_version'");

			poll.access_version = page.access_version = list.access_version = now;
			tail.access_version = missed.access_version = now;
		}
		poll.n = page.n = 0;
		assert_int_equal(store_poll(fx.reader, &poll), want);
		assert_int_equal(buf_str(&poll.json).n > 0, i != 1);
		buf_fini(&poll.json);
		assert_int_equal(store_history(fx.reader, &page), want);
		assert_int_equal(buf_str(&page.json).n > 0, i != 1);
		buf_fini(&page.json);
		assert_int_equal(store_search(fx.reader, &page), want);
		buf_fini(&page.json);
		assert_int_equal(store_list(fx.reader, &list), want);
		assert_int_equal(list.n, i == 1 ? 0 : 1);
		buf_fini(&list.json);
		assert_int_equal(store_tail(fx.reader, &tail), want);
		assert_int_equal(tail.n, i == 1 ? 0 : 1);
		store_tail_fini(&tail);
		tail.messages = NULL;
		tail.n = 0;
		assert_int_equal(store_missed(fx.reader, &missed), want);
		assert_int_equal(missed.n, i == 1 ? 0 : 1);
	}
}

/* A row that is too long to be read does not end a walk that asks for what is seen. */
static void
goes_on_behind_a_row_that_is_too_long(void **state)
{
	struct store_poll poll = {.rooms = {.all = true, .sees = &sight.sees}, .head = 3, .limit = 10};

	(void)state;
	for (int i = 0; i < 40; i++)
		sight.seen[i] = true;
	set_patterns(2);
	insert(1, 1, "ann", 1);
	test_other(&fx, "PRAGMA ignore_check_constraints = ON;"
	                " INSERT INTO messages (room, text) VALUES ('r1', replace(hex(zeroblob(17000000)), '0', 'a'))");
	insert(3, 1, "ann", 1);
	for (int i = 2; i < 40; i++)
		insert(2 + i, i, "ann", 1);
	assert_int_equal(store_poll(fx.reader, &poll), STORE_OK);
	assert_int_equal(poll.n, 2);
	buf_fini(&poll.json);
	/* Its room may be what is too long. */
	test_other(&fx, "INSERT INTO messages (room, text) VALUES (replace(hex(zeroblob(17000000)), '0', 'r'), 'x')");
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	insert(50, 1, "ann", 1);
	poll.n = 0;
	poll.since = 3;
	poll.head = 50;
	poll.limit = 100;
	assert_int_equal(store_poll(fx.reader, &poll), STORE_OK);
	assert_int_equal(poll.n, 39);
	buf_fini(&poll.json);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
	        is_as_if_the_others_were_not_there_when_few_are_seen, setup_both, teardown_both),
	    cmocka_unit_test_setup_teardown(
	        is_as_if_the_others_were_not_there_when_many_are_seen, setup_both, teardown_both),
	    cmocka_unit_test_setup_teardown(is_nothing_when_no_room_is_seen, setup_both, teardown_both),
	    cmocka_unit_test_setup_teardown(is_read_without_the_rest_when_it_is_little, setup_both, teardown_both),
	    cmocka_unit_test_setup_teardown(is_not_told_when_grants_have_changed, setup_both, teardown_both),
	    cmocka_unit_test_setup_teardown(goes_on_behind_a_row_that_is_too_long, setup_both, teardown_both),
	};

	return cmocka_run_group_tests_name("store_sees", tests, NULL, NULL);
}
