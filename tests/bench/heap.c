/*
 * heap: linked into a daemon, it writes every 20 ms into the file HEAP_FILE how many bytes malloc has given out.
 *
 * Seen from outside, memory that was freed and kept for later is as good as used, and what is made of it costs nothing.
 * What SQLite has is left out: its caches fill and empty whatever the rest does.
 */
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* Linked with --wrap: all that the daemon configures is that SQLite need not count its memory. */
int __wrap_sqlite3_config(int op, ...);
int
__wrap_sqlite3_config(int op, ...)
{
	return op == SQLITE_CONFIG_MEMSTATUS ? SQLITE_OK : SQLITE_ERROR;
}

static void *
tell(void *arg)
{
	int fd = *(int *)arg;

	for (;;) {
		struct timespec pause = {.tv_nsec = 20000000};
		struct mallinfo2 m = mallinfo2();
		char line[32];
		/* Always as many bytes, so that a reader never finds half of one. */
		long long own = (long long)(m.uordblks + m.hblkhd) - sqlite3_memory_used();
		int n = snprintf(line, sizeof line, "%20lld\n", own);

		if (pwrite(fd, line, (size_t)n, 0) != n)
			return NULL;
		nanosleep(&pause, NULL);
	}
}

__attribute__((constructor)) static void
start(void)
{
	static int fd;
	const char *file = getenv("HEAP_FILE");
	sigset_t all, before;
	pthread_t thread;

	if (file == NULL || (fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)) < 0)
		return;
	/* Signals are the daemon's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	if (pthread_create(&thread, NULL, tell, &fd) == 0)
		pthread_detach(thread);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}
