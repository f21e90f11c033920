/*
 * Pages for polls and history, against an array in memory: what a query should find is said in the plainest way, and
 * asked at random thousands of times.
 */
#include "base/clock.h"
#include "test_store.h"

enum { ROWS = 700, ROOMS = 6, SENDERS = 4 };

/* The last two have no messages. */
static const char *const NAMES[ROOMS + 2] = {"main", "ops", "a", "B", "x.y", "z-1", "empty", "nobody"};
static const char *const SENDER[SENDERS] = {"", "ann", "bob", "b\xC3\xA9"};

static struct row {
	int64_t id, at_ms;
	size_t room, sender;
	bool deleted;
	char json[4096];
} rows[ROWS];
static size_t n_rows;

static struct test_store fx;
static struct store *readers[3]; /* of different reply_max */
static const size_t reply_max[3] = {1000000, 700, 1};

static void
add_row(int64_t id, size_t room, size_t sender, int64_t at_ms, const char *text, bool is_args)
{
	struct row *r = &rows[n_rows++];
	struct message_fields f = {.id = id,
	    .at_ms = at_ms,
	    .room = str_of(NAMES[room]),
	    .event = STR("chat message"),
	    .sender = str_of(SENDER[sender]),
	    .body = str_of(text),
	    .is_args = is_args};
	struct buf json;

	assert_true(n_rows <= ROWS);
	*r = (struct row){.id = id, .at_ms = at_ms, .room = room, .sender = sender};
	buf_init(&json, sizeof r->json - 1);
	message_add_json(&json, &f, STR(""));
	assert_true(buf_ok(&json));
	snprintf(r->json, sizeof r->json, "%.*s", STR_ARGS(buf_str(&json)));
	buf_fini(&json);
	test_other(&fx, "INSERT INTO messages (id, room, sender, %s, at) VALUES (%lld, '%s', '%s', '%s', %lld)",
	    is_args ? "args" : "text", (long long)id, NAMES[room], SENDER[sender], text, (long long)at_ms);
}

/* Some hundred messages in several rooms, with gaps between ids, times that step back, rows deleted and updated. */
static int
setup(void **state)
{
	int64_t id = 0, at_ms = INT64_C(1700000000000);

	(void)state;
	test_seed(12);
	n_rows = 0;
	test_store_init(&fx);
	test_other(&fx, "BEGIN");
	while (n_rows < ROWS) {
		char text[600];
		size_t n = test_random(test_random(10) == 0 ? 500 : 20);

		id += 1 + (int64_t)(test_random(4) == 0 ? test_random(5) : 0);
		at_ms += (int64_t)test_random(100) - (test_random(15) == 0 ? (int64_t)test_random(3000) : 0);
		memset(text, 'x', sizeof text);
		snprintf(text + n, sizeof text - n, "%lld", (long long)id);
		if (test_random(8) == 0)
			snprintf(text, sizeof text, "[%lld, null]", (long long)id);
		add_row(id, test_random(1 + test_random(ROOMS)), test_random(SENDERS), at_ms, text, text[0] == '[');
	}
	for (int i = 0; i < 50; i++) {
		struct row *r = &rows[test_random(ROWS)];

		r->deleted = true;
		test_other(&fx, "DELETE FROM messages WHERE id = %lld", (long long)r->id);
	}
	test_other(&fx, "COMMIT");
	for (size_t i = 0; i < LENGTH(readers); i++) {
		fx.options.reply_max = reply_max[i];
		readers[i] = test_store_open(&fx, false);
	}
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(readers); i++)
		store_close(readers[i]);
	test_store_fini(&fx);
	return 0;
}

static int64_t
head(void)
{
	return rows[n_rows - 1].id;
}

/* A number around the ids there are. */
static int64_t
random_id(void)
{
	switch (test_random(12)) {
	case 0:
		return (int64_t)test_random(3);
	case 1:
		return head() + (int64_t)test_random(6) - 2;
	case 2:
		return MESSAGE_ID_MAX;
	default:
		return (int64_t)test_random((size_t)head() + 1);
	}
}

static void
random_rooms(struct store_rooms *r)
{
	*r = (struct store_rooms){.all = test_random(4) == 0};
	if (r->all && test_random(2) == 0)
		return; /* also with names beside it */
	r->n = 1 + test_random(test_random(3) == 0 ? 8 : 2);
	for (size_t i = 0; i < r->n; i++) /* the same one twice, now and then */
		r->names[i] = str_of(NAMES[test_random(ROOMS + 2)]);
}

