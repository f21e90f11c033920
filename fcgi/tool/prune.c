#include "prune.h"

#include <string.h>

#include "base/clock.h"
#include "database_bulk.h"
#include "interrupt.h"
#include "progress.h"
#include "say.h"

enum {
	PIECE_US = 2000, /* a transaction gives the lock back after it */
	PIECE_REST = 2,  /* and is followed by a pause of so many times what it took */
	PIECE_REST_MIN_MS = 2,
	PIECE_REST_MAX_MS = 10, /* for what took longer was not the lock, but the disk */
	CHUNK_FAST_US = 300,    /* a statement that takes less may delete more rows, */
	CHUNK_SLOW_US = 1000,   /* and one that takes more, fewer */
	CHUNK_MAX = 64,
	KEYS_MAX = 200,    /* that one statement deletes */
	NOTES_MAX = 20000, /* longlined is given time to take them out of its index */
	NOTES_WAIT_MS = 100,
	NOTES_PATIENCE_MS = 3000, /* it does not run, or has other things to do: they stay until it has time */
	NAMES_BYTES_MAX = 1 << 30,
};

#define OLD "room = ?1 AND at < ?2 AND id <= ?3"

static int
take_room(void *ctx, const struct database_row *row)
{
	struct prune *p = ctx;
	struct str name = database_text(row, 0);
	struct database_value values[] = {
	    DATABASE_VALUE_TEXT(name), DATABASE_VALUE_NUMBER(p->before_ms), DATABASE_VALUE_NUMBER(p->head)};
	int64_t old, all;

	if (database_one(p->database, "SELECT count(*) FROM messages WHERE " OLD, values, 3, 0, &old) != 0 ||
	    database_one(p->database, "SELECT count(*) FROM messages WHERE room = ?1", values, 1, 0, &all) != 0)
		return -1;
	p->old += old;
	p->all += all;
	if (old > 0) {
		buf_add(&p->names, name);
		buf_add_char(&p->names, '\0');
	}
	progress_show("counting", 0, 0);
	return interrupt_came() ? -1 : 0;
}

/* A prefix, or the whole name of a room. */
static struct database_value
rooms_of(const struct prune *p, bool *prefix)
{
	struct str rooms = p->rooms == NULL ? STR("*") : str_of(p->rooms);

	*prefix = rooms.n > 0 && rooms.p[rooms.n - 1] == '*';
	return DATABASE_VALUE_TEXT(((struct str){rooms.p, rooms.n - *prefix}));
}

int
prune_count(struct prune *p)
{
	bool prefix;
	struct database_value rooms = rooms_of(p, &prefix);
	int result = -1;

	p->old = p->all = p->deleted = 0;
	p->chunk = 1;
	buf_init(&p->names, NAMES_BYTES_MAX);
	if (database_begin_read(p->database) == 0 &&
	    database_one(
	        p->database, "SELECT seq FROM sqlite_sequence WHERE name = 'messages'", NULL, 0, 0, &p->head) == 0)
		result = database_run(p->database,
		    prefix ? "SELECT name FROM rooms WHERE substr(name, 1, length(?1)) = ?1"
		           : "SELECT name FROM rooms WHERE name = ?1",
		    &rooms, 1, take_room, p);
	database_undo(p->database);
	progress_end();
	if (result == 0 && !buf_ok(&p->names)) {
		say_error("out of memory");
		result = -1;
	}
	return result;
}

/* The next rows of a room, oldest first; *some: there may be more. */
static int
delete_chunk(struct prune *p, struct str room, bool *some)
{
	struct database_value values[] = {DATABASE_VALUE_TEXT(room), DATABASE_VALUE_NUMBER(p->before_ms),
	    DATABASE_VALUE_NUMBER(p->head), DATABASE_VALUE_NUMBER(p->chunk)};
	int64_t began = clock_us(), took, n;

	if (database_run(p->database,
	        "DELETE FROM messages WHERE id IN (SELECT id FROM messages WHERE " OLD " ORDER BY at LIMIT ?4)", values,
	        4, NULL, NULL) != 0)
		return -1;
	n = database_changed(p->database);
	took = clock_us() - began;
	*some = n == p->chunk;
	p->deleted += n;
	/* A message may have 10 bytes, or 40 MB with its attachments. */
	if (took > CHUNK_SLOW_US && p->chunk > 1)
		p->chunk /= 2;
	else if (took < CHUNK_FAST_US && p->chunk < CHUNK_MAX)
		p->chunk *= 2;
	return 0;
}

