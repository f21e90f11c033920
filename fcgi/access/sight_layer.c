#include <assert.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "sight_state.h"

static bool
is_prefix(struct str rooms)
{
	return rooms.n > 0 && rooms.p[rooms.n - 1] == '*';
}

static struct str
text_of(struct str rooms)
{
	return (struct str){rooms.p, rooms.n - is_prefix(rooms)};
}

static int
compare_text(struct str a, struct str b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int order = n == 0 ? 0 : memcmp(a.p, b.p, n);

	return order != 0 ? order : (a.n > b.n) - (a.n < b.n);
}

/* A prefix stands before all that is within it, the room of the same text first of all. */
static int
compare_rooms(struct str a, struct str b)
{
	int order = compare_text(text_of(a), text_of(b));

	return order != 0 ? order : is_prefix(b) - is_prefix(a);
}

static int
compare_patterns(const void *a, const void *b)
{
	return compare_rooms(*(const struct str *)a, *(const struct str *)b);
}

size_t
sight_merge_patterns(struct str *patterns, size_t n)
{
	struct str last = {NULL, 0}; /* kept */
	size_t kept = 0;

	qsort(patterns, n, sizeof *patterns, compare_patterns);
	for (size_t i = 0; i < n; i++) {
		bool within = kept > 0 && (is_prefix(last) ? str_starts(text_of(patterns[i]), text_of(last))
		                                           : str_eq(patterns[i], last));

		if (!within)
			patterns[kept++] = last = patterns[i];
	}
	return kept;
}

/* Of two of the same rooms the one that was given first stands first. */
static int
compare_rules(const void *a, const void *b)
{
	const struct sight_rule *one = *(const struct sight_rule *const *)a;
	const struct sight_rule *other = *(const struct sight_rule *const *)b;
	int order = compare_rooms(one->rooms, other->rooms);

	return order != 0 ? order : (one > other) - (one < other);
}

/* The first 8 bytes, as a number that is in order as the texts are; equal ones must be compared as texts. */
static uint64_t
head_of(struct str text)
{
	uint64_t head = 0;

	if (text.n > 0)
		memcpy(&head, text.p, text.n < sizeof head ? text.n : sizeof head);
	return be64toh(head);
}

/* Copies the rules in their order, and the bytes that are the layer's name: a length, `may` and rooms of each. */
static void
fill_rules(struct sight_layer *layer, const struct sight_rule *const *sorted, size_t n, char *name)
{
	layer->name.p = name;
	*name++ = (char)sorted[0]->rank;
	for (size_t i = 0; i < n; i++) {
		const struct sight_rule *rule = sorted[i];

		if (i > 0 && str_eq(rule->rooms, sorted[i - 1]->rooms))
			continue;
		*name++ = (char)rule->rooms.n;
		*name++ = (char)rule->may;
		memcpy(name, rule->rooms.p, rule->rooms.n);
		layer->rules[layer->n_rules] = *rule;
		layer->rules[layer->n_rules++].rooms.p = name;
		name += rule->rooms.n;
		layer->values |= (uint8_t)(1U << rule->may);
	}
	layer->name.n = (size_t)(name - layer->name.p);
}

static int32_t
parent_of(const struct sight_layer *layer, struct str text)
{
	int32_t at = (int32_t)layer->n_nodes - 1;

	while (at >= 0 && (layer->nodes[at].prefix < 0 || !str_starts(text, layer->nodes[at].text)))
		at = layer->nodes[at].parent;
	return at;
}

static void
fill_nodes(struct sight_layer *layer)
{
	for (size_t i = 0; i < layer->n_rules; i++) {
		const struct sight_rule *rule = &layer->rules[i];
		struct str text = text_of(rule->rooms);
		struct sight_node *node = layer->nodes + layer->n_nodes;

		if (layer->n_nodes > 0 && str_eq(node[-1].text, text))
			node--;
		else {
			*node = (struct sight_node){text, -1, -1, parent_of(layer, text)};
			layer->heads[layer->n_nodes++] = head_of(text);
		}
		*(is_prefix(rule->rooms) ? &node->prefix : &node->room) = (int32_t)i;
		if ((rule->may & MAY_READ) != 0)
			layer->reads[layer->n_reads++] = rule->rooms;
	}
	layer->n_reads = sight_merge_patterns(layer->reads, layer->n_reads);
	layer->whole = layer->nodes[0].text.n == 0;
}

