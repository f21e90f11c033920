/* longline export: the log as lines of JSON, of one moment, while it is written to. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "access/sight.h"
#include "base/clock.h"
#include "command.h"
#include "export.h"
#include "interrupt.h"
#include "moment.h"
#include "place.h"
#include "say.h"

struct reading_rooms {
	const struct call *call;
	struct export *export;
};

static int
add_room(void *ctx, const char *value)
{
	struct reading_rooms *r = ctx;

	if (!sight_rooms_ok(str_of(value)))
		return command_wrong(
		    r->call, "-r is a room, 1 to 64 of A-Za-z0-9._-, or a prefix with a * behind it, not '%s'", value);
	if (r->export->n_rooms == EXPORT_ROOMS_MAX)
		return command_wrong(r->call, "-r may be given %d times", EXPORT_ROOMS_MAX);
	r->export->rooms[r->export->n_rooms++] = str_of(value);
	return 0;
}

/* 0, or how the program ends. */
static int
read_moment(const struct call *call, const char *name, int64_t *at_ms)
{
	const char *text = command_value(call, name);

	if (text == NULL || moment_read_past(str_of(text), clock_wall_ms(), at_ms))
		return 0;
	return command_wrong(call, "--%s is a time like 30d or 12h, or a moment like 2027-01-31, not '%s'", name, text);
}

static int
read_options(const struct call *call, struct export *e)
{
	struct reading_rooms rooms = {call, e};
	int result = command_each_value(call, "r", add_room, &rooms);

	e->from = command_given(call, "from");
	e->until = command_given(call, "until");
	e->no_keys = command_given(call, "no-keys");
	if (result == 0)
		result = read_moment(call, "from", &e->from_ms);
	if (result == 0)
		result = read_moment(call, "until", &e->until_ms);
	if (result == 0 && command_given(call, "force") && !command_given(call, "o"))
		return command_wrong(call, "--force is for -o FILE");
	return result;
}

static void
tell(const struct export *e, const char *where)
{
	if (e->left_out > 0)
		say_warning("%lld rows that break the log's rules are left out, the first with id %lld",
		    (long long)e->left_out, (long long)e->first_left_out);
	say_note(
	    "%s has %lld messages with %lld attachments.", where, (long long)e->messages, (long long)e->attachments);
}

static int
to_stdout(struct export *e)
{
	struct stat file;

	e->to = stdout;
	e->terminal = isatty(STDOUT_FILENO) != 0;
	if (export_run(e) != 0)
		return COMMAND_FAILED;
	if (fstat(STDOUT_FILENO, &file) == 0 && S_ISREG(file.st_mode) && fsync(STDOUT_FILENO) != 0) {
		say_error("the export cannot be written: %s", strerror(errno));
		return COMMAND_FAILED;
	}
	tell(e, "The export");
	return COMMAND_DONE;
}

static int
write_place(struct export *e, struct place *place)
{
	int fd = dup(place->fd), result;

	e->to = fd < 0 ? NULL : fdopen(fd, "w");
	if (e->to == NULL) {
		say_error("cannot write %s: %s", place->path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	result = export_run(e);
	if (fclose(e->to) != 0 && result == 0) {
		say_error("cannot write %s: %s", place->path, strerror(errno));
		result = -1;
	}
	return result;
}

static int
to_file(const struct call *call, struct export *e, const char *path)
{
	struct place place;
	bool placed = false;
	int result;

	if (path[0] == '\0')
		return command_wrong(call, "-o needs the name of a file");
	if (place_check(path, call->database, command_given(call, "force"), "export") != 0)
		return COMMAND_FAILED;
	result = place_begin(&place, path, ".part");
	if (result == 0)
		result = write_place(e, &place);
	if (result == 0)
		result = place_finish(&place, command_given(call, "force"), &placed);
	place_drop(&place);
	if (result == 0)
		tell(e, path);
	else if (placed)
		say_error("%s is there, but might not be after a power cut", path);
	return result == 0 ? COMMAND_DONE : COMMAND_FAILED;
}

static int
run_export(const struct call *call)
{
	struct export e = {.messages = 0};
	const char *path = command_value(call, "o");
	int result = read_options(call, &e);

	if (result != 0)
		return result;
	e.database = database_open(call->database);
	if (e.database == NULL)
		return COMMAND_FAILED;
	interrupt_catch();
	result = path == NULL ? to_stdout(&e) : to_file(call, &e, path);
	database_close(e.database);
	return result;
}

static const struct command_option OPTIONS[] = {
    {"o", "FILE", "to this file, which has its name when it is whole; else to standard output"},
    {"force", NULL, "also if there is such a file, which it replaces when it is whole"},
    {"r", "ROOM...", "only of this room, or of all that begin so: ci-*; may be repeated"},
    {"from", "TIME", "not before: 30d or 12h ago, or 2027-01-31"},
    {"until", "TIME", "before this time"},
    {"no-keys", NULL, "without the keys, with which senders may change their messages"},
    {NULL, NULL, NULL},
};

const struct command command_export[] = {
    {"export", "", 0, 0, "Writes all messages as lines of JSON, exactly, while longlined runs or not", OPTIONS,
        run_export},
    {NULL, NULL, 0, 0, NULL, NULL, NULL},
};