static int64_t
count_notes(struct prune *p)
{
	int64_t n;

	/* Their numbers go up one by one, but for some that are left out. */
	if (database_one(p->database, "SELECT coalesce(max(seq) - min(seq) + 1, 0) FROM changed", NULL, 0, 0, &n) != 0)
		n = 0;
	return n;
}

/* Whatever is deleted leaves a copy of its words until longlined has taken them out of its index: not of too many. */
static void
wait_for_index(struct prune *p)
{
	int64_t began = clock_ms(), notes = p->in_vain ? 0 : count_notes(p);

	while (notes > NOTES_MAX && !p->in_vain && !interrupt_came()) {
		int64_t before = notes;

		clock_sleep_ms(NOTES_WAIT_MS);
		notes = count_notes(p);
		if (notes < before)
			began = clock_ms();
		p->in_vain = clock_ms() - began >= NOTES_PATIENCE_MS;
	}
}

/* From one room to the next, until the time is over; *names has what is left. */
static int
delete_piece(struct prune *p, struct str *names)
{
	int64_t began = clock_us();
	int result = database_begin(p->database);

	while (result == 0 && names->n > 0 && clock_us() - began < PIECE_US) {
		struct str rest = *names, room = str_cut(&rest, '\0');
		bool some = false;

		result = delete_chunk(p, room, &some);
		if (!some)
			*names = rest;
	}
	if (result == 0)
		result = database_commit(p->database);
	database_undo(p->database);
	return result;
}

/* The keys of messages that were deleted long ago, which are kept so that nobody sends these anew. */
static int
delete_keys(struct prune *p)
{
	bool prefix;
	struct database_value values[] = {
	    rooms_of(p, &prefix), DATABASE_VALUE_NUMBER(p->before_ms), DATABASE_VALUE_NUMBER(KEYS_MAX)};
	int64_t tables, n = 0;
	int result =
	    database_one(p->database, "SELECT count(*) FROM sqlite_master WHERE name = 'spent'", NULL, 0, 0, &tables);

	while (result == 0 && tables > 0 && !interrupt_came()) {
		result = database_run(p->database,
		    prefix ? "DELETE FROM spent WHERE (room, key, \"by\") IN (SELECT room, key, \"by\" FROM spent"
		             " WHERE at < ?2 AND substr(room, 1, length(?1)) = ?1 LIMIT ?3)"
		           : "DELETE FROM spent WHERE (room, key, \"by\") IN (SELECT room, key, \"by\" FROM spent"
		             " WHERE at < ?2 AND room = ?1 LIMIT ?3)",
		    values, 3, NULL, NULL);
		n = result == 0 ? database_changed(p->database) : 0;
		if (n < KEYS_MAX)
			break;
		clock_sleep_ms(PIECE_REST_MIN_MS);
	}
	return result;
}

int
prune_run(struct prune *p)
{
	struct str names = buf_str(&p->names);
	/* The lock is not held while the disk is waited for. */
	int result = database_run(p->database, "PRAGMA synchronous = NORMAL", NULL, 0, NULL, NULL);
	int64_t before, began, rest_ms, looked = 0;

	while (result == 0 && names.n > 0 && !interrupt_came()) {
		before = p->deleted;
		began = clock_us();
		result = delete_piece(p, &names);
		if (result != 0) {
			p->deleted = before;
			break;
		}
		rest_ms = (clock_us() - began) * PIECE_REST / 1000;
		progress_show("deleting", p->deleted, p->old);
		if (rest_ms < PIECE_REST_MIN_MS || rest_ms > PIECE_REST_MAX_MS)
			rest_ms = rest_ms < PIECE_REST_MIN_MS ? PIECE_REST_MIN_MS : PIECE_REST_MAX_MS;
		clock_sleep_ms(rest_ms);
		if (p->deleted - looked > NOTES_MAX / 10) {
			looked = p->deleted;
			wait_for_index(p);
		}
	}
	progress_end();
	if (result == 0)
		result = delete_keys(p);
	if (p->deleted > 0 && database_synced(p->database) != 0)
		result = -1;
	if (result == 0 && names.n > 0) {
		say_error("interrupted");
		result = -1;
	}
	return result;
}

void
prune_fini(struct prune *p)
{
	buf_fini(&p->names);
}
