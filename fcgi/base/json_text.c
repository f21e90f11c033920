#include "json_text.h"

#include <string.h>

#include "json.h"

/* The value of the four hex digits at i; 0 where there are fewer. */
static unsigned
hex4(struct str text, size_t i)
{
	unsigned v = 0;

	for (size_t end = i + 4; i < end; i++) {
		int digit = i < text.n ? str_hex(text.p[i]) : -1;

		if (digit < 0)
			return 0;
		v = v << 4 | (unsigned)digit;
	}
	return v;
}

/* The next escape of half a surrogate pair from *at on, whose backslash *at then is; false when there is none. */
static bool
next_lone_surrogate(struct str text, size_t *at)
{
	for (size_t i = *at; i + 1 < text.n; i++) {
		unsigned v;

		if (text.p[i] != '\\')
			continue;
		if (text.p[++i] != 'u')
			continue;
		v = hex4(text, i + 1);
		*at = i - 1;
		i += 4;
		if (v >= 0xDC00 && v <= 0xDFFF)
			return true;
		if (v < 0xD800 || v > 0xDBFF)
			continue;
		if (i + 6 >= text.n || text.p[i + 1] != '\\' || text.p[i + 2] != 'u')
			return true;
		v = hex4(text, i + 3);
		if (v < 0xDC00 || v > 0xDFFF)
			return true;
		i += 6;
	}
	return false;
}

bool
json_lone_surrogate(struct str text)
{
	size_t at = 0;

	return next_lone_surrogate(text, &at);
}

void
json_mend(char *p, size_t n)
{
	for (size_t at = 0; next_lone_surrogate((struct str){p, n}, &at); at += 6)
		memcpy(p + at, "\\ufffd", 6);
}

bool
json_nothing_behind(struct str text, size_t end)
{
	for (size_t i = end; i < text.n; i++)
		if (text.p[i] != ' ' && text.p[i] != '\t' && text.p[i] != '\n' && text.p[i] != '\r')
			return false;
	return true;
}

bool
json_has_control(struct str text)
{
	for (size_t i = 0; i < text.n; i++)
		if ((unsigned char)text.p[i] < 0x20 && text.p[i] != '\t' && text.p[i] != '\n' && text.p[i] != '\r')
			return true;
	return false;
}

bool
json_feed(yajl_handle yajl, struct str text)
{
	return yajl_parse(yajl, (const unsigned char *)text.p, text.n) == yajl_status_ok &&
	       yajl_complete_parse(yajl) == yajl_status_ok;
}
