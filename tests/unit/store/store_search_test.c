/*
 * Search: the index that is filled behind the log, and what is found by it.
 */
#include <time.h>

#include "base/json.h"
#include "test_store_fixture.h"

enum { WORDS = 8, ROWS = 400 };

/* The ids of a page, as "3 2 1". */
static const char *
ids(struct store_page *p)
{
	static char text[8192];
	const char *at = p->json.p, *end = at + p->json.n;
	size_t n = 0, found = 0;

	text[0] = '\0';
	while (at != NULL && at < end && (at = memmem(at, (size_t)(end - at), "{\"id\":", 6)) != NULL) {
		at += 6;
		n += (size_t)snprintf(
		    text + n, sizeof text - n, "%s%.*s", n == 0 ? "" : " ", (int)strspn(at, "0123456789"), at);
		found++;
	}
	assert_int_equal(found, p->n);
	return text;
}

static void
assert_found(struct store_page p, const char *want)
{
	assert_int_equal(store_search(fx.reader, &p), STORE_OK);
	assert_string_equal(ids(&p), want);
	buf_fini(&p.json);
}

static void
add(const char *text)
{
	char *sql = sqlite3_mprintf("INSERT INTO messages (text) VALUES (%Q)", text);

	test_other(&fx, "%s", sql);
	sqlite3_free(sql);
}

static void
each_kind_of_term_finds_its_messages(void **state)
{
	static const struct {
		const char *q, *found;
	} cases[] = {
	    {"apple", "5 3 1"}, {"APPLE", "5 3 1"}, {"apple pear", "3"}, {"pear apple", "3"},
	    {"apple   \t\n pear ", "3"}, {"\"apple pear\"", ""}, {"\"pear apple\"", "3"},
	    {"\"pear apple", "3"}, /* the second quote may be missing */
	    {"app*", "6 5 3 1"}, {"app", ""}, {"apple -pear", "5 1"}, {"-pear apple", "5 1"},
	    {"apple -\"pear apple\"", "5 1"}, {"apple -pe*", "5 1"}, {"apple -pear -5", "1"}, {"ap* -apple", "6"},
	    {"nowhere", ""}, {"apple nowhere", ""}, {"uber", "4"}, /* as if there were no accents */
	    {"\xC3\xBC"
	     "ber",
	        "4"},
	    {"\xC3\x9C"
	     "BER",
	        "4"},
	    {"it's", "4"}, {"apple!!!", "5 3 1"}, {"apple ...", "5 3 1"}, /* what has no letters does not count */
	    {"... apple", "5 3 1"}, {"OR", ""},                           /* words, and nothing else */
	    {"apple OR pear", "5 3 2 1"}, {"apple or pear", ""}, {"pear apple OR 5", "3"}, /* tighter than a blank */
	    {"5 OR pear apple", "5 3"}, {"apple OR pear -5", "3 2 1"}, {"... OR pear", "3 2"},
	    {"... OR !!! pear", "3 2"}, {"... OR !!!", ""}, {"\"\" OR pear", "3 2"},
	    {"\"pear apple\" OR apples", "6 3"}, {"pe* OR uber", "4 3 2"}, {"nowhere OR 5 OR uber", "5 4"},
	    {"apple AND pear", ""}, {"apple NOT pear", ""}, {"NEAR(apple pear)", ""}, {"body:apple", ""},
	    {"room:apple", ""}, {"sender:ann", ""}, {"apple)", "5 3 1"}, {"(apple", "5 3 1"}, {"apple^", "5 3 1"},
	    {"a\"pple\"", ""}, {"\"apple\"\"pear\"", "3"}, {"\"app\"*", "6 5 3 1"},
	    {"apple - pear", "3"}, /* a dash by itself is no not */
	};

	(void)state;
	add("apple");
	add("pear");
	add("pear, apple!");
	add("\xC3\x9C"
	    "ber it's");
	add("apple 5");
	add("apples");
	test_fill(&fx);
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct store_page p = test_page(cases[i].q);

		assert_int_equal(store_search(fx.reader, &p), STORE_OK);
		if (strcmp(ids(&p), cases[i].found) != 0)
			fail_msg("%s finds \"%s\"", cases[i].q, ids(&p));
		buf_fini(&p.json);
	}
}

