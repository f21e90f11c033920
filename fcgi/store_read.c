#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "store_db.h"

/* Parameters of the statements made here; the rooms' names come from FIRST_ROOM on. */
enum { ABOVE = 1, UP_TO, LIMIT, SENDER, FROM, UNTIL, FIRST_ROOM };

enum {
	SQL_MAX = 32 * 1024,
	/* So many rows in a span of time are sorted by id; in a longer span the rows are walked by id until they fit.
	 */
	SPAN_ROWS = 2000,
};

/* Which messages belong to an answer at all. */
struct filter {
	const struct store_rooms *rooms;
	bool by_sender;
	struct str sender;
	int64_t from_ms, until_ms;
	bool by_time; /* find them by the index over time */
};

static bool
timed(const struct filter *f)
{
	return f->from_ms != INT64_MIN || f->until_ms != INT64_MAX;
}

static void
add_room_list(struct buf *sql, const struct store_rooms *rooms)
{
	if (rooms->all) {
		buf_add(sql, STR("room IN (SELECT name FROM rooms)"));
		return;
	}
	buf_add(sql, STR("room IN ("));
	for (size_t i = 0; i < rooms->n; i++)
		buf_printf(sql, "%s?%zu", i == 0 ? "" : ", ", FIRST_ROOM + i);
	buf_add_char(sql, ')');
}

/* "FROM … WHERE … ORDER BY id LIMIT" for one room (its parameter's number), or for all (0). */
static void
add_walk(struct buf *sql, const struct filter *f, size_t room, bool descending)
{
	buf_add(sql, STR("FROM messages "));
	if (f->by_time) {
		buf_add(sql, STR("INDEXED BY messages_at WHERE "));
		add_room_list(sql, f->rooms);
		buf_add(sql, STR(" AND at >= ?5 AND at < ?6 AND +id > ?1 AND +id <= ?2"));
	} else {
		if (room != 0)
			buf_printf(sql, "INDEXED BY messages_room WHERE room = ?%zu AND ", room);
		else
			buf_add(sql, STR("WHERE "));
		buf_add(sql, STR("id > ?1 AND id <= ?2"));
		if (timed(f))
			buf_add(sql, STR(" AND +at >= ?5 AND +at < ?6"));
	}
	if (f->by_sender)
		buf_add(sql, STR(" AND +sender = ?4"));
	buf_printf(sql, " ORDER BY id %s LIMIT ?3", descending ? "DESC" : "ASC");
}

/* "SELECT columns FROM …" for the filter. Each of several rooms is walked by itself, and only what is first is read. */
static void
add_select(struct buf *sql, const struct filter *f, const char *columns, bool descending)
{
	buf_printf(sql, "SELECT %s ", columns);
	if (f->by_time || f->rooms->all || f->rooms->n == 1) {
		add_walk(sql, f, f->rooms->all ? 0 : FIRST_ROOM, descending);
		return;
	}
	buf_add(sql, STR("FROM messages WHERE id IN ("));
	for (size_t i = 0; i < f->rooms->n; i++) {
		buf_add(sql, i == 0 ? STR("SELECT id FROM (SELECT id ") : STR(" UNION ALL SELECT id FROM (SELECT id "));
		add_walk(sql, f, FIRST_ROOM + i, descending);
		buf_add_char(sql, ')');
	}
	buf_printf(sql, ") ORDER BY id %s LIMIT ?3", descending ? "DESC" : "ASC");
}

static void
bind_filter(sqlite3_stmt *stmt, const struct filter *f)
{
	int n = sqlite3_bind_parameter_count(stmt);

	if (n >= SENDER && f->by_sender)
		store_bind_str(stmt, SENDER, f->sender);
	if (n >= UNTIL) {
		sqlite3_bind_int64(stmt, FROM, f->from_ms);
		sqlite3_bind_int64(stmt, UNTIL, f->until_ms);
	}
	for (int i = 0; !f->rooms->all && i < (int)f->rooms->n && FIRST_ROOM + i <= n; i++)
		store_bind_str(stmt, FIRST_ROOM + i, f->rooms->names[i]);
}

