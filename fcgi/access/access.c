#include "access.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "access_state.h"
#include "base/log.h"

/* There are no rows yet. */
static bool
init_rows(struct access *a)
{
	struct store_access *none = calloc(1, sizeof *none);

	if (none != NULL && access_rows_make(&a->rows, a->sights, none) == 0)
		return true;
	store_access_free(none);
	return false;
}

/* What there is without rows; false without memory. */
static bool
init(struct access *a)
{
	TAILQ_INIT(&a->idle);
	a->sights = sights_new();
	if (a->sights == NULL || table_init(&a->passes, access_pass_name) < 0)
		return false;
	a->nothing = sight_get(a->sights, NULL, 0);
	a->open = sight_get_all(a->sights, MAY_READ | MAY_WRITE);
	a->whole = sight_get_all(a->sights, MAY_READ | MAY_WRITE | MAY_MODERATE);
	return a->nothing != NULL && a->open != NULL && a->whole != NULL && init_rows(a);
}

struct access *
access_new(const struct access_options *options)
{
	struct access *a = calloc(1, sizeof *a);

	if (a == NULL)
		return NULL;
	a->options = *options;
	if (init(a))
		return a;
	access_free(a);
	return NULL;
}

void
access_free(struct access *a)
{
	if (a == NULL)
		return;
	while (!TAILQ_EMPTY(&a->idle))
		access_revoke(TAILQ_FIRST(&a->idle));
	assert(a->passes.n == 0);
	access_rows_fini(&a->rows);
	sight_drop(a->nothing);
	sight_drop(a->open);
	sight_drop(a->whole);
	table_fini(&a->passes);
	sights_free(a->sights);
	free(a->expiry);
	explicit_bzero(&a->keys, sizeof a->keys);
	free(a);
}

static void
lose(void *ctx, struct table_entry *e)
{
	struct access_entry *entry = CONTAINER(e, struct access_entry, entry);

	(void)ctx;
	entry->pass.lost = true;
	access_revoke(entry);
}

struct update {
	struct access_rows *rows;
	bool failed;
};

static void
update(void *ctx, struct table_entry *e)
{
	struct update *u = ctx;

	if (!u->failed)
		u->failed = !access_update(CONTAINER(e, struct access_entry, entry), u->rows);
}

static bool
update_all(struct access *a, struct access_rows *rows)
{
	struct update u = {.rows = rows};

	table_each(&a->passes, update, &u);
	return !u.failed;
}

int
access_set(struct access *a, struct store_access *rows)
{
	struct access_rows now;
	bool made = access_rows_make(&now, a->sights, rows) == 0;

	a->broken = !made || !update_all(a, &now);
	if (a->broken) {
		table_each(&a->passes, lose, NULL);
		if (made) {
			now.rows = NULL;
			access_rows_fini(&now);
		}
		return -1;
	}
	access_rows_hand_over(&a->rows, &now);
	access_rows_fini(&a->rows);
	a->rows = now;
	TAILQ_INIT(&a->rows.used);
	TAILQ_CONCAT(&a->rows.used, &now.used, link);
	if (rows->refused && rows->closed)
		log_error("access_refused",
		    "detail=\"nobody may do anything: there are more than %d grants, or more than %d tokens\"",
		    STORE_GRANTS_MAX, STORE_TOKENS_MAX);
	return 0;
}

int64_t
access_version(const struct access *a)
{
	return a->rows.rows->version;
}

bool
access_closed(const struct access *a)
{
	return a->rows.rows->closed;
}

/* Where each key stands among others; JWT_KEYS_MAX: nowhere. */
struct moved_keys {
	size_t to[JWT_KEYS_MAX];
};

static struct moved_keys
move_keys(const struct jwt_keys *from, const struct jwt_keys *to)
{
	struct moved_keys moved;

	for (size_t i = 0; i < from->n; i++) {
		moved.to[i] = JWT_KEYS_MAX;
		for (size_t j = 0; j < to->n; j++)
			if (from->v[i].n == to->v[j].n && token_same(from->v[i].bytes, to->v[j].bytes, to->v[j].n))
				moved.to[i] = j;
	}
	return moved;
}

static void
move_key(void *ctx, struct table_entry *e)
{
	struct access_entry *entry = CONTAINER(e, struct access_entry, entry);
	const struct moved_keys *moved = ctx;

	if (entry->pass.kind != PASS_JWT)
		return;
	entry->key = moved->to[entry->key];
	if (entry->key == JWT_KEYS_MAX)
		access_revoke(entry);
}

int
access_read_keys(struct access *a, const char *const *files, size_t n, char error[STORE_ERROR_SIZE])
{
	struct jwt_keys now;
	struct moved_keys moved;

	if (jwt_keys_read(&now, files, n, error) < 0)
		return -1;
	moved = move_keys(&a->keys, &now);
	table_each(&a->passes, move_key, &moved);
	a->keys = now;
	explicit_bzero(&now, sizeof now);
	return 0;
}

uint64_t
access_changes(const struct access *a)
{
	return a->changes;
}

bool
access_next_used(struct access *a, char name[MESSAGE_SENDER_MAX + 1], int64_t *at_ms)
{
	struct access_token *t = TAILQ_FIRST(&a->rows.used);

	if (t == NULL)
		return false;
	TAILQ_REMOVE(&a->rows.used, t, link);
	t->waits = false;
	memcpy(name, t->row->name, MESSAGE_SENDER_MAX + 1);
	*at_ms = t->used_ms;
	return true;
}

struct access_counts
access_counts(const struct access *a)
{
	struct access_counts counts = a->counts;

	counts.tokens = a->rows.n_tokens;
	counts.grants = a->rows.rows->n_grants;
	counts.passes = a->passes.n;
	counts.sights = sights_count(a->sights);
	return counts;
}
