/* longline backup: a copy of the log, of one moment, while it is written to. */
#include <string.h>

#include "command.h"
#include "database_copy.h"
#include "interrupt.h"
#include "place.h"
#include "say.h"

/* 0: a backup may be made there. */
static int
check_target(const struct call *call, const char *path)
{
	if (strcmp(path, "-") == 0)
		return command_wrong(
		    call, "a backup is a file, which is looked through before it counts, not standard output");
	if (path[0] == '\0')
		return command_wrong(call, "FILE is empty");
	return place_check(path, call->database, command_given(call, "force"), "backup") == 0 ? COMMAND_DONE
	                                                                                      : COMMAND_FAILED;
}

/* A log of any version may be copied: before an upgrade, by the new program. */
static struct database *
open_log(const struct call *call)
{
	char detail[DATABASE_ERROR_SIZE];
	enum database_state state;
	struct database *d = database_look(call->database, &state, detail);

	if (d != NULL && (state == DATABASE_GOOD || state == DATABASE_OLD || state == DATABASE_NEW))
		return d;
	say_error("%s", detail);
	database_close(d);
	return NULL;
}

/* What was copied, as the copy says it. */
static int
look_through(const struct place *p, int64_t *messages, int64_t *head)
{
	char text[DATABASE_DAMAGE_SIZE], detail[DATABASE_ERROR_SIZE];
	enum database_state state;
	struct database *d = database_open_backup(p->path, &state, detail);
	int result;

	if (d == NULL || (state != DATABASE_GOOD && state != DATABASE_OLD && state != DATABASE_NEW)) {
		say_error("%s", detail);
		database_close(d);
		return -1;
	}
	result = database_damage(d, false, text);
	if (result > 0)
		say_error("the database is damaged, and no backup was made: %s; the last one is worth more", text);
	if (result == 0)
		result = database_extent(d, messages, head);
	database_close(d);
	return result == 0 ? 0 : -1;
}

static int
make(const struct call *call, struct database *d, const char *path)
{
	int64_t messages, head;
	struct place place;
	bool placed = false;
	int result = place_begin(&place, path, ".part");

	if (result == 0)
		result = database_copy(d, place.path);
	if (result == 0)
		result = look_through(&place, &messages, &head);
	if (result == 0)
		result = place_finish(&place, command_given(call, "force"), &placed);
	place_drop(&place);
	if (result == 0)
		say_note(
		    "%s has %lld messages, up to id %lld, and is whole.", path, (long long)messages, (long long)head);
	else if (placed)
		say_error("%s is there, but might not be after a power cut", path);
	return result == 0 ? COMMAND_DONE : COMMAND_FAILED;
}

static int
run_backup(const struct call *call)
{
	const char *path = call->operands[0];
	int result = check_target(call, path);
	struct database *d;

	if (result != 0)
		return result;
	d = open_log(call);
	if (d == NULL)
		return COMMAND_FAILED;
	interrupt_catch();
	result = make(call, d, path);
	database_close(d);
	return result;
}

static const struct command_option OPTIONS[] = {
    {"force", NULL, "also if there is such a file, which it replaces when it is whole"}, {NULL, NULL, NULL}};

const struct command command_backup[] = {
    {"backup", "FILE", 1, 1, "Copies the log to FILE, while longlined runs or not, and looks whether it is whole",
        OPTIONS, run_backup},
    {NULL, NULL, 0, 0, NULL, NULL, NULL},
};
