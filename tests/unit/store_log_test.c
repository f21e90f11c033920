/*
 * The writer: what is appended, what other programs commit in between, and what is told of both.
 */
#include "store.h"

#include <fcntl.h>

#include "clock.h"
#include "test_store.h"

static struct test_store fx;

static int
setup(void **state)
{
	(void)state;
	test_store_init(&fx);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	test_store_fini(&fx);
	return 0;
}

static enum store_status
append(const char *room, const char *text, const char *key, struct store_send *send)
{
	return test_append(&fx, test_message(room, text, key), send);
}

/* The ids told, in their order; a minus before those of changes to what is no more. */
static void
assert_news(const char *want)
{
	char got[1000] = "";
	size_t n = 0;

	for (size_t i = 0; i < fx.news.n_messages; i++) {
		const struct message *m = fx.news.messages[i];

		n += (size_t)snprintf(got + n, sizeof got - n, "%lld:%.*s ", (long long)m->f.id, STR_ARGS(m->f.body));
		assert_true(m->json.n > 0);
	}
	for (size_t i = 0; i < fx.news.n_changes; i++) {
		const struct store_change *c = &fx.news.changes[i];

		if (c->message == NULL)
			n += (size_t)snprintf(got + n, sizeof got - n, "-%s%lld ", c->room, (long long)c->id);
		else
			n += (size_t)snprintf(got + n, sizeof got - n, "=%s%lld:%.*s ", c->room, (long long)c->id,
			    STR_ARGS(c->message->f.body));
	}
	assert_string_equal(got, want);
}

static void
test_append_one(void **state)
{
	struct store_send send;
	size_t syncs = test_disk.syncs;
	int64_t began = clock_wall_ms();

	(void)state;
	assert_int_equal(append("main", "hi", "", &send), STORE_OK);
	/* On the disk before anybody is told. */
	assert_true(test_disk.syncs > syncs);
	assert_false(test_disk.unsynced);
	assert_int_equal(send.outcome, STORE_STORED);
	assert_int_equal(send.id, 1);
	assert_true(send.at_ms >= began && send.at_ms <= clock_wall_ms());
	assert_news("1:hi ");
	assert_int_equal(fx.news.messages[0]->f.id, 1);
	assert_int_equal(fx.news.messages[0]->f.at_ms, send.at_ms);
	assert_int_equal(fx.news.head, 1);
	assert_int_equal(store_head(fx.store), 1);
	assert_string_equal(fx.news.epoch, store_epoch(fx.store));
	assert_false(fx.news.reset || fx.news.more);
	assert_true(fx.news.wal_pages > 0);
	assert_int_equal(
	    test_number(&fx, "SELECT count(*) FROM messages WHERE id = 1 AND room = 'main' AND sender = 'ann'"
	                     " AND event = 'chat message' AND text = 'hi' AND args IS NULL AND key IS NULL"),
	    1);
	/* Told once. */
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_news("");
}

static void
test_append_many(void **state)
{
	struct store_send sends[50];
	char text[16];
	size_t syncs = test_disk.syncs;

	(void)state;
	for (size_t i = 0; i < LENGTH(sends); i++) {
		snprintf(text, sizeof text, "%zu", i + 1);
		sends[i] = (struct store_send){.message = test_message(i % 2 == 0 ? "a" : "b", text, "")};
	}
	assert_int_equal(store_append(fx.store, sends, LENGTH(sends), 0, &fx.news), STORE_OK);
	/* One transaction for all. */
	assert_true(test_disk.syncs - syncs <= 2);
	assert_int_equal(fx.news.n_messages, LENGTH(sends));
	for (size_t i = 0; i < LENGTH(sends); i++) {
		assert_int_equal(sends[i].id, i + 1);
		assert_ptr_equal(fx.news.messages[i], sends[i].message);
		message_drop(sends[i].message);
	}
	assert_int_equal(fx.news.head, LENGTH(sends));
}

/* What was told is what a reader finds later, byte for byte. */
static void
assert_stored_as_told(const struct message_fields *f)
{
	struct store_poll p = {.rooms = {.all = true}, .limit = 10};
	struct store_send send;

	assert_int_equal(test_append(&fx, message_new(f), &send), STORE_OK);
	p.head = send.id;
	p.since = send.id - 1;
	assert_int_equal(store_poll(fx.reader, &p), STORE_OK);
	assert_str_n(buf_str(&p.json), fx.news.messages[0]->json);
	buf_fini(&p.json);
}

