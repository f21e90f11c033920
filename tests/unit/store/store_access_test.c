/*
 * Tokens and grants as the writer tells them, and what they do to a send.
 */
#include "store/store.h"

#include "../../memory.h"
#include "test_store_fixture.h"

/* The writer as another one takes it up, with these options. */
static void
start_again(void)
{
	char error[STORE_ERROR_SIZE] = "";

	store_news_fini(&fx.news);
	store_close(fx.store);
	fx.store = test_store_open(&fx, false);
	if (store_start(fx.store, 200, error) != 0)
		fail_msg("%s", error);
}

static int64_t
version(void)
{
	return test_number(&fx, "SELECT value FROM meta WHERE name = 'access_version'");
}

static struct store_access *
told(void)
{
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	return fx.news.access;
}

static void
are_told_at_the_start_and_when_they_change(void **state)
{
	struct store_access *a = told();

	(void)state;
	assert_non_null(a);
	assert_int_equal(a->version, 1);
	assert_false(a->closed || a->refused);
	assert_int_equal(a->n_tokens + a->n_grants, 0);
	assert_null(told());
	test_other(&fx, "INSERT INTO messages (text) VALUES ('x')");
	assert_null(told());

	test_other(&fx, "INSERT INTO tokens (name, hash, sender, made, expires, class) VALUES"
	                " ('ci', CAST('0123456789abcdef0123456789ABCDEF' AS BLOB), NULL, 1, 2, 'trusted'),"
	                " ('bridge', zeroblob(32), '*', 1, NULL, 'user')");
	a = told();
	assert_non_null(a);
	assert_int_equal(a->version, version());
	assert_false(a->closed);
	assert_int_equal(a->n_tokens, 2);
	assert_string_equal(a->tokens[0].name, "bridge");
	assert_string_equal(a->tokens[0].sender, "*");
	assert_int_equal(a->tokens[0].expires_ms, INT64_MAX);
	assert_false(a->tokens[0].trusted);
	assert_string_equal(a->tokens[1].name, "ci");
	assert_string_equal(a->tokens[1].sender, "ci");
	assert_int_equal(a->tokens[1].expires_ms, 2);
	assert_int_equal(a->tokens[1].used_ms, 0);
	assert_true(a->tokens[1].trusted);
	assert_memory_equal(a->tokens[1].hash, "0123456789abcdef0123456789ABCDEF", 32);

	test_other(&fx, "INSERT INTO grants VALUES ('anyone', 'pub*', 'r'), ('token:ci', 'ops', 'rwm')");
	a = told();
	assert_non_null(a);
	assert_true(a->closed);
	assert_int_equal(a->n_grants, 2);
	assert_string_equal(a->grants[0].who, "anyone");
	assert_string_equal(a->grants[0].rooms, "pub*");
	assert_string_equal(a->grants[0].may, "r");
	assert_string_equal(a->grants[1].may, "rwm");
}

/* Each of these moves the version once or more; what is used, and what is no access, does not. */
static void
have_a_version_that_moves_with_them(void **state)
{
	static const char *const moves[] = {
	    "INSERT INTO tokens (name, hash, made) VALUES ('a', zeroblob(32), 1)",
	    "UPDATE tokens SET expires = 7",
	    "UPDATE tokens SET class = 'trusted'",
	    "UPDATE tokens SET sender = '*', used = 1",
	    "INSERT INTO grants VALUES ('users', '*', 'rw')",
	    "UPDATE grants SET may = 'r'",
	    "INSERT OR REPLACE INTO grants VALUES ('users', '*', '')",
	    "DELETE FROM grants",
	    "UPDATE meta SET value = 'open' WHERE name = 'access'",
	    "DELETE FROM meta WHERE name = 'access'",
	    "INSERT INTO meta VALUES ('access', 'closed')",
	    "INSERT OR REPLACE INTO meta VALUES ('access', 'open')",
	    "DELETE FROM tokens",
	    "DELETE FROM meta WHERE name = 'access_version'; INSERT INTO grants VALUES ('users', '*', 'rw')",
	};
	int64_t was;

	(void)state;
	assert_non_null(told());
	for (size_t i = 0; i < LENGTH(moves); i++) {
		test_other(&fx, moves[i]);
		if (told() == NULL || fx.news.access->version != version())
			fail_msg("not told: %s", moves[i]);
	}
	test_other(&fx, "INSERT INTO tokens (name, hash, made) VALUES ('a', zeroblob(32), 1)");
	assert_non_null(told());
	was = version();
	test_other(&fx, "UPDATE tokens SET used = 5; UPDATE meta SET value = value WHERE name = 'indexed';"
	                " INSERT INTO messages (text, \"by\", sender) VALUES ('x', 'a', 'a')");
	assert_int_equal(version(), was);
	assert_null(told());
}

