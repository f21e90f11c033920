/*
 * unit: what the installed daemon is started with: its options beyond those of its service.
 *
 * They stand in /etc/default/longlined (LONGLINE_DEFAULTS names another file) as LONGLINED_FLAGS=--name value …, split
 * at blanks as systemd does it. Without the file there are none.
 */
#ifndef UNIT_H
#define UNIT_H

#include "base/str.h"

struct unit {
	const char *path; /* of the file */
	bool there;       /* it could be read */
	char *text;       /* owns what the words view */
	struct str *words;
	size_t n;
};

/* -1, said: the file is there and cannot be read, or there is no memory. */
int unit_read(struct unit *u);
void unit_fini(struct unit *u);

/* The value of the last `--name VALUE` or `--name=VALUE`; false: it is not given. */
bool unit_option(const struct unit *u, const char *name, struct str *value);

/* Calls fn for the value of each of them, until one returns another thing than 0, which it returns. */
int unit_each(const struct unit *u, const char *name, int (*fn)(void *ctx, struct str value), void *ctx);

/* The database that it serves: a copy, the caller's to free; NULL without memory, said. */
char *unit_database(const struct unit *u);

#endif