/* The statement of the rows above `above` and up to `up_to`, at most limit; NULL on failure. */
static sqlite3_stmt *
select_rows(struct store *s, const struct filter *f, const char *columns, int64_t above, int64_t up_to, bool descending,
    size_t limit)
{
	struct buf sql;
	sqlite3_stmt *stmt = NULL;

	buf_init(&sql, SQL_MAX);
	add_select(&sql, f, columns, descending);
	buf_add_char(&sql, '\0');
	if (buf_ok(&sql))
		stmt = store_prepare(s, sql.p);
	buf_fini(&sql);
	if (stmt == NULL)
		return NULL;
	sqlite3_clear_bindings(stmt);
	sqlite3_bind_int64(stmt, ABOVE, above);
	sqlite3_bind_int64(stmt, UP_TO, up_to);
	sqlite3_bind_int64(stmt, LIMIT, (int64_t)limit);
	bind_filter(stmt, f);
	return stmt;
}

/* Rows of an answer, encoded, in the order in which they were read. */
struct rows {
	struct buf json;
	struct {
		int64_t id;
		size_t at, n; /* its JSON */
	} * v;
	size_t n;
	bool more; /* there was another */
};

static void
rows_fini(struct rows *r)
{
	buf_fini(&r->json);
	free(r->v);
}

/* An SQLite result code (SQLITE_OK is good). */
static int
rows_read(struct store *s, struct rows *r, const struct filter *f, int64_t above, int64_t up_to, bool descending,
    size_t limit)
{
	sqlite3_stmt *stmt = select_rows(s, f, STORE_COLUMNS, above, up_to, descending, limit + 1);
	int code;

	*r = (struct rows){.v = calloc(limit + 1, sizeof *r->v)};
	buf_init(&r->json, SIZE_MAX);
	if (stmt == NULL || r->v == NULL)
		return stmt == NULL ? sqlite3_errcode(s->db) : SQLITE_NOMEM;
	while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct message_fields fields;
		size_t at = r->json.n;

		if (r->n == limit) {
			r->more = true;
			break;
		}
		store_row(s, stmt, &fields);
		message_add_json(&r->json, &fields, STR(""));
		if (r->n > 0 && r->json.n > s->options.reply_max) {
			r->json.n = at;
			r->more = true;
			break;
		}
		r->v[r->n].id = fields.id;
		r->v[r->n].at = at;
		r->v[r->n++].n = r->json.n - at;
	}
	sqlite3_reset(stmt);
	if (!buf_ok(&r->json))
		return SQLITE_NOMEM;
	return code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_OK : code;
}

static void
add_row(struct buf *json, const struct rows *r, size_t i, bool comma)
{
	if (comma)
		buf_add_char(json, ',');
	buf_add(json, (struct str){r->json.p + r->v[i].at, r->v[i].n});
}

/* Whether anything lies above `above` and up to `up_to`. */
static bool
anything(struct store *s, const struct filter *f, int64_t above, int64_t up_to)
{
	sqlite3_stmt *stmt = select_rows(s, f, "1", above, up_to, false, 1);
	bool found = stmt != NULL && sqlite3_step(stmt) == SQLITE_ROW;

	if (stmt != NULL)
		sqlite3_reset(stmt);
	return found;
}

static int
begin(struct store *s)
{
	int code;

	if ((s->db == NULL || store_moved(s)) && store_reopen(s, false) != 0)
		return SQLITE_CANTOPEN;
	/* A filter that fits hardly anything would walk through all of the log. */
	s->deadline_us = clock_us() + s->options.search_timeout_ms * 1000;
	/* One view of the database for all statements of an answer. */
	code = store_exec(s, "BEGIN");
	return code;
}

static enum store_status
end(struct store *s, int code, const char *doing)
{
	enum store_status status = STORE_OK;

	s->deadline_us = 0;
	if (code != SQLITE_OK)
		status = s->db == NULL ? STORE_FAILED : store_failed(s, code, doing);
	if (s->db != NULL && !sqlite3_get_autocommit(s->db))
		store_exec(s, "COMMIT");
	if (code != SQLITE_OK && (code & 0xFF) != SQLITE_BUSY && (code & 0xFF) != SQLITE_INTERRUPT && s->db != NULL)
		(void)store_reopen(s, false);
	return status;
}

