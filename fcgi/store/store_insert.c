#include "base/clock.h"
#include "base/log.h"
#include "base/token.h"
#include "store_writer.h"

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

/* How many rows one INSERT may have: what it costs to run a statement, and to keep a way back from it, is shared. */
#define RUN_ROWS_MAX 32

/* Without and with a format: most have none, and a column more would cost each a twentieth of SQLite's time. */
#define COLUMNS_PLAIN "room, event, sender, text, args, key, at, attachments, \"by\""
#define ROW_PLAIN "(?, ?, ?, ?, ?, ?, ?, ?, ?)"
#define ROW_FORMAT "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
#define TWO(rows) rows ", " rows
#define BOTH(rows)                                                                               \
	{                                                                                        \
		"INSERT INTO messages (" COLUMNS_PLAIN ") VALUES " rows(ROW_PLAIN),              \
		    "INSERT INTO messages (" COLUMNS_PLAIN ", format) VALUES " rows(ROW_FORMAT), \
	}
#define ROWS_1(row) row
#define ROWS_2(row) TWO(row)
#define ROWS_4(row) TWO(TWO(row))
#define ROWS_8(row) TWO(TWO(TWO(row)))
#define ROWS_16(row) TWO(TWO(TWO(TWO(row))))
#define ROWS_32(row) TWO(TWO(TWO(TWO(TWO(row)))))

enum { COLUMNS = 9 /* and the format */, SINGLY = 5 };

static const struct {
	size_t rows;
	const char *sql[2]; /* [whether some have a format] */
} INSERTS[] = {
    {32, BOTH(ROWS_32)},
    {16, BOTH(ROWS_16)},
    {8, BOTH(ROWS_8)},
    {4, BOTH(ROWS_4)},
    {2, BOTH(ROWS_2)},
    [SINGLY] = {1, BOTH(ROWS_1)},
};

static void
bind(sqlite3_stmt *stmt, int column, struct store_send *send)
{
	const struct message_fields *f = &send->message->f;

	store_bind_str(stmt, column + 1, f->room);
	store_bind_str(stmt, column + 2, f->event);
	store_bind_str(stmt, column + 3, f->sender);
	store_bind_str(stmt, column + (f->is_args ? 5 : 4), f->body);
	if (f->key.n > 0)
		store_bind_str(stmt, column + 6, f->key);
	send->at_ms = clock_wall_ms();
	sqlite3_bind_int64(stmt, column + 7, send->at_ms);
	sqlite3_bind_int(stmt, column + 8, (int)f->n_attachments);
	if (f->by.n > 0)
		store_bind_str(stmt, column + 9, f->by);
	if (f->format != MESSAGE_AS_IT_IS)
		store_bind_str(stmt, column + 10, message_format_name(f->format));
}

/* Sends that are to be inserted next, in the order of their ids. */
struct run {
	struct store_send *sends[RUN_ROWS_MAX];
	size_t n;
	bool odd; /* the batch is not what we think: a multi-row INSERT lost rows, or one was refused */
};

static bool
some_format(struct store_send *const *sends, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (sends[i]->message->f.format != MESSAGE_AS_IT_IS)
			return true;
	return false;
}

