/* One message, by its id: what it says, and what became of it. */
#include "store_rows.h"

/* Whether a message of the room that was deleted by a change had this key. */
static bool
was_key_of(struct store *s, struct str key, struct str room, int64_t id)
{
	sqlite3_stmt *stmt = store_prepare(s, "SELECT 1 FROM spent WHERE room = ? AND key = ? AND id = ?");

	if (stmt == NULL || key.n == 0)
		return false;
	store_bind_str(stmt, 1, room);
	store_bind_str(stmt, 2, key);
	sqlite3_bind_int64(stmt, 3, id);
	return store_first_number(s, stmt, 0) != 0;
}

enum store_status
store_one(struct store *s, struct store_one *one)
{
	int code = store_read_begin(s, NULL, one->access_version);

	one->message = one->deletion = NULL;
	one->key_fits = false;
	one->revision = 0;
	if (code == SQLITE_OK) {
		one->message = store_row_by_id(s, one->id);
		one->key_fits = one->key.n > 0 && one->message != NULL && str_eq(one->message->f.key, one->key);
		one->revision = store_number_with(
		    s, "SELECT id FROM revisions WHERE target = ? AND deletes = ?", one->id, one->message == NULL);
	}
	if (code == SQLITE_OK && one->message == NULL && one->revision > 0) {
		one->deletion = store_row_by_id(s, one->revision);
		if (one->deletion != NULL)
			one->key_fits = was_key_of(s, one->key, one->deletion->f.room, one->id);
	}
	return store_read_end(s, code, "read a message");
}

void
store_one_fini(struct store_one *one)
{
	message_drop(one->message);
	message_drop(one->deletion);
	one->message = one->deletion = NULL;
}
