#include "pruning.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "event/loop.h"

enum {
	REST_MS = 8,    /* between two pieces while sends come, */
	REST_TIMES = 4, /* and so many times what a piece took: the processor may be others', too */
	BUSY_MS = 50,
	FAILED_MS = 1000,
};

struct pruning {
	struct loop *loop;
	const struct keep *keep;
	struct store_prune piece; /* the writer's thread's while a piece runs */
	bool due;
	bool said; /* how much would be deleted */
	int64_t began_ms;
	int64_t took_us; /* the last piece */
	int64_t counted; /* of the run's deleted messages */
	struct timer timer;
	uint8_t timer_kind;
	struct pruning_counts counts;
};

static void
on_timer(void *ctx, struct timer *t)
{
	struct pruning *p = ctx;

	(void)t;
	p->due = true;
}

static void
wait_for(struct pruning *p, int64_t ms)
{
	p->due = false;
	loop_timer_set(p->loop, &p->timer, p->timer_kind, ms);
}

static void
begin_run(struct pruning *p)
{
	p->piece = (struct store_prune){.keep = p->keep};
	p->counted = 0;
}

struct pruning *
pruning_new(struct loop *loop, const struct keep *keep)
{
	struct pruning *p = calloc(1, sizeof *p);

	if (p == NULL)
		return NULL;
	p->loop = loop;
	p->keep = keep;
	p->timer_kind = loop_timer_kind(loop, on_timer, p);
	p->counts.oldest_at_ms = INT64_MAX;
	p->due = true;
	begin_run(p);
	return p;
}

void
pruning_free(struct pruning *p)
{
	if (p == NULL)
		return;
	loop_timer_clear(p->loop, &p->timer);
	free(p);
}

bool
pruning_due(const struct pruning *p)
{
	return p != NULL && p->due;
}

enum store_status
pruning_run(struct pruning *p, struct store *writer, int64_t floor, struct store_news *news)
{
	int64_t began_us = clock_us();
	enum store_status status;

	if (p->piece.step == STORE_PRUNE_LOOK)
		p->began_ms = clock_ms();
	status = store_prune(writer, &p->piece, floor, news);
	p->took_us = clock_us() - began_us;
	return status;
}

/* Nothing is deleted yet: the rules are new. Returns ms until it may be. */
static int64_t
say_wait(struct pruning *p)
{
	const struct store_prune *run = &p->piece;
	int64_t left_ms = run->begins_ms - run->now_ms;

	if (left_ms <= 0)
		return 0;
	if (run->changed || !p->said)
		log_info("keep",
		    "detail=\"what is kept has changed: would delete %lld of %lld messages, and begins in %lld s\"",
		    (long long)run->due, (long long)run->of, (long long)(left_ms + 999) / 1000);
	p->said = true;
	return left_ms < p->keep->every_ms ? left_ms : p->keep->every_ms;
}

static void
end_run(struct pruning *p)
{
	const struct store_prune *run = &p->piece;
	int64_t wait_ms = say_wait(p);

	if (run->deleted > 0)
		log_info("pruned", "messages=%lld rooms=%lld seconds=%.1f", (long long)run->deleted,
		    (long long)run->rooms, (double)(clock_ms() - p->began_ms) / 1000);
	wait_for(p, wait_ms > 0 ? wait_ms : p->keep->every_ms);
	begin_run(p);
}

/* What is known by now goes into the counts. */
static void
count(struct pruning *p)
{
	const struct store_prune *run = &p->piece;
	bool counted = run->step >= STORE_PRUNE_DELETE;

	p->counts.pruned += (uint64_t)(run->deleted - p->counted);
	p->counted = run->deleted;
	if (!counted)
		return;
	p->counts.pending = run->due > run->deleted ? run->due - run->deleted : 0;
	p->counts.oldest_at_ms = run->oldest_at_ms;
	if (run->step == STORE_PRUNE_ENDED && run->deleted > 0)
		p->counts.gone = run->gone;
}

void
pruning_ended(struct pruning *p, enum store_status status, bool rested)
{
	count(p);
	if (status != STORE_OK)
		wait_for(p, status == STORE_BUSY ? BUSY_MS : FAILED_MS);
	else if (p->piece.step == STORE_PRUNE_ENDED)
		end_run(p);
	else if (!rested)
		wait_for(p, REST_MS + REST_TIMES * p->took_us / 1000);
}

void
pruning_reset(struct pruning *p)
{
	if (p == NULL)
		return;
	p->said = false;
	p->due = true;
	p->counts = (struct pruning_counts){.pruned = p->counts.pruned, .oldest_at_ms = INT64_MAX};
	begin_run(p);
}

struct pruning_counts
pruning_counts(const struct pruning *p)
{
	return p == NULL ? (struct pruning_counts){.oldest_at_ms = INT64_MAX} : p->counts;
}