static void
a_query_with_nothing_to_look_for_is_a_syntax_error(void **state)
{
	static const char *const q[] = {"", " ", "-apple", "-apple -pear", "\"\"", "\"", "-\"a b\"", "\"\" -a", "\t\n"};

	(void)state;
	add("apple");
	test_fill(&fx);
	for (size_t i = 0; i < LENGTH(q); i++) {
		struct store_page p = test_page(q[i]);

		if (store_search(fx.reader, &p) != STORE_SYNTAX)
			fail_msg("\"%s\"", q[i]);
		buf_fini(&p.json);
	}
}

/* Whatever is typed is found or not: it never is an error of the database's. */
static void
no_strange_term_is_an_error_of_the_database(void **state)
{
	static const struct str q[] = {{"*", 1}, {"-", 1}, {"--a", 3}, {"a -*", 4}, {"\"*\"", 3}, {"\"\"*", 3},
	    {"\"\"* a", 5}, {"...", 3}, {"... -a", 6}, {"a -...", 6}, {"\"...\"*", 6}, {"a\0b", 3}, {"\0", 1},
	    {"\x01\x02", 2}, {"{a b}", 5}, {"a*b*", 4}, {"**", 2}, {"a**", 3}, {"+a", 2}, {"a+b", 3}, {"^a", 2},
	    {"a:b:c", 5}, {"\\", 1}, {"'", 1}, {"''", 2}, {"%", 1}, {"\xF0\x9F\x98\x80", 4}, {"\xF0\x9F\x98\x80*", 5},
	    {"\xEF\xBF\xBF", 3}, {"-\xCC\x81 a", 5}, {"\xCC\x81", 2}, {"r6D61696E", 8}, {"- - -", 5}, {"\"a\"-b", 5},
	    {"\"a\"*\"b\"*", 8}};

	(void)state;
	add("a b");
	test_fill(&fx);
	for (size_t i = 0; i < LENGTH(q); i++) {
		struct store_page p = test_page("");
		enum store_status status;

		p.q = q[i];
		status = store_search(fx.reader, &p);
		if (status != STORE_OK && status != STORE_SYNTAX)
			fail_msg("%.*s: %d", STR_ARGS(q[i]), (int)status);
		buf_fini(&p.json);
	}
}

static void
many_terms(const char *first, const char *term, const char *then, size_t n)
{
	struct store_page p = test_page("");
	enum store_status status;
	struct buf q;

	buf_init(&q, SIZE_MAX);
	buf_add(&q, str_of(first));
	for (size_t i = 0; i < n; i++)
		buf_add(&q, str_of(term));
	buf_add(&q, str_of(then));
	p.q = buf_str(&q);
	status = store_search(fx.reader, &p);
	if (status != STORE_OK && status != STORE_SYNTAX && status != STORE_TIMEOUT)
		fail_msg("%zu times \"%s\": %d", n, term, (int)status);
	buf_fini(&p.json);
	buf_fini(&q);
}

/* A query of a few thousand words, as long as a URL may be. */
static void
no_number_of_terms_is_an_error_of_the_database(void **state)
{
	static const size_t n[] = {10, 100, 255, 256, 257, 300, 1000, 3000, 8000};

	(void)state;
	add("a b");
	test_fill(&fx);
	for (size_t i = 0; i < LENGTH(n); i++) {
		many_terms("a", " a", "", n[i]);
		many_terms("a", " a*", "", n[i]);
		many_terms("a", " -c", "", n[i]);
		many_terms("a", " -\"c d\"", "", n[i]);
		many_terms("\"a", " a", "\"", n[i]);
		many_terms("a", "a", "", n[i]);
		many_terms("a", "\"", "", n[i]);
		many_terms("", " . a", "", n[i]);
	}
}

