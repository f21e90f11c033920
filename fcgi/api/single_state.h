/*
 * single_state: what the files of single share: single.c (requests, and reading what they are about), single_change.c
 * (who may change it, and what becomes of the change).
 */
#ifndef SINGLE_STATE_H
#define SINGLE_STATE_H

#include "errand.h"
#include "single.h"

/* What is asked of a message, while a reader reads it, with copies of all that it needs. */
struct asking {
	struct errand errand;
	struct single *s;
	struct store_one one;
	enum method method;
	struct str if_match, if_none_match, if_key, key;
	struct str body; /* of an edit */
	bool is_args;
	enum message_format format;
	struct buf strings; /* what the views point to */
};

/* There is none, or none that may be known of. */
void single_refuse_absent(struct requests *requests, struct fcgi_conn *conn, int64_t id);

/* In single_change.c: what was asked about was read, and is to be changed or deleted. Answers, now or later. */
void single_change(struct asking *a, struct fcgi_conn *conn);

#endif