static bool
in_rooms(const struct row *r, const struct store_rooms *in)
{
	for (size_t i = 0; i < in->n; i++)
		if (str_eq(in->names[i], str_of(NAMES[r->room])))
			return true;
	return in->all;
}

/* Rows taken for an answer, in the order in which they were found. */
struct found {
	const struct row *v[ROWS];
	size_t n, bytes;
	bool more; /* another one would have been, but for a limit */
};

/* Takes r as long as the answer has room for it; one always has. */
static bool
take(struct found *f, const struct row *r, size_t limit, size_t bytes_max)
{
	size_t n = strlen(r->json);

	if (f->n == limit || (f->n > 0 && f->bytes + n > bytes_max)) {
		f->more = true;
		return false;
	}
	f->v[f->n++] = r;
	f->bytes += n;
	return true;
}

static int
by_id(const void *a, const void *b)
{
	const struct row *const *x = a, *const *y = b;

	return ((*x)->id > (*y)->id) - ((*x)->id < (*y)->id);
}

static void
assert_page(struct found *f, struct str json, size_t n)
{
	struct buf want;

	qsort(f->v, f->n, sizeof f->v[0], by_id);
	buf_init(&want, SIZE_MAX);
	for (size_t i = 0; i < f->n; i++) {
		if (i > 0)
			buf_add_char(&want, ',');
		buf_add(&want, str_of(f->v[i]->json));
	}
	assert_str_n(json, buf_str(&want));
	assert_int_equal(n, f->n);
	buf_fini(&want);
}

static void
a_poll_finds_what_is_there(void **state)
{
	(void)state;
	for (int query = 0; query < 2000; query++) {
		size_t which = test_random(LENGTH(readers)), matching = 0;
		struct store_poll p = {.since = random_id(), .head = head(), .limit = 1 + test_random(30)};
		struct found f = {0};
		int64_t deleted = 0;
		bool fewer;

		random_rooms(&p.rooms);
		if (test_random(3) == 0)
			p.head = random_id() % (head() + 1); /* not all that is stored is published */
		if (test_random(3) == 0) {
			p.newest = 1 + (int64_t)test_random(test_random(2) == 0 ? 10 : 1000);
			p.since = -1;
		}
		assert_int_equal(store_poll(readers[which], &p), STORE_OK);
		if (p.newest > 0) {
			/* Just below the newest-th newest; nothing when there are fewer. */
			int64_t since = 0;

			for (size_t i = n_rows; i-- > 0 && matching < (size_t)p.newest;)
				if (!rows[i].deleted && in_rooms(&rows[i], &p.rooms) && rows[i].id <= p.head) {
					since = rows[i].id - 1;
					matching++;
				}
			assert_int_equal(p.since, matching < (size_t)p.newest ? 0 : since);
		}
		fewer = p.newest > 0 && matching < (size_t)p.newest;
		for (size_t i = 0; i < n_rows; i++) {
			const struct row *r = &rows[i];

			if (in_rooms(r, &p.rooms) && r->deleted && r->id > deleted)
				deleted = r->id;
			if (in_rooms(r, &p.rooms) && !r->deleted && r->id > p.since && r->id <= p.head && !f.more)
				take(&f, r, p.limit, reply_max[which]);
		}
		assert_page(&f, buf_str(&p.json), p.n);
		assert_int_equal(p.more, f.more);
		/* Who asks for more than there are gets all that are kept. */
		assert_int_equal(p.gap, deleted > p.since && !fewer);
		if (p.n > 0)
			assert_int_equal(p.last_id, f.v[f.n - 1]->id);
		buf_fini(&p.json);
	}
}

static bool
belongs(const struct row *r, const struct store_page *p)
{
	return !r->deleted && in_rooms(r, &p->rooms) && r->id <= p->head && r->at_ms >= p->from_ms &&
	       r->at_ms < p->until_ms && (!p->by_sender || str_eq(p->sender, str_of(SENDER[r->sender])));
}

/* Whether anything of the filter lies from first to last. */
static bool
anything(const struct store_page *p, int64_t first, int64_t last)
{
	for (size_t i = 0; i < n_rows; i++)
		if (belongs(&rows[i], p) && rows[i].id >= first && rows[i].id <= last)
			return true;
	return false;
}

