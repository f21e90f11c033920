#include "store_prune.h"

#include <string.h>

#include "base/log.h"
#include "store_writer.h"

enum {
	LOOK_US = 1500,       /* for looking for rooms, and counting */
	DELETE_US = 1000,     /* for deleting rows */
	FORGET_US = 1000,     /* for the index */
	TRIGGERS_US = 500000, /* then a trigger of somebody's that runs for long is cut */
};

bool
store_prune_room(struct store *s, struct store_prune *p, bool *ended)
{
	static const char SQL[] = "SELECT name, n FROM rooms WHERE name > ? AND typeof(name) = 'text'"
	                          " AND length(CAST(name AS BLOB)) BETWEEN 1 AND 64 ORDER BY name LIMIT 1";

	while (!p->at_hand && !store_prune_late(p) && s->trouble == SQLITE_OK) {
		sqlite3_stmt *stmt = store_prepare_room(s, p, SQL);
		struct str name;

		if (stmt == NULL)
			break;
		*ended = sqlite3_step(stmt) != SQLITE_ROW;
		if (!*ended) {
			name = store_column(stmt, 0);
			memcpy(p->room, name.p, name.n);
			p->room_n = name.n;
			p->room_messages = sqlite3_column_int64(stmt, 1);
			p->rule = keep_of(p->keep, name);
			p->at_hand = p->rule.age_ms > 0 || p->rule.messages > 0;
			p->by_age = p->counted_id = 0;
			p->counted_at_ms = INT64_MIN;
			p->deleted_here = false;
			if (p->step == STORE_PRUNE_COUNT)
				p->of += p->room_messages;
		}
		store_reset(s, stmt);
		if (*ended)
			break;
	}
	*ended = *ended && s->trouble == SQLITE_OK;
	return p->at_hand && s->trouble == SQLITE_OK;
}

/* What a trigger of somebody's does not let go stays, with all behind it in the room. */
static void
leave_room(struct store_prune *p, const char *why)
{
	if (!p->blocked)
		log_warning("not_pruned", "room=%.*s error=\"%s\"", (int)p->room_n, p->room, why);
	p->blocked = true;
	p->at_hand = false;
}

/* By what went others are judged, whose own times are still to come. */
static void
note_gone(struct store_prune *p, int64_t id)
{
	if (p->first_at_ms > p->now_ms)
		return;
	if (id > p->aged_id)
		p->aged_id = id;
	if (p->first_at_ms > p->aged_at_ms)
		p->aged_at_ms = p->first_at_ms;
}

/* Deletes rows of the room at hand, in a transaction. An SQLite result code (SQLITE_DONE is good). */
static int
delete_rows(struct store *s, struct store_prune *p)
{
	enum store_goes goes = STORE_GOES;
	int64_t id = 0;
	int code = SQLITE_DONE;

	while (p->n_ids < STORE_PRUNE_ROWS && (p->n_ids == 0 || !store_prune_late(p)) &&
	       (goes = store_first_goes(s, p, &id)) == STORE_GOES) {
		code = store_run_with(s, "DELETE FROM messages WHERE id = ?", id, 0);
		if (code == SQLITE_DONE && sqlite3_changes(s->db) > 0) {
			p->ids[p->n_ids++] = id;
			p->room_messages--;
			note_gone(p, id);
			continue;
		}
		if (code == SQLITE_DONE || (code & 0xFF) == SQLITE_CONSTRAINT) {
			leave_room(p, code == SQLITE_DONE ? "a trigger ignores it" : sqlite3_errmsg(s->db));
			/* A trigger may have undone the transaction, too. */
			return sqlite3_get_autocommit(s->db) ? code : SQLITE_DONE;
		}
		return code;
	}
	if (goes == STORE_STAYS)
		p->at_hand = false;
	return s->trouble != SQLITE_OK ? s->trouble : SQLITE_DONE;
}

/* The greatest id that went from the room at hand: its readers below are told, and no session is recovered there. */
static int
note_room(struct store *s, const struct store_prune *p)
{
	sqlite3_stmt *stmt = store_prepare_room(s, p,
	    "INSERT INTO meta VALUES ('pruned:' || ?1, ?2)"
	    " ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)");

	if (stmt == NULL)
		return s->trouble;
	sqlite3_bind_int64(stmt, 2, p->ids[p->n_ids - 1]);
	return store_run(stmt);
}

/* Keys of messages that were deleted before, and would have gone now. */
static int
forget_spent(struct store *s, const struct store_prune *p)
{
	sqlite3_stmt *stmt = store_prepare_room(s, p, "DELETE FROM spent WHERE room = ?1 AND id <= ?2");

	if (stmt == NULL)
		return s->trouble;
	sqlite3_bind_int64(stmt, 2, p->ids[p->n_ids - 1]);
	return store_run(stmt);
}

