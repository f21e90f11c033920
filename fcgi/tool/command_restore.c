/* longline restore: a backup in the log's place. */
#include <limits.h>

#include "command.h"
#include "interrupt.h"
#include "restore.h"
#include "say.h"

static void
tell(const struct restore *r)
{
	if (r->new_messages > 0)
		say_note("%s has %lld messages, up to id %lld, the last of %s.", r->backup, (long long)r->new_messages,
		    (long long)r->new_head, r->last);
	else
		say_note("%s has no messages.", r->backup);
	if (r->there && !r->damaged && r->old_messages >= 0)
		say_note("It takes the place of %s, which has %lld messages, up to id %lld.", r->path,
		    (long long)r->old_messages, (long long)r->old_head);
	else if (r->there)
		say_note("It takes the place of %s, which cannot be read.", r->path);
	if (r->with_tokens)
		say_note("Tokens and grants become those of the backup: what was revoked since is let in again.");
	else
		say_note("Tokens and grants stay as they are now.");
	if (r->there && !r->keep)
		say_note("The log of now is not kept.");
}

static int
ask(const struct call *call)
{
	int answer = command_given(call, "yes") ? 1 : say_ask("Restore it?");

	if (answer < 0)
		say_error("there is no terminal to ask at: nothing was changed; say --yes if it is meant");
	else if (answer == 0)
		say_error("nothing was changed");
	return answer > 0 ? 0 : -1;
}

static int
restore(const struct call *call, struct restore *r)
{
	bool done = false;
	int result = restore_begin(r);

	if (result == 0) {
		tell(r);
		result = ask(call);
	}
	if (result == 0) {
		interrupt_catch();
		result = restore_run(r, &done);
	}
	restore_end(r);
	if (done) {
		say_note("It is restored; start longlined: its readers begin anew.");
		if (r->kept[0] != '\0')
			say_note("The log of before is %s.", r->kept);
	}
	if (done && result != 0)
		say_error("it is in its place, but might not be after a power cut");
	return result == 0 ? COMMAND_DONE : COMMAND_FAILED;
}

static int
run_restore(const struct call *call)
{
	struct restore r = {.backup = call->operands[0],
	    .database = call->database,
	    .with_tokens = command_given(call, "with-tokens"),
	    .keep = !command_given(call, "no-keep")};

	return restore(call, &r);
}

static const struct command_option OPTIONS[] = {
    {"with-tokens", NULL, "the backup's tokens and grants, too; without it those of now stay"},
    {"no-keep", NULL, "do not keep the log of now beside the new one"},
    {"yes", NULL, "do not ask"},
    {NULL, NULL, NULL},
};

const struct command command_restore[] = {
    {"restore", "FILE", 1, 1, "Puts a backup in the log's place, while longlined does not run", OPTIONS, run_restore},
    {NULL, NULL, 0, 0, NULL, NULL, NULL},
};