/* The first grant closes the log; no deletion opens it. */
static void
closes_with_the_first_grant(void **state)
{
	(void)state;
	test_other(&fx, "INSERT INTO grants VALUES ('users', '*', 'rw')");
	assert_true(told()->closed);
	test_other(&fx, "DELETE FROM grants");
	assert_true(told()->closed);
	test_other(&fx, "UPDATE meta SET value = 'open' WHERE name = 'access'");
	assert_false(told()->closed);
	test_other(&fx, "INSERT INTO grants VALUES ('users', 'a', 'rw')");
	assert_true(told()->closed);
	/* Who opens it while there are grants means it. */
	test_other(&fx, "UPDATE meta SET value = 'open' WHERE name = 'access'");
	test_other(&fx, "INSERT INTO grants VALUES ('users', 'b', 'rw')");
	assert_false(told()->closed);
}

static void
have_rules(void **state)
{
	static const char *const refused[] = {
	    "tokens (name, hash, made) VALUES ('', zeroblob(32), 1)",
	    "tokens (name, hash, made) VALUES (NULL, zeroblob(32), 1)",
	    "tokens (name, hash, made) VALUES (' ', zeroblob(32), 1)",
	    "tokens (name, hash, made) VALUES ('a' || char(10), zeroblob(32), 1)",
	    "tokens (name, hash, made) VALUES ('a' || char(0), zeroblob(32), 1)",
	    "tokens (name, hash, made) VALUES ('a' || char(150), zeroblob(32), 1)",
	    "tokens (name, hash, made) VALUES ('user:ann', zeroblob(32), 1)",
	    "tokens (name, hash, made) VALUES (x'61', zeroblob(32), 1)",
	    "tokens (name, hash, made) VALUES (hex(zeroblob(32)) || 'x', zeroblob(32), 1)",
	    "tokens (name, hash, made) VALUES ('a', zeroblob(31), 1)",
	    "tokens (name, hash, made) VALUES ('a', hex(zeroblob(16)), 1)",
	    "tokens (name, hash, made) VALUES ('a', zeroblob(32), 'now')",
	    "tokens (name, hash, made, expires) VALUES ('a', zeroblob(32), 1, 'never')",
	    "tokens (name, hash, made, sender) VALUES ('a', zeroblob(32), 1, '')",
	    "tokens (name, hash, made, sender) VALUES ('a', zeroblob(32), 1, 'b' || char(127))",
	    "tokens (name, hash, made, sender) VALUES ('a', zeroblob(32), 1, hex(zeroblob(32)) || 'x')",
	    "tokens (name, hash, made, class) VALUES ('a', zeroblob(32), 1, 'root')",
	    "grants VALUES ('', 'a', 'r')",
	    "grants VALUES ('ann', 'a', 'r')",
	    "grants VALUES ('user:', 'a', 'r')",
	    "grants VALUES ('token:', 'a', 'r')",
	    "grants VALUES ('user:' || hex(zeroblob(62)), 'a', 'r')",
	    "grants VALUES ('token:' || hex(zeroblob(32)) || 'x', 'a', 'r')",
	    "grants VALUES ('user:a' || char(7), 'a', 'r')",
	    "grants VALUES ('anyone', '', 'r')",
	    "grants VALUES ('anyone', 'a b', 'r')",
	    "grants VALUES ('anyone', 'a*b', 'r')",
	    "grants VALUES ('anyone', '**', 'r')",
	    "grants VALUES ('anyone', '*a', 'r')",
	    "grants VALUES ('anyone', '\xC3\xA9', 'r')",
	    "grants VALUES ('anyone', hex(zeroblob(32)) || '*', 'r')",
	    "grants VALUES ('anyone', x'61', 'r')",
	    "grants VALUES ('anyone', 'a', 'x')",
	    "grants VALUES ('anyone', 'a', 'rr')",
	    "grants VALUES ('anyone', 'a', 'rwr')",
	    "grants VALUES ('anyone', 'a', 'R')",
	    "grants VALUES ('anyone', 'a', NULL)",
	    "grants VALUES ('anyone', 'a', 'r' || char(0))",
	};
	char sql[200];

	(void)state;
	for (size_t i = 0; i < LENGTH(refused); i++) {
		snprintf(sql, sizeof sql, "INSERT INTO %s", refused[i]);
		if (!test_other_refused(&fx, sql))
			fail_msg("taken: %s", sql);
	}
	test_other(&fx, "INSERT INTO grants VALUES ('anyone', '*', ''), ('users', 'a-B.9_*', 'mwr'),"
	                " ('user:' || hex(zeroblob(61)) || 'x', hex(zeroblob(32)), 'w'),"
	                " ('token:' || hex(zeroblob(32)), substr(hex(zeroblob(32)), 2) || '*', 'rw')");
	test_other(&fx,
	    "INSERT INTO tokens (name, hash, made, expires, used) VALUES (hex(zeroblob(32)), zeroblob(32), 1, 2, 3)");
	assert_true(test_other_refused(&fx, "UPDATE grants SET may = 'x'"));
	assert_true(test_other_refused(&fx, "UPDATE tokens SET name = 'user:x'"));
	assert_int_equal(told()->n_grants, 4);
}

