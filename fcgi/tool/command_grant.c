/* longline grant: who may do what in which rooms. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "closing.h"
#include "columns.h"
#include "grants.h"
#include "say.h"

enum { CHANGES_TOLD = 8 };

/* A grant set or removed, for each of its rooms. */
struct setting {
	const struct call *call;
	struct database *database;
	struct str who;
	char may[GRANTS_MAY_SIZE];
	bool remove;
	bool told; /* what there is to say was said at an attempt before */
	struct grants before, after;
	size_t changes;
};

static int
who_wrong(const struct call *call, const char *who)
{
	return command_wrong(call, "'%s' is nobody: it is anyone, users, user:NAME or token:NAME", who);
}

/* A change that takes something away, or that a removal gives. */
static void
tell_change(void *ctx, struct str whom, struct str rooms, unsigned before, unsigned after)
{
	struct setting *s = ctx;
	char was[GRANTS_MAY_SIZE], is[GRANTS_MAY_SIZE];

	if ((before & ~after) == 0 && !s->remove)
		return;
	if (s->changes++ >= CHANGES_TOLD)
		return;
	grants_may(before, was);
	grants_may(after, is);
	if (s->remove)
		say_note("%.*s in %.*s: %s before, %s now", STR_ARGS(whom), STR_ARGS(rooms), before == 0 ? "-" : was,
		    after == 0 ? "-" : is);
	else
		say_warning("this takes away: %.*s in %.*s had %s, and has %s", STR_ARGS(whom), STR_ARGS(rooms), was,
		    after == 0 ? "nothing" : is);
}

/* Whoever may mean another name is told so. */
static int
tell_unknown(struct setting *s)
{
	struct database_value value;
	int64_t n;

	if (!str_starts(s->who, STR("token:")))
		return 0;
	value = DATABASE_VALUE_TEXT(str_skip(s->who, 6));
	if (database_one(s->database, "SELECT count(*) FROM tokens WHERE name = ?1", &value, 1, 0, &n) != 0)
		return -1;
	if (n == 0 && !s->remove)
		say_warning("there is no token %.*s", STR_ARGS(value.text));
	return 0;
}

static int
no_memory(void)
{
	say_error("out of memory");
	return COMMAND_FAILED;
}

static int
write_row(struct setting *s, struct str rooms)
{
	struct database_value values[] = {
	    DATABASE_VALUE_TEXT(s->who), DATABASE_VALUE_TEXT(rooms), DATABASE_VALUE_TEXT(str_of(s->may))};

	if (s->remove)
		return database_run(
		    s->database, "DELETE FROM grants WHERE who = ?1 AND rooms = ?2", values, 2, NULL, NULL);
	return database_run(s->database,
	    "INSERT INTO grants VALUES (?1, ?2, ?3) ON CONFLICT (who, rooms) DO UPDATE SET may = excluded.may", values,
	    3, NULL, NULL);
}

static int
set_one(void *ctx, struct str rooms)
{
	struct setting *s = ctx;

	if (write_row(s, rooms) != 0)
		return COMMAND_FAILED;
	if (s->remove && database_changed(s->database) == 0) {
		say_error(
		    "there is no grant for %.*s and %.*s: nothing was changed", STR_ARGS(s->who), STR_ARGS(rooms));
		return COMMAND_FAILED;
	}
	if (s->remove)
		(void)grants_take(&s->after, s->who, rooms);
	else if (grants_put(&s->after, s->who, rooms, str_of(s->may)) != 0)
		return no_memory();
	return COMMAND_DONE;
}

static int
compare_one(void *ctx, struct str rooms)
{
	struct setting *s = ctx;

	return grants_compare(&s->before, &s->after, s->who, rooms, tell_change, s) == 0 ? 0 : no_memory();
}

