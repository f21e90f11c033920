/* Whether the web server passes WebSockets on, only those that are some, and all that it says of polling. */
#include <stdio.h>
#include <string.h>

#include "check.h"

/* Of longlined, unless it is given; and for how long it reads nothing of who sends too much. */
enum { PING_INTERVAL_MS = 25000, PAUSE_MAX_MS = 45000 };

/* Of nginx. */
enum { TIMEOUT_MS = 60000 };

#define BOTH "use this version's longline.conf and longline-http.conf, both"

static void
add_param(struct check_params *p, struct str name, struct str value)
{
	if (p->n == CHECK_PARAMS_MAX)
		return;
	snprintf(p->all[p->n].name, sizeof p->all[p->n].name, "%.*s", STR_ARGS(name));
	snprintf(p->all[p->n].value, sizeof p->all[p->n].value, "%.*s", STR_ARGS(value));
	p->n++;
}

/* NULL: it is not among them. */
static const struct check_param *
find_param(const struct check_params *p, const char *name)
{
	for (size_t i = 0; i < p->n; i++)
		if (strcmp(p->all[i].name, name) == 0)
			return &p->all[i];
	return NULL;
}

void
check_websocket_take(struct check_websocket *w, const struct str *words, size_t n, bool guarded)
{
	if (n > 2 && str_eq(words[0], STR("fastcgi_param")))
		add_param(&w->fastcgi, words[1], words[2]);
	else if (n > 2 && str_eq(words[0], STR("scgi_param")))
		add_param(&w->scgi, words[1], words[2]);
	else if (n > 1 && str_eq(words[0], STR("scgi_pass_request_headers")))
		w->headers_off |= str_eq(words[1], STR("off"));
	else if (n > 1 && str_eq(words[0], STR("scgi_pass")) && str_starts(words[1], STR("longline"))) {
		w->passed = true;
		w->unguarded |= !guarded;
	}
}

bool
check_websocket_block(struct check_websocket *w, const struct str *words, size_t n)
{
	bool guard = false;

	for (size_t i = 1; i < n; i++) {
		w->socketio |=
		    str_eq(words[0], STR("location")) && memmem(words[i].p, words[i].n, "/socket.io/", 11) != NULL;
		guard |= str_eq(words[0], STR("if")) && memmem(words[i].p, words[i].n, "$longline_ws", 12) != NULL;
	}
	return guard;
}

static void
merge_params(struct check_params *outer, const struct check_params *inner)
{
	for (size_t i = 0; i < inner->n; i++)
		add_param(outer, str_of(inner->all[i].name), str_of(inner->all[i].value));
}

void
check_websocket_merge(struct check_websocket *outer, const struct check_websocket *inner)
{
	merge_params(&outer->fastcgi, &inner->fastcgi);
	merge_params(&outer->scgi, &inner->scgi);
	outer->passed |= inner->passed;
	outer->unguarded |= inner->unguarded;
	outer->headers_off |= inner->headers_off;
	outer->socketio |= inner->socketio;
}

static bool
never(const struct check *c)
{
	const struct unit *u = c->call->unit;

	for (size_t i = 0; i < u->n; i++)
		if (str_eq(u->words[i], STR("--no-websocket")))
			return true;
	return false;
}

/* What no WebSocket needs: nginx says its length by itself, and the last two are for /stream. */
static bool
is_polling_s(const char *name)
{
	static const char *const names[] = {"CONTENT_LENGTH", "LONGLINE_UPGRADE", "HTTP_ACCEPT", "HTTP_LAST_EVENT_ID"};

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

/* Whether a WebSocket is told all that a poll is. */
static void
check_same(struct check *c, const char *path, const struct check_websocket *w)
{
	const struct check_param *user = find_param(&w->scgi, "REMOTE_USER"),
	                         *other_user = find_param(&w->fastcgi, "REMOTE_USER");

	/* Where polling passes the same one, that is said already. */
	if (user != NULL && strcmp(user->value, "$longline_user") != 0 &&
	    (other_user == NULL || strcmp(user->value, other_user->value) != 0)) {
		check_say(c, CHECK_FAIL, "nginx",
		    "%s passes %s as REMOTE_USER for WebSockets (scgi_param), and not $longline_user: whoever claims a "
		    "name has it there",
		    path, user->value);
		return;
	}
	for (size_t i = 0; i < w->fastcgi.n; i++) {
		const struct check_param *p = &w->fastcgi.all[i], *other = find_param(&w->scgi, p->name);

		if (is_polling_s(p->name) || (other != NULL && strcmp(other->value, p->value) == 0))
			continue;
		check_say(c, CHECK_FAIL, "nginx",
		    other == NULL
		        ? "%s passes %s for polling, but not for WebSockets (scgi_param): " BOTH
		        : "%s passes another %s for WebSockets (scgi_param) than for polling (fastcgi_param): " BOTH,
		    path, p->name);
		return;
	}
}

/* Whether it can be asked for at all. */
static void
check_asked(struct check *c, const char *path, const struct check_websocket *w)
{
	static const char *const needed[] = {"SCGI", "SERVER_PROTOCOL", "HTTP_CONNECTION", "HTTP_UPGRADE",
	    "HTTP_SEC_WEBSOCKET_KEY", "HTTP_SEC_WEBSOCKET_VERSION"};

	for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++)
		if (find_param(&w->scgi, needed[i]) == NULL) {
			check_say(c, CHECK_FAIL, "nginx",
			    "%s passes no %s (scgi_param), so that each WebSocket is refused: " BOTH, path, needed[i]);
			return;
		}
	if (!w->headers_off)
		check_say(c, CHECK_FAIL, "nginx",
		    "%s passes all headers for WebSockets (scgi_pass_request_headers), and longlined refuses a request "
		    "in which one comes twice: " BOTH,
		    path);
}

