/* longline import: an export put into a log. */
#include "command.h"
#include "import.h"
#include "interrupt.h"
#include "say.h"

static void
tell_dry_run(const struct import *m)
{
	say_out("would import %lld messages with %lld attachments", (long long)m->messages, (long long)m->attachments);
	if (m->done)
		say_out("all of them were imported before: it would do nothing");
	else if (m->begun)
		say_out("%lld of them were imported before: it would go on there", (long long)m->before);
	else if (m->kept)
		say_out("ids would be kept: the log never had a message");
	else
		say_out("ids would be new ones, above %lld", (long long)m->log_head);
}

static int
run(struct import *m)
{
	if (import_run(m) != 0) {
		say_note("%lld of %lld messages are imported; done again, it goes on there.", (long long)m->before,
		    (long long)m->messages);
		return COMMAND_FAILED;
	}
	say_out("imported %lld of %lld messages%s", (long long)m->stored, (long long)m->messages,
	    m->kept ? ", with their ids" : "");
	if (m->there > 0)
		say_out("%lld were there already", (long long)m->there);
	return COMMAND_DONE;
}

static int
import(const struct call *call, struct import *m)
{
	if (import_check(m) != 0) {
		say_note("Nothing was imported.");
		return COMMAND_FAILED;
	}
	if (import_look(m) != 0)
		return COMMAND_FAILED;
	if (command_given(call, "dry-run")) {
		tell_dry_run(m);
		return COMMAND_DONE;
	}
	if (!m->done)
		return run(m);
	say_out("all %lld messages were imported before", (long long)m->messages);
	return COMMAND_DONE;
}

static int
run_import(const struct call *call)
{
	struct import m = {.messages = 0};
	int result = COMMAND_FAILED;

	interrupt_catch();
	m.database = database_open(call->database);
	if (m.database != NULL && import_file_open(&m.file, call->operands[0]) == 0)
		result = import(call, &m);
	if (m.database != NULL)
		import_file_close(&m.file);
	import_fini(&m);
	database_close(m.database);
	return result;
}

static const struct command_option OPTIONS[] = {
    {"dry-run", NULL, "only look whether the file is good, and say what would be done"}, {NULL, NULL, NULL}};

const struct command command_import[] = {
    {"import", "FILE", 1, 1, "Puts an export into the log, while longlined runs or not", OPTIONS, run_import},
    {NULL, NULL, 0, 0, NULL, NULL, NULL},
};
