/*
 * origin: where a web page is from: scheme, host and port (RFC 6454), and which origins are let in.
 *
 * Answers that many share differ by what they say to the page that asked; origins_find() gives that a small number.
 */
#ifndef ORIGIN_H
#define ORIGIN_H

#include "base/str.h"

enum { ORIGINS_MAX = 32 };

/* The origins let in besides our own. */
struct origins {
	bool any; /* all */
	size_t n;
	struct str named[ORIGINS_MAX]; /* these, and with cookies and passwords */
};

/* What an answer says to a page: nothing; what it says to all who are not named; ORIGIN_NAMED + i, to named[i]. */
enum { ORIGIN_NONE, ORIGIN_OTHER, ORIGIN_NAMED };

/*
 * Lets in "*", which is all, or one origin as browsers write it; one that is let in already counts once. The text is
 * kept, and made lower case. NULL, or what is wrong with it.
 */
const char *origins_add(struct origins *o, char *text);

/* What an answer says to a page of this origin (empty: to whoever sent none). */
unsigned origins_find(const struct origins *o, struct str origin);

/* Whether a page to which an answer says this may read it. */
bool origins_let_in(const struct origins *o, unsigned who);

/*
 * Whether a page of this origin came from the host that the header Host names. Host and port are compared, without the
 * port that the origin's scheme has by default; schemes are not, since TLS may end before us.
 */
bool origin_is_host(struct str origin, struct str host);

#endif
