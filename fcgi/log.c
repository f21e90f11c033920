#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

static enum log_level greatest = LOG_INFO;

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

void
log_line(enum log_level level, const char *word, const char *format, ...)
{
	char line[1024];
	va_list ap;
	int n, m;

	if (level > greatest)
		return;
	n = snprintf(line, sizeof line, "%s %s ", level_name(level), word);
	va_start(ap, format);
	m = vsnprintf(line + n, sizeof line - (size_t)n - 1, format, ap);
	va_end(ap);
	if (m > 0)
		n = m < (int)sizeof line - n - 1 ? n + m : (int)sizeof line - 2;
	/* What strangers sent may stand in a value: a line must stay one line. */
	for (int i = 0; i < n; i++)
		if ((unsigned char)line[i] < 0x20)
			line[i] = '?';
	line[n++] = '\n';
	if (write(STDERR_FILENO, line, (size_t)n) < 0)
		return; /* nowhere left to say so */
}
