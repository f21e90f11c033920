#include "store_prune.h"

/* Counts rows of a range of the index by time, from where it was left; false: not to its end. */
static bool
count_on(struct store *s, struct store_prune *p, sqlite3_stmt *stmt)
{
	int code = SQLITE_DONE, n = 0;

	while (stmt != NULL && (code = sqlite3_step(stmt)) == SQLITE_ROW) {
		p->by_age++;
		p->counted_at_ms = sqlite3_column_int64(stmt, 0);
		p->counted_id = sqlite3_column_int64(stmt, 1);
		if (++n % STORE_PRUNE_CHECK == 0 && store_prune_late(p))
			break;
	}
	if (stmt != NULL)
		store_reset(s, stmt);
	return code == SQLITE_DONE;
}

/* How many of the room at hand are too old; false: there is more to count. */
static bool
count_old(struct store *s, struct store_prune *p)
{
	int64_t before_ms = p->now_ms - p->rule.age_ms;
	sqlite3_stmt *stmt;

	/* Of one time there may be many. */
	if (p->counted_id > 0) {
		stmt = store_prepare_room(s, p,
		    "SELECT at, id FROM messages INDEXED BY messages_at WHERE room = ?1 AND at = ?2 AND id > ?3 ORDER "
		    "BY id");
		if (stmt != NULL) {
			sqlite3_bind_int64(stmt, 2, p->counted_at_ms);
			sqlite3_bind_int64(stmt, 3, p->counted_id);
		}
		if (!count_on(s, p, stmt))
			return false;
	}
	stmt = store_prepare_room(s, p,
	    "SELECT at, id FROM messages INDEXED BY messages_at WHERE room = ?1 AND at > ?2 AND at < ?3 ORDER BY at, "
	    "id");
	if (stmt != NULL) {
		sqlite3_bind_int64(stmt, 2, p->counted_at_ms);
		sqlite3_bind_int64(stmt, 3, before_ms);
	}
	return count_on(s, p, stmt);
}

/* Whether the room at hand has rows of times that are still to come. */
static bool
has_future(struct store *s, const struct store_prune *p)
{
	sqlite3_stmt *stmt = store_prepare_room(
	    s, p, "SELECT 1 FROM messages INDEXED BY messages_at WHERE room = ?1 AND at > ?2 LIMIT 1");

	if (stmt != NULL)
		sqlite3_bind_int64(stmt, 2, p->now_ms);
	return store_first_number(s, stmt, 0) != 0;
}

int
store_prune_count(struct store *s, struct store_prune *p)
{
	bool ended = false;

	while (store_prune_room(s, p, &ended)) {
		int64_t over = p->rule.messages > 0 ? p->room_messages - p->rule.messages : 0;

		if (p->rule.age_ms > 0 && !count_old(s, p))
			break;
		p->future = p->future || (p->rule.age_ms > 0 && has_future(s, p));
		over = over > p->by_age ? over : p->by_age;
		p->due += over > 0 ? over : 0;
		p->at_hand = false;
	}
	if (ended) {
		bool waits = p->now_ms < p->begins_ms;

		p->oldest_at_ms = store_number(s, "SELECT at FROM messages ORDER BY id LIMIT 1", INT64_MAX);
		p->step = waits || (p->due == 0 && !p->future) ? STORE_PRUNE_ENDED : STORE_PRUNE_DELETE;
		p->at_hand = false;
		p->room_n = 0;
	}
	return s->trouble;
}