static void
room_sender_time_and_head_limit_what_is_found(void **state)
{
	struct store_page p;

	(void)state;
	test_other(&fx,
	    "INSERT INTO messages (room, sender, text, at) VALUES ('a', 'ann', 'x', 100), ('a', 'bob', 'x', 200),"
	    " ('b', 'ann', 'x', 300), ('a', '', 'x', 400), ('A', 'a', 'x', 500), ('main', 'x', 'y', 600)");
	test_fill(&fx);
	p = test_page("x");
	assert_found(p, "5 4 3 2 1");
	p.head = 3;
	assert_found(p, "3 2 1");
	p.cursor = STORE_BEFORE;
	p.at = 3;
	assert_found(p, "2 1");
	p.at = 100;
	assert_found(p, "3 2 1");
	p = test_page("x");
	p.from_ms = 200;
	assert_found(p, "5 4 3 2");
	p.until_ms = 400;
	assert_found(p, "3 2");
	p = test_page("x");
	p.rooms = (struct store_rooms){.names = {STR("a")}, .n = 1};
	assert_found(p, "4 2 1"); /* not A */
	p.by_sender = true;
	p.sender = STR("ann");
	assert_found(p, "1");
	p.sender = STR("");
	assert_found(p, "4");
	p.sender = STR("an");
	assert_found(p, "");
	p = test_page("x");
	p.by_sender = true;
	p.sender = STR("ann");
	assert_found(p, "3 1");
	p.rooms = (struct store_rooms){.names = {STR("b"), STR("A"), STR("none")}, .n = 3};
	assert_found(p, "3");
	p.by_sender = false;
	assert_found(p, "5 3");
	p.rooms = (struct store_rooms){.names = {STR("none")}, .n = 1};
	assert_found(p, "");
}

static void
pages_follow_each_other_and_are_full_by_number_or_bytes(void **state)
{
	struct store_page p = test_page("x");
	char want[8];

	(void)state;
	for (int i = 0; i < 7; i++)
		add("x");
	test_fill(&fx);
	p.limit = 3;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(store_search(fx.reader, &p), STORE_OK);
		snprintf(want, sizeof want, "%s", i == 0 ? "7 6 5" : i == 1 ? "4 3 2" : "1");
		assert_string_equal(ids(&p), want);
		assert_int_equal(p.older, i == 0 ? 5 : i == 1 ? 2 : -1);
		assert_int_equal(p.newer, -1);
		buf_fini(&p.json);
		p.cursor = STORE_BEFORE;
		p.at = p.older;
		p.n = 0;
	}
	/* A page is full by its bytes too, and holds one at least. */
	store_close(fx.reader);
	fx.options.reply_max = 1;
	fx.reader = test_store_open(&fx, false);
	p = test_page("x");
	assert_int_equal(store_search(fx.reader, &p), STORE_OK);
	assert_string_equal(ids(&p), "7");
	assert_int_equal(p.older, 7);
	buf_fini(&p.json);
}

static void
assert_forward(int64_t at, const char *want, int64_t older, int64_t newer)
{
	struct store_page p = test_page("x");

	p.limit = 3;
	p.cursor = STORE_AFTER;
	p.at = at;
	assert_int_equal(store_search(fx.reader, &p), STORE_OK);
	assert_string_equal(ids(&p), want);
	assert_int_equal(p.older, older);
	assert_int_equal(p.newer, newer);
	buf_fini(&p.json);
}

static void
pages_go_forward_from_an_id(void **state)
{
	(void)state;
	for (int i = 0; i < 7; i++)
		add(i == 3 ? "y" : "x");
	test_fill(&fx);
	assert_forward(0, "1 2 3", -1, 3);
	assert_forward(3, "5 6 7", 5, -1);
	assert_forward(4, "5 6 7", 5, -1);
	assert_forward(5, "6 7", 6, -1);
	assert_forward(7, "", 8, -1);
	assert_forward(MESSAGE_ID_MAX, "", MESSAGE_ID_MAX, -1);
	/* Full by its bytes. */
	store_close(fx.reader);
	fx.options.reply_max = 1;
	fx.reader = test_store_open(&fx, false);
	assert_forward(1, "2", 2, 2);
}

