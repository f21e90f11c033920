#include "json.h"

#include <string.h>

/*
 * One pass without a library, for rows of the database: nearly all of them are good, and to have each parsed would cost
 * more than to send it. What it cannot be sure of, json_array() decides.
 */
enum { DEPTH_MAX = 64 };

static size_t
skip_blanks(struct str t, size_t i)
{
	while (i < t.n && (t.p[i] == ' ' || t.p[i] == '\t' || t.p[i] == '\n' || t.p[i] == '\r'))
		i++;
	return i;
}

/* Where the escape ends whose backslash is at i; 0: not certain. */
static size_t
escape_end(struct str t, size_t i)
{
	if (++i >= t.n)
		return 0;
	if (t.p[i] != 'u')
		return memchr("\"\\/bfnrt", t.p[i], 8) == NULL ? 0 : i + 1;
	if (t.n - i < 5)
		return 0;
	for (size_t k = 1; k <= 4; k++)
		if (str_hex(t.p[i + k]) < 0)
			return 0;
	/* A surrogate, which may be half of a pair. */
	if ((t.p[i + 1] | 0x20) == 'd' && str_hex(t.p[i + 2]) >= 8)
		return 0;
	return i + 5;
}

/* Where the string ends whose quote is at i; 0: not certain. */
static size_t
string_end(struct str t, size_t i)
{
	if (i >= t.n || t.p[i] != '"')
		return 0;
	for (i++; i < t.n;) {
		unsigned char c = (unsigned char)t.p[i];

		if (c == '"')
			return i + 1;
		if (c < 0x20)
			return 0;
		if (c != '\\')
			i++;
		else if ((i = escape_end(t, i)) == 0)
			return 0;
	}
	return 0;
}

static size_t
digits_end(struct str t, size_t i)
{
	size_t from = i;

	while (i < t.n && t.p[i] >= '0' && t.p[i] <= '9')
		i++;
	return i == from ? 0 : i;
}

/* Where the number ends that begins at i; 0: it is none. */
static size_t
number_end(struct str t, size_t i)
{
	size_t from;

	if (t.p[i] == '-')
		i++;
	from = i;
	if ((i = digits_end(t, i)) == 0 || (t.p[from] == '0' && i > from + 1))
		return 0;
	if (i < t.n && t.p[i] == '.' && (i = digits_end(t, i + 1)) == 0)
		return 0;
	if (i < t.n && (t.p[i] | 0x20) == 'e') {
		i++;
		if (i < t.n && (t.p[i] == '+' || t.p[i] == '-'))
			i++;
		i = digits_end(t, i);
	}
	return i;
}

/* Where the string, number or word ends that begins at i; 0: not certain. */
static size_t
scalar_end(struct str t, size_t i)
{
	struct str rest = {t.p + i, t.n - i};

	switch (t.p[i]) {
	case '"':
		return string_end(t, i);
	case 't':
		return str_starts(rest, STR("true")) ? i + 4 : 0;
	case 'f':
		return str_starts(rest, STR("false")) ? i + 5 : 0;
	case 'n':
		return str_starts(rest, STR("null")) ? i + 4 : 0;
	default:
		return number_end(t, i);
	}
}

/* Where the value of the name at i begins; 0: not certain. */
static size_t
name_end(struct str t, size_t i)
{
	if ((i = string_end(t, i)) == 0)
		return 0;
	i = skip_blanks(t, i);
	return i < t.n && t.p[i] == ':' ? skip_blanks(t, i + 1) : 0;
}

/* The arrays and objects that are open. */
struct nesting {
	uint64_t maps; /* a bit for each, set for an object */
	int depth;
};

static bool
in_map(const struct nesting *open)
{
	return open->maps >> (open->depth - 1) & 1;
}

/* Opens what begins at i, and returns where its first value begins, or, if it is empty, its end; 0: not certain. */
static size_t
open_one(struct str t, size_t i, struct nesting *open, bool *empty)
{
	bool map = t.p[i] == '{';

	if (open->depth == DEPTH_MAX)
		return 0;
	open->maps = (open->maps & ~(UINT64_C(1) << open->depth)) | (uint64_t)map << open->depth;
	open->depth++;
	i = skip_blanks(t, i + 1);
	if (i == t.n)
		return 0;
	*empty = t.p[i] == (map ? '}' : ']');
	return map && !*empty ? name_end(t, i) : i;
}

/* Behind a value: closes what ends there, up to where another value begins. 0: not certain; t.n: all was closed. */
static size_t
close_some(struct str t, size_t i, struct nesting *open)
{
	for (;;) {
		i = skip_blanks(t, i);
		if (open->depth == 0)
			return i == t.n ? i : 0;
		if (i == t.n)
			return 0;
		if (t.p[i] == ',') {
			i = skip_blanks(t, i + 1);
			return in_map(open) ? name_end(t, i) : i;
		}
		if (t.p[i] != (in_map(open) ? '}' : ']'))
			return 0;
		open->depth--;
		i++;
	}
}

bool
json_certain(struct str text)
{
	struct nesting open = {0};
	size_t i = skip_blanks(text, 0);
	bool empty;

	if (i == text.n || text.p[i] != '[')
		return false;
	while (i < text.n) {
		empty = false;
		if (text.p[i] == '[' || text.p[i] == '{') {
			if ((i = open_one(text, i, &open, &empty)) == 0)
				return false;
			if (!empty)
				continue;
		} else if ((i = scalar_end(text, i)) == 0)
			return false;
		if ((i = close_some(text, i, &open)) == 0 || open.depth == 0)
			return i != 0;
	}
	return false;
}