/* Written past the rules: no token, and a grant of nothing. */
static void
are_none_when_they_break_the_rules(void **state)
{
	struct store_access *a;

	(void)state;
	test_other(&fx, "PRAGMA ignore_check_constraints = ON;"
	                " INSERT INTO tokens (name, hash, made) VALUES ('user:x', zeroblob(32), 1), ('b', x'00', 1),"
	                " (hex(zeroblob(40)), CAST(hex(zeroblob(16)) AS BLOB), 1);"
	                " INSERT INTO grants VALUES ('users', 'a', 'rwmx'), ('users', 'b', 'R'), ('users', 'a b', 'r'),"
	                " (hex(zeroblob(70)), 'a', 'r'), ('users', hex(zeroblob(33)), 'r'), ('users', 'c', 'r')");
	a = told();
	assert_int_equal(a->n_tokens, 0);
	assert_int_equal(a->n_grants, 3);
	assert_string_equal(a->grants[0].may, "");
	assert_string_equal(a->grants[1].may, "");
	assert_string_equal(a->grants[2].may, "r");
	assert_false(a->refused);
}

static void
are_refused_when_they_are_too_many(void **state)
{
	(void)state;
	test_other(&fx, "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 10000)"
	                " INSERT INTO grants SELECT 'user:' || i, '*', 'r' FROM c");
	assert_false(told()->refused);
	assert_int_equal(fx.news.access->n_grants, STORE_GRANTS_MAX);
	test_other(&fx, "INSERT INTO grants VALUES ('anyone', '*', 'rw')");
	assert_true(told()->refused);
	assert_int_equal(fx.news.access->n_grants, 0);
	test_other(&fx, "DELETE FROM grants WHERE who = 'anyone'");
	assert_false(told()->refused);
}

static void
leave_the_names_of_deleted_ones(void **state)
{
	(void)state;
	test_other(&fx, "INSERT INTO tokens (name, hash, made) VALUES ('a', zeroblob(32), 1),"
	                " ('b', CAST(hex(zeroblob(16)) AS BLOB), 1)");
	test_other(&fx, "DELETE FROM tokens WHERE name = 'a'; UPDATE tokens SET name = 'c'");
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM revoked WHERE name IN ('a', 'b')"
	                                  " AND abs(at - strftime('%s', 'now') * 1000) < 5000"),
	    2);
}

