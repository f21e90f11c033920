#include "index_db.h"

/* Which hits are read: those between two ids, neither included. */
struct range {
	struct str match;
	int64_t above, below;
	bool upward; /* from the oldest on */
};

/* What changed since it was indexed is left out until the index knows: its snippet would not be its own. The function
 * sees() is store_sees.c's. */
#define HITS                                                                                              \
	" FROM search JOIN messages m ON m.id = search.rowid"                                             \
	" WHERE search MATCH ?1 AND search.rowid > ?2 AND search.rowid < ?3 AND m.at >= ?4 AND m.at < ?5" \
	" AND sees(m.room) AND search.rowid NOT IN (SELECT id FROM changed) ORDER BY search.rowid"
#define PAGE                                                                                                \
	"SELECT m.id, m.room, m.event, m.sender, m.text, m.args, m.at, m.attachments, m.\"by\", m.changes," \
	" m.edited, NULL, excerpt(search)" HITS

/* The hits of a range, by a statement for either direction; NULL, noted, on failure. */
static sqlite3_stmt *
hits(struct store *s, const struct store_page *p, const struct range *r, const char *up, const char *down)
{
	sqlite3_stmt *stmt = store_prepare(s, r->upward ? up : down);

	if (stmt == NULL)
		return NULL;
	store_bind_str(stmt, 1, r->match);
	sqlite3_bind_int64(stmt, 2, r->above);
	sqlite3_bind_int64(stmt, 3, r->below);
	sqlite3_bind_int64(stmt, 4, p->from_ms);
	sqlite3_bind_int64(stmt, 5, p->until_ms);
	return stmt;
}

/* The range goes on behind this hit. */
static void
pass(struct range *r, int64_t id)
{
	*(r->upward ? &r->above : &r->below) = id;
}

/* Reads hits into the page, and makes the range begin behind the last; *more: there is another one for the next page.
 */
static int
read_hits(struct store *s, struct store_page *p, size_t reply_max, sqlite3_stmt *stmt, struct range *r, bool *more)
{
	int code;

	while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct message_fields f;
		size_t at = p->json.n;

		pass(r, sqlite3_column_int64(stmt, 0));
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
		if (p->n++ == 0)
			p->first = f.id;
		p->last = f.id;
	}
	*more = code == SQLITE_ROW;
	sqlite3_reset(stmt);
	if (!buf_ok(&p->json))
		return SQLITE_NOMEM;
	return code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_OK : code;
}

/* The first hit of a range; 0, noted on failure: there is none. */
static int64_t
first_hit(struct store *s, const struct store_page *p, const struct range *r)
{
	return store_first_number(
	    s, hits(s, p, r, "SELECT m.id" HITS " LIMIT 1", "SELECT m.id" HITS " DESC LIMIT 1"), 0);
}

/* After one that is longer than is read, which the index had before it became so. */
static int
pass_over_hit(struct store *s, const struct store_page *p, struct range *r)
{
	int64_t id = first_hit(s, p, r);

	if (id == 0)
		return store_trouble(s) == SQLITE_OK ? SQLITE_TOOBIG : store_trouble(s);
	pass(r, id);
	store_passed_over(s, id, "it has more bytes than are read");
	return SQLITE_OK;
}

static int
read_page(struct store *s, struct store_page *p, size_t reply_max, struct range r, bool *more)
{
	int code;

	do {
		sqlite3_stmt *stmt = hits(s, p, &r, PAGE, PAGE " DESC");

		code = stmt == NULL ? store_trouble(s) : read_hits(s, p, reply_max, stmt, &r, more);
	} while (code == SQLITE_TOOBIG && (code = pass_over_hit(s, p, &r)) == SQLITE_OK);
	return code;
}

/* Counts all hits, wherever the page is: until there is one more than is asked for, or no time is left. */
static int
count(struct store *s, struct store_page *p, struct str match)
{
	struct range all = {.match = match, .below = p->head + 1};
	sqlite3_stmt *stmt = hits(s, p, &all, "SELECT m.id" HITS, "SELECT m.id" HITS);
	int code = SQLITE_DONE;

	if (stmt == NULL)
		return store_trouble(s);
	while (p->total <= p->count_max && (code = sqlite3_step(stmt)) == SQLITE_ROW)
		p->total++;
	sqlite3_reset(stmt);
	p->total_more = code != SQLITE_DONE;
	if (p->total > p->count_max)
		p->total = p->count_max;
	if (code == SQLITE_INTERRUPT && !store_stopped(s))
		return SQLITE_OK;
	return code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_OK : code;
}

static int
search(struct store *s, struct store_page *p, size_t reply_max, struct str match)
{
	struct range r = {.match = match, .below = p->head + 1, .upward = p->cursor == STORE_AFTER};
	struct range behind = {.match = match, .below = p->at < p->head ? p->at + 1 : p->head + 1};
	bool more = false;
	int code;

	if (p->cursor == STORE_BEFORE && p->at <= p->head)
		r.below = p->at;
	if (r.upward)
		r.above = p->at;
	code = read_page(s, p, reply_max, r, &more);
	if (more)
		*(r.upward ? &p->newer : &p->older) = p->last;
	if (code == SQLITE_OK && r.upward && first_hit(s, p, &behind) != 0)
		p->older = p->n > 0 ? p->first : p->at < MESSAGE_ID_MAX ? p->at + 1 : p->at;
	if (code == SQLITE_OK && p->count_max > 0)
		code = count(s, p, match);
	return code;
}

int
index_search(struct store *s, struct store_page *p, const struct store_rooms *rooms, size_t reply_max)
{
	struct buf match;
	int code = SQLITE_EMPTY;

	buf_init(&match, INDEX_EXPRESSION_MAX);
	if (index_expression(&match, store_index(s), p, rooms) && buf_ok(&match))
		code = search(s, p, reply_max, buf_str(&match));
	buf_fini(&match);
	return code;
}
