/*
 * http: requests to a site, one after the other, over a connection that is kept.
 *
 * libcurl does it, and is known here alone. Certificates are checked, against the
 * authorities of the system or of the file SSL_CERT_FILE; redirects are not followed, so that a token goes
 * nowhere else; it is sent as `Authorization: Bearer`, never in an address.
 */
#ifndef HTTP_H
#define HTTP_H

#include "base/buf.h"
#include "site.h"

/* What an answer means for who asked. */
enum http_outcome {
	HTTP_DONE,        /* 200 or 201 */
	HTTP_AGAIN,       /* no answer, 408, 429 or 5xx: ask again later */
	HTTP_REFUSED,     /* another 4xx: the request is wrong; or a search that takes too long */
	HTTP_NOT_ALLOWED, /* 401 or 403 */
	HTTP_NO_USE,      /* what is there is no Longline, or no site */
};

enum { HTTP_WHY_SIZE = 512, HTTP_CODE_SIZE = 64, HTTP_BODY_MAX = 128 << 20 };

struct http_answer {
	enum http_outcome outcome;
	bool perhaps;              /* HTTP_AGAIN: the request may have been handled all the same */
	struct buf body;           /* of this answer; the next request empties it */
	int64_t retry_after_ms;    /* 0: not said */
	char why[HTTP_WHY_SIZE];   /* when not HTTP_DONE: in words */
	char code[HTTP_CODE_SIZE]; /* likewise: the code word of a problem; "" if there is none */
};

struct http;

/* NULL, said: no memory. The site outlives it. */
struct http *http_open(const struct site *site);
void http_close(struct http *h);

/*
 * GET of what stands behind the site's address, `/poll?since=0`; or with json other than NULL, POST of that. It takes
 * within_ms at most. The answer is h's, and lives until the next request.
 */
const struct http_answer *http_ask(struct http *h, const char *target, const struct str *json, int64_t within_ms);

/* Adds name=value, percent-encoded, with a `?` or `&` before it. */
void http_add_parameter(struct buf *target, const char *name, struct str value);

#endif
