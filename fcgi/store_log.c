#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "schema.h"
#include "store_db.h"
#include "token.h"

enum {
	NEWS_ROWS = 1000, /* in one answer, unless our own sends are more */
	NEWS_CHANGES = 10000,
	NEWS_BYTES = 8 * 1024 * 1024,
	FILL_ROWS = 100,
	FILL_BYTES = 256 * 1024,
	PROBE_BYTES = 256 * 1024,
	MISSING_MS = 1000,  /* a file is missing before a look makes another */
	START_ANEW_MS = 20, /* for a lock; our own readers may hold one on a file that was overwritten under them */
};

/* Room for one more in an array that doubles; NULL without memory (the array stays as it is). */
static void *
grown(void *array, size_t n, size_t *cap, size_t size)
{
	size_t more = *cap == 0 ? 16 : *cap * 2;

	if (n < *cap)
		return array;
	array = realloc(array, more * size);
	if (array != NULL)
		*cap = more;
	return array;
}

static int
add_message(struct store_news *news, struct message *m)
{
	struct message **grow = grown(news->messages, news->n_messages, &news->cap_messages, sizeof *news->messages);

	if (grow == NULL)
		return SQLITE_NOMEM;
	news->messages = grow;
	news->messages[news->n_messages++] = m;
	return SQLITE_OK;
}

void
store_news_fini(struct store_news *news)
{
	for (size_t i = 0; i < news->n_messages; i++)
		message_drop(news->messages[i]);
	for (size_t i = 0; i < news->n_changes; i++)
		message_drop(news->changes[i].message);
	free(news->messages);
	free(news->changes);
	*news = (struct store_news){0};
}

/* The row under stmt as a message ready to be sent to readers; NULL without memory. */
static struct message *
row_message(struct store *s, sqlite3_stmt *stmt)
{
	struct message_fields f;
	struct message *m;

	store_row(s, stmt, &f);
	m = message_new(&f);
	if (m != NULL && message_publish(m) != 0) {
		message_drop(m);
		m = NULL;
	}
	return m;
}

/* Every row above the last id told, as far as one answer goes. */
static int
read_rows(struct store *s, struct store_news *news)
{
	sqlite3_stmt *stmt = store_prepare(s, "SELECT " STORE_COLUMNS " FROM messages WHERE id > ? ORDER BY id");
	size_t bytes = 0;
	int code;

	if (stmt == NULL)
		return sqlite3_errcode(s->db);
	sqlite3_bind_int64(stmt, 1, s->last_id);
	while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct message *m;

		if (news->n_messages >= NEWS_ROWS || bytes >= NEWS_BYTES) {
			news->more = true;
			break;
		}
		m = row_message(s, stmt);
		if (m == NULL || add_message(news, m) != SQLITE_OK) {
			message_drop(m);
			code = SQLITE_NOMEM;
			break;
		}
		bytes += m->size;
		s->last_id = m->f.id;
	}
	sqlite3_reset(stmt);
	return code == SQLITE_ROW ? SQLITE_DONE : code;
}

/* What a changed row is now; NULL when it is deleted, or nobody needs to know. */
static struct message *
row_now(struct store *s, int64_t id)
{
	sqlite3_stmt *stmt = store_prepare(s, "SELECT " STORE_COLUMNS " FROM messages WHERE id = ?");
	struct message *m = NULL;

	if (stmt == NULL)
		return NULL;
	sqlite3_bind_int64(stmt, 1, id);
	if (sqlite3_step(stmt) == SQLITE_ROW)
		m = row_message(s, stmt);
	sqlite3_reset(stmt);
	return m;
}

