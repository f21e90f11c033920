/*
 * answer: what /poll and /history answer, and the messages in it.
 */
#ifndef ANSWER_H
#define ANSWER_H

#include "base/buf.h"

enum { ANSWER_EPOCH_MAX = 64, ANSWER_MESSAGES_MAX = 10000 };

struct answer {
	char epoch[ANSWER_EPOCH_MAX + 1]; /* of A-Za-z0-9_-; "" where none is said */
	int64_t next;                     /* -1: not said */
	int64_t older, newer;             /* 0: null */
	bool more, gap, reset;
	bool bad, no_memory;  /* a member is not what it should be */
	struct str *messages; /* the JSON of each, views of the body */
	size_t n, room;
};

/* 0, or -1, said: it is not what a Longline answers, or there is no memory. answer_fini() it in both cases. */
int answer_read(struct answer *a, struct str body);
void answer_fini(struct answer *a);

/* One message; the texts are in `strings`, but for json, which is a view of what it was read from. */
struct told {
	int64_t id;
	int64_t changes; /* the message that this one changes or deletes; 0: none */
	int64_t at_ms;   /* since 1970 UTC */
	struct str room, event, sender;
	struct str text; /* or the arguments as a JSON array */
	struct str json;
	struct buf strings;
};

/* As answer_read(). */
int told_read(struct told *t, struct str json);
void told_fini(struct told *t);

#endif