static void
test_bodies(void **state)
{
	struct message_fields f = {.room = STR("main"), .event = STR("e\0v"), .body = STR("a\0b")};

	(void)state;
	assert_stored_as_told(&f);
	f.body = STR("");
	assert_stored_as_told(&f);
	f.body = STR("[1.50, {\"a\":[]}]");
	f.is_args = true;
	assert_stored_as_told(&f);
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM messages WHERE text = 'a' || char(0) || 'b'"), 1);
	assert_int_equal(
	    test_number(&fx, "SELECT count(*) FROM messages WHERE text = '' AND event = 'e' || char(0) || 'v'"), 1);
	assert_int_equal(
	    test_number(&fx, "SELECT count(*) FROM messages WHERE text IS NULL AND args = '[1.50, {\"a\":[]}]'"), 1);
}

static void
test_keys(void **state)
{
	struct store_send first, again;
	struct message_fields f = {.room = STR("main"),
	    .event = STR("chat message"),
	    .sender = STR("ann"),
	    .body = STR("hi"),
	    .key = STR("k")};

	(void)state;
	assert_int_equal(append("main", "hi", "k", &first), STORE_OK);
	assert_int_equal(append("main", "hi", "k", &again), STORE_OK);
	assert_int_equal(again.outcome, STORE_REPLAYED);
	assert_int_equal(again.id, first.id);
	assert_int_equal(again.at_ms, first.at_ms);
	assert_news("");
	/* Another message. */
	assert_int_equal(append("main", "ho", "k", &again), STORE_OK);
	assert_int_equal(again.outcome, STORE_KEY_CONFLICT);
	for (int i = 0; i < 4; i++) {
		struct message_fields other = f;

		if (i == 0)
			other.event = STR("e");
		else if (i == 1)
			other.sender = STR("bob");
		else if (i == 2)
			other.body = STR("hi\0");
		else {
			other.is_args = true;
			other.body = STR("[\"hi\",1]");
		}
		assert_int_equal(test_append(&fx, message_new(&other), &again), STORE_OK);
		assert_int_equal(again.outcome, STORE_KEY_CONFLICT);
		assert_news("");
	}
	/* Another room, or none at all: no key of theirs. */
	assert_int_equal(append("ops", "hi", "k", &again), STORE_OK);
	assert_int_equal(again.outcome, STORE_STORED);
	assert_int_equal(append("main", "hi", "", &again), STORE_OK);
	assert_int_equal(again.outcome, STORE_STORED);
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM messages"), 3);
	/* Attachments make it another message too. */
	test_other(&fx, "UPDATE messages SET attachments = 1 WHERE id = 1");
	assert_int_equal(append("main", "hi", "k", &again), STORE_OK);
	assert_int_equal(again.outcome, STORE_KEY_CONFLICT);
	/* As long as its message is kept. */
	test_other(&fx, "DELETE FROM messages WHERE id = 1");
	assert_int_equal(append("main", "hi", "k", &again), STORE_OK);
	assert_int_equal(again.outcome, STORE_STORED);
}

/* The same key several times in one batch; what is refused or replayed does not keep the others from being stored. */
static void
test_mixed_batch(void **state)
{
	static const struct {
		const char *room, *text, *key;
		int outcome;
		int64_t id;
	} want[] = {
	    {"main", "one", "k", STORE_STORED, 1},
	    {"main", "one", "k", STORE_REPLAYED, 1},
	    {"main", "two", "k", STORE_KEY_CONFLICT, 1},
	    {"bad room", "x", "", STORE_REFUSED, 0},
	    {"main", "three", "", STORE_STORED, 2},
	    {"main", "four", "l", STORE_STORED, 3},
	    {"main", "one", "k", STORE_REPLAYED, 1},
	};
	struct store_send sends[LENGTH(want)];

	(void)state;
	for (size_t i = 0; i < LENGTH(want); i++)
		sends[i] = (struct store_send){.message = test_message(want[i].room, want[i].text, want[i].key)};
	assert_int_equal(store_append(fx.store, sends, LENGTH(want), 0, &fx.news), STORE_OK);
	for (size_t i = 0; i < LENGTH(want); i++) {
		assert_int_equal(sends[i].outcome, want[i].outcome);
		if (want[i].id != 0)
			assert_int_equal(sends[i].id, want[i].id);
		message_drop(sends[i].message);
	}
	assert_news("1:one 2:three 3:four ");
}