static int
read_changes(struct store *s, int64_t floor, struct store_news *news)
{
	sqlite3_stmt *stmt = store_prepare(s, "SELECT seq, id, room FROM changed WHERE seq > ? ORDER BY seq");
	int code;

	if (stmt == NULL)
		return sqlite3_errcode(s->db);
	sqlite3_bind_int64(stmt, 1, s->last_change);
	while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct store_change *c;

		if (news->n_changes >= NEWS_CHANGES) {
			news->more = true;
			break;
		}
		c = grown(news->changes, news->n_changes, &news->cap_changes, sizeof *news->changes);
		if (c == NULL) {
			code = SQLITE_NOMEM;
			break;
		}
		news->changes = c;
		c += news->n_changes;
		*c = (struct store_change){.id = sqlite3_column_int64(stmt, 1)};
		snprintf(c->room, sizeof c->room, "%.*s", STR_ARGS(store_column(stmt, 2)));
		/* Memory does not hold what is below its floor. */
		if (c->id > floor)
			c->message = row_now(s, c->id);
		news->n_changes++;
		s->last_change = sqlite3_column_int64(stmt, 0);
	}
	sqlite3_reset(stmt);
	return code == SQLITE_ROW ? SQLITE_DONE : code;
}

static bool
same_epoch(struct store *s)
{
	sqlite3_stmt *stmt = store_prepare(s, "SELECT value FROM meta WHERE name = 'epoch'");
	bool same;

	if (stmt == NULL)
		return false;
	same = sqlite3_step(stmt) == SQLITE_ROW && str_eq(store_column(stmt, 0), str_of(s->epoch));
	sqlite3_reset(stmt);
	return same;
}

/*
 * In a transaction: what others have committed since the last time. Sets news->reset when the log is not the one that
 * was known: wiped, restored to an earlier state, or of another epoch.
 */
static int
read_news(struct store *s, int64_t floor, struct store_news *news)
{
	int64_t version = store_number(s, "PRAGMA data_version", -1), head;
	int code;

	if (version >= 0 && version == s->data_version)
		return SQLITE_DONE;
	head = store_number(s, "SELECT seq FROM sqlite_sequence WHERE name = 'messages'", 0);
	if (store_number(s, "PRAGMA user_version", 0) != schema_version || head < s->head || !same_epoch(s)) {
		s->wiped = head < s->head;
		news->reset = true;
		return SQLITE_DONE;
	}
	code = read_rows(s, news);
	if (code == SQLITE_DONE)
		code = read_changes(s, floor, news);
	if (code != SQLITE_DONE)
		return code;
	s->head = news->more ? s->last_id : head;
	s->last_id = s->head;
	s->data_version = news->more ? -1 : version;
	return SQLITE_DONE;
}

/* Begins anew with what stands in the file now, under a new epoch. */
static enum store_status
start_anew(struct store *s, struct store_news *news)
{
	char error[STORE_ERROR_SIZE];

	store_news_fini(news);
	s->data_version = -1;
	s->options.new_epoch = true;
	s->started = false;
	if (store_start(s, START_ANEW_MS, error) != 0) {
		if (!s->anew_said)
			log_error("store",
			    "doing=\"take up another log\" error=\"%s\" detail=\"if it was overwritten in place, "
			    "restart\"",
			    error);
		s->anew_said = true;
		return STORE_FAILED;
	}
	s->anew_said = false;
	log_warning("new_epoch", "file=\"%s\" epoch=%s head=%lld detail=\"the log was replaced, wiped or restored\"",
	    s->options.path, s->epoch, (long long)s->head);
	news->reset = true;
	return STORE_OK;
}

/* Before a job of the writer: the connection is good, and to the file that the path names. */
static enum store_status
ready(struct store *s, bool patient, struct store_news *news)
{
	bool moved = store_moved(s);

	/* Somebody removes file after file: one that is made at once would be removed with them. */
	if (moved && patient && access(s->options.path, F_OK) != 0) {
		if (s->missing_ms == 0)
			s->missing_ms = clock_ms();
		if (clock_ms() - s->missing_ms < MISSING_MS)
			return STORE_BUSY;
	}
	s->missing_ms = 0;

	if ((s->db == NULL || moved) && store_reopen(s, moved) != 0)
		return STORE_FAILED;
	return moved || !s->started ? start_anew(s, news) : STORE_OK;
}

