#include "store_rows.h"

/*
 * The rooms as they were at the head ?1, newest first, whose last message is below ?2; at most ?3.
 *
 * Most of them had their last message by then: these are read block by block (sql/004-rooms.sql), each sorted, until
 * there are enough. Table rooms may know of messages above the head already; only for such a room are its messages
 * asked, and how many they are only if it is shown. The column behind the text is none of what is read, since SQLite
 * finds it by a walk through all of a long one. Each last message is looked up by id, so a row of a room without
 * messages is passed over.
 */
#define ROOMS(names, there, ahead, order)                                                                           \
	"SELECT r.name, r.id, CASE WHEN r.ahead THEN r.n - (SELECT count(*) FROM messages INDEXED BY messages_room" \
	" WHERE room = r.name AND id > ?1 AND changes IS NULL) ELSE r.n END,"                                       \
	" coalesce(r.at, m.at), " names ", typeof(m.text) = 'null' FROM ("                                          \
	"SELECT name, id, at, n, ahead FROM ("                                                                      \
	"SELECT * FROM (SELECT s.name, s.last AS id, s.at, s.n, 0 AS ahead"                                         \
	" FROM " there " AND s.last <= min(?1, ?2 - 1)"                                                             \
	" ORDER BY " order "s.last DESC LIMIT ?3)"                                                                  \
	" UNION ALL "                                                                                               \
	"SELECT s.name, (SELECT id FROM messages INDEXED BY messages_room WHERE room = s.name AND id <= ?1"         \
	" AND changes IS NULL ORDER BY id DESC LIMIT 1),"                                                           \
	" NULL, s.n, 1 FROM " ahead " AND s.last > ?1)"                                                             \
	" WHERE id < ?2 ORDER BY id DESC LIMIT ?3"                                                                  \
	") AS r CROSS JOIN messages AS m ON m.id = r.id ORDER BY r.id DESC"

/* Of all rooms, those that are seen. */
#define BLOCKS(which)                                                                     \
	"rooms_recent AS o CROSS JOIN rooms AS s ON s.name = o.name WHERE o.block " which \
	" AND s.last >> 10 = o.block AND s.n > 0 AND sees(s.name)"
#define OF_ALL(names) ROOMS(names, BLOCKS("<= (min(?1, ?2 - 1) >> 10)"), BLOCKS(">= (?1 >> 10)"), "o.block DESC, ")

/* Of a few, STORE_ROOMS_MAX at most, each looked up by its name. */
#define FEW                                                                                                \
	"rooms AS s WHERE s.name IN (?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18," \
	" ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32, ?33, ?34, ?35) AND s.n > 0"
#define OF_FEW(names) ROOMS(names, FEW, FEW, "")
enum { FIRST_NAME = 4 };

/* Event or sender of some message is longer than SQLite may read: then they are read for each room. */
static const char *const ALL[] = {OF_ALL("m.event, m.sender"), OF_ALL("'', ''")};
static const char *const SOME[] = {OF_FEW("m.event, m.sender"), OF_FEW("'', ''")};

/* How far it was read; -1: nobody says. */
static int64_t
read_up_to(const struct store_list *l, struct str name)
{
	for (size_t i = 0; l->marks != NULL && i < l->marks->n; i++)
		if (str_eq(name, str_of(l->marks->v[i].room)))
			return l->marks->v[i].read;
	return -1;
}

/* `unread`: -1: not said. */
static void
add_room(struct store_list *l, struct str name, int64_t id, int64_t n, int64_t unread, const struct store_last *last)
{
	struct str may = l->may == NULL ? STR("") : l->may(l->may_ctx, name);
	struct buf *json = &l->json;
	char time[MESSAGE_TIME_SIZE];

	message_time(last->at_ms, time);
	buf_add(json, STR("{\"name\":"));
	buf_add_json(json, name);
	buf_add(json, STR(",\"last\":"));
	buf_add_int(json, id);
	buf_printf(json, ",\"at\":\"%s\",\"n\":", time);
	buf_add_int(json, n);
	buf_add(json, STR(",\"event\":"));
	buf_add_json(json, last->event);
	buf_add(json, STR(",\"sender\":"));
	buf_add_json(json, last->sender);
	buf_add(json, STR(",\"text\":"));
	buf_add_json(json, last->text);
	if (may.n > 0) {
		buf_add(json, STR(",\"may\":"));
		buf_add_json(json, may);
	}
	if (unread >= 0) {
		buf_add(json, STR(",\"unread\":"));
		buf_add_int(json, unread);
	}
	buf_add_char(json, '}');
}