/* The greatest id deleted from any of the rooms. */
static int64_t
deleted_id(struct store *s, const struct store_rooms *rooms)
{
	int64_t greatest = 0;

	if (rooms->all)
		return store_number(s, "SELECT max(id) FROM deleted", 0);
	for (size_t i = 0; i < rooms->n; i++) {
		sqlite3_stmt *stmt = store_prepare(s, "SELECT id FROM deleted WHERE room = ?");

		if (stmt == NULL)
			return greatest;
		store_bind_str(stmt, 1, rooms->names[i]);
		if (sqlite3_step(stmt) == SQLITE_ROW && sqlite3_column_int64(stmt, 0) > greatest)
			greatest = sqlite3_column_int64(stmt, 0);
		sqlite3_reset(stmt);
	}
	return greatest;
}

/* The id before the newest-th newest message; 0 when there are fewer. */
static int64_t
before_newest(struct store *s, const struct filter *f, int64_t head, int64_t newest)
{
	sqlite3_stmt *stmt = select_rows(s, f, "id", 0, head, true, (size_t)newest);
	int64_t id = 0, n = 0;

	if (stmt == NULL)
		return 0;
	while (sqlite3_step(stmt) == SQLITE_ROW) {
		id = sqlite3_column_int64(stmt, 0);
		n++;
	}
	sqlite3_reset(stmt);
	return n < newest ? 0 : id - 1;
}

enum store_status
store_poll(struct store *s, struct store_poll *p)
{
	struct filter f = {.rooms = &p->rooms, .from_ms = INT64_MIN, .until_ms = INT64_MAX};
	struct rows rows = {0};
	int code = begin(s);

	buf_init(&p->json, SIZE_MAX);
	if (code == SQLITE_OK) {
		if (p->newest > 0)
			p->since = before_newest(s, &f, p->head, p->newest);
		code = rows_read(s, &rows, &f, p->since, p->head, false, p->limit);
		p->gap = deleted_id(s, &p->rooms) > p->since;
	}
	for (size_t i = 0; i < rows.n; i++)
		add_row(&p->json, &rows, i, i > 0);
	p->n = rows.n;
	p->more = rows.more;
	p->last_id = rows.n > 0 ? rows.v[rows.n - 1].id : p->since;
	rows_fini(&rows);
	if (code == SQLITE_OK && !buf_ok(&p->json))
		code = SQLITE_NOMEM;
	return end(s, code, "read for a poll");
}

