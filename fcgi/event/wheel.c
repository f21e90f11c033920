#include "wheel.h"

#include "base/clock.h"

enum { STEP_MS = 4 };

void
wheel_init(struct wheel *w)
{
	w->start_ms = clock_ms();
	for (int i = 0; i < WHEEL_SLOTS; i++)
		TAILQ_INIT(&w->slots[i]);
}

static uint32_t
step_now(const struct wheel *w)
{
	return (uint32_t)((clock_ms() - w->start_ms) / STEP_MS);
}

void
wheel_set(struct wheel *w, struct timer *t, int64_t wait_ms)
{
	uint32_t slot;

	wheel_clear(w, t);
	if (wait_ms < 0)
		wait_ms = 0;
	/* Rounded up, and one more because this step has begun already: never early. */
	t->due = step_now(w) + (uint32_t)((wait_ms + STEP_MS - 1) / STEP_MS) + 1;
	t->set = true;
	slot = t->due % WHEEL_SLOTS;
	TAILQ_INSERT_TAIL(&w->slots[slot], t, link);
	w->occupied[slot / 64] |= UINT64_C(1) << slot % 64;
}

void
wheel_clear(struct wheel *w, struct timer *t)
{
	uint32_t slot = t->due % WHEEL_SLOTS;

	if (!t->set)
		return;
	t->set = false;
	TAILQ_REMOVE(&w->slots[slot], t, link);
	if (TAILQ_EMPTY(&w->slots[slot]))
		w->occupied[slot / 64] &= ~(UINT64_C(1) << slot % 64);
}

/* The timers of one slot that are due; a timer's function may set and clear any timer, so the list is begun again. */
static void
fire_slot(struct wheel *w, uint32_t slot, uint32_t now, wheel_fire_fn *fn, void *ctx)
{
	struct timers later = TAILQ_HEAD_INITIALIZER(later);
	struct timer *t;

	while ((t = TAILQ_FIRST(&w->slots[slot])) != NULL) {
		if ((int32_t)(t->due - now) > 0) {
			TAILQ_REMOVE(&w->slots[slot], t, link);
			TAILQ_INSERT_TAIL(&later, t, link);
			continue;
		}
		/* What waits for a later round must be in its slot again while a function runs. */
		TAILQ_CONCAT(&w->slots[slot], &later, link);
		wheel_clear(w, t);
		fn(ctx, t);
	}
	TAILQ_CONCAT(&w->slots[slot], &later, link);
}

void
wheel_fire(struct wheel *w, wheel_fire_fn *fn, void *ctx)
{
	uint32_t now = step_now(w), behind = now - w->step;

	if (behind > WHEEL_SLOTS)
		behind = WHEEL_SLOTS;
	for (uint32_t step = now - behind + 1; behind > 0; behind--, step++) {
		uint32_t slot = step % WHEEL_SLOTS;

		if (w->occupied[slot / 64] >> slot % 64 & 1)
			fire_slot(w, slot, now, fn, ctx);
	}
	w->step = now;
}

/* Milliseconds until the next occupied slot, -1 when there is none. */
int
wheel_wait_ms(const struct wheel *w)
{
	uint32_t first = (w->step + 1) % WHEEL_SLOTS;

	for (uint32_t i = 0; i <= (WHEEL_SLOTS / 64); i++) {
		uint32_t word = (first / 64 + i) % (WHEEL_SLOTS / 64);
		uint64_t bits = w->occupied[word];

		if (i == 0)
			bits &= ~UINT64_C(0) << first % 64;
		else if (i == (WHEEL_SLOTS / 64))
			bits &= ~(~UINT64_C(0) << first % 64);
		if (bits != 0) {
			uint32_t slot = word * 64 + (uint32_t)__builtin_ctzll(bits);
			uint32_t step = w->step + 1 + (slot + WHEEL_SLOTS - first) % WHEEL_SLOTS;
			int64_t now = clock_ms() - w->start_ms;
			/* Steps are told apart by their difference: in 199 days they begin anew. */
			int32_t steps = (int32_t)(step - (uint32_t)(now / STEP_MS));

			return steps <= 0 ? 0 : (int)(steps * STEP_MS - now % STEP_MS);
		}
	}
	return -1;
}
