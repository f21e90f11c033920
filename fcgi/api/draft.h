/*
 * draft: the message that a POST /send describes, by its headers, query and body, before it is one.
 */
#ifndef DRAFT_H
#define DRAFT_H

#include "store/message.h"
#include "web/request.h"

enum draft_field { DRAFT_ROOM, DRAFT_SENDER, DRAFT_EVENT, DRAFT_KEY, DRAFT_TEXT, DRAFT_FIELDS };

/* What one part of a request says of the message: headers, query or body. */
struct draft_fields {
	struct str v[DRAFT_FIELDS];
	bool has[DRAFT_FIELDS];
};

struct draft_limits {
	size_t body_max, message_max; /* bytes of a request's body, and of the message in it */
	size_t depth_max;             /* of a JSON body's members */
};

struct draft {
	struct draft_fields f;
	struct str args;
	bool has_args;
	enum message_format format; /* of the text */
	bool has_format;            /* a JSON body says which */
	struct str attachments;     /* one, in base64 with its quotes; empty: none */
	struct buf strings;         /* decoded from JSON; room for all is reserved, so that views stay good */
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
bool draft_read(struct draft *d, struct request *r, const struct draft_limits *limits);
void draft_fini(struct draft *d);

#endif
