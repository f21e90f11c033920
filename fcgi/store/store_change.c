/*
 * Changes: a send that changes or deletes a message, its target. It is a row of its own; what it does to the target is
 * done by the triggers of the schema (sql/007-changes.sql), so that other programs can change messages as well.
 */
#include "base/clock.h"
#include "base/log.h"
#include "store_writer.h"

/* What there is to change. */
struct target {
	bool there, deleted; /* deleted: by a change */
	bool same;           /* it says that already */
	bool markdown;
	int64_t revision; /* its newest change; 0: none */
};

static bool
is_deletion(const struct message_fields *f)
{
	return str_eq(f->event, MESSAGE_DELETED);
}

/* Whether the row under stmt (text, args, attachments) says what an edit wants, format apart. */
static bool
says(sqlite3_stmt *stmt, const struct message_fields *f)
{
	int column = f->is_args ? 1 : 0;

	return sqlite3_column_type(stmt, column) != SQLITE_NULL && str_eq(store_column(stmt, column), f->body) &&
	       sqlite3_column_int(stmt, 2) == 0;
}

/* An SQLite result code (SQLITE_DONE is good). */
static int
find(struct store *s, const struct message_fields *f, struct target *t)
{
	sqlite3_stmt *stmt = store_prepare(
	    s, "SELECT text, args, attachments, format FROM messages WHERE id = ? AND room = ? AND changes IS NULL");
	int code;

	if (stmt == NULL)
		return s->trouble;
	sqlite3_bind_int64(stmt, 1, f->changes);
	store_bind_str(stmt, 2, f->room);
	code = sqlite3_step(stmt);
	t->there = code == SQLITE_ROW || code == SQLITE_TOOBIG;
	t->markdown = code == SQLITE_ROW && sqlite3_column_type(stmt, 0) != SQLITE_NULL &&
	              sqlite3_column_type(stmt, 3) == SQLITE_TEXT &&
	              message_format_of(store_column(stmt, 3)) == MESSAGE_MARKDOWN;
	t->same = code == SQLITE_ROW && !is_deletion(f) && says(stmt, f) &&
	          (f->format == MESSAGE_AS_IT_IS || t->markdown == (f->format == MESSAGE_MARKDOWN));
	sqlite3_reset(stmt);
	if (!t->there && code != SQLITE_DONE)
		return code;
	t->revision = store_number_with(s,
	    "SELECT r.id FROM revisions AS r JOIN messages AS m ON m.id = r.id WHERE r.target = ? AND r.deletes = ?",
	    f->changes, !t->there);
	t->deleted = !t->there && t->revision > 0;
	return s->trouble != SQLITE_OK ? s->trouble : SQLITE_DONE;
}

/* Whether it is of the room: an id of another room is nobody's here. */
static bool
in_room(struct store *s, int64_t id, struct str room)
{
	sqlite3_stmt *stmt = store_prepare(s, "SELECT 1 FROM messages WHERE id = ? AND room = ?");

	if (stmt != NULL) {
		sqlite3_bind_int64(stmt, 1, id);
		store_bind_str(stmt, 2, room);
	}
	return store_first_number(s, stmt, 0) != 0;
}

/* What becomes of it before it is inserted. */
static void
judge(struct store *s, struct store_send *send, const struct target *t)
{
	const struct message_fields *f = &send->message->f;

	send->id = t->revision > 0 ? t->revision : f->changes;
	if (!t->there && !(t->deleted && in_room(s, t->revision, f->room)))
		send->outcome = STORE_ABSENT;
	else if (t->deleted)
		send->outcome = is_deletion(f) ? STORE_SAME : STORE_GONE;
	else if (send->revision >= 0 && send->revision != t->revision)
		send->outcome = STORE_OUTDATED;
	else if (t->same)
		send->outcome = STORE_SAME;
	else if (send->only_again)
		send->outcome = STORE_NOTHING_NEW;
}

static int
insert(struct store *s, struct store_send *send)
{
	const struct message_fields *f = &send->message->f;
	sqlite3_stmt *stmt =
	    store_prepare(s, "INSERT INTO messages (room, event, sender, text, args, key, at, \"by\", changes, format)"
	                     " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
	int code;

	if (stmt == NULL)
		return s->trouble;
	sqlite3_clear_bindings(stmt);
	store_bind_str(stmt, 1, f->room);
	store_bind_str(stmt, 2, f->event);
	store_bind_str(stmt, 3, f->sender);
	store_bind_str(stmt, f->is_args ? 5 : 4, f->body);
	if (f->key.n > 0)
		store_bind_str(stmt, 6, f->key);
	send->at_ms = clock_wall_ms();
	sqlite3_bind_int64(stmt, 7, send->at_ms);
	if (f->by.n > 0)
		store_bind_str(stmt, 8, f->by);
	sqlite3_bind_int64(stmt, 9, f->changes);
	if (f->format != MESSAGE_AS_IT_IS)
		store_bind_str(stmt, 10, message_format_name(f->format));
	code = store_run(stmt);
	send->id = sqlite3_last_insert_rowid(s->db);
	return code;
}

int
store_insert_change(struct store *s, struct store_send *send)
{
	struct target t = {.there = false};
	int code = find(s, &send->message->f, &t);

	if (code != SQLITE_DONE)
		return code;
	/* Arguments have none, and readers are told so. */
	if (send->message->f.is_args)
		send->message->f.format = t.markdown ? MESSAGE_PLAIN : MESSAGE_AS_IT_IS;
	judge(s, send, &t);
	if (send->outcome != STORE_STORED)
		return s->trouble != SQLITE_OK ? s->trouble : SQLITE_DONE;
	code = store_exec(s, "SAVEPOINT change");
	if (code == SQLITE_OK)
		code = insert(s, send);
	if ((code & 0xFF) == SQLITE_CONSTRAINT && !sqlite3_get_autocommit(s->db)) {
		/* A rule of the user's own. */
		log_error("refused", "room=%.*s changes=%lld error=\"%s\"", STR_ARGS(send->message->f.room),
		    (long long)send->message->f.changes, store_message(s, code));
		send->outcome = STORE_REFUSED;
		code = store_exec(s, "ROLLBACK TO change");
		code = code == SQLITE_OK ? SQLITE_DONE : code;
	}
	if (code == SQLITE_DONE)
		code = store_exec(s, "RELEASE change");
	return code == SQLITE_OK ? SQLITE_DONE : code;
}
