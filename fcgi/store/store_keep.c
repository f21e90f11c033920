#include "store_prune.h"
#include "store_writer.h"

enum { TEXT_MAX = 32 * 1024 };

void
store_keep_all(struct store *s)
{
	int64_t there = store_number(s, "SELECT count(*) FROM meta WHERE name IN ('keep', 'keep_since')", 0);

	if (there > 0)
		(void)store_exec(s, "DELETE FROM meta WHERE name IN ('keep', 'keep_since')");
	s->trouble = SQLITE_OK;
}

static bool
kept_so_before(struct store *s, struct str text)
{
	sqlite3_stmt *stmt = store_prepare(s, "SELECT 1 FROM meta WHERE name = 'keep' AND value = ?");
	bool same;

	if (stmt == NULL)
		return false;
	store_bind_str(stmt, 1, text);
	same = sqlite3_step(stmt) == SQLITE_ROW;
	store_reset(s, stmt);
	return same;
}

/* In a transaction. An SQLite result code (SQLITE_DONE is good). */
static int
write_rules(struct store *s, struct str text, int64_t now_ms)
{
	sqlite3_stmt *stmt = store_prepare(s, "INSERT OR REPLACE INTO meta VALUES ('keep', ?)");
	int code;

	if (stmt == NULL)
		return s->trouble;
	store_bind_str(stmt, 1, text);
	code = store_run(stmt);
	return code != SQLITE_DONE
	           ? code
	           : store_run_with(s, "INSERT OR REPLACE INTO meta VALUES ('keep_since', ?)", now_ms, 0);
}

/* The time from one mark to the next: less than a hundredth of what they are to tell. */
static int64_t
mark_step(const struct store_prune *p)
{
	int64_t step = keep_age_max(p->keep) / 128;

	return step > p->keep->every_ms ? step : p->keep->every_ms;
}

/*
 * Marks say which id was there when, should rows have times that are still to come. Of those that are older than
 * anything is kept the newest tells enough. In a transaction. An SQLite result code (SQLITE_DONE is good).
 */
static int
write_mark(struct store *s, const struct store_prune *p)
{
	int code = store_run_with(s,
	    "DELETE FROM meta WHERE name > 'clock:' AND name < 'clock;' AND (value > ?1 OR value <"
	    " (SELECT max(value) FROM meta WHERE name > 'clock:' AND name < 'clock;' AND value < ?2))",
	    p->now_ms, p->now_ms - keep_age_max(p->keep));

	return code != SQLITE_DONE ? code
	                           : store_run_with(s,
	                                 "INSERT INTO meta SELECT printf('clock:%016d', ?1), ?2 WHERE true"
	                                 " ON CONFLICT (name) DO NOTHING",
	                                 s->head, p->now_ms);
}

static bool
mark_due(struct store *s, const struct store_prune *p)
{
	int64_t last_ms =
	    store_number(s, "SELECT max(value) FROM meta WHERE name > 'clock:' AND name < 'clock;'", INT64_MIN);

	return keep_age_max(p->keep) > 0 && (last_ms > p->now_ms || last_ms + mark_step(p) <= p->now_ms);
}

int
store_keep_look(struct store *s, struct store_prune *p)
{
	struct buf text;
	int64_t since_ms;
	int code = SQLITE_OK;
	bool rules, mark;

	buf_init(&text, TEXT_MAX);
	keep_add_text(p->keep, &text);
	p->changed = !kept_so_before(s, buf_str(&text));
	since_ms = store_number(s, "SELECT value FROM meta WHERE name = 'keep_since'", INT64_MAX);
	/* Or it was written by a clock that was ahead. */
	rules = p->changed || since_ms > p->now_ms;
	mark = mark_due(s, p);
	if (rules)
		since_ms = p->now_ms;
	if (s->trouble == SQLITE_OK && (rules || mark)) {
		code = store_begin(s, true);
		code = code == SQLITE_OK ? SQLITE_DONE : code;
		if (code == SQLITE_DONE && rules)
			code = write_rules(s, buf_str(&text), since_ms);
		if (code == SQLITE_DONE && mark)
			code = write_mark(s, p);
		if (code == SQLITE_DONE)
			code = store_commit(s);
		s->seen = 0; /* what others committed before it was not told */
	}
	if (!buf_ok(&text))
		code = SQLITE_NOMEM;
	buf_fini(&text);
	p->begins_ms = since_ms + p->keep->grace_ms;
	p->step = STORE_PRUNE_COUNT;
	return code != SQLITE_OK ? code : s->trouble;
}
