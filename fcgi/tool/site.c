#include "site.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "say.h"

enum { FILE_BYTES_MAX = 65536 };

/* A file that may have secrets. */
struct secret_file {
	const char *path;
	char *text; /* FILE_BYTES_MAX bytes, of which n are in use */
	size_t n;
	struct stat stat;
};

static struct str
without_slashes(struct str url)
{
	while (url.n > 0 && url.p[url.n - 1] == '/')
		url.n--;
	return url;
}

/* Behind `http://` or `https://`; empty: it begins with neither. */
static struct str
behind_scheme(struct str url)
{
	static const struct str schemes[] = {{"http://", 7}, {"https://", 8}};

	for (size_t i = 0; i < 2; i++)
		if (url.n > schemes[i].n && str_eq_nocase((struct str){url.p, schemes[i].n}, schemes[i]))
			return str_skip(url, schemes[i].n);
	return STR("");
}

/* The user and password in it, with their `@`; empty: there are none. */
static struct str
password_of(struct str url)
{
	struct str rest = behind_scheme(url), authority = str_cut(&rest, '/');

	while (authority.n > 0 && authority.p[authority.n - 1] != '@')
		authority.n--;
	return authority;
}

const char *
site_url_wrong(struct str url)
{
	struct str rest = behind_scheme(url);

	if (rest.n == 0 || url.n > SITE_URL_MAX)
		return "it must begin with http:// or https:// and a host, and have at most 2048 bytes";
	for (size_t i = 0; i < url.n; i++)
		if ((unsigned char)url.p[i] <= ' ' || (unsigned char)url.p[i] >= 0x7F)
			return "it must be ASCII without blanks";
		else if (url.p[i] == '?' || url.p[i] == '#')
			return "it must be the address of the site, without ? or # in it";
	rest = str_skip(rest, password_of(url).n);
	return rest.n == 0 || rest.p[0] == '/' || rest.p[0] == ':' ? "it has no host" : NULL;
}

bool
site_token_ok(struct str token)
{
	for (size_t i = 0; i < token.n; i++)
		if (token.p[i] <= ' ' || token.p[i] >= 0x7F)
			return false;
	return token.n > 0 && token.n <= SITE_TOKEN_MAX;
}

size_t
site_read_lines(struct str text, struct site_lines *lines)
{
	*lines = (struct site_lines){.url = STR("")};
	for (size_t n = 1; text.n > 0; n++) {
		struct str rest = str_cut(&text, '\n'), name;

		if (rest.n > 0 && rest.p[rest.n - 1] == '\r')
			rest.n--;
		rest = str_trim(rest);
		if (rest.n == 0 || rest.p[0] == '#')
			continue;
		name = str_trim(str_cut(&rest, '='));
		if (str_eq(name, STR("url")))
			lines->url = str_trim(rest);
		else if (str_eq(name, STR("token")))
			lines->token = str_trim(rest);
		else
			return n;
	}
	return 0;
}

static int
no_memory(void)
{
	say_error("out of memory");
	return COMMAND_FAILED;
}

static int
cannot_read(const char *path)
{
	say_error("cannot read %s: %s", path, strerror(errno));
	return COMMAND_FAILED;
}

/* All that is in fd, which is closed. */
static int
read_descriptor(struct secret_file *f, int fd)
{
	ssize_t n = 1;

	f->text = malloc(FILE_BYTES_MAX);
	if (f->text == NULL || fstat(fd, &f->stat) != 0)
		n = -1;
	while (n > 0 && f->n < FILE_BYTES_MAX) {
		n = read(fd, f->text + f->n, FILE_BYTES_MAX - f->n);
		f->n += n > 0 ? (size_t)n : 0;
	}
	close(fd);
	if (f->text == NULL)
		return no_memory();
	if (n < 0)
		return cannot_read(f->path);
	if (f->n < FILE_BYTES_MAX)
		return 0;
	say_error("%s is longer than can be: %d bytes", f->path, FILE_BYTES_MAX);
	return COMMAND_FAILED;
}

/* *there: false where there is none. */
static int
read_file(struct secret_file *f, const char *path, bool *there)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	*f = (struct secret_file){.path = path};
	*there = fd >= 0;
	if (fd >= 0)
		return read_descriptor(f, fd);
	return errno == ENOENT || errno == ENOTDIR ? 0 : cannot_read(path);
}

static void
secret_file_fini(struct secret_file *f)
{
	if (f->text != NULL)
		explicit_bzero(f->text, f->n);
	free(f->text);
	f->text = NULL;
}

/* Of a file that has a secret: whether nobody else can read it. */
static int
check_private(const struct secret_file *f)
{
	if (S_ISREG(f->stat.st_mode) && (f->stat.st_mode & 077) != 0) {
		say_error("others can read %s, which has a secret: chmod 600 it", f->path);
		return COMMAND_FAILED;
	}
	if (f->stat.st_uid == geteuid() || f->stat.st_uid == 0)
		return 0;
	say_error("%s belongs to somebody else, and has a secret", f->path);
	return COMMAND_FAILED;
}

