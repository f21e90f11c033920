#include <stdlib.h>

#include "base/clock.h"
#include "store_rows.h"

/* Parameters of the statements made here; the rooms' names come from FIRST_ROOM on. */
enum { ABOVE = 1, UP_TO, LIMIT, SENDER, FROM, UNTIL, FIRST_ROOM };

enum {
	SQL_MAX = 32 * 1024,
	/* Up to this many rows in the time span: sort them by id. More: walk by id and filter. */
	SPAN_ROWS = 2000,
};

static bool
timed(const struct store_filter *f)
{
	return f->from_ms != INT64_MIN || f->until_ms != INT64_MAX;
}

static void
add_room_list(struct buf *sql, const struct store_rooms *rooms)
{
	if (rooms->all) {
		buf_add(sql, rooms->sees == NULL ? STR("room IN (SELECT name FROM rooms)")
		                                 : STR("room IN (SELECT name FROM rooms WHERE sees(name))"));
		return;
	}
	buf_add(sql, STR("room IN ("));
	for (size_t i = 0; i < rooms->n; i++)
		buf_printf(sql, "%s?%zu", i == 0 ? "" : ", ", FIRST_ROOM + i);
	buf_add_char(sql, ')');
}

/* "FROM … WHERE … ORDER BY id LIMIT" for one room (its parameter's number), or for all (0). */
static void
add_walk(struct buf *sql, const struct store_filter *f, size_t room, bool descending)
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
		if (room == 0 && f->rooms->sees != NULL)
			buf_add(sql, STR(" AND sees(room)"));
		if (timed(f))
			buf_add(sql, STR(" AND +at >= ?5 AND +at < ?6"));
	}
	if (f->by_sender)
		buf_add(sql, STR(" AND +sender = ?4"));
	if (!f->changes)
		buf_add(sql, STR(" AND +changes IS NULL"));
	buf_printf(sql, " ORDER BY id %s LIMIT ?3", descending ? "DESC" : "ASC");
}

/* "SELECT columns FROM …" for the filter. Each of several rooms is walked by itself, and only what is first is read. */
static void
add_select(struct buf *sql, const struct store_filter *f, const char *columns, bool descending)
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
bind_filter(sqlite3_stmt *stmt, const struct store_filter *f)
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

/* The statement whose text was made in sql, which ends here; NULL, noted as trouble, on failure. */
static sqlite3_stmt *
prepare_made(struct store *s, struct buf *sql)
{
	sqlite3_stmt *stmt = NULL;

	buf_add_char(sql, '\0');
	if (buf_ok(sql))
		stmt = store_prepare(s, sql->p);
	else
		store_note(s, SQLITE_NOMEM);
	buf_fini(sql);
	return stmt;
}

sqlite3_stmt *
store_select(struct store *s, const struct store_filter *f, const char *columns, int64_t above, int64_t up_to,
    bool descending, size_t limit)
{
	struct buf sql;
	sqlite3_stmt *stmt;

	buf_init(&sql, SQL_MAX);
	add_select(&sql, f, columns, descending);
	stmt = prepare_made(s, &sql);
	if (stmt == NULL)
		return NULL;
	sqlite3_clear_bindings(stmt);
	sqlite3_bind_int64(stmt, ABOVE, above);
	sqlite3_bind_int64(stmt, UP_TO, up_to);
	sqlite3_bind_int64(stmt, LIMIT, (int64_t)limit);
	bind_filter(stmt, f);
	return stmt;
}

void
store_found_fini(struct store_found *r)
{
	buf_fini(&r->json);
	free(r->v);
}

/* Adds a message as the last one found; false, and r->more, when it is more than an answer has. */
static bool
add_found(struct store_found *r, const struct store_filter *f, const struct message_fields *fields, size_t limit,
    size_t bytes_max)
{
	size_t at = r->json.n;

	r->more = r->n == limit;
	if (r->more)
		return false;
	if (f->add != NULL)
		f->add(f->add_ctx, &r->json, fields);
	else
		message_add_json(&r->json, fields, STR(""));
	r->more = r->n > 0 && r->json.n > bytes_max;
	if (r->more) {
		r->json.n = at;
		return false;
	}
	r->v[r->n].id = fields->id;
	r->v[r->n].at = at;
	r->v[r->n++].n = r->json.n - at;
	return true;
}