static void
test_last_id(void **state)
{
	struct store_send send;

	(void)state;
	test_other(&fx, "INSERT INTO messages (id, text) VALUES (9007199254740990, 'x')");
	assert_int_equal(append("main", "last", "", &send), STORE_OK);
	assert_int_equal(send.outcome, STORE_STORED);
	assert_int_equal(send.id, MESSAGE_ID_MAX);
	assert_int_equal(append("main", "one more", "", &send), STORE_OK);
	assert_int_equal(send.outcome, STORE_REFUSED);
	assert_int_equal(store_head(fx.store), MESSAGE_ID_MAX);
}

static void
test_foreign_rows(void **state)
{
	struct store_send send;

	(void)state;
	test_other(&fx, "INSERT INTO messages (text) VALUES ('theirs')");
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_news("1:theirs ");
	assert_int_equal(fx.news.head, 1);
	/* Theirs before ours, in the order of the log. */
	test_other(&fx, "INSERT INTO messages (text) VALUES ('theirs'), ('theirs too')");
	assert_int_equal(append("main", "ours", "", &send), STORE_OK);
	assert_news("2:theirs 3:theirs too 4:ours ");
	assert_int_equal(fx.news.head, 4);
	/* Come and gone between two looks: only the head tells. */
	test_other(&fx, "INSERT INTO messages (text) VALUES ('gone'); DELETE FROM messages WHERE text = 'gone'");
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_int_equal(fx.news.n_messages, 0);
	assert_int_equal(fx.news.head, 5);
	/* What is rolled back was never there. */
	test_other(&fx, "BEGIN; INSERT INTO messages (text) VALUES ('no'); ROLLBACK");
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_news("");
	assert_int_equal(append("main", "ours", "", &send), STORE_OK);
	assert_news("6:ours ");
}

/* Whoever writes, in whichever order: every row is told once, in the order of ids. */
static void
test_random_writers(void **state)
{
	int64_t told = 0, n_told = 0, n = 0;

	(void)state;
	test_seed(14);
	for (int i = 0; i < 400; i++) {
		struct store_send send;
		size_t what = test_random(6);

		if (what < 2) {
			test_other(&fx, "BEGIN");
			for (size_t k = test_random(4); k > 0; k--, n++)
				test_other(&fx, "INSERT INTO messages (room, text) VALUES ('r%d', 'theirs')",
				    (int)test_random(5));
			test_other(&fx, "COMMIT");
			continue;
		}
		if (what < 4) {
			assert_int_equal(append("main", "ours", "", &send), STORE_OK);
			n++;
			assert_ptr_equal(fx.news.messages[fx.news.n_messages - 1]->f.id, send.id);
		} else if (what < 5)
			assert_int_equal(test_look(&fx, 0), STORE_OK);
		else {
			store_news_fini(&fx.news);
			assert_int_equal(store_fill(fx.store, 0, &fx.news), STORE_OK);
		}
		for (size_t k = 0; k < fx.news.n_messages; k++) {
			assert_true(fx.news.messages[k]->f.id > told);
			told = fx.news.messages[k]->f.id;
			n_told++;
		}
		assert_int_equal(fx.news.head, told);
		assert_int_equal(fx.news.n_changes, 0);
	}
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_int_equal(n_told + (int64_t)fx.news.n_messages, n);
}

