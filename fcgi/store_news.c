#include <stdio.h>
#include <stdlib.h>

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
		return s->trouble;
	sqlite3_bind_int64(stmt, 1, s->last_id);
	while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct message *m;

		if (news->n_messages >= NEWS_ROWS || bytes >= NEWS_BYTES) {
			news->more = true;
			break;
		}
		m = row_message(s, stmt);
		if (m == NULL || store_news_add(news, m) != SQLITE_OK) {
			message_drop(m);
			code = SQLITE_NOMEM;
			break;
		}
		bytes += m->size;
		s->last_id = m->f.id;
	}
	store_reset(s, stmt);
	return code == SQLITE_ROW ? SQLITE_DONE : code;
}

/* What a changed row is now; NULL when it is deleted. Without memory too, but that is noted. */
static struct message *
row_now(struct store *s, int64_t id)
{
	sqlite3_stmt *stmt = store_prepare(s, "SELECT " STORE_COLUMNS " FROM messages WHERE id = ?");
	struct message *m = NULL;

	if (stmt == NULL)
		return NULL;
	sqlite3_bind_int64(stmt, 1, id);
	if (sqlite3_step(stmt) == SQLITE_ROW && (m = row_message(s, stmt)) == NULL)
		store_note(s, SQLITE_NOMEM);
	store_reset(s, stmt);
	return m;
}

static int
read_changes(struct store *s, int64_t floor, struct store_news *news)
{
	sqlite3_stmt *stmt = store_prepare(s, "SELECT seq, id, room FROM changed WHERE seq > ? ORDER BY seq");
	int code;

	if (stmt == NULL)
		return s->trouble;
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
	store_reset(s, stmt);
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
	store_reset(s, stmt);
	return same;
}

int
store_read_news(struct store *s, int64_t floor, struct store_news *news)
{
	int64_t version = store_number(s, "PRAGMA data_version", -1), head;
	bool known;
	int code;

	if (version >= 0 && version == s->data_version)
		return SQLITE_DONE;
	head = store_number(s, "SELECT seq FROM sqlite_sequence WHERE name = 'messages'", 0);
	known = store_number(s, "PRAGMA user_version", 0) == schema_version && head >= s->head && same_epoch(s);
	if (s->trouble != SQLITE_OK)
		return s->trouble;
	if (!known) {
		s->wiped = head < s->head;
		news->reset = true;
		return SQLITE_DONE;
	}
	code = read_rows(s, news);
	if (code == SQLITE_DONE)
		code = read_changes(s, floor, news);
	if (code == SQLITE_DONE && s->trouble != SQLITE_OK)
		code = s->trouble;
	if (code != SQLITE_DONE)
		return code;
	s->head = news->more ? s->last_id : head;
	s->last_id = s->head;
	s->data_version = news->more ? -1 : version;
	return SQLITE_DONE;
}
