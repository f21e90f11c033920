/*
 * What is typed into the search becomes an expression that FTS5 can read, whatever it is; and what is looked for is
 * found in itself: a text of all the words that are wanted has them.
 *
 * The index is in memory: a thousand times as fast as search_fuzz.c, which asks the whole of it.
 */
#include "fuzz.h"
#include "store/index_db.h"
#include "store/terms.h"

static sqlite3 *db;
static struct index *words;
static sqlite3_stmt *find[2], *put[2], *take[2], *size_of[2], *syntax[2];

static void
prepare(const char *sql, sqlite3_stmt **stmt)
{
	MUST(sqlite3_prepare_v2(db, sql, -1, stmt, NULL) == SQLITE_OK);
}

static void
open_index(void)
{
	MUST(sqlite3_open(":memory:", &db) == SQLITE_OK);
	MUST(index_open(NULL, db, &words) == SQLITE_OK);
	MUST(sqlite3_exec(db,
	         "CREATE VIRTUAL TABLE search USING fts5 (room, sender, body,"
	         " tokenize = 'unicode61 remove_diacritics 2');"
	         "CREATE VIRTUAL TABLE empty USING fts5 (room, sender, body,"
	         " tokenize = 'unicode61 remove_diacritics 2');"
	         "CREATE VIRTUAL TABLE search_1 USING fts5 (room, sender, body, event, tokenize = 'words');"
	         "CREATE VIRTUAL TABLE empty_1 USING fts5 (room, sender, body, event, tokenize = 'words')",
	         NULL, NULL, NULL) == SQLITE_OK);
	prepare("SELECT rowid FROM search WHERE search MATCH ?1", &find[0]);
	prepare("SELECT rowid FROM search_1 WHERE search_1 MATCH ?1", &find[1]);
	prepare("SELECT rowid FROM empty WHERE empty MATCH ?1", &syntax[0]);
	prepare("SELECT rowid FROM empty_1 WHERE empty_1 MATCH ?1", &syntax[1]);
	prepare("INSERT INTO search(rowid, room, sender, body) VALUES(1, 'r6D61696E', 's616E6E', ?1)", &put[0]);
	prepare("INSERT INTO search_1(rowid, room, sender, body, event) VALUES(1, 'r6D61696E', 's616E6E', ?1, '')",
	    &put[1]);
	prepare("DELETE FROM search WHERE rowid = 1", &take[0]);
	prepare("DELETE FROM search_1 WHERE rowid = 1", &take[1]);
	/* The number of tokens of the third column, as a varint behind those of the first two. */
	prepare("SELECT sz FROM search_docsize WHERE id = 1", &size_of[0]);
	prepare("SELECT sz FROM search_1_docsize WHERE id = 1", &size_of[1]);
}

static bool
run(sqlite3_stmt *stmt, struct str text)
{
	int code;

	sqlite3_bind_text64(stmt, 1, text.n == 0 ? "" : text.p, text.n, SQLITE_STATIC, SQLITE_UTF8);
	code = sqlite3_step(stmt);
	MUST(code == SQLITE_ROW || code == SQLITE_DONE);
	sqlite3_reset(stmt);
	return code == SQLITE_ROW;
}

/* Whether it can be said what is in a text of them: an escape sequence may go on from one to the next. */
static bool
certain(struct str q)
{
	return memchr(q.p, 0x1B, q.n) == NULL && memchr(q.p, 0xC2, q.n) == NULL;
}

/* Whether a text of the wanted words, each on a line, is found by them. */
static void
check_found(int64_t table, struct str q, struct str match)
{
	struct str rest = q;
	struct term t;
	struct buf all;
	bool has_tokens = false;

	buf_init(&all, SIZE_MAX);
	while (terms_next(&rest, &t)) {
		if (t.not )
			break; /* what is not wanted may be in it */
		for (size_t i = 0; i < t.text.n; i++)
			buf_add_char(&all, t.text.p[i] == '\0' ? ' ' : t.text.p[i]);
		buf_add_char(&all, '\n');
	}
	if (!t.not &&all.n > 0) {
		(void)run(put[table], buf_str(&all));
		MUST(sqlite3_step(size_of[table]) == SQLITE_ROW && sqlite3_column_bytes(size_of[table], 0) >= 3);
		has_tokens = ((const unsigned char *)sqlite3_column_blob(size_of[table], 0))[2] != 0;
		sqlite3_reset(size_of[table]);
		MUST(run(find[table], match) == has_tokens);
		(void)run(take[table], STR(""));
	}
	buf_fini(&all);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct store_page p = {.q = {(const char *)bytes + 1, n - 1}};
	struct index_expression e;

	/* As the query is read: UTF-8, or it is refused. */
	if (n < 1 || !str_utf8(p.q))
		return 0;
	if (db == NULL)
		open_index();
	p.rooms.all = (bytes[0] & 1) != 0;
	p.rooms.names[0] = STR("main");
	p.rooms.names[1] = STR("ops");
	p.rooms.n = 2;
	p.by_sender = (bytes[0] & 2) != 0;
	p.sender = STR("ann");
	/* Both as it is now and as it was first. */
	for (int64_t table = 0; table <= 1; table++) {
		index_expression_init(&e);
		if (index_express(&e, words, table, &p, &p.rooms) && buf_ok(&e.match)) {
			(void)run(syntax[table], buf_str(&e.match));
			if ((bytes[0] & 12) == 0 && certain(p.q)) /* it takes ten times as long */
				check_found(table, p.q, buf_str(&e.match));
		}
		index_expression_fini(&e);
	}
	return 0;
}