enum store_status
store_tail(struct store *s, struct store_tail *t)
{
	struct store_rooms rooms = {.names = {t->room}, .n = 1};
	struct filter f = {.rooms = &rooms, .from_ms = INT64_MIN, .until_ms = INT64_MAX};
	int code = begin(s);
	sqlite3_stmt *stmt = NULL;

	if (code == SQLITE_OK) {
		int64_t least = t->newest_max > 0 ? before_newest(s, &f, t->head, (int64_t)t->newest_max) : 0;

		if (t->since < least)
			t->since = least;
		t->messages = calloc(t->limit, sizeof *t->messages);
		stmt = select_rows(s, &f, STORE_COLUMNS, t->since, t->head, false, t->limit);
		code = stmt == NULL || t->messages == NULL ? SQLITE_NOMEM : SQLITE_DONE;
	}
	while (code == SQLITE_DONE && (code = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct message_fields fields;

		store_row(s, stmt, &fields);
		t->messages[t->n] = message_new(&fields);
		code = t->messages[t->n++] == NULL ? SQLITE_NOMEM : t->n < t->limit ? SQLITE_DONE : SQLITE_ROW;
		if (code == SQLITE_ROW)
			break;
	}
	if (stmt != NULL)
		sqlite3_reset(stmt);
	return end(s, code == SQLITE_DONE || code == SQLITE_ROW ? SQLITE_OK : code, "read for a session");
}

void
store_tail_fini(struct store_tail *t)
{
	for (size_t i = 0; i < t->n; i++)
		message_drop(t->messages[i]);
	free(t->messages);
}

enum store_status
store_missed(struct store *s, struct store_missed *m)
{
	struct store_rooms rooms = {.names = {m->room}, .n = 1};
	struct filter f = {.rooms = &rooms, .from_ms = INT64_MIN, .until_ms = INT64_MAX};
	int code = begin(s);
	sqlite3_stmt *stmt;

	m->n = 0;
	if (code == SQLITE_OK) {
		stmt = select_rows(s, &f, "at", m->since, m->head, false, 1);
		code = stmt == NULL ? SQLITE_NOMEM : sqlite3_step(stmt);
		if (code == SQLITE_ROW)
			m->oldest_ms = sqlite3_column_int64(stmt, 0);
		if (stmt != NULL)
			sqlite3_reset(stmt);
	}
	if (code == SQLITE_ROW) {
		/* Of the index alone. */
		stmt = select_rows(s, &f, "id", m->since, m->head, false, (size_t)m->limit);
		code = stmt == NULL ? SQLITE_NOMEM : SQLITE_ROW;
		while (code == SQLITE_ROW && (code = sqlite3_step(stmt)) == SQLITE_ROW)
			m->n++;
		if (stmt != NULL)
			sqlite3_reset(stmt);
	}
	return end(s, code == SQLITE_DONE ? SQLITE_OK : code, "count what a client missed");
}

/* The first message at or after a moment in one room, and the few before it in the log that are as late: the clock may
 * have been set back there. 0 when there is none. */
static int64_t
first_since(struct store *s, struct str room, int64_t moment)
{
	sqlite3_stmt *stmt = store_prepare(s, "SELECT id FROM messages INDEXED BY messages_at"
	                                      " WHERE room = ? AND at >= ? ORDER BY at, id LIMIT 1");
	int64_t id = 0;

	if (stmt == NULL)
		return 0;
	store_bind_str(stmt, 1, room);
	sqlite3_bind_int64(stmt, 2, moment);
	if (sqlite3_step(stmt) == SQLITE_ROW)
		id = sqlite3_column_int64(stmt, 0);
	sqlite3_reset(stmt);
	stmt = store_prepare(s, "SELECT min(id) FROM (SELECT id, at FROM messages INDEXED BY messages_room"
	                        " WHERE room = ? AND id < ? ORDER BY id DESC LIMIT 1000) WHERE at >= ?");
	if (id == 0 || stmt == NULL)
		return id;
	store_bind_str(stmt, 1, room);
	sqlite3_bind_int64(stmt, 2, id);
	sqlite3_bind_int64(stmt, 3, moment);
	if (sqlite3_step(stmt) == SQLITE_ROW && sqlite3_column_int64(stmt, 0) > 0)
		id = sqlite3_column_int64(stmt, 0);
	sqlite3_reset(stmt);
	return id;
}

/* The id at which the page of a moment begins; above the head when nothing is that late. */
static int64_t
page_of_moment(struct store *s, const struct store_page *p)
{
	int64_t first = p->head + 1;
	sqlite3_stmt *stmt;

	for (size_t i = 0; !p->rooms.all && i < p->rooms.n; i++) {
		int64_t id = first_since(s, p->rooms.names[i], p->at);

		if (id > 0 && id < first)
			first = id;
	}
	if (!p->rooms.all)
		return first;
	stmt = store_prepare(s, "SELECT name FROM rooms");
	while (stmt != NULL && sqlite3_step(stmt) == SQLITE_ROW) {
		int64_t id = first_since(s, store_column(stmt, 0), p->at);

		if (id > 0 && id < first)
			first = id;
	}
	if (stmt != NULL)
		sqlite3_reset(stmt);
	return first;
}

/* Fills in a page that begins below `below` and goes down. */
static int
page_down(struct store *s, struct store_page *p, const struct filter *f, int64_t below, bool newest)
{
	struct rows r;
	int code = rows_read(s, &r, f, 0, below - 1 < p->head ? below - 1 : p->head, true, p->limit);
	bool above = !newest && anything(s, f, below - 1, p->head);

	for (size_t i = r.n; i-- > 0;)
		add_row(&p->json, &r, i, i + 1 < r.n);
	p->n = r.n;
	p->older = r.more ? r.v[r.n - 1].id : -1;
	if (above)
		p->newer = r.n > 0 ? r.v[0].id : below - 1;
	rows_fini(&r);
	return code;
}

/* Fills in a page that begins above `above` and goes up. */
static int
page_up(struct store *s, struct store_page *p, const struct filter *f, int64_t above)
{
	struct rows r;
	int code = rows_read(s, &r, f, above, p->head, false, p->limit);

	for (size_t i = 0; i < r.n; i++)
		add_row(&p->json, &r, i, i > 0);
	p->n = r.n;
	p->newer = r.more ? r.v[r.n - 1].id : -1;
	if (anything(s, f, 0, above < p->head ? above : p->head))
		p->older = r.n > 0 ? r.v[0].id : above + 1;
	rows_fini(&r);
	return code;
}

/* Fills in a page of the message `at` and its nearest neighbours, the older and the newer in turn. */
static int
page_around(struct store *s, struct store_page *p, const struct filter *f)
{
	struct rows old, young = {0};
	size_t n_old = 0, n_young = 0, bytes = 0;
	bool old_turn = true, full = false;
	int code = rows_read(s, &old, f, 0, p->at - 1 < p->head ? p->at - 1 : p->head, true, p->limit);

	if (code == SQLITE_OK)
		code = rows_read(s, &young, f, p->at - 1, p->head, false, p->limit);
	if (young.n > 0 && young.v[0].id == p->at)
		bytes = young.v[n_young++].n;
	while (n_old + n_young < p->limit && !full && (n_old < old.n || n_young < young.n)) {
		bool take_old = n_old < old.n && (old_turn || n_young >= young.n);
		size_t n = take_old ? old.v[n_old].n : young.v[n_young].n;

		full = n_old + n_young > 0 && bytes + n > s->options.reply_max;
		if (full)
			break;
		bytes += n;
		*(take_old ? &n_old : &n_young) += 1;
		old_turn = !take_old;
	}
	for (size_t i = n_old; i-- > 0;)
		add_row(&p->json, &old, i, i + 1 < n_old);
	for (size_t i = 0; i < n_young; i++)
		add_row(&p->json, &young, i, n_old + i > 0);
	p->n = n_old + n_young;
	if (n_old < old.n || old.more)
		p->older = n_old > 0 ? old.v[n_old - 1].id : n_young > 0 ? young.v[0].id : -1;
	if (n_young < young.n || young.more)
		p->newer = n_young > 0 ? young.v[n_young - 1].id : n_old > 0 ? old.v[0].id : -1;
	rows_fini(&old);
	rows_fini(&young);
	return code;
}

/* Whether so few rows lie in the span of time that they are better found by it. */
static bool
short_span(struct store *s, const struct filter *f)
{
	struct buf sql;
	sqlite3_stmt *stmt = NULL;
	int64_t n = SPAN_ROWS;

	if (!timed(f))
		return false;
	buf_init(&sql, SQL_MAX);
	buf_add(&sql, STR("SELECT count(*) FROM (SELECT 1 FROM messages INDEXED BY messages_at WHERE "));
	add_room_list(&sql, f->rooms);
	buf_add(&sql, STR(" AND at >= ?5 AND at < ?6 LIMIT ?3)"));
	buf_add_char(&sql, '\0');
	if (buf_ok(&sql))
		stmt = store_prepare(s, sql.p);
	buf_fini(&sql);
	if (stmt == NULL)
		return false;
	sqlite3_clear_bindings(stmt);
	sqlite3_bind_int64(stmt, LIMIT, SPAN_ROWS);
	bind_filter(stmt, f);
	if (sqlite3_step(stmt) == SQLITE_ROW)
		n = sqlite3_column_int64(stmt, 0);
	sqlite3_reset(stmt);
	return n < SPAN_ROWS;
}

enum store_status
store_history(struct store *s, struct store_page *p)
{
	struct filter f = {.rooms = &p->rooms,
	    .by_sender = p->by_sender,
	    .sender = p->sender,
	    .from_ms = p->from_ms,
	    .until_ms = p->until_ms};
	int code = begin(s);

	buf_init(&p->json, SIZE_MAX);
	p->older = p->newer = -1;
	if (code == SQLITE_OK) {
		f.by_time = short_span(s, &f);
		switch (p->cursor) {
		case STORE_NEWEST:
			code = page_down(s, p, &f, p->head + 1, true);
			break;
		case STORE_BEFORE:
			code = page_down(s, p, &f, p->at, false);
			break;
		case STORE_AFTER:
			code = page_up(s, p, &f, p->at);
			break;
		case STORE_AROUND:
			code = page_around(s, p, &f);
			break;
		case STORE_ON:
			code = page_up(s, p, &f, page_of_moment(s, p) - 1);
			break;
		}
	}
	if (code == SQLITE_OK && !buf_ok(&p->json))
		code = SQLITE_NOMEM;
	return end(s, code, "read history");
}
