/* longline prune: what is old goes. */
#include <string.h>

#include "access/sight.h"
#include "base/clock.h"
#include "command.h"
#include "erase.h"
#include "interrupt.h"
#include "moment.h"
#include "prune.h"
#include "say.h"

/* 0, or how the program ends. */
static int
read_options(const struct call *call, struct prune *p)
{
	const char *older = command_value(call, "older-than");
	int64_t now_ms = clock_wall_ms();

	p->rooms = command_value(call, "room");
	if (older == NULL)
		return command_wrong(call, "--older-than says what is old, like 30d or 2027-01-31");
	if (!moment_read_past(str_of(older), now_ms, &p->before_ms) || p->before_ms > now_ms)
		return command_wrong(call,
		    "--older-than is a time like 30d or 12h, or a day in the past like 2027-01-31, not '%s'", older);
	if (p->rooms != NULL && !sight_rooms_ok(str_of(p->rooms)))
		return command_wrong(call,
		    "--room is a room (1 to 64 of A-Za-z0-9._-), or a prefix with a * behind it, not '%s'", p->rooms);
	return 0;
}

/* 1: it is to be done. */
static int
ask(const struct call *call)
{
	int answer = command_given(call, "yes") ? 1 : say_ask("Delete them?");

	if (answer < 0)
		say_error("there is no terminal to ask at: nothing was deleted; say --yes if it is meant");
	else if (answer == 0)
		say_error("nothing was deleted");
	return answer;
}

/* Also what others have deleted: the index is written anew as a whole. */
static int
erase(const struct call *call, struct prune *p)
{
	int64_t texts;

	interrupt_catch();
	if (erase_run(p->database, call->database, &texts) != 0)
		return COMMAND_FAILED;
	say_out("erased from the files, with what else was deleted: %lld texts", (long long)texts);
	return COMMAND_DONE;
}

static int
prune(const struct call *call, struct prune *p)
{
	char when[MOMENT_SIZE];

	if (prune_count(p) != 0)
		return COMMAND_FAILED;
	moment_write(false, p->before_ms, when);
	if (command_given(call, "dry-run")) {
		say_out("would delete %lld of %lld messages: those of before %s", (long long)p->old, (long long)p->all,
		    when);
		return COMMAND_DONE;
	}
	if (p->old > 0) {
		say_note("This deletes %lld of %lld messages, those of before %s, for good.", (long long)p->old,
		    (long long)p->all, when);
		if (ask(call) <= 0)
			return COMMAND_FAILED;
		interrupt_catch();
	}
	if (prune_run(p) != 0) {
		say_error("%lld of %lld messages are deleted", (long long)p->deleted, (long long)p->old);
		return COMMAND_FAILED;
	}
	say_out("deleted %lld of %lld messages", (long long)p->deleted, (long long)p->all);
	return command_given(call, "erase") ? erase(call, p) : COMMAND_DONE;
}

static int
run_prune(const struct call *call)
{
	struct prune p = {.database = NULL};
	int result = read_options(call, &p);

	if (result != 0)
		return result;
	p.database = database_open(call->database);
	result = p.database == NULL ? COMMAND_FAILED : prune(call, &p);
	prune_fini(&p);
	database_close(p.database);
	return result;
}

static const struct command_option OPTIONS[] = {
    {"older-than", "TIME", "what was stored longer ago, 30d or 12h, or before a day, 2027-01-31"},
    {"room", "ROOM", "of this room only, or of all that begin so: ci-*"},
    {"erase", NULL, "then erase the words of all that was deleted from the files, and wait until that is done"},
    {"dry-run", NULL, "only say how many that are"},
    {"yes", NULL, "do not ask"},
    {NULL, NULL, NULL},
};

const struct command command_prune[] = {
    {"prune", "", 0, 0, "Deletes old messages, a few at a time, while longlined runs or not", OPTIONS, run_prune},
    {NULL, NULL, 0, 0, NULL, NULL, NULL},
};
