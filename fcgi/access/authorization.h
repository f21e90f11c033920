/*
 * authorization: the credential in an Authorization header.
 *
 * `Bearer X` (RFC 6750; the scheme in any case), or `Basic …` whose password begins with `ll_`, as `curl -u :ll_…`
 * sends it, whatever the user's name is. Another Basic is the web server's business, and not looked at; nor are other
 * schemes.
 */
#ifndef AUTHORIZATION_H
#define AUTHORIZATION_H

#include "base/str.h"

enum authorization_kind {
	AUTHORIZATION_NONE,
	AUTHORIZATION_BEARER, /* a token or a JWT, by its characters; what it is worth others know */
	AUTHORIZATION_BASIC,  /* not one of ours */
	AUTHORIZATION_WRONG,  /* meant to be one of ours, and cannot be */
};

/* Bytes of a credential. */
enum { AUTHORIZATION_MAX = 4096 };

/* credential is a view of the header or of text: of BEARER only. why, of WRONG only, says what is wrong. */
enum authorization_kind authorization_read(
    struct str header, char text[AUTHORIZATION_MAX], struct str *credential, const char **why);

/* Whether these are characters that a Bearer may have (b64token), and it is not too long; why: as above. */
bool authorization_is_bearer(struct str credential, const char **why);

/* Whether it is one of our tokens rather than a JWT. */
bool authorization_is_token(struct str credential);

#endif
