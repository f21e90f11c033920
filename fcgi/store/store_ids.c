#include "base/log.h"
#include "store_writer.h"

#define MAX "9007199254740991" /* MESSAGE_ID_MAX */

int64_t
store_greatest_id(struct store *s)
{
	/* What is no whole number is greater than any id: somebody wrote to SQLite's table. */
	return store_number(s,
	    "SELECT max(coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'messages'), 0),"
	    " coalesce((SELECT max(id) FROM messages), 0),"
	    " coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'changed' AND seq > " MAX "), 0))",
	    INT64_MAX);
}

/*
 * What triggers would do is done here: they would note a gap at an id that no cursor can reach, so that it were told
 * for ever. %lld: the head and the last change that were told.
 */
static const char STEPS[] =
    "INSERT INTO strays SELECT id, room, event, sender, text, args, attachments, key, at, \"by\", changes, edited,"
    " format FROM messages"
    " WHERE id > " MAX ";"
    "DELETE FROM rooms WHERE name IN (SELECT room FROM messages WHERE id > " MAX ")"
    " AND NOT EXISTS (SELECT 1 FROM messages WHERE room = name AND id <= " MAX ");"
    "UPDATE rooms SET n = n - (SELECT count(*) FROM messages WHERE room = name AND id > " MAX
    " AND changes IS NULL), (last, at) = (SELECT id, at FROM messages WHERE room = name AND id <= " MAX
    " ORDER BY changes IS NOT NULL, id DESC LIMIT 1)"
    " WHERE name IN (SELECT room FROM messages WHERE id > " MAX ");"
    "DELETE FROM messages WHERE id > " MAX ";"
    "DELETE FROM steps WHERE id > " MAX ";"
    "DELETE FROM rooms_recent WHERE block > " MAX " >> 10;"
    "INSERT OR IGNORE INTO rooms_recent SELECT last >> 10, name FROM rooms WHERE name IN (SELECT room FROM strays);"
    "UPDATE sqlite_sequence SET seq = max(%lld, coalesce((SELECT max(id) FROM messages), 0),"
    " coalesce((SELECT max(id) FROM deleted WHERE typeof(id) = 'integer' AND id <= " MAX "), 0),"
    " coalesce((SELECT max(last) FROM rooms WHERE typeof(last) = 'integer' AND last <= " MAX "), 0))"
    " WHERE name = 'messages';"
    "UPDATE deleted SET id = (SELECT seq FROM sqlite_sequence WHERE name = 'messages') WHERE id > " MAX ";"
    "DELETE FROM changed WHERE id > " MAX ";"
    "INSERT INTO changed SELECT max(%lld, (SELECT coalesce(max(seq), 0) FROM changed WHERE seq <= " MAX "))"
    " + (SELECT count(*) FROM changed AS c WHERE c.seq > " MAX
    " AND c.seq <= changed.seq), id, room, sender, text, args, kind, event"
    " FROM changed WHERE seq > " MAX ";"
    "DELETE FROM changed WHERE seq > " MAX ";"
    "UPDATE sqlite_sequence SET seq = max(%lld, (SELECT coalesce(max(seq), 0) FROM changed))"
    " WHERE name = 'changed' AND seq > " MAX;

/* The steps, by themselves: no triggers, and rows of any length. An SQLite result code (SQLITE_OK is good). */
static int
run_steps(struct store *s)
{
	long long change = s->started ? s->last_change : 0;
	char *sql = sqlite3_mprintf(STEPS, s->started ? (long long)s->head : 0LL, change, change);
	int code;

	if (sql == NULL)
		return SQLITE_NOMEM;
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, (int *)NULL);
	sqlite3_limit(s->db, SQLITE_LIMIT_LENGTH, STORE_SQLITE_LENGTH_MAX);
	code = sqlite3_exec(s->db, sql, NULL, NULL, NULL);
	sqlite3_limit(s->db, SQLITE_LIMIT_LENGTH, STORE_LENGTH_MAX);
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 1, (int *)NULL);
	sqlite3_free(sql);
	return code;
}

int
store_mend_ids(struct store *s)
{
	int64_t before = store_number(s, "SELECT count(*) FROM strays", 0);
	int code = run_steps(s);

	if (code == SQLITE_OK)
		log_error("ids_mended",
		    "file=\"%s\" strays=%lld head=%lld detail=\"ids above " MAX
		    " had been given: their rows are in table strays now, and ids go on\"",
		    s->options.path, (long long)(store_number(s, "SELECT count(*) FROM strays", 0) - before),
		    (long long)store_greatest_id(s));
	return code == SQLITE_OK ? s->trouble : code;
}
