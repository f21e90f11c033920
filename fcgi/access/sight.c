#include "sight.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "sight_state.h"

enum { MAY_VALUES = 8 };

struct sight {
	struct table_entry entry;
	struct sights *all;
	uint32_t holders;
	struct sight_layer *layers[SIGHT_RANKS]; /* in their order, with NULL for those without rules: its name */
	uint8_t everywhere, anywhere;            /* a bit for each combination of MAY_ */
	bool sees_made;
	struct store_sees sees;
	struct str *patterns; /* of sees; NULL: they are `any` */
};

static const struct str any = {"*", 1};

int
sight_read_may(struct str text)
{
	int may = 0;

	for (size_t i = 0; i < text.n; i++) {
		int bit = text.p[i] == 'r'   ? MAY_READ
		          : text.p[i] == 'w' ? MAY_WRITE
		          : text.p[i] == 'm' ? MAY_MODERATE
		                             : 0;

		if (bit == 0 || (may & bit) != 0)
			return -1;
		may |= bit;
	}
	return may;
}

bool
sight_rooms_ok(struct str rooms)
{
	if (rooms.n == 0 || rooms.p[rooms.n - 1] != '*')
		return message_room_ok(rooms);
	/* A prefix is a room's name, and something must fit behind it. */
	return rooms.n == 1 || (rooms.n <= MESSAGE_ROOM_MAX && message_room_ok((struct str){rooms.p, rooms.n - 1}));
}

static struct str
sight_name(const struct table_entry *e)
{
	const struct sight *s = CONTAINER(e, const struct sight, entry);

	return (struct str){(const char *)s->layers, sizeof s->layers};
}

struct sights *
sights_new(void)
{
	struct sights *all = malloc(sizeof *all);

	if (all == NULL)
		return NULL;
	if (table_init(&all->layers, sight_layer_name) < 0) {
		free(all);
		return NULL;
	}
	if (table_init(&all->sights, sight_name) < 0) {
		table_fini(&all->layers);
		free(all);
		return NULL;
	}
	return all;
}

void
sights_free(struct sights *all)
{
	if (all == NULL)
		return;
	assert(all->sights.n == 0 && all->layers.n == 0);
	table_fini(&all->sights);
	table_fini(&all->layers);
	free(all);
}

size_t
sights_count(const struct sights *all)
{
	return all->sights.n;
}

/* Whether each rule has all these bits, and leaves no room undecided; and whether any has them. */
static void
look_around(struct sight *s, unsigned may)
{
	bool each = true, some = false, whole = false;

	for (size_t i = 0; i < SIGHT_RANKS; i++) {
		if (s->layers[i] == NULL)
			continue;
		for (unsigned value = 0; value < MAY_VALUES; value++)
			if ((s->layers[i]->values >> value & 1) != 0) {
				each = each && (value & may) == may;
				some = some || (value & may) == may;
			}
		whole = whole || s->layers[i]->whole;
	}
	if (each && whole)
		s->everywhere |= (uint8_t)(1U << may);
	if (some)
		s->anywhere |= (uint8_t)(1U << may);
}

struct sight *
sight_get_layers(struct sights *all, struct sight_layer *const layers[SIGHT_RANKS])
{
	struct sight look = {.all = all, .holders = 1}, *s;
	struct table_entry *same;
	bool whole = false;

	/* Behind a rule for every room nothing is left to decide. */
	for (size_t i = 0; i < SIGHT_RANKS && !whole; i++)
		if (layers[i] != NULL) {
			look.layers[i] = layers[i];
			whole = layers[i]->whole;
		}
	same = table_find(&all->sights, sight_name(&look.entry));
	if (same != NULL)
		return sight_hold(CONTAINER(same, struct sight, entry));
	s = malloc(sizeof *s);
	if (s == NULL)
		return NULL;
	*s = look;
	for (size_t i = 0; i < SIGHT_RANKS; i++)
		sight_layer_hold(s->layers[i]);
	for (unsigned may = 0; may < MAY_VALUES; may++)
		look_around(s, may);
	table_add(&all->sights, &s->entry);
	return s;
}

