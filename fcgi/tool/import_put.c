#include "database_bulk.h"
#include "import.h"
#include "say.h"

/* ---- which id it gets ---- */

/* A new id for one of the file, above all that were given: the next, with as many left out as the file leaves out. */
static int
new_id(struct import *m, int64_t id, int64_t *to)
{
	const struct import_span *s = m->map.n == 0 ? NULL : &m->map.spans[m->map.n - 1];
	int64_t distance = s == NULL ? m->log_head - m->last : s->distance;

	/* Others have stored since, or it is behind one that was there: what the file only names is above them, too. */
	if (s != NULL && (s->there || m->last + distance < m->log_head))
		distance = m->log_head - m->last;
	if (m->kept && distance != 0) {
		m->kept = false;
		say_warning("others stored messages meanwhile: ids are not kept from %lld on", (long long)id);
	}
	if (distance > MESSAGE_ID_MAX - id) {
		say_error("the log's ids end before the file does");
		return -1;
	}
	*to = id + distance;
	return import_map_put(&m->map, m->last + 1, distance, false);
}

/* All up to this id of the file is done: what it has become, or would have, is given. */
static void
advance(struct import *m, int64_t id)
{
	const struct import_span *s = m->map.n == 0 ? NULL : &m->map.spans[m->map.n - 1];

	m->last = id;
	if (s != NULL && !s->there && id + s->distance > m->log_head)
		m->log_head = id + s->distance;
}

/* The log has this one already. What the file leaves out before it has ids of its own. */
static int
put_there(struct import *m, int64_t id, int64_t found)
{
	int64_t to;

	if (m->last + 1 < id) {
		if (new_id(m, id - 1, &to) != 0)
			return -1;
		advance(m, id - 1);
	}
	return import_map_put(&m->map, id, found - id, true);
}

/* What an id that a change names has become; *there: a message that the log had already. */
static int64_t
find_target(const struct import *m, int64_t id, bool *there)
{
	const struct import_span *s = import_map_find(&m->map, id);

	*there = s != NULL && s->there;
	return s == NULL ? id : id + s->distance;
}

static void
set_keyed(struct database_value values[3], const struct archive_line *l)
{
	values[0] = DATABASE_VALUE_TEXT(l->room);
	values[1] = DATABASE_VALUE_TEXT(l->key);
	values[2] = DATABASE_VALUE_TEXT(l->by);
}

/* The message of the log with this key; 0: none. */
static int
find_key(struct import *m, const struct archive_line *l, int64_t *id)
{
	struct database_value values[3];

	*id = 0;
	if (l->key.n == 0)
		return 0;
	set_keyed(values, l);
	return database_one(m->database,
	    "SELECT id FROM messages WHERE room = ?1 AND key = ?2 AND ifnull(\"by\", '') = ?3"
	    " UNION ALL SELECT id FROM spent WHERE room = ?1 AND key = ?2 AND \"by\" = ?3 LIMIT 1",
	    values, 3, 0, id);
}

/* ---- rows ---- */

static struct database_value
text_or_null(bool there, struct str text)
{
	return there ? DATABASE_VALUE_TEXT(text) : DATABASE_VALUE_NULL;
}

static struct database_value
number_or_null(bool there, int64_t number)
{
	return there ? DATABASE_VALUE_NUMBER(number) : DATABASE_VALUE_NULL;
}

static int
insert(struct import *m, const struct archive_line *l, int64_t id, int64_t target)
{
	struct database_value values[] = {DATABASE_VALUE_NUMBER(id), DATABASE_VALUE_TEXT(l->room),
	    DATABASE_VALUE_TEXT(l->event), DATABASE_VALUE_TEXT(l->sender), text_or_null(!l->is_args, l->body),
	    text_or_null(l->is_args, l->body), DATABASE_VALUE_NUMBER(l->attachments),
	    text_or_null(l->key.n > 0, l->key), DATABASE_VALUE_NUMBER(l->at_ms), text_or_null(l->by.n > 0, l->by),
	    number_or_null(target > 0, target), number_or_null(l->edited, l->edited_ms),
	    text_or_null(l->format.n > 0, l->format)};

	m->stored++;
	return database_run(m->database,
	    "INSERT INTO messages (id, room, event, sender, text, args, attachments, key, at, \"by\", changes, edited,"
	    " format) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
	    values, sizeof values / sizeof values[0], NULL, NULL);
}

static int
put_message(struct import *m, const struct archive_line *l, int64_t id)
{
	if (insert(m, l, id, 0) != 0)
		return -1;
	m->message = id;
	return import_add_to_room(m, l, id);
}

/* A change of a message that came with this file: what it did stands in that message, or in its absence. */
static int
put_change(struct import *m, const struct archive_line *l, int64_t id, int64_t target)
{
	struct database_value values[3];

	if (insert(m, l, id, target) != 0 || import_add_to_room(m, l, id) != 0)
		return -1;
	m->message = id;
	if (l->superseded)
		return 0;
	values[0] = DATABASE_VALUE_NUMBER(target);
	values[1] = DATABASE_VALUE_NUMBER(id);
	values[2] = DATABASE_VALUE_NUMBER(str_eq(l->event, MESSAGE_DELETED));
	return database_run(m->database, "INSERT OR REPLACE INTO revisions VALUES (?1, ?2, ?3)", values, 3, NULL, NULL);
}

