#include <string.h>

#include "clock.h"
#include "store_db.h"

enum { START_CHARS = 200, CHAR_BYTES = 4, START_BYTES = (START_CHARS + 1) * CHAR_BYTES };

/*
 * The rooms as they were at the head ?1, newest first, whose last message is below ?2; at most ?3.
 *
 * Most of them had their last message by then: these are read block by block (sql/004-rooms.sql), each sorted, until
 * there are enough. Table rooms may know of messages above the head already; only for such a room are its messages
 * asked, and how many they are only if it is shown. The column behind the text is none of what is read, since SQLite
 * finds it by a walk through all of a long one. Each last message is looked up by id, so a row of a room without
 * messages is passed over.
 */
static const char ROOMS[] =
    "SELECT r.name, r.id, CASE WHEN r.ahead THEN r.n - (SELECT count(*) FROM messages INDEXED BY messages_room"
    " WHERE room = r.name AND id > ?1) ELSE r.n END,"
    " coalesce(r.at, m.at), m.event, m.sender, typeof(m.text) = 'null' FROM ("
    "SELECT name, id, at, n, ahead FROM ("
    "SELECT * FROM (SELECT s.name, s.last AS id, s.at, s.n, 0 AS ahead"
    " FROM rooms_recent AS o CROSS JOIN rooms AS s ON s.name = o.name"
    " WHERE o.block <= (min(?1, ?2 - 1) >> 10) AND s.last <= min(?1, ?2 - 1) AND s.last >> 10 = o.block"
    " ORDER BY o.block DESC, s.last DESC LIMIT ?3)"
    " UNION ALL "
    "SELECT s.name, (SELECT max(id) FROM messages INDEXED BY messages_room WHERE room = s.name AND id <= ?1),"
    " NULL, s.n, 1 FROM rooms_recent AS o CROSS JOIN rooms AS s ON s.name = o.name"
    " WHERE o.block >= (?1 >> 10) AND s.last > ?1 AND s.last >> 10 = o.block)"
    " WHERE id < ?2 ORDER BY id DESC LIMIT ?3"
    ") AS r CROSS JOIN messages AS m ON m.id = r.id ORDER BY r.id DESC";

/* Stands for what was left out. */
static const char CUT[] = "\xE2\x80\xA6";

/* The bytes of the first START_CHARS characters; a byte that is no UTF-8 counts as one. */
static size_t
start_length(struct str s)
{
	size_t n = 0;

	for (int i = 0; i < START_CHARS && n < s.n; i++) {
		size_t bytes = str_utf8_char((struct str){s.p + n, s.n - n});

		n += bytes == 0 ? 1 : bytes;
	}
	return n;
}

/*
 * The beginning of a message's text or args: only what is shown is read, however long it is. A row that got past the
 * CHECKs may have neither. An SQLite result code (SQLITE_OK is good).
 */
static int
read_start(struct store *s, int64_t id, bool is_args, char bytes[START_BYTES], size_t *n)
{
	sqlite3_blob *blob = NULL;
	int size, code = sqlite3_blob_open(s->db, "main", "messages", is_args ? "args" : "text", id, 0, &blob);

	*n = 0;
	if (code != SQLITE_OK)
		return code == SQLITE_ERROR ? SQLITE_OK : code;
	size = sqlite3_blob_bytes(blob);
	if (size > START_BYTES)
		size = START_BYTES;
	code = sqlite3_blob_read(blob, bytes, size, 0);
	sqlite3_blob_close(blob);
	*n = (size_t)size;
	return code;
}

/* An SQLite result code (SQLITE_OK is good). */
static int
add_room(struct store *s, struct buf *json, sqlite3_stmt *stmt)
{
	char time[MESSAGE_TIME_SIZE], text[START_BYTES + sizeof CUT];
	int64_t id = sqlite3_column_int64(stmt, 1);
	size_t n, shown;
	int code = read_start(s, id, sqlite3_column_int(stmt, 6) != 0, text, &n);

	if (code != SQLITE_OK)
		return code;
	shown = start_length((struct str){text, n});
	if (shown < n) {
		memcpy(text + shown, CUT, sizeof CUT);
		shown += sizeof CUT - 1;
	}
	message_time(sqlite3_column_int64(stmt, 3), time);
	buf_add(json, STR("{\"name\":"));
	buf_add_json(json, store_column(stmt, 0));
	buf_add(json, STR(",\"last\":"));
	buf_add_int(json, id);
	buf_printf(json, ",\"at\":\"%s\",\"n\":", time);
	buf_add_int(json, sqlite3_column_int64(stmt, 2));
	buf_add(json, STR(",\"event\":"));
	buf_add_json(json, store_column(stmt, 4));
	buf_add(json, STR(",\"sender\":"));
	buf_add_json(json, store_column(stmt, 5));
	buf_add(json, STR(",\"text\":"));
	buf_add_json(json, (struct str){text, shown});
	buf_add_char(json, '}');
	return SQLITE_OK;
}

/* An SQLite result code (SQLITE_OK is good). */
static int
read_rooms(struct store *s, struct store_list *l)
{
	sqlite3_stmt *stmt = store_prepare(s, ROOMS);
	int code;

	if (stmt == NULL)
		return s->trouble;
	sqlite3_bind_int64(stmt, 1, l->head);
	sqlite3_bind_int64(stmt, 2, l->after);
	sqlite3_bind_int64(stmt, 3, (int64_t)l->limit + 1);
	while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
		size_t at = l->json.n;

		l->more = l->n == l->limit;
		if (l->more)
			break;
		if (l->n > 0)
			buf_add_char(&l->json, ',');
		code = add_room(s, &l->json, stmt);
		if (code != SQLITE_OK)
			break;
		l->more = l->n > 0 && l->json.n > s->options.reply_max;
		if (l->more) {
			l->json.n = at;
			break;
		}
		l->n++;
	}
	store_reset(s, stmt);
	if (!buf_ok(&l->json))
		return SQLITE_NOMEM;
	return code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_OK : code;
}

enum store_status
store_list(struct store *s, struct store_list *l)
{
	int code;
	enum store_status status;

	l->n = 0;
	l->more = false;
	buf_init(&l->json, SIZE_MAX);
	if ((s->db == NULL || store_moved(s)) && store_reopen(s, false) != 0)
		return STORE_FAILED;
	s->trouble = SQLITE_OK;
	s->deadline_us = clock_us() + s->options.search_timeout_ms * 1000;
	code = store_run_on(s);
	if (code == SQLITE_OK)
		code = read_rooms(s, l);
	store_run_out(s);
	s->deadline_us = 0;
	if (code == SQLITE_OK)
		code = s->trouble;
	if (code == SQLITE_OK)
		return STORE_OK;
	status = store_failed(s, code, "read the rooms");
	/* The file may be another one by now, or have been overwritten: begin anew. */
	if (status == STORE_FAILED)
		(void)store_reopen(s, false);
	return status;
}
