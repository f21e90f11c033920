/*
 * FTS5's tokenizer `words`, in a real database: what is found, of a table of scripts (tests/words.json: of each a text,
 * what finds it, and what does not), and what FTS5 asks of a tokenizer.
 */
#include <sqlite3.h>

#include "base/buf.h"
#include "base/json.h"
#include "store/terms.h"
#include "store/words.h"

#include "test.h"

enum { SCRIPTS_MIN = 60, DEPTH = 3 };

static sqlite3 *db;
static char folder[] = "/tmp/longline-words-XXXXXX", path[sizeof folder + 10];

static void
must(const char *sql)
{
	char *error = NULL;

	if (sqlite3_exec(db, sql, NULL, NULL, &error) != SQLITE_OK)
		fail_msg("%s: %s", sql, error);
}

/* A search as the daemon makes it of what was typed: each term is a string, and a prefix where it must be one. */
static void
add_expression(struct buf *b, struct str q)
{
	struct term t;

	while (terms_next(&q, &t)) {
		struct words_term is = words_term(t.text);

		buf_add(b, STR("\""));
		for (size_t i = 0; i < t.text.n; i++)
			buf_printf(b, t.text.p[i] == '"' ? "\"\"" : "%c", t.text.p[i]);
		buf_add(b, is.prefix || t.prefix ? STR("\"* ") : STR("\" "));
	}
}

/* How many rows of t it finds. */
static int
found(struct str q)
{
	sqlite3_stmt *stmt;
	struct buf b;
	int n;

	buf_init(&b, SIZE_MAX);
	add_expression(&b, q);
	assert_true(buf_ok(&b));
	assert_int_equal(sqlite3_prepare_v2(db, "SELECT count(*) FROM t WHERE t MATCH ?1", -1, &stmt, NULL), SQLITE_OK);
	sqlite3_bind_text64(stmt, 1, b.p, b.n, SQLITE_STATIC, SQLITE_UTF8);
	if (sqlite3_step(stmt) != SQLITE_ROW)
		fail_msg("%.*s: %s", STR_ARGS(buf_str(&b)), sqlite3_errmsg(db));
	n = sqlite3_column_int(stmt, 0);
	sqlite3_finalize(stmt);
	buf_fini(&b);
	return n;
}

/* The only text of t. */
static void
put(struct str text)
{
	sqlite3_stmt *stmt;

	must("DELETE FROM t");
	assert_int_equal(sqlite3_prepare_v2(db, "INSERT INTO t VALUES (?1)", -1, &stmt, NULL), SQLITE_OK);
	sqlite3_bind_text64(stmt, 1, text.p, text.n, SQLITE_STATIC, SQLITE_UTF8);
	assert_int_equal(sqlite3_step(stmt), SQLITE_DONE);
	sqlite3_finalize(stmt);
}

static int
open_database(void **state)
{
	(void)state;
	test_watchdog(60);
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/words.db", folder);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(words_register(db), SQLITE_OK);
	must("PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY");
	must("CREATE VIRTUAL TABLE t USING fts5 (body, tokenize = 'words')");
	must("CREATE VIRTUAL TABLE v USING fts5vocab (t, instance)");
	must("CREATE VIRTUAL TABLE outside USING fts5 (body, content = '', tokenize = 'words')");
	must("CREATE VIRTUAL TABLE outside_v USING fts5vocab (outside, instance)");
	return 0;
}

static int
close_database(void **state)
{
	(void)state;
	sqlite3_close(db);
	unlink(path);
	rmdir(folder);
	return 0;
}

/* A row of the table: the script, a text, what finds it, what does not. */
struct row {
	size_t column, rows, scripts, queries, wrong;
	char script[100], text[1000];
	size_t text_n;
	bool find;
};

static void
on_query(void *ctx, struct str name, enum json_type type, struct str q)
{
	struct row *r = ctx;

	(void)name;
	assert_int_equal(type, JSON_STRING);
	r->queries++;
	if (found(q) == r->find)
		return;
	print_error("%s: '%.*s' %s by '%.*s'\n", r->script, (int)r->text_n, r->text,
	    r->find ? "is not found" : "is found", STR_ARGS(q));
	r->wrong++;
}

static void
on_column(void *ctx, struct str name, enum json_type type, struct str value)
{
	struct row *r = ctx;

	(void)name;
	assert_int_equal(type, r->column < 2 ? JSON_STRING : JSON_ARRAY);
	switch (r->column++) {
	case 0:
		r->scripts += strncmp(r->script, value.p, value.n) != 0;
		snprintf(r->script, sizeof r->script, "%.*s", STR_ARGS(value));
		break;
	case 1:
		assert_true(value.n <= sizeof r->text);
		memcpy(r->text, value.p, value.n);
		r->text_n = value.n;
		put(value);
		break;
	default:
		r->find = r->column == 3;
		assert_int_equal(json_array(value, DEPTH, on_query, r), JSON_OK);
	}
}

