/*
 * export: a log, or some of its messages, written as lines (archive.h): one moment of it, however much is written
 * meanwhile.
 *
 * All that goes wrong has been said when a function returns -1.
 */
#ifndef EXPORT_H
#define EXPORT_H

#include <stdio.h>

#include "base/buf.h"
#include "database.h"

enum { EXPORT_ROOMS_MAX = 32 };

struct export
{
	/* Set by the caller: */
	struct database *database;
	struct str rooms[EXPORT_ROOMS_MAX]; /* a room, or a prefix and `*`; none: all */
	size_t n_rooms;
	bool from, until;
	int64_t from_ms, until_ms; /* not before, and before, when these are given */
	bool no_keys;
	bool terminal; /* what could steer one is written in escapes of JSON */
	FILE *to;

	/* Filled by export_run(): */
	int64_t messages, attachments, spent, proven;
	int64_t left_out, first_left_out; /* rows that break the rules, and the id of the first */
	int64_t head;
	struct buf line;
};

/* Ends early, with -1, when the program is told to end. What was written is flushed, and not synced. */
int export_run(struct export *e);

#endif
