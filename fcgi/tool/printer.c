#include "printer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "line.h"
#include "say.h"

/* Of lines that wait; and of the longest of them, as messages are bounded by their site alone. */
enum { WAITING_MAX = 65536, LINE_MAX_BYTES = 1 << 30 };

void
printer_init(struct printer *p, bool json, bool rooms)
{
	*p = (struct printer){.json = json, .rooms = rooms, .terminal = isatty(STDOUT_FILENO) == 1, .there = -1};
	buf_init(&p->waiting, LINE_MAX_BYTES);
}

static void
no_more_there(struct printer *p)
{
	if (p->there >= 0)
		close(p->there);
	p->there = -1;
}

void
printer_fini(struct printer *p)
{
	no_more_there(p);
	buf_fini(&p->waiting);
}

static int
failed(void)
{
	if (errno != EPIPE)
		say_error("standard output cannot be written: %s", strerror(errno));
	return -1;
}

/* Where standard output is a file. */
static bool
is_file(struct stat *s)
{
	return fstat(STDOUT_FILENO, s) == 0 && S_ISREG(s->st_mode);
}

void
printer_resume(struct printer *p, const struct printer_place *was)
{
	struct stat s;

	if (was->inode == 0 || !is_file(&s) || (uint64_t)s.st_ino != was->inode || (uint64_t)s.st_dev != was->device ||
	    (uint64_t)s.st_size <= was->size)
		return;
	p->there = open("/proc/self/fd/1", O_RDONLY | O_CLOEXEC);
	p->at = was->size;
	p->end = (uint64_t)s.st_size;
}

/* Whether the file has these bytes there. */
static bool
has_at(const struct printer *p, uint64_t at, struct str text)
{
	char piece[4096];
	ssize_t got = 1;

	for (size_t done = 0; done < text.n && got > 0; done += (size_t)got) {
		size_t want = text.n - done < sizeof piece ? text.n - done : sizeof piece;

		got = pread(p->there, piece, want, (off_t)(at + done));
		if (got <= 0 || memcmp(piece, text.p + done, (size_t)got) != 0)
			return false;
	}
	return true;
}

/* Where the line that begins at `at` ends; 0: it does not. */
static uint64_t
line_end(const struct printer *p, uint64_t at)
{
	char piece[4096];
	ssize_t got;

	while ((got = pread(p->there, piece, sizeof piece, (off_t)at)) > 0) {
		const char *end = memchr(piece, '\n', (size_t)got);

		if (end != NULL)
			return at + (uint64_t)(end - piece) + 1;
		at += (uint64_t)got;
	}
	return 0;
}

/* Where the message that begins at `at` ends; 0: it does not. */
static uint64_t
message_end(const struct printer *p, uint64_t at)
{
	uint64_t end = line_end(p, at);

	while (!p->json && end != 0 && has_at(p, end, STR("    ")))
		end = line_end(p, end);
	return end;
}

/*
 * Whether what begins at `at` is the message of text in the words that it had before it was changed. JSON says by its
 * id which message it is. A line says it by time and sender alone, so it has to be the very next one.
 */
static bool
stands_otherwise(const struct printer *p, uint64_t at, struct str text)
{
	const char *mark = memchr(text.p, p->json ? ',' : '>', text.n);

	return mark != NULL && (p->json || at == p->at) &&
	       has_at(p, at, (struct str){text.p, (size_t)(mark - text.p) + 1});
}

/*
 * How much of text stands there already, behind messages that were deleted since: all of it, its beginning at the end
 * of the file, or nothing. *cut: nothing, and the last line has no end.
 */
static size_t
stands_there(struct printer *p, struct str text, bool *cut)
{
	uint64_t at = p->at, end = p->end;
	size_t n = 0;

	for (; n == 0 && at < p->end && end != 0; at = end) {
		struct str rest = {text.p, p->end - at < text.n ? (size_t)(p->end - at) : text.n};

		end = message_end(p, at);
		if (has_at(p, at, rest))
			n = rest.n;
		else if (end != 0 && stands_otherwise(p, at, text))
			n = text.n;
	}
	*cut = n == 0 && end == 0;
	p->at = at;
	if (n == 0 || end == 0 || at >= p->end)
		no_more_there(p);
	return n;
}

static int
put(struct str text)
{
	while (text.n > 0) {
		ssize_t n = write(STDOUT_FILENO, text.p, text.n);

		if (n < 0 && errno != EINTR)
			return failed();
		text = str_skip(text, n < 0 ? 0 : (size_t)n);
	}
	return 0;
}

int
printer_flush(struct printer *p)
{
	int result = put(buf_str(&p->waiting));

	buf_reset(&p->waiting, 4 * WAITING_MAX);
	return result;
}

int
printer_message(struct printer *p, const struct told *t)
{
	size_t before = p->waiting.n, already;
	bool cut;

	if (!p->json)
		line_add(&p->waiting, t, p->rooms);
	else if (p->terminal)
		say_add_safe_json(&p->waiting, t->json);
	else
		buf_add(&p->waiting, t->json);
	if (p->json)
		buf_add_char(&p->waiting, '\n');
	if (!buf_ok(&p->waiting)) {
		say_error("out of memory");
		return -1;
	}
	if (p->there >= 0) {
		/* Nothing waits: it is passed over or written line by line. */
		already = stands_there(p, str_skip(buf_str(&p->waiting), before), &cut);
		if (cut && put(STR("\n")) != 0)
			return -1;
		memmove(p->waiting.p, p->waiting.p + before + already, p->waiting.n - before - already);
		p->waiting.n -= before + already;
	}
	return p->there >= 0 || p->waiting.n >= WAITING_MAX ? printer_flush(p) : 0;
}

int
printer_place(struct printer *p, struct printer_place *place)
{
	struct stat s;

	*place = (struct printer_place){.inode = 0};
	if (printer_flush(p) != 0)
		return -1;
	if (!is_file(&s))
		return 0;
	if (fdatasync(STDOUT_FILENO) != 0)
		return failed();
	*place =
	    (struct printer_place){(uint64_t)s.st_dev, (uint64_t)s.st_ino, p->there >= 0 ? p->at : (uint64_t)s.st_size};
	return 0;
}
