/*
 * draft: the message that a POST /send describes, by its headers, query and body, before it is one.
 */
#ifndef DRAFT_H
#define DRAFT_H

#include "web/request.h"

struct send;

enum field { ROOM, SENDER, EVENT, KEY, TEXT, FIELDS };

/* What one part of a request says of the message: headers, query or body. */
struct fields {
	struct str v[FIELDS];
	bool has[FIELDS];
};

struct draft {
	struct fields f;
	struct str args;
	bool has_args;
	struct str attachments; /* one, in base64 with its quotes; empty: none */
	struct buf strings;     /* decoded from JSON; room for all is reserved, so that views stay good */
	struct query query, form;
	/* The first thing found wrong: */
	bool bad;
	enum problem problem;
	char detail[256];
};

/*
 * What r says, by docs/PROTOCOL.md and these limits; d begins as zeros and its views live as long as r and until
 * draft_fini(). What is wrong with it stands in d. False: r was answered already; then, too, draft_fini() is due.
 */
bool draft_read(struct draft *d, struct request *r, const struct send *limits);
void draft_fini(struct draft *d);

#endif
