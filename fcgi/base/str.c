#include "str.h"

#include <string.h>
#include <strings.h>

struct str
str_of(const char *c_string)
{
	return (struct str){c_string, strlen(c_string)};
}

bool
str_eq(struct str a, struct str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool
str_eq_nocase(struct str a, struct str b)
{
	return a.n == b.n && (a.n == 0 || strncasecmp(a.p, b.p, a.n) == 0);
}

bool
str_starts(struct str s, struct str prefix)
{
	return s.n >= prefix.n && str_eq((struct str){s.p, prefix.n}, prefix);
}

static bool
blank(char c)
{
	return c == ' ' || c == '\t';
}

struct str
str_trim(struct str s)
{
	while (s.n > 0 && blank(s.p[0])) {
		s.p++;
		s.n--;
	}
	while (s.n > 0 && blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

struct str
str_cut(struct str *s, char at)
{
	const char *found = s->n > 0 ? memchr(s->p, at, s->n) : NULL;
	struct str before = *s;

	if (found == NULL) {
		/* Adding to a NULL pointer is undefined, and an empty view may be NULL. */
		*s = (struct str){s->n > 0 ? s->p + s->n : s->p, 0};
		return before;
	}
	before.n = (size_t)(found - s->p);
	s->p += before.n + 1;
	s->n -= before.n + 1;
	return before;
}

static bool
continues(struct str s, size_t i)
{
	return i < s.n && ((unsigned char)s.p[i] & 0xC0) == 0x80;
}

size_t
str_utf8_char(struct str s)
{
	unsigned char c, d;

	if (s.n == 0)
		return 0;
	c = (unsigned char)s.p[0];
	if (c < 0x80)
		return 1;
	if (c < 0xC2 || c > 0xF4 || !continues(s, 1))
		return 0;
	d = (unsigned char)s.p[1];
	if (c < 0xE0)
		return 2;
	if (!continues(s, 2))
		return 0;
	if (c < 0xF0)
		return (c == 0xE0 && d < 0xA0) || (c == 0xED && d > 0x9F) ? 0 : 3;
	if (!continues(s, 3))
		return 0;
	return (c == 0xF0 && d < 0x90) || (c == 0xF4 && d > 0x8F) ? 0 : 4;
}

size_t
str_ascii(struct str s)
{
	const uint64_t high = UINT64_C(0x8080808080808080);
	uint64_t eight;
	size_t n = 0;

	for (; s.n - n >= sizeof eight; n += sizeof eight) {
		memcpy(&eight, s.p + n, sizeof eight);
		if ((eight & high) != 0)
			break;
	}
	while (n < s.n && (unsigned char)s.p[n] < 0x80)
		n++;
	return n;
}

bool
str_utf8(struct str s)
{
	while (s.n > 0) {
		size_t ascii = str_ascii(s), n = ascii > 0 ? ascii : str_utf8_char(s);

		if (n == 0)
			return false;
		s = str_skip(s, n);
	}
	return true;
}

int
str_hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool
str_uint(struct str s, uint64_t max, uint64_t *value)
{
	uint64_t v = 0;

	if (s.n == 0)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		unsigned digit = (unsigned)(unsigned char)s.p[i] - '0';

		if (digit > 9 || v > (max - (digit > max ? max : digit)) / 10 || digit > max)
			return false;
		v = v * 10 + digit;
	}
	*value = v;
	return true;
}