int
store_find_rows(struct store *s, struct store_found *r, const struct store_filter *f, int64_t above, int64_t up_to,
    bool descending, size_t limit)
{
	struct store_walk w = {.f = f, .above = above, .up_to = up_to, .descending = descending, .rows = limit + 1};
	size_t bytes_max = f->bytes_max > 0 ? f->bytes_max : s->options.reply_max;
	struct message_fields fields;
	int code;

	*r = (struct store_found){.v = calloc(limit + 1, sizeof *r->v)};
	buf_init(&r->json, SIZE_MAX);
	if (r->v == NULL)
		return SQLITE_NOMEM;
	do
		code = store_walk_next(s, &w, &fields);
	while (code == SQLITE_ROW && add_found(r, f, &fields, limit, bytes_max));
	store_walk_end(&w);
	if (!buf_ok(&r->json))
		return SQLITE_NOMEM;
	return code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_OK : code;
}

void
store_add_found(struct buf *json, const struct store_found *r, size_t i, bool comma)
{
	if (comma)
		buf_add_char(json, ',');
	buf_add(json, (struct str){r->json.p + r->v[i].at, r->v[i].n});
}

bool
store_anything(struct store *s, const struct store_filter *f, int64_t above, int64_t up_to)
{
	sqlite3_stmt *stmt = store_select(s, f, "1", above, up_to, false, 1);
	bool found = stmt != NULL && sqlite3_step(stmt) == SQLITE_ROW;

	if (stmt != NULL)
		store_reset(s, stmt);
	return found;
}

bool
store_short_span(struct store *s, const struct store_filter *f)
{
	struct buf sql;
	sqlite3_stmt *stmt;
	int64_t n = SPAN_ROWS;

	if (!timed(f))
		return false;
	buf_init(&sql, SQL_MAX);
	buf_add(&sql, STR("SELECT count(*) FROM (SELECT 1 FROM messages INDEXED BY messages_at WHERE "));
	add_room_list(&sql, f->rooms);
	buf_add(&sql, STR(" AND at >= ?5 AND at < ?6 LIMIT ?3)"));
	stmt = prepare_made(s, &sql);
	if (stmt == NULL)
		return false;
	sqlite3_clear_bindings(stmt);
	sqlite3_bind_int64(stmt, LIMIT, SPAN_ROWS);
	bind_filter(stmt, f);
	if (sqlite3_step(stmt) == SQLITE_ROW)
		n = sqlite3_column_int64(stmt, 0);
	store_reset(s, stmt);
	return n < SPAN_ROWS;
}

int
store_read_begin(struct store *s, const struct store_sees *sees, int64_t access_version)
{
	int code;

	s->stale = false;
	if (store_stopped(s))
		return SQLITE_INTERRUPT;
	if ((s->db == NULL || store_moved(s)) && store_reopen(s, false) != 0)
		return SQLITE_CANTOPEN;
	/* A filter that fits hardly anything would walk through all of the log. */
	s->deadline_us = clock_us() + s->options.search_timeout_ms * 1000;
	s->trouble = SQLITE_OK;
	/* One view of the database for all statements of an answer. */
	code = store_run_on(s);
	if (code == SQLITE_OK)
		code = store_exec(s, "BEGIN");
	if (code != SQLITE_OK)
		return code;
	s->sees = sees;
	s->stale = access_version != 0 && store_access_version(s) != access_version && s->trouble == SQLITE_OK;
	return s->stale ? SQLITE_ABORT : s->trouble;
}

enum store_status
store_read_end(struct store *s, int code, const char *doing)
{
	enum store_status status = STORE_OK;

	s->deadline_us = 0;
	s->sees = NULL;
	store_run_out(s);
	if (s->stale)
		code = SQLITE_OK;
	else if (code == SQLITE_OK)
		code = s->trouble;
	if (code != SQLITE_OK)
		status = s->db == NULL ? STORE_FAILED : store_failed(s, code, doing);
	/* A stop may come to the first, and there is only one. */
	for (int i = 0; i < 2 && s->db != NULL && !sqlite3_get_autocommit(s->db); i++)
		store_exec(s, "COMMIT");
	if (code != SQLITE_OK && (code & 0xFF) != SQLITE_BUSY && (code & 0xFF) != SQLITE_INTERRUPT && s->db != NULL)
		(void)store_reopen(s, false);
	return s->stale ? STORE_STALE : status;
}