static void
find_down(struct found *f, const struct store_page *p, int64_t below, size_t bytes_max)
{
	for (size_t i = n_rows; i-- > 0 && !f->more;)
		if (belongs(&rows[i], p) && rows[i].id < below)
			take(f, &rows[i], p->limit, bytes_max);
}

static void
find_up(struct found *f, const struct store_page *p, int64_t above, size_t bytes_max)
{
	for (size_t i = 0; i < n_rows && !f->more; i++)
		if (belongs(&rows[i], p) && rows[i].id > above)
			take(f, &rows[i], p->limit, bytes_max);
}

/*
 * The message itself, then the nearest from both sides in turn; at an end the other side fills the page. A side also
 * ends where it would be too large for a page of its own.
 */
static void
find_around(struct found *f, const struct store_page *p, size_t bytes_max)
{
	struct found old = {0}, young = {0};
	size_t below = 0, above = 0;
	bool old_turn = true;

	find_down(&old, p, p->at, bytes_max);
	find_up(&young, p, p->at - 1, bytes_max);
	if (young.n > 0 && young.v[0]->id == p->at)
		take(f, young.v[above++], p->limit, bytes_max);
	while (!f->more && (below < old.n || above < young.n)) {
		bool take_old = below < old.n && (old_turn || above == young.n);

		if (take_old)
			below += take(f, old.v[below], p->limit, bytes_max);
		else
			above += take(f, young.v[above], p->limit, bytes_max);
		old_turn = !take_old;
	}
}

/* The first message of these rooms that is as late as p->at. */
static int64_t
first_of_moment(const struct store_page *p)
{
	for (size_t i = 0; i < n_rows; i++)
		if (!rows[i].deleted && in_rooms(&rows[i], &p->rooms) && rows[i].at_ms >= p->at &&
		    rows[i].id <= p->head)
			return rows[i].id;
	return p->head + 1;
}

static int64_t
random_time(void)
{
	const struct row *r = &rows[test_random(n_rows)];

	return r->at_ms + (int64_t)test_random(3) - 1;
}

static void
random_page(struct store_page *p)
{
	static const enum store_cursor cursors[] = {STORE_NEWEST, STORE_BEFORE, STORE_AFTER, STORE_AROUND, STORE_ON};

	*p = (struct store_page){.cursor = cursors[test_random(LENGTH(cursors))],
	    .at = random_id(),
	    .head = test_random(3) == 0 ? random_id() % (head() + 1) : head(),
	    .limit = 1 + test_random(test_random(4) == 0 ? 500 : 20),
	    .from_ms = INT64_MIN,
	    .until_ms = INT64_MAX};
	random_rooms(&p->rooms);
	if (p->cursor == STORE_ON)
		p->at = test_random(10) == 0 ? INT64_C(4000000000000) : random_time();
	if (test_random(3) == 0) {
		p->by_sender = true;
		p->sender = str_of(test_random(8) == 0 ? "nobody" : SENDER[test_random(SENDERS)]);
	}
	if (test_random(3) == 0)
		p->from_ms = random_time();
	if (test_random(3) == 0)
		p->until_ms = random_time();
}

static void
a_page_of_history_holds_what_it_should(void **state)
{
	(void)state;
	for (int query = 0; query < 5000; query++) {
		size_t which = test_random(LENGTH(readers));
		struct found f = {0};
		struct store_page p;
		int64_t older = -1, newer = -1, from, first, last;

		random_page(&p);
		assert_int_equal(store_history(readers[which], &p), STORE_OK);
		switch (p.cursor) {
		case STORE_NEWEST:
			find_down(&f, &p, INT64_MAX, reply_max[which]);
			break;
		case STORE_BEFORE:
			find_down(&f, &p, p.at, reply_max[which]);
			break;
		case STORE_AFTER:
			find_up(&f, &p, p.at, reply_max[which]);
			break;
		case STORE_AROUND:
			find_around(&f, &p, reply_max[which]);
			break;
		case STORE_ON:
			find_up(&f, &p, first_of_moment(&p) - 1, reply_max[which]);
			break;
		}
		if (p.n != f.n)
			print_error("query %d, cursor %d at %lld, limit %zu, reply_max %zu, all %d head %d: %zu "
			            "instead of %zu\n",
			    query, (int)p.cursor, (long long)p.at, p.limit, reply_max[which], p.rooms.all, (int)p.head,
			    p.n, f.n);
		assert_page(&f, buf_str(&p.json), p.n);
		if (f.n > 0) {
			/* The page's ends, where there is anything beyond them. */
			first = f.v[0]->id;
			last = f.v[f.n - 1]->id;
			older = anything(&p, 0, first - 1) ? first : -1;
			newer = p.cursor != STORE_NEWEST && anything(&p, last + 1, p.head) ? last : -1;
		} else if (p.cursor == STORE_BEFORE)
			newer = anything(&p, p.at, p.head) ? p.at - 1 : -1;
		else if (p.cursor == STORE_AFTER || p.cursor == STORE_ON) {
			from = p.cursor == STORE_AFTER ? p.at : first_of_moment(&p) - 1;
			/* A cursor is an id, and there is none beyond the greatest. */
			older = !anything(&p, 0, from) ? -1 : from < MESSAGE_ID_MAX ? from + 1 : from;
		}
		if (p.older != older || p.newer != newer)
			fail_msg("query %d, cursor %d at %lld: older %lld instead of %lld, newer %lld instead of %lld",
			    query, (int)p.cursor, (long long)p.at, (long long)p.older, (long long)older,
			    (long long)p.newer, (long long)newer);
		buf_fini(&p.json);
	}
}

