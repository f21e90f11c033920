/* Whether there is room: on the disk, and below what longlined was told. */
#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "check.h"

/* Of longlined: --disk-free-min is the smaller of these unless it is given. */
#define FREE_MIN_BYTES UINT64_C(1000000000)
enum { FREE_MIN_PERCENT = 5, ROOMS_MAX = 10000 };

#define WAL_LARGE_BYTES INT64_C(256000000)

/* In the unit that reads best. */
enum { BYTES_SIZE = 32 };

static const char *
bytes(uint64_t n, char text[BYTES_SIZE])
{
	static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB"};
	double value = (double)n;
	int unit = 0;

	while (value >= 1000 && unit < 4) {
		value /= 1000;
		unit++;
	}
	snprintf(text, BYTES_SIZE, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
	return text;
}

static void
check_free(struct check *c, const struct statvfs *fs)
{
	uint64_t free_bytes = (uint64_t)fs->f_bavail * fs->f_frsize, all = (uint64_t)fs->f_blocks * fs->f_frsize;
	uint64_t share = all / 100 * FREE_MIN_PERCENT;
	uint64_t least = check_option(c, "disk-free-min", share < FREE_MIN_BYTES ? share : FREE_MIN_BYTES);
	char is[BYTES_SIZE], should[BYTES_SIZE];

	bytes(free_bytes, is);
	bytes(least, should);
	if (free_bytes < least)
		check_say(c, CHECK_FAIL, "disk",
		    "%s are free, below --disk-free-min (%s): nothing is stored until there is more room", is, should);
	else if (free_bytes / 2 < least)
		check_say(c, CHECK_WARN, "disk", "%s are free; below %s (--disk-free-min) nothing is stored any more",
		    is, should);
	else
		check_say(c, CHECK_OK, "disk", "%s are free, and %s (--disk-free-min) are needed", is, should);
}

static void
check_size(struct check *c)
{
	uint64_t most = check_option(c, "database-max", 0);
	char name[4096], is[BYTES_SIZE], should[BYTES_SIZE];
	struct stat file, wal;

	snprintf(name, sizeof name, "%s-wal", c->call->database);
	if (stat(name, &wal) == 0 && wal.st_size > WAL_LARGE_BYTES)
		check_say(c, CHECK_WARN, "disk",
		    "%s has %s: some program keeps a read transaction open, or longlined does not run", name,
		    bytes((uint64_t)wal.st_size, is));
	if (most == 0 || stat(c->call->database, &file) != 0)
		return;
	bytes((uint64_t)file.st_size, is);
	bytes(most, should);
	if ((uint64_t)file.st_size >= most)
		check_say(c, CHECK_FAIL, "disk",
		    "the database has %s, and may have %s (--database-max): nothing is stored any more", is, should);
	else if ((uint64_t)file.st_size >= most / 10 * 9)
		check_say(c, CHECK_WARN, "disk", "the database has %s, and may have %s (--database-max)", is, should);
}

void
check_disk(struct check *c)
{
	char *copy = strdup(c->call->database);
	struct statvfs fs;

	if (copy == NULL)
		return;
	if (statvfs(dirname(copy), &fs) == 0)
		check_free(c, &fs);
	check_size(c);
	free(copy);
}

struct damage {
	char text[256];
	bool good;
	size_t n;
};

static int
take_damage(void *ctx, const struct database_row *row)
{
	struct damage *d = ctx;
	struct str text = database_text(row, 0);

	d->good = str_eq(text, STR("ok"));
	if (d->n++ == 0)
		snprintf(d->text, sizeof d->text, "%.*s", (int)(text.n < 200 ? text.n : 200), text.p);
	return 0;
}

static void
check_damage(struct check *c)
{
	struct damage d = {.n = 0};
	bool cut = false;
	int result;

	if (c->quick_check_ms == 0)
		return;
	/* A row that breaks the rules is another program's doing, and no damage. */
	(void)database_run(c->database, "PRAGMA ignore_check_constraints = ON", NULL, 0, NULL, NULL);
	database_limit(c->database, c->quick_check_ms, &cut);
	result = database_run(c->database, "PRAGMA quick_check(5)", NULL, 0, take_damage, &d);
	database_limit(c->database, 0, NULL);
	if (result == 0 && d.n > 0 && d.good)
		check_say(c, CHECK_OK, "database", "SQLite finds no damage (quick_check)");
	else if (result == 0 && d.n == 0 && cut)
		check_say(c, CHECK_WARN, "database",
		    "in %lld s SQLite did not come to the end of looking for damage: --quick-check SECONDS gives it "
		    "more",
		    (long long)(c->quick_check_ms / 1000));
	else
		check_say(c, CHECK_FAIL, "database", "it is damaged, go back to a backup: %s",
		    d.n > 0 ? d.text : "see above");
}

static void
check_rooms(struct check *c)
{
	uint64_t most = check_option(c, "rooms-max", ROOMS_MAX);
	int64_t n;

	if (database_one(c->database, "SELECT count(*) FROM rooms", NULL, 0, 0, &n) != 0)
		return;
	if (most > 0 && (uint64_t)n >= most)
		check_say(c, CHECK_FAIL, "rooms",
		    "there are %lld, and may be %llu (--rooms-max): nobody can begin a new one", (long long)n,
		    (unsigned long long)most);
	else if (most > 0 && (uint64_t)n >= most / 10 * 9)
		check_say(c, CHECK_WARN, "rooms", "there are %lld, and may be %llu (--rooms-max)", (long long)n,
		    (unsigned long long)most);
	else
		check_say(c, CHECK_OK, "rooms", "there are %lld", (long long)n);
}

void
check_database(struct check *c)
{
	check_damage(c);
	check_rooms(c);
}
