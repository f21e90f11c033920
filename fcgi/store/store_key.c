#include "store_writer.h"

/* Whether a row and a send are the same message to their readers; a foreign row may say in args what we say in text. Of
 * one that was changed nobody knows any more what it said at first. Without memory that is noted. */
static bool
same_message(struct store *s, struct message_fields a, struct message_fields b)
{
	struct buf json_a, json_b;
	bool same;

	if (a.changes != b.changes)
		return false;
	if (a.edited_ms != 0 || a.changes > 0)
		return str_eq(a.event, b.event);
	if (!str_eq(a.attachments, b.attachments))
		return false;
	if (a.is_args == b.is_args && str_eq(a.body, b.body))
		return str_eq(a.event, b.event) && str_eq(a.sender, b.sender) &&
		       (a.format == MESSAGE_MARKDOWN) == (b.format == MESSAGE_MARKDOWN);
	a.by = b.by;
	a.id = b.id;
	a.at_ms = b.at_ms;
	buf_init(&json_a, SIZE_MAX);
	buf_init(&json_b, SIZE_MAX);
	message_add_json(&json_a, &a, STR(""));
	message_add_json(&json_b, &b, STR(""));
	if (!buf_ok(&json_a) || !buf_ok(&json_b))
		store_note(s, SQLITE_NOMEM);
	same = str_eq(buf_str(&json_a), buf_str(&json_b));
	buf_fini(&json_a);
	buf_fini(&json_b);
	return same;
}

#define OF_KEY " FROM messages WHERE room = ?1 AND key = ?2 AND ifnull(\"by\", '') = ?3 AND id <= ?4"

/* The message of a key, up to an id. NULL, noted as trouble, on failure. */
static sqlite3_stmt *
of_key(struct store *s, const char *sql, const struct message_fields *f, struct str by, int64_t up_to)
{
	sqlite3_stmt *stmt = store_prepare(s, sql);

	if (stmt == NULL)
		return NULL;
	store_bind_str(stmt, 1, f->room);
	store_bind_str(stmt, 2, f->key);
	store_bind_str(stmt, 3, by);
	sqlite3_bind_int64(stmt, 4, up_to);
	return stmt;
}

/* The id of the message that has this key, whatever else it says. */
static int64_t
id_of_key(struct store *s, const struct message_fields *f)
{
	return store_first_number(s, of_key(s, "SELECT id" OF_KEY, f, f->by, INT64_MAX), 0);
}

/* Looks at the row of this key, of `by` and up to an id: SQLITE_ROW or SQLITE_TOOBIG if there is one; *same: it is what
 * is sent, and the send is told of it. */
static int
compare_row(struct store *s, struct store_send *send, struct str by, int64_t up_to, bool *same)
{
	const struct message_fields *f = &send->message->f;
	sqlite3_stmt *stmt = of_key(s, "SELECT " STORE_COLUMNS OF_KEY, f, by, up_to);
	struct message_fields was;
	int code;

	*same = false;
	if (stmt == NULL)
		return s->trouble;
	code = sqlite3_step(stmt);
	if (code == SQLITE_ROW) {
		*same = store_row(s, stmt, &was) &&
		        (sqlite3_column_int(stmt, 7) == (int)f->n_attachments || was.edited_ms != 0) &&
		        same_message(s, was, *f);
		send->id = was.id;
		send->at_ms = was.at_ms;
	}
	sqlite3_reset(stmt);
	return s->trouble != SQLITE_OK ? s->trouble : code;
}

/* Whether a message of this key was deleted by a change: then the send is one more of that. */
static int
find_spent(struct store *s, struct store_send *send)
{
	const struct message_fields *f = &send->message->f;
	sqlite3_stmt *stmt = store_prepare(s, "SELECT id, at FROM spent WHERE room = ?1 AND key = ?2"
	                                      " AND (\"by\" = ?3 OR \"by\" = '' AND id <= ?4)"
	                                      " ORDER BY \"by\" DESC LIMIT 1");
	int code;

	if (stmt == NULL)
		return s->trouble;
	store_bind_str(stmt, 1, f->room);
	store_bind_str(stmt, 2, f->key);
	store_bind_str(stmt, 3, f->by);
	sqlite3_bind_int64(stmt, 4, s->by_since);
	code = sqlite3_step(stmt);
	if (code == SQLITE_ROW) {
		send->outcome = STORE_REPLAYED;
		send->id = sqlite3_column_int64(stmt, 0);
		send->at_ms = sqlite3_column_int64(stmt, 1);
	}
	sqlite3_reset(stmt);
	return code == SQLITE_ROW ? SQLITE_DONE : code;
}

/* The row of the key, if there is one. */
static int
find_row(struct store *s, struct store_send *send)
{
	const struct message_fields *f = &send->message->f;
	bool same;
	int code = compare_row(s, send, f->by, INT64_MAX, &same);

	if (code == SQLITE_ROW || code == SQLITE_TOOBIG) {
		send->outcome = same ? STORE_REPLAYED : STORE_KEY_CONFLICT;
		if (code == SQLITE_TOOBIG)
			send->id = id_of_key(s, f);
		return s->trouble != SQLITE_OK ? s->trouble : SQLITE_DONE;
	}
	if (code != SQLITE_DONE || f->by.n == 0 || s->by_since <= 0)
		return code;
	code = compare_row(s, send, STR(""), s->by_since, &same);
	if (same)
		send->outcome = STORE_REPLAYED;
	return code == SQLITE_ROW || code == SQLITE_TOOBIG ? SQLITE_DONE : code;
}

int
store_find_key(struct store *s, struct store_send *send)
{
	int code = find_row(s, send);

	return code == SQLITE_DONE && send->outcome == STORE_STORED ? find_spent(s, send) : code;
}
