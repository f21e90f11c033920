#include "buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct str REPLACEMENT = {"\xEF\xBF\xBD", 3}; /* U+FFFD */

void
buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){.max = max};
}

void
buf_fini(struct buf *b)
{
	free(b->p);
	buf_init(b, b->max);
}

bool
buf_ok(const struct buf *b)
{
	return !b->failed;
}

struct str
buf_str(const struct buf *b)
{
	return (struct str){b->p == NULL ? "" : b->p, b->n};
}

void
buf_reset(struct buf *b, size_t keep)
{
	b->n = 0;
	b->failed = false;
	if (b->cap > keep)
		buf_fini(b);
}

bool
buf_reserve(struct buf *b, size_t n)
{
	size_t cap = b->cap;
	char *p;

	if (b->failed || n > b->max - b->n) {
		b->failed = true;
		return false;
	}
	if (n <= cap - b->n)
		return true;
	if (cap == 0)
		cap = 256;
	while (cap - b->n < n && cap <= b->max / 2)
		cap *= 2;
	if (cap - b->n < n || cap > b->max)
		cap = b->max;
	p = realloc(b->p, cap);
	if (p == NULL) {
		b->failed = true;
		return false;
	}
	b->p = p;
	b->cap = cap;
	return true;
}

void
buf_add(struct buf *b, struct str s)
{
	if (s.n == 0 || !buf_reserve(b, s.n))
		return;
	memcpy(b->p + b->n, s.p, s.n);
	b->n += s.n;
}

struct str
buf_keep(struct buf *b, struct str s)
{
	size_t at = b->n;

	buf_add(b, s);
	return (struct str){b->p + at, s.n};
}

void
buf_add_char(struct buf *b, char c)
{
	buf_add(b, (struct str){&c, 1});
}

void
buf_add_int(struct buf *b, int64_t v)
{
	char digits[20];
	size_t at = sizeof digits;
	uint64_t left = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;

	do {
		digits[--at] = (char)('0' + left % 10);
		left /= 10;
	} while (left > 0);
	if (v < 0)
		digits[--at] = '-';
	buf_add(b, (struct str){digits + at, sizeof digits - at});
}

void
buf_printf(struct buf *b, const char *format, ...)
{
	va_list ap;
	char small[512], *large;
	int n;

	va_start(ap, format);
	n = vsnprintf(small, sizeof small, format, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n < sizeof small) {
		buf_add(b, (struct str){small, (size_t)n});
		return;
	}
	large = n < 0 ? NULL : malloc((size_t)n + 1);
	if (large == NULL) {
		b->failed = true;
		return;
	}
	va_start(ap, format);
	vsnprintf(large, (size_t)n + 1, format, ap);
	va_end(ap);
	buf_add(b, (struct str){large, (size_t)n});
	free(large);
}

/* The bytes at the beginning of s that belong together: one character, or (false) a malformed piece to be replaced. */
static bool
next_char(struct str s, size_t *n)
{
	*n = str_utf8_char(s);
	if (*n > 0)
		return true;
	/* One replacement for the byte and its continuation bytes, as decoders do that eat a maximal subpart. */
	for (*n = 1; *n < s.n && *n < 3 && ((unsigned char)s.p[*n] & 0xC0) == 0x80; ++*n)
		if ((unsigned char)s.p[0] < 0xC2)
			break;
	return false;
}

void
buf_add_utf8(struct buf *b, struct str s)
{
	while (s.n > 0) {
		size_t good = 0, n = 0;

		do {
			good += str_ascii(str_skip(s, good));
			n = str_utf8_char(str_skip(s, good));
			good += n;
		} while (n > 0);
		buf_add(b, (struct str){s.p, good});
		s = str_skip(s, good);
		if (s.n == 0)
			return;
		next_char(s, &n);
		buf_add(b, REPLACEMENT);
		s = str_skip(s, n);
	}
}

static void
add_escaped(struct buf *b, unsigned char c)
{
	switch (c) {
	case '"':
		buf_add(b, STR("\\\""));
		break;
	case '\\':
		buf_add(b, STR("\\\\"));
		break;
	case '\n':
		buf_add(b, STR("\\n"));
		break;
	case '\r':
		buf_add(b, STR("\\r"));
		break;
	case '\t':
		buf_add(b, STR("\\t"));
		break;
	default:
		buf_printf(b, "\\u%04x", c);
	}
}

/* How many bytes from s on, eight by eight, are ASCII that stands for itself in a JSON string. */
static size_t
plain_eights(struct str s)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), high = ones << 7;
	size_t n = 0;

	for (uint64_t v; s.n - n >= sizeof v; n += sizeof v) {
		uint64_t quote, backslash;

		memcpy(&v, s.p + n, sizeof v);
		/* The high bit of a byte is set by what is in it, or below it, and not wanted: the first such byte is
		 * what matters (Anderson, Bit Twiddling Hacks, "hasless" and "hasvalue"). */
		quote = v ^ ones * '"';
		backslash = v ^ ones * '\\';
		if (((v | (v - ones * ' ') | (quote - ones) | (backslash - ones)) & high) != 0)
			break;
	}
	return n;
}

void
buf_add_json(struct buf *b, struct str s)
{
	size_t plain = plain_eights(s); /* bytes since the last flush that need no change */

	buf_add_char(b, '"');
	for (size_t i = plain; i < s.n;) {
		unsigned char c = (unsigned char)s.p[i];
		size_t n = 1;
		bool good = c < 0x80 || next_char(str_skip(s, i), &n);

		if (good && c >= 0x20 && c != '"' && c != '\\') {
			plain += n;
			i += n;
			continue;
		}
		buf_add(b, (struct str){s.p + i - plain, plain});
		plain = 0;
		if (good)
			add_escaped(b, c);
		else
			buf_add(b, REPLACEMENT);
		i += n;
		plain = plain_eights(str_skip(s, i));
		i += plain;
	}
	buf_add(b, (struct str){s.p + s.n - plain, plain});
	buf_add_char(b, '"');
}