static int
keep(char **place, struct str value)
{
	*place = strndup(value.p, value.n);
	return *place == NULL ? no_memory() : 0;
}

static int
keep_url(struct site *s, struct str url, const char *from)
{
	const char *wrong = site_url_wrong(url);

	if (wrong == NULL)
		return keep(&s->url, without_slashes(url));
	say_error("%s has no good address: %s", from, wrong);
	return COMMAND_USAGE;
}

static int
keep_token(struct site *s, struct str token, const char *from)
{
	if (site_token_ok(token))
		return keep(&s->token, token);
	say_error("%s has no token: that is one word of visible characters, such as ll_ and 32 more", from);
	return COMMAND_USAGE;
}

static const char *
environment(const char *name)
{
	const char *value = getenv(name);

	return value == NULL || value[0] == '\0' ? NULL : value;
}

/* Takes what was not said elsewhere. */
static int
use_lines(struct site *s, const struct secret_file *f)
{
	struct site_lines lines;
	size_t bad = site_read_lines((struct str){f->text, f->n}, &lines);
	int result = 0;

	if (bad > 0) {
		say_error("%s: line %zu is neither url=… nor token=…", f->path, bad);
		return COMMAND_FAILED;
	}
	if ((lines.token.n > 0 || password_of(lines.url).n > 0) && (result = check_private(f)) != 0)
		return result;
	if (s->url == NULL && lines.url.n > 0)
		result = keep_url(s, lines.url, f->path);
	if (result == 0 && s->token == NULL && lines.token.n > 0 &&
	    (lines.url.n == 0 || (s->url != NULL && str_eq(without_slashes(lines.url), str_of(s->url)))))
		result = keep_token(s, lines.token, f->path);
	return result;
}

static int
read_home(struct site *s)
{
	const char *home = environment("HOME");
	struct secret_file file;
	char path[PATH_MAX];
	bool there;
	int result;

	if (home == NULL || snprintf(path, sizeof path, "%s/.config/longline", home) >= (int)sizeof path)
		return 0;
	result = read_file(&file, path, &there);
	if (result == 0 && there)
		result = use_lines(s, &file);
	secret_file_fini(&file);
	return result;
}

static int
read_token_file(struct site *s, const char *path)
{
	struct secret_file file;
	struct str token;
	bool there;
	int result = read_file(&file, path, &there);

	if (result == 0 && !there)
		result = cannot_read(path);
	if (result == 0 && (result = check_private(&file)) == 0) {
		token = (struct str){file.text, file.n};
		while (token.n > 0 && (token.p[token.n - 1] == '\n' || token.p[token.n - 1] == '\r'))
			token.n--;
		result = keep_token(s, str_trim(token), path);
	}
	secret_file_fini(&file);
	return result;
}

static int
read_given(struct site *s, const struct call *call)
{
	const char *url = command_value(call, "url"), *file = command_value(call, "token-file");
	int result = 0;

	if (url != NULL && password_of(str_of(url)).n > 0)
		return command_wrong(
		    call, "everybody sees the password in --url: say it in LONGLINE_URL or in ~/.config/longline");
	if (url != NULL)
		result = keep_url(s, str_of(url), "--url");
	else if ((url = environment("LONGLINE_URL")) != NULL)
		result = keep_url(s, str_of(url), "LONGLINE_URL");
	if (result == 0 && file != NULL)
		result = read_token_file(s, file);
	else if (result == 0 && environment("LONGLINE_TOKEN") != NULL)
		result = keep_token(s, str_of(environment("LONGLINE_TOKEN")), "LONGLINE_TOKEN");
	return result;
}

static int
make_shown(struct site *s)
{
	struct str url = str_of(s->url), password = password_of(url);
	size_t before = (size_t)(password.n == 0 ? 0 : password.p - url.p);

	if (asprintf(&s->shown, "%.*s%s", (int)before, s->url, s->url + before + password.n) >= 0)
		return 0;
	s->shown = NULL;
	return no_memory();
}

int
site_read(struct site *s, const struct call *call)
{
	int result;

	*s = (struct site){.url = NULL};
	result = read_given(s, call);
	if (result == 0 && (s->url == NULL || s->token == NULL))
		result = read_home(s);
	if (result == 0 && s->url == NULL)
		return command_wrong(
		    call, "no address is known: say --url URL, or LONGLINE_URL, or url=URL in ~/.config/longline");
	return result == 0 ? make_shown(s) : result;
}

static void
forget(char **secret)
{
	if (*secret != NULL)
		explicit_bzero(*secret, strlen(*secret));
	free(*secret);
	*secret = NULL;
}

void
site_fini(struct site *s)
{
	forget(&s->url);
	forget(&s->token);
	free(s->shown);
	s->shown = NULL;
}
