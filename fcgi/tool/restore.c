#include "restore.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "database_copy.h"
#include "owner.h"
#include "say.h"
#include "store/store.h"

enum { NAME_SIZE = PLACE_PATH_SIZE + 96, KEPT_A_SECOND = 100 };

static int
cannot(const char *what, const char *path)
{
	say_error("cannot %s %s: %s", what, path, strerror(errno));
	return -1;
}

/* ---- what there is ---- */

static int
take_lock(struct restore *r)
{
	char lock[LOCK_PATH_SIZE], holder[LOCK_HOLDER_SIZE];

	r->lock = owner_take_lock(r->path, lock, holder);
	if (r->lock >= 0)
		return 0;
	if (errno == EWOULDBLOCK)
		say_error("longlined runs (pid %s): stop it first, as by systemctl stop longlined.socket "
		          "longlined.service; nothing was changed",
		    holder);
	else
		cannot("take the lock", lock);
	return -1;
}

static int
take_last(void *ctx, const struct database_row *row)
{
	struct restore *r = ctx;

	moment_write(false, database_number(row, 0), r->last);
	return 0;
}

/* The backup: ours, not newer, and not the log itself. */
static int
look_at_backup(struct restore *r)
{
	char detail[DATABASE_ERROR_SIZE];
	struct stat backup, log;
	enum database_state state;

	r->source = database_open_backup(r->backup, &state, detail);
	if (r->source == NULL || (state != DATABASE_GOOD && state != DATABASE_OLD &&
	                             !(state == DATABASE_FOREIGN && database_unmarked(r->source)))) {
		say_error("%s", detail);
		return -1;
	}
	if (r->there && stat(r->backup, &backup) == 0 && stat(r->path, &log) == 0 && backup.st_ino == log.st_ino &&
	    backup.st_dev == log.st_dev) {
		say_error("%s is the log itself: a backup is another file", r->backup);
		return -1;
	}
	if (database_extent(r->source, &r->new_messages, &r->new_head) != 0)
		return -1;
	return database_run(r->source, "SELECT at FROM messages ORDER BY id DESC LIMIT 1", NULL, 0, take_last, r);
}

/* The log of now, which may be what makes a restore needed. */
static int
look_at_log(struct restore *r)
{
	char detail[DATABASE_ERROR_SIZE];
	enum database_state state;

	r->old = database_look(r->path, &state, detail);
	r->there = state != DATABASE_ABSENT;
	r->damaged = state == DATABASE_DAMAGED;
	if (state == DATABASE_GOOD || state == DATABASE_OLD) {
		/* How much is lost is only to be told. */
		if (database_extent(r->old, &r->old_messages, &r->old_head) != 0)
			r->old_messages = -1;
		return 0;
	}
	database_close(r->old);
	r->old = NULL;
	if ((!r->there || r->damaged) && r->with_tokens)
		return 0;
	if (!r->there || r->damaged)
		say_error("%s; say --with-tokens to have the backup's tokens and grants, though what was revoked "
		          "since is let in again then",
		    r->damaged ? detail : "there is no log whose tokens and grants could be kept");
	else
		say_error("%s; nothing was changed", detail);
	return -1;
}

int
restore_begin(struct restore *r)
{
	char *real = realpath(r->database, NULL);

	r->lock = -1;
	r->place.fd = -1;
	snprintf(r->path, sizeof r->path, "%s", real == NULL ? r->database : real);
	free(real);
	return take_lock(r) == 0 && look_at_log(r) == 0 && look_at_backup(r) == 0 ? 0 : -1;
}

/* ---- the new file ---- */

/* Brings it to this version, as longlined does, with a new epoch. */
static int
bring_up(const struct restore *r)
{
	struct store_options options = {.path = r->place.path, .new_epoch = true};
	char error[STORE_ERROR_SIZE];
	struct store *s;
	int result;

	/* What it would tell an admin of a log that it takes up is no news here. */
	log_set_level(LOG_ERROR);
	s = store_open(&options, false, error);
	result = s == NULL ? -1 : store_start(s, DATABASE_WAIT_MS, error);
	if (result != 0)
		say_error("%s (%s is a copy of the backup)", error, r->place.path);
	store_close(s);
	return result;
}

/* Looked for in the copy, before anything is written to it. */
static int
look_for_damage(const struct restore *r)
{
	char text[DATABASE_DAMAGE_SIZE], detail[DATABASE_ERROR_SIZE];
	enum database_state state;
	struct database *d = database_open_backup(r->place.path, &state, detail);
	int result = d == NULL ? -1 : database_damage(d, true, text);

	if (d == NULL)
		say_error("%s", detail);
	if (result > 0)
		say_error("the backup %s is damaged: %s; nothing was changed", r->backup, text);
	database_close(d);
	return result == 0 ? 0 : -1;
}

