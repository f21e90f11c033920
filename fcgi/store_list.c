#include <string.h>

#include "clock.h"
#include "store_db.h"

enum { START_CHARS = 200, CHAR_BYTES = 4, START_BYTES = (START_CHARS + 1) * CHAR_BYTES };

/*
 * The rooms as they were at the head ?1, newest first. Table rooms may know of messages above it already; only for such
 * a room are its messages asked. Its last message is looked up by id, so a row of a room without messages is passed
 * over.
 */
static const char ROOMS[] =
    "SELECT r.name, r.id, r.n, m.at, m.event, m.sender, substr(CAST(coalesce(m.text, m.args) AS BLOB), 1, ?4) FROM ("
    "SELECT name, id, n FROM (SELECT name,"
    " CASE WHEN last <= ?1 THEN last ELSE (SELECT max(id) FROM messages INDEXED BY messages_room"
    " WHERE room = name AND id <= ?1) END AS id,"
    " CASE WHEN last <= ?1 THEN n ELSE n - (SELECT count(*) FROM messages INDEXED BY messages_room"
    " WHERE room = name AND id > ?1) END AS n FROM rooms)"
    " WHERE id < ?2 ORDER BY id DESC LIMIT ?3) AS r CROSS JOIN messages AS m ON m.id = r.id ORDER BY r.id DESC";

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

static void
add_room(struct buf *json, sqlite3_stmt *stmt)
{
	char time[MESSAGE_TIME_SIZE], shown[START_BYTES + sizeof CUT];
	struct str text = store_column(stmt, 6);
	size_t n = start_length(text);

	message_time(sqlite3_column_int64(stmt, 3), time);
	buf_add(json, STR("{\"name\":"));
	buf_add_json(json, store_column(stmt, 0));
	buf_add(json, STR(",\"last\":"));
	buf_add_int(json, sqlite3_column_int64(stmt, 1));
	buf_printf(json, ",\"at\":\"%s\",\"n\":", time);
	buf_add_int(json, sqlite3_column_int64(stmt, 2));
	buf_add(json, STR(",\"event\":"));
	buf_add_json(json, store_column(stmt, 4));
	buf_add(json, STR(",\"sender\":"));
	buf_add_json(json, store_column(stmt, 5));
	buf_add(json, STR(",\"text\":"));
	memcpy(shown, text.p, n);
	if (n < text.n) {
		memcpy(shown + n, CUT, sizeof CUT);
		n += sizeof CUT - 1;
	}
	buf_add_json(json, (struct str){shown, n});
	buf_add_char(json, '}');
}

/* An SQLite result code (SQLITE_OK is good). */
static int
read_rooms(struct store *s, struct store_list *l)
{
	sqlite3_stmt *stmt = store_prepare(s, ROOMS);
	int code;

	if (stmt == NULL)
		return sqlite3_errcode(s->db);
	sqlite3_bind_int64(stmt, 1, l->head);
	sqlite3_bind_int64(stmt, 2, l->after);
	sqlite3_bind_int64(stmt, 3, (int64_t)l->limit + 1);
	sqlite3_bind_int64(stmt, 4, START_BYTES);
	while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
		size_t at = l->json.n;

		l->more = l->n == l->limit;
		if (l->more)
			break;
		if (l->n > 0)
			buf_add_char(&l->json, ',');
		add_room(&l->json, stmt);
		l->more = l->n > 0 && l->json.n > s->options.reply_max;
		if (l->more) {
			l->json.n = at;
			break;
		}
		l->n++;
	}
	sqlite3_reset(stmt);
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
	s->deadline_us = clock_us() + s->options.search_timeout_ms * 1000;
	code = read_rooms(s, l);
	s->deadline_us = 0;
	if (code == SQLITE_OK)
		return STORE_OK;
	status = store_failed(s, code, "read the rooms");
	/* The file may be another one by now, or have been overwritten: begin anew. */
	if (status == STORE_FAILED)
		(void)store_reopen(s, false);
	return status;
}
