#include "args.h"

#include <stdio.h>
#include <string.h>

#include "say.h"

static const struct command_option EVERYWHERE[] = {
    {"database", "FILE", NULL}, {"help", NULL, NULL}, {"version", NULL, NULL}, {NULL, NULL, NULL}};
enum { DATABASE, HELP, VERSION };

struct reading {
	struct args *args;
	const struct command *const *groups;
	char **at, **end;
};

static const struct command_option *
find_option(const struct command_option *options, struct str name)
{
	for (; options->name != NULL; options++)
		if (str_eq(str_of(options->name), name))
			return options;
	return NULL;
}

/* What stands before an option's name: a letter has one dash. */
static const char *
dashes(size_t n)
{
	return n == 1 ? "-" : "--";
}

static int
wrong(const struct reading *r, const char *what, struct str name)
{
	const char *words = r->args->words;

	say_error("%s %s%.*s; see longline %s%s--help", what, dashes(name.n), STR_ARGS(name), words,
	    words[0] == '\0' ? "" : " ");
	return COMMAND_USAGE;
}

/* An option that begins like what was written, as a hint; NULL: none does. */
static const char *
like(const struct command_option *options, struct str name)
{
	for (; name.n > 0 && options->name != NULL; options++)
		if (str_starts(str_of(options->name), name) || str_starts(name, str_of(options->name)))
			return options->name;
	return NULL;
}

static int
unknown(const struct reading *r, struct str name)
{
	const struct command *c = r->args->call.command;
	const char *hint = c == NULL ? NULL : like(c->options, name);

	if (hint == NULL)
		hint = like(EVERYWHERE, name);
	if (hint == NULL)
		return wrong(r, "there is no option", name);
	say_error("there is no option --%.*s; is %s%s meant?", STR_ARGS(name), dashes(strlen(hint)), hint);
	return COMMAND_USAGE;
}

/* One more value of an option that was given before. */
static int
put_more(struct reading *r, const struct command_option *o, const char *value)
{
	struct call *call = &r->args->call;
	size_t n = o->value == NULL ? 0 : strlen(o->value);

	if (n < 3 || strcmp(o->value + n - 3, "...") != 0)
		return wrong(r, "given twice:", str_of(o->name));
	if (call->n_more == COMMAND_MORE_MAX)
		return wrong(r, "given too often:", str_of(o->name));
	call->more[call->n_more++] = (struct call_more){o, value};
	return -1;
}

/* Puts an option's value, taking the next word if it does not stand behind a `=`. */
static int
put_value(struct reading *r, const struct command_option *o, bool has, const char *value, const char **place)
{
	if (o->value == NULL && has)
		return wrong(r, "no value belongs to", str_of(o->name));
	if (o->value != NULL && !has && r->at == r->end)
		return wrong(r, "a value is missing behind", str_of(o->name));
	if (o->value == NULL)
		value = "";
	else if (!has)
		value = *r->at++;
	if (*place != NULL)
		return put_more(r, o, value);
	*place = value;
	return -1;
}

static int
everywhere(struct reading *r, const struct command_option *o, bool has, const char *value)
{
	const char *flag = NULL;

	if (o == &EVERYWHERE[DATABASE])
		return put_value(r, o, has, value, &r->args->call.database);
	r->args->help |= o == &EVERYWHERE[HELP];
	r->args->version |= o == &EVERYWHERE[VERSION];
	return put_value(r, o, has, value, &flag);
}

static int
read_option(struct reading *r, const char *word)
{
	const struct command *c = r->args->call.command;
	struct str rest = str_of(word + 2), name = str_cut(&rest, '=');
	bool has = word[2 + name.n] == '=';
	const char *value = word + 2 + name.n + has;
	const struct command_option *o = find_option(EVERYWHERE, name);

	if (o != NULL)
		return everywhere(r, o, has, value);
	o = c == NULL || name.n == 1 ? NULL : find_option(c->options, name);
	if (o == NULL)
		return unknown(r, name);
	return put_value(r, o, has, value, &r->args->call.values[o - c->options]);
}

/* Operands may begin with a dash only behind `--`; a dash alone is one. */
static int
read_letter(struct reading *r, const char *word)
{
	const struct command *c = r->args->call.command;
	const struct command_option *o = c == NULL ? NULL : find_option(c->options, (struct str){word + 1, 1});
	const char *words = r->args->words;

	if (o != NULL)
		return put_value(r, o, word[2] != '\0', word + 2, &r->args->call.values[o - c->options]);
	say_error("there is no option %s; options are written in full, see longline %s%s--help", word, words,
	    words[0] == '\0' ? "" : " ");
	return COMMAND_USAGE;
}

/* Whether some command begins with these words; *whole is it, when they are all of its own. */
static bool
begins(const struct reading *r, const char *words, const struct command **whole)
{
	size_t n = strlen(words);
	bool some = false;

	for (const struct command *const *group = r->groups; *group != NULL; group++)
		for (const struct command *c = *group; c->words != NULL; c++)
			if (strncmp(c->words, words, n) == 0 && (c->words[n] == '\0' || c->words[n] == ' ')) {
				some = true;
				if (c->words[n] == '\0')
					*whole = c;
			}
	return some;
}

/* One more word of the command's name. */
static int
read_word(struct reading *r, const char *word)
{
	struct args *a = r->args;
	char words[sizeof a->words];
	int n = snprintf(words, sizeof words, "%s%s%s", a->words, a->words[0] == '\0' ? "" : " ", word);

	if (n < (int)sizeof words && word[0] != '\0' && begins(r, words, &a->call.command)) {
		memcpy(a->words, words, sizeof words);
		return -1;
	}
	say_error("there is no command '%s%s%s'; see longline %s%s--help", a->words, a->words[0] == '\0' ? "" : " ",
	    word, a->words, a->words[0] == '\0' ? "" : " ");
	return COMMAND_USAGE;
}

static int
check_operands(const struct args *a)
{
	const struct command *c = a->call.command;

	if (c == NULL) {
		say_error("a command is missing; see longline %s%s--help", a->words, a->words[0] == '\0' ? "" : " ");
		return COMMAND_USAGE;
	}
	if (a->call.n < c->least)
		return command_wrong(&a->call, "longline %s needs %s", c->words, c->operands);
	if (a->call.n > c->most)
		return command_wrong(&a->call, "unexpected argument '%s'", a->call.operands[c->most]);
	return -1;
}

int
args_read(struct args *a, const struct command *const *groups, int argc, char **argv)
{
	struct reading r = {.args = a, .groups = groups, .at = argv + 1, .end = argv + argc};
	bool options = true;
	int result = -1;

	*a = (struct args){.call = {.operands = argv + 1}};
	while (result < 0 && r.at < r.end) {
		char *word = *r.at++;

		if (options && strcmp(word, "--") == 0)
			options = false;
		else if (options && word[0] == '-' && word[1] == '-')
			result = read_option(&r, word);
		else if (options && word[0] == '-' && word[1] != '\0')
			result = read_letter(&r, word);
		else if (a->call.command == NULL)
			result = read_word(&r, word);
		else
			a->call.operands[a->call.n++] = word;
	}
	if (result >= 0 || a->help || a->version)
		return result;
	return check_operands(a);
}