static void
assert_total(struct store_page p, int64_t count_max, int64_t n, bool more)
{
	p.count_max = count_max;
	assert_int_equal(store_search(fx.reader, &p), STORE_OK);
	assert_int_equal(p.total, n);
	assert_int_equal(p.total_more, more);
	buf_fini(&p.json);
}

static void
what_is_found_is_counted_wherever_the_page_is(void **state)
{
	struct store_page p = test_page("x");

	(void)state;
	for (int i = 0; i < 9; i++)
		test_other(&fx, "INSERT INTO messages (room, text, at) VALUES ('%s', '%s', %d)", i % 2 == 0 ? "a" : "b",
		    i == 4 ? "y" : "x", 100 * i);
	test_fill(&fx);
	assert_total(p, 9, 8, false);
	assert_total(p, 8, 8, false);
	assert_total(p, 7, 7, true);
	assert_total(p, 1, 1, true);
	p.limit = 1;
	assert_total(p, 100, 8, false);
	p.cursor = STORE_BEFORE;
	p.at = 2;
	assert_total(p, 100, 8, false);
	p.cursor = STORE_AFTER;
	assert_total(p, 100, 8, false);
	p.head = 5;
	assert_total(p, 100, 4, false);
	p = test_page("x");
	p.rooms = (struct store_rooms){.names = {STR("a")}, .n = 1};
	assert_total(p, 100, 4, false);
	p.from_ms = 600;
	assert_total(p, 100, 2, false);
	p = test_page("nowhere");
	assert_total(p, 100, 0, false);
	/* What waits for the index to know that it is gone is not counted. */
	test_other(&fx, "DELETE FROM messages WHERE id = 1");
	assert_total(test_page("x"), 100, 7, false);
}

struct snippet {
	struct buf text;
	size_t n;
};

static void
on_piece(void *ctx, struct str name, enum json_type type, struct str value)
{
	struct snippet *s = ctx;

	(void)name;
	assert_int_equal(type, JSON_STRING);
	/* What is a hit stands in brackets. */
	buf_printf(&s->text, s->n++ % 2 == 1 ? "[%.*s]" : "%.*s", STR_ARGS(value));
}

static void
on_member(void *ctx, struct str name, enum json_type type, struct str value)
{
	if (str_eq(name, STR("snippet"))) {
		assert_int_equal(type, JSON_ARRAY);
		assert_int_equal(json_array(value, 1, on_piece, ctx), JSON_OK);
	}
}

static void
assert_snippet(const char *q, const char *want)
{
	struct store_page p = test_page(q);
	struct snippet s = {.n = 0};

	assert_int_equal(store_search(fx.reader, &p), STORE_OK);
	assert_int_equal(p.n, 1);
	buf_init(&s.text, SIZE_MAX);
	assert_int_equal(json_object(buf_str(&p.json), 100, on_member, &s, NULL), JSON_OK);
	assert_int_equal(s.n % 2, 1); /* it begins and ends with what is no hit */
	assert_str(buf_str(&s.text), want);
	buf_fini(&s.text);
	buf_fini(&p.json);
}

static void
a_snippet_shows_the_hits_in_the_text(void **state)
{
	(void)state;
	add("One two, three.");
	add("quote \"five\" back\\slash");
	test_other(&fx, "INSERT INTO messages (text) VALUES ('six' || char(1) || 'seven' || char(2) || 'eight')");
	test_other(&fx, "INSERT INTO messages (args) VALUES ('[\"nine\", {\"ten\": [\"eleven\", 12, null]}]')");
	test_other(
	    &fx, "INSERT INTO messages (text) VALUES ('w' || replace(hex(zeroblob(200)), '00', ' w') || ' last')");
	add("\xE2\x82\xAC \xC3\xA9t\xC3\xA9 \xF0\x9F\x98\x80");
	test_fill(&fx);
	assert_snippet("two", "One [two], three.");
	assert_snippet("one three", "[One] two, [three].");
	assert_snippet("\"one two\"", "[One two], three.");
	assert_snippet("five", "quote \"[five]\" back\\slash");
	assert_snippet("seven", "six\x01[seven]\x02"
	                        "eight"); /* marks of the text's own are none */
	assert_snippet("eleven", "nine\n[eleven]");
	assert_snippet("ete", "\xE2\x82\xAC [\xC3\xA9t\xC3\xA9] \xF0\x9F\x98\x80");
	assert_found(test_page("ten"), ""); /* names are not text */
	assert_found(test_page("12"), "");
	assert_found(test_page("last"), "5");
}

