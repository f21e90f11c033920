#include "rebuild.h"

#include "base/clock.h"
#include "base/log.h"

enum {
	RESTS = 64, /* times a piece, while others send; a quarter of it after each step */
	RESTS_LEAST = 4,
	STEP_MS = 10 * 60 * 1000,
	REST_LEAST_MS = 2,
	REST_MOST_MS = 1000,
	BUSY_MS = 50, /* another program has the lock */
	FAILED_MS = 1000,
	NO_ROOM_MS = 5000,
};

static void
on_timer(void *ctx, struct timer *t)
{
	struct rebuild *r = ctx;

	(void)t;
	r->rests = false;
}

static void
rest(struct rebuild *r, int64_t ms)
{
	r->rests = true;
	loop_timer_set(r->loop, &r->timer, r->timer_kind, ms);
}

void
rebuild_init(struct rebuild *r, struct loop *loop)
{
	*r = (struct rebuild){.loop = loop};
	r->timer_kind = loop_timer_kind(loop, on_timer, r);
}

void
rebuild_fini(struct rebuild *r)
{
	loop_timer_clear(r->loop, &r->timer);
}

bool
rebuild_due(const struct rebuild *r, bool busy)
{
	return r->due && !r->rests && !(busy && r->last);
}

static void
put_off(struct rebuild *r, const char *why)
{
	if (!r->put_off)
		log_warning("index", "detail=\"it is not made anew: that would %s\"", why);
	r->put_off = true;
	rest(r, NO_ROOM_MS);
}

void
rebuild_put_off(struct rebuild *r)
{
	put_off(r, "leave too little room on the disk (disk-free-min)");
}

void
rebuild_told(struct rebuild *r, const struct store_news *news)
{
	r->last = false;
	if (news->reset) {
		r->due = false;
		r->left = 0;
	}
}

void
rebuild_filled(struct rebuild *r, const struct store_news *news)
{
	if (!r->due)
		r->began_ms = clock_ms();
	r->due = news->rebuilding;
	r->left = news->rebuild_left;
}

void
rebuild_ended(struct rebuild *r, enum store_status status, const struct store_news *news, bool rested)
{
	int64_t step = (clock_ms() - r->began_ms) / STEP_MS, rests = step < 3 ? RESTS >> 2 * step : RESTS_LEAST;
	int64_t ms = news->took_us * (rested ? 1 : rests < RESTS_LEAST ? RESTS_LEAST : rests) / 1000;

	r->last = true;
	if (status == STORE_OK && news->rebuild_short) {
		put_off(r, "make the database larger than it may be (database-max)");
		return;
	}
	r->put_off = false;
	if (status != STORE_OK) {
		rest(r, status == STORE_BUSY ? BUSY_MS : FAILED_MS);
		return;
	}
	if (news->reset || news->more)
		return;
	if (r->left > 0 && news->rebuild_left == 0)
		log_info("index", "detail=\"it is made anew; the old one goes\"");
	r->left = news->rebuild_left;
	r->due = news->rebuilding;
	if (r->due)
		rest(r, ms < REST_LEAST_MS ? REST_LEAST_MS : ms > REST_MOST_MS ? REST_MOST_MS : ms);
}