static void
tell_state(struct store *s, struct store_news *news)
{
	news->head = s->head;
	news->seen = s->seen;
	news->wal_pages = s->wal_pages;
	s->wal_pages = 0;
	memcpy(news->epoch, s->epoch, sizeof news->epoch);
}

/* Begins a transaction of the writer, and notes which state of the database it begins with. */
static int
begin(struct store *s, bool write)
{
	uint32_t before = walindex_changes(&s->walindex);
	int code = store_exec(s, write ? "BEGIN IMMEDIATE" : "BEGIN");

	/* With the lock nobody else commits. Without it, somebody may have since: then it is looked at once more. */
	s->seen = write && code == SQLITE_OK ? walindex_changes(&s->walindex) : before;
	s->committed = false;
	return code;
}

static int
commit(struct store *s)
{
	int code = store_exec(s, "COMMIT");

	if (code == SQLITE_OK && s->committed && s->seen != 0)
		s->seen++;
	return code;
}

static void
roll_back(struct store *s)
{
	if (s->db != NULL && !sqlite3_get_autocommit(s->db))
		store_exec(s, "ROLLBACK");
}

/* After an error: what was read may not be true; the next job begins with a look, or with the file opened again. */
static enum store_status
give_up(struct store *s, int code, const char *doing)
{
	enum store_status status = store_failed(s, code, doing);

	roll_back(s);
	s->data_version = -1;
	if ((code & 0xFF) == SQLITE_CORRUPT || (code & 0xFF) == SQLITE_NOTADB || (code & 0xFF) == SQLITE_IOERR ||
	    (code & 0xFF) == SQLITE_ERROR)
		(void)store_reopen(s, false);
	return status;
}

enum store_status
store_look(struct store *s, int64_t floor, struct store_news *news)
{
	enum store_status status = ready(s, true, news);
	int code;

	if (status != STORE_OK || news->reset) {
		tell_state(s, news);
		return status;
	}
	code = begin(s, false);
	if (code == SQLITE_OK)
		code = read_news(s, floor, news);
	if (code != SQLITE_DONE)
		return give_up(s, code, "look");
	store_exec(s, "COMMIT");
	if (news->reset && (status = start_anew(s, news)) != STORE_OK)
		return status;
	tell_state(s, news);
	return STORE_OK;
}

/* Whether two messages are the same to their readers; a foreign row may say in args what we say in text. */
static bool
same_message(struct message_fields a, struct message_fields b)
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
	same = buf_ok(&json_a) && buf_ok(&json_b) && str_eq(buf_str(&json_a), buf_str(&json_b));
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
		return sqlite3_errcode(s->db);
	store_bind_str(stmt, 1, f->room);
	store_bind_str(stmt, 2, f->key);
	code = sqlite3_step(stmt);
	if (code == SQLITE_ROW) {
		store_row(s, stmt, &was);
		send->outcome = sqlite3_column_int(stmt, 7) == (int)f->n_attachments && same_message(was, *f)
		                    ? STORE_REPLAYED
		                    : STORE_KEY_CONFLICT;
		send->id = was.id;
		send->at_ms = was.at_ms;
		code = SQLITE_DONE;
	}
	sqlite3_reset(stmt);
	return code;
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
			code = stmt == NULL ? sqlite3_errcode(s->db) : SQLITE_NOMEM;
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
		return sqlite3_errcode(s->db);
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
		if (message_publish(m) != 0 || add_message(news, m) != SQLITE_OK)
			return SQLITE_NOMEM;
		message_hold(m);
		s->head = s->last_id = m->f.id;
	}
	return SQLITE_OK;
}

