/* longline history: what there is, oldest first. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/date.h"
#include "paging.h"
#include "printer.h"
#include "rooms_option.h"
#include "say.h"
#include "store/message.h"

enum { NEWEST = 20 };

/* The 00:00 of a day in this machine's zone, in ms since 1970 UTC; false: there is no such day. */
static bool
local_day(struct str text, int64_t *at_ms)
{
	struct tm parts = {.tm_isdst = -1};
	char day[16];
	time_t at;

	if (!date_day(text, 0, at_ms))
		return false;
	snprintf(day, sizeof day, "%.*s", STR_ARGS(text));
	if (strptime(day, "%Y-%m-%d", &parts) == NULL)
		return false;
	parts.tm_isdst = -1;
	at = mktime(&parts);
	*at_ms = (int64_t)at * 1000;
	return at != (time_t)-1;
}

/* --from or --until, as a parameter. */
static int
add_moment(const struct call *call, struct buf *target, const char *name)
{
	const char *text = command_value(call, name);
	char moment[MESSAGE_TIME_SIZE];
	int64_t at_ms;

	if (text == NULL)
		return 0;
	if (!local_day(str_of(text), &at_ms) && !date_moment(str_of(text), 0, &at_ms))
		return command_wrong(
		    call, "--%s is a day like 2027-01-31 or a time like 2027-01-31T12:00:00Z, not '%s'", name, text);
	message_time(at_ms, moment);
	http_add_parameter(target, name, str_of(moment));
	return 0;
}

static int
read_count(struct paging *p, const struct call *call)
{
	const char *text = command_value(call, "n");

	p->count = NEWEST;
	p->all = text == NULL ? command_given(call, "from") : strcmp(text, "all") == 0;
	if (text != NULL && !p->all && !str_uint(str_of(text), (uint64_t)MESSAGE_ID_MAX, &p->count))
		return command_wrong(call, "-n is a number or all, not '%s'", text);
	return 0;
}

static int
read_options(struct paging *p, const struct call *call, bool *rooms)
{
	const char *q = command_value(call, "q"), *sender = command_value(call, "sender");
	int result;

	buf_add(&p->target, STR("/history"));
	if ((result = read_count(p, call)) != 0 || (result = rooms_option_add(call, &p->target, rooms)) != 0 ||
	    (result = add_moment(call, &p->target, "from")) != 0 ||
	    (result = add_moment(call, &p->target, "until")) != 0)
		return result;
	p->search = q != NULL;
	if (q != NULL)
		http_add_parameter(&p->target, "q", str_of(q));
	if (sender != NULL)
		http_add_parameter(&p->target, "sender", str_of(sender));
	if (p->target.n == sizeof "/history" - 1)
		http_add_parameter(&p->target, "room", STR("main"));
	return 0;
}

static int
print(void *ctx, const struct told *t)
{
	return printer_message(ctx, t) == 0 ? 0 : COMMAND_FAILED;
}

static int
run_history(const struct call *call)
{
	struct asking asking = {.telling = false};
	struct printer printer;
	struct paging paging = {.asking = &asking, .fn = print, .ctx = &printer};
	struct site site = {.url = NULL};
	bool rooms = false;
	int result;

	buf_init(&paging.target, 65536);
	result = read_options(&paging, call, &rooms);
	printer_init(&printer, command_given(call, "json"), rooms);
	if (result == 0)
		result = asking_read_timeout(&asking, call);
	if (result == 0)
		result = asking_open(&asking, &site, call);
	if (result == 0)
		result = paging_run(&paging);
	if (printer_flush(&printer) != 0 && result == 0)
		result = COMMAND_FAILED;
	printer_fini(&printer);
	asking_close(&asking, &site);
	buf_fini(&paging.target);
	return result;
}

static const struct command_option OPTIONS[] = {
    {"r", "ROOM...", "a room, or * for all; may be repeated (main)"},
    {"n", "N", "the newest N of them, or all (20; all with --from)"},
    {"q", "WORDS", "only with these words, \"phrases\" and wor*, with one OR two, and without -these"},
    {"from", "TIME", "not before: 2027-01-31 here, or 2027-01-31T12:00:00Z"},
    {"until", "TIME", "before this time"},
    {"sender", "NAME", "only of this sender; empty: of none"},
    {"json", NULL, "prints each message as JSON, on a line of its own"},
    {"timeout", "SECONDS", "how long it tries again where a page fails (60)"},
    SITE_OPTIONS,
    {NULL, NULL, NULL},
};

const struct command command_history[] = {
    {"history", "", 0, 0, "Prints messages that there are, oldest first; finds words in them", OPTIONS, run_history},
    {NULL, NULL, 0, 0, NULL, NULL, NULL},
};
