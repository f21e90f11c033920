/* Whether longlined takes the options that it is started with. */
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/version.h"
#include "check.h"

enum { TRY_S = 10, SAID_SIZE = 1024, NOT_RUN = 127 };

/* Beside this program, or where it is installed: PREFIX/bin and PREFIX/sbin. */
static bool
find_longlined(char path[PATH_MAX])
{
	static const char *const places[] = {"longlined", "../sbin/longlined"};
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	const char *folder;

	if (n < 0)
		return false;
	self[n] = '\0';
	folder = dirname(self);
	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
		if (snprintf(path, PATH_MAX, "%s/%s", folder, places[i]) < PATH_MAX && access(path, X_OK) == 0)
			return true;
	return false;
}

/* The words of the unit and --version behind them, as an argv to be freed; its texts are in one piece behind it. */
static char **
arguments(const struct unit *u, char *path)
{
	size_t bytes = (u->n + 3) * sizeof(char *);
	char **argv, *text;

	for (size_t i = 0; i < u->n; i++)
		bytes += u->words[i].n + 1;
	argv = calloc(1, bytes);
	if (argv == NULL)
		return NULL;
	text = (char *)(argv + u->n + 3);
	argv[0] = path;
	for (size_t i = 0; i < u->n; i++) {
		argv[i + 1] = memcpy(text, u->words[i].p, u->words[i].n);
		text += u->words[i].n + 1;
	}
	argv[u->n + 1] = "--version";
	return argv;
}

static _Noreturn void
become(char **argv, int out)
{
	alarm(TRY_S);
	if (dup2(out, STDOUT_FILENO) >= 0 && dup2(out, STDERR_FILENO) >= 0)
		execv(argv[0], argv);
	_exit(NOT_RUN);
}

/* Runs it: how it ended (-1: it did not, or could not begin), and what it said. */
static int
try_options(char **argv, char said[SAID_SIZE])
{
	int pipes[2], status = -1;
	size_t n = 0;
	ssize_t got;
	pid_t pid;

	said[0] = '\0';
	if (pipe(pipes) != 0)
		return -1;
	pid = fork();
	if (pid == 0)
		become(argv, pipes[1]);
	close(pipes[1]);
	while (pid > 0 && n < SAID_SIZE - 1 &&
	       ((got = read(pipes[0], said + n, SAID_SIZE - 1 - n)) > 0 || (got < 0 && errno == EINTR)))
		n += got > 0 ? (size_t)got : 0;
	close(pipes[0]);
	said[n] = '\0';
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) != NOT_RUN ? WEXITSTATUS(status) : -1;
}

/* What it said, in one line, without its time and name. */
static const char *
words_of(char *said)
{
	char *begin = strstr(said, "longlined: ");

	begin = begin == NULL ? said : begin + sizeof "longlined: " - 1;
	begin[strcspn(begin, "\n")] = '\0';
	return begin;
}

static void
check_taken(struct check *c)
{
	const struct unit *u = c->call->unit;
	char path[PATH_MAX], said[SAID_SIZE], own[64], **argv;
	const char *words;
	int status;

	if (!find_longlined(path) || (argv = arguments(u, path)) == NULL) {
		check_say(c, CHECK_OK, "options", "longlined's are read from %s", u->path);
		return;
	}
	/* It reads all of them before it says its version. */
	status = try_options(argv, said);
	free(argv);
	words = words_of(said);
	snprintf(own, sizeof own, "longlined %s", longline_version);
	if (status > 0)
		check_say(c, CHECK_FAIL, "options", "longlined does not start with those of %s: %s", u->path, words);
	else if (status < 0)
		check_say(
		    c, CHECK_WARN, "options", "%s could not be asked whether it takes those of %s", path, u->path);
	else if (strncmp(words, own, strlen(own)) != 0)
		check_say(c, CHECK_WARN, "options", "%s is of another version than this program: %s", path, words);
	else
		check_say(c, CHECK_OK, "options", "longlined takes those of %s", u->path);
}

/* A key that signs JWTs: whoever reads it may be anybody. */
static int
check_key(void *ctx, struct str value)
{
	struct check *c = ctx;
	char path[PATH_MAX];
	struct stat file;

	snprintf(path, sizeof path, "%.*s", STR_ARGS(value));
	if (stat(path, &file) != 0)
		check_say(c, CHECK_FAIL, "options", "--jwt-key %s: %s", path, strerror(errno));
	else if (file.st_mode & (S_IROTH | S_IWOTH))
		check_say(c, CHECK_FAIL, "options",
		    "everybody on this machine may read the key %s, and so be anybody: chmod o-rwx %s", path, path);
	return 0;
}

void
check_options(struct check *c)
{
	const struct unit *u = c->call->unit;

	if (!u->there)
		check_say(c, CHECK_OK, "options", "there is no %s, so longlined has its defaults", u->path);
	else
		check_taken(c);
	(void)unit_each(u, "jwt-key", check_key, c);
	for (size_t i = 0; i < u->n; i++)
		if (str_eq(u->words[i], STR("--new-epoch")))
			check_say(c, CHECK_WARN, "options",
			    "--new-epoch is among them, so that readers begin anew at every start: take it out");
}
