#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/token.h"
#include "store_db.h"

enum {
	SAY_AGAIN_MS = 10000,
	ARGS_DEPTH_MAX = 2000, /* what SQLite's json_valid() lets pass */
	KEPT_BYTES = 64 * 1024,
};

void
store_passed_over(struct store *s, int64_t id, const char *why)
{
	int64_t now = clock_ms();

	if (s->options.passed_over != NULL)
		atomic_fetch_add_explicit(s->options.passed_over, 1, memory_order_relaxed);
	if (s->passed_ms != 0 && now - s->passed_ms < SAY_AGAIN_MS) {
		s->passed_suppressed++;
		return;
	}
	log_warning("passed_over", "id=%lld why=\"%s\" file=\"%s\" unsaid=%u", (long long)id, why, s->options.path,
	    s->passed_suppressed);
	s->passed_ms = now;
	s->passed_suppressed = 0;
}

const char *
store_names_wrong(struct str event, struct str sender)
{
	if (event.n < 1 || event.n > MESSAGE_EVENT_MAX || message_event_reserved(event))
		return "its event is not 1 to 128 bytes, or a name that Socket.IO reserves";
	return sender.n > MESSAGE_SENDER_MAX ? "its sender is longer than 64 bytes" : NULL;
}

/* What is wrong with a row and cannot be mended; NULL: nothing. */
static const char *
wrong(const struct message_fields *f, int room_type)
{
	const char *why;

	if (f->id < 1 || f->id > MESSAGE_ID_MAX)
		return "its id is not 1 to 9007199254740991";
	/* As a BLOB it would be in the room for some statements, and not for others. */
	if (room_type != SQLITE_TEXT || !message_room_ok(f->room))
		return "its room is not 1 to 64 of A-Z a-z 0-9 . _ -";
	if ((why = store_names_wrong(f->event, f->sender)) != NULL)
		return why;
	if (f->body.n > MESSAGE_BODY_MAX)
		return "its text or args are longer than 4000000 bytes";
	return NULL;
}

/* Makes arguments good JSON where U+FFFD does that, and a text of what still is none. */
static void
mend_args(struct store *s, struct message_fields *f)
{
	struct str whole = f->body;

	if (whole.n == 0)
		f->body = STR("[]"); /* neither text nor arguments */
	/* SQLite's json_valid() ends at a byte 0, and what follows it would break the JSON of whoever reads it. */
	f->body.n = strnlen(f->body.p, f->body.n);
	if (json_certain(f->body))
		return;
	buf_reset(&s->mended, KEPT_BYTES);
	buf_add_utf8(&s->mended, f->body);
	if (s->mended.n > 0)
		json_mend(s->mended.p, s->mended.n);
	f->body = buf_str(&s->mended);
	switch (json_array(f->body, ARGS_DEPTH_MAX, NULL, NULL)) {
	case JSON_OK:
		break;
	case JSON_BAD:
	case JSON_TOO_DEEP:
		f->is_args = false; /* what cannot be parsed can still be read */
		f->body = whole;
		break;
	case JSON_NO_MEMORY:
		store_note(s, SQLITE_NOMEM);
	}
	if (!buf_ok(&s->mended))
		store_note(s, SQLITE_NOMEM);
}

static void
add_attachment(struct buf *list, sqlite3_stmt *stmt, unsigned num)
{
	const char *p = sqlite3_column_blob(stmt, 1);

	buf_add(list, num > 0 ? STR(",\"") : STR("\""));
	token_add_base64(list, (struct str){p == NULL ? "" : p, (size_t)sqlite3_column_bytes(stmt, 1)});
	buf_add_char(list, '"');
}

/*
 * The attachments of a message, from their own table: as many as there are in a row from number 0 on. What is wrong
 * with them, or NULL.
 */
