#include <stdlib.h>

#include "store_rows.h"

/*
 * The greatest id deleted from any of the rooms, also from such as are not there any more. Of rooms without a mark of
 * their own that of the empty name tells (store_gone.c).
 */
static int64_t
deleted_id(struct store *s, const struct store_rooms *rooms)
{
	int64_t greatest = 0;

	if (rooms->all)
		return store_number(s,
		    rooms->sees == NULL ? "SELECT max(id) FROM deleted"
		                        : "SELECT max(id) FROM deleted WHERE room = '' OR sees(room)",
		    0);
	for (size_t i = 0; i < rooms->n; i++) {
		sqlite3_stmt *stmt =
		    store_prepare(s, "SELECT id FROM deleted WHERE room IN (?, '') ORDER BY room DESC LIMIT 1");

		if (stmt == NULL)
			return greatest;
		store_bind_str(stmt, 1, rooms->names[i]);
		if (sqlite3_step(stmt) == SQLITE_ROW && sqlite3_column_int64(stmt, 0) > greatest)
			greatest = sqlite3_column_int64(stmt, 0);
		store_reset(s, stmt);
	}
	return greatest;
}

/* The id before the newest-th newest message, changes not counted; 0, and *fewer, when there are fewer. */
static int64_t
before_newest(struct store *s, const struct store_filter *all, int64_t head, int64_t newest, bool *fewer)
{
	struct store_filter f = *all;
	sqlite3_stmt *stmt;
	int64_t id = 0, n = 0;

	f.changes = false;
	stmt = store_select(s, &f, "id", 0, head, true, (size_t)newest);
	if (stmt == NULL)
		return 0;
	while (sqlite3_step(stmt) == SQLITE_ROW) {
		id = sqlite3_column_int64(stmt, 0);
		n++;
	}
	store_reset(s, stmt);
	*fewer = n < newest;
	return *fewer ? 0 : id - 1;
}

enum store_status
store_poll(struct store *s, struct store_poll *p)
{
	struct store_filter f = {.from_ms = INT64_MIN,
	    .until_ms = INT64_MAX,
	    .changes = true,
	    .bytes_max = p->bytes_max,
	    .add = p->add,
	    .add_ctx = p->add_ctx};
	struct store_found rows = {0};
	struct store_few few;
	bool fewer = false;
	int code = store_read_begin(s, p->rooms.all ? p->rooms.sees : NULL, p->access_version);

	buf_init(&p->json, SIZE_MAX);
	if (code == SQLITE_OK) {
		f.rooms = store_few_rooms(s, &p->rooms, &few);
		if (p->newest > 0)
			p->since = before_newest(s, &f, p->head, p->newest, &fewer);
		code = store_find_rows(s, &rows, &f, p->since, p->head, false, p->limit);
		/* Who asks for the newest, and gets all that are kept, misses nothing. */
		p->gap = !fewer && deleted_id(s, &p->rooms) > p->since;
	}
	for (size_t i = 0; i < rows.n; i++)
		store_add_found(&p->json, &rows, i, i > 0 && p->add == NULL);
	p->n = rows.n;
	p->more = rows.more;
	p->last_id = rows.n > 0 ? rows.v[rows.n - 1].id : p->since;
	store_found_fini(&rows);
	if (code == SQLITE_OK && !buf_ok(&p->json))
		code = SQLITE_NOMEM;
	return store_read_end(s, code, "read for a poll");
}

enum store_status
store_tail(struct store *s, struct store_tail *t)
{
	struct store_rooms rooms = {.names = {t->room}, .n = 1};
	struct store_filter f = {.rooms = &rooms, .from_ms = INT64_MIN, .until_ms = INT64_MAX, .changes = true};
	struct store_walk w = {.f = &f, .up_to = t->head, .rows = t->limit};
	struct message_fields fields;
	int code = store_read_begin(s, NULL, t->access_version);
	size_t bytes = 0;

	if (code == SQLITE_OK) {
		bool fewer;
		int64_t least = t->newest_max > 0 ? before_newest(s, &f, t->head, (int64_t)t->newest_max, &fewer) : 0;

		if (t->since < least)
			t->since = least;
		t->gap = t->newest_max == 0 && store_pruned_id(s, t->room) > t->since;
		w.above = t->since;
		t->messages = calloc(t->limit, sizeof *t->messages);
		code = t->messages == NULL ? SQLITE_NOMEM : SQLITE_ROW;
	}
	while (code == SQLITE_ROW && t->n < t->limit && (t->n == 0 || bytes < t->bytes_max) &&
	       (code = store_walk_next(s, &w, &fields)) == SQLITE_ROW) {
		struct message *m = message_new(&fields);

		t->messages[t->n++] = m;
		if (m == NULL)
			code = SQLITE_NOMEM;
		else
			bytes += m->size;
	}
	store_walk_end(&w);
	return store_read_end(s, code == SQLITE_DONE || code == SQLITE_ROW ? SQLITE_OK : code, "read for a session");
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
	struct store_filter f = {.rooms = &rooms, .from_ms = INT64_MIN, .until_ms = INT64_MAX, .changes = true};
	int code = store_read_begin(s, NULL, m->access_version);
	sqlite3_stmt *stmt;

	m->n = 0;
	if (code == SQLITE_OK) {
		/* Of the index alone. */
		stmt = store_select(s, &f, "id", m->since, m->head, false, (size_t)m->limit);
		code = stmt == NULL ? s->trouble : SQLITE_ROW;
		while (code == SQLITE_ROW && (code = sqlite3_step(stmt)) == SQLITE_ROW)
			m->n++;
		if (stmt != NULL)
			store_reset(s, stmt);
		m->gap = store_pruned_id(s, m->room) > m->since;
	}
	return store_read_end(s, code == SQLITE_DONE ? SQLITE_OK : code, "count what a client missed");
}