static void
test_changes(void **state)
{
	struct store_send send;

	(void)state;
	test_other(&fx, "INSERT INTO messages (room, text) VALUES ('a', '1'), ('b', '2'), ('a', '3'), ('a', '4')");
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	test_other(&fx, "UPDATE messages SET text = 'new' WHERE id = 1; DELETE FROM messages WHERE id = 2");
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_news("=a1:new -b2 ");
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_news("");
	/* Twice, and then gone: whatever is told, it ends with what is. */
	test_other(&fx, "UPDATE messages SET text = 'x' WHERE id = 3; UPDATE messages SET text = 'y' WHERE id = 3;"
	                "DELETE FROM messages WHERE id = 3");
	assert_int_equal(append("a", "ours", "", &send), STORE_OK);
	assert_int_equal(fx.news.n_messages, 1);
	assert_true(fx.news.n_changes >= 1);
	for (size_t i = 0; i < fx.news.n_changes; i++) {
		assert_int_equal(fx.news.changes[i].id, 3);
		assert_null(fx.news.changes[i].message);
	}
	/* Nobody remembers what is at or below the floor. */
	test_other(
	    &fx, "UPDATE messages SET text = 'below' WHERE id = 1; UPDATE messages SET text = 'above' WHERE id = 4");
	assert_int_equal(test_look(&fx, 1), STORE_OK);
	assert_news("-a1 =a4:above ");
	/* A new row, and what became of it at once. */
	test_other(
	    &fx, "INSERT INTO messages (text) VALUES ('new'); UPDATE messages SET text = 'newer' WHERE text = 'new'");
	assert_int_equal(test_look(&fx, 1), STORE_OK);
	assert_int_equal(fx.news.n_messages, 1);
	assert_str(fx.news.messages[0]->f.body, "newer");
	/* The filling of the index takes the notes away; told are they all the same. */
	test_other(&fx, "DELETE FROM messages WHERE id = 4");
	store_news_fini(&fx.news);
	assert_int_equal(store_fill(fx.store, 0, &fx.news), STORE_OK);
	assert_news("-a4 ");
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM changed"), 0);
	/* And those that come after. */
	test_other(&fx, "DELETE FROM messages WHERE id = 1");
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_news("-a1 ");
}

static void
test_replaced_row(void **state)
{
	(void)state;
	test_other(&fx, "INSERT INTO messages (key, text) VALUES ('k', 'was')");
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	test_other(&fx, "INSERT OR REPLACE INTO messages (key, text) VALUES ('k', 'is')");
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_news("2:is -main1 ");
}

/* More than one answer holds comes in several; an append waits until all is told. */
static void
test_more(void **state)
{
	struct store_send send;
	int64_t told = 0;
	int looks = 0;

	(void)state;
	test_other(&fx, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3500)"
	                " INSERT INTO messages (text) SELECT i FROM n");
	assert_int_equal(append("main", "ours", "", &send), STORE_BUSY);
	do {
		assert_true(++looks < 10);
		assert_true(fx.news.n_messages > 0 && fx.news.n_messages < 3500);
		for (size_t i = 0; i < fx.news.n_messages; i++)
			assert_int_equal(fx.news.messages[i]->f.id, ++told);
		assert_int_equal(fx.news.head, told); /* not further than what was told */
		assert_int_equal(fx.news.more, told < 3500);
	} while (fx.news.more && test_look(&fx, 0) == STORE_OK);
	assert_int_equal(told, 3500);
	assert_int_equal(append("main", "ours", "", &send), STORE_OK);
	assert_news("3501:ours ");
}

static void
test_more_changes(void **state)
{
	size_t n = 0;

	(void)state;
	test_other(&fx, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12000)"
	                " INSERT INTO messages (text) SELECT i FROM n");
	do
		assert_int_equal(test_look(&fx, 0), STORE_OK);
	while (fx.news.more);
	test_other(&fx, "DELETE FROM messages");
	do {
		assert_int_equal(test_look(&fx, 0), STORE_OK);
		for (size_t i = 0; i < fx.news.n_changes; i++)
			assert_int_equal(fx.news.changes[i].id, ++n);
	} while (fx.news.more);
	assert_int_equal(n, 12000);
	assert_int_equal(fx.news.head, 12000);
}

/* Another log stands there now. */
static void
assert_reset(int64_t head, const char *was)
{
	char epoch[100];

	assert_true(fx.news.reset);
	assert_int_equal(fx.news.head, head);
	assert_int_equal(store_head(fx.store), head);
	assert_int_equal(fx.news.n_messages, 0);
	assert_int_equal(fx.news.n_changes, 0);
	assert_string_not_equal(fx.news.epoch, was);
	assert_string_equal(fx.news.epoch, store_epoch(fx.store));
	sqlite3_close(fx.other);
	test_other_open(&fx);
	test_text(&fx, "SELECT value FROM meta WHERE name = 'epoch'", epoch, sizeof epoch);
	assert_string_equal(epoch, fx.news.epoch);
	/* Once. */
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_false(fx.news.reset);
	assert_int_equal(fx.news.n_messages, 0);
}

