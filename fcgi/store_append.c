#include "clock.h"
#include "log.h"
#include "store_writer.h"
#include "token.h"

/* Whether two messages are the same to their readers; a foreign row may say in args what we say in text. Without memory
 * that is noted. */
static bool
same_message(struct store *s, struct message_fields a, struct message_fields b)
{
	struct buf json_a, json_b;
	bool same;

	if (!str_eq(a.attachments, b.attachments))
		return false;
	if (a.is_args == b.is_args && str_eq(a.body, b.body))
		return str_eq(a.event, b.event) && str_eq(a.sender, b.sender);
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

/* The message that has this key already: its outcome for the send, or STORE_STORED when there is none. */
static int
find_key(struct store *s, struct store_send *send)
{
	const struct message_fields *f = &send->message->f;
	sqlite3_stmt *stmt = store_prepare(s, "SELECT " STORE_COLUMNS " FROM messages WHERE room = ? AND key = ?");
	struct message_fields was;
	int code;

	if (stmt == NULL)
		return s->trouble;
	store_bind_str(stmt, 1, f->room);
	store_bind_str(stmt, 2, f->key);
	code = sqlite3_step(stmt);
	if (code == SQLITE_ROW) {
		store_row(s, stmt, &was);
		send->outcome = sqlite3_column_int(stmt, 7) == (int)f->n_attachments && same_message(s, was, *f)
		                    ? STORE_REPLAYED
		                    : STORE_KEY_CONFLICT;
		send->id = was.id;
		send->at_ms = was.at_ms;
		code = SQLITE_DONE;
	}
	store_reset(s, stmt);
	return code == SQLITE_DONE && s->trouble != SQLITE_OK ? s->trouble : code;
}

static int
insert_attachments(struct store *s, int64_t id, const struct message_fields *f)
{
	struct str list = f->attachments, base64;
	struct buf bytes;
	int code = SQLITE_DONE;

	buf_init(&bytes, f->attachments.n + 1);
	for (int num = 0; code == SQLITE_DONE && message_next_attachment(&list, &base64); num++) {
		sqlite3_stmt *stmt = store_prepare(s, "INSERT INTO attachments VALUES (?, ?, ?)");

		buf_reset(&bytes, SIZE_MAX);
		token_add_decoded(&bytes, base64);
		if (stmt == NULL || !buf_ok(&bytes)) {
			code = stmt == NULL ? s->trouble : SQLITE_NOMEM;
			break;
		}
		sqlite3_bind_int64(stmt, 1, id);
		sqlite3_bind_int(stmt, 2, num);
		sqlite3_bind_blob64(stmt, 3, buf_str(&bytes).p, bytes.n, SQLITE_STATIC);
		code = store_run(stmt);
	}
	buf_fini(&bytes);
	return code;
}

static int
insert(struct store *s, struct store_send *send)
{
	struct message_fields *f = &send->message->f;
	sqlite3_stmt *stmt = store_prepare(s, "INSERT INTO messages (room, event, sender, text, args, key, at, "
	                                      "attachments) VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
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
	sqlite3_bind_int(stmt, 8, (int)f->n_attachments);
	code = store_run(stmt);
	if (code == SQLITE_DONE) {
		send->outcome = STORE_STORED;
		send->id = sqlite3_last_insert_rowid(s->db);
		code = insert_attachments(s, send->id, f);
	} else if ((code & 0xFF) == SQLITE_CONSTRAINT) {
		/* Only this row is undone. A rule of the schema that was not checked before it came here. */
		log_error("refused", "room=%.*s error=\"%s\"", STR_ARGS(f->room), sqlite3_errmsg(s->db));
		send->outcome = STORE_REFUSED;
		code = SQLITE_DONE;
	}
	return code;
}

static int
insert_all(struct store *s, struct store_send *sends, size_t n)
{
	int code = SQLITE_DONE;

	for (size_t i = 0; i < n && code == SQLITE_DONE; i++) {
		sends[i].outcome = STORE_STORED;
		if (sends[i].message->f.key.n > 0)
			code = find_key(s, &sends[i]);
		if (code == SQLITE_DONE && sends[i].outcome == STORE_STORED)
			code = insert(s, &sends[i]);
	}
	return code;
}

/* Tells what was stored, after the commit. */
static int
tell_sends(struct store *s, struct store_send *sends, size_t n, struct store_news *news)
{
	for (size_t i = 0; i < n; i++) {
		struct message *m = sends[i].message;

		if (sends[i].outcome != STORE_STORED)
			continue;
		m->f.id = sends[i].id;
		m->f.at_ms = sends[i].at_ms;
		if (message_publish(m) != 0 || store_news_add(news, m) != SQLITE_OK)
			return SQLITE_NOMEM;
		message_hold(m);
		s->head = s->last_id = m->f.id;
	}
	return SQLITE_OK;
}

enum store_status
store_append(struct store *s, struct store_send *sends, size_t n, int64_t floor, struct store_news *news)
{
	enum store_status status = store_ready(s, news);
	int code;

	if (status != STORE_OK || news->reset) {
		store_tell_state(s, news);
		return status == STORE_OK ? STORE_BUSY : status;
	}
	code = store_begin(s, true);
	if ((code & 0xFF) == SQLITE_BUSY) {
		/* What others commit while we wait for their lock is told meanwhile. */
		status = store_look(s, floor, news);
		return status == STORE_OK ? STORE_BUSY : status;
	}
	if (code == SQLITE_OK)
		code = store_read_news(s, floor, news);
	if (code == SQLITE_DONE && (news->reset || news->more)) {
		store_roll_back(s);
		if (news->reset && (status = store_start_anew(s, news)) != STORE_OK)
			return status;
		store_tell_state(s, news);
		return STORE_BUSY;
	}
	if (code == SQLITE_DONE)
		code = insert_all(s, sends, n);
	if (code != SQLITE_DONE)
		return store_give_up(s, code, "append");
	code = store_commit(s);
	if (code != SQLITE_OK) {
		status = store_give_up(s, code, "append");
		store_write_over(s);
		return status;
	}
	if (store_moved(s)) {
		/* It went into a file that is not there any more: once again, into the one that is. */
		store_news_fini(news);
		s->started = false; /* should the same one come back, what it told is forgotten here */
		status = store_ready(s, news);
		if (status == STORE_OK)
			store_tell_state(s, news);
		return status == STORE_OK ? STORE_BUSY : status;
	}
	if (tell_sends(s, sends, n, news) != SQLITE_OK) {
		/* Stored, so it must be told: by the next look, from the rows. */
		log_error("store", "doing=\"tell sends\" error=\"no memory\"");
		s->last_id = news->n_messages > 0 ? news->messages[news->n_messages - 1]->f.id : s->last_id;
		s->data_version = -1;
		news->more = true;
	}
	store_tell_state(s, news);
	return STORE_OK;
}
