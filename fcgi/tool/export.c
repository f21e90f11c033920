#include "export.h"

#include <errno.h>
#include <string.h>

#include "archive.h"
#include "database_bulk.h"
#include "interrupt.h"
#include "progress.h"
#include "say.h"
#include "store/schema.h"

enum { KEPT_BYTES = 1 << 20 };

/* Rows whose types are not the log's cannot be told in its terms; the daemon passes over them, too. */
static const char ROWS[] =
    "SELECT id, 0 AS kind, room, at, event, sender, \"by\", key, changes, edited, attachments, text IS NULL,"
    " coalesce(text, args), changes IS NOT NULL AND NOT EXISTS"
    " (SELECT 1 FROM revisions WHERE target = messages.changes AND revisions.id = messages.id),"
    " typeof(room) = 'text' AND typeof(at) = 'integer' AND typeof(event) = 'text' AND typeof(sender) = 'text'"
    " AND typeof(\"by\") IN ('null', 'text') AND typeof(key) IN ('null', 'text')"
    " AND typeof(changes) IN ('null', 'integer') AND typeof(edited) IN ('null', 'integer')"
    " AND typeof(attachments) = 'integer' AND (text IS NULL) <> (args IS NULL)"
    " AND typeof(coalesce(text, args)) = 'text', CASE WHEN format IN ('plain', 'markdown') THEN format END,"
    " CASE WHEN changes IS NOT NULL AND text IS NOT NULL AND ifnull(format NOT IN ('plain', 'markdown'), 1) THEN"
    " (SELECT t.format FROM revisions AS r JOIN messages AS t ON t.id = r.target WHERE r.target = messages.changes"
    " AND r.id = messages.id AND t.text IS NOT NULL AND t.format IN ('plain', 'markdown')) END"
    " FROM messages WHERE (?1 IS NULL OR at >= ?1) AND (?2 IS NULL OR at < ?2)"
    " UNION ALL "
    "SELECT id, 1, room, at, NULL, NULL, \"by\", key, NULL, NULL, NULL, NULL, NULL, NULL,"
    " typeof(id) = 'integer' AND typeof(room) = 'text' AND typeof(at) = 'integer' AND typeof(\"by\") = 'text'"
    " AND typeof(key) = 'text', NULL, NULL"
    " FROM spent WHERE (?1 IS NULL OR at >= ?1) AND (?2 IS NULL OR at < ?2) AND NOT ?3"
    " ORDER BY id, kind";
enum {
	ID,
	KIND,
	ROOM,
	AT,
	EVENT,
	SENDER,
	BY,
	KEY,
	CHANGES,
	EDITED,
	ATTACHMENTS,
	IS_ARGS,
	BODY,
	SUPERSEDED,
	GOOD,
	FORMAT,
	KEEPS
};

static int
out_of_memory(void)
{
	say_error("out of memory");
	return -1;
}

static int
put(struct export *e, const struct archive_line *l)
{
	struct buf safe;
	size_t n;
	int result = 0;

	buf_reset(&e->line, KEPT_BYTES);
	archive_add(&e->line, l);
	n = e->line.n;
	if (!buf_ok(&e->line))
		return out_of_memory();
	if (!e->terminal) {
		if (fwrite(e->line.p, 1, n, e->to) == n)
			return 0;
	} else {
		buf_init(&safe, SIZE_MAX);
		say_add_safe_json(&safe, (struct str){e->line.p, n - 1});
		buf_add_char(&safe, '\n');
		result = buf_ok(&safe) && fwrite(safe.p, 1, safe.n, e->to) == safe.n;
		buf_fini(&safe);
		if (result != 0)
			return 0;
	}
	say_error("the export cannot be written: %s", strerror(errno));
	return -1;
}

static bool
room_wanted(const struct export *e, struct str room)
{
	for (size_t i = 0; i < e->n_rooms; i++) {
		struct str r = e->rooms[i];
		bool prefix = r.n > 0 && r.p[r.n - 1] == '*';

		if (prefix ? str_starts(room, (struct str){r.p, r.n - 1}) : str_eq(room, r))
			return true;
	}
	return e->n_rooms == 0;
}

static void
read_row(const struct export *e, const struct database_row *row, struct archive_line *l)
{
	*l = (struct archive_line){.kind = database_number(row, KIND) == 0 ? ARCHIVE_MESSAGE : ARCHIVE_SPENT,
	    .id = database_number(row, ID),
	    .at_ms = database_number(row, AT),
	    .room = database_text(row, ROOM),
	    .event = database_text(row, EVENT),
	    .sender = database_text(row, SENDER),
	    .by = database_text(row, BY),
	    .key = e->no_keys ? STR("") : database_text(row, KEY),
	    .changes = database_number(row, CHANGES),
	    .superseded = database_number(row, SUPERSEDED) != 0,
	    .edited = !database_null(row, EDITED),
	    .edited_ms = database_number(row, EDITED),
	    .attachments = database_number(row, ATTACHMENTS),
	    .is_args = database_number(row, IS_ARGS) != 0,
	    .body = database_text(row, BODY),
	    .format = database_text(row, FORMAT),
	    .keeps = database_text(row, KEEPS)};
}

