#include "index.h"
#include "store_rows.h"

/* The first message at or after a moment in one room, and the few before it in the log that are as late: the clock may
 * have been set back there. 0 when there is none. */
static int64_t
first_since(struct store *s, struct str room, int64_t moment)
{
	sqlite3_stmt *stmt = store_prepare(s, "SELECT id FROM messages INDEXED BY messages_at"
	                                      " WHERE room = ? AND at >= ? ORDER BY at, id LIMIT 1");
	int64_t id, before;

	if (stmt != NULL) {
		store_bind_str(stmt, 1, room);
		sqlite3_bind_int64(stmt, 2, moment);
	}
	id = store_first_number(s, stmt, 0);
	stmt = store_prepare(s, "SELECT min(id) FROM (SELECT id, at FROM messages INDEXED BY messages_room"
	                        " WHERE room = ? AND id < ? ORDER BY id DESC LIMIT 1000) WHERE at >= ?");
	if (id == 0 || stmt == NULL)
		return id;
	store_bind_str(stmt, 1, room);
	sqlite3_bind_int64(stmt, 2, id);
	sqlite3_bind_int64(stmt, 3, moment);
	before = store_first_number(s, stmt, 0);
	return before > 0 ? before : id;
}

/* The id at which the page of a moment begins; above the head when nothing is that late. */
static int64_t
page_of_moment(struct store *s, const struct store_page *p, const struct store_rooms *rooms)
{
	int64_t first = p->head + 1;
	sqlite3_stmt *stmt;

	for (size_t i = 0; !rooms->all && i < rooms->n; i++) {
		int64_t id = first_since(s, rooms->names[i], p->at);

		if (id > 0 && id < first)
			first = id;
	}
	if (!rooms->all)
		return first;
	stmt = store_prepare(s, "SELECT name FROM rooms WHERE sees(name)");
	while (stmt != NULL && sqlite3_step(stmt) == SQLITE_ROW) {
		int64_t id = first_since(s, store_column(stmt, 0), p->at);

		if (id > 0 && id < first)
			first = id;
	}
	if (stmt != NULL)
		store_reset(s, stmt);
	return first;
}

/* Fills in a page that begins below `below` and goes down. */
static int
page_down(struct store *s, struct store_page *p, const struct store_filter *f, int64_t below, bool newest)
{
	struct store_found r;
	int code = store_find_rows(s, &r, f, 0, below - 1 < p->head ? below - 1 : p->head, true, p->limit);
	bool above = !newest && store_anything(s, f, below - 1, p->head);

	for (size_t i = r.n; i-- > 0;)
		store_add_found(&p->json, &r, i, i + 1 < r.n);
	p->n = r.n;
	p->older = r.more ? r.v[r.n - 1].id : -1;
	if (above)
		p->newer = r.n > 0 ? r.v[0].id : below - 1;
	store_found_fini(&r);
	return code;
}

/* Fills in a page that begins above `above` and goes up. */
static int
page_up(struct store *s, struct store_page *p, const struct store_filter *f, int64_t above)
{
	struct store_found r;
	int code = store_find_rows(s, &r, f, above, p->head, false, p->limit);

	for (size_t i = 0; i < r.n; i++)
		store_add_found(&p->json, &r, i, i > 0);
	p->n = r.n;
	p->newer = r.more ? r.v[r.n - 1].id : -1;
	if (store_anything(s, f, 0, above < p->head ? above : p->head))
		p->older = r.n > 0 ? r.v[0].id : above < MESSAGE_ID_MAX ? above + 1 : above;
	store_found_fini(&r);
	return code;
}

/* Fills in a page of the message `at` and its nearest neighbours, the older and the newer in turn. */
static int
page_around(struct store *s, struct store_page *p, const struct store_filter *f)
{
	struct store_found old, young = {0};
	size_t n_old = 0, n_young = 0, bytes = 0;
	bool old_turn = true, full = false;
	int code = store_find_rows(s, &old, f, 0, p->at - 1 < p->head ? p->at - 1 : p->head, true, p->limit);

	if (code == SQLITE_OK)
		code = store_find_rows(s, &young, f, p->at - 1, p->head, false, p->limit);
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
		store_add_found(&p->json, &old, i, i + 1 < n_old);
	for (size_t i = 0; i < n_young; i++)
		store_add_found(&p->json, &young, i, n_old + i > 0);
	p->n = n_old + n_young;
	if (n_old < old.n || old.more)
		p->older = n_old > 0 ? old.v[n_old - 1].id : n_young > 0 ? young.v[0].id : -1;
	if (n_young < young.n || young.more)
		p->newer = n_young > 0 ? young.v[n_young - 1].id : n_old > 0 ? old.v[0].id : -1;
	store_found_fini(&old);
	store_found_fini(&young);
	return code;
}

enum store_status
store_history(struct store *s, struct store_page *p)
{
	struct store_filter f = {
	    .by_sender = p->by_sender, .sender = p->sender, .from_ms = p->from_ms, .until_ms = p->until_ms};
	struct store_few few;
	int code = store_read_begin(s, p->rooms.all ? p->rooms.sees : NULL, p->access_version);

	buf_init(&p->json, SIZE_MAX);
	p->older = p->newer = -1;
	if (code == SQLITE_OK) {
		f.rooms = store_few_rooms(s, &p->rooms, &few);
		f.by_time = store_short_span(s, &f);
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
			code = page_up(s, p, &f, page_of_moment(s, p, f.rooms) - 1);
			break;
		}
	}
	if (code == SQLITE_OK && !buf_ok(&p->json))
		code = SQLITE_NOMEM;
	return store_read_end(s, code, "read history");
}

enum store_status
store_search(struct store *s, struct store_page *p)
{
	int code = store_read_begin(s, p->rooms.all ? p->rooms.sees : NULL, p->access_version);
	enum store_status status;
	struct store_few few;
	bool nothing = false;

	buf_init(&p->json, SIZE_MAX);
	p->older = p->newer = -1;
	if (code == SQLITE_OK) {
		code = index_search(s, p, store_few_rooms(s, &p->rooms, &few), s->options.reply_max);
		nothing = code == SQLITE_EMPTY;
	}
	status = store_read_end(s, nothing ? SQLITE_OK : code, "search");
	return nothing && status == STORE_OK ? STORE_SYNTAX : status;
}
