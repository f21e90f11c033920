/* Whether the web server tells longlined whom it has checked, and from where requests come. */
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "directives.h"

enum { FILES_MAX = 1000, FILE_BYTES_MAX = 1 << 20, DEPTH_MAX = 8, PATH_SIZE = 1024 };

/* What is passed to longlined by the file that does it (longline.conf) or those that it includes. */
struct passing {
	bool longline; /* there is a `fastcgi_pass longline` */
	bool headers_off;
	bool user_set, user_checked; /* REMOTE_USER: at all; as $longline_user */
	bool address, authorization;
	struct check_limits limits;
	struct check_websocket websocket;
};

/* A server { } as far as it is read; what holds for all of them is kept in one, too. */
struct site {
	struct passing passing;
	char name[128];
	char unhosted[128];    /* a name that longlined does not answer to; empty: there is none */
	bool auth;             /* auth_basic or auth_request runs */
	bool any;              /* satisfy any */
	bool real_ip;          /* set_real_ip_from */
	bool real_ip_all;      /* of every address */
	bool here, away;       /* listens at an address of this machine or a private net; at any other */
	unsigned reset, named; /* where $longline_user was emptied last, and given a name; 0: nowhere */
};

struct nginx {
	struct check *check;
	const char *folder;
	size_t files;
	int file_depth, depth, server_depth;
	int upstream_depth; /* in upstream longline or longline_ws; 0: not */
	int guard_depth;    /* in if ($longline_ws) */
	char *socket;       /* of that upstream */
	unsigned directives;
	bool upstream;
	size_t sites; /* that include longline.conf */
	struct site all, site;
	struct passing *passing;    /* of the file that is read */
	struct check_limits limits; /* of all of them */
	struct check_websockets websockets;
};

static void read_file(struct nginx *x, const char *path);

/* What is said once of a file: it passes less than it should. */
static void
check_passing(struct nginx *x, const char *path, const struct passing *p)
{
	if (p->user_set && !p->user_checked)
		check_say(x->check, CHECK_FAIL, "nginx",
		    "%s passes as REMOTE_USER a name that nobody may have checked: use this version's longline.conf, "
		    "and "
		    "longline-auth.conf behind it where names are checked",
		    path);
	else if (!p->user_set)
		check_say(
		    x->check, CHECK_WARN, "nginx", "%s passes no REMOTE_USER: use this version's longline.conf", path);
	if (!p->address)
		check_say(x->check, CHECK_WARN, "nginx",
		    "%s passes no REMOTE_ADDR, so that strangers are counted together: use this version's "
		    "longline.conf",
		    path);
	if (p->headers_off && !p->authorization)
		check_say(x->check, CHECK_FAIL, "nginx",
		    "%s passes no HTTP_AUTHORIZATION, so that no token arrives: use this version's longline.conf",
		    path);
	if (p->user_checked && p->address && (!p->headers_off || p->authorization))
		check_say(
		    x->check, CHECK_OK, "nginx", "%s passes the names that are checked, addresses and tokens", path);
}

static void
merge(struct passing *outer, const struct passing *inner)
{
	outer->headers_off |= inner->headers_off;
	outer->user_set |= inner->user_set;
	outer->user_checked |= inner->user_checked;
	outer->address |= inner->address;
	outer->authorization |= inner->authorization;
	if (inner->limits.read_timeout_ms != 0)
		outer->limits.read_timeout_ms = inner->limits.read_timeout_ms;
	if (inner->limits.body_max != 0)
		outer->limits.body_max = inner->limits.body_max;
	if (inner->limits.scgi_read_timeout_ms != 0)
		outer->limits.scgi_read_timeout_ms = inner->limits.scgi_read_timeout_ms;
	if (inner->limits.scgi_send_timeout_ms != 0)
		outer->limits.scgi_send_timeout_ms = inner->limits.scgi_send_timeout_ms;
	outer->limits.body_any |= inner->limits.body_any;
	check_websocket_merge(&outer->websocket, &inner->websocket);
}

static void
check_names_passed(struct nginx *x, const struct site *s, bool auth, bool any)
{
	if (s->named != 0 && s->named < s->reset)
		check_say(x->check, CHECK_FAIL, "nginx",
		    "server %s: longline-auth.conf must be included behind longline.conf, which empties the name",
		    s->name);
	else if (s->named != 0 && !auth)
		check_say(x->check, CHECK_FAIL, "nginx",
		    "server %s: longline-auth.conf is included, but no auth_basic or auth_request checks the names: "
		    "everybody can be anybody",
		    s->name);
	else if (s->named != 0 && any)
		check_say(x->check, CHECK_FAIL, "nginx",
		    "server %s: satisfy any lets somebody in by address without a password, so names are not checked",
		    s->name);
	else if (s->named == 0 && auth)
		check_say(x->check, CHECK_WARN, "nginx",
		    "server %s: it checks names, but longlined is not told them: include longline-auth.conf behind "
		    "longline.conf",
		    s->name);
}

