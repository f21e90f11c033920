#include "store_prune.h"

static bool
inside(const struct store_prune_span *span, int64_t id)
{
	return id >= span->from && id < span->to;
}

/* The walk has come to a row whose time is not to come, or to the log's end. */
static void
end_walk(struct store_prune *p, int64_t id, int64_t at_ms)
{
	p->known = (struct store_prune_span){.from = p->walk.from, .to = id, .at_ms = at_ms};
	p->walk = (struct store_prune_span){0};
}

/* Looks through the rows behind one whose time is to come, for one whose time is not. */
static void
walk_on(struct store *s, struct store_prune *p)
{
	sqlite3_stmt *stmt = store_prepare(s, "SELECT id, at FROM messages WHERE id >= ? ORDER BY id");
	int code, n = 0;

	if (stmt == NULL)
		return;
	sqlite3_bind_int64(stmt, 1, p->walk.to);
	while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
		int64_t id = sqlite3_column_int64(stmt, 0), at_ms = sqlite3_column_int64(stmt, 1);

		if (inside(&p->known, id)) {
			end_walk(p, p->known.to, p->known.at_ms);
			break;
		}
		if (sqlite3_column_type(stmt, 1) == SQLITE_INTEGER && at_ms <= p->now_ms) {
			end_walk(p, id, at_ms);
			break;
		}
		p->walk.to = id + 1;
		if (++n % STORE_PRUNE_CHECK == 0 && store_prune_late(p))
			break;
	}
	store_reset(s, stmt);
	if (code == SQLITE_DONE)
		end_walk(p, INT64_MAX, p->now_ms);
}

/* When a row was there at the latest, whose own time is to come; false: it is not known yet. */
static bool
time_of_neighbour(struct store *s, struct store_prune *p, int64_t id, int64_t *at_ms)
{
	if (!inside(&p->known, id)) {
		if (!inside(&p->walk, id))
			p->walk = (struct store_prune_span){.from = id, .to = id + 1};
		walk_on(s, p);
	}
	*at_ms = p->known.at_ms;
	return inside(&p->known, id);
}

static bool
is_old(const struct store_prune *p, int64_t at_ms)
{
	return at_ms < p->now_ms - p->rule.age_ms;
}

/* When a row was there at the latest, as marks say that were made as time went by (store_keep.c). */
static int64_t
marked_at(struct store *s, const struct store_prune *p, int64_t id)
{
	sqlite3_stmt *stmt = store_prepare(s,
	    "SELECT value FROM meta WHERE name >= printf('clock:%016d', ?1) AND name < 'clock;' AND value <= ?2"
	    " ORDER BY name LIMIT 1");

	if (stmt != NULL) {
		sqlite3_bind_int64(stmt, 1, id);
		sqlite3_bind_int64(stmt, 2, p->now_ms);
	}
	return store_first_number(s, stmt, p->now_ms);
}

/* Whether a row goes whose time is still to come. Of those behind it some went in this run, or in one long ago. */
static enum store_goes
future_goes(struct store *s, struct store_prune *p, int64_t id)
{
	int64_t at_ms;

	if ((id < p->aged_id && is_old(p, p->aged_at_ms)) || is_old(p, marked_at(s, p, id)))
		return STORE_GOES;
	if (!time_of_neighbour(s, p, id, &at_ms))
		return STORE_NOT_KNOWN;
	return is_old(p, at_ms) ? STORE_GOES : STORE_STAYS;
}

enum store_goes
store_first_goes(struct store *s, struct store_prune *p, int64_t *id)
{
	sqlite3_stmt *stmt = store_prepare_room(
	    s, p, "SELECT id, at FROM messages INDEXED BY messages_room WHERE room = ?1 ORDER BY id LIMIT 1");
	bool found;

	if (stmt == NULL)
		return STORE_STAYS;
	found = sqlite3_step(stmt) == SQLITE_ROW;
	*id = found ? sqlite3_column_int64(stmt, 0) : 0;
	p->first_at_ms =
	    found && sqlite3_column_type(stmt, 1) == SQLITE_INTEGER ? sqlite3_column_int64(stmt, 1) : INT64_MAX;
	store_reset(s, stmt);
	if (!found || s->trouble != SQLITE_OK)
		return STORE_STAYS;
	if (p->rule.messages > 0 && p->room_messages > p->rule.messages)
		return STORE_GOES;
	if (p->rule.age_ms == 0)
		return STORE_STAYS;
	if (p->first_at_ms > p->now_ms)
		return future_goes(s, p, *id);
	return is_old(p, p->first_at_ms) ? STORE_GOES : STORE_STAYS;
}