/* From either end to the other by the cursors that the pages give: each message once. */
static void
pages_lead_to_each_message_once(void **state)
{
	(void)state;
	for (int round = 0; round < 40; round++) {
		struct store_page p = {0};
		size_t which = test_random(LENGTH(readers)), n = 0, want = 0;
		bool down = round % 2 == 0;

		random_page(&p);
		p.cursor = down ? STORE_NEWEST : STORE_AFTER;
		p.at = 0;
		p.limit = 1 + test_random(40);
		for (size_t i = 0; i < n_rows; i++)
			want += belongs(&rows[i], &p);
		for (;;) {
			int64_t next;

			assert_int_equal(store_history(readers[which], &p), STORE_OK);
			assert_true(p.n > 0 || want == 0);
			n += p.n;
			next = down ? p.older : p.newer;
			buf_fini(&p.json);
			p.n = 0;
			if (next == -1)
				break;
			p.cursor = down ? STORE_BEFORE : STORE_AFTER;
			p.at = next;
		}
		assert_int_equal(n, want);
	}
}

/* In a span of more rows than are sorted the answer is the same, by another way. */
static void
a_long_span_gives_the_same_page(void **state)
{
	struct store_page p = {.rooms = {.all = true},
	    .cursor = STORE_BEFORE,
	    .limit = 5,
	    .from_ms = INT64_C(1700000000000),
	    .until_ms = INT64_C(1800000000000)};

	(void)state;
	test_other(&fx, "BEGIN");
	for (int i = 0; i < 3000; i++)
		test_other(&fx, "INSERT INTO messages (room, text, at) VALUES ('long', 'x', %lld)",
		    (long long)(INT64_C(1750000000000) - i));
	test_other(&fx, "COMMIT");
	p.head = head() + 3000;
	p.at = p.head + 1;
	assert_int_equal(store_history(readers[0], &p), STORE_OK);
	assert_int_equal(p.n, 5);
	assert_int_equal(p.older, p.head - 4);
	assert_int_equal(p.newer, -1);
	buf_fini(&p.json);
}

/* A page begins where the first of its day lies, though the clock was set back around it. */
static void
a_page_of_a_day_begins_with_its_first_message(void **state)
{
	static const int64_t at[] = {1000, 2000, 5000, 3000, 4000, 6000, 2500};
	struct store_page p = {.rooms = {.names = {STR("clock")}, .n = 1},
	    .cursor = STORE_ON,
	    .at = 4000,
	    .limit = 2,
	    .from_ms = INT64_MIN,
	    .until_ms = INT64_MAX};
	int64_t first = head() + 1;

	(void)state;
	for (size_t i = 0; i < LENGTH(at); i++)
		test_other(&fx, "INSERT INTO messages (id, room, text, at) VALUES (%lld, 'clock', 'x', %lld)",
		    (long long)(first + (int64_t)i), (long long)at[i]);
	p.head = first + 6;
	assert_int_equal(store_history(readers[0], &p), STORE_OK);
	assert_int_equal(p.n, 2);
	assert_int_equal(p.older, first + 2); /* 5000 is of that time already */
	assert_int_equal(p.newer, first + 3);
	buf_fini(&p.json);
}