static void
check_server(struct nginx *x)
{
	const struct site *s = &x->site;

	x->sites++;
	check_names_passed(x, s, s->auth || x->all.auth, s->any || x->all.any);
	if (s->unhosted[0] != '\0')
		check_say(x->check, CHECK_FAIL, "nginx",
		    "server %s: longlined is told other names than %s (--host), so requests for it are refused with "
		    "421: --host %s in %s",
		    s->name, s->unhosted, s->unhosted, x->check->call->unit->path);
	if (s->real_ip_all || x->all.real_ip_all)
		check_say(x->check, CHECK_FAIL, "nginx",
		    "server %s: set_real_ip_from names every address, so that everybody may say any of his own",
		    s->name);
	if (s->here && !s->away && !s->real_ip && !x->all.real_ip)
		check_say(x->check, CHECK_WARN, "nginx",
		    "server %s: it listens for a proxy only, so that all clients have the proxy's address: "
		    "set_real_ip_from that, and real_ip_header X-Forwarded-For",
		    s->name);
}

static bool
is_private(struct str listen)
{
	static const char *const begins[] = {
	    "127.", "localhost", "[::1]", "unix:", "10.", "192.168.", "169.254.", "[fd", "[fc", "[fe80"};
	uint64_t second;
	struct str rest = listen;

	for (size_t i = 0; i < sizeof begins / sizeof begins[0]; i++)
		if (str_starts(listen, str_of(begins[i])))
			return true;
	return str_eq(str_cut(&rest, '.'), STR("172")) && str_uint(str_cut(&rest, '.'), 255, &second) && second >= 16 &&
	       second <= 31;
}

static int
same_name(void *ctx, struct str host)
{
	return str_eq_nocase(host, *(struct str *)ctx);
}

static int
any_name(void *ctx, struct str host)
{
	(void)ctx;
	(void)host;
	return 1;
}

/* Names of a server that longlined is not told, though it is told some; patterns are left out. */
static void
take_names(const struct nginx *x, struct site *s, const struct str *words, size_t n)
{
	const struct unit *unit = x->check->call->unit;

	if (unit_each(unit, "host", any_name, NULL) == 0)
		return;
	for (size_t i = 1; i < n; i++) {
		struct str name = words[i];
		bool plain = name.n > 0 && name.n < sizeof s->unhosted && memchr(name.p, '*', name.n) == NULL &&
		             name.p[0] != '~' && name.p[0] != '.' && name.p[0] != '_';

		if (plain && unit_each(unit, "host", same_name, &name) == 0)
			snprintf(s->unhosted, sizeof s->unhosted, "%.*s", STR_ARGS(name));
	}
}

/* A directive right in a server { }, or above all of them. */
static void
take_site(struct nginx *x, struct site *s, const struct str *words, size_t n)
{
	struct str value = n > 1 ? words[1] : STR("");

	if (str_eq(words[0], STR("auth_basic")) || str_eq(words[0], STR("auth_request")))
		s->auth |= n > 1 && !str_eq(value, STR("off"));
	else if (str_eq(words[0], STR("satisfy")))
		s->any = str_eq(value, STR("any"));
	else if (str_eq(words[0], STR("set_real_ip_from")))
		*(str_eq(value, STR("0.0.0.0/0")) || str_eq(value, STR("::/0")) ? &s->real_ip_all : &s->real_ip) = true;
	else if (str_eq(words[0], STR("server_name"))) {
		snprintf(s->name, sizeof s->name, "%.*s", (int)(value.n < 100 ? value.n : 100), value.p);
		take_names(x, s, words, n);
	} else if (str_eq(words[0], STR("listen")))
		*(is_private(value) ? &s->here : &s->away) = true;
	else if (str_eq(value, STR("$longline_user")) && str_eq(words[0], STR("auth_request_set")))
		s->named = x->directives;
	else if (str_eq(value, STR("$longline_user")) && str_eq(words[0], STR("set")))
		*(n > 2 && words[2].n > 0 ? &s->named : &s->reset) = x->directives;
}

/* One that says what goes to longlined, wherever it stands. */
static void
take_passing(struct nginx *x, const struct str *words, size_t n)
{
	struct passing *p = x->passing;

	if (str_eq(words[0], STR("fastcgi_pass")))
		p->longline |= n > 1 && str_eq(words[1], STR("longline"));
	else if (str_eq(words[0], STR("fastcgi_pass_request_headers")))
		p->headers_off |= n > 1 && str_eq(words[1], STR("off"));
	else if (n > 2 && str_eq(words[0], STR("fastcgi_param"))) {
		p->user_set |= str_eq(words[1], STR("REMOTE_USER"));
		p->user_checked |= str_eq(words[1], STR("REMOTE_USER")) && str_eq(words[2], STR("$longline_user"));
		p->address |= str_eq(words[1], STR("REMOTE_ADDR"));
		p->authorization |= str_eq(words[1], STR("HTTP_AUTHORIZATION"));
	}
}

