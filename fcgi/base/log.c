#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"

static enum log_level greatest = LOG_INFO;
static bool journal;

struct line {
	char text[1024];
	size_t n;
};

void
log_start(void)
{
	/* Device and inode: a child of a service may have another stderr than the journal (systemd.exec(5)). */
	const char *stream = getenv("JOURNAL_STREAM");
	uintmax_t device, inode;
	struct stat st;

	journal = stream != NULL && sscanf(stream, "%ju:%ju", &device, &inode) == 2 && fstat(STDERR_FILENO, &st) == 0 &&
	          st.st_dev == (dev_t)device && st.st_ino == (ino_t)inode;
}

void
log_set_level(enum log_level level)
{
	greatest = level;
}

static const char *
level_name(enum log_level level)
{
	switch (level) {
	case LOG_ERROR:
		return "error";
	case LOG_WARNING:
		return "warning";
	case LOG_INFO:
		return "info";
	case LOG_DEBUG:
		return "debug";
	}
	return "?";
}

/* As syslog(3) counts. */
static int
priority(enum log_level level)
{
	switch (level) {
	case LOG_ERROR:
		return 3;
	case LOG_WARNING:
		return 4;
	case LOG_INFO:
		return 6;
	case LOG_DEBUG:
		return 7;
	}
	return 6;
}

static void vadd(struct line *l, const char *format, va_list ap) __attribute__((format(printf, 2, 0)));
static void add(struct line *l, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What is too long is cut off; a byte stays free for the line end. */
static void
vadd(struct line *l, const char *format, va_list ap)
{
	size_t room = sizeof l->text - 1 - l->n;
	int n = vsnprintf(l->text + l->n, room, format, ap);

	if (n > 0)
		l->n += (size_t)n < room ? (size_t)n : room - 1;
}

static void
add(struct line *l, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vadd(l, format, ap);
	va_end(ap);
}

static void
add_time(struct line *l)
{
	int64_t ms = clock_wall_ms();
	time_t seconds = (time_t)(ms / 1000);
	struct tm t;

	if (gmtime_r(&seconds, &t) != NULL)
		l->n += strftime(l->text + l->n, sizeof l->text - 1 - l->n, "%Y-%m-%dT%H:%M:%S", &t);
	add(l, ".%03dZ ", (int)(ms % 1000));
}

static void
end(struct line *l)
{
	/* What strangers sent may stand in a value: a line must stay one line. */
	for (size_t i = 0; i < l->n; i++)
		if ((unsigned char)l->text[i] < 0x20)
			l->text[i] = '?';
	l->text[l->n++] = '\n';
	if (write(STDERR_FILENO, l->text, l->n) < 0)
		return; /* nowhere left to say so */
}

void
log_line(enum log_level level, const char *word, const char *format, ...)
{
	struct line l = {.n = 0};
	va_list ap;

	if (level > greatest)
		return;
	if (journal)
		add(&l, "<%d>", priority(level));
	else
		add_time(&l);
	add(&l, "%s %s ", level_name(level), word);
	va_start(ap, format);
	vadd(&l, format, ap);
	va_end(ap);
	end(&l);
}

void
log_refusal(const char *format, ...)
{
	struct line l = {.n = 0};
	int reason = errno;
	va_list ap;

	if (journal)
		add(&l, "<%d>", priority(LOG_ERROR));
	else if (!isatty(STDERR_FILENO))
		add_time(&l);
	add(&l, "longlined: ");
	va_start(ap, format);
	vadd(&l, format, ap);
	va_end(ap);
	end(&l);
	errno = reason;
}