/* Adds the room under stmt, if it can be one and has a message that can be shown. An SQLite result code (SQLITE_OK is
 * good). */
static int
list_room(struct store *s, struct store_list *l, sqlite3_stmt *stmt)
{
	bool is_text = sqlite3_column_type(stmt, 0) == SQLITE_TEXT;
	struct str name = store_column(stmt, 0);
	int64_t id = sqlite3_column_int64(stmt, 1);
	struct store_last last = {
	    .at_ms = sqlite3_column_int64(stmt, 3), .event = store_column(stmt, 4), .sender = store_column(stmt, 5)};
	size_t at = l->json.n;
	int64_t read;
	int code;

	if (!is_text || !message_room_ok(name))
		return SQLITE_OK;
	/* An id at or below 0 is no message's, but may have come last. */
	code = store_read_last(s, name, id > 0 ? id : l->head, id > 0, sqlite3_column_int(stmt, 6) != 0, &last);
	if (code != SQLITE_OK)
		return code == SQLITE_DONE ? SQLITE_OK : code;
	if (l->n > 0)
		buf_add_char(&l->json, ',');
	id = id > 0 ? id : last.id;
	read = l->n < l->limit ? read_up_to(l, name) : -1;
	add_room(l, name, id, sqlite3_column_int64(stmt, 2), read < 0 ? -1 : store_unread(s, name, read, id), &last);
	l->more = l->n == l->limit || (l->n > 0 && l->json.n > s->options.reply_max);
	if (l->more)
		l->json.n = at;
	else
		l->n++;
	return SQLITE_OK;
}

static sqlite3_stmt *
prepare(struct store *s, const struct store_list *l, const struct store_rooms *rooms, bool names, int64_t after)
{
	sqlite3_stmt *stmt = store_prepare(s, (rooms->all ? ALL : SOME)[names ? 0 : 1]);

	if (stmt == NULL)
		return NULL;
	sqlite3_clear_bindings(stmt);
	sqlite3_bind_int64(stmt, 1, l->head);
	sqlite3_bind_int64(stmt, 2, after);
	sqlite3_bind_int64(stmt, 3, (int64_t)l->limit + 1);
	for (size_t i = 0; !rooms->all && i < rooms->n; i++)
		store_bind_str(stmt, FIRST_NAME + (int)i, rooms->names[i]);
	return stmt;
}

/* Lists rooms from *after on; *rows: how many were looked at. An SQLite result code (SQLITE_OK is good). */
static int
list_some(
    struct store *s, struct store_list *l, const struct store_rooms *rooms, bool names, int64_t *after, size_t *rows)
{
	sqlite3_stmt *stmt = prepare(s, l, rooms, names, *after);
	int code;

	*rows = 0;
	if (stmt == NULL)
		return s->trouble;
	while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
		++*rows;
		*after = sqlite3_column_int64(stmt, 1);
		code = list_room(s, l, stmt);
		if (code != SQLITE_OK || l->more)
			break;
	}
	sqlite3_reset(stmt);
	return code == SQLITE_OK || code == SQLITE_DONE ? SQLITE_OK : code;
}

/* An SQLite result code (SQLITE_OK is good). */
static int
read_rooms(struct store *s, struct store_list *l, const struct store_rooms *rooms)
{
	int64_t after = l->after;
	size_t rows = 0;
	int code = list_some(s, l, rooms, true, &after, &rows);

	if (code == SQLITE_TOOBIG)
		code = list_some(s, l, rooms, false, &after, &rows);
	/* Rooms that were passed over took the places of others. */
	while (code == SQLITE_OK && !l->more && rows > l->limit)
		code = list_some(s, l, rooms, false, &after, &rows);
	return buf_ok(&l->json) ? code : SQLITE_NOMEM;
}

enum store_status
store_list(struct store *s, struct store_list *l)
{
	struct store_rooms all = {.all = true, .sees = l->sees};
	struct store_few few;
	int code = store_read_begin(s, l->sees, l->access_version);

	l->n = 0;
	l->more = false;
	buf_init(&l->json, SIZE_MAX);
	if (code == SQLITE_OK)
		code = read_rooms(s, l, store_few_rooms(s, &all, &few));
	return store_read_end(s, code, "read the rooms");
}
