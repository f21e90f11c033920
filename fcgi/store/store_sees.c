#include <string.h>

#include "store_rows.h"

enum {
	PATTERNS_MAX = 512, /* looked up by one job; with more, all that is read is filtered */
	LOOKED_AT_MAX = 512 /* rooms, to find the few that are seen */
};

/* sees(room): whether the job under way may tell of a room. */
static void
sees(sqlite3_context *ctx, int n, sqlite3_value **args)
{
	struct store *s = sqlite3_user_data(ctx);
	struct str room;

	(void)n;
	if (s->sees == NULL) {
		sqlite3_result_int(ctx, 1);
		return;
	}
	/* The pointer first: it converts the value whose length is asked for next. */
	room.p = (const char *)sqlite3_value_text(args[0]);
	room.n = (size_t)sqlite3_value_bytes(args[0]);
	sqlite3_result_int(ctx, room.p != NULL && s->sees->sees(s->sees->ctx, room));
}

int
store_add_sees(struct store *s, sqlite3 *db)
{
	return sqlite3_create_function(db, "sees", 1, SQLITE_UTF8, s, sees, NULL, NULL);
}

/* Adds a name, unless it is there; false: there is no place for it. */
static bool
add(struct store_few *few, struct str name)
{
	struct store_rooms *rooms = &few->rooms;

	for (size_t i = 0; i < rooms->n; i++)
		if (str_eq(rooms->names[i], name))
			return true;
	if (rooms->n == STORE_ROOMS_MAX)
		return false;
	memcpy(few->names[rooms->n], name.p, name.n);
	rooms->names[rooms->n] = (struct str){few->names[rooms->n], name.n};
	rooms->n++;
	return true;
}

/* The rooms there are that fit a pattern; NULL, noted as trouble, on failure. */
static sqlite3_stmt *
fitting(struct store *s, struct str pattern, char end[MESSAGE_ROOM_MAX + 1])
{
	bool prefix = pattern.n > 0 && pattern.n <= MESSAGE_ROOM_MAX + 1 && pattern.p[pattern.n - 1] == '*';
	sqlite3_stmt *stmt = store_prepare(s, prefix ? "SELECT name FROM rooms WHERE name >= ?1 AND name < ?2"
	                                             : "SELECT name FROM rooms WHERE name = ?1");

	if (stmt == NULL)
		return NULL;
	pattern.n -= prefix;
	store_bind_str(stmt, 1, pattern);
	if (prefix) {
		/* Behind all names that begin so: no name has this character. */
		memcpy(end, pattern.p, pattern.n);
		end[pattern.n] = '\x7F';
		store_bind_str(stmt, 2, (struct str){end, pattern.n + 1});
	}
	return stmt;
}

/* Adds the rooms that fit a pattern and are seen; false: they are too many, or to be looked for among too many. */
static bool
add_fitting(struct store *s, struct str pattern, struct store_few *few, int *looked_at)
{
	char end[MESSAGE_ROOM_MAX + 1];
	sqlite3_stmt *stmt = fitting(s, pattern, end);
	bool good = stmt != NULL;

	while (good && sqlite3_step(stmt) == SQLITE_ROW) {
		struct str name = store_column(stmt, 0);

		good = ++*looked_at <= LOOKED_AT_MAX;
		if (good && message_room_ok(name) && s->sees->sees(s->sees->ctx, name))
			good = add(few, name);
	}
	if (stmt != NULL)
		store_reset(s, stmt);
	return good;
}

const struct store_rooms *
store_few_rooms(struct store *s, const struct store_rooms *asked, struct store_few *few)
{
	int looked_at = 0;

	if (!asked->all || asked->sees == NULL || asked->sees->n_patterns > PATTERNS_MAX)
		return asked;
	few->rooms = (struct store_rooms){.n = 0};
	for (size_t i = 0; i < asked->sees->n_patterns; i++)
		if (!add_fitting(s, asked->sees->patterns[i], few, &looked_at))
			return asked;
	/* No room has this name, and a list of none would be no list. */
	if (few->rooms.n == 0)
		few->rooms = (struct store_rooms){.names = {{"", 0}}, .n = 1};
	return &few->rooms;
}