static void
include(struct nginx *x, struct str pattern)
{
	char path[PATH_SIZE];
	glob_t found;

	if (pattern.n == 0)
		return;
	snprintf(path, sizeof path, "%s%s%.*s", pattern.p[0] == '/' ? "" : x->folder, pattern.p[0] == '/' ? "" : "/",
	    STR_ARGS(pattern));
	if (glob(path, 0, NULL, &found) != 0)
		return;
	for (size_t i = 0; i < found.gl_pathc; i++)
		read_file(x, found.gl_pathv[i]);
	globfree(&found);
}

/* One of the two by which longlined is asked. */
static void
take_upstream(struct nginx *x, struct str name)
{
	bool ws = str_eq(name, STR("longline_ws"));

	if (!ws && !str_eq(name, STR("longline")))
		return;
	*(ws ? &x->websockets.upstream : &x->upstream) = true;
	x->socket = ws ? x->websockets.socket : x->limits.socket;
	x->upstream_depth = x->depth;
}

static void
take_block(struct nginx *x, const struct str *words, size_t n)
{
	x->depth++;
	if (n > 0 && x->server_depth == 0 && str_eq(words[0], STR("server"))) {
		x->server_depth = x->depth;
		x->site = (struct site){.name = "without a name"};
	}
	if (n > 1 && str_eq(words[0], STR("upstream")))
		take_upstream(x, words[1]);
	check_websocket_map(&x->websockets, words, n);
	if (check_websocket_block(&x->passing->websocket, words, n) && x->guard_depth == 0)
		x->guard_depth = x->depth;
}

static void
end_block(struct nginx *x)
{
	if (x->server_depth != 0 && x->depth == x->server_depth) {
		if (x->site.passing.longline)
			check_server(x);
		x->server_depth = 0;
	}
	if (x->depth == x->upstream_depth)
		x->upstream_depth = 0;
	if (x->depth == x->guard_depth)
		x->guard_depth = 0;
	x->depth -= x->depth > 0;
}

static void
on_directive(void *ctx, const struct str *words, size_t n, enum directives_end end)
{
	struct nginx *x = ctx;

	x->directives++;
	if (end == DIRECTIVE_BEGINS)
		take_block(x, words, n);
	else if (end == DIRECTIVE_ENDS)
		end_block(x);
	else if (n > 1 && str_eq(words[0], STR("include")))
		include(x, words[1]);
	else if (n > 1 && x->upstream_depth != 0 && str_eq(words[0], STR("server")))
		check_limits_socket(x->socket, words[1]);
	else if (n > 0) {
		take_passing(x, words, n);
		check_websocket_take(&x->passing->websocket, words, n, x->guard_depth != 0);
		check_limits_take(&x->limits, words, n);
		check_limits_take(&x->passing->limits, words, n);
		if (x->server_depth == 0 || x->depth == x->server_depth)
			take_site(x, x->server_depth == 0 ? &x->all : &x->site, words, n);
	}
}

static void
scan_file(struct nginx *x, const char *path, struct str text)
{
	struct passing *outer = x->passing, own = {.longline = false};

	x->passing = &own;
	x->file_depth++;
	directives_each(text, on_directive, x);
	x->file_depth--;
	x->passing = outer;
	if (own.longline) {
		check_passing(x, path, &own);
		check_limits_file(x->check, path, &own.limits);
		check_websocket_file(x->check, path, &own.websocket, &own.limits);
		x->websockets.passed |= own.websocket.passed;
		x->site.passing.longline = true;
	} else if (outer != NULL)
		merge(outer, &own);
}

static void
read_file(struct nginx *x, const char *path)
{
	FILE *file;
	char *text;

	if (x->files >= FILES_MAX || x->file_depth >= DEPTH_MAX)
		return;
	x->files++;
	file = fopen(path, "re");
	if (file == NULL) {
		check_say(x->check, CHECK_WARN, "nginx", "cannot read %s: %s", path, strerror(errno));
		return;
	}
	text = malloc(FILE_BYTES_MAX);
	if (text != NULL)
		scan_file(x, path, (struct str){text, fread(text, 1, FILE_BYTES_MAX, file)});
	free(text);
	fclose(file);
}

void
check_nginx(struct check *c, const char *folder, bool asked)
{
	struct nginx x = {.check = c, .folder = folder};
	char path[PATH_SIZE];

	snprintf(path, sizeof path, "%s/nginx.conf", folder);
	if (access(path, F_OK) != 0) {
		check_say(c, asked ? CHECK_FAIL : CHECK_OK, "nginx", "there is no %s: %s", path,
		    asked ? strerror(errno) : "--nginx FOLDER looks elsewhere");
		return;
	}
	read_file(&x, path);
	if (x.sites == 0)
		check_say(c, CHECK_WARN, "nginx", "no server in %s includes longline.conf", path);
	else if (!x.upstream)
		check_say(c, CHECK_FAIL, "nginx", "longline-http.conf is not included in http { } of %s", path);
	else {
		check_limits_all(c, &x.limits);
		check_websocket_all(c, &x.websockets, x.limits.socket);
	}
}