/* These in one statement, of the kind for as many: an SQLite result code (SQLITE_DONE is good). */
static int
insert_rows(struct store *s, struct run *run, size_t from, size_t kind)
{
	struct store_send **sends = run->sends + from;
	size_t n = INSERTS[kind].rows;
	bool formats = some_format(sends, n);
	sqlite3_stmt *stmt = store_prepare(s, INSERTS[kind].sql[formats]);
	int64_t first;
	bool there;
	int code;

	if (stmt == NULL)
		return s->trouble;
	sqlite3_clear_bindings(stmt);
	for (size_t i = 0; i < n; i++)
		bind(stmt, (int)i * (COLUMNS + formats), sends[i]);
	/* A trigger that keeps the log short may have to do with a row that got past the rules. */
	sqlite3_limit(s->db, SQLITE_LIMIT_LENGTH, STORE_SQLITE_LENGTH_MAX);
	code = store_run(stmt);
	sqlite3_limit(s->db, SQLITE_LIMIT_LENGTH, STORE_LENGTH_MAX);
	if (code != SQLITE_DONE)
		return code;
	there = sqlite3_changes(s->db) == (int)n;
	run->odd = run->odd || (!there && n > 1);
	/* One after the other, unless a trigger of the user's inserts as well: see only_ours(). */
	first = sqlite3_last_insert_rowid(s->db) - (int64_t)n + 1;
	for (size_t i = 0; i < n; i++) {
		/* A trigger may pass over it: which one is known only of a single row. */
		sends[i]->outcome = there || n > 1 ? STORE_STORED : STORE_REFUSED;
		sends[i]->id = first + (int64_t)i;
	}
	return code;
}

static bool
refused(struct store *s, int code)
{
	/* A trigger may have ended the transaction as well (RAISE(ROLLBACK)). */
	return (code & 0xFF) == SQLITE_CONSTRAINT && !sqlite3_get_autocommit(s->db);
}

/*
 * Singly, a row and its attachments have a way back of their own: SQLite undoes what is refused, unless a trigger does
 * so by RAISE(FAIL), which leaves what came before it, or the attachments are refused and not the row.
 */
static int
insert_singly(struct store *s, struct run *run, size_t i)
{
	struct store_send *send = run->sends[i];
	int code = store_exec(s, "SAVEPOINT row");

	if (code == SQLITE_OK)
		code = insert_rows(s, run, i, SINGLY);
	if (code == SQLITE_DONE && send->outcome == STORE_STORED)
		code = insert_attachments(s, send->id, &send->message->f);
	if (refused(s, code)) {
		/* A rule of the schema that was not checked before it came here, or the user's own. */
		log_error("refused", "room=%.*s error=\"%s\"", STR_ARGS(send->message->f.room), store_message(s, code));
		send->outcome = STORE_REFUSED;
		code = store_exec(s, "ROLLBACK TO row");
		code = code == SQLITE_OK ? SQLITE_DONE : code;
	}
	if (code == SQLITE_DONE)
		code = store_exec(s, "RELEASE row");
	return code == SQLITE_OK ? SQLITE_DONE : code;
}

/* As many at once as can be; run->odd when one is refused, and what became of it and of others is not known. */
static int
insert_together(struct store *s, struct run *run)
{
	int code = SQLITE_DONE;
	size_t done = 0;

	for (size_t kind = 0; done < run->n && code == SQLITE_DONE;) {
		size_t n = INSERTS[kind].rows;

		if (n > run->n - done) {
			kind++;
			continue;
		}
		code = insert_rows(s, run, done, kind);
		done += n;
	}
	for (size_t i = 0; i < run->n && code == SQLITE_DONE && !run->odd; i++)
		if (run->sends[i]->outcome == STORE_STORED)
			code = insert_attachments(s, run->sends[i]->id, &run->sends[i]->message->f);
	run->odd = run->odd || refused(s, code);
	return refused(s, code) ? SQLITE_DONE : code;
}

static int
insert_run(struct store *s, struct run *run)
{
	int code = SQLITE_DONE;

	if (run->odd)
		; /* what was inserted is undone anyway */
	else if (!s->singly)
		code = insert_together(s, run);
	else
		for (size_t i = 0; i < run->n && code == SQLITE_DONE; i++)
			code = insert_singly(s, run, i);
	run->n = 0;
	return code;
}

/* Whether a send of the run has this room, key and `by`. */
static bool
key_in(const struct run *run, const struct message_fields *f)
{
	for (size_t i = 0; i < run->n; i++) {
		const struct message_fields *other = &run->sends[i]->message->f;

		if (str_eq(other->key, f->key) && str_eq(other->room, f->room) && str_eq(other->by, f->by))
			return true;
	}
	return false;
}

