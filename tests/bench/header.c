/* header: who asks. Each request gets the next line of a file as a header, so that one program is many persons. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"

enum { LINES_MAX = 1 << 17 };

static char *lines[LINES_MAX];
static size_t n_lines, turn;

void
headers_read(const char *name)
{
	char line[HEADER_MAX], whole[HEADER_MAX + 2];
	FILE *file = fopen(name, "r");

	while (n_lines > 0)
		free(lines[--n_lines]);
	if (file == NULL) {
		fprintf(stderr, "load: %s: %s\n", name, strerror(errno));
		exit(1);
	}
	while (n_lines < LINES_MAX && fgets(line, sizeof line, file) != NULL) {
		snprintf(whole, sizeof whole, "%.*s\r\n", (int)strcspn(line, "\r\n"), line);
		if ((lines[n_lines++] = strdup(whole)) == NULL)
			exit(1);
	}
	fclose(file);
	printf("{\"headers\":%zu}\n", n_lines);
}

const char *
header_next(void)
{
	return n_lines == 0 ? "" : lines[turn++ % n_lines];
}