static int
make_new(struct restore *r)
{
	if (place_begin(&r->place, r->path, ".restoring") != 0 || database_copy(r->source, r->place.path) != 0 ||
	    look_for_damage(r) != 0 || bring_up(r) != 0)
		return -1;
	r->new = database_open(r->place.path);
	return r->new == NULL ? -1 : 0;
}

/* As the log was, or longlined could not open it. */
static int
give_new(const struct restore *r)
{
	struct stat owner, own;

	if (owner_find(r->path, &owner) != 0 || fstat(r->place.fd, &own) != 0)
		return -1;
	if ((own.st_uid != owner.st_uid || own.st_gid != owner.st_gid) &&
	    fchown(r->place.fd, owner.st_uid, owner.st_gid) != 0) {
		/* A member of the group may do so, if the group may write. */
		if (fchown(r->place.fd, (uid_t)-1, owner.st_gid) != 0 || (owner.st_mode & S_IWGRP) == 0)
			return cannot("give its owner the file", r->place.path);
	}
	return fchmod(r->place.fd, owner.st_mode & 0777) == 0 ? 0 : cannot("change the rights of", r->place.path);
}

/* All that is written to it is, and in the one file. */
static int
finish_new(struct restore *r)
{
	if (r->old != NULL && !r->with_tokens && restore_access(r->old, r->new) != 0)
		return -1;
	if (database_single(r->new) != 0)
		return -1;
	database_close(r->new);
	r->new = NULL;
	return give_new(r) == 0 && place_sync(&r->place) == 0 ? 0 : -1;
}

/* ---- in its place ---- */

/* Gives a file of the old log, PATH and end, the name by which it is kept, too. -1, said but for EEXIST of the first.
 */
static int
link_old(const struct restore *r, const char *end)
{
	char from[NAME_SIZE], to[NAME_SIZE];

	snprintf(from, sizeof from, "%s%s", r->path, end);
	snprintf(to, sizeof to, "%s%s", r->kept, end);
	if (link(from, to) == 0 || (errno == ENOENT && end[0] != '\0'))
		return 0;
	if (errno != EEXIST || end[0] != '\0')
		say_error("cannot keep %s as %s: %s; --no-keep does without", from, to, strerror(errno));
	return -1;
}

/* "longline.db.before-restore-20270131T120000Z", or with -2 and so on behind it. */
static int
keep_old(struct restore *r)
{
	time_t now = time(NULL);
	struct tm utc;
	char when[32];
	int result, n = 1;

	strftime(when, sizeof when, "%Y%m%dT%H%M%SZ", gmtime_r(&now, &utc));
	snprintf(r->kept, sizeof r->kept, "%s.before-restore-%s", r->path, when);
	while ((result = link_old(r, "")) != 0 && errno == EEXIST && n++ < KEPT_A_SECOND)
		snprintf(r->kept, sizeof r->kept, "%s.before-restore-%s-%d", r->path, when, n);
	if (result != 0 && errno == EEXIST)
		say_error("there is a %s already: remove it, or say --no-keep", r->kept);
	if (result != 0)
		return -1;
	/* What is beside it is there only where it could not be read; then it is kept as it is. */
	if (link_old(r, "-wal") == 0 && link_old(r, "-journal") == 0 && place_sync_folder(r->path) == 0)
		return 0;
	unlink(r->kept);
	return -1;
}

/*
 * What is beside a log that could not be read would be taken for the new one's. One that could be read has nothing
 * there: it is held, and all of it is in the one file.
 */
static int
clear_beside(const struct restore *r)
{
	static const char *const ends[] = {"-wal", "-shm", "-journal"};
	char name[NAME_SIZE];

	for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
		snprintf(name, sizeof name, "%s%s", r->path, ends[i]);
		if (unlink(name) != 0 && errno != ENOENT)
			return cannot("remove", name);
	}
	return 0;
}

int
restore_run(struct restore *r, bool *done)
{
	*done = false;
	if (make_new(r) != 0 || (r->old != NULL && database_hold(r->old) != 0) || finish_new(r) != 0)
		return -1;
	if (r->there && r->keep && keep_old(r) != 0)
		return -1;
	if (clear_beside(r) == 0 && place_finish(&r->place, true, done) == 0)
		return 0;
	/* It is the log still, and must have one name only; one that was damaged has lost what was beside it. */
	if (!*done && r->kept[0] != '\0' && !r->damaged)
		unlink(r->kept);
	return -1;
}

void
restore_end(struct restore *r)
{
	database_close(r->source);
	database_close(r->new);
	/* Before its name is another's. */
	place_drop(&r->place);
	database_close(r->old);
	if (r->lock >= 0)
		close(r->lock);
}
