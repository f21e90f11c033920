#include "signs.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "event/loop.h"
#include "event/watch.h"
#include "walindex.h"

enum {
	LOOK_STEP_MS = 16,   /* between looks, after the first few */
	LOOK_FOR_MS = 5000,  /* after the last sign that somebody writes */
	LOOK_BLIND_MS = 25,  /* where no sign is to be had */
	LOOK_AGAIN_MS = 500, /* after one that failed, when nothing else asks for it */
	OWN_SIGN_MS = 3,     /* after a commit of ours a sign is most likely of it */
};

struct signs {
	struct loop *loop;
	struct watch *watch; /* NULL: no sign is to be had */
	int64_t last_ms;     /* of the last sign */
	int64_t own_ms;      /* of the writer's last commit */

	/* When to look: */
	bool due;
	int64_t step_ms;
	struct timer timer;
	uint8_t timer_kind;

	/* What the writer knows: */
	struct walindex walindex;
	uint32_t seen;         /* the walindex' counter, for what was told */
	bool unsure;           /* do not trust the walindex: a file was replaced, or the last look failed */
	unsigned files;        /* how often something but the write-ahead log was written or replaced */
	unsigned files_before; /* and how often when the job under way began */
};

static void
look_in(struct signs *s, int64_t ms)
{
	loop_timer_set(s->loop, &s->timer, s->timer_kind, ms);
}

/* When to look again: soon after a sign of writing, then every now and then, then not at all. */
static void
plan(struct signs *s)
{
	if (s->watch == NULL)
		look_in(s, LOOK_BLIND_MS);
	else if (clock_ms() - s->last_ms < LOOK_FOR_MS) {
		s->step_ms = s->step_ms >= LOOK_STEP_MS ? LOOK_STEP_MS : s->step_ms * 2 + 1;
		look_in(s, s->step_ms);
	} else if (s->unsure)
		look_in(s, LOOK_AGAIN_MS);
}

/* Somebody writes: another program, or the writer itself, whose batches look as well. */
static void
on_sign(void *ctx, bool wal_only)
{
	struct signs *s = ctx;

	if (!wal_only) {
		s->unsure = true;
		s->files++;
	}
	s->last_ms = clock_ms();
	s->step_ms = 1;
	if (s->last_ms - s->own_ms < OWN_SIGN_MS)
		look_in(s, 1);
	else
		s->due = true;
}

static void
on_timer(void *ctx, struct timer *t)
{
	struct signs *s = ctx;

	(void)t;
	s->due = true;
}

struct signs *
signs_new(struct loop *loop, const char *path)
{
	struct signs *s = calloc(1, sizeof *s);

	if (s == NULL)
		return NULL;
	s->loop = loop;
	s->timer_kind = loop_timer_kind(loop, on_timer, s);
	walindex_init(&s->walindex, path);
	s->watch = watch_new(loop, path, on_sign, s);
	if (s->watch == NULL)
		log_warning("no_inotify", "detail=\"the database is looked at every %d ms instead\"", LOOK_BLIND_MS);
	s->due = s->unsure = true;
	return s;
}

void
signs_free(struct signs *s)
{
	if (s == NULL)
		return;
	watch_free(s->watch);
	loop_timer_clear(s->loop, &s->timer);
	/* walindex stays open: readers may still hold locks on its file. */
	free(s);
}

void
signs_job_begins(struct signs *s, bool looks)
{
	s->files_before = s->files;
	if (s->watch != NULL)
		watch_rest(s->watch, true);
	if (looks)
		s->due = false;
}

void
signs_job_ended(struct signs *s, const struct store_news *news)
{
	if (s->watch != NULL)
		watch_rest(s->watch, false);
	if (news->reset) {
		walindex_refresh(&s->walindex);
		s->seen = 0;
	}
	if (news->seen != 0)
		s->seen = news->seen;
	if (news->wal_pages > 0)
		s->own_ms = clock_ms();
	s->due = s->due || news->more;
}

void
signs_looked(struct signs *s, bool told)
{
	s->unsure = !told || (s->unsure && s->files != s->files_before);
	plan(s);
}

bool
signs_look_due(struct signs *s)
{
	uint32_t changes;

	if (!s->due || s->watch == NULL || s->unsure)
		return s->due;
	/* Asking the walindex costs a fiftieth of looking. */
	changes = walindex_changes(&s->walindex);
	if (changes == 0 || changes != s->seen)
		return true;
	s->due = false;
	plan(s);
	return false;
}

bool
signs_current(struct signs *s)
{
	uint32_t changes = walindex_changes(&s->walindex);

	return changes == 0 || changes == s->seen;
}