static int
tell_changes(struct setting *s)
{
	int result;

	s->changes = 0;
	if (tell_unknown(s) != 0)
		return COMMAND_FAILED;
	result = command_each(str_of(s->call->operands[1]), compare_one, s);
	if (s->changes > CHANGES_TOLD)
		say_note("and %zu more", s->changes - CHANGES_TOLD);
	s->told = true;
	return result;
}

static int
check_number(const struct setting *s)
{
	if (s->remove || s->after.n + s->after.odd <= STORE_GRANTS_MAX)
		return COMMAND_DONE;
	say_error("longlined takes %d grants at most, and these would be %zu", STORE_GRANTS_MAX, s->after.n);
	return COMMAND_FAILED;
}

static int
set_all(void *ctx, struct database *d)
{
	struct setting *s = ctx;
	int result = COMMAND_FAILED;

	s->database = d;
	if (grants_load(&s->before, d) == 0 && grants_load(&s->after, d) == 0)
		result = command_each(str_of(s->call->operands[1]), set_one, s);
	if (result == COMMAND_DONE)
		result = check_number(s);
	if (result == COMMAND_DONE && !s->told)
		result = tell_changes(s);
	grants_fini(&s->before);
	grants_fini(&s->after);
	return result;
}

/* After it is done, and cannot fail any more. */
static void
tell_state(struct setting *s)
{
	int64_t grants;
	bool closed;

	if (closing_closed(s->database, &closed) != 0 ||
	    database_one(s->database, "SELECT count(*) FROM grants", NULL, 0, 0, &grants) != 0)
		say_warning("the grants were changed; whether the log is open could not be read");
	else if (!closed)
		say_note("The log is open: grants do not count until: longline access closed");
	else if (grants == 0)
		say_warning(
		    "no grants are left, and the log stays closed: nobody may do anything; longline access open "
		    "lets everybody");
}

static int
run_setting(struct setting *s)
{
	int result =
	    grants_whose(str_of(s->call->operands[0])) != GRANTS_NOBODY ? 0 : who_wrong(s->call, s->call->operands[0]);
	struct database *d;

	if (result == 0)
		result = command_check_rooms(s->call, str_of(s->call->operands[1]));
	if (result != 0)
		return result;
	s->who = str_of(s->call->operands[0]);
	d = database_open(s->call->database);
	result = d == NULL ? COMMAND_FAILED : closing_run(s->call, d, set_all, s);
	if (result == COMMAND_DONE)
		tell_state(s);
	database_close(d);
	return result;
}

static int
run_set(const struct call *call)
{
	struct setting s = {.call = call};
	struct str may = str_of(call->operands[2]);

	if (str_eq(may, STR("-")))
		may = STR("");
	if (sight_read_may(may) < 0)
		return command_wrong(call,
		    "'%s' is not what may be done: some of r (read), w (write), m (moderate), or - for nothing",
		    call->operands[2]);
	grants_may((unsigned)sight_read_may(may), s.may);
	return run_setting(&s);
}

static int
run_remove(const struct call *call)
{
	struct setting s = {.call = call, .remove = true};

	return run_setting(&s);
}

static int
list_row(void *ctx, const struct database_row *row)
{
	struct str may = database_text(row, 2);

	columns_add(ctx, database_text(row, 0));
	columns_add(ctx, database_text(row, 1));
	columns_add(ctx, may.n == 0 ? STR("-") : may);
	return 0;
}

static int
run_list(const struct call *call)
{
	static const char *const heads[] = {"WHO", "ROOMS", "MAY"};
	struct database *d = database_open(call->database);
	struct columns c;
	int result = COMMAND_FAILED;
	bool closed;

	columns_init(&c, heads, 3);
	if (d != NULL && database_begin_read(d) == 0 && closing_closed(d, &closed) == 0 &&
	    database_run(d,
	        "SELECT who, rooms, may FROM grants"
	        " ORDER BY CASE who WHEN 'anyone' THEN 2 WHEN 'users' THEN 1 ELSE 0 END, who, rooms GLOB '*[*]',"
	        " length(rooms) DESC, rooms",
	        NULL, 0, list_row, &c) == 0 &&
	    columns_print(&c) == 0) {
		result = COMMAND_DONE;
		if (!closed)
			say_note("The log is open: grants do not count.");
	}
	columns_fini(&c);
	database_close(d);
	return result;
}

