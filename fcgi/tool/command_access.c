/* longline access: whether the log is open to everybody. */
#include "closing.h"
#include "command.h"
#include "grants.h"
#include "say.h"

static int
count(struct database *d, const char *sql, int64_t *n)
{
	return database_one(d, sql, NULL, 0, 0, n);
}

static int
show(struct database *d)
{
	int64_t tokens, grants;
	bool closed;

	if (closing_closed(d, &closed) != 0 || count(d, "SELECT count(*) FROM tokens", &tokens) != 0 ||
	    count(d, "SELECT count(*) FROM grants", &grants) != 0)
		return COMMAND_FAILED;
	say_out(
	    closed ? "closed: only what grants allow may be done" : "open: everybody may read and write every room");
	say_out("%lld tokens, %lld grants", (long long)tokens, (long long)grants);
	return COMMAND_DONE;
}

static int
run_show(const struct call *call)
{
	struct database *d = database_open(call->database);
	int result = COMMAND_FAILED;

	if (d != NULL && database_begin_read(d) == 0)
		result = show(d);
	database_close(d);
	return result;
}

/* Sets it, and says what that means. */
static int
set(struct database *d, bool close)
{
	struct database_value value = DATABASE_VALUE_TEXT(close ? STR("closed") : STR("open"));
	int64_t grants;
	bool closed;

	if (database_begin(d) != 0 || closing_closed(d, &closed) != 0 ||
	    database_run(d,
	        "INSERT INTO meta VALUES ('access', ?1) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
	        " WHERE value IS NOT excluded.value",
	        &value, 1, NULL, NULL) != 0 ||
	    count(d, "SELECT count(*) FROM grants", &grants) != 0 || database_commit(d) != 0)
		return COMMAND_FAILED;
	if (close == closed)
		say_note("The log was %s already.", close ? "closed" : "open");
	else if (close)
		say_note("The log is closed:");
	else
		say_note("The log is open: everybody may read and write every room%s.",
		    grants > 0 ? ", and grants do not count until: longline access closed" : "");
	if (close && close != closed && closing_tell(d) != 0)
		say_warning("it is closed; who may do what could not be read");
	return COMMAND_DONE;
}

static int
run_set(const struct call *call, bool close)
{
	struct database *d = database_open(call->database);
	int result = d == NULL ? COMMAND_FAILED : set(d, close);

	database_close(d);
	return result;
}

static int
run_open(const struct call *call)
{
	return run_set(call, false);
}

static int
run_closed(const struct call *call)
{
	return run_set(call, true);
}

static const struct command_option NONE[] = {{NULL, NULL, NULL}};

const struct command command_access[] = {
    {"access show", "", 0, 0, "Says whether everybody may read and write, or only whom grants allow it", NONE,
        run_show},
    {"access open", "", 0, 0, "Lets everybody read and write every room; grants do not count then", NONE, run_open},
    {"access closed", "", 0, 0, "Lets only that be done which grants allow", NONE, run_closed},
    {NULL, NULL, 0, 0, NULL, NULL, NULL},
};
