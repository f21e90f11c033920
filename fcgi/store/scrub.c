#include "scrub.h"

#include "base/clock.h"
#include "base/log.h"

enum {
	RESTS = 64, /* times a piece, at first; a quarter of it after each step */
	STEP_MS = 60000,
	REST_LEAST_MS = 5,
	REST_MOST_MS = 500,
	LATE_MS = 3 * STEP_MS, /* then it rests as long as a piece, and takes its turn under load, too */
	BUSY_MS = 50,          /* another program has the lock */
	WAL_AGAIN_MS = 500,    /* another program reads */
	FAILED_MS = 30000,
};

static void
set_timer(struct scrub *s, int64_t ms)
{
	loop_timer_set(s->loop, &s->timer, s->timer_kind, ms);
}

static void
rest(struct scrub *s, int64_t ms)
{
	s->rests = true;
	set_timer(s, ms);
}

static void
begin(struct scrub *s)
{
	s->state = SCRUB_PIECES;
	s->rests = false;
	s->began_ms = clock_ms();
}

static void
wait_for(struct scrub *s, int64_t ms)
{
	if (ms <= 0) {
		begin(s);
		return;
	}
	s->state = SCRUB_WAITING;
	set_timer(s, ms);
}

static void
on_timer(void *ctx, struct timer *t)
{
	struct scrub *s = ctx;

	(void)t;
	if (s->state == SCRUB_WAITING)
		begin(s);
	s->rests = false;
}

void
scrub_init(struct scrub *s, struct loop *loop, int64_t after_ms)
{
	*s = (struct scrub){.loop = loop, .after_ms = after_ms, .state = SCRUB_CLEAN};
	s->timer_kind = loop_timer_kind(loop, on_timer, s);
}

void
scrub_fini(struct scrub *s)
{
	loop_timer_clear(s->loop, &s->timer);
}

static bool
late(const struct scrub *s)
{
	return s->asked || clock_ms() - s->began_ms >= LATE_MS;
}

enum scrub_due
scrub_due(const struct scrub *s, bool busy)
{
	if ((s->state != SCRUB_PIECES && s->state != SCRUB_EMPTYING) || s->rests)
		return SCRUB_NOTHING;
	if (busy && (s->last || !late(s)))
		return SCRUB_NOTHING;
	return s->state == SCRUB_PIECES ? SCRUB_PIECE : SCRUB_WAL;
}

/* Somebody waits for what was deleted so far to be erased. What is known of it has begun or waits to begin. */
static void
ask(struct scrub *s)
{
	s->asked = s->state != SCRUB_CLEAN || !s->known;
	if (s->state == SCRUB_WAITING) {
		loop_timer_clear(s->loop, &s->timer);
		begin(s);
	} else if (s->rests)
		rest(s, REST_LEAST_MS);
}

void
scrub_told(struct scrub *s, const struct store_news *news)
{
	s->last = false;
	if (news->reset) {
		/* Another log: what it has left is not known. */
		loop_timer_clear(s->loop, &s->timer);
		s->state = SCRUB_CLEAN;
		s->left = 0;
		s->known = s->rests = s->asked = false;
		return;
	}
	/* Until the index has taken their notes it is not known how many. */
	if (news->n_changes > 0 && s->left == 0)
		s->left = (int64_t)news->n_changes;
	if (news->n_changes > 0 && s->state == SCRUB_CLEAN)
		wait_for(s, s->after_ms);
	if (news->erase_now)
		ask(s);
}

void
scrub_filled(struct scrub *s, const struct store_news *news)
{
	bool first = !s->known;

	s->known = true;
	s->left = news->erasing;
	if (s->left == 0 && s->state == SCRUB_CLEAN)
		s->asked = false;
	if (s->left > 0 && (s->state == SCRUB_CLEAN || (first && s->state == SCRUB_WAITING)))
		wait_for(s, first ? 0 : s->after_ms);
}

void
scrub_piece_ended(struct scrub *s, enum store_status status, const struct store_news *news)
{
	int64_t step = (clock_ms() - s->began_ms) / STEP_MS;
	int64_t rest_ms = news->took_us * (late(s) ? 1 : RESTS >> 2 * step) / 1000;

	if (news->reset || s->state != SCRUB_PIECES)
		return;
	s->last = true;
	if (status != STORE_OK) {
		rest(s, status == STORE_BUSY ? BUSY_MS : FAILED_MS);
		return;
	}
	if (news->more)
		return;
	s->left = news->erasing;
	if (news->scrubbed)
		s->state = SCRUB_EMPTYING;
	rest(s, rest_ms < REST_LEAST_MS ? REST_LEAST_MS : rest_ms > REST_MOST_MS ? REST_MOST_MS : rest_ms);
}

void
scrub_wal_ended(struct scrub *s, enum store_status status, const struct store_news *news)
{
	int64_t took_ms = clock_ms() - s->began_ms;

	s->last = true;
	if (status == STORE_BUSY) {
		rest(s, WAL_AGAIN_MS);
		return;
	}
	if (status != STORE_OK) {
		s->state = SCRUB_PIECES;
		rest(s, FAILED_MS);
		return;
	}
	if (!news->scrubbed) {
		s->state = SCRUB_PIECES;
		rest(s, REST_LEAST_MS);
		return;
	}
	log_info("erased", "deletions=%lld seconds=%lld.%03lld", (long long)news->erased, (long long)took_ms / 1000,
	    (long long)took_ms % 1000);
	s->state = SCRUB_CLEAN;
	s->left = news->erasing;
	/* What was deleted meanwhile has waited since the scrub began, at the most. */
	if (s->left > 0)
		wait_for(s, s->asked ? 0 : s->after_ms - took_ms);
	else
		s->asked = false;
}

int64_t
scrub_left(const struct scrub *s)
{
	return s->left;
}