static const char *
read_attachments(struct store *s, struct message_fields *f)
{
	sqlite3_stmt *stmt = store_prepare(s, "SELECT num, data FROM attachments WHERE message = ? ORDER BY num");
	size_t bytes = 0;
	int code;

	buf_reset(&s->attachments, KEPT_BYTES);
	if (stmt == NULL)
		return NULL;
	sqlite3_bind_int64(stmt, 1, f->id);
	while ((code = sqlite3_step(stmt)) == SQLITE_ROW && f->n_attachments < MESSAGE_ATTACHMENTS_MAX &&
	       sqlite3_column_int64(stmt, 0) == f->n_attachments) {
		bytes += (size_t)sqlite3_column_bytes(stmt, 1);
		if (bytes > STORE_LENGTH_MAX)
			break;
		add_attachment(&s->attachments, stmt, f->n_attachments++);
	}
	sqlite3_reset(stmt);
	if (code == SQLITE_TOOBIG || bytes > STORE_LENGTH_MAX)
		return "its attachments are longer than 32 MB";
	if (code != SQLITE_ROW && code != SQLITE_DONE)
		store_note(s, code);
	if (!buf_ok(&s->attachments))
		store_note(s, SQLITE_NOMEM);
	f->attachments = buf_str(&s->attachments);
	return NULL;
}

bool
store_row(struct store *s, sqlite3_stmt *stmt, struct message_fields *f)
{
	int room_type = sqlite3_column_type(stmt, 1);
	const char *why;

	*f = (struct message_fields){
	    .id = sqlite3_column_int64(stmt, 0),
	    .room = store_column(stmt, 1),
	    .event = store_column(stmt, 2),
	    .sender = store_column(stmt, 3),
	    .is_args = sqlite3_column_type(stmt, 4) == SQLITE_NULL,
	    .at_ms = sqlite3_column_int64(stmt, 6),
	};
	f->body = store_column(stmt, f->is_args ? 5 : 4);
	if (sqlite3_column_type(stmt, 8) == SQLITE_TEXT && message_by_ok(store_column(stmt, 8)))
		f->by = store_column(stmt, 8);
	f->changes = sqlite3_column_int64(stmt, 9);
	f->edited_ms = sqlite3_column_int64(stmt, 10);
	if (sqlite3_column_type(stmt, 11) == SQLITE_TEXT && sqlite3_column_bytes(stmt, 11) <= MESSAGE_KEY_MAX)
		f->key = store_column(stmt, 11);
	if (sqlite3_column_type(stmt, 12) == SQLITE_TEXT)
		f->format = message_format_of(store_column(stmt, 12));
	why = wrong(f, room_type);
	if (f->changes <= 0 && message_event_changes(f->event))
		/* From before there were changes. */
		f->event =
		    str_eq(f->event, MESSAGE_CHANGED) ? STR("message changed, once") : STR("message deleted, once");
	if (why == NULL && f->is_args)
		mend_args(s, f);
	if (why == NULL && sqlite3_column_int(stmt, 7) > 0)
		why = read_attachments(s, f);
	if (why != NULL)
		store_passed_over(s, f->id, why);
	return why == NULL;
}

struct message *
store_row_message(struct store *s, sqlite3_stmt *stmt)
{
	struct message_fields f;
	struct message *m;

	if (!store_row(s, stmt, &f))
		return NULL;
	m = message_new(&f);
	if (m != NULL && message_encode(m) != 0) {
		message_drop(m);
		m = NULL;
	}
	if (m == NULL)
		store_note(s, SQLITE_NOMEM);
	return m;
}

struct message *
store_row_by_id(struct store *s, int64_t id)
{
	sqlite3_stmt *stmt = store_prepare(s, "SELECT " STORE_COLUMNS " FROM messages WHERE id = ?");
	struct message *m = NULL;
	int code;

	if (stmt == NULL)
		return NULL;
	sqlite3_bind_int64(stmt, 1, id);
	code = sqlite3_step(stmt);
	if (code == SQLITE_ROW)
		m = store_row_message(s, stmt);
	else if (code == SQLITE_TOOBIG)
		store_passed_over(s, id, "it has more bytes than are read");
	else if (code != SQLITE_DONE)
		store_note(s, code);
	sqlite3_reset(stmt);
	return m;
}
