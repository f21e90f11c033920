#include "index.h"
#include "store_sql.h"
#include "terms.h"

enum { EXPRESSION_MAX = 64 * 1024 };

/* As FTS5 takes a string: in quotes, with quotes in it doubled (only phrases have none). */
static void
add_string(struct buf *b, struct str s)
{
	buf_add_char(b, '"');
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"')
			buf_add_char(b, '"');
		buf_add_char(b, s.p[i] == '\0' ? ' ' : s.p[i]);
	}
	buf_add_char(b, '"');
}

/* The terms that are (not) to be excluded, within the text. Returns how many. */
static size_t
add_terms(struct buf *b, struct str q, bool not, struct str between)
{
	struct term t;
	size_t n = 0;

	while (terms_next(&q, &t)) {
		if (t.not != not || t.text.n == 0)
			continue;
		if (n++ > 0)
			buf_add(b, between);
		add_string(b, t.text);
		if (t.prefix)
			buf_add_char(b, '*');
	}
	return n;
}

static void
add_token(struct buf *b, char kind, struct str s)
{
	buf_add_char(b, '"');
	buf_add_char(b, kind);
	for (size_t i = 0; i < s.n; i++)
		buf_printf(b, "%02X", (unsigned char)s.p[i]);
	buf_add_char(b, '"');
}

/* The FTS5 expression (SQLite's documentation, FTS5 section 3); false when there is nothing to look for. */
static bool
expression(struct buf *b, const struct store_page *p, const struct store_rooms *rooms)
{
	struct buf nots;

	buf_add(b, STR("((body : ("));
	/* Side by side, not AND: a word of nothing but punctuation then does not count, where AND would find nothing.
	 */
	if (add_terms(b, p->q, false, STR(" ")) == 0)
		return false;
	buf_add(b, STR("))"));
	if (!rooms->all) {
		buf_add(b, STR(" AND (room : ("));
		for (size_t i = 0; i < rooms->n; i++) {
			buf_add(b, i == 0 ? STR("") : STR(" OR "));
			add_token(b, 'r', rooms->names[i]);
		}
		buf_add(b, STR("))"));
	}
	if (p->by_sender) {
		buf_add(b, STR(" AND (sender : "));
		add_token(b, 's', p->sender);
		buf_add(b, STR(")"));
	}
	buf_add(b, STR(")"));
	buf_init(&nots, EXPRESSION_MAX);
	if (add_terms(&nots, p->q, true, STR(" OR ")) > 0) {
		buf_add(b, STR(" NOT (body : ("));
		buf_add(b, buf_str(&nots));
		buf_add(b, STR("))"));
	}
	b->failed = b->failed || !buf_ok(&nots);
	buf_fini(&nots);
	return true;
}

/* Reads the hits below *below, which it takes along. */
static int
read_hits(struct store *s, struct store_page *p, size_t reply_max, sqlite3_stmt *stmt, int64_t *below)
{
	int code;

	while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct message_fields f;
		size_t at = p->json.n;

		*below = sqlite3_column_int64(stmt, 0);
		if (!store_row(s, stmt, &f))
			continue;
		if (p->n == p->limit)
			break;
		if (p->n > 0)
			buf_add_char(&p->json, ',');
		message_add_json(&p->json, &f, store_column(stmt, STORE_N_COLUMNS));
		if (p->n > 0 && p->json.n > reply_max) {
			p->json.n = at;
			break;
		}
		p->n++;
		p->older = f.id;
	}
	if (code == SQLITE_DONE)
		p->older = -1; /* there was nothing behind the last */
	sqlite3_reset(stmt);
	if (!buf_ok(&p->json))
		return SQLITE_NOMEM;
	return code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_OK : code;
}

/* What changed since it was indexed is left out until the index knows: its snippet would not be its own. The function
 * sees() is store_sees.c's. */
#define HITS                                                                        \
	" FROM search JOIN messages m ON m.id = search.rowid"                       \
	" WHERE search MATCH ?1 AND search.rowid < ?2 AND m.at >= ?3 AND m.at < ?4" \
	" AND sees(m.room)"                                                         \
	" AND search.rowid NOT IN (SELECT id FROM changed) ORDER BY search.rowid DESC"

/* The hits below an id, by a statement that begins as given; NULL, noted, on failure. */
static sqlite3_stmt *
hits(struct store *s, const struct store_page *p, struct str match, const char *sql, int64_t below)
{
	sqlite3_stmt *stmt = store_prepare(s, sql);

	if (stmt == NULL)
		return NULL;
	store_bind_str(stmt, 1, match);
	sqlite3_bind_int64(stmt, 2, below);
	sqlite3_bind_int64(stmt, 3, p->from_ms);
	sqlite3_bind_int64(stmt, 4, p->until_ms);
	return stmt;
}

/* After one that is longer than is read, which the index had before it became so. */
static int
pass_over_hit(struct store *s, const struct store_page *p, struct str match, int64_t *below)
{
	sqlite3_stmt *stmt = hits(s, p, match, "SELECT m.id" HITS " LIMIT 1", *below);
	int code;

	if (stmt == NULL)
		return store_trouble(s);
	code = sqlite3_step(stmt);
	if (code == SQLITE_ROW)
		*below = sqlite3_column_int64(stmt, 0);
	sqlite3_reset(stmt);
	if (code == SQLITE_ROW)
		store_passed_over(s, *below, "it has more bytes than are read");
	return code == SQLITE_ROW ? SQLITE_OK : code == SQLITE_DONE ? SQLITE_TOOBIG : code;
}

static int
search(struct store *s, struct store_page *p, size_t reply_max, struct str match)
{
	int64_t below = p->cursor == STORE_BEFORE && p->at <= p->head ? p->at : p->head + 1;
	int code;

	do {
		sqlite3_stmt *stmt = hits(s, p, match,
		    "SELECT m.id, m.room, m.event, m.sender, m.text, m.args, m.at, m.attachments, m.\"by\","
		    " m.changes, m.edited, NULL,"
		    " excerpt(search)" HITS,
		    below);

		code = stmt == NULL ? store_trouble(s) : read_hits(s, p, reply_max, stmt, &below);
	} while (code == SQLITE_TOOBIG && (code = pass_over_hit(s, p, match, &below)) == SQLITE_OK);
	return code;
}

int
index_search(struct store *s, struct store_page *p, const struct store_rooms *rooms, size_t reply_max)
{
	struct buf match;
	int code = SQLITE_EMPTY;

	buf_init(&match, EXPRESSION_MAX);
	if (expression(&match, p, rooms) && buf_ok(&match))
		code = search(s, p, reply_max, buf_str(&match));
	buf_fini(&match);
	return code;
}