enum store_status
store_append(struct store *s, struct store_send *sends, size_t n, int64_t floor, struct store_news *news)
{
	enum store_status status = ready(s, false, news);
	int code;

	if (status != STORE_OK || news->reset) {
		tell_state(s, news);
		return status == STORE_OK ? STORE_BUSY : status;
	}
	code = begin(s, true);
	if ((code & 0xFF) == SQLITE_BUSY) {
		/* What others commit while we wait for their lock is told meanwhile. */
		status = store_look(s, floor, news);
		return status == STORE_OK ? STORE_BUSY : status;
	}
	if (code == SQLITE_OK)
		code = read_news(s, floor, news);
	if (code == SQLITE_DONE && (news->reset || news->more)) {
		roll_back(s);
		if (news->reset && (status = start_anew(s, news)) != STORE_OK)
			return status;
		tell_state(s, news);
		return STORE_BUSY;
	}
	if (code == SQLITE_DONE)
		code = insert_all(s, sends, n);
	if (code == SQLITE_DONE)
		code = commit(s);
	if (code != SQLITE_OK)
		return give_up(s, code, "append");
	if (store_moved(s)) {
		/* It went into a file that is not there any more: once again, into the one that is. */
		store_news_fini(news);
		status = ready(s, false, news);
		if (status == STORE_OK)
			tell_state(s, news);
		return status == STORE_OK ? STORE_BUSY : status;
	}
	if (tell_sends(s, sends, n, news) != SQLITE_OK) {
		/* Stored, so it must be told: by the next look, from the rows. */
		log_error("store", "doing=\"tell sends\" error=\"no memory\"");
		s->last_id = news->n_messages > 0 ? news->messages[news->n_messages - 1]->f.id : s->last_id;
		s->data_version = -1;
	}
	tell_state(s, news);
	return STORE_OK;
}

static int
bind_and_run(struct store *s, const char *sql, int64_t a, int64_t b)
{
	sqlite3_stmt *stmt = store_prepare(s, sql);

	if (stmt == NULL)
		return sqlite3_errcode(s->db);
	sqlite3_bind_int64(stmt, 1, a);
	if (sqlite3_bind_parameter_count(stmt) > 1)
		sqlite3_bind_int64(stmt, 2, b);
	return store_run(stmt);
}

/* Takes the oldest text of a changed row out of the index, puts the newest in, and drops its notes. */
static int
fill_changed(struct store *s, int64_t seq, int64_t id, int64_t indexed)
{
	int code = SQLITE_DONE;

	if (id <= indexed) {
		code = bind_and_run(s,
		    "INSERT INTO search (search, rowid, room, sender, body)"
		    " SELECT 'delete', id, room, sender, body FROM search_changed WHERE seq = ?",
		    seq, 0);
		if (code == SQLITE_DONE)
			code = bind_and_run(s,
			    "INSERT INTO search (rowid, room, sender, body)"
			    " SELECT id, room, sender, body FROM search_rows WHERE id = ?",
			    id, 0);
	}
	if (code == SQLITE_DONE)
		code = bind_and_run(s, "DELETE FROM changed WHERE id = ?", id, 0);
	return code;
}

static int
fill_changes(struct store *s, int64_t indexed, int *left)
{
	int code = SQLITE_DONE;

	while (code == SQLITE_DONE && *left > 0) {
		/* The oldest note of a row is what the index holds of it, if it holds it. */
		sqlite3_stmt *stmt = store_prepare(s, "SELECT seq, id FROM changed ORDER BY seq LIMIT 1");
		int64_t seq, id;

		if (stmt == NULL)
			return sqlite3_errcode(s->db);
		code = sqlite3_step(stmt);
		seq = sqlite3_column_int64(stmt, 0);
		id = sqlite3_column_int64(stmt, 1);
		sqlite3_reset(stmt);
		if (code != SQLITE_ROW)
			return code;
		code = fill_changed(s, seq, id, indexed);
		--*left;
	}
	return code;
}

