/* longline tail: what comes, as it comes. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "following.h"
#include "rooms_option.h"
#include "say.h"

enum { FIRST = 20, SINCE_SIZE = 16 };

/* The option -n. */
static int
read_first(const struct call *call, char since[SINCE_SIZE])
{
	const char *text = command_value(call, "n");
	uint64_t n = command_given(call, "exec") ? 0 : FIRST;

	if (text != NULL && strcmp(text, "all") != 0 && !str_uint(str_of(text), FOLLOWING_FIRST_MAX, &n))
		return command_wrong(call, "-n is 0 to %d, or all, not '%s'", FOLLOWING_FIRST_MAX, text);
	if (text != NULL && strcmp(text, "all") == 0)
		snprintf(since, SINCE_SIZE, "all");
	else if (n == 0)
		snprintf(since, SINCE_SIZE, "now");
	else
		snprintf(since, SINCE_SIZE, "-%u", (unsigned)n);
	return 0;
}

static int
read_options(struct following *f, const struct call *call, char since[SINCE_SIZE])
{
	const char *command = command_value(call, "exec");
	bool rooms, json = command_given(call, "json");
	int result = read_first(call, since);

	if (result != 0)
		return result;
	if (command != NULL && json)
		return command_wrong(
		    call, "--json is for messages that are printed; the command of --exec gets JSON anyhow");
	if (command != NULL && command[0] == '\0')
		return command_wrong(call, "--exec is a command of the shell");
	f->command = command;
	f->since = since;
	buf_add(&f->target, STR("/poll"));
	result = rooms_option_add(call, &f->target, &rooms);
	buf_add_char(&f->target, f->target.n == 5 ? '?' : '&');
	f->target_n = f->target.n;
	printer_init(&f->printer, json, rooms);
	return result;
}

/* Locks the state of --state, and goes on where it says. */
static int
open_bookmark(struct following *f, const struct call *call)
{
	const char *state = command_value(call, "state");
	int result;

	if (state == NULL)
		return 0;
	if (state[0] == '\0')
		return command_wrong(call, "--state is a file");
	f->kept = true;
	result = bookmark_open(&f->bookmark, state);
	if (result == 0 && f->bookmark.there && f->command == NULL)
		printer_resume(&f->printer, &f->bookmark.out);
	return result;
}

static int
run_tail(const struct call *call)
{
	struct following f = {.asking = {.telling = true}, .bookmark = {.lock = -1}};
	char since[SINCE_SIZE];
	struct site site = {.url = NULL};
	int result;

	buf_init(&f.target, 65536);
	printer_init(&f.printer, false, false);
	result = read_options(&f, call, since);
	if (result == 0)
		result = asking_open(&f.asking, &site, call);
	if (result == 0)
		result = open_bookmark(&f, call);
	if (result == 0)
		result = following_run(&f);
	bookmark_close(&f.bookmark);
	asking_close(&f.asking, &site);
	printer_fini(&f.printer);
	buf_fini(&f.target);
	return result;
}

static const struct command_option OPTIONS[] = {
    {"r", "ROOM...", "a room, or * for all; may be repeated (main)"},
    {"n", "N", "begins with the newest N, 0 to 1000, or all (20; 0 with --exec)"},
    {"state", "FILE", "keeps there how far it is, and goes on from there"},
    {"json", NULL, "prints each message as JSON, on a line of its own"},
    {"exec", "COMMAND", "runs COMMAND by sh -c for each message, until it ends with success"},
    SITE_OPTIONS,
    {NULL, NULL, NULL},
};

const struct command command_tail[] = {
    {"tail", "", 0, 0, "Prints new messages as they come, or runs a command for each", OPTIONS, run_tail},
    {NULL, NULL, 0, 0, NULL, NULL, NULL},
};
