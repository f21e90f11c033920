#include "following.h"

#include <stdio.h>
#include <string.h>

#include "keeper.h"
#include "say.h"

/* A poll is held for so long; it may take a little longer, and its answer must come. */
enum { WAIT_S = 25, TRY_MS = 40000 };

/* Messages of an answer: as many as there may be, since the state is synced after each. */
enum { LIMIT = 1000 };

/* -1, said. */
static int
save(struct following *f)
{
	if (f->kept)
		return bookmark_save(&f->bookmark);
	f->bookmark.there = true;
	return 0;
}

/* Saves where it begins, before anything is handled: what comes while nobody reads is not missed. */
static int
begin(struct following *f, const struct answer *a, int64_t next)
{
	f->bookmark.next = next;
	f->bookmark.begun = 0;
	memcpy(f->bookmark.epoch, a->epoch, sizeof f->bookmark.epoch);
	if (f->command == NULL && f->kept && printer_place(&f->printer, &f->bookmark.out) != 0)
		return -1;
	return save(f);
}

static int
give_command(struct following *f, const struct told *t)
{
	struct bookmark *b = &f->bookmark;
	enum keeper_outcome outcome = KEEPER_FAILED;
	bool again = b->begun == t->id;
	int64_t delay_ms = 0;

	b->begun = t->id;
	if (!again && save(f) != 0)
		return COMMAND_FAILED;
	while (outcome == KEEPER_FAILED) {
		outcome = keeper_run(f->command, t, again, f->kept ? b : NULL);
		again = true;
		if (outcome == KEEPER_FAILED)
			asking_pause(&delay_ms, 0);
	}
	b->next = t->id;
	b->begun = 0;
	return outcome == KEEPER_DONE ? 0 : COMMAND_FAILED;
}

static int
give(struct following *f, struct str json)
{
	struct told told;
	int result = COMMAND_FAILED;

	if (told_read(&told, json) == 0) {
		if (f->command != NULL)
			result = give_command(f, &told);
		else if (printer_message(&f->printer, &told) == 0)
			result = 0;
	}
	told_fini(&told);
	return result;
}

/* After all messages of an answer. */
static int
go_on(struct following *f, const struct answer *a)
{
	bool moved = f->bookmark.next != a->next;

	if (f->command == NULL &&
	    (f->kept ? printer_place(&f->printer, &f->bookmark.out) : printer_flush(&f->printer)) != 0)
		return COMMAND_FAILED;
	f->bookmark.next = a->next;
	return (moved || a->n > 0) && save(f) != 0 ? COMMAND_FAILED : 0;
}

static int
take_reset(struct following *f)
{
	say_warning(
	    "the log of %s is another one now (restored, replaced or emptied): it is begun anew, as without a state",
	    f->asking.site->shown);
	f->bookmark.there = false;
	return 0;
}

static int
take(struct following *f, const struct answer *a)
{
	struct told first;
	int64_t next = a->next;
	int result = 0;

	if (a->reset)
		return take_reset(f);
	/* Who begins has missed nothing. */
	if (a->gap && f->bookmark.there && !f->gap_told)
		say_warning("messages were deleted before they could be told here");
	f->gap_told = a->gap && a->more;
	if (!f->bookmark.there) {
		if (a->n > 0) {
			result = told_read(&first, a->messages[0]);
			next = first.id - 1;
			told_fini(&first);
		}
		if (result != 0 || begin(f, a, next) != 0)
			return COMMAND_FAILED;
	}
	for (size_t i = 0; i < a->n && result == 0; i++)
		result = give(f, a->messages[i]);
	return result == 0 ? go_on(f, a) : result;
}

static int
ask(struct following *f, struct str *body)
{
	const struct bookmark *b = &f->bookmark;

	f->target.n = f->target_n;
	if (b->there)
		buf_printf(
		    &f->target, "since=%lld&epoch=%s&wait=%d&limit=%d", (long long)b->next, b->epoch, WAIT_S, LIMIT);
	else
		buf_printf(&f->target, "since=%s&wait=0&limit=%d", f->since, LIMIT);
	buf_add_char(&f->target, '\0');
	if (buf_ok(&f->target))
		return asking_get(&f->asking, f->target.p, TRY_MS, body);
	say_error("out of memory");
	return COMMAND_FAILED;
}

int
following_run(struct following *f)
{
	int result = 0;

	while (result == 0) {
		struct answer answer = {.n = 0};
		struct str body;

		result = ask(f, &body);
		if (result == 0 && answer_read(&answer, body) != 0)
			result = COMMAND_FAILED;
		if (result == 0 && (answer.next < 0 || answer.epoch[0] == '\0')) {
			say_error("the answer is no Longline's: it says no next, or no epoch");
			result = COMMAND_FAILED;
		}
		if (result == 0)
			result = take(f, &answer);
		answer_fini(&answer);
	}
	return result;
}
