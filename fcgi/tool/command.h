/*
 * command: what the program can be told to do.
 *
 * A command is a row of a table: main finds it, reads its options and operands, and runs it. Each says what it does in
 * lines of say.h and returns how the program ends.
 */
#ifndef COMMAND_H
#define COMMAND_H

#include "base/str.h"
#include "unit.h"

/* How the program ends; `check` has its own (check.h). */
enum { COMMAND_DONE = 0, COMMAND_FAILED = 1, COMMAND_USAGE = 2 };

/* And where a site is asked: it refused; it does not let in who asks; it did not answer; another one is at it. */
enum { COMMAND_REFUSED = 3, COMMAND_NOT_ALLOWED = 4, COMMAND_UNANSWERED = 5, COMMAND_IN_USE = 6 };

enum { COMMAND_OPTIONS_MAX = 10, COMMAND_MORE_MAX = 31 };

struct command_option {
	const char *name;  /* without the dashes: one for a letter, else two; NULL: the end of the list */
	const char *value; /* what it is called in the help; NULL: it takes none; `...` at its end: may be repeated */
	const char *help;
};

struct call {
	const struct command *command;
	const char *database; /* a path */
	const struct unit *unit;
	const char *values[COMMAND_OPTIONS_MAX]; /* by the option's place in the list; NULL: not given. "" for a flag */
	/* Further values of those that may be repeated. */
	struct call_more {
		const struct command_option *option;
		const char *value;
	} more[COMMAND_MORE_MAX];
	size_t n_more;
	char **operands;
	size_t n;
};

struct command {
	const char *words;    /* "token add" */
	const char *operands; /* "NAME" */
	size_t least, most;   /* how many */
	const char *help;     /* what it does: a sentence without its full stop */
	const struct command_option *options;
	int (*run)(const struct call *call);
};

/* The commands of a group; an end has words NULL. */
extern const struct command command_access[], command_token[], command_grant[], command_check[], command_backup[],
    command_restore[], command_prune[], command_export[], command_import[];
/* Those that ask a site by HTTP, and have no use for a database. */
extern const struct command command_send[], command_tail[], command_history[];

/* The value of an option, which the command must have. */
const char *command_value(const struct call *call, const char *name);
bool command_given(const struct call *call, const char *name);

/* Calls fn for each value of an option, in the order in which they were given, until one returns another thing than 0,
 * which it returns. */
int command_each_value(const struct call *call, const char *name, int (*fn)(void *ctx, const char *value), void *ctx);

/* Says that the command line is wrong, and where to read on; returns COMMAND_USAGE. */
int command_wrong(const struct call *call, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Calls fn for each part of a list with commas between, until one returns another thing than 0, which it returns. */
int command_each(struct str list, int (*fn)(void *ctx, struct str part), void *ctx);

/* 0: the list has rooms, and prefixes with a `*` behind them, and nothing else; else COMMAND_USAGE, said. */
int command_check_rooms(const struct call *call, struct str list);

#endif