/* Whether a token of this name would be let in at all. */
static int
explain_token(struct database *d, const char *who)
{
	struct database_value values[] = {
	    DATABASE_VALUE_TEXT(str_skip(str_of(who), 6)), DATABASE_VALUE_NUMBER(clock_wall_ms())};
	int64_t good;

	if (database_one(
	        d, "SELECT expires IS NULL OR expires > ?2 FROM tokens WHERE name = ?1", values, 2, -1, &good) != 0)
		return -1;
	if (good < 0)
		say_warning("there is no token %s", who + 6);
	else if (good == 0)
		say_warning("the token %s is over, and is not let in", who + 6);
	return 0;
}

static void
print_row(size_t i, const struct store_grant *row)
{
	say_out("  %zu. %s %s %s%s", i + 1, row->who, row->rooms, row->may[0] == '\0' ? "-" : row->may,
	    i == 0 ? "  <- decides" : "");
}

static int
explain(const struct grants *g, const char *who, const char *room, bool closed)
{
	const struct store_grant **rows = NULL;
	struct sights *all = sights_new();
	struct sight *sight = all == NULL ? NULL : grants_sight(g, all, str_of(who));
	size_t n;
	bool good = sight != NULL && grants_fitting(g, str_of(who), str_of(room), &rows, &n);

	if (good && !closed)
		say_out("The log is open: %s may read and write in %s. Were it closed:", who, room);
	if (good)
		say_out("%s may %s in %s%s", who, grants_words(sight_may(sight, str_of(room))), room,
		    n == 0 ? ": no rule fits" : "");
	for (size_t i = 0; good && i < n; i++)
		print_row(i, rows[i]);
	free(rows);
	if (sight != NULL)
		sight_drop(sight);
	if (all != NULL)
		sights_free(all);
	return good ? COMMAND_DONE : no_memory();
}

static int
run_explain(const struct call *call)
{
	const char *who = call->operands[0], *room = call->operands[1];
	struct grants g = {0};
	struct database *d;
	int result = COMMAND_FAILED;
	bool closed;

	if (grants_whose(str_of(who)) == GRANTS_NOBODY)
		return who_wrong(call, who);
	if (!message_room_ok(str_of(room)))
		return command_wrong(call, "'%s' is no room (1 to 64 of A-Za-z0-9._-)", room);
	d = database_open(call->database);
	if (d != NULL && database_begin_read(d) == 0 && closing_closed(d, &closed) == 0 && grants_load(&g, d) == 0 &&
	    (!str_starts(str_of(who), STR("token:")) || explain_token(d, who) == 0))
		result = explain(&g, who, room, closed);
	grants_fini(&g);
	database_close(d);
	return result;
}

static const struct command_option NONE[] = {{NULL, NULL, NULL}};
static const struct command_option SET[] = {{"yes", NULL, "do not ask before this closes the log"}, {NULL, NULL, NULL}};

const struct command command_grant[] = {
    {"grant set", "WHO ROOM,... MAY", 3, 3, "Lets WHO do MAY (some of rwm, or - for nothing) in rooms", SET, run_set},
    {"grant list", "", 0, 0, "Lists the grants in the order in which they decide", NONE, run_list},
    {"grant explain", "WHO ROOM", 2, 2, "Says what WHO may do in a room, and which grant decides it", NONE,
        run_explain},
    {"grant remove", "WHO ROOM,...", 2, 2, "Takes grants out", SET, run_remove},
    {NULL, NULL, 0, 0, NULL, NULL, NULL},
};
