#include <stdlib.h>
#include <string.h>

#include "access_state.h"
#include "base/log.h"

enum { DAY_MS = 24 * 60 * 60 * 1000 };

static struct str
hash_of(const struct access_token *t)
{
	return (struct str){(const char *)t->row->hash, TOKEN_HASH_SIZE};
}

/*
 * The place of a token with this hash, or the free one where it belongs. Tokens stand in places by the first bytes of
 * their hash, or behind, and half of the places are free: there are 100,000 tokens, and they are laid anew in a turn.
 *
 * A hash is compared as anything is, and how long that takes tells nothing: it is the hash of what was sent, not what
 * was sent, and nobody can choose texts for the hashes that they have.
 */
static uint32_t *
place_of(const struct access_rows *r, struct str hash)
{
	uint64_t at;

	memcpy(&at, hash.p, sizeof at);
	for (;; at++) {
		uint32_t *place = &r->places[at & (r->n_places - 1)];

		if (*place == 0 || str_eq(hash_of(&r->tokens[*place - 1]), hash))
			return place;
	}
}

static struct str
who_name(const struct table_entry *e)
{
	return CONTAINER(e, const struct access_who, entry)->name;
}

static bool
token_ok(const struct store_token *row)
{
	struct str name = str_of(row->name);

	return name.n > 0 && message_sender_ok(name) && message_sender_ok(str_of(row->sender));
}

static void
add_tokens(struct access_rows *r)
{
	for (size_t i = 0; i < r->rows->n_tokens; i++) {
		struct access_token *t = &r->tokens[i];
		uint32_t *place;

		*t = (struct access_token){.row = &r->rows->tokens[i], .used_ms = r->rows->tokens[i].used_ms};
		place = place_of(r, hash_of(t));
		if (!token_ok(t->row) || *place != 0) {
			r->not_understood++;
			continue;
		}
		*place = (uint32_t)i + 1;
		r->n_tokens++;
	}
}

static int
compare_who(const void *a, const void *b)
{
	const struct store_grant *one = *(const struct store_grant *const *)a;
	const struct store_grant *other = *(const struct store_grant *const *)b;
	int order = strcmp(one->who, other->who);

	return order != 0 ? order : (one > other) - (one < other);
}

static bool
who_ok(struct str who)
{
	return str_eq(who, STR("anyone")) || str_eq(who, STR("users")) ||
	       (str_starts(who, STR("user:")) && who.n > STR("user:").n) ||
	       (str_starts(who, STR("token:")) && who.n > STR("token:").n);
}

static uint8_t
rank_of(struct str who)
{
	return str_eq(who, STR("anyone")) ? SIGHT_ANYONE : str_eq(who, STR("users")) ? SIGHT_USERS : SIGHT_OWN;
}

/* The rules of n grants of one `who`; returns how many. */
static size_t
to_rules(const struct store_grant *const *grants, size_t n, struct sight_rule *rules)
{
	size_t n_rules = 0;

	for (size_t i = 0; i < n; i++) {
		struct str rooms = str_of(grants[i]->rooms);
		int may = sight_read_may(str_of(grants[i]->may));

		if (sight_rooms_ok(rooms))
			rules[n_rules++] =
			    (struct sight_rule){rooms, rank_of(str_of(grants[i]->who)), may < 0 ? 0 : (uint8_t)may};
	}
	return n_rules;
}

/* The layer of n grants of one `who`; false without memory. */
static bool
add_who(struct access_rows *r, struct sights *sights, const struct store_grant *const *grants, size_t n,
    struct sight_rule *rules)
{
	struct access_who *who = &r->who_array[r->n_whos];
	size_t n_rules = to_rules(grants, n, rules);

	*who = (struct access_who){.name = str_of(grants[0]->who)};
	if (!who_ok(who->name))
		n_rules = 0;
	r->not_understood += n - n_rules;
	if (n_rules == 0)
		return true;
	who->layer = sight_layer_get(sights, rules, n_rules);
	if (who->layer == NULL)
		return false;
	table_add(&r->whos, &who->entry);
	r->n_whos++;
	return true;
}

