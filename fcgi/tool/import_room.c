#include <stdio.h>

#include "database_bulk.h"
#include "import.h"

static struct import_room *
room_of(struct import *m, struct str name)
{
	struct import_room *r;

	for (size_t i = m->n_rooms; i-- > 0;)
		if (str_eq(name, str_of(m->rooms[i].name)))
			return &m->rooms[i];
	if (m->n_rooms == IMPORT_ROOMS && import_put_rooms(m) != 0)
		return NULL;
	r = &m->rooms[m->n_rooms++];
	*r = (struct import_room){.n = 0};
	snprintf(r->name, sizeof r->name, "%.*s", STR_ARGS(name));
	return r;
}

/* A message behind changes notes which one is before them (sql/009-steps.sql), also one of a piece before. */
static int
put_step(struct import *m, const struct import_room *r, int64_t id)
{
	struct database_value room[] = {
	    DATABASE_VALUE_TEXT(str_of(r->name)), DATABASE_VALUE_NUMBER(r->changed ? 1 : 0)};
	struct database_value step[2];
	int64_t below = r->changed ? r->last : -1;

	if (r->n == 0 &&
	    database_one(m->database,
	        "SELECT CASE WHEN n > 0 THEN last ELSE 0 END FROM rooms WHERE name = ?1 AND (trails OR ?2)", room, 2,
	        r->changed ? 0 : -1, &below) != 0)
		return -1;
	if (below < 0)
		return 0;
	step[0] = DATABASE_VALUE_NUMBER(id);
	step[1] = DATABASE_VALUE_NUMBER(below);
	return database_run(m->database, "INSERT OR REPLACE INTO steps VALUES (?1, ?2)", step, 2, NULL, NULL);
}

/* Messages make a room what it is; one that has only changes is there, too. */
int
import_add_to_room(struct import *m, const struct archive_line *l, int64_t id)
{
	struct import_room *r = room_of(m, l->room);

	if (r == NULL || (l->changes == 0 && put_step(m, r, id) != 0))
		return -1;
	r->changed = l->changes != 0;
	if (l->changes == 0 || r->n == 0) {
		r->last = id;
		r->at_ms = l->at_ms;
	}
	r->n += l->changes == 0;
	return 0;
}

/* As if changes stood behind the last message: the next one notes which it is (sql/009-steps.sql). */
#define INSERT_ROOM "INSERT INTO rooms (name, last, at, n, trails) VALUES (?1, ?2, ?3, ?4, 1) ON CONFLICT (name)"

int
import_put_rooms(struct import *m)
{
	int result = 0;

	/* The list of rooms follows them by triggers. */
	database_triggers(m->database, true);
	for (size_t i = 0; i < m->n_rooms && result == 0; i++) {
		const struct import_room *r = &m->rooms[i];
		struct database_value values[] = {DATABASE_VALUE_TEXT(str_of(r->name)), DATABASE_VALUE_NUMBER(r->last),
		    DATABASE_VALUE_NUMBER(r->at_ms), DATABASE_VALUE_NUMBER(r->n)};

		result = database_run(m->database,
		    r->n > 0 ? INSERT_ROOM
		        " DO UPDATE SET last = excluded.last, at = excluded.at, n = n + excluded.n, trails = 1"
		             : INSERT_ROOM " DO UPDATE SET trails = 1",
		    values, 4, NULL, NULL);
	}
	database_triggers(m->database, false);
	m->n_rooms = 0;
	return result;
}
