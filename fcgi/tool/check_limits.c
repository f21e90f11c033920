/* Whether the web server lets through what longlined takes, and has room for what is held. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

/* Of longlined, unless they are given; and the most by which a poll is held longer (api/poll). */
enum { WAIT_MAX_S = 55, JITTER_MAX_S = 2, PING_INTERVAL_MS = 25000, BODY_MAX = 1000000 };

/* Of nginx. */
enum { READ_TIMEOUT_MS = 60000, BODY_DEFAULT = 1 << 20, CONNECTIONS = 512, CPUS_MAX = 4096 };

/* `4m`, `128k`, `0`. */
static bool
read_size(struct str text, uint64_t *bytes)
{
	char end = text.n == 0 ? '\0' : text.p[text.n - 1];
	unsigned shift = end == 'k' || end == 'K'   ? 10
	                 : end == 'm' || end == 'M' ? 20
	                 : end == 'g' || end == 'G' ? 30
	                                            : 0;

	if (shift != 0)
		text.n--;
	if (!str_uint(text, UINT64_MAX >> 31, bytes))
		return false;
	*bytes <<= shift;
	return true;
}

/* `75s`, `75`, `1m30s`, `500ms`. */
static bool
read_time(struct str text, uint64_t *ms)
{
	*ms = 0;
	while (text.n > 0) {
		size_t n = 0;
		uint64_t number, unit = 1000;

		while (n < text.n && text.p[n] >= '0' && text.p[n] <= '9')
			n++;
		if (!str_uint((struct str){text.p, n}, 1000000000, &number))
			return false;
		text = str_skip(text, n);
		if (str_starts(text, STR("ms"))) {
			unit = 1;
			text = str_skip(text, 2);
		} else if (text.n > 0) {
			unit = text.p[0] == 's'   ? 1000
			       : text.p[0] == 'm' ? 60000
			       : text.p[0] == 'h' ? 3600000
			                          : 86400000;
			text = str_skip(text, 1);
		}
		*ms += number * unit;
	}
	return true;
}

void
check_limits_socket(char socket[CHECK_SOCKET_SIZE], struct str address)
{
	if (str_starts(address, STR("unix:")) && address.n > 5 && address.n - 5 < CHECK_SOCKET_SIZE)
		snprintf(socket, CHECK_SOCKET_SIZE, "%.*s", STR_ARGS(str_skip(address, 5)));
}

void
check_limits_take(struct check_limits *l, const struct str *words, size_t n)
{
	uint64_t number = 0;

	if (n < 2)
		return;
	if (str_eq(words[0], STR("worker_connections")) && str_uint(words[1], UINT32_MAX, &number))
		l->connections = number;
	else if (str_eq(words[0], STR("worker_processes")) && str_uint(words[1], CPUS_MAX, &number))
		l->workers = number;
	else if (str_eq(words[0], STR("worker_processes")))
		l->workers = (uint64_t)sysconf(_SC_NPROCESSORS_ONLN);
	else if (str_eq(words[0], STR("worker_rlimit_nofile")) && str_uint(words[1], UINT32_MAX, &number))
		l->descriptors = number;
	else if (str_eq(words[0], STR("listen")))
		l->listens++;
	else if (str_eq(words[0], STR("fastcgi_read_timeout")) && read_time(words[1], &number))
		l->read_timeout_ms = number;
	else if (str_eq(words[0], STR("scgi_read_timeout")) && read_time(words[1], &number))
		l->scgi_read_timeout_ms = number;
	else if (str_eq(words[0], STR("scgi_send_timeout")) && read_time(words[1], &number))
		l->scgi_send_timeout_ms = number;
	else if (str_eq(words[0], STR("client_max_body_size")) && read_size(words[1], &number)) {
		l->body_max = number;
		l->body_any = number == 0;
	}
}