static void
fill_up(char epoch[STORE_EPOCH_SIZE])
{
	test_other(&fx, "INSERT INTO messages (text) VALUES ('1'), ('2'), ('3')");
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	strcpy(epoch, store_epoch(fx.store));
}

static void
test_wiped(void **state)
{
	char epoch[STORE_EPOCH_SIZE];
	struct store_send send;

	(void)state;
	fill_up(epoch);
	test_other(&fx, "BEGIN; DELETE FROM messages; DELETE FROM sqlite_sequence; INSERT INTO messages (text) VALUES "
	                "('new'); COMMIT");
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_reset(1, epoch);
	assert_int_equal(append("main", "ours", "", &send), STORE_OK);
	assert_news("2:ours ");
}

static void
test_wiped_before_append(void **state)
{
	char epoch[STORE_EPOCH_SIZE];
	struct store_send send;

	(void)state;
	fill_up(epoch);
	test_other(&fx, "DELETE FROM messages; DELETE FROM sqlite_sequence");
	assert_int_equal(append("main", "ours", "", &send), STORE_BUSY);
	assert_reset(0, epoch);
	assert_int_equal(append("main", "ours", "", &send), STORE_OK);
	assert_news("1:ours ");
}

/* After a wipe search finds what is new, and what was there is not said to be missing. */
static void
test_wiped_clean(void **state)
{
	char epoch[STORE_EPOCH_SIZE];
	struct store_page page = {.rooms = {.all = true},
	    .cursor = STORE_NEWEST,
	    .limit = 10,
	    .head = 3,
	    .from_ms = INT64_MIN,
	    .until_ms = INT64_MAX,
	    .q = STR("fresh")};
	struct store_poll poll = {.rooms = {.names = {STR("main")}, .n = 1}, .limit = 10, .head = 3};

	(void)state;
	fill_up(epoch);
	test_other(&fx, "DELETE FROM messages WHERE id = 2");
	test_fill(&fx);
	test_other(&fx, "BEGIN; DELETE FROM messages; DELETE FROM sqlite_sequence;"
	                "INSERT INTO messages (text) VALUES ('fresh'), ('fresh'); COMMIT");
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_true(fx.news.reset);
	test_other(&fx, "INSERT INTO messages (text) VALUES ('fresh')");
	test_fill(&fx);
	assert_int_equal(store_search(fx.reader, &page), STORE_OK);
	assert_int_equal(page.n, 3);
	buf_fini(&page.json);
	assert_int_equal(store_poll(fx.reader, &poll), STORE_OK);
	assert_int_equal(poll.n, 3);
	buf_fini(&poll.json);
	assert_false(poll.gap);
}

static void
test_other_epoch(void **state)
{
	char epoch[STORE_EPOCH_SIZE];

	(void)state;
	fill_up(epoch);
	test_other(&fx, "UPDATE meta SET value = '0000000000000000' WHERE name = 'epoch'");
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_reset(3, epoch);
}

/* An older state of the same log, put in its place. */
static void
test_restored(void **state)
{
	char epoch[STORE_EPOCH_SIZE], copy[TEST_PATH_SIZE + 16];
	struct store_send send;

	(void)state;
	fill_up(epoch);
	snprintf(copy, sizeof copy, "%s/copy.db", fx.folder);
	test_other(&fx, "VACUUM INTO '%s'", copy);
	test_other(&fx, "INSERT INTO messages (text) VALUES ('4')");
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_int_equal(rename(copy, fx.path), 0);
	assert_int_equal(append("main", "ours", "", &send), STORE_BUSY);
	assert_reset(3, epoch);
	assert_int_equal(append("main", "ours", "", &send), STORE_OK);
	assert_news("4:ours ");
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM messages WHERE text = 'ours'"), 1);
}

static void
test_removed(void **state)
{
	char epoch[STORE_EPOCH_SIZE];
	struct store_send send;
	enum store_status status;

	(void)state;
	fill_up(epoch);
	unlink(fx.path);
	for (int i = 0; (status = append("main", "ours", "", &send)) == STORE_BUSY; i++)
		assert_true(i < 3);
	assert_int_equal(status, STORE_OK);
	assert_int_equal(send.id, 1);
	assert_string_not_equal(store_epoch(fx.store), epoch);
	sqlite3_close(fx.other);
	test_other_open(&fx);
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM messages WHERE text = 'ours'"), 1);
}

