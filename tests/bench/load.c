/*
 * load: the commands. usage: load DIALECT PORT, then one command a line on standard input:
 *
 *	groups NAME=PID[,PID...] ...   processes whose CPU time is told
 *	headers FILE                   a header more in each request: the lines of the file in turn
 *	hear QUERY                     what subscribers ask for, such as room=*
 *	open N [ROOMS] | close         subscribers, in as many rooms
 *	fanout                         one message to all of them
 *	saturate WINDOW MS             at most so many messages under way
 *	send CONNS MS                  messages, one after the other on each connection
 *	get CONNS MS PATH              requests likewise; {a-b} in the path stands for any number of these
 *	post CONNS MS BYTES PATH       bodies likewise
 *	pulse EVERY_MS MS KINDS        at fixed times: some of send,poll,history,healthz, or NAME=PATH
 *	pace RATE MS ROOMS [unheard]   so many messages a second at fixed times, over the rooms or over others
 *	term PID MS                    SIGTERM to a process, and how long until all held requests are answered
 *	arrivals                       when each message was with all
 *	held ...                       polls that all do the same at once; see held.c
 *	storm N MS                     so many that subscribe all at once, in at most MS, and hang up
 *	upgrade open N | go MS | close MS   sessions that go from polling to WebSocket; see upgrade.c
 *	stall open N | go MS | close   readers that take nothing more once they hold; what they take at last
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "load.h"

static const struct dialect *dialect;

/* What many do at once. */
static bool
at_once(const char *line, const char *rest)
{
	const char *value = rest + strcspn(rest, " ") + (strchr(rest, ' ') != NULL);
	long a = 0, b = 0;

	if (strncmp(line, "held ", 5) == 0)
		held(rest, value);
	else if (sscanf(line, "storm %ld %ld", &a, &b) == 2)
		readers_storm(dialect, (size_t)a, b);
	else if (strncmp(line, "stall ", 6) == 0)
		readers_stall(dialect, rest, atol(value));
	else if (strncmp(line, "upgrade ", 8) == 0)
		upgrade(rest, atol(value));
	else
		return false;
	return true;
}

static void
command(char *line)
{
	char *rest = strchr(line, ' ');
	long a = 0, b = 0, c = 0;
	int used = 0;

	rest = rest == NULL ? line + strlen(line) : rest + 1;
	if (strncmp(line, "groups ", 7) == 0) {
		groups_set(rest);
		printf("{}\n");
	} else if (strncmp(line, "headers ", 8) == 0)
		headers_read(rest);
	else if (strncmp(line, "hear ", 5) == 0) {
		snprintf(crowd_room, sizeof crowd_room, "%s", rest);
		printf("{}\n");
	} else if (sscanf(line, "open %ld %ld", &a, &b) >= 1)
		crowd_open(dialect, (size_t)a, (size_t)b);
	else if (strcmp(line, "close") == 0) {
		crowd_close();
		printf("{}\n");
	} else if (strcmp(line, "fanout") == 0)
		crowd_fanout();
	else if (sscanf(line, "saturate %ld %ld", &a, &b) == 2)
		crowd_saturate((size_t)a, b);
	else if (sscanf(line, "send %ld %ld", &a, &b) == 2)
		rate_send(dialect, (size_t)a, b);
	else if (sscanf(line, "get %ld %ld %n", &a, &b, &used) == 2 && used > 0)
		rate_get((size_t)a, b, line + used);
	else if (sscanf(line, "post %ld %ld %ld %n", &a, &b, &c, &used) == 3 && used > 0)
		rate_post((size_t)a, b, line + used, (size_t)c);
	else if (sscanf(line, "pulse %ld %ld %n", &a, &b, &used) == 2 && used > 0)
		rate_pulse(dialect, a, b, line + used);
	else if (sscanf(line, "pace %ld %ld %ld", &a, &b, &c) == 3 && a > 0 && c > 0)
		pace(a, b, c, strstr(line, "unheard") == NULL);
	else if (sscanf(line, "term %ld %ld", &a, &b) == 2)
		crowd_term((int)a, b);
	else if (strcmp(line, "arrivals") == 0)
		crowd_arrivals();
	else if (!at_once(line, rest))
		printf("{\"unknown\":true}\n");
	fflush(stdout);
}

int
main(int argc, char **argv)
{
	struct rlimit limit;
	static char line[4096];
	size_t n = 0;

	if (argc != 3 || (dialect = dialect_find(argv[1])) == NULL || (load_port = atoi(argv[2])) <= 0) {
		fprintf(stderr, "usage: load poll|socketio|nchan|websocket|stream|nchan-websocket|nchan-events PORT\n");
		return 2;
	}
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
	run_id = (unsigned)(now_ns() / 1000000 % 100000000);
	conns_start();
	printf("{\"run\":%u}\n", run_id);
	fflush(stdout);
	/* Between commands sessions must be kept alive all the same. */
	for (;;) {
		ssize_t got;
		char *end;

		if (!pump(-1))
			continue;
		got = read(STDIN_FILENO, line + n, sizeof line - 1 - n);
		if (got <= 0)
			return 0;
		n += (size_t)got;
		line[n] = '\0';
		while ((end = strchr(line, '\n')) != NULL) {
			*end = '\0';
			command(line);
			n -= (size_t)(end + 1 - line);
			memmove(line, end + 1, n + 1);
		}
		if (n == sizeof line - 1)
			return 2;
	}
}
