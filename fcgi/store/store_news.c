#include <stdlib.h>
#include <string.h>

#include "schema.h"
#include "store_writer.h"

enum {
	NEWS_ROWS = 1000, /* in one answer, unless our own sends are more */
	NEWS_CHANGES = 10000,
	NEWS_BYTES = 8 * 1024 * 1024,
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

int
store_news_add(struct store_news *news, struct message *m)
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
	store_access_free(news->access);
	*news = (struct store_news){0};
}

/* What one answer still has room for. */
struct room_left {
	size_t rows, bytes;
};

/* Every row above the last id told, as far as one answer goes, or up to one that is too long to be read. */
static int
read_some(struct store *s, struct store_news *news, struct room_left *left)
{
	sqlite3_stmt *stmt = store_prepare(s, "SELECT " STORE_COLUMNS " FROM messages WHERE id > ? ORDER BY id");
	int code;

	if (stmt == NULL)
		return s->trouble;
	sqlite3_bind_int64(stmt, 1, s->last_id);
	while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
		int64_t id = sqlite3_column_int64(stmt, 0);
		struct message *m;

		if (left->rows == 0 || left->bytes == 0) {
			news->more = true;
			break;
		}
		m = store_row_message(s, stmt);
		if (m != NULL && store_news_add(news, m) != SQLITE_OK) {
			message_drop(m);
			store_note(s, SQLITE_NOMEM);
		}
		if (s->trouble != SQLITE_OK)
			break;
		left->rows--;
		if (m != NULL)
			left->bytes -= m->size < left->bytes ? m->size : left->bytes;
		s->last_id = id;
	}
	sqlite3_reset(stmt);
	return s->trouble != SQLITE_OK ? s->trouble : code == SQLITE_ROW ? SQLITE_DONE : code;
}

/* If it is the name of its room that is too long, the table of rooms could not be read. */
static int
drop_room(struct store *s, int64_t id)
{
	int code;

	sqlite3_limit(s->db, SQLITE_LIMIT_LENGTH, STORE_SQLITE_LENGTH_MAX);
	code = store_run_with(s, "DELETE FROM rooms WHERE last = ? AND length(CAST(name AS BLOB)) > 64", id, 0);
	sqlite3_limit(s->db, SQLITE_LIMIT_LENGTH, STORE_LENGTH_MAX);
	return code;
}

static int
read_rows(struct store *s, struct store_news *news)
{
	struct room_left left = {NEWS_ROWS, NEWS_BYTES};
	int code;

	while ((code = read_some(s, news, &left)) == SQLITE_TOOBIG) {
		int64_t id =
		    store_number_with(s, "SELECT id FROM messages WHERE id > ? ORDER BY id LIMIT 1", s->last_id, 0);

		if (id == 0)
			return code;
		store_passed_over(s, id, "it has more bytes than are read");
		code = drop_room(s, id);
		if (code != SQLITE_DONE)
			return code;
		s->last_id = id;
	}
	return code;
}

/* Adds the change under stmt to the news; false without memory. One of a room that can be none is of no message. */
static bool
add_change(struct store *s, sqlite3_stmt *stmt, int64_t floor, struct store_news *news)
{
	struct store_change *c = grown(news->changes, news->n_changes, &news->cap_changes, sizeof *news->changes);
	struct str room = store_column(stmt, 2);

	if (c == NULL)
		return false;
	news->changes = c;
	if (!message_room_ok(room))
		return true;
	c += news->n_changes++;
	*c = (struct store_change){.id = sqlite3_column_int64(stmt, 1), .told = sqlite3_column_int(stmt, 3) == 1};
	memcpy(c->room, room.p, room.n);
	/* Memory does not hold what is below its floor. */
	if (c->id > floor)
		c->message = store_row_by_id(s, c->id);
	return true;
}

static int
read_some_changes(struct store *s, int64_t floor, struct store_news *news)
{
	sqlite3_stmt *stmt = store_prepare(s, "SELECT seq, id, room, kind FROM changed WHERE seq > ? ORDER BY seq");
	int code;

	if (stmt == NULL)
		return s->trouble;
	sqlite3_bind_int64(stmt, 1, s->last_change);
	while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
		if (news->n_changes >= NEWS_CHANGES) {
			news->more = true;
			break;
		}
		if (!add_change(s, stmt, floor, news)) {
			code = SQLITE_NOMEM;
			break;
		}
		s->last_change = sqlite3_column_int64(stmt, 0);
	}
	sqlite3_reset(stmt);
	return code == SQLITE_ROW ? SQLITE_DONE : code;
}

int
store_read_changes(struct store *s, int64_t floor, struct store_news *news)
{
	int code;

	while ((code = read_some_changes(s, floor, news)) == SQLITE_TOOBIG) {
		int64_t seq = store_number_with(
		    s, "SELECT seq FROM changed WHERE seq > ? ORDER BY seq LIMIT 1", s->last_change, 0);

		if (seq == 0)
			break;
		s->last_change = seq; /* its room's name is that long: nobody was told of the message */
	}
	return code;
}

static bool
same_epoch(struct store *s)
{
	sqlite3_stmt *stmt = store_prepare(s, "SELECT value FROM meta WHERE name = 'epoch'");
	bool same;

	if (stmt == NULL)
		return false;
	same = sqlite3_step(stmt) == SQLITE_ROW && str_eq(store_column(stmt, 0), str_of(s->epoch));
	store_reset(s, stmt);
	return same;
}

static void
read_asked(struct store *s, struct store_news *news)
{
	int64_t asked = store_number(s, "SELECT value FROM meta WHERE name = 'erase_asked'", 0);

	news->erase_now = asked != s->erase_asked;
	s->erase_asked = asked;
}

int
store_read_news(struct store *s, int64_t floor, struct store_news *news)
{
	int64_t version = store_number(s, "PRAGMA data_version", -1), head;
	bool known;
	int code;

	if (version >= 0 && version == s->data_version)
		return s->access_version == 0 ? store_read_access(s, false, news) : SQLITE_DONE;
	store_forget_names(s);
	head = store_greatest_id(s);
	known = store_number(s, "PRAGMA user_version", 0) == schema_version && head >= s->head && same_epoch(s);
	if (s->trouble != SQLITE_OK)
		return s->trouble;
	if (!known) {
		s->wiped = head < s->head;
		news->reset = true;
		return SQLITE_DONE;
	}
	if (head > MESSAGE_ID_MAX && (code = store_mend_ids(s)) != SQLITE_OK)
		return code;
	head = store_greatest_id(s);
	read_asked(s, news);
	/* First: whoever may read them no more must not be told of the rows. */
	code = store_read_access(s, false, news);
	if (code == SQLITE_DONE)
		code = read_rows(s, news);
	if (code == SQLITE_DONE)
		code = store_read_changes(s, floor, news);
	if (code == SQLITE_DONE && s->trouble != SQLITE_OK)
		code = s->trouble;
	if (code != SQLITE_DONE)
		return code;
	s->head = news->more ? s->last_id : head;
	s->last_id = s->head;
	s->data_version = news->more ? -1 : version;
	return SQLITE_DONE;
}
