#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "say.h"

/* As in longlined.service. */
#define DATABASE "/var/lib/longline/longline.db"

enum { FILE_BYTES_MAX = 65536, WORDS_MAX = 4096 };

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The value of the last LONGLINED_FLAGS= in the file, without quotes around it; empty: there is none. */
static struct str
find_flags(struct str text)
{
	struct str flags = STR("");

	while (text.n > 0) {
		struct str line = str_trim(str_cut(&text, '\n'));

		if (!str_starts(line, STR("LONGLINED_FLAGS=")))
			continue;
		flags = str_trim(str_skip(line, sizeof "LONGLINED_FLAGS=" - 1));
		if (flags.n > 1 && (flags.p[0] == '"' || flags.p[0] == '\'') && flags.p[flags.n - 1] == flags.p[0])
			flags = (struct str){flags.p + 1, flags.n - 2};
	}
	return flags;
}

static int
split(struct unit *u, struct str flags)
{
	u->words = calloc(WORDS_MAX, sizeof *u->words);
	if (u->words == NULL)
		return -1;
	while (flags.n > 0 && u->n < WORDS_MAX) {
		size_t n = 0;

		while (n < flags.n && !is_blank(flags.p[n]))
			n++;
		if (n > 0)
			u->words[u->n++] = (struct str){flags.p, n};
		flags = str_skip(flags, n < flags.n ? n + 1 : n);
	}
	return 0;
}

static int
read_file(struct unit *u, FILE *file)
{
	size_t n;

	u->there = true;
	u->text = malloc(FILE_BYTES_MAX);
	n = u->text == NULL ? 0 : fread(u->text, 1, FILE_BYTES_MAX, file);
	if (u->text == NULL || split(u, find_flags((struct str){u->text, n})) != 0) {
		say_error("out of memory");
		return -1;
	}
	if (ferror(file)) {
		say_error("cannot read %s: %s", u->path, strerror(errno));
		return -1;
	}
	return 0;
}

int
unit_read(struct unit *u)
{
	const char *other = getenv("LONGLINE_DEFAULTS");
	FILE *file;
	int result;

	*u = (struct unit){.path = other == NULL || other[0] == '\0' ? "/etc/default/longlined" : other};
	file = fopen(u->path, "re");
	if (file == NULL && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (file == NULL) {
		say_error("cannot read %s: %s", u->path, strerror(errno));
		return -1;
	}
	result = read_file(u, file);
	fclose(file);
	return result;
}

void
unit_fini(struct unit *u)
{
	free(u->text);
	free(u->words);
	*u = (struct unit){0};
}

int
unit_each(const struct unit *u, const char *name, int (*fn)(void *ctx, struct str value), void *ctx)
{
	int result = 0;

	for (size_t i = 0; i < u->n && result == 0; i++) {
		struct str rest = u->words[i], word;

		if (!str_starts(rest, STR("--")))
			continue;
		rest = str_skip(rest, 2);
		word = str_cut(&rest, '=');
		if (!str_eq(word, str_of(name)))
			continue;
		if (word.n + 2 < u->words[i].n)
			result = fn(ctx, rest);
		else if (i + 1 < u->n)
			result = fn(ctx, u->words[++i]);
	}
	return result;
}

struct last {
	struct str *value;
	bool found;
};

static int
take_last(void *ctx, struct str value)
{
	struct last *last = ctx;

	*last->value = value;
	last->found = true;
	return 0;
}

bool
unit_option(const struct unit *u, const char *name, struct str *value)
{
	struct last last = {.value = value};

	(void)unit_each(u, name, take_last, &last);
	return last.found;
}

char *
unit_database(const struct unit *u)
{
	struct str path = STR(DATABASE);
	char *copy;

	(void)unit_option(u, "database", &path);
	copy = strndup(path.p, path.n);
	if (copy == NULL)
		say_error("out of memory");
	return copy;
}
