/* longline token: list, revoke, rotate; add and invite are command_add.c's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "columns.h"
#include "command_add.h"
#include "database.h"
#include "moment.h"
#include "say.h"
#include "secret.h"
#include "store/store.h"

enum { GRANTS_SHOWN = 8 };

struct list {
	struct database *database;
	struct columns columns;
	int64_t now_ms;
};

struct shown {
	struct buf text;
	size_t n;
};

static int
show_grant(void *ctx, const struct database_row *row)
{
	struct shown *s = ctx;
	struct str may = database_text(row, 1);

	if (s->n++ < GRANTS_SHOWN)
		buf_printf(&s->text, "%s%.*s:%.*s", s->n == 1 ? "" : " ", STR_ARGS(database_text(row, 0)),
		    STR_ARGS(may.n == 0 ? STR("-") : may));
	return 0;
}

static int
add_grants(struct list *l, struct str name)
{
	struct database_value value = DATABASE_VALUE_TEXT(name);
	struct shown s = {.n = 0};
	int result;

	buf_init(&s.text, 4096);
	result = database_run(l->database, "SELECT rooms, may FROM grants WHERE who = 'token:' || ?1 ORDER BY rooms",
	    &value, 1, show_grant, &s);
	if (s.n > GRANTS_SHOWN)
		buf_printf(&s.text, " and %zu more", s.n - GRANTS_SHOWN);
	if (!buf_ok(&s.text)) {
		/* That it may do nothing would be wrong. */
		say_error("out of memory");
		result = -1;
	}
	columns_add(&l->columns, s.n == 0 ? STR("-") : buf_str(&s.text));
	buf_fini(&s.text);
	return result;
}

static void
add_moment(struct list *l, const struct database_row *row, int column, bool expires)
{
	int64_t at_ms = database_number(row, column);
	bool none = database_null(row, column);
	char when[MOMENT_SIZE], text[MOMENT_SIZE + 16];

	moment_write(none, at_ms, when);
	snprintf(text, sizeof text, "%s%s", when, expires && !none && at_ms <= l->now_ms ? " (over)" : "");
	columns_add(&l->columns, str_of(text));
}

static int
list_token(void *ctx, const struct database_row *row)
{
	struct list *l = ctx;
	struct str name = database_text(row, 0);

	columns_add(&l->columns, name);
	columns_add(&l->columns, database_null(row, 1) ? name : database_text(row, 1));
	columns_add(&l->columns, database_text(row, 2));
	add_moment(l, row, 3, false);
	add_moment(l, row, 4, true);
	add_moment(l, row, 5, false);
	return add_grants(l, name);
}

static int
run_list(const struct call *call)
{
	static const char *const heads[] = {"NAME", "SENDER", "CLASS", "MADE", "EXPIRES", "USED", "GRANTS"};
	struct list l = {.database = database_open(call->database), .now_ms = clock_wall_ms()};
	int result = COMMAND_FAILED;

	columns_init(&l.columns, heads, sizeof heads / sizeof heads[0]);
	if (l.database != NULL && database_begin_read(l.database) == 0 &&
	    database_run(l.database, "SELECT name, sender, class, made, expires, used FROM tokens ORDER BY name", NULL,
	        0, list_token, &l) == 0 &&
	    columns_print(&l.columns) == 0)
		result = COMMAND_DONE;
	columns_fini(&l.columns);
	database_close(l.database);
	return result;
}

static int
no_such_token(const char *name)
{
	say_error("there is no token %s: nothing was changed", name);
	return COMMAND_FAILED;
}

static int
revoke_one(struct database *d, const char *name)
{
	struct database_value value = DATABASE_VALUE_TEXT(str_of(name));

	if (database_run(d, "DELETE FROM tokens WHERE name = ?1", &value, 1, NULL, NULL) != 0)
		return COMMAND_FAILED;
	if (database_changed(d) == 0)
		return no_such_token(name);
	if (database_run(d, "DELETE FROM grants WHERE who = 'token:' || ?1", &value, 1, NULL, NULL) != 0)
		return COMMAND_FAILED;
	return COMMAND_DONE;
}