static void
have_when_they_were_used(void **state)
{
	int64_t was;

	(void)state;
	test_other(&fx, "INSERT INTO tokens (name, hash, made) VALUES ('a', zeroblob(32), 1)");
	was = version();
	assert_int_equal(store_note_used(fx.store, "a", 1234), STORE_OK);
	assert_int_equal(store_note_used(fx.store, "b", 1234), STORE_OK);
	assert_int_equal(test_number(&fx, "SELECT used FROM tokens WHERE name = 'a'"), 1234);
	assert_int_equal(version(), was);
	assert_int_equal(told()->tokens[0].used_ms, 1234);
	test_other(&fx, "BEGIN IMMEDIATE");
	assert_int_equal(store_note_used(fx.store, "a", 1235), STORE_BUSY);
	test_other(&fx, "COMMIT");
	assert_int_equal(store_note_used(fx.store, "a", 1236), STORE_OK);
	assert_int_equal(test_number(&fx, "SELECT used FROM tokens WHERE name = 'a'"), 1236);
}

/* Sends in one batch; their outcomes as letters: Stored, Replayed, Conflict, reFused, Taken, New room, rooms fUll; in
 * small letters: and it made the room. */
static void
assert_batch(struct store_send *sends, size_t n, const char *want)
{
	static const char letters[] = "SRCFTNU";
	char got[40];

	for (int tries = 0; tries < 3; tries++) {
		store_news_fini(&fx.news);
		if (store_append(fx.store, sends, n, 0, &fx.news) == STORE_OK)
			break;
		assert_int_equal(tries < 2, 1);
	}
	for (size_t i = 0; i < n; i++) {
		got[i] = (char)(letters[sends[i].outcome] + (sends[i].made_room ? 'a' - 'A' : 0));
		message_drop(sends[i].message);
	}
	got[n] = '\0';
	assert_string_equal(got, want);
	while (fx.news.more)
		assert_int_equal(test_look(&fx, 0), STORE_OK);
}

static struct store_send
in_room(const char *room)
{
	return (struct store_send){.message = test_message(room, "x", "")};
}

static struct store_send
by(const char *by, const char *sender, const char *key)
{
	return (struct store_send){.message = message_new(&(struct message_fields){.room = STR("main"),
	                               .event = STR("e"),
	                               .sender = str_of(sender),
	                               .body = STR("x"),
	                               .key = str_of(key),
	                               .by = str_of(by)})};
}

/* What a stranger, or a token that may claim (by), says it is. */
static struct store_send
claim(const char *token, const char *sender, const char *key)
{
	struct store_send send = by(token, sender, key);

	send.claimed = true;
	return send;
}

#define SEND(want, ...)                                     \
	do {                                                \
		struct store_send sends_[] = {__VA_ARGS__}; \
		assert_batch(sends_, LENGTH(sends_), want); \
	} while (0)