/* The id up to which a piece of the index goes from `indexed` on: as many rows, but not too many bytes. */
static int64_t
fill_end(struct store *s, int64_t indexed, int rows)
{
	sqlite3_stmt *stmt = store_prepare(
	    s, "SELECT id, length(coalesce(text, args)) FROM messages WHERE id > ? AND id <= ? ORDER BY id LIMIT ?");
	int64_t end = indexed, bytes = 0;
	int n = 0;

	if (stmt == NULL)
		return indexed;
	sqlite3_bind_int64(stmt, 1, indexed);
	sqlite3_bind_int64(stmt, 2, s->head);
	sqlite3_bind_int(stmt, 3, rows);
	while (sqlite3_step(stmt) == SQLITE_ROW && (n == 0 || bytes + sqlite3_column_int64(stmt, 1) <= FILL_BYTES)) {
		end = sqlite3_column_int64(stmt, 0);
		bytes += sqlite3_column_int64(stmt, 1);
		n++;
	}
	sqlite3_reset(stmt);
	return n == 0 ? s->head : end;
}

static int
fill(struct store *s, struct store_news *news)
{
	int64_t indexed = store_number(s, "SELECT value FROM meta WHERE name = 'indexed'", -1), end;
	int left = FILL_ROWS, code;

	if (indexed < 0)
		return SQLITE_CORRUPT;
	code = fill_changes(s, indexed, &left);
	end = indexed;
	if (code == SQLITE_DONE && left > 0) {
		end = fill_end(s, indexed, left);
		code = bind_and_run(s,
		    "INSERT INTO search (rowid, room, sender, body)"
		    " SELECT id, room, sender, body FROM search_rows WHERE id > ? AND id <= ?",
		    indexed, end);
	}
	if (code == SQLITE_DONE)
		code = bind_and_run(s, "UPDATE meta SET value = ? WHERE name = 'indexed'", end, 0);
	news->indexed = end;
	news->index_behind = left <= 0 || end < s->head;
	return code;
}

enum store_status
store_fill(struct store *s, int64_t floor, struct store_news *news)
{
	enum store_status status = ready(s, true, news);
	int code;

	if (status != STORE_OK || news->reset) {
		tell_state(s, news);
		return status;
	}
	/* Losing the end of the index in a power cut is no loss: what is missing is filled again. */
	store_exec(s, "PRAGMA synchronous = NORMAL");
	code = begin(s, true);
	if (code == SQLITE_OK)
		code = read_news(s, floor, news);
	/* Notes are only taken away once they were told. */
	if (code == SQLITE_DONE && !news->reset && !news->more)
		code = fill(s, news);
	if (code == SQLITE_DONE)
		code = commit(s);
	if (code != SQLITE_OK)
		status = give_up(s, code, "fill the index");
	if (s->db != NULL)
		store_exec(s, "PRAGMA synchronous = FULL");
	if (status == STORE_OK && news->reset)
		status = start_anew(s, news);
	tell_state(s, news);
	return status;
}

static int
write_probe(struct store *s, size_t n)
{
	int code = store_exec(s, "BEGIN IMMEDIATE");

	if (code == SQLITE_OK)
		code = bind_and_run(s, "INSERT OR REPLACE INTO meta VALUES ('probe', zeroblob(?))", (int64_t)n, 0);
	return code == SQLITE_DONE ? store_exec(s, "COMMIT") : code;
}

enum store_status
store_probe(struct store *s, bool thorough)
{
	int code;

	if (s->db == NULL || !s->started)
		return STORE_FAILED;
	code = write_probe(s, thorough ? PROBE_BYTES : 0);
	if (code == SQLITE_OK && thorough)
		code = write_probe(s, 0);
	return code == SQLITE_OK ? STORE_OK : give_up(s, code, "probe");
}

enum store_status
store_checkpoint(struct store *s, bool truncate)
{
	int code;

	if ((s->db == NULL || store_moved(s)) && store_reopen(s, false) != 0)
		return STORE_FAILED;
	s->busy_wait_ms = 0;
	code = sqlite3_wal_checkpoint_v2(
	    s->db, NULL, truncate ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	return code == SQLITE_OK ? STORE_OK : store_failed(s, code, "checkpoint");
}