/* The index is filled in pieces, and knows how far it is. */
static void
the_index_is_filled_in_pieces_and_knows_how_far_it_is(void **state)
{
	int pieces = 0;

	(void)state;
	test_other(&fx, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 350)"
	                " INSERT INTO messages (text) SELECT 'x' FROM n");
	do {
		int64_t before = fx.news.indexed;

		store_news_fini(&fx.news);
		assert_int_equal(store_fill(fx.store, 0, &fx.news), STORE_OK);
		assert_true(fx.news.indexed > before && fx.news.indexed - before <= 100);
		assert_int_equal(fx.news.index_behind, fx.news.indexed < 350);
		pieces++;
	} while (fx.news.index_behind);
	assert_int_equal(fx.news.indexed, 350);
	assert_int_equal(pieces, 4);
	/* Ids that nobody has are known too. */
	test_other(&fx, "INSERT INTO messages (text) VALUES ('y'); DELETE FROM messages WHERE text = 'y'");
	test_fill(&fx);
	assert_int_equal(fx.news.indexed, 351);
}

/* A piece of the index merges little, however much there is to merge, so that a send does not wait long behind it; and
 * enough, or there would be ever more to look into. */
static void
a_piece_of_the_index_merges_little_but_enough(void **state)
{
	enum { PIECES = 3900, WORDS_EACH = 30, WRITES_MAX = 150, SEGMENTS_MAX = 20 };
	size_t most = 0;

	(void)state;
	for (int i = 0; i < PIECES; i++) {
		char text[WORDS_EACH * 8];
		size_t n = 0, before;

		for (int word = 0; word < WORDS_EACH; word++)
			n += (size_t)snprintf(text + n, sizeof text - n, "%d ", (i * WORDS_EACH + word) * 7919 % 99991);
		add(text);
		assert_int_equal(test_look(&fx, 0), STORE_OK);
		before = test_disk.writes;
		assert_int_equal(store_fill(fx.store, 0, &fx.news), STORE_OK);
		if (test_disk.writes - before > most)
			most = test_disk.writes - before;
		store_news_fini(&fx.news);
	}
	assert_in_range(most, 1, WRITES_MAX);
	assert_in_range(test_number(&fx, "SELECT count(DISTINCT segid) FROM search_1_idx"), 1, SEGMENTS_MAX);
}

static void
a_changed_row_is_never_found_by_its_old_text(void **state)
{
	(void)state;
	add("was");
	add("stays");
	test_fill(&fx);
	test_other(&fx, "UPDATE messages SET text = 'is' WHERE id = 1");
	/* Until the index knows, it is found by neither. */
	assert_found(test_page("was"), "");
	assert_found(test_page("is"), "");
	test_fill(&fx);
	assert_found(test_page("was"), "");
	assert_found(test_page("is"), "1");
	/* Twice, and there and back. */
	test_other(
	    &fx, "UPDATE messages SET text = 'other' WHERE id = 1; UPDATE messages SET text = 'is' WHERE id = 1");
	test_fill(&fx);
	assert_found(test_page("is"), "1");
	assert_found(test_page("other"), "");
	test_other(&fx, "UPDATE messages SET sender = 'ann' WHERE id = 1; DELETE FROM messages WHERE id = 2");
	assert_found(test_page("stays"), "");
	test_fill(&fx);
	assert_found(test_page("stays"), "");
	assert_found(test_page("is"), "1");
	/* Before it was indexed at all. */
	add("early");
	test_other(&fx, "UPDATE messages SET text = 'late' WHERE text = 'early'");
	add("never");
	test_other(&fx, "DELETE FROM messages WHERE text = 'never'");
	test_fill(&fx);
	assert_found(test_page("early"), "");
	assert_found(test_page("late"), "3");
	test_other(&fx, "INSERT INTO search_1 (search_1) VALUES ('integrity-check')");
}

