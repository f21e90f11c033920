/*
 * keep: how long messages are kept, by what their room is called.
 *
 * Of all rules that fit a room the one with the longest name decides, a whole name before a prefix; the others do not
 * count. Where none fits it is the one for all. A rule says how old messages get, how many of them a room has, or both:
 * then what is beyond either goes. Pure functions; pruning.h deletes.
 */
#ifndef KEEP_H
#define KEEP_H

#include "base/buf.h"
#include "message.h"

enum { KEEP_ROOMS_MAX = 256, KEEP_ERROR_SIZE = 192 };

struct keep_rule {
	int64_t age_ms;   /* 0: any age */
	int64_t messages; /* of a room; 0: any number */
};

struct keep_room {
	char name[MESSAGE_ROOM_MAX + 1];
	uint8_t n;
	bool prefix;
	struct keep_rule rule;
};

/* Zeroed: all is kept for ever. */
struct keep {
	struct keep_rule otherwise;
	struct keep_room rooms[KEEP_ROOMS_MAX]; /* in the order in which they decide */
	size_t n;
	int64_t grace_ms; /* from a change of the rules to the first deletion */
	int64_t every_ms; /* between two looks */
	int64_t gone_max; /* rooms that are gone, of which it is remembered what was deleted */
};

/* Each takes the value of an option, such as `30`, `12h`, `1000`, `ci-*=30d`, `main=30d,1000` or `off`. false, with
 * what was wrong and what was expected in error. */
bool keep_read_days(struct keep *k, struct str value, char error[KEEP_ERROR_SIZE]);
bool keep_read_messages(struct keep *k, struct str value, char error[KEEP_ERROR_SIZE]);
bool keep_read_room(struct keep *k, struct str value, char error[KEEP_ERROR_SIZE]);

/* Whether anything is ever deleted. */
bool keep_any(const struct keep *k);

/* The greatest age that any rule has; 0: none has one. */
int64_t keep_age_max(const struct keep *k);

struct keep_rule keep_of(const struct keep *k, struct str room);

/* Adds the rules as a text: the same one for the same rules, in whatever order they were given. */
void keep_add_text(const struct keep *k, struct buf *b);

#endif