/*
 * True if `changes` are exactly those of our inserts: no trigger of the user's did anything. A user may have triggers
 * that insert answers, correct what was inserted, or delete what is old. changed: some of ours changed or deleted
 * others, which is not counted here, and is told in any case.
 */
static bool
only_ours(struct store *s, const struct store_send *sends, size_t n, int changes, bool changed)
{
	int64_t stored = 0;

	for (size_t i = 0; i < n; i++)
		if (sends[i].outcome == STORE_STORED) {
			stored++;
			changes -= 2 + (int)sends[i].message->f.n_attachments; /* its row, and its room's */
		}
	return (changes == 0 && !changed) ||
	       (store_number(s, "SELECT seq FROM sqlite_sequence WHERE name = 'messages'", 0) == s->head + stored &&
	           (changed || store_number(s, "SELECT max(seq) FROM changed", 0) <= s->last_change) &&
	           store_access_version(s) == s->access_version);
}

/* What is known before it is inserted: a replay, a name that is somebody's, a room that may not be made. */
static int
look_up(struct store *s, struct run *run, struct store_send *send)
{
	const struct message_fields *f = &send->message->f;
	int code = SQLITE_DONE;

	send->outcome = STORE_STORED;
	send->made_room = false;
	if (f->key.n > 0 && key_in(run, f))
		code = insert_run(s, run);
	if (f->key.n > 0 && code == SQLITE_DONE)
		code = store_find_key(s, send);
	if (code == SQLITE_DONE && send->outcome == STORE_STORED)
		code = store_allow(s, send, run->sends, run->n);
	return code;
}

/* No room was made by a send that was not stored, and a name that it had is not proven. */
static void
forget_refused(struct store *s, struct store_send *sends, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (sends[i].outcome == STORE_REFUSED) {
			sends[i].made_room = false;
			store_forget_names(s);
		}
}

/* A change goes by itself, behind those before it: what these have stored it may change. */
static int
insert_change(struct store *s, struct run *run, struct store_send *send, bool *changed)
{
	int code = insert_run(s, run);

	send->outcome = STORE_STORED;
	send->made_room = false;
	if (code == SQLITE_DONE && !run->odd && send->message->f.key.n > 0)
		code = store_find_key(s, send);
	if (code == SQLITE_DONE && !run->odd && send->outcome == STORE_STORED) {
		code = store_insert_change(s, send);
		*changed = *changed || send->outcome == STORE_STORED;
	}
	return code;
}

int
store_insert(struct store *s, struct store_send *sends, size_t n, struct store_inserted *what)
{
	int changes = sqlite3_total_changes(s->db);
	struct run run = {.n = 0};
	int code = SQLITE_DONE;

	what->changed = false;
	for (size_t i = 0; i < n && code == SQLITE_DONE; i++) {
		if (sends[i].message->f.changes > 0) {
			code = insert_change(s, &run, &sends[i], &what->changed);
			continue;
		}
		code = look_up(s, &run, &sends[i]);
		if (sends[i].outcome == STORE_STORED)
			run.sends[run.n++] = &sends[i];
		if (code == SQLITE_DONE && (run.n == RUN_ROWS_MAX || s->singly))
			code = insert_run(s, &run);
		if (s->singly)
			forget_refused(s, &sends[i], 1); /* the next one may make the room */
	}
	if (code == SQLITE_DONE)
		code = insert_run(s, &run);
	forget_refused(s, sends, n);
	what->all_ours = code == SQLITE_DONE && !run.odd &&
	                 only_ours(s, sends, n, sqlite3_total_changes(s->db) - changes, what->changed);
	/* A single row has its id, whatever else happened; of several, which is whose is not known. */
	what->unsure = code == SQLITE_DONE && (run.odd || (!what->all_ours && n > 1));
	return code == SQLITE_DONE && s->trouble != SQLITE_OK ? s->trouble : code;
}
