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
/* Added to it: the answer is for somebody who was proven, and for nobody else. */
enum { ORIGIN_SOMEBODY = 64, ORIGINS_ALL = ORIGIN_SOMEBODY + ORIGIN_NAMED + ORIGINS_MAX };

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

/* What a request says of where it comes from; empty is what it does not say. */
struct origin_ask {
	struct str origin, host, authorization;
	struct str site, destination; /* Sec-Fetch-Site, Sec-Fetch-Dest */
	bool named;                   /* the web server has checked a name, with a password or a cookie */
};

/*
 * Whether a request may be answered at all, whatever its page can read of it. A page elsewhere may post a form or plain
 * text, and load what it likes as a script or an image, without asking first: any page that someone behind the same
 * firewall opens could write into the log, and tell from times and sizes what is in it. These may:
 *
 *	a page that is let in (--cors), by * alone only without passwords and cookies that say who asks
 *	Authorization: Bearer              a page elsewhere must ask first whether it may say so, and --cors decides
 *	Sec-Fetch-Site: same-origin, none  surer than a comparison with Host, which a proxy may have changed
 *	a link that was followed           where linked: into a tab of its own, which no other page sees
 *	neither that header nor Origin     no browser
 *	an Origin that is our own          and no Sec-Fetch-Site that is known
 */
bool origins_ok(const struct origins *o, const struct origin_ask *ask, bool linked);

#endif
