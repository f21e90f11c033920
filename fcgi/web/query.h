/*
 * query: the fields of a query string or a form.
 *
 * application/x-www-form-urlencoded as the URL standard reads it: & between fields, + is a blank, %XX a byte; a %
 * without two hex digits stands for itself, so that people can type percentages.
 */
#ifndef QUERY_H
#define QUERY_H

#include "base/str.h"

enum { QUERY_FIELDS_MAX = 64 };

struct query {
	struct query_field {
		struct str name, value;
		bool has_value; /* there was a = */
	} fields[QUERY_FIELDS_MAX];
	size_t n;
	bool too_many; /* there were more than fit */
	char *bytes;   /* of all fields: small, or allocated */
	char small[256];
};

/* Takes text apart; the views live until query_fini(), and q must not move. -1 without memory. Empty fields are passed
 * over. */
int query_parse(struct query *q, struct str text);
/* The same, but of the fields it takes those of these names only (ends with NULL), wherever they stand among however
 * many others, and of one that is repeated the last. */
int query_parse_only(struct query *q, struct str text, const char *const *names);
void query_fini(struct query *q);

#endif