static int
run_revoke(const struct call *call)
{
	struct database *d = database_open(call->database);
	int result = d != NULL && database_begin(d) == 0 ? COMMAND_DONE : COMMAND_FAILED;

	for (size_t i = 0; i < call->n && result == COMMAND_DONE; i++)
		result = revoke_one(d, call->operands[i]);
	if (result == COMMAND_DONE && database_commit(d) != 0)
		result = COMMAND_FAILED;
	for (size_t i = 0; i < call->n && result == COMMAND_DONE; i++)
		say_note(
		    "%s is revoked, with its rules; its name is not given again without --again.", call->operands[i]);
	database_close(d);
	return result;
}

/* A new hash, and an end if one is given. */
static int
rotate(const struct call *call, struct database *d, const unsigned char *hash, int64_t expires_ms)
{
	struct database_value values[] = {DATABASE_VALUE_TEXT(str_of(call->operands[0])),
	    DATABASE_VALUE_BLOB(((struct str){(const char *)hash, SECRET_HASH_BYTES})),
	    DATABASE_VALUE_NUMBER(expires_ms)};
	bool given = command_given(call, "expires");

	if (database_begin(d) != 0 || database_run(d,
	                                  given ? "UPDATE tokens SET hash = ?2, expires = ?3 WHERE name = ?1"
	                                        : "UPDATE tokens SET hash = ?2 WHERE name = ?1",
	                                  values, given ? 3 : 2, NULL, NULL) != 0)
		return COMMAND_FAILED;
	if (database_changed(d) == 0)
		return no_such_token(call->operands[0]);
	return database_commit(d) == 0 ? COMMAND_DONE : COMMAND_FAILED;
}

static int
tell_expired(struct database *d, const char *name)
{
	struct database_value values[] = {DATABASE_VALUE_TEXT(str_of(name)), DATABASE_VALUE_NUMBER(clock_wall_ms())};
	int64_t n;

	if (database_one(d, "SELECT count(*) FROM tokens WHERE name = ?1 AND expires <= ?2", values, 2, 0, &n) != 0)
		return -1;
	if (n > 0)
		say_warning("%s is over: say --expires too, and it counts again", name);
	return 0;
}

static int
run_rotate(const struct call *call)
{
	const char *expires = command_value(call, "expires");
	int64_t now_ms = clock_wall_ms(), expires_ms = 0;
	unsigned char hash[SECRET_HASH_BYTES];
	char secret[SECRET_SIZE];
	struct database *d;
	int result;

	if (expires != NULL && (!moment_read(str_of(expires), now_ms, &expires_ms) || expires_ms <= now_ms))
		return command_wrong(
		    call, "--expires is a time to come like 90d or 12h, or a day like 2027-01-31, not '%s'", expires);
	d = database_open(call->database);
	secret_new(secret, hash);
	result = d == NULL ? COMMAND_FAILED : rotate(call, d, hash, expires_ms);
	if (result == COMMAND_DONE) {
		say_note(
		    "The old secret of %s counts no more; this is the new one, shown this once:", call->operands[0]);
		say_out("%s", secret);
		(void)tell_expired(d, call->operands[0]);
	}
	explicit_bzero(secret, sizeof secret);
	database_close(d);
	return result;
}

static const struct command_option NONE[] = {{NULL, NULL, NULL}};
static const struct command_option ROTATE[] = {
    {"expires", "TIME", "and when it ends: 90d, 12h, 2027-01-31"}, {NULL, NULL, NULL}};

const struct command command_token[] = {
    {"token add", "NAME", 1, 1, "Makes a token and prints its secret, this once", COMMAND_ADD_OPTIONS, command_add},
    {"token invite", "[NAME]...", 0, ADDING_MAX, "Makes tokens for guests and prints the address that lets each in",
        COMMAND_INVITE_OPTIONS, command_invite},
    {"token list", "", 0, 0, "Lists the tokens: never their secrets", NONE, run_list},
    {"token revoke", "NAME...", 1, ADDING_MAX, "Ends tokens at once, and takes their rules out", NONE, run_revoke},
    {"token rotate", "NAME", 1, 1, "Gives a token a new secret and prints it, this once", ROTATE, run_rotate},
    {NULL, NULL, 0, 0, NULL, NULL, NULL},
};