static void
keep_a_send_that_they_did_not_let_in(void **state)
{
	struct store_send send = by("a", "a", "");

	(void)state;
	send.access_version = 1;
	/* Nobody was told what they are: who let it in knew others. */
	assert_int_equal(store_append(fx.store, &send, 1, 0, &fx.news), STORE_BUSY);
	assert_int_equal(fx.news.access->version, 1);
	store_news_fini(&fx.news);
	assert_int_equal(store_append(fx.store, &send, 1, 0, &fx.news), STORE_OK);
	assert_int_equal(send.outcome, STORE_STORED);
	message_drop(send.message);
	send = by("a", "a", "");
	send.access_version = 1;
	test_other(&fx, "INSERT INTO grants VALUES ('users', '*', 'r')");
	store_news_fini(&fx.news);
	assert_int_equal(store_append(fx.store, &send, 1, 0, &fx.news), STORE_BUSY);
	assert_int_equal(fx.news.access->version, version());
	assert_int_equal(fx.news.access->n_grants, 1);
	/* Told once more to who still does not know. */
	store_news_fini(&fx.news);
	assert_int_equal(store_append(fx.store, &send, 1, 0, &fx.news), STORE_BUSY);
	assert_int_equal(fx.news.access->version, version());
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM messages"), 1);
	send.access_version = version();
	store_news_fini(&fx.news);
	assert_int_equal(store_append(fx.store, &send, 1, 0, &fx.news), STORE_OK);
	assert_null(fx.news.access);
	/* By nobody's leave it goes in any case. */
	test_other(&fx, "DELETE FROM grants");
	message_drop(send.message);
	send = by("a", "a", "");
	store_news_fini(&fx.news);
	assert_int_equal(store_append(fx.store, &send, 1, 0, &fx.news), STORE_OK);
	assert_non_null(fx.news.access);
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM messages"), 3);
	message_drop(send.message);
}

FAILING_CALLOC(__wrap_calloc)

/* Without memory nothing is told, and nothing is stored that was let in by others; the next look tells. */
static void
are_told_later_when_there_was_no_memory(void **state)
{
	struct store_send send = by("a", "a", "");

	(void)state;
	send.access_version = 1;
	for (int i = 0; i < 3; i++) {
		test_other(&fx, "INSERT OR REPLACE INTO grants VALUES ('users', '*', 'r')");
		store_news_fini(&fx.news);
		memory_left = i;
		assert_int_not_equal(store_append(fx.store, &send, 1, 0, &fx.news), STORE_OK);
		assert_null(fx.news.access);
		store_news_fini(&fx.news);
		assert_int_not_equal(store_look(fx.store, 0, &fx.news), STORE_OK);
		memory_left = -1;
		assert_non_null(told());
		assert_int_equal(fx.news.access->version, version());
	}
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM messages"), 0);
	message_drop(send.message);
}

/* Of another log that came in its place they are told with it. */
static void
are_told_of_another_log_too(void **state)
{
	char epoch[STORE_EPOCH_SIZE];
	struct store_send send = by("a", "a", "");

	(void)state;
	fill_up(epoch);
	send.access_version = version();
	test_other(&fx, "DELETE FROM messages; DELETE FROM sqlite_sequence");
	store_news_fini(&fx.news);
	assert_int_equal(store_append(fx.store, &send, 1, 0, &fx.news), STORE_BUSY);
	assert_true(fx.news.reset);
	assert_non_null(fx.news.access);
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_null(fx.news.access);
	message_drop(send.message);
}

/* A trigger of the user's may give and take too, in our own transaction. */
static void
are_told_when_a_trigger_changes_them(void **state)
{
	(void)state;
	assert_non_null(told());
	test_other(&fx, "CREATE TRIGGER invite AFTER INSERT ON messages WHEN NEW.event = 'e' BEGIN"
	                " INSERT OR IGNORE INTO grants VALUES ('user:' || NEW.sender, 'main', 'r'); END");
	SEND("s", by("", "bob", ""));
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	assert_int_equal(test_number(&fx, "SELECT count(*) FROM grants"), 1);
	start_again();
	assert_non_null(told());
	store_news_fini(&fx.news);
	for (int i = 0; i < 2; i++) {
		struct store_send send = by("", i == 0 ? "cid" : "dan", "");

		assert_int_equal(store_append(fx.store, &send, 1, 0, &fx.news), STORE_OK);
		message_drop(send.message);
		assert_non_null(told());
		assert_int_equal(fx.news.access->n_grants, i + 2);
	}
}

