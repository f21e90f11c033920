#include "index_db.h"

/* What is looked for, in which tables. */
struct asked {
	struct index_state st;
	struct index_expression new, old; /* for each table, if there are two */
};

/* Which hits are read: those between two ids, neither included. */
struct range {
	int64_t above, below;
	bool upward; /* from the oldest on */
};

/* What changed since it was indexed is left out until the index knows: its snippet would not be its own. The function
 * sees() is store_sees.c's. */
#define HITS                                                                               \
	" FROM @ JOIN messages m ON m.id = @.rowid"                                        \
	" WHERE @ MATCH ?1 AND @.rowid > ?2 AND @.rowid < ?3 AND m.at >= ?4 AND m.at < ?5" \
	" AND sees(m.room) AND @.rowid NOT IN (SELECT id FROM changed)"
/* The old one has what was below a certain id, and did not change since. */
#define OLD_HITS                                                                           \
	" FROM # JOIN messages m ON m.id = #.rowid"                                        \
	" WHERE # MATCH ?6 AND #.rowid > ?2 AND #.rowid < ?7 AND m.at >= ?4 AND m.at < ?5" \
	" AND sees(m.room) AND #.rowid NOT IN (SELECT id FROM changed)"                    \
	" AND #.rowid NOT IN (SELECT id FROM reindexed)"
#define COLUMNS                                                                                                  \
	", m.room, m.event, m.sender, m.text, m.args, m.at, m.attachments, m.\"by\", m.changes, m.edited, NULL," \
	" m.format, excerpt"

/* A statement of one or both tables, for either direction. */
#define ONE(what, order) "SELECT @.rowid" what("@", "?8") HITS " ORDER BY 1" order
#define BOTH(what, order) \
	"SELECT @.rowid" what("@", "?8") HITS " UNION ALL SELECT #.rowid" what("#", "?9") OLD_HITS " ORDER BY 1" order
#define ALL_OF(what, order)                                                                                   \
	{                                                                                                     \
		{ONE(what, " DESC" order), ONE(what, order)}, {BOTH(what, " DESC" order), BOTH(what, order)}, \
	}
#define SHOWN(table, singles) COLUMNS "(" table ", " singles ")"
#define ID(table, singles)

/* [whether there is an old one][whether upward] */
static const char *const PAGE[2][2] = ALL_OF(SHOWN, ""), *const FIRST[2][2] = ALL_OF(ID, " LIMIT 1"),
                         *const IDS[2][2] = ALL_OF(ID, "");

/* The hits of a range; NULL, noted, on failure. */
static sqlite3_stmt *
hits(struct store *s, const struct store_page *p, struct asked *a, const struct range *r, const char *const sql[2][2])
{
	bool both = a->st.old != INDEX_NONE;
	sqlite3_stmt *stmt = index_prepare_both(s, sql[both][r->upward], a->st.table, a->st.old);

	if (stmt == NULL)
		return NULL;
	store_bind_str(stmt, 1, buf_str(&a->new.match));
	sqlite3_bind_int64(stmt, 2, r->above);
	sqlite3_bind_int64(stmt, 3, r->below);
	sqlite3_bind_int64(stmt, 4, p->from_ms);
	sqlite3_bind_int64(stmt, 5, p->until_ms);
	if (both) {
		store_bind_str(stmt, 6, buf_str(&a->old.match));
		sqlite3_bind_int64(stmt, 7, r->below <= a->st.left ? r->below : a->st.left + 1);
	}
	if (sqlite3_bind_parameter_count(stmt) > 7)
		store_bind_str(stmt, 8, buf_str(&a->new.singles));
	if (sqlite3_bind_parameter_count(stmt) > 8)
		store_bind_str(stmt, 9, buf_str(&a->old.singles));
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
first_hit(struct store *s, const struct store_page *p, struct asked *a, const struct range *r)
{
	return store_first_number(s, hits(s, p, a, r, FIRST), 0);
}

/* After one that is longer than is read, which the index had before it became so. */
static int
pass_over_hit(struct store *s, const struct store_page *p, struct asked *a, struct range *r)
{
	int64_t id = first_hit(s, p, a, r);

	if (id == 0)
		return store_trouble(s) == SQLITE_OK ? SQLITE_TOOBIG : store_trouble(s);
	pass(r, id);
	store_passed_over(s, id, "it has more bytes than are read");
	return SQLITE_OK;
}

static int
read_page(struct store *s, struct store_page *p, size_t reply_max, struct asked *a, struct range r, bool *more)
{
	int code;

	do {
		sqlite3_stmt *stmt = hits(s, p, a, &r, PAGE);

		code = stmt == NULL ? store_trouble(s) : read_hits(s, p, reply_max, stmt, &r, more);
	} while (code == SQLITE_TOOBIG && (code = pass_over_hit(s, p, a, &r)) == SQLITE_OK);
	return code;
}

/* Counts all hits, wherever the page is: until there is one more than is asked for, or no time is left. */
static int
count(struct store *s, struct store_page *p, struct asked *a)
{
	struct range all = {.below = p->head + 1};
	sqlite3_stmt *stmt = hits(s, p, a, &all, IDS);
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
search(struct store *s, struct store_page *p, size_t reply_max, struct asked *a)
{
	struct range r = {.below = p->head + 1, .upward = p->cursor == STORE_AFTER};
	struct range behind = {.below = p->at < p->head ? p->at + 1 : p->head + 1};
	bool more = false;
	int code;

	if (p->cursor == STORE_BEFORE && p->at <= p->head)
		r.below = p->at;
	if (r.upward)
		r.above = p->at;
	code = read_page(s, p, reply_max, a, r, &more);
	if (more)
		*(r.upward ? &p->newer : &p->older) = p->last;
	if (code == SQLITE_OK && r.upward && first_hit(s, p, a, &behind) != 0)
		p->older = p->n > 0 ? p->first : p->at < MESSAGE_ID_MAX ? p->at + 1 : p->at;
	if (code == SQLITE_OK && p->count_max > 0)
		code = count(s, p, a);
	return code;
}

int
index_search(struct store *s, struct store_page *p, const struct store_rooms *rooms, size_t reply_max)
{
	struct asked a = {.st = index_state(s)};
	struct index *x = store_index(s);
	int code = SQLITE_EMPTY;

	index_expression_init(&a.new);
	index_expression_init(&a.old);
	p->old_words = a.st.left;
	if (index_express(&a.new, x, a.st.table, p, rooms) && buf_ok(&a.new.match) &&
	    (a.st.old == INDEX_NONE || (index_express(&a.old, x, a.st.old, p, rooms) && buf_ok(&a.old.match))))
		code = search(s, p, reply_max, &a);
	index_expression_fini(&a.new);
	index_expression_fini(&a.old);
	return code;
}