void
check_limits_file(struct check *c, const char *path, const struct check_limits *l)
{
	uint64_t wait_ms = (check_option(c, "wait-max", WAIT_MAX_S) + JITTER_MAX_S) * 1000;
	uint64_t ping_ms = check_option(c, "ping-interval", PING_INTERVAL_MS);
	uint64_t silence_ms = wait_ms > ping_ms ? wait_ms : ping_ms;
	uint64_t patience_ms = l->read_timeout_ms == 0 ? READ_TIMEOUT_MS : l->read_timeout_ms;
	uint64_t body = check_option(c, "body-max", BODY_MAX), payload = check_option(c, "max-payload", BODY_MAX);
	uint64_t most = l->body_max == 0 ? BODY_DEFAULT : l->body_max;

	if (patience_ms <= silence_ms)
		check_say(c, CHECK_FAIL, "nginx",
		    "%s: fastcgi_read_timeout is %llu s, and longlined holds a poll for up to %llu s (--wait-max, "
		    "--ping-interval): it would be answered 504",
		    path, (unsigned long long)patience_ms / 1000, (unsigned long long)(silence_ms + 999) / 1000);
	if (payload > body)
		body = payload;
	if (!l->body_any && most < body)
		check_say(c, CHECK_WARN, "nginx",
		    "%s: client_max_body_size is %llu bytes, and longlined takes %llu (--body-max, --max-payload): "
		    "raise "
		    "both together",
		    path, (unsigned long long)most, (unsigned long long)body);
}

/* How many connections to the socket there are just now: of those that are held, each has one. */
static uint64_t
count_connections(const char *path)
{
	FILE *file = fopen("/proc/net/unix", "re");
	char line[512], name[256];
	unsigned state;
	uint64_t n = 0;

	if (file == NULL)
		return 0;
	while (fgets(line, sizeof line, file) != NULL)
		if (sscanf(line, "%*s %*s %*s %*s %*s %x %*s %255[^\n]", &state, name) == 2 && state == 3 &&
		    strcmp(name, path) == 0)
			n++;
	fclose(file);
	return n;
}

static void
check_connections(struct check *c, const struct check_limits *l)
{
	uint64_t connections = l->connections == 0 ? CONNECTIONS : l->connections;
	uint64_t workers = l->workers == 0 ? 1 : l->workers, own = l->listens + 1;
	uint64_t room = connections > own ? workers * ((connections - own) / 2) : 0,
	         held = count_connections(l->socket);

	if (l->descriptors != 0 && l->descriptors < connections)
		check_say(c, CHECK_WARN, "nginx",
		    "worker_rlimit_nofile is %llu, and each of %llu worker_connections takes a descriptor: raise it",
		    (unsigned long long)l->descriptors, (unsigned long long)connections);
	if (held * 4 >= room * 3)
		check_say(c, held * 16 >= room * 15 ? CHECK_FAIL : CHECK_WARN, "nginx",
		    "%llu connections to longlined are open, and worker_connections has room for %llu polls and "
		    "WebSockets: raise it, and worker_rlimit_nofile",
		    (unsigned long long)held, (unsigned long long)room);
	else
		check_say(c, CHECK_OK, "nginx",
		    "it has room for %llu held polls and WebSockets; %llu connections to longlined are open",
		    (unsigned long long)room, (unsigned long long)held);
}

static void
check_socket(struct check *c, const struct check_limits *l)
{
	struct str other = STR("");
	struct stat file;

	if (unit_option(c->call->unit, "socket", &other) && !str_eq(other, str_of(l->socket)))
		check_say(c, CHECK_FAIL, "nginx",
		    "it asks at %s, and longlined listens at %.*s (--socket): install with "
		    "SOCKET=%.*s",
		    l->socket, STR_ARGS(other), STR_ARGS(other));
	else if (stat(l->socket, &file) != 0)
		check_say(c, CHECK_FAIL, "nginx",
		    "nobody listens at %s, where it asks (%s): systemctl start longlined.socket", l->socket,
		    strerror(errno));
	else if (file.st_mode & S_IWOTH)
		check_say(c, CHECK_FAIL, "nginx",
		    "everybody on this machine may write to %s, and so be anybody: it is for the web server alone, "
		    "mode 0660",
		    l->socket);
}

void
check_limits_all(struct check *c, const struct check_limits *l)
{
	if (l->socket[0] == '\0')
		return;
	check_socket(c, l);
	check_connections(c, l);
}
