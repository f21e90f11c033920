#include "closing.h"

#include <string.h>

#include "grants.h"
#include "say.h"

enum { ROWS_TOLD = 10 };

int
closing_closed(struct database *d, bool *closed)
{
	int64_t n;

	if (database_one(d, "SELECT count(*) FROM meta WHERE name = 'access' AND value = 'closed'", NULL, 0, 0, &n) !=
	    0)
		return -1;
	*closed = n > 0;
	return 0;
}

/* What the rows of one of them allow, in a line. */
static void
tell_rows(const struct grants *g, const char *who, const char *whom)
{
	struct buf line;
	size_t n = 0;

	buf_init(&line, 65536);
	for (size_t i = 0; i < g->n; i++)
		if (strcmp(g->rows[i].who, who) == 0 && n++ < ROWS_TOLD)
			buf_printf(&line, "%s%s in %s", n == 1 ? "" : ", ",
			    grants_words((unsigned)sight_read_may(str_of(g->rows[i].may))), g->rows[i].rooms);
	if (n > ROWS_TOLD)
		buf_printf(&line, " and %zu more", n - ROWS_TOLD);
	if (n > 0 && buf_ok(&line))
		say_note("  %s may %.*s", whom, STR_ARGS(buf_str(&line)));
	buf_fini(&line);
}

static bool
has_rows(const struct grants *g, const char *who)
{
	for (size_t i = 0; i < g->n; i++)
		if (strcmp(g->rows[i].who, who) == 0)
			return true;
	return false;
}

/* Those with rows of their own, as many as there is room for. */
static void
tell_ones(const struct grants *g)
{
	size_t told = 0;

	for (size_t i = 0; i < g->n && told < ROWS_TOLD; i++) {
		const char *who = g->rows[i].who;
		bool first = grants_whose(str_of(who)) == GRANTS_ONE;

		for (size_t j = 0; first && j < i; j++)
			first = strcmp(g->rows[j].who, who) != 0;
		if (first)
			tell_rows(g, who, who);
		told += first;
	}
	if (told == ROWS_TOLD)
		say_note("  and so on; longline grant list has all");
}

int
closing_tell(struct database *d)
{
	struct grants g;
	int result = grants_load(&g, d);

	if (result == 0) {
		tell_ones(&g);
		tell_rows(&g, "users", "users and tokens");
		tell_rows(&g, "anyone", "anyone");
		if (!has_rows(&g, "users") && !has_rows(&g, "anyone"))
			say_note("  nobody else may do anything; for all to go on reading:"
			         " longline grant set anyone '*' r");
		else
			say_note("  nobody may do anything else");
	}
	grants_fini(&g);
	return result;
}

/* Inside of the transaction that would close it. */
static int
tell_closing(struct database *d)
{
	int64_t rooms;

	if (database_one(d, "SELECT count(*) FROM rooms", NULL, 0, 0, &rooms) != 0)
		return COMMAND_FAILED;
	say_note("The log is open: everybody may read and write all its rooms (%lld). The first grant closes it:",
	    (long long)rooms);
	return closing_tell(d) == 0 ? COMMAND_DONE : COMMAND_FAILED;
}

static int
ask(void)
{
	int answer = say_ask("Close the log?");

	if (answer < 0)
		say_error("this closes the log, and there is no terminal to ask at: nothing was changed; "
		          "say --yes if it is meant");
	else if (answer == 0)
		say_error("nothing was changed");
	return answer > 0 ? COMMAND_DONE : COMMAND_FAILED;
}

enum leave { ASK, GIVEN, ANSWERED };

/* Once; *asking: it would close the log, and was undone. */
static int
attempt(struct database *d, enum leave leave, closing_fn *fn, void *ctx, bool *asking)
{
	bool before, after;
	int result;

	*asking = false;
	if (database_begin(d) != 0)
		return COMMAND_FAILED;
	result = closing_closed(d, &before) == 0 ? fn(ctx, d) : COMMAND_FAILED;
	if (result == COMMAND_DONE && closing_closed(d, &after) != 0)
		result = COMMAND_FAILED;
	if (result == COMMAND_DONE && after && !before && leave != ANSWERED) {
		result = tell_closing(d);
		*asking = result == COMMAND_DONE && leave == ASK;
	}
	if (result == COMMAND_DONE && !*asking && database_commit(d) != 0)
		result = COMMAND_FAILED;
	database_undo(d);
	return result;
}

int
closing_run(const struct call *call, struct database *d, closing_fn *fn, void *ctx)
{
	bool asking;
	int result = attempt(d, command_given(call, "yes") ? GIVEN : ASK, fn, ctx, &asking);

	if (result != COMMAND_DONE || !asking)
		return result;
	result = ask();
	return result == COMMAND_DONE ? attempt(d, ANSWERED, fn, ctx, &asking) : result;
}
