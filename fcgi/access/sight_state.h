/*
 * sight_state: what the files of sight share.
 */
#ifndef SIGHT_STATE_H
#define SIGHT_STATE_H

#include "base/table.h"
#include "sight.h"

struct sights {
	struct table layers, sights;
};

/*
 * A text that stands in rules: that of a room, of a prefix, or of both. Worked case, of the rules `pub*`, `pub` and
 * `pub-a*`: the nodes are "pub" (of both rules) and "pub-a", whose parent is "pub". Of the last node that is not
 * greater than a room, the text or one of its parents' is the longest prefix that fits the room.
 */
struct sight_node {
	struct str text;
	int32_t room, prefix; /* the rule of each; -1: none */
	int32_t parent;       /* the node of the longest prefix rule that the text begins with, but itself; -1: none */
};

struct sight_layer {
	struct table_entry entry;
	struct sights *all;
	uint32_t holders;
	struct str name; /* all its rules, in bytes */
	struct sight_rule *rules;
	struct sight_node *nodes;
	uint64_t *heads;   /* of the texts, for comparing them quickly */
	struct str *reads; /* rooms of rules that let read, none of them within another */
	size_t n_rules, n_nodes, n_reads;
	uint8_t values; /* a bit for each value of `may` that stands in it */
	bool whole;     /* it has a rule for every room */
};

table_name_fn sight_layer_name;

/* The rule that decides about the room; NULL: none. */
const struct sight_rule *sight_layer_decides(const struct sight_layer *layer, struct str room);

/* Sorts patterns, and takes out those that are within another; returns how many are left. */
size_t sight_merge_patterns(struct str *patterns, size_t n);

#endif