/* A row that got past the rules, or was made to, does no harm to those around it: every answer is good JSON. */
static void
a_strange_row_is_told_as_good_json(void **state)
{
	static const char *const strange[] = {
	    "(args) VALUES ('[1]' || char(0) || 'junk')",
	    "(args) VALUES ('[\"a\"]' || char(0) || '\"')",
	    "(args) VALUES ('[\"' || CAST(x'FF' AS TEXT) || '\"]')",
	    "(args) VALUES ('[\"\\ud800\"]')",
	    "(args) VALUES (' [ ] ')",
	    "(text) VALUES (CAST(x'80FF00C3' AS TEXT))",
	    "(text) VALUES (char(0))",
	    "(text) VALUES ('')",
	    "(text, sender, event) VALUES ('a', CAST(x'FE' AS TEXT), CAST(x'22FF' AS TEXT))",
	    "(text, at) VALUES ('a', 9223372036854775807)",
	    "(text, at) VALUES ('a', -9223372036854775807)",
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(strange); i++) {
		struct store_poll p = {.rooms = {.names = {STR("main")}, .n = 1}, .limit = 10};
		char sql[200], json[2000];
		sqlite3_stmt *stmt;

		snprintf(sql, sizeof sql, "INSERT INTO messages %s", strange[i]);
		if (test_other_refused(&fx, sql))
			continue;
		p.head = test_number(&fx, "SELECT max(id) FROM messages");
		p.since = p.head - 1;
		assert_int_equal(store_poll(readers[0], &p), STORE_OK);
		assert_int_equal(p.n, 1);
		assert_true(str_utf8(buf_str(&p.json)));
		assert_null(memchr(p.json.p, '\0', p.json.n));
		snprintf(json, sizeof json, "%.*s", STR_ARGS(buf_str(&p.json)));
		assert_int_equal(sqlite3_prepare_v2(fx.other, "SELECT json_valid(?)", -1, &stmt, NULL), SQLITE_OK);
		sqlite3_bind_text(stmt, 1, json, -1, SQLITE_STATIC);
		assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
		if (sqlite3_column_int(stmt, 0) != 1)
			fail_msg("%s makes %s", strange[i], json);
		sqlite3_finalize(stmt);
		buf_fini(&p.json);
	}
}

/* Another file in its place: what is there now is read. */
static void
readers_follow_to_another_file(void **state)
{
	struct store_poll p = {.rooms = {.all = true}, .limit = 10};
	struct test_store another;

	(void)state;
	test_store_init(&another);
	test_other(&another, "INSERT INTO messages (text) VALUES ('there'); PRAGMA wal_checkpoint(TRUNCATE)");
	p.head = 1;
	assert_int_equal(rename(another.path, fx.path), 0);
	/* Readers wait for the writer to put away the WAL of the old file. */
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_true(fx.news.reset);
	assert_int_equal(store_poll(readers[0], &p), STORE_OK);
	assert_int_equal(p.n, 1);
	assert_non_null(memmem(p.json.p, p.json.n, "there", 5));
	buf_fini(&p.json);
	test_store_fini(&another);
}

static void
readers_make_no_file(void **state)
{
	struct store_poll p = {.rooms = {.all = true}, .limit = 10, .head = 10};

	(void)state;
	unlink(fx.path);
	assert_int_equal(store_poll(readers[0], &p), STORE_FAILED);
	buf_fini(&p.json);
	/* A reader makes no file. */
	assert_int_equal(access(fx.path, F_OK), -1);
	/* The writer does, unless somebody may still be removing; and then readers find their way. */
	assert_int_equal(test_look(&fx, 0), STORE_BUSY);
	assert_int_equal(access(fx.path, F_OK), -1);
	clock_sleep_ms(1100);
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_true(fx.news.reset);
	assert_int_equal(fx.news.head, 0);
	assert_int_equal(store_poll(readers[0], &p), STORE_OK);
	assert_int_equal(p.n, 0);
	assert_false(p.gap);
	buf_fini(&p.json);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(a_poll_finds_what_is_there, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_page_of_history_holds_what_it_should, setup, teardown),
	    cmocka_unit_test_setup_teardown(pages_lead_to_each_message_once, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_long_span_gives_the_same_page, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_page_of_a_day_begins_with_its_first_message, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_strange_row_is_told_as_good_json, setup, teardown),
	    cmocka_unit_test_setup_teardown(readers_follow_to_another_file, setup, teardown),
	    cmocka_unit_test_setup_teardown(readers_make_no_file, setup, teardown),
	};

	return cmocka_run_group_tests_name("store_read", tests, NULL, NULL);
}
