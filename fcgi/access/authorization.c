#include "authorization.h"

#include <stdint.h>

#include "base/token.h"

/* The characters of token68 (RFC 9110, 11.2), a bit for each: every request has some dozens of them to look at. */
static bool
is_token68(char c)
{
	static const uint64_t bits[4] = {0x03FFE80000000000, 0x47FFFFFE87FFFFFE};
	unsigned char u = (unsigned char)c;

	return bits[u >> 6] >> (u & 63) & 1;
}

bool
authorization_is_bearer(struct str credential, const char **why)
{
	size_t n = 0;

	*why = credential.n == 0                  ? "nothing stands there"
	       : credential.n > AUTHORIZATION_MAX ? "it is longer than 4096 bytes"
	                                          : "a character stands in it that none may have";
	if (credential.n > AUTHORIZATION_MAX)
		return false;
	while (n < credential.n && is_token68(credential.p[n]))
		n++;
	if (n == 0)
		return false;
	while (n < credential.n && credential.p[n] == '=')
		n++;
	return n == credential.n;
}

bool
authorization_is_token(struct str credential)
{
	return str_starts(credential, STR("ll_"));
}

/* The password of a user's name and a password in base64; empty: there is none. */
static struct str
password_of(struct str base64, char text[AUTHORIZATION_MAX])
{
	struct buf b = {.p = text, .cap = AUTHORIZATION_MAX, .max = AUTHORIZATION_MAX};
	struct str decoded;

	/* What is longer is none of ours, even if it begins like one. */
	if (base64.n > AUTHORIZATION_MAX)
		base64.n = AUTHORIZATION_MAX;
	token_add_decoded(&b, base64);
	decoded = buf_str(&b);
	(void)str_cut(&decoded, ':');
	return decoded;
}

/* Takes the scheme off a header. */
static struct str
cut_scheme(struct str *header)
{
	struct str scheme = *header = str_trim(*header);

	if (header->n == 0)
		return STR("");
	scheme.n = 0;
	while (scheme.n < header->n && header->p[scheme.n] != ' ' && header->p[scheme.n] != '\t')
		scheme.n++;
	*header = str_trim(str_skip(*header, scheme.n));
	return scheme;
}

enum authorization_kind
authorization_read(struct str header, char text[AUTHORIZATION_MAX], struct str *credential, const char **why)
{
	struct str scheme = cut_scheme(&header);

	*credential = header;
	if (str_eq_nocase(scheme, STR("Basic"))) {
		*credential = password_of(header, text);
		if (!authorization_is_token(*credential))
			return AUTHORIZATION_BASIC;
	} else if (!str_eq_nocase(scheme, STR("Bearer")))
		return AUTHORIZATION_NONE;
	return authorization_is_bearer(*credential, why) ? AUTHORIZATION_BEARER : AUTHORIZATION_WRONG;
}
