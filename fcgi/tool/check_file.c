/* Rights of the database's file, and of what is beside it. */
#include <errno.h>
#include <grp.h>
#include <libgen.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "check.h"

enum { OWNER_SIZE = 80 };

/* "longline:longline" */
static void
owner(const struct stat *file, char text[OWNER_SIZE])
{
	const struct passwd *user = getpwuid(file->st_uid);
	const struct group *group = getgrgid(file->st_gid);
	char numbers[2][24];

	snprintf(numbers[0], sizeof numbers[0], "%u", (unsigned)file->st_uid);
	snprintf(numbers[1], sizeof numbers[1], "%u", (unsigned)file->st_gid);
	snprintf(text, OWNER_SIZE, "%.32s:%.32s", user == NULL ? numbers[0] : user->pw_name,
	    group == NULL ? numbers[1] : group->gr_name);
}

static bool
look(struct check *c, const char *path, struct stat *file)
{
	if (stat(path, file) == 0)
		return true;
	check_say(c, CHECK_FAIL, "rights", "cannot look at %s: %s", path, strerror(errno));
	return false;
}

/* What SQLite makes beside the file, and which must be its owner's. */
static void
check_beside(struct check *c, const char *path, const char *end, const struct stat *file)
{
	char name[4096], whose[OWNER_SIZE];
	struct stat beside;

	snprintf(name, sizeof name, "%s%s", path, end);
	if (stat(name, &beside) != 0)
		return;
	owner(file, whose);
	if (beside.st_uid != file->st_uid && (beside.st_gid != file->st_gid || (beside.st_mode & S_IWGRP) == 0))
		check_say(c, CHECK_FAIL, "rights", "%s is another's than the database: chown %s %s", name, whose, name);
	else if (beside.st_mode & S_IWOTH)
		check_say(c, CHECK_FAIL, "rights", "everybody may write to %s: chmod o-rwx %s", name, name);
}

static void
check_folder(struct check *c, const char *path, const struct stat *file)
{
	char *copy = strdup(path), *name;
	struct stat folder;

	if (copy == NULL)
		return;
	name = dirname(copy);
	if (look(c, name, &folder)) {
		bool owns = folder.st_uid == file->st_uid && (folder.st_mode & S_IWUSR);
		bool group = folder.st_gid == file->st_gid && (folder.st_mode & S_IWGRP);

		if (folder.st_mode & S_IWOTH)
			check_say(c, CHECK_FAIL, "rights",
			    "everybody may write to the folder %s, and put another database there: chmod o-w %s", name,
			    name);
		else if (!owns && !group && file->st_uid != 0)
			check_say(c, CHECK_FAIL, "rights",
			    "the database's owner cannot write to the folder %s, where SQLite needs files beside it",
			    name);
	}
	free(copy);
}

void
check_file(struct check *c)
{
	const char *path = c->call->database;
	char whose[OWNER_SIZE];
	struct stat file;

	if (stat(path, &file) != 0)
		return; /* that it is not there has been said */
	owner(&file, whose);
	if (file.st_nlink > 1)
		check_say(c, CHECK_FAIL, "rights",
		    "%s has another name as well (a hard link), and whoever opens it by that damages it: remove that "
		    "name; find -inum %llu shows it",
		    path, (unsigned long long)file.st_ino);
	if (file.st_mode & S_IWOTH)
		check_say(c, CHECK_FAIL, "rights",
		    "everybody may write to the database, and so give grants: chmod o-rwx %s", path);
	else if (file.st_mode & S_IROTH)
		check_say(
		    c, CHECK_WARN, "rights", "everybody on this machine may read the database: chmod o-rwx %s", path);
	else
		check_say(c, CHECK_OK, "rights",
		    "the database is %s's, mode %04o; whoever may write to it may give grants, too", whose,
		    (unsigned)(file.st_mode & 07777));
	check_folder(c, path, &file);
	check_beside(c, path, "-wal", &file);
	check_beside(c, path, "-shm", &file);
}
