#include <stdlib.h>

#include "access_state.h"

bool
access_expiry_reserve(struct access *a)
{
	size_t cap = a->cap_expiry == 0 ? 64 : 2 * a->cap_expiry;
	struct access_entry **more;

	if (a->n_expiry < a->cap_expiry)
		return true;
	more = realloc(a->expiry, cap * sizeof(struct access_entry *));
	if (more == NULL)
		return false;
	a->expiry = more;
	a->cap_expiry = cap;
	return true;
}

static void
put(struct access *a, size_t at, struct access_entry *e)
{
	a->expiry[at] = e;
	e->expiry_at = at;
}

static bool
sooner(const struct access_entry *e, const struct access_entry *other)
{
	return e->pass.expires_ms < other->pass.expires_ms;
}

static void
move_up(struct access *a, struct access_entry *e)
{
	size_t at = e->expiry_at;

	for (; at > 0 && sooner(e, a->expiry[(at - 1) / 2]); at = (at - 1) / 2)
		put(a, at, a->expiry[(at - 1) / 2]);
	put(a, at, e);
}

static void
move_down(struct access *a, struct access_entry *e)
{
	size_t at = e->expiry_at, below;

	for (; (below = 2 * at + 1) < a->n_expiry; at = below) {
		if (below + 1 < a->n_expiry && sooner(a->expiry[below + 1], a->expiry[below]))
			below++;
		if (!sooner(a->expiry[below], e))
			break;
		put(a, at, a->expiry[below]);
	}
	put(a, at, e);
}

void
access_expiry_add(struct access *a, struct access_entry *e)
{
	put(a, a->n_expiry++, e);
	move_up(a, e);
}

void
access_expiry_moved(struct access *a, struct access_entry *e)
{
	move_up(a, e);
	move_down(a, e);
}

void
access_expiry_remove(struct access *a, struct access_entry *e)
{
	struct access_entry *last = a->expiry[--a->n_expiry];

	if (last == e)
		return;
	put(a, e->expiry_at, last);
	access_expiry_moved(a, last);
}

int64_t
access_expire(struct access *a, int64_t now_ms)
{
	a->now_ms = now_ms;
	for (int i = 0; a->n_expiry > 0 && a->expiry[0]->pass.expires_ms <= now_ms; i++) {
		if (i == ACCESS_EXPIRE_MAX)
			return 0;
		access_revoke(a->expiry[0]);
	}
	if (a->n_expiry == 0 || a->expiry[0]->pass.expires_ms == INT64_MAX)
		return -1;
	return a->expiry[0]->pass.expires_ms - now_ms;
}