/* One allocation with room for all that n rules can be. */
static struct sight_layer *
new_layer(struct sights *all, const struct sight_rule *const *sorted, size_t n)
{
	struct sight_layer *layer;
	size_t bytes = 1;

	for (size_t i = 0; i < n; i++)
		bytes += 2 + sorted[i]->rooms.n;
	layer = malloc(sizeof *layer +
	               n * (sizeof *layer->rules + sizeof *layer->nodes + sizeof *layer->heads + sizeof *layer->reads) +
	               bytes);
	if (layer == NULL)
		return NULL;
	*layer = (struct sight_layer){.all = all, .holders = 1, .rules = (struct sight_rule *)(layer + 1)};
	layer->nodes = (struct sight_node *)(layer->rules + n);
	layer->heads = (uint64_t *)(layer->nodes + n);
	layer->reads = (struct str *)(layer->heads + n);
	fill_rules(layer, sorted, n, (char *)(layer->reads + n));
	fill_nodes(layer);
	return layer;
}

struct str
sight_layer_name(const struct table_entry *e)
{
	return CONTAINER(e, const struct sight_layer, entry)->name;
}

struct sight_layer *
sight_layer_get(struct sights *all, const struct sight_rule *rules, size_t n)
{
	const struct sight_rule **sorted = malloc(n * sizeof *sorted);
	struct sight_layer *layer;
	struct table_entry *same;

	assert(n > 0);
	if (sorted == NULL)
		return NULL;
	for (size_t i = 0; i < n; i++)
		sorted[i] = &rules[i];
	qsort(sorted, n, sizeof *sorted, compare_rules);
	layer = new_layer(all, sorted, n);
	free(sorted);
	if (layer == NULL)
		return NULL;
	same = table_find(&all->layers, layer->name);
	if (same == NULL) {
		table_add(&all->layers, &layer->entry);
		return layer;
	}
	free(layer);
	return sight_layer_hold(CONTAINER(same, struct sight_layer, entry));
}

struct sight_layer *
sight_layer_hold(struct sight_layer *layer)
{
	if (layer != NULL)
		layer->holders++;
	return layer;
}

void
sight_layer_drop(struct sight_layer *layer)
{
	if (layer == NULL || --layer->holders > 0)
		return;
	table_remove(&layer->all->layers, &layer->entry);
	free(layer);
}

/* The last node whose text is not greater; -1: none. */
static int32_t
last_up_to(const struct sight_layer *layer, struct str room)
{
	uint64_t head = head_of(room);
	size_t from = 0, to = layer->n_nodes;

	while (from < to) {
		size_t middle = (from + to) / 2;
		uint64_t other = layer->heads[middle];

		if (other != head ? other < head : compare_text(layer->nodes[middle].text, room) <= 0)
			from = middle + 1;
		else
			to = middle;
	}
	return (int32_t)from - 1;
}

static size_t
common(struct str a, struct str b)
{
	size_t n = 0;

	while (n < a.n && n < b.n && a.p[n] == b.p[n])
		n++;
	return n;
}

const struct sight_rule *
sight_layer_decides(const struct sight_layer *layer, struct str room)
{
	int32_t at = last_up_to(layer, room);
	const struct sight_node *node;
	size_t n;

	if (at < 0)
		return NULL;
	node = &layer->nodes[at];
	n = common(node->text, room);
	if (node->room >= 0 && n == node->text.n && n == room.n)
		return &layer->rules[node->room];
	/* Its parents' texts are beginnings of its own, so of the room as well up to n. */
	for (; at >= 0; at = node->parent) {
		node = &layer->nodes[at];
		if (node->prefix >= 0 && node->text.n <= n)
			return &layer->rules[node->prefix];
	}
	return NULL;
}