static void
take_a_claimed_name_that_is_somebodys(void **state)
{
	(void)state;
	SEND("sSS", claim("", "ann", ""), claim("", "ci", ""), claim("", "", ""));
	test_other(&fx, "INSERT INTO tokens (name, hash, made, sender) VALUES ('CI', zeroblob(32), 1, 'Builder'),"
	                " ('bridge', CAST(hex(zeroblob(16)) AS BLOB), 1, '*')");
	test_other(&fx, "INSERT INTO grants VALUES ('user:Ann', '*', 'rw'), ('token:zed', '*', 'rw')");
	SEND("TTTTTSSSS", claim("", "ann", ""), claim("", " Ann  ", ""), claim("", "ci", ""), claim("", "builder", ""),
	    claim("", "BRIDGE", ""), claim("", "*", ""), claim("", "zed", ""), claim("", "annie", ""),
	    claim("", "", ""));
	/* Proven ones are not asked, nor is SQL. */
	SEND("SS", by("user:ann", "Ann", ""), by("CI", "Builder", ""));
	test_other(&fx, "INSERT INTO messages (sender, text) VALUES ('Ann', 'x')");
	/* A token that claims may have its own name, and nobody's. */
	SEND("STST", claim("bridge", "bridge", ""), claim("bridge", "Ann", ""), claim("bridge", "bob", ""),
	    claim("bridge", "Bridge", ""));
	/* Whom it speaks for is nobody's name yet, also not in the same batch. */
	SEND("SS", claim("bridge", "bob", ""), claim("", "bob", ""));
	/* Once proven, also in the same batch, it is somebody's, and stays so. */
	SEND(
	    "SSTT", claim("", "bob", ""), by("user:bob", "Bob", ""), claim("", "bob", ""), claim("bridge", "BOB ", ""));
	SEND("T", claim("", "bob", ""));
	test_other(&fx, "DELETE FROM grants; DELETE FROM tokens");
	SEND("TT", claim("", "bob", ""), claim("", "bridge", ""));
	SEND("TT", claim("", "ann", ""), claim("", "builder", ""));
	SEND("S", claim("", "ci", ""));
	test_other(&fx, "DELETE FROM proven");
	SEND("S", claim("", "bob", ""));
}

/* The key first: what was stored is answered as such, whosever its name is now. */
static void
replay_what_was_stored_before_the_name_was_taken(void **state)
{
	(void)state;
	SEND("s", claim("", "ann", "k"));
	test_other(&fx, "INSERT INTO grants VALUES ('user:ann', '*', 'rw')");
	SEND("RT", claim("", "ann", "k"), claim("", "ann", "l"));
}

static void
let_make_new_rooms_or_not(void **state)
{
	struct store_send bound = in_room("b"), again;

	(void)state;
	bound.no_new_room = true;
	SEND("sSsSS", in_room("a"), in_room("a"), in_room("c"), in_room("a"), in_room("c"));
	SEND("N", bound);
	bound = in_room("a");
	bound.no_new_room = true;
	SEND("SsS", bound, in_room("b"), in_room("b"));
	/* In the batch in which another makes it, it is there. */
	bound = in_room("d");
	bound.no_new_room = true;
	again = in_room("d");
	again.no_new_room = true;
	SEND("NsS", bound, in_room("d"), again);
	/* It is gone when others take its messages away. */
	test_other(&fx, "DELETE FROM messages WHERE room = 'a'");
	bound = in_room("a");
	bound.no_new_room = true;
	SEND("Ns", bound, in_room("a"));
	/* What is refused makes none. */
	test_other(&fx,
	    "CREATE TRIGGER no BEFORE INSERT ON messages WHEN NEW.key = 'no' BEGIN SELECT RAISE(ABORT, 'no'); END");
	bound = in_room("e");
	bound.no_new_room = true;
	again = in_room("e");
	again.no_new_room = true;
	SEND("FNsS", (struct store_send){.message = test_message("e", "x", "no")}, bound, in_room("e"), again);
	/* A trigger that keeps the log short takes rooms away too. */
	test_other(&fx, "DROP TRIGGER no; CREATE TRIGGER short AFTER INSERT ON messages BEGIN"
	                " DELETE FROM messages WHERE id < NEW.id; END");
	SEND("S", in_room("a"));
	SEND("s", in_room("b"));
	SEND("s", in_room("a"));
}