/* Replaced by what is not ours: nothing is written to it, and when a good one is back, things go on. */
static void
test_replaced_by_rubbish(void **state)
{
	char epoch[STORE_EPOCH_SIZE], kept[TEST_PATH_SIZE + 16];
	struct store_send send;
	enum store_status status;
	int fd;

	(void)state;
	fill_up(epoch);
	test_other(&fx, "PRAGMA wal_checkpoint(TRUNCATE)");
	snprintf(kept, sizeof kept, "%s/kept.db", fx.folder);
	assert_int_equal(rename(fx.path, kept), 0);
	fd = open(fx.path, O_WRONLY | O_CREAT, 0600);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(write(fd, "rubbish ", 8), 8);
	close(fd);
	status = append("main", "ours", "", &send);
	assert_true(status == STORE_FAILED || status == STORE_BUSY);
	assert_int_not_equal(append("main", "ours", "", &send), STORE_OK);
	assert_int_not_equal(test_look(&fx, 0), STORE_OK);
	assert_int_equal(rename(kept, fx.path), 0);
	for (int i = 0; (status = append("main", "ours", "", &send)) != STORE_OK; i++)
		assert_true(i < 4);
	sqlite3_close(fx.other);
	test_other_open(&fx);
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM messages"), 4);
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM messages WHERE text = 'ours'"), 1);
}

