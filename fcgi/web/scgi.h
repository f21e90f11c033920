/*
 * scgi: the request of a web server that speaks SCGI, without a copy.
 *
 * A netstring of names and values, each with a byte 0 behind it (Simple Common Gateway Interface, 2008): "24:", the
 * bytes, ",". CONTENT_LENGTH comes first, SCGI is 1, no name is empty or comes twice. It begins with a digit, 1 to 9,
 * as no FastCGI record does.
 */
#ifndef SCGI_H
#define SCGI_H

#include "fcgi.h"

enum scgi_result { SCGI_PART, SCGI_WHOLE, SCGI_BAD };

/* Whether a connection that begins with this byte speaks SCGI. */
static inline bool
scgi_begins(char first)
{
	return first >= '1' && first <= '9';
}

/*
 * The request at the beginning of bytes. Until all of it is here only its length is looked at, which is at most
 * RECORD_PARAMS_MAX (record.h).
 *
 * SCGI_WHOLE: r->params and r->n_params are set, with views into bytes, and nothing else of r. *used is where the
 * netstring ends: what stands behind it is the body, of which *body_n bytes are announced, or with none the first bytes
 * of what the connection is made into.
 */
enum scgi_result scgi_read(struct str bytes, struct fcgi_request *r, size_t *used, uint64_t *body_n);

#endif
