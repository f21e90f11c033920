#include "command_add.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "say.h"

#define ROOMS_OPTIONS                                                                              \
	{"rooms", "ROOM,...", "rooms, or prefixes with a * behind them, for which it gets rules"}, \
	    {"may", "rwm", "what it may do there: read, write, moderate (rw)"},                    \
	    {"expires", "TIME", "when it ends: 90d, 12h, 2027-01-31 (never)"},                     \
	    {"again", NULL, "give a name that was revoked once more"},                             \
	{                                                                                          \
		"yes", NULL, "do not ask before this closes the log"                               \
	}

const struct command_option COMMAND_ADD_OPTIONS[] = {
    ROOMS_OPTIONS,
    {"sender", "NAME", "its messages' sender (its name), or * for any that is nobody's"},
    {"trusted", NULL, "it has the limits of the trusted"},
    {NULL, NULL, NULL},
};

const struct command_option COMMAND_INVITE_OPTIONS[] = {
    {"url", "URL", "where the page is (LONGLINE_URL)"},
    {"each", "N", "one of its own for each of N guests: NAME-1, NAME-2 and so on (guest)"},
    ROOMS_OPTIONS,
    {"sender", "NAME", "the sender (the name; with --each, *), or * for any that is nobody's"},
    {NULL, NULL, NULL},
};

/* The names of the operands; 0, or how the program ends, said. */
static int
take_names(struct adding *a)
{
	for (size_t i = 0; i < a->n; i++) {
		const char *name = a->call->operands[i], *wrong = adding_name_wrong(str_of(name));

		if (wrong != NULL)
			return command_wrong(a->call, "'%s' cannot be a token's name: %s", name, wrong);
		snprintf(a->tokens[i].name, sizeof a->tokens[i].name, "%s", name);
	}
	return 0;
}

static int
lost(const char *what)
{
	say_error("%s could not be printed, and there is no other copy: longline token rotate, or revoke", what);
	return COMMAND_FAILED;
}

int
command_add(const struct call *call)
{
	struct adding a;
	int result = adding_init(&a, call, 1);

	if (result >= 0)
		return result;
	a.trusted = command_given(call, "trusted");
	result = take_names(&a);
	if (result == 0)
		result = adding_run(&a);
	if (result == COMMAND_DONE) {
		say_note("The secret of %s, shown this once:", a.tokens[0].name);
		say_out("%s", a.tokens[0].secret);
		if (!say_arrived())
			result = lost("its secret");
	}
	adding_fini(&a);
	return result;
}

enum { URL_BYTES_MAX = 512 };

static bool
url_characters(struct str url)
{
	for (size_t i = 0; i < url.n; i++)
		if (url.p[i] <= ' ' || url.p[i] > '~' || strchr("#?\"<>\\", url.p[i]) != NULL)
			return false;
	return true;
}

/* The page's address without a slash at its end; 0, or how the program ends, said. */
static int
read_url(const struct call *call, struct str *url)
{
	const char *given = command_value(call, "url"), *text = given == NULL ? getenv("LONGLINE_URL") : given;
	size_t scheme;

	if (text == NULL || text[0] == '\0')
		return command_wrong(call, "where is the page? say --url https://example.org, or set LONGLINE_URL");
	*url = str_of(text);
	scheme = str_starts(*url, STR("https://")) ? 8 : str_starts(*url, STR("http://")) ? 7 : 0;
	if (scheme == 0 || url->n > URL_BYTES_MAX || text[scheme] == '\0' || text[scheme] == '/' ||
	    !url_characters(*url))
		return command_wrong(
		    call, "the page's address is like https://example.org/chat, without ? and #, not '%s'", text);
	while (url->p[url->n - 1] == '/')
		url->n--;
	return 0;
}

/* Whether what goes to this address can be read on its way. */
static bool
in_the_clear(struct str url)
{
	struct str host;

	if (!str_starts(url, STR("http://")))
		return false;
	host = str_skip(url, 7);
	return !str_starts(host, STR("localhost")) && !str_starts(host, STR("127.")) && !str_starts(host, STR("[::1]"));
}

static int
print_invitations(const struct adding *a, struct str url)
{
	if (in_the_clear(url))
		say_warning("%.*s is not https: whoever is on the way can read the secrets", STR_ARGS(url));
	say_note("Whoever opens an address is let in; it is shown this once:");
	for (size_t i = 0; i < a->n; i++) {
		say_note("%s", a->tokens[i].name);
		say_out("%.*s/#join=%s", STR_ARGS(url), a->tokens[i].secret);
	}
	return say_arrived() ? COMMAND_DONE : lost("what is missing");
}

/* How many, and whether their names are numbered; 0, or how the program ends, said. */
static int
read_each(const struct call *call, uint64_t *n)
{
	const char *each = command_value(call, "each");

	*n = call->n;
	if (each == NULL && call->n == 0)
		return command_wrong(call, "for whom? say a name for each, or --each N");
	if (each == NULL)
		return 0;
	if (call->n > 1)
		return command_wrong(call, "--each makes numbered names of one, and here are %zu", call->n);
	if (!str_uint(str_of(each), ADDING_MAX, n) || *n == 0)
		return command_wrong(call, "--each is 1 to %d, not '%s'", ADDING_MAX, each);
	return 0;
}

/* The names, once all is read. */
static int
invite(struct adding *a)
{
	const char *wrong;

	a->numbered = command_given(a->call, "each");
	if (!a->numbered)
		return take_names(a);
	if (a->sender == NULL)
		a->sender = "*";
	wrong = a->call->n == 0 ? NULL : adding_name_wrong(str_of(a->call->operands[0]));
	if (wrong != NULL)
		return command_wrong(a->call, "'%s' cannot be a token's name: %s", a->call->operands[0], wrong);
	return 0;
}

int
command_invite(const struct call *call)
{
	struct adding a;
	struct str url;
	uint64_t n;
	int result = read_each(call, &n);

	if (result == 0)
		result = read_url(call, &url);
	if (result != 0 || (result = adding_init(&a, call, (size_t)n)) >= 0)
		return result;
	result = invite(&a);
	if (result == 0)
		result = adding_run(&a);
	if (result == COMMAND_DONE)
		result = print_invitations(&a, url);
	adding_fini(&a);
	return result;
}
