/*
 * main: of the tool `longline`: finds what is to be done, and does it.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "base/version.h"
#include "say.h"
#include "store/store.h"

static const struct command *const GROUPS[] = {command_send, command_tail, command_history, command_access,
    command_token, command_grant, command_prune, command_backup, command_restore, command_export, command_import,
    command_check, NULL};

/* Whether it asks a site by HTTP. */
static bool
is_remote(const struct command *c)
{
	return c == command_send || c == command_tail || c == command_history;
}

static void
help_line(const struct command *c)
{
	char usage[128];

	snprintf(usage, sizeof usage, "%s%s%s", c->words, c->operands[0] == '\0' ? "" : " ", c->operands);
	say_out("  %-30s %s", usage, c->help);
}

static void
help_option(const char *name, const char *value, const char *text)
{
	char usage[64];

	snprintf(usage, sizeof usage, "%s%s%s%s", name[1] == '\0' ? "-" : "--", name, value == NULL ? "" : " ",
	    value == NULL ? "" : value);
	say_out("  %-24s %s", usage, text);
}

static void
help_everywhere(bool remote)
{
	if (!remote)
		help_option("database", "FILE", "the log; without it, the one that the installed longlined serves");
	help_option("help", NULL, "this");
}

/* Of all commands that begin with these words. */
static void
help_group(const char *words)
{
	size_t n = strlen(words);

	say_out("usage: longline %s%sCOMMAND [OPTION]... [ARGUMENT]...", words, n == 0 ? "" : " ");
	say_out("%s", "");
	for (const struct command *const *group = GROUPS; *group != NULL; group++)
		for (const struct command *c = *group; c->words != NULL; c++)
			if (strncmp(c->words, words, n) == 0)
				help_line(c);
	say_out("%s", "");
	help_everywhere(false);
	if (n == 0)
		help_option("version", NULL, "the version of this program");
	say_out("%s", "");
	say_out("longline COMMAND --help tells more of each; so does longline(1).");
}

static void
help_command(const struct command *c)
{
	say_out("usage: longline %s [OPTION]...%s%s", c->words, c->operands[0] == '\0' ? "" : " ", c->operands);
	say_out("%s", "");
	say_out("%s.", c->help);
	say_out("%s", "");
	for (const struct command_option *o = c->options; o->name != NULL; o++)
		help_option(o->name, o->value, o->help);
	help_everywhere(is_remote(c));
}

static int
run_remote(struct call *call)
{
	if (call->database != NULL)
		return command_wrong(call, "--database is not for this command, which asks a site");
	return call->command->run(call);
}

/* Runs the command on the database that is named, or else on the installed unit's. */
static int
run(struct call *call)
{
	struct unit unit;
	char *database = NULL;
	int result = COMMAND_FAILED;

	if (unit_read(&unit) == 0 && (call->database != NULL || (database = unit_database(&unit)) != NULL)) {
		if (call->database == NULL)
			call->database = database;
		call->unit = &unit;
		result = call->command->run(call);
	}
	free(database);
	unit_fini(&unit);
	return result;
}

int
main(int argc, char **argv)
{
	struct args args;
	int result;

	signal(SIGPIPE, SIG_IGN);
	store_setup();
	result = args_read(&args, GROUPS, argc, argv);
	if (result >= 0)
		return result;
	if (args.version)
		say_out("longline %s", longline_version);
	else if (args.help && args.call.command != NULL)
		help_command(args.call.command);
	else if (args.help)
		help_group(args.words);
	else
		result = is_remote(args.call.command) ? run_remote(&args.call) : run(&args.call);
	if (!say_arrived()) {
		say_error("standard output cannot be written");
		return COMMAND_FAILED;
	}
	return result < 0 ? COMMAND_DONE : result;
}