static void
check_patience(struct check *c, const char *path, const struct check_limits *l)
{
	uint64_t ping_ms = check_option(c, "ping-interval", PING_INTERVAL_MS);
	uint64_t read_ms = l->scgi_read_timeout_ms == 0 ? TIMEOUT_MS : l->scgi_read_timeout_ms;
	uint64_t send_ms = l->scgi_send_timeout_ms == 0 ? TIMEOUT_MS : l->scgi_send_timeout_ms;

	if (read_ms <= ping_ms)
		check_say(c, CHECK_FAIL, "nginx",
		    "%s: scgi_read_timeout is %llu s, and longlined may say nothing for %llu s (--ping-interval): each "
		    "WebSocket would be cut",
		    path, (unsigned long long)read_ms / 1000, (unsigned long long)(ping_ms + 999) / 1000);
	if (send_ms <= PAUSE_MAX_MS)
		check_say(c, CHECK_WARN, "nginx",
		    "%s: scgi_send_timeout is %llu s, and longlined reads nothing for up to %d s of who sends too "
		    "much: a WebSocket would be cut",
		    path, (unsigned long long)send_ms / 1000, PAUSE_MAX_MS / 1000);
}

void
check_websocket_file(struct check *c, const char *path, const struct check_websocket *w, const struct check_limits *l)
{
	bool offered = find_param(&w->fastcgi, "LONGLINE_UPGRADE") != NULL;

	if (!w->passed && offered)
		check_say(c, CHECK_FAIL, "nginx",
		    "%s says that there are WebSockets (LONGLINE_UPGRADE) and passes none on, so that each client "
		    "tries in "
		    "vain: " BOTH,
		    path);
	else if (!w->passed && w->socketio && !never(c))
		check_say(c, CHECK_WARN, "nginx",
		    "%s passes no WebSockets on, so that Socket.IO clients stay on polling: " BOTH, path);
	if (!w->passed)
		return;
	if (w->unguarded)
		check_say(c, CHECK_FAIL, "nginx",
		    "%s: scgi_pass stands outside of if ($longline_ws), so that nginx takes for a WebSocket what is "
		    "none: " BOTH,
		    path);
	if (!offered)
		check_say(c, CHECK_WARN, "nginx",
		    "%s passes WebSockets on and does not say so (LONGLINE_UPGRADE), so that Socket.IO clients stay on "
		    "polling: " BOTH,
		    path);
	check_asked(c, path, w);
	check_same(c, path, w);
	check_patience(c, path, l);
}

void
check_websocket_map(struct check_websockets *all, const struct str *words, size_t n)
{
	struct str of = n > 2 ? words[1] : STR("");

	if (n < 3 || !str_eq(words[0], STR("map")) || !str_eq(words[2], STR("$longline_ws")))
		return;
	all->map = true;
	all->map_good = memmem(of.p, of.n, "$request_method", 15) != NULL &&
	                memmem(of.p, of.n, "$server_protocol", 16) != NULL &&
	                memmem(of.p, of.n, "$http_upgrade", 13) != NULL;
}

void
check_websocket_all(struct check *c, const struct check_websockets *all, const char *socket)
{
	if (!all->passed)
		return;
	if (!all->upstream || !all->map)
		check_say(c, CHECK_FAIL, "nginx",
		    "longline-http.conf has no %s, which longline.conf passes WebSockets by: " BOTH,
		    all->map ? "upstream longline_ws" : "map $longline_ws");
	else if (!all->map_good)
		check_say(c, CHECK_FAIL, "nginx",
		    "map $longline_ws does not look at $request_method $server_protocol $http_upgrade, all three, so "
		    "that "
		    "nginx takes for a WebSocket what is none: " BOTH);
	else if (strcmp(all->socket, socket) != 0)
		check_say(c, CHECK_FAIL, "nginx",
		    "WebSockets are asked for at %s (upstream longline_ws), and all else at %s: longlined listens at "
		    "one of them",
		    all->socket, socket);
	else
		check_say(c, CHECK_OK, "nginx", "it passes WebSockets on");
}