/* Whether a message that was there already is to be changed: it is there still, and has no change as new as this. */
static int
look_at_target(struct import *m, const struct archive_line *l, int64_t target, bool *changes)
{
	struct database_value values[] = {
	    DATABASE_VALUE_NUMBER(target), DATABASE_VALUE_TEXT(l->room), DATABASE_VALUE_NUMBER(l->at_ms)};
	int64_t n;
	int result = database_one(m->database,
	    "SELECT count(*) FROM messages AS t WHERE t.id = ?1 AND t.room = ?2 AND t.changes IS NULL AND NOT EXISTS"
	    " (SELECT 1 FROM revisions AS r JOIN messages AS c ON c.id = r.id WHERE r.target = ?1 AND c.at >= ?3)",
	    values, 3, 0, &n);

	*changes = result == 0 && n > 0 && !l->superseded;
	return result;
}

/* A change of a message that was there already, as any program makes one. What it keeps may be of a change before it,
 * which is left out. */
static int
put_change_of_other(struct import *m, const struct archive_line *l, int64_t id, int64_t target)
{
	struct archive_line change = *l;
	bool changes;
	int result = look_at_target(m, l, target, &changes);

	if (result != 0)
		return -1;
	if (!changes) {
		m->there++;
		return 0;
	}
	if (change.format.n == 0)
		change.format = change.keeps;
	database_triggers(m->database, true);
	result = insert(m, &change, id, target);
	database_triggers(m->database, false);
	return result == 0 ? import_add_to_room(m, l, id) : -1;
}

static int
put_row(struct import *m, const struct archive_line *l)
{
	int64_t found, id, target;
	bool there;
	int result;

	m->message = 0;
	if (find_key(m, l, &found) != 0)
		return -1;
	if (found > 0) {
		m->there++;
		result = put_there(m, l->id, found);
	} else if (new_id(m, l->id, &id) != 0) {
		result = -1;
	} else if (l->changes == 0) {
		result = put_message(m, l, id);
	} else {
		/* Behind new_id(): it may be one that the file leaves out since the last. */
		target = find_target(m, l->changes, &there);
		result = there ? put_change_of_other(m, l, id, target) : put_change(m, l, id, target);
	}
	advance(m, l->id);
	return result;
}

static int
put_spent(struct import *m, const struct archive_line *l)
{
	struct database_value values[5];
	int64_t id;

	m->message = 0;
	if (find_key(m, l, &id) != 0)
		return -1;
	if (id > 0) {
		if (put_there(m, l->id, id) != 0)
			return -1;
		advance(m, l->id);
		return 0;
	}
	if (new_id(m, l->id, &id) != 0)
		return -1;
	advance(m, l->id);
	set_keyed(values, l);
	values[3] = DATABASE_VALUE_NUMBER(id);
	values[4] = DATABASE_VALUE_NUMBER(l->at_ms);
	return database_run(m->database, "INSERT INTO spent (room, key, \"by\", id, at) VALUES (?1, ?2, ?3, ?4, ?5)",
	    values, 5, NULL, NULL);
}

static int
put_attachment(struct import *m, const struct archive_line *l)
{
	struct database_value values[3];

	if (m->message == 0)
		return 0;
	buf_add(&m->data, l->data);
	if (!buf_ok(&m->data)) {
		say_error("out of memory");
		return -1;
	}
	if (l->more)
		return 0;
	values[0] = DATABASE_VALUE_NUMBER(m->message);
	values[1] = DATABASE_VALUE_NUMBER(l->num);
	values[2] = DATABASE_VALUE_BLOB(buf_str(&m->data));
	if (database_run(m->database, "INSERT INTO attachments VALUES (?1, ?2, ?3)", values, 3, NULL, NULL) != 0)
		return -1;
	buf_reset(&m->data, ARCHIVE_PIECE_MAX);
	return 0;
}

static int
put_proven(struct import *m, const struct archive_line *l)
{
	struct database_value name = DATABASE_VALUE_TEXT(l->sender);

	return database_run(
	    m->database, "INSERT INTO proven VALUES (?1) ON CONFLICT (name) DO NOTHING", &name, 1, NULL, NULL);
}

int
import_put(struct import *m)
{
	const struct archive_line *l = &m->file.got;

	switch (l->kind) {
	case ARCHIVE_MESSAGE:
		return put_row(m, l);
	case ARCHIVE_SPENT:
		return put_spent(m, l);
	case ARCHIVE_ATTACHMENT:
		return put_attachment(m, l);
	case ARCHIVE_PROVEN:
		return put_proven(m, l);
	default:
		return 0;
	}
}
