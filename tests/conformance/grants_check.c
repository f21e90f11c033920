/*
 * grants_check: who may what, as the daemon's own module says it, for a test that asks very often. Its argument is the
 * file of a JWT's key; it reads commands, one a line, with a tab between their words:
 *
 *	token NAME HASH         one more token; the hash of its secret in hex
 *	grant WHO ROOMS MAY     one more grant; MAY may be empty
 *	set                     the tokens and grants since the last `set` are those of a closed log from now on
 *	pass stranger|user NAME|bearer TEXT
 *	                        who asks from now on
 *	may ROOM                answered by a line with what they may there: 1 for r, 2 for w, 4 for m
 *
 * What goes wrong is answered by a line that begins with '!'.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "access/access.h"
#include "base/clock.h"

enum { WORDS_MAX = 4, LINE_SIZE = 65536 };

static struct store_access *next;
static int64_t version;

static void
fail(const char *what, const char *detail)
{
	printf("! %s: %s\n", what, detail);
	exit(1);
}

static int64_t
wall_ms(void)
{
	return (int64_t)time(NULL) * 1000;
}

/* Room for one more in an array of the rows to come. */
static void *
one_more(void *rows, size_t n, size_t size)
{
	void *more = realloc(rows, (n + 1) * size);

	if (more == NULL)
		fail("no memory", "");
	memset((char *)more + n * size, 0, size);
	return more;
}

static void
add_token(const char *name, const char *hex)
{
	struct store_token *token;

	next->tokens = one_more(next->tokens, next->n_tokens, sizeof *next->tokens);
	token = &next->tokens[next->n_tokens++];
	snprintf(token->name, sizeof token->name, "%s", name);
	snprintf(token->sender, sizeof token->sender, "%s", name);
	token->expires_ms = INT64_MAX;
	for (size_t i = 0; i < sizeof token->hash; i++)
		sscanf(&hex[2 * i], "%2hhx", &token->hash[i]);
}

static void
add_grant(const char *who, const char *rooms, const char *may)
{
	struct store_grant *grant;

	next->grants = one_more(next->grants, next->n_grants, sizeof *next->grants);
	grant = &next->grants[next->n_grants++];
	snprintf(grant->who, sizeof grant->who, "%s", who);
	snprintf(grant->rooms, sizeof grant->rooms, "%s", rooms);
	snprintf(grant->may, sizeof grant->may, "%s", may);
}

static void
begin_rows(void)
{
	next = calloc(1, sizeof *next);
	if (next == NULL)
		fail("no memory", "");
	next->version = ++version;
	next->closed = true;
}

static struct pass *
who_asks(struct access *a, const char *kind, const char *value)
{
	char detail[ACCESS_DETAIL_SIZE] = "", header[LINE_SIZE];
	struct access_ask ask = {.address = STR("192.0.2.1")};
	struct pass *pass;

	if (strcmp(kind, "user") == 0)
		ask.user = str_of(value);
	else if (strcmp(kind, "bearer") == 0) {
		snprintf(header, sizeof header, "Bearer %s", value);
		ask.authorization = str_of(header);
	}
	pass = access_pass(a, &ask, wall_ms(), detail);
	if (pass == NULL)
		fail(kind, detail);
	return pass;
}

static size_t
split(char *line, const char *words[WORDS_MAX])
{
	size_t n = 0;

	line[strcspn(line, "\n")] = '\0';
	for (size_t i = 0; i < WORDS_MAX; i++)
		words[i] = "";
	for (char *word; n < WORDS_MAX && (word = strsep(&line, "\t")) != NULL; n++)
		words[n] = word;
	return n;
}

static void
obey(struct access *a, struct pass **pass, const char *const words[WORDS_MAX])
{
	if (strcmp(words[0], "token") == 0)
		add_token(words[1], words[2]);
	else if (strcmp(words[0], "grant") == 0)
		add_grant(words[1], words[2], words[3]);
	else if (strcmp(words[0], "set") == 0) {
		if (access_set(a, next) != 0)
			fail("access_set", "no memory");
		begin_rows();
	} else if (strcmp(words[0], "pass") == 0) {
		pass_drop(*pass);
		*pass = who_asks(a, words[1], words[2]);
	} else if (strcmp(words[0], "may") == 0)
		printf("%u\n", sight_may((*pass)->sight, str_of(words[1])));
	else
		fail("unknown command", words[0]);
}

int
main(int argc, char **argv)
{
	static char line[LINE_SIZE];
	char error[STORE_ERROR_SIZE];
	const char *words[WORDS_MAX], *const *files = (const char *const *)&argv[1];
	struct limits limits;
	struct access_options options = {0};
	struct access *a;
	struct pass *pass = NULL;

	if (argc != 2)
		fail("usage", "grants_check KEY_FILE");
	limits_init(&limits);
	options.persons = persons_new(&limits, 1024);
	a = options.persons != NULL ? access_new(&options) : NULL;
	if (a == NULL)
		fail("no memory", "");
	if (access_read_keys(a, files, 1, error) != 0)
		fail("key", error);
	begin_rows();
	while (fgets(line, sizeof line, stdin) != NULL) {
		split(line, words);
		obey(a, &pass, words);
	}
	pass_drop(pass);
	store_access_free(next);
	access_free(a);
	persons_free(options.persons);
	return 0;
}