/* grants and rules have room for all. */
static bool
add_whos(struct access_rows *r, struct sights *sights, const struct store_grant **grants, struct sight_rule *rules)
{
	size_t n = r->rows->n_grants, from = 0;
	bool good = true;

	for (size_t i = 0; i < n; i++)
		grants[i] = &r->rows->grants[i];
	qsort(grants, n, sizeof *grants, compare_who);
	for (size_t i = 1; i <= n && good; i++)
		if (i == n || strcmp(grants[i]->who, grants[from]->who) != 0) {
			good = add_who(r, sights, grants + from, i - from, rules);
			from = i;
		}
	return good;
}

static bool
fill(struct access_rows *r, struct sights *sights)
{
	const struct store_grant **grants = calloc(r->rows->n_grants + 1, sizeof *grants);
	struct sight_rule *rules = calloc(r->rows->n_grants + 1, sizeof *rules);
	bool good = grants != NULL && rules != NULL;

	r->tokens = calloc(r->rows->n_tokens + 1, sizeof *r->tokens);
	for (r->n_places = 16; r->n_places < 2 * r->rows->n_tokens;)
		r->n_places *= 2;
	r->places = calloc(r->n_places, sizeof *r->places);
	r->who_array = calloc(r->rows->n_grants + 1, sizeof *r->who_array);
	good = good && r->tokens != NULL && r->places != NULL && r->who_array != NULL;
	if (good) {
		add_tokens(r);
		good = add_whos(r, sights, grants, rules);
	}
	if (good && r->not_understood > 0)
		log_warning(
		    "passed_over", "rows=%zu why=\"tokens or grants that cannot be understood\"", r->not_understood);
	free(rules);
	free(grants);
	return good;
}

int
access_rows_make(struct access_rows *r, struct sights *sights, struct store_access *rows)
{
	*r = (struct access_rows){.rows = rows};
	TAILQ_INIT(&r->used);
	if (table_init(&r->whos, who_name) == 0 && fill(r, sights))
		return 0;
	r->rows = NULL;
	access_rows_fini(r);
	return -1;
}

void
access_rows_fini(struct access_rows *r)
{
	for (size_t i = 0; i < r->n_whos; i++)
		sight_layer_drop(r->who_array[i].layer);
	table_fini(&r->whos);
	free(r->who_array);
	free(r->places);
	free(r->tokens);
	store_access_free(r->rows);
	*r = (struct access_rows){.rows = NULL};
}

struct access_token *
access_rows_token(const struct access_rows *r, struct str hash)
{
	uint32_t place = *place_of(r, hash);

	return place == 0 ? NULL : &r->tokens[place - 1];
}

struct sight_layer *
access_rows_layer(const struct access_rows *r, struct str who)
{
	struct table_entry *e = table_find(&r->whos, who);

	return e == NULL ? NULL : CONTAINER(e, struct access_who, entry)->layer;
}

void
access_rows_use(struct access_rows *r, struct access_token *t, int64_t now_ms)
{
	if (now_ms - t->used_ms < DAY_MS)
		return;
	t->used_ms = now_ms;
	t->used_here = true;
	if (!t->waits)
		TAILQ_INSERT_TAIL(&r->used, t, link);
	t->waits = true;
}

void
access_rows_hand_over(const struct access_rows *from, struct access_rows *to)
{
	struct access_token *t, *again;

	for (size_t i = 0; i < from->rows->n_tokens; i++) {
		t = &from->tokens[i];
		again = t->used_here ? access_rows_token(to, hash_of(t)) : NULL;
		if (again == NULL || again->used_ms >= t->used_ms)
			continue;
		again->used_ms = t->used_ms;
		again->used_here = true;
		again->waits = t->waits;
		if (t->waits)
			TAILQ_INSERT_TAIL(&to->used, again, link);
	}
}