/* An attachment, in as many lines as it needs. */
static int
take_attachment(void *ctx, const struct database_row *row)
{
	struct export *e = ctx;
	struct str rest = database_text(row, 1);
	struct archive_line l = {.kind = ARCHIVE_ATTACHMENT, .num = database_number(row, 0)};

	do {
		l.more = rest.n > ARCHIVE_PIECE_MAX;
		l.data = (struct str){rest.p, l.more ? ARCHIVE_PIECE_MAX : rest.n};
		rest = str_skip(rest, l.data.n);
		if (put(e, &l) != 0)
			return -1;
	} while (l.more);
	e->attachments++;
	return 0;
}

/* Of an export of some messages only their senders' names are told. */
static int
note_sender(struct export *e, const struct archive_line *l)
{
	struct database_value sender = DATABASE_VALUE_TEXT(l->sender);

	if (l->by.n == 0)
		return 0;
	return database_run(
	    e->database, "INSERT OR IGNORE INTO temp.exported VALUES (lower(trim(?1)))", &sender, 1, NULL, NULL);
}

static bool
some_only(const struct export *e)
{
	return e->n_rooms > 0 || e->from || e->until;
}

static int
leave_out(struct export *e, const struct archive_line *l)
{
	if (e->left_out++ == 0)
		e->first_left_out = l->id;
	return 0;
}

static int
take_row(void *ctx, const struct database_row *row)
{
	struct export *e = ctx;
	struct archive_line l;
	struct database_value id;
	char why[ARCHIVE_WHY_SIZE];

	if (interrupt_came()) {
		progress_end();
		say_error("interrupted");
		return -1;
	}
	if (!room_wanted(e, database_text(row, ROOM)))
		return 0;
	read_row(e, row, &l);
	if (database_number(row, GOOD) == 0 || !archive_check(&l, why))
		return leave_out(e, &l);
	if (put(e, &l) != 0)
		return -1;
	progress_show("exporting", l.id, e->head);
	if (l.kind == ARCHIVE_SPENT) {
		e->spent++;
		return 0;
	}
	e->messages++;
	if (some_only(e) && note_sender(e, &l) != 0)
		return -1;
	id = DATABASE_VALUE_NUMBER(l.id);
	return database_run(e->database,
	    "SELECT num, data FROM attachments WHERE message = ?1 AND typeof(data) = 'blob' AND num BETWEEN 0 AND 9"
	    " ORDER BY num",
	    &id, 1, take_attachment, e);
}

static int
take_proven(void *ctx, const struct database_row *row)
{
	struct export *e = ctx;
	struct archive_line l = {.kind = ARCHIVE_PROVEN, .sender = database_text(row, 0)};

	e->proven++;
	return put(e, &l);
}

static int
export_lines(struct export *e)
{
	struct database_value values[] = {e->from ? DATABASE_VALUE_NUMBER(e->from_ms) : DATABASE_VALUE_NULL,
	    e->until ? DATABASE_VALUE_NUMBER(e->until_ms) : DATABASE_VALUE_NULL, DATABASE_VALUE_NUMBER(e->no_keys)};
	struct archive_line header = {.kind = ARCHIVE_HEADER,
	    .version = ARCHIVE_VERSION,
	    .schema = schema_version,
	    .keys = !e->no_keys,
	    .head = e->head};
	struct archive_line end = {.kind = ARCHIVE_END};

	if (put(e, &header) != 0 || database_run(e->database, ROWS, values, 3, take_row, e) != 0 ||
	    database_run(e->database,
	        some_only(e) ? "SELECT name FROM proven WHERE typeof(name) = 'text' AND name IN (SELECT name FROM"
	                       " temp.exported) ORDER BY name"
	                     : "SELECT name FROM proven WHERE typeof(name) = 'text' ORDER BY name",
	        NULL, 0, take_proven, e) != 0)
		return -1;
	end.messages = e->messages;
	end.attachments = e->attachments;
	end.spent = e->spent;
	end.proven = e->proven;
	return put(e, &end);
}

int
export_run(struct export *e)
{
	int result;

	buf_init(&e->line, SIZE_MAX);
	result = database_run(
	    e->database, "CREATE TEMP TABLE exported (name TEXT PRIMARY KEY) WITHOUT ROWID", NULL, 0, NULL, NULL);
	if (result == 0)
		result = database_begin_read(e->database);
	if (result == 0)
		result = database_head(e->database, &e->head);
	if (result == 0)
		result = export_lines(e);
	database_undo(e->database);
	progress_end();
	if (result == 0 && fflush(e->to) != 0) {
		say_error("the export cannot be written: %s", strerror(errno));
		result = -1;
	}
	buf_fini(&e->line);
	return result;
}