static void
let_make_only_so_many_rooms(void **state)
{
	struct store_send bound;

	(void)state;
	fx.options.rooms_max = 3;
	start_again();
	SEND("ssSsUS", (struct store_send){.message = test_message("a", "x", "k")}, in_room("b"), in_room("b"),
	    in_room("c"), in_room("d"), in_room("a"));
	SEND("RS", (struct store_send){.message = test_message("a", "x", "k")}, in_room("a"));
	/* Other programs may go on; existing ones are there for all. */
	test_other(&fx, "INSERT INTO messages (room, text) VALUES ('e', 'x')");
	SEND("SU", in_room("e"), in_room("f"));
	bound = in_room("g");
	bound.no_new_room = true;
	SEND("U", bound);
	test_other(&fx, "DELETE FROM messages WHERE room IN ('a', 'b')");
	SEND("sUS", in_room("f"), in_room("b"), in_room("e"));
}

static void
let_the_file_grow_only_so_far(void **state)
{
	char text[4001];
	struct store_send send;
	enum store_status status = STORE_OK;
	int64_t n = 0, id;

	(void)state;
	memset(text, 'x', 4000);
	text[4000] = '\0';
	assert_int_equal(append("main", text, "k", &send), STORE_OK);
	id = send.id;
	fx.options.database_max = 600000;
	start_again();
	while (n < 1000 && (status = append("main", text, "", &send)) == STORE_OK)
		n++;
	assert_int_equal(status, STORE_FULL);
	assert_true(test_number(&fx, "PRAGMA page_count") * test_number(&fx, "PRAGMA page_size") <= 600000);
	assert_true(n > 50);
	/* What is stored is answered, and what is deleted makes room. */
	assert_int_equal(append("main", text, "k", &send), STORE_OK);
	assert_int_equal(send.outcome, STORE_REPLAYED);
	assert_int_equal(send.id, id);
	test_other(&fx, "DELETE FROM messages WHERE id > 20");
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	test_fill(&fx);
	assert_int_equal(append("main", text, "", &send), STORE_OK);
	/* A file that is larger already is opened, and read. */
	fx.options.database_max = 4096;
	start_again();
	assert_int_equal(append("main", text, "k", &send), STORE_OK);
	assert_int_equal(send.outcome, STORE_REPLAYED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(are_told_at_the_start_and_when_they_change, setup, teardown),
	    cmocka_unit_test_setup_teardown(have_a_version_that_moves_with_them, setup, teardown),
	    cmocka_unit_test_setup_teardown(closes_with_the_first_grant, setup, teardown),
	    cmocka_unit_test_setup_teardown(have_rules, setup, teardown),
	    cmocka_unit_test_setup_teardown(are_none_when_they_break_the_rules, setup, teardown),
	    cmocka_unit_test_setup_teardown(are_refused_when_they_are_too_many, setup, teardown),
	    cmocka_unit_test_setup_teardown(leave_the_names_of_deleted_ones, setup, teardown),
	    cmocka_unit_test_setup_teardown(have_when_they_were_used, setup, teardown),
	    cmocka_unit_test_setup_teardown(keep_a_send_that_they_did_not_let_in, setup, teardown),
	    cmocka_unit_test_setup_teardown(are_told_later_when_there_was_no_memory, setup, teardown),
	    cmocka_unit_test_setup_teardown(are_told_of_another_log_too, setup, teardown),
	    cmocka_unit_test_setup_teardown(are_told_when_a_trigger_changes_them, setup, teardown),
	    cmocka_unit_test_setup_teardown(take_a_claimed_name_that_is_somebodys, setup, teardown),
	    cmocka_unit_test_setup_teardown(replay_what_was_stored_before_the_name_was_taken, setup, teardown),
	    cmocka_unit_test_setup_teardown(let_make_new_rooms_or_not, setup, teardown),
	    cmocka_unit_test_setup_teardown(let_make_only_so_many_rooms, setup, teardown),
	    cmocka_unit_test_setup_teardown(let_the_file_grow_only_so_far, setup, teardown),
	};

	return cmocka_run_group_tests_name("store_access", tests, NULL, NULL);
}
