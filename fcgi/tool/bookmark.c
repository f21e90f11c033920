#include "bookmark.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/json.h"
#include "command.h"
#include "say.h"
#include "store/message.h"

enum { FILE_BYTES_MAX = 4096 };

static int
failed(const char *what, const char *path)
{
	say_error("cannot %s %s: %s", what, path, strerror(errno));
	return -1;
}

static int
make_paths(struct bookmark *b, const char *path, char **lock_path)
{
	const char *slash = strrchr(path, '/');

	b->path = strdup(path);
	if (asprintf(&b->new_path, "%s.new", path) < 0)
		b->new_path = NULL;
	if (asprintf(lock_path, "%s.lock", path) < 0)
		*lock_path = NULL;
	b->folder = slash == NULL ? strdup(".") : strndup(path, slash == path ? 1 : (size_t)(slash - path));
	if (b->path != NULL && b->new_path != NULL && *lock_path != NULL && b->folder != NULL)
		return 0;
	say_error("out of memory");
	return -1;
}

/* Whether this process gets the lock that is its own. */
static int
lock_alone(int fd, const char *path)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET}, other = lock;

	if (fcntl(fd, F_SETLK, &lock) == 0)
		return 0;
	if (errno != EACCES && errno != EAGAIN) {
		(void)failed("lock", path);
		return COMMAND_FAILED;
	}
	if (fcntl(fd, F_GETLK, &other) == 0 && other.l_type != F_UNLCK)
		say_error("%s is in use by process %ld", path, (long)other.l_pid);
	else
		say_error("%s is in use", path);
	return COMMAND_IN_USE;
}

/* What an earlier reader has begun may not have ended. */
static int
lock_shared(int fd, const char *path)
{
	int result = flock(fd, LOCK_EX | LOCK_NB);

	if (result != 0 && errno == EWOULDBLOCK)
		say_note("longline: waiting for the command that an earlier longline tail has begun");
	while (result != 0 && (errno == EWOULDBLOCK || errno == EINTR))
		result = flock(fd, LOCK_EX);
	if (result == 0)
		return 0;
	(void)failed("lock", path);
	return COMMAND_FAILED;
}

int
bookmark_open(struct bookmark *b, const char *path)
{
	char *lock_path = NULL;
	int result = COMMAND_FAILED;

	*b = (struct bookmark){.lock = -1};
	if (make_paths(b, path, &lock_path) == 0) {
		b->lock = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		if (b->lock < 0)
			(void)failed("open", lock_path);
		else if ((result = lock_alone(b->lock, lock_path)) == 0 &&
		         (result = lock_shared(b->lock, lock_path)) == 0 && bookmark_read(b) != 0)
			result = COMMAND_FAILED;
	}
	free(lock_path);
	return result;
}

void
bookmark_close(struct bookmark *b)
{
	if (b->lock >= 0)
		close(b->lock);
	free(b->path);
	free(b->new_path);
	free(b->folder);
	*b = (struct bookmark){.lock = -1};
}

static void
take_member(void *ctx, struct str name, enum json_type type, struct str value)
{
	struct bookmark *b = ctx;
	uint64_t n = 0;

	if (type == JSON_STRING && str_eq(name, STR("epoch")) && value.n <= ANSWER_EPOCH_MAX) {
		snprintf(b->epoch, sizeof b->epoch, "%.*s", STR_ARGS(value));
		return;
	}
	if (type != JSON_OTHER || !str_uint(value, UINT64_MAX, &n))
		return;
	if (str_eq(name, STR("next")) && n <= (uint64_t)MESSAGE_ID_MAX) {
		b->next = (int64_t)n;
		b->there = true;
	} else if (str_eq(name, STR("begun")) && n <= (uint64_t)MESSAGE_ID_MAX)
		b->begun = (int64_t)n;
	else if (str_eq(name, STR("device")))
		b->out.device = n;
	else if (str_eq(name, STR("inode")))
		b->out.inode = n;
	else if (str_eq(name, STR("size")))
		b->out.size = n;
}

int
bookmark_read(struct bookmark *b)
{
	FILE *file = fopen(b->path, "re");
	char text[FILE_BYTES_MAX];
	size_t n;
	bool good;

	b->there = false;
	if (file == NULL)
		return errno == ENOENT ? 0 : failed("read", b->path);
	n = fread(text, 1, sizeof text, file);
	good = !ferror(file);
	fclose(file);
	if (!good)
		return failed("read", b->path);
	b->next = b->begun = 0;
	b->epoch[0] = '\0';
	b->out = (struct printer_place){.inode = 0};
	good = json_object((struct str){text, n}, 1, take_member, b, NULL) == JSON_OK;
	if (good && b->there && b->epoch[0] != '\0')
		return 0;
	say_error("%s is no state of longline tail: remove it to begin anew", b->path);
	return -1;
}

/* Writes all of it into the file beside. */
static int
write_new(const struct bookmark *b)
{
	int fd = open(b->new_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), n;
	char text[512];
	bool good;

	if (fd < 0)
		return failed("open", b->new_path);
	n = snprintf(text, sizeof text,
	    "{\"epoch\":\"%s\",\"next\":%lld,\"begun\":%lld,\"device\":%llu,\"inode\":%llu,\"size\":%llu}\n", b->epoch,
	    (long long)b->next, (long long)b->begun, (unsigned long long)b->out.device,
	    (unsigned long long)b->out.inode, (unsigned long long)b->out.size);
	good = write(fd, text, (size_t)n) == n && fsync(fd) == 0;
	if (!good)
		(void)failed("write", b->new_path);
	close(fd);
	return good ? 0 : -1;
}

int
bookmark_save(struct bookmark *b)
{
	int folder, result = -1;

	if (write_new(b) != 0)
		return -1;
	if (rename(b->new_path, b->path) != 0)
		return failed("replace", b->path);
	folder = open(b->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder >= 0 && fsync(folder) == 0)
		result = 0;
	else
		(void)failed("sync", b->folder);
	if (folder >= 0)
		close(folder);
	b->there |= result == 0;
	return result;
}
