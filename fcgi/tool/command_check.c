/* longline check: what is wrong here, or may be soon. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "check.h"
#include "say.h"
#include "site.h"

enum { NAMES_SHOWN = 5, QUICK_CHECK_S = 10, QUICK_CHECK_MAX_S = 86400 };

void
check_say(struct check *c, enum check_grade grade, const char *subject, const char *format, ...)
{
	static const char *const words[] = {"ok  ", "warn", "FAIL"};
	char text[2048];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	say_out("%s  %s: %s", words[grade], subject, text);
	if (grade > c->worst)
		c->worst = grade;
}

struct names {
	char *text;
	size_t n;
};

static int
take_name(void *ctx, const struct database_row *row)
{
	struct names *names = ctx;
	size_t used = strlen(names->text);

	if (names->n++ < NAMES_SHOWN)
		snprintf(names->text + used, CHECK_NAMES_SIZE - used, "%s%.*s", names->n == 1 ? "" : ", ",
		    STR_ARGS(database_text(row, 0)));
	return 0;
}

uint64_t
check_option(const struct check *c, const char *name, uint64_t otherwise)
{
	struct str text;
	uint64_t value;

	return unit_option(c->call->unit, name, &text) && str_uint(text, INT64_MAX, &value) ? value : otherwise;
}

int
check_names(struct check *c, const char *sql, const struct database_value *values, size_t n, size_t *count,
    char names[CHECK_NAMES_SIZE])
{
	struct names all = {.text = names};
	size_t used;
	int result;

	names[0] = '\0';
	result = database_run(c->database, sql, values, n, take_name, &all);
	used = strlen(names);
	if (all.n > NAMES_SHOWN)
		snprintf(names + used, CHECK_NAMES_SIZE - used, " and %zu more", all.n - NAMES_SHOWN);
	*count = all.n;
	if (result != 0)
		check_say(c, CHECK_FAIL, "database", "it could not be read, see above");
	return result;
}

/* Opens it, if it can be used. */
static void
open_database(struct check *c)
{
	char detail[DATABASE_ERROR_SIZE];
	enum database_state state;

	c->database = database_look(c->call->database, &state, detail);
	if (c->database != NULL && state == DATABASE_GOOD) {
		check_say(c, CHECK_OK, "database", "%s opens, and is of this version", c->call->database);
		return;
	}
	check_say(c, CHECK_FAIL, "database", "%s", detail);
	database_close(c->database);
	c->database = NULL;
}

static int
read_time(struct check *c)
{
	const char *text = command_value(c->call, "quick-check");
	uint64_t seconds = QUICK_CHECK_S;

	if (text != NULL && !str_uint(str_of(text), QUICK_CHECK_MAX_S, &seconds))
		return command_wrong(c->call, "--quick-check is 0 to %d seconds, not '%s'", QUICK_CHECK_MAX_S, text);
	c->quick_check_ms = (int64_t)seconds * 1000;
	return 0;
}

static int
run_check(const struct call *call)
{
	struct check c = {.call = call, .now_ms = clock_wall_ms()};
	const char *folder = command_value(call, "nginx");
	int result = read_time(&c);

	if (result != 0)
		return result;
	check_options(&c);
	/* Before it is opened: where root does so, SQLite gives what is beside it to its owner. */
	check_file(&c);
	open_database(&c);
	check_disk(&c);
	if (c.database != NULL) {
		check_database(&c);
		check_index(&c);
		check_access(&c);
	}
	check_nginx(&c, folder == NULL ? "/etc/nginx" : folder, folder != NULL);
	check_site(&c);
	database_close(c.database);
	return (int)c.worst;
}

static const struct command_option OPTIONS[] = {
    {"nginx", "FOLDER", "where nginx.conf is (/etc/nginx)"},
    {"quick-check", "SECONDS", "how long SQLite may look for damage; 0: not at all (10)"},
    SITE_OPTIONS,
    {NULL, NULL, NULL},
};

const struct command command_check[] = {
    {"check", "", 0, 0,
        "Looks whether all is well here: one line for each thing, ok, warn or FAIL; ends with 0, 1 or 2 alike", OPTIONS,
        run_check},
    {NULL, NULL, 0, 0, NULL, NULL, NULL},
};