int64_t
store_pruned_id(struct store *s, struct str room)
{
	/* A room without a mark of its own may be among those of which one mark tells (store_gone.c). */
	sqlite3_stmt *stmt = store_prepare(s, "SELECT coalesce((SELECT value FROM meta WHERE name = 'pruned:' || ?1), "
	                                      "(SELECT 0 FROM deleted WHERE room = ?1),"
	                                      " (SELECT value FROM meta WHERE name = 'pruned:'))");

	if (stmt != NULL)
		store_bind_str(stmt, 1, room);
	return store_first_number(s, stmt, 0);
}

/* Of the room at hand, while nobody else can write. */
static int64_t
count_room(struct store *s, const struct store_prune *p)
{
	return store_first_number(s, store_prepare_room(s, p, "SELECT n FROM rooms WHERE name = ?1"), 0);
}

/* Rows of the room at hand, in a transaction of their own. An SQLite result code (SQLITE_OK is good). */
static int
delete_piece(struct store *s, struct store_prune *p)
{
	int code;

	p->until_us = clock_us() + DELETE_US;
	store_sync(s, false);
	code = store_begin(s, true);
	if (code == SQLITE_OK) {
		s->deadline_us = clock_us() + TRIGGERS_US;
		p->room_messages = count_room(s, p);
		code = delete_rows(s, p);
	}
	if (code == SQLITE_DONE && p->n_ids > 0)
		code = note_room(s, p);
	if (code == SQLITE_DONE && p->n_ids > 0)
		code = forget_spent(s, p);
	if (code == SQLITE_DONE)
		code = store_commit(s);
	if (code != SQLITE_OK)
		return code; /* store_give_up() */
	store_sync(s, true);
	p->deleted += (int64_t)p->n_ids;
	p->rooms += p->n_ids > 0 && !p->deleted_here;
	p->deleted_here = p->deleted_here || p->n_ids > 0;
	return SQLITE_OK;
}

static bool
deleted_now(const struct store_prune *p, int64_t id)
{
	for (size_t i = 0; i < p->n_ids; i++)
		if (p->ids[i] == id)
			return true;
	return false;
}

/* Tells what is gone, and whatever triggers did meanwhile; and the index forgets it. */
static enum store_status
tell(struct store *s, struct store_prune *p, int64_t floor, struct store_news *news)
{
	enum store_status status;
	bool more = true;

	s->seen = 0;
	if (p->n_ids > 0)
		s->data_version = -1; /* our own commit does not move it */
	status = store_tell(s, floor, news, STORE_FORGET, clock_us() + FORGET_US, &more);
	p->notes = status != STORE_OK || more;
	for (size_t i = 0; i < news->n_changes; i++)
		news->changes[i].pruned = news->changes[i].message == NULL && deleted_now(p, news->changes[i].id);
	return status;
}

static enum store_status
delete_some(struct store *s, struct store_prune *p, int64_t floor, struct store_news *news)
{
	bool ended = false;
	int64_t id;
	int code;

	p->n_ids = 0;
	/* It is not to fall behind for long: what it remembers takes as much room as was made. */
	if (p->notes)
		return tell(s, p, floor, news);
	while (store_prune_room(s, p, &ended)) {
		enum store_goes goes = store_first_goes(s, p, &id);

		if (goes == STORE_NOT_KNOWN)
			return s->trouble == SQLITE_OK ? STORE_OK : store_give_up(s, s->trouble, "prune");
		if (goes == STORE_GOES)
			break;
		p->at_hand = false;
	}
	if (s->trouble != SQLITE_OK)
		return store_give_up(s, s->trouble, "prune");
	if (!p->at_hand) {
		if (ended) {
			p->oldest_at_ms = store_number(s, "SELECT at FROM messages ORDER BY id LIMIT 1", INT64_MAX);
			p->step = p->deleted > 0 ? STORE_PRUNE_GONE : STORE_PRUNE_ENDED;
			p->room_n = 0;
		}
		return STORE_OK;
	}
	code = delete_piece(s, p);
	if (code != SQLITE_OK) {
		enum store_status status = store_give_up(s, code, "prune");

		/* What stands in the way of one room is not to keep the others. */
		p->at_hand = p->at_hand && status == STORE_BUSY;
		store_sync(s, true);
		return status;
	}
	return tell(s, p, floor, news);
}

enum store_status
store_prune(struct store *s, struct store_prune *p, int64_t floor, struct store_news *news)
{
	enum store_status status;
	int code;

	if (!store_ready_to_tell(s, news, &status))
		return status;
	s->trouble = SQLITE_OK;
	p->until_us = clock_us() + LOOK_US;
	if (p->step == STORE_PRUNE_DELETE)
		return delete_some(s, p, floor, news);
	switch (p->step) {
	case STORE_PRUNE_LOOK:
		p->now_ms = clock_wall_ms();
		code = store_keep_look(s, p);
		break;
	case STORE_PRUNE_COUNT:
		code = store_prune_count(s, p);
		break;
	case STORE_PRUNE_GONE:
		code = store_gone_count(s, p);
		break;
	default:
		code = store_gone_fold(s, p);
	}
	if (code == SQLITE_OK)
		return STORE_OK;
	status = store_give_up(s, code, "look for what is not kept any more");
	store_sync(s, true);
	return status;
}
