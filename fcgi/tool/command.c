#include "command.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "access/sight.h"
#include "say.h"

const char *
command_value(const struct call *call, const char *name)
{
	const struct command_option *o = call->command->options;

	while (o->name != NULL && strcmp(o->name, name) != 0)
		o++;
	assert(o->name != NULL);
	return call->values[o - call->command->options];
}

bool
command_given(const struct call *call, const char *name)
{
	return command_value(call, name) != NULL;
}

int
command_each_value(const struct call *call, const char *name, int (*fn)(void *ctx, const char *value), void *ctx)
{
	const char *first = command_value(call, name);
	int result = first == NULL ? 0 : fn(ctx, first);

	for (size_t i = 0; i < call->n_more && result == 0; i++)
		if (strcmp(call->more[i].option->name, name) == 0)
			result = fn(ctx, call->more[i].value);
	return result;
}

int
command_wrong(const struct call *call, const char *format, ...)
{
	char text[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	say_error("%s; see longline %s --help", text, call->command->words);
	return COMMAND_USAGE;
}

int
command_each(struct str list, int (*fn)(void *ctx, struct str part), void *ctx)
{
	int result = 0;

	do
		result = fn(ctx, str_cut(&list, ','));
	while (result == 0 && list.n > 0);
	return result;
}

static int
check_rooms(void *ctx, struct str rooms)
{
	if (sight_rooms_ok(rooms))
		return 0;
	return command_wrong(
	    ctx, "'%.*s' is no room (1 to 64 of A-Za-z0-9._-) and no prefix with a * behind it", STR_ARGS(rooms));
}

int
command_check_rooms(const struct call *call, struct str list)
{
	return command_each(list, check_rooms, (void *)call);
}