/* Those of the rules that are of this rank; false without memory. */
static bool
get_rank(struct sights *all, const struct sight_rule *rules, size_t n, size_t rank, struct sight_layer **layer)
{
	struct sight_rule *some;
	size_t n_some = 0;

	for (size_t i = 0; i < n; i++)
		n_some += rules[i].rank == rank;
	if (n_some == 0)
		return true;
	some = malloc(n_some * sizeof *some);
	if (some == NULL)
		return false;
	n_some = 0;
	for (size_t i = 0; i < n; i++)
		if (rules[i].rank == rank)
			some[n_some++] = rules[i];
	*layer = sight_layer_get(all, some, n_some);
	free(some);
	return *layer != NULL;
}

struct sight *
sight_get(struct sights *all, const struct sight_rule *rules, size_t n)
{
	struct sight_layer *layers[SIGHT_RANKS] = {NULL};
	struct sight *s = NULL;
	bool good = true;

	for (size_t i = 0; i < SIGHT_RANKS && good; i++)
		good = get_rank(all, rules, n, i, &layers[i]);
	if (good)
		s = sight_get_layers(all, layers);
	for (size_t i = 0; i < SIGHT_RANKS; i++)
		sight_layer_drop(layers[i]);
	return s;
}

struct sight *
sight_get_all(struct sights *all, unsigned may)
{
	return sight_get(all, &(struct sight_rule){any, SIGHT_OWN, (uint8_t)may}, 1);
}

struct sight *
sight_hold(struct sight *s)
{
	s->holders++;
	return s;
}

void
sight_drop(struct sight *s)
{
	if (s == NULL || --s->holders > 0)
		return;
	table_remove(&s->all->sights, &s->entry);
	for (size_t i = 0; i < SIGHT_RANKS; i++)
		sight_layer_drop(s->layers[i]);
	free(s->patterns);
	free(s);
}

const struct sight_rule *
sight_decides(const struct sight *s, struct str room)
{
	const struct sight_rule *rule = NULL;

	for (size_t i = 0; i < SIGHT_RANKS && rule == NULL; i++)
		if (s->layers[i] != NULL)
			rule = sight_layer_decides(s->layers[i], room);
	return rule;
}

unsigned
sight_may(const struct sight *s, struct str room)
{
	const struct sight_rule *rule = sight_decides(s, room);

	return rule == NULL ? 0 : rule->may;
}

bool
sight_everywhere(const struct sight *s, unsigned may)
{
	return (s->everywhere >> may & 1) != 0;
}

bool
sight_anywhere(const struct sight *s, unsigned may)
{
	return (s->anywhere >> may & 1) != 0;
}

size_t
sight_rules(const struct sight *s)
{
	size_t n = 0;

	for (size_t i = 0; i < SIGHT_RANKS; i++)
		n += s->layers[i] == NULL ? 0 : s->layers[i]->n_rules;
	return n;
}

static bool
reads(const void *ctx, struct str room)
{
	return (sight_may(ctx, room) & MAY_READ) != 0;
}

/* Those of all layers; NULL: there are too many, or no memory. */
static struct str *
gather_patterns(const struct sight *s, size_t *n)
{
	struct str *patterns, *fewer;
	size_t most = 0;

	for (size_t i = 0; i < SIGHT_RANKS; i++)
		most += s->layers[i] == NULL ? 0 : s->layers[i]->n_reads;
	patterns = malloc((most + (most == 0)) * sizeof *patterns);
	if (patterns == NULL)
		return NULL;
	for (size_t i = 0, at = 0; i < SIGHT_RANKS; i++)
		if (s->layers[i] != NULL && s->layers[i]->n_reads > 0) {
			memcpy(patterns + at, s->layers[i]->reads, s->layers[i]->n_reads * sizeof *patterns);
			at += s->layers[i]->n_reads;
		}
	*n = sight_merge_patterns(patterns, most);
	if (*n > SIGHT_PATTERNS_MAX) {
		free(patterns);
		return NULL;
	}
	fewer = realloc(patterns, (*n + (*n == 0)) * sizeof *patterns);
	return fewer == NULL ? patterns : fewer;
}

/* Only once, whatever comes of it: readers' threads may look at it from then on. */
static void
make_sees(struct sight *s)
{
	size_t n = 1;

	s->patterns = gather_patterns(s, &n);
	s->sees = (struct store_sees){
	    .sees = reads,
	    .ctx = s,
	    .patterns = s->patterns == NULL ? &any : s->patterns,
	    .n_patterns = s->patterns == NULL ? 1 : n,
	};
	s->sees_made = true;
}

const struct store_sees *
sight_sees(struct sight *s)
{
	if (sight_everywhere(s, MAY_READ))
		return NULL;
	if (!s->sees_made)
		make_sees(s);
	return &s->sees;
}
