/* Whether a start would take the file: looked at by a connection that makes and writes nothing. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "schema.h"
#include "store_db.h"

enum { PATH_SIZE = 4096, PATIENCE_MS = 1000 };

/*
 * The path for SQLite, and what keeps it from writing. Where there is a shared memory (-shm) others may be at work, and
 * the WAL is read by it as it is. Where there is none nobody is, and for a file that is said not to change SQLite makes
 * none; it does not read the WAL then, either.
 */
static void
add_uri(struct buf *b, const char *path)
{
	char shm[PATH_SIZE + 8];
	struct stat st;

	buf_add(b, STR("file:"));
	for (const char *p = path; *p != '\0'; p++)
		if (isalnum((unsigned char)*p) || strchr("/._-", *p) != NULL)
			buf_add_char(b, *p);
		else
			buf_printf(b, "%%%02X", (unsigned char)*p);
	snprintf(shm, sizeof shm, "%s-shm", path);
	buf_printf(b, "?mode=ro&%s=1", stat(shm, &st) == 0 ? "readonly_shm" : "immutable");
	buf_add_char(b, '\0');
}

/* An SQLite result code. */
static int
open_untouched(struct store *s)
{
	struct buf uri;
	int code;

	buf_init(&uri, 4 * PATH_SIZE);
	add_uri(&uri, s->options.path);
	code = buf_ok(&uri)
	           ? sqlite3_open_v2(uri.p, &s->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, NULL)
	           : SQLITE_NOMEM;
	buf_fini(&uri);
	if (code != SQLITE_OK)
		return code;
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)NULL);
	sqlite3_busy_timeout(s->db, PATIENCE_MS);
	store_harden(s->db);
	return sqlite3_extended_result_codes(s->db, 1);
}

static bool
has_epoch(struct store *s)
{
	return store_number(s, "SELECT count(*) FROM meta WHERE name = 'epoch'", 0) == 1;
}

static int
look(struct store *s, int *version, char error[STORE_ERROR_SIZE])
{
	char name[STORE_NAME_SIZE];
	bool unmarked;
	int code = open_untouched(s);

	if (code != SQLITE_OK) {
		snprintf(error, STORE_ERROR_SIZE, "cannot open the database %s: %s", s->options.path,
		    s->db == NULL ? "no memory" : store_message(s, code));
		return -1;
	}
	*version = (int)store_number(s, "PRAGMA user_version", 0);
	if (!store_version_ok(s, *version, &unmarked, error))
		return -1;
	if (unmarked)
		*version = store_unmarked(s, name);
	if (*version > 0 && !has_epoch(s)) {
		snprintf(error, STORE_ERROR_SIZE, "the database %s: %s", s->options.path,
		    s->trouble != SQLITE_OK ? store_message(s, s->trouble) : "it is damaged: it has no epoch");
		return -1;
	}
	return 0;
}

int
store_try(const char *path, int *version, char error[STORE_ERROR_SIZE])
{
	struct store *s = calloc(1, sizeof *s);
	int result = -1;

	if (s != NULL && strlen(path) < PATH_SIZE && (s->db_lock = sqlite3_mutex_alloc(SQLITE_MUTEX_FAST)) != NULL) {
		s->options.path = path;
		s->walindex.fd = -1;
		result = look(s, version, error);
		store_close(s);
		return result;
	}
	snprintf(error, STORE_ERROR_SIZE, "cannot look at the database %s: %s", path,
	    strlen(path) < PATH_SIZE ? "no memory" : strerror(ENAMETOOLONG));
	free(s);
	return -1;
}

int
store_version(void)
{
	return schema_version;
}
