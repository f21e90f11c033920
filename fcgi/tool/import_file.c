#include "import_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "interrupt.h"
#include "progress.h"
#include "say.h"

enum { BLOCK_BYTES = 256 * 1024 };

static int
cannot(const struct import_file *f, const char *what)
{
	say_error("cannot %s %s: %s", what, f->name, strerror(errno));
	return -1;
}

static ssize_t
read_block(int fd, void *to, size_t n)
{
	ssize_t got;

	do
		got = read(fd, to, n);
	while (got < 0 && errno == EINTR && !interrupt_came());
	return got;
}

static int
write_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t written = write(fd, p, n);

		if (written < 0 && errno != EINTR)
			return -1;
		p += written < 0 ? 0 : written;
		n -= written < 0 ? 0 : (size_t)written;
	}
	return 0;
}

/* What comes by a pipe is read more than once: into a file that has no name. */
static int
copy_input(struct import_file *f)
{
	const char *folder = getenv("TMPDIR");
	char name[4096];
	ssize_t n;

	snprintf(name, sizeof name, "%s/longline-import-XXXXXX", folder == NULL || *folder == '\0' ? "/tmp" : folder);
	f->fd = mkostemp(name, O_CLOEXEC);
	if (f->fd < 0)
		return cannot(f, "make a copy of");
	unlink(name);
	while ((n = read_block(STDIN_FILENO, f->block.p, BLOCK_BYTES)) > 0)
		if (write_all(f->fd, f->block.p, (size_t)n) != 0)
			return cannot(f, "make a copy of");
	return n == 0 ? 0 : cannot(f, "read");
}

int
import_file_open(struct import_file *f, const char *path)
{
	bool input = strcmp(path, "-") == 0;

	*f = (struct import_file){.name = input ? "standard input" : path, .fd = -1};
	buf_init(&f->line, ARCHIVE_LINE_MAX);
	buf_init(&f->arena, ARCHIVE_LINE_MAX * 2U);
	buf_init(&f->block, BLOCK_BYTES);
	if (!buf_reserve(&f->block, BLOCK_BYTES)) {
		say_error("out of memory");
		return -1;
	}
	if (!input)
		f->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	else if (fstat(STDIN_FILENO, &f->begun) == 0 && S_ISREG(f->begun.st_mode))
		f->fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	else if (copy_input(f) != 0)
		return -1;
	if (f->fd < 0 || fstat(f->fd, &f->begun) != 0)
		return cannot(f, "read");
	if (!S_ISREG(f->begun.st_mode)) {
		say_error("%s is no file; an export that comes by a pipe is read with -", f->name);
		return -1;
	}
	return import_file_seek(f, 0, 0);
}

void
import_file_close(struct import_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	buf_fini(&f->line);
	buf_fini(&f->arena);
	buf_fini(&f->block);
}

int
import_file_seek(struct import_file *f, int64_t offset, int64_t number)
{
	buf_reset(&f->block, SIZE_MAX);
	f->block_at = 0;
	f->offset = f->next = offset;
	f->number = number;
	return lseek(f->fd, offset, SEEK_SET) == offset ? 0 : cannot(f, "read");
}

int
import_file_wrong(const struct import_file *f, const char *format, ...)
{
	char text[ARCHIVE_WHY_SIZE + 128];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	progress_end();
	say_error("%s:%lld: %s", f->name, (long long)f->number, text);
	return -1;
}

/* More of the file into the block: 1, or 0 at its end. */
static int
fill(struct import_file *f)
{
	ssize_t n = read_block(f->fd, f->block.p, BLOCK_BYTES);

	if (n < 0)
		return cannot(f, "read");
	f->block.n = (size_t)n;
	f->block_at = 0;
	return n > 0;
}

/* The bytes of the next line, without its end: 1, or 0 when there is none. */
static int
read_line(struct import_file *f)
{
	int more = 1;

	buf_reset(&f->line, 1 << 20);
	f->offset = f->next;
	f->number++;
	while (f->block_at < f->block.n || (more = fill(f)) > 0) {
		const char *p = f->block.p + f->block_at;
		size_t n = f->block.n - f->block_at;
		const char *end = memchr(p, '\n', n);
		size_t taken = end == NULL ? n : (size_t)(end - p) + 1;

		buf_add(&f->line, (struct str){p, end == NULL ? n : taken - 1});
		f->block_at += taken;
		f->next += (int64_t)taken;
		if (!buf_ok(&f->line))
			return import_file_wrong(f,
			    "the line is too long: expected up to %d bytes, or there is no memory", ARCHIVE_LINE_MAX);
		if (end != NULL)
			return 1;
	}
	if (more < 0)
		return -1;
	if (f->line.n > 0)
		return import_file_wrong(f, "the line has no end: the file is not whole");
	return 0;
}

int
import_file_next(struct import_file *f)
{
	char why[ARCHIVE_WHY_SIZE];
	int result = read_line(f);

	if (interrupt_came()) {
		progress_end();
		say_error("interrupted");
		return -1;
	}
	if (result <= 0)
		return result;
	if (!archive_read(buf_str(&f->line), &f->got, &f->arena, why))
		return import_file_wrong(f, "%s", why);
	return 1;
}

int
import_file_same(const struct import_file *f)
{
	struct stat now;

	if (fstat(f->fd, &now) == 0 && now.st_size == f->begun.st_size &&
	    now.st_mtim.tv_sec == f->begun.st_mtim.tv_sec && now.st_mtim.tv_nsec == f->begun.st_mtim.tv_nsec)
		return 0;
	say_error("%s was changed while it was read: begin anew", f->name);
	return -1;
}