static void
on_row(void *ctx, struct str name, enum json_type type, struct str value)
{
	struct row *r = ctx;

	(void)name;
	assert_int_equal(type, JSON_ARRAY);
	r->column = 0;
	r->rows++;
	assert_int_equal(json_array(value, DEPTH, on_column, r), JSON_OK);
	assert_int_equal(r->column, 4);
}

static void
what_each_script_finds(void **state)
{
	FILE *f = fopen("tests/words.json", "r");
	struct row r = {0};
	struct buf b;
	size_t n;

	(void)state;
	assert_non_null(f);
	buf_init(&b, 1 << 20);
	while (buf_reserve(&b, 4096) && (n = fread(b.p + b.n, 1, 4096, f)) > 0)
		b.n += n;
	fclose(f);
	must("BEGIN");
	assert_int_equal(json_array(buf_str(&b), DEPTH, on_row, &r), JSON_OK);
	must("COMMIT");
	buf_fini(&b);
	assert_true(r.scripts >= SCRIPTS_MIN);
	if (r.wrong > 0)
		fail_msg("%zu of %zu searches", r.wrong, r.queries);
}

static int64_t
number(const char *sql)
{
	sqlite3_stmt *stmt;
	int64_t n;

	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	n = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return n;
}

static int
on_token(void *ctx, int flags, const char *token, int n, int start, int end)
{
	(void)token;
	assert_int_equal(flags, 0);
	assert_true(n > 0 && start < end);
	++*(int *)ctx;
	return SQLITE_OK;
}

/* An auxiliary function: how many tokens its row has, as it is read again. */
static void
count_tokens(
    const Fts5ExtensionApi *api, Fts5Context *fts, sqlite3_context *result, int n_values, sqlite3_value **values)
{
	const char *text;
	int n, count = 0;

	(void)n_values;
	(void)values;
	assert_int_equal(api->xColumnText(fts, 0, &text, &n), SQLITE_OK);
	assert_int_equal(api->xTokenize(fts, text, n, &count, on_token), SQLITE_OK);
	sqlite3_result_int(result, count);
}

static void
a_text_is_read_again_as_it_was_indexed(void **state)
{
	sqlite3_stmt *stmt;
	fts5_api *api = NULL;

	(void)state;
	assert_int_equal(sqlite3_prepare_v2(db, "SELECT fts5(?1)", -1, &stmt, NULL), SQLITE_OK);
	sqlite3_bind_pointer(stmt, 1, &api, "fts5_api_ptr", NULL);
	sqlite3_step(stmt);
	sqlite3_finalize(stmt);
	assert_int_equal(api->xCreateFunction(api, "count_tokens", NULL, count_tokens, NULL), SQLITE_OK);
	/* A run at the end, a sign of several words, a word of several tokens. */
	put(STR("x \u6771\u4eac \ufdfa \U0001f642 caf\u00e9 \u6771\u4eac"));
	assert_int_equal(number("SELECT count(*) FROM v"), 11);
	assert_int_equal(number("SELECT count_tokens(t) FROM t WHERE t MATCH 'x'"), 11);
}

static void
what_was_put_in_can_be_taken_out(void **state)
{
	char sql[300];
	struct str text = STR("\u6771\u4eac\u3078 \u0e01\u0e33\u0e25\u0e31\u0e07 \U0001f642x \u1112\u1161\u11ab");

	(void)state;
	snprintf(sql, sizeof sql, "INSERT INTO outside (rowid, body) VALUES (1, '%.*s')", STR_ARGS(text));
	must(sql);
	assert_true(number("SELECT count(*) FROM outside_v") > 0);
	snprintf(
	    sql, sizeof sql, "INSERT INTO outside (outside, rowid, body) VALUES ('delete', 1, '%.*s')", STR_ARGS(text));
	must(sql);
	assert_int_equal(number("SELECT count(*) FROM outside_v"), 0);
	must("INSERT INTO t (t) VALUES ('integrity-check')");
}

static void
the_tokenizer_takes_no_arguments(void **state)
{
	(void)state;
	assert_int_equal(sqlite3_exec(db, "CREATE VIRTUAL TABLE u USING fts5 (body, tokenize = 'words of others')",
	                     NULL, NULL, NULL),
	    SQLITE_ERROR);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_each_script_finds),
	    cmocka_unit_test(a_text_is_read_again_as_it_was_indexed),
	    cmocka_unit_test(what_was_put_in_can_be_taken_out),
	    cmocka_unit_test(the_tokenizer_takes_no_arguments),
	};

	return cmocka_run_group_tests_name("words in FTS5", tests, open_database, close_database);
}
