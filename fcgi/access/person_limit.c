#include <assert.h>

#include "person_state.h"

enum { NS_PER_MS = 1000000 };

/* More than this is not owed, whatever somebody takes: 31 years. */
static const int64_t OWED_MAX_NS = INT64_C(1000000000000000000);

static const struct limit_value *
value_of(const struct persons *all, const struct person *p, enum limit l)
{
	return &all->limits.v[p->class][l];
}

bool
limit_is_off(const struct persons *all, const struct person *p, enum limit l)
{
	return value_of(all, p, l)->off || person_times(all, p) == 0;
}

/* What is owed of a bucket. */
static int64_t
owed(const struct person *p, enum limit l, int64_t now_ms)
{
	int64_t ns = p->full_ns[l] - now_ms * NS_PER_MS;

	return ns < 0 ? 0 : ns;
}

static void
owe(struct person *p, enum limit l, int64_t ns, int64_t now_ms)
{
	p->full_ns[l] = now_ms * NS_PER_MS + (ns < OWED_MAX_NS ? ns : OWED_MAX_NS);
}

bool
person_owes(const struct person *p, int64_t now_ms)
{
	for (enum limit l = 0; l < LIMIT_RATES; l++)
		if (owed(p, l, now_ms) > 0)
			return true;
	return false;
}

/* How long a bucket takes to be filled by so much. */
static int64_t
filling_ns(const struct limit_value *v, uint64_t amount, uint64_t times)
{
	double ns = (double)amount * 1e9 / (v->rate * (double)times);

	return ns < (double)OWED_MAX_NS ? (int64_t)ns : OWED_MAX_NS;
}

/* As limit_take(), without counting who is limited. */
static int64_t
take(struct persons *all, struct person *p, enum limit l, uint64_t amount, int64_t wait_max_ms, int64_t now_ms)
{
	const struct limit_value *v = value_of(all, p, l);
	uint64_t times = person_times(all, p);
	int64_t cost, room, wait_ms;

	if (v->off || times == 0)
		return 0;
	cost = filling_ns(v, amount, times);
	room = filling_ns(v, v->most, 1);
	wait_ms = (owed(p, l, now_ms) + (cost < room ? cost : room) - room + NS_PER_MS - 1) / NS_PER_MS;
	if (wait_ms > 0 && wait_ms > wait_max_ms)
		return -wait_ms;
	owe(p, l, owed(p, l, now_ms) + cost, now_ms);
	return wait_ms > 0 ? wait_ms : 0;
}

int64_t
limit_take(struct persons *all, struct person *p, enum limit l, uint64_t amount, int64_t wait_max_ms, int64_t now_ms)
{
	int64_t wait_ms = take(all, p, l, amount, wait_max_ms, now_ms);

	all->counts.limited[l] += wait_ms != 0;
	return wait_ms;
}

bool
limit_try(struct persons *all, struct person *p, enum limit l, uint64_t amount, int64_t now_ms)
{
	return take(all, p, l, amount, 0, now_ms) == 0;
}

void
limit_give_back(struct persons *all, struct person *p, enum limit l, uint64_t amount)
{
	const struct limit_value *v = value_of(all, p, l);
	uint64_t times = person_times(all, p);

	if (!v->off && times > 0)
		p->full_ns[l] -= filling_ns(v, amount, times);
}

void
limit_charge(struct persons *all, struct person *p, enum limit l, uint64_t amount, int64_t now_ms)
{
	const struct limit_value *v = value_of(all, p, l);
	uint64_t times = person_times(all, p);

	if (!v->off && times > 0)
		owe(p, l, owed(p, l, now_ms) + filling_ns(v, amount, times), now_ms);
}

/* ---- counts ---- */

bool
limit_enter(struct persons *all, struct person *p, enum limit l, uint64_t amount)
{
	const struct limit_value *v = value_of(all, p, l);
	uint64_t times = person_times(all, p), most = UINT32_MAX;
	uint32_t *count = &p->counts[l - LIMIT_RATES];

	if (times == 0)
		return true;
	if (!v->off && v->most < UINT32_MAX / times)
		most = v->most * times;
	/* There may be more than that already: the class has changed. */
	if (amount > most || *count > most - amount) {
		all->counts.limited[l]++;
		return false;
	}
	*count += (uint32_t)amount;
	return true;
}

void
limit_leave(struct persons *all, struct person *p, enum limit l, uint64_t amount)
{
	uint32_t *count = &p->counts[l - LIMIT_RATES];

	if (person_times(all, p) == 0)
		return;
	assert(*count >= amount);
	*count -= (uint32_t)amount;
}