static void
test_locked(void **state)
{
	struct store_send send;
	int64_t began = clock_ms();
	sqlite3 *third;

	(void)state;
	test_other(&fx, "INSERT INTO messages (text) VALUES ('before')");
	test_other(&fx, "BEGIN IMMEDIATE; INSERT INTO messages (text) VALUES ('not yet')");
	assert_int_equal(append("main", "ours", "", &send), STORE_BUSY);
	assert_true(clock_ms() - began < 10000); /* whoever asked waits, not the writer */
	assert_news("1:before ");                /* and news are told meanwhile */
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_news("");
	store_news_fini(&fx.news);
	assert_int_equal(store_fill(fx.store, 0, &fx.news), STORE_BUSY);
	assert_int_equal(store_probe(fx.store, false), STORE_BUSY);
	test_other(&fx, "COMMIT");
	assert_int_equal(append("main", "ours", "", &send), STORE_OK);
	assert_news("2:not yet 3:ours ");
	/* A reader that stays keeps nobody from writing. */
	assert_int_equal(sqlite3_open(fx.path, &third), SQLITE_OK);
	assert_int_equal(sqlite3_exec(third, "BEGIN; SELECT * FROM messages", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(append("main", "ours", "", &send), STORE_OK);
	sqlite3_close(third);
}

/* A disk that is full, or fails, for a while: refused, nothing half-stored, and then all is well. */
static void
fail_for_a_while(int *error, int value, enum store_status want)
{
	struct store_send send;
	struct store_poll p = {.rooms = {.all = true}, .limit = 10, .head = 1};

	assert_int_equal(append("main", "first", "", &send), STORE_OK);
	/* In a daemon the readers' connections are always in use. */
	assert_int_equal(store_poll(fx.reader, &p), STORE_OK);
	buf_fini(&p.json);
	*error = value;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(append("main", "lost", "", &send), want);
		assert_int_equal(fx.news.n_messages, 0);
		assert_int_equal(store_probe(fx.store, true), want);
	}
	assert_int_equal(test_look(&fx, 0), STORE_OK); /* reading goes on */
	*error = 0;
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM messages"), 1);
	assert_int_equal(store_probe(fx.store, true), STORE_OK);
	assert_int_equal(append("main", "second", "", &send), STORE_OK);
	assert_int_equal(send.id, 2);
	assert_news("2:second ");
	sqlite3_close(fx.other);
	test_other_open(&fx);
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM messages WHERE text IN ('first', 'second')"), 2);
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM messages"), 2);
}

static void
test_disk_full(void **state)
{
	(void)state;
	fail_for_a_while(&test_disk.write_errno, ENOSPC, STORE_FULL);
}

static void
test_disk_broken(void **state)
{
	(void)state;
	fail_for_a_while(&test_disk.write_errno, EIO, STORE_FAILED);
}

static void
test_sync_fails(void **state)
{
	(void)state;
	fail_for_a_while(&test_disk.sync_errno, EIO, STORE_FAILED);
}

static void
test_checkpoint(void **state)
{
	struct store *checkpointer = test_store_open(&fx, false);
	char wal[TEST_PATH_SIZE + 32];
	struct store_send send;
	struct stat st;
	sqlite3 *third;

	(void)state;
	snprintf(wal, sizeof wal, "%s-wal", fx.path);
	for (int i = 0; i < 20; i++)
		assert_int_equal(append("main", "text", "", &send), STORE_OK);
	assert_int_equal(stat(wal, &st), 0);
	assert_true(st.st_size > 0);
	assert_int_equal(store_checkpoint(checkpointer, false), STORE_OK);
	assert_int_equal(store_checkpoint(checkpointer, true), STORE_OK);
	assert_int_equal(stat(wal, &st), 0);
	assert_int_equal(st.st_size, 0);
	/* Somebody reads on in the old state: it is not waited for. */
	assert_int_equal(sqlite3_open(fx.path, &third), SQLITE_OK);
	assert_int_equal(sqlite3_exec(third, "BEGIN; SELECT * FROM messages", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(append("main", "text", "", &send), STORE_OK);
	assert_int_equal(store_checkpoint(checkpointer, true), STORE_BUSY);
	sqlite3_close(third);
	assert_int_equal(store_checkpoint(checkpointer, true), STORE_OK);
	store_close(checkpointer);
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM messages"), 21);
}

/* Nothing of ours is lost or told twice when the daemon starts again. */
static void
test_started_again(void **state)
{
	char epoch[STORE_EPOCH_SIZE], error[STORE_ERROR_SIZE];
	struct store_send send;

	(void)state;
	fill_up(epoch);
	test_other(&fx, "INSERT INTO messages (text) VALUES ('meanwhile')");
	store_close(fx.store);
	fx.store = test_store_open(&fx, true);
	assert_int_equal(store_start(fx.store, 200, error), 0);
	assert_string_equal(store_epoch(fx.store), epoch);
	assert_int_equal(store_head(fx.store), 4);
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_news("");
	assert_int_equal(append("main", "ours", "", &send), STORE_OK);
	assert_news("5:ours ");
}

/* news->seen says which state was told: as long as nobody commits, the index of the WAL says the same. */
static void
test_seen(void **state)
{
	struct walindex_file {
		int fd;
	} shm;
	char path[TEST_PATH_SIZE + 32];
	struct store_send send;
	uint32_t changes;

	(void)state;
	snprintf(path, sizeof path, "%s-shm", fx.path);
	for (int i = 0; i < 10; i++) {
		if (i % 3 == 0)
			test_other(&fx, "INSERT INTO messages (text) VALUES ('theirs')");
		assert_int_equal(i % 2 == 0 ? append("main", "ours", "", &send) : test_look(&fx, 0), STORE_OK);
		if (i == 6)
			test_fill(&fx);
		assert_true(fx.news.seen != 0);
		/* Not closed here: that would drop the locks of this process. */
		shm.fd = open(path, O_RDONLY);
		assert_int_equal(pread(shm.fd, &changes, sizeof changes, 8), sizeof changes);
		assert_int_equal(changes, fx.news.seen);
	}
	test_other(&fx, "INSERT INTO messages (text) VALUES ('theirs')");
	assert_int_equal(pread(shm.fd, &changes, sizeof changes, 8), sizeof changes);
	assert_int_not_equal(changes, fx.news.seen);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_append_one, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_append_many, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_bodies, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_keys, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_mixed_batch, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_last_id, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_foreign_rows, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_random_writers, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_changes, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_replaced_row, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_more, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_more_changes, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_wiped, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_wiped_before_append, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_wiped_clean, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_other_epoch, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_restored, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_removed, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_replaced_by_rubbish, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_locked, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_disk_full, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_disk_broken, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_sync_fails, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_checkpoint, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_started_again, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_seen, setup, teardown),
	};

	return cmocka_run_group_tests_name("store_log", tests, NULL, NULL);
}
