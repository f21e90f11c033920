/*
 * args: the command line: which command, its options, its operands.
 *
 * Options are written in full, `--name VALUE` or `--name=VALUE`, or as a letter, `-n VALUE` or `-nVALUE`, anywhere
 * among the operands; `--` ends them. Those of every command (--database, --help, --version) may also stand before it.
 */
#ifndef ARGS_H
#define ARGS_H

#include "command.h"

struct args {
	struct call call; /* without the unit; the database is NULL when none is given */
	char words[64];   /* of the command line, before the first operand: a group's name, when call.command is NULL */
	bool help, version;
};

/*
 * Reads argv, whose operands it puts side by side in place. groups: the tables of commands, with a NULL behind the
 * last. -1: it is good, and call.command is set unless help or version is asked for; otherwise what to end with, said.
 */
int args_read(struct args *a, const struct command *const *groups, int argc, char **argv);

#endif
