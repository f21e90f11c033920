#include "progress.h"

#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"

enum { BETWEEN_MS = 200 };

static int64_t shown_ms;
static bool shown;

void
progress_show(const char *doing, int64_t done, int64_t all)
{
	int64_t now_ms = clock_ms();

	if ((shown && now_ms - shown_ms < BETWEEN_MS) || !isatty(STDERR_FILENO))
		return;
	shown = true;
	shown_ms = now_ms;
	if (all > 0)
		fprintf(stderr, "\r\033[K%s: %d %%", doing, (int)((double)done * 100 / (double)all));
	else
		fprintf(stderr, "\r\033[K%s", doing);
	fflush(stderr);
}

void
progress_end(void)
{
	if (shown)
		fputs("\r\033[K", stderr);
	shown = false;
}
