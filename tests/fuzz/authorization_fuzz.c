/*
 * A credential that is found has only the characters of one, and is what stands in the header; in whatever case the
 * scheme is written, and whatever blanks stand around. Any password that is a token is found in Basic.
 */
#include "access/authorization.h"

#include <strings.h>

#include "base/token.h"
#include "fuzz.h"

/* A little more than may be; and what is short, and looked at in other ways too. */
enum { HEADER_MAX = AUTHORIZATION_MAX + 64, SHORT_MAX = 256 };

struct found {
	enum authorization_kind kind;
	struct str credential;
	char text[AUTHORIZATION_MAX];
};

static void
find(struct str header, struct found *found)
{
	const char *why = NULL;
	struct str *credential = &found->credential;

	found->kind = authorization_read(header, found->text, credential, &why);
	if (found->kind == AUTHORIZATION_WRONG)
		MUST(why != NULL && why[0] != '\0');
	if (found->kind != AUTHORIZATION_BEARER)
		return;
	MUST(authorization_is_bearer(*credential, &why) && credential->n > 0 && credential->n <= AUTHORIZATION_MAX);
	for (size_t i = 0; i < credential->n; i++)
		MUST(credential->p[i] > ' ' && credential->p[i] < 0x7F && credential->p[i] != ',' &&
		     credential->p[i] != '"');
	MUST((credential->p >= header.p && credential->p + credential->n <= header.p + header.n) ||
	     (credential->p >= found->text && credential->p + credential->n <= found->text + sizeof found->text));
}

/* The scheme in capitals, and a blank more in each place. */
static void
check_other_case(struct str header, const struct found *found)
{
	char copy[SHORT_MAX + 2];
	static struct found other;
	size_t n = 0;

	copy[n++] = '\t';
	for (size_t i = 0; i < header.n; i++)
		copy[n++] = header.p[i];
	copy[n++] = ' ';
	for (size_t i = 1; i < n && copy[i] != ' ' && copy[i] != '\t'; i++)
		if (copy[i] >= 'a' && copy[i] <= 'z')
			copy[i] = (char)(copy[i] - 'a' + 'A');
	find((struct str){copy, n}, &other);
	/* It may have begun with blanks, and then the scheme is as it was. */
	MUST(other.kind == found->kind);
	if (found->kind == AUTHORIZATION_BEARER)
		MUST(str_eq(other.credential, found->credential));
}

/* The bytes as a name and a password, as curl would send them. */
static void
check_basic(struct str bytes)
{
	static struct found found;
	struct buf header;
	struct str password = bytes;
	const char *why;

	(void)str_cut(&password, ':');
	buf_init(&header, HEADER_MAX);
	buf_add(&header, STR("Basic "));
	token_add_base64(&header, bytes);
	MUST(buf_ok(&header));
	find(buf_str(&header), &found);
	if (!authorization_is_token(password))
		MUST(found.kind == AUTHORIZATION_BASIC);
	else if (!authorization_is_bearer(password, &why))
		MUST(found.kind == AUTHORIZATION_WRONG);
	else
		MUST(found.kind == AUTHORIZATION_BEARER && str_eq(found.credential, password));
	buf_fini(&header);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static struct found found;
	struct str header = {(const char *)bytes, n};

	if (n > HEADER_MAX)
		return 0;
	find(header, &found);
	if (n > SHORT_MAX)
		return 0;
	check_other_case(header, &found);
	check_basic(header);
	return 0;
}