/* Of this process: what else the machine does is not counted. */
static int64_t
cpu_ms(void)
{
	return (int64_t)clock() * 1000 / CLOCKS_PER_SEC;
}

/* All of a large log deleted at once: each piece of the index is short work. */
static void
a_piece_is_short_work_when_a_large_log_is_deleted(void **state)
{
	int64_t began, longest = 0;

	(void)state;
	test_other(&fx, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)"
	                " INSERT INTO messages (text) SELECT 'x' FROM n");
	test_fill(&fx);
	test_other(&fx, "DELETE FROM messages");
	test_look(&fx, 0);
	for (int i = 0; i < 5; i++) {
		store_news_fini(&fx.news);
		began = cpu_ms();
		assert_int_equal(store_fill(fx.store, 0, &fx.news), STORE_OK);
		if (cpu_ms() - began > longest && !fx.news.more)
			longest = cpu_ms() - began;
	}
	if (longest > 5000) /* it was minutes once */
		fail_msg("a piece takes %lld ms", (long long)longest);
}

static void
a_search_or_a_page_that_takes_too_long_is_cut(void **state)
{
	struct store_page p = test_page("x -y");

	(void)state;
	test_other(&fx, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)"
	                " INSERT INTO messages (text) SELECT 'x' FROM n");
	test_fill(&fx);
	store_close(fx.reader);
	fx.options.search_timeout_ms = 0;
	fx.reader = test_store_open(&fx, false);
	p.limit = 3000;
	assert_int_equal(store_search(fx.reader, &p), STORE_TIMEOUT);
	buf_fini(&p.json);
	/* And it is over: what follows is not cut. */
	p.q = STR("nowhere");
	assert_int_equal(store_search(fx.reader, &p), STORE_OK);
	buf_fini(&p.json);
	p = test_page("");
	p.limit = 3000;
	/* A page is cut likewise. */
	assert_int_equal(store_history(fx.reader, &p), STORE_TIMEOUT);
	buf_fini(&p.json);
}

/* Against an array: texts of few words, changed and deleted at random, and every kind of term. */
static struct {
	bool there;
	size_t words[6], n, room;
} rows[ROWS];

static const char *const WORD[WORDS] = {"alpha", "alpine", "beta", "betas", "gamma", "delta", "epsilon", "zeta"};
static const char *const ROOM[3] = {"a", "b", "main"};

static void
random_text(size_t row, char *text)
{
	text[0] = '\0';
	rows[row].n = test_random(6);
	for (size_t i = 0; i < rows[row].n; i++) {
		rows[row].words[i] = test_random(WORDS);
		strcat(text, i == 0 ? "" : test_random(2) == 0 ? " " : ", ");
		strcat(text, WORD[rows[row].words[i]]);
	}
}

struct term {
	size_t words[2], n; /* n words side by side */
	bool prefix, not ;
};

static bool
has(size_t row, const struct term *t)
{
	for (size_t i = 0; i + t->n <= rows[row].n; i++) {
		bool same = true;

		for (size_t k = 0; k < t->n; k++) {
			const char *want = WORD[t->words[k]], *word = WORD[rows[row].words[i + k]];

			same = same &&
			       (t->prefix && k + 1 == t->n ? strncmp(word, want, 3) == 0 : strcmp(word, want) == 0);
		}
		if (same)
			return true;
	}
	return false;
}

