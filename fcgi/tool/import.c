#include "import.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "database_bulk.h"
#include "interrupt.h"
#include "progress.h"
#include "say.h"

enum {
	PIECE_US = 3000, /* a transaction gives the lock back after it, */
	PIECE_LINES = 1000,
	PIECE_REST_MAX_MS = 10, /* and a pause follows that is as long, or so long */
	NAME_SIZE = IMPORT_HASH_SIZE + 16,
};

/* ---- how far it is ---- */

static struct database_value
state_name(const struct import *m, char name[NAME_SIZE])
{
	snprintf(name, NAME_SIZE, "import:%s", m->hash);
	return DATABASE_VALUE_TEXT(str_of(name));
}

static int
take_state(void *ctx, const struct database_row *row)
{
	snprintf(ctx, IMPORT_STATE_SIZE, "%.*s", (int)(database_text(row, 0).n % IMPORT_STATE_SIZE),
	    database_text(row, 0).p);
	return 0;
}

static int
read_state(struct import *m, char state[IMPORT_STATE_SIZE])
{
	char name[NAME_SIZE];
	struct database_value value = state_name(m, name);

	state[0] = '\0';
	return database_run(m->database, "SELECT value FROM meta WHERE name = ?1", &value, 1, take_state, state);
}

static int
write_state(struct import *m)
{
	char name[NAME_SIZE];
	struct database_value values[] = {state_name(m, name), DATABASE_VALUE_TEXT(str_of(m->state))};

	return database_run(m->database, "INSERT OR REPLACE INTO meta VALUES (?1, ?2)", values, 2, NULL, NULL);
}

/* Goes on where an earlier run ended. */
static int
resume(struct import *m)
{
	long long offset, number, last, stored, there;
	int kept;

	if (strncmp(m->state, "done ", 5) == 0) {
		m->done = true;
		return 0;
	}
	if (sscanf(m->state, "%lld %lld %lld %lld %lld %d", &offset, &number, &last, &stored, &there, &kept) != 6) {
		say_error("what the log says of an earlier import of this file cannot be read: '%s'", m->state);
		return -1;
	}
	m->begun = true;
	m->last = last;
	m->stored = m->before = stored;
	m->there = there;
	m->kept = kept != 0;
	if (import_map_load(&m->map, m->database, m->hash) != 0)
		return -1;
	return import_file_seek(&m->file, offset, number);
}

int
import_look(struct import *m)
{
	if (database_begin_read(m->database) != 0 || read_state(m, m->state) != 0 ||
	    database_head(m->database, &m->log_head) != 0)
		return -1;
	database_undo(m->database);
	if (m->state[0] != '\0')
		return resume(m);
	m->kept = m->log_head == 0;
	m->last = m->kept || m->first == 0 ? 0 : m->first - 1;
	return import_file_seek(&m->file, 0, 0);
}

/* ---- pieces ---- */

/* As it was left: nobody else imports the same. And the ids that others have taken since are passed over. */
static int
begin_piece(struct import *m)
{
	char state[IMPORT_STATE_SIZE];

	if (import_file_same(&m->file) != 0 || read_state(m, state) != 0 ||
	    database_head(m->database, &m->log_head) != 0)
		return -1;
	if (strcmp(state, m->state) != 0) {
		say_error("another longline imports this file just now");
		return -1;
	}
	return 0;
}

/* Nobody else may be given an id that stands for something in the file. */
static int
raise_head(struct import *m, int64_t head)
{
	struct database_value value = DATABASE_VALUE_NUMBER(head);

	return database_run(m->database,
	           "INSERT INTO sqlite_sequence (name, seq) SELECT 'messages', 0"
	           " WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'messages')",
	           NULL, 0, NULL, NULL) == 0 &&
	               database_run(m->database,
	                   "UPDATE sqlite_sequence SET seq = ?1 WHERE name = 'messages' AND seq < ?1", &value, 1, NULL,
	                   NULL) == 0
	           ? 0
	           : -1;
}

/* file stands at the line that the next piece begins with, or at the end. */
static int
end_piece(struct import *m, bool done)
{
	bool to_head = done && m->kept && m->head > m->log_head;

	if (import_put_rooms(m) != 0 || raise_head(m, to_head ? m->head : m->log_head) != 0)
		return -1;
	if (done)
		snprintf(m->state, sizeof m->state, "done %lld %lld", (long long)m->stored, (long long)m->there);
	else
		snprintf(m->state, sizeof m->state, "%lld %lld %lld %lld %lld %d", (long long)m->file.offset,
		    (long long)m->file.number - 1, (long long)m->last, (long long)m->stored, (long long)m->there,
		    m->kept);
	if (write_state(m) != 0)
		return -1;
	return done ? import_map_forget(m->database, m->hash) : import_map_save(&m->map, m->database, m->hash);
}

/* Lines until the time is over, but never a message without its attachments. *line: as import_file_next(). */
static int
put_lines(struct import *m, int *line)
{
	int64_t until_us = clock_us() + PIECE_US, number = m->file.number;

	do {
		if (import_put(m) != 0)
			return import_file_wrong(&m->file, "this line was not stored, and nothing behind it");
		*line = import_file_next(&m->file);
		if (*line < 0)
			return -1;
	} while (*line > 0 && (m->file.got.kind == ARCHIVE_ATTACHMENT ||
	                          (clock_us() < until_us && m->file.number - number < PIECE_LINES)));
	return 0;
}

static int
put_piece(struct import *m, int *line)
{
	int result = database_begin(m->database);

	if (result == 0)
		result = begin_piece(m);
	if (result == 0)
		result = put_lines(m, line);
	if (result == 0)
		result = end_piece(m, *line == 0);
	if (result == 0)
		result = database_commit(m->database);
	database_undo(m->database);
	return result;
}

static int
put_all(struct import *m)
{
	int line = import_file_next(&m->file), result = line < 0 ? -1 : 0;

	while (line > 0 && result == 0) {
		int64_t began = clock_us(), rest_ms;

		result = put_piece(m, &line);
		if (result == 0)
			m->before = m->stored;
		rest_ms = (clock_us() - began) / 1000 + 1;
		progress_show("importing", m->file.next, m->file.begun.st_size);
		if (line > 0 && result == 0)
			clock_sleep_ms(rest_ms > PIECE_REST_MAX_MS ? PIECE_REST_MAX_MS : rest_ms);
	}
	progress_end();
	return result;
}

int
import_run(struct import *m)
{
	int64_t before = m->before;
	int result;

	buf_init(&m->data, ARCHIVE_ATTACHMENT_MAX + 1U);
	/* The lock is not held while the disk is waited for. */
	result = database_run(m->database, "PRAGMA synchronous = NORMAL", NULL, 0, NULL, NULL);
	database_triggers(m->database, false);
	if (result == 0)
		result = put_all(m);
	database_triggers(m->database, true);
	if ((result == 0 || m->before > before) && database_synced(m->database) != 0)
		result = -1;
	return result;
}

void
import_fini(struct import *m)
{
	import_map_fini(&m->map);
	buf_fini(&m->data);
}
