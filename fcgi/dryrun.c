#include "dryrun.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "access/jwt.h"
#include "endpoint.h"
#include "store/store.h"

/* Whether this process may, as the user that it runs as. */
static bool
may(const char *path, int what)
{
	return faccessat(AT_FDCWD, path, what, AT_EACCESS) == 0;
}

/* Whether files can be made where path stands; says the fault. */
static bool
folder_good(const char *path, const char *whose)
{
	char copy[PATH_MAX];
	const char *folder;

	if ((size_t)snprintf(copy, sizeof copy, "%s", path) >= sizeof copy) {
		log_refusal("the path of %s is too long: %s", whose, path);
		return false;
	}
	folder = dirname(copy);
	if (may(folder, W_OK | X_OK))
		return true;
	log_refusal("the folder of %s cannot be written to: %s: %s", whose, folder, strerror(errno));
	return false;
}

/* A file beside another one, which need not be there; says the fault. */
static bool
beside_good(const char *path, const char *end)
{
	char name[PATH_MAX + 8];
	struct stat st;

	snprintf(name, sizeof name, "%s%s", path, end);
	if (lstat(name, &st) != 0)
		return true;
	if (!S_ISREG(st.st_mode)) {
		log_refusal("%s is not a plain file; remove it", name);
		return false;
	}
	if (may(name, R_OK | W_OK))
		return true;
	log_refusal("%s cannot be read and written: %s", name, strerror(errno));
	return false;
}

/* All that SQLite and the daemon put beside it. */
static bool
surroundings_good(const char *database)
{
	char *real = realpath(database, NULL);
	const char *path = real == NULL ? database : real;
	bool good = folder_good(path, "the database");

	good &= beside_good(path, "-wal");
	good &= beside_good(path, "-shm");
	good &= beside_good(path, "-lock");
	free(real);
	return good;
}

static bool
file_good(const char *path)
{
	char error[STORE_ERROR_SIZE];
	struct stat st;
	int version = 0;

	if (stat(path, &st) != 0 && errno == ENOENT) {
		printf("longlined: the database %s is not there yet; a start makes it\n", path);
		return true;
	}
	errno = 0;
	if (stat(path, &st) != 0 || !S_ISREG(st.st_mode) || !may(path, R_OK | W_OK)) {
		log_refusal("the database %s cannot be used: %s", path,
		    errno != 0 ? strerror(errno) : "it is not a plain file");
		return false;
	}
	if (store_try(path, &version, error) != 0) {
		log_refusal("%s", error);
		return false;
	}
	if (version == store_version())
		printf("longlined: the database %s is good, of version %d\n", path, version);
	else
		printf("longlined: the database %s is good, of version %d; a start brings it to %d\n", path, version,
		    store_version());
	return true;
}

/* A socket that is there may be systemd's, in a folder that is not ours. */
static bool
socket_good(const char *path)
{
	struct sockaddr_un address;
	struct stat st;

	if (endpoint_inherited())
		return true;
	if (strlen(path) >= sizeof address.sun_path) {
		log_refusal("the path of --socket may have %zu bytes: %s", sizeof address.sun_path - 1, path);
		return false;
	}
	if (lstat(path, &st) != 0)
		return folder_good(path, "the socket (--socket)");
	if (S_ISSOCK(st.st_mode))
		return true;
	log_refusal("%s is in the way of --socket: it is not a socket", path);
	return false;
}

/* Each by itself, so that each fault is said. */
static bool
keys_good(const struct config *c)
{
	static struct jwt_keys keys;
	char error[STORE_ERROR_SIZE];
	bool good = true;

	for (size_t i = 0; i < c->n_jwt_keys; i++)
		if (jwt_keys_read(&keys, &c->jwt_keys[i], 1, error) != 0) {
			log_refusal("%s", error);
			good = false;
		}
	explicit_bzero(&keys, sizeof keys);
	return good;
}

int
dryrun(const struct config *c, int status)
{
	bool options = status < 0, database;

	options &= keys_good(c);
	options &= socket_good(c->socket);
	options &= c->pid_file == NULL || folder_good(c->pid_file, "the pid file (--pid-file)");
	database = surroundings_good(c->database);
	database &= file_good(c->database);
	if (geteuid() == 0)
		printf("longlined: root may do what the daemon's user may not; run this as that user\n");
	if (options && database)
		printf("longlined: it can start\n");
	return !options ? EXIT_OPTIONS : !database ? EXIT_DATABASE : 0;
}