static void
search_at_random(void)
{
	struct term terms[4];
	size_t n = 1 + test_random(4);
	char q[200] = "", want[8192] = "";
	struct store_page p = test_page(q);

	for (size_t i = 0; i < n; i++) {
		struct term *t = &terms[i];
		char last[16];

		*t = (struct term){
		    .n = 1 + (test_random(4) == 0), .prefix = test_random(4) == 0, .not = i > 0 && test_random(3) == 0};
		t->words[0] = test_random(WORDS);
		t->words[1] = test_random(WORDS);
		snprintf(last, sizeof last, t->prefix ? "%.3s" : "%s", WORD[t->words[t->n - 1]]);
		snprintf(q + strlen(q), sizeof q - strlen(q), "%s%s%s%s%s%s%s%s", i == 0 ? "" : " ", t->not ? "-" : "",
		    t->n == 2 ? "\"" : "", t->n == 2 ? WORD[t->words[0]] : "", t->n == 2 ? " " : "", last,
		    t->n == 2 ? "\"" : "", t->prefix ? "*" : "");
	}
	p.q = str_of(q);
	p.limit = ROWS;
	if (test_random(2) == 0)
		p.rooms = (struct store_rooms){.names = {str_of(ROOM[test_random(3)])}, .n = 1};
	for (size_t row = ROWS; row-- > 1;) {
		bool found = rows[row].there && (p.rooms.all || str_eq(p.rooms.names[0], str_of(ROOM[rows[row].room])));

		for (size_t i = 0; i < n; i++)
			found = found && has(row, &terms[i]) != terms[i].not ;
		if (found)
			snprintf(
			    want + strlen(want), sizeof want - strlen(want), "%s%zu", want[0] == '\0' ? "" : " ", row);
	}
	assert_int_equal(store_search(fx.reader, &p), STORE_OK);
	if (strcmp(ids(&p), want) != 0)
		fail_msg("%s finds \"%s\" instead of \"%s\"", q, ids(&p), want);
	buf_fini(&p.json);
}

static void
finds_what_a_simple_model_finds(void **state)
{
	size_t next = 1;

	(void)state;
	test_seed(15);
	memset(rows, 0, sizeof rows);
	while (next < ROWS) {
		test_other(&fx, "BEGIN");
		for (size_t i = test_random(40); i > 0 && next < ROWS; i--) {
			size_t row = test_random(next);
			char text[200];

			if (test_random(3) > 0) {
				random_text(next, text);
				rows[next].there = true;
				rows[next].room = test_random(3);
				test_other(&fx, "INSERT INTO messages (room, text) VALUES ('%s', '%s')",
				    ROOM[rows[next].room], text);
				next++;
			} else if (rows[row].there && test_random(3) == 0) {
				rows[row].there = false;
				test_other(&fx, "DELETE FROM messages WHERE id = %d", (int)row);
			} else if (rows[row].there) {
				random_text(row, text);
				test_other(&fx, "UPDATE messages SET text = '%s' WHERE id = %d", text, (int)row);
			}
		}
		test_other(&fx, "COMMIT");
		test_fill(&fx);
		for (int i = 0; i < 20; i++)
			search_at_random();
	}
	test_other(&fx, "INSERT INTO search_1 (search_1) VALUES ('integrity-check')");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(each_kind_of_term_finds_its_messages, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_query_with_nothing_to_look_for_is_a_syntax_error, setup, teardown),
	    cmocka_unit_test_setup_teardown(no_strange_term_is_an_error_of_the_database, setup, teardown),
	    cmocka_unit_test_setup_teardown(no_number_of_terms_is_an_error_of_the_database, setup, teardown),
	    cmocka_unit_test_setup_teardown(room_sender_time_and_head_limit_what_is_found, setup, teardown),
	    cmocka_unit_test_setup_teardown(pages_follow_each_other_and_are_full_by_number_or_bytes, setup, teardown),
	    cmocka_unit_test_setup_teardown(pages_go_forward_from_an_id, setup, teardown),
	    cmocka_unit_test_setup_teardown(what_is_found_is_counted_wherever_the_page_is, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_snippet_shows_the_hits_in_the_text, setup, teardown),
	    cmocka_unit_test_setup_teardown(the_index_is_filled_in_pieces_and_knows_how_far_it_is, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_piece_of_the_index_merges_little_but_enough, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_changed_row_is_never_found_by_its_old_text, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_piece_is_short_work_when_a_large_log_is_deleted, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_search_or_a_page_that_takes_too_long_is_cut, setup, teardown),
	    cmocka_unit_test_setup_teardown(finds_what_a_simple_model_finds, setup, teardown),
	};

	return cmocka_run_group_tests_name("store_search", tests, NULL, NULL);
}
