#include "words_state.h"

enum {
	ESC = 0x1B,
	ESCAPE_MAX = 256, /* bytes; an unterminated one must not hide what is behind it */
	C1_LEAD = 0xC2,   /* of U+0080 to U+009F in UTF-8 */
	C1_FIRST = 0x80,
};

/* Behind the introducer: parameters, intermediates, and a final byte; 0: there is none. */
static size_t
control_sequence(struct str s, size_t at)
{
	while (at < s.n && at < ESCAPE_MAX && s.p[at] >= 0x30 && s.p[at] <= 0x3F)
		at++;
	while (at < s.n && at < ESCAPE_MAX && s.p[at] >= 0x20 && s.p[at] <= 0x2F)
		at++;
	return at < s.n && at < ESCAPE_MAX && s.p[at] >= 0x40 && s.p[at] <= 0x7E ? at + 1 : 0;
}

/* Behind the introducer: any text up to BEL or ST (ESC \ or U+009C); 0: there is none. */
static size_t
command_string(struct str s, size_t at)
{
	for (; at < s.n && at < ESCAPE_MAX; at++) {
		unsigned char c = (unsigned char)s.p[at];
		unsigned char next = at + 1 < s.n ? (unsigned char)s.p[at + 1] : 0;

		if (c == '\a')
			return at + 1;
		if ((c == ESC && next == '\\') || (c == C1_LEAD && next == 0x9C))
			return at + 2;
		/* Another one begins, or a line; so that no byte is looked at for many of them. */
		if (c == ESC || c == '\n' || (c == C1_LEAD && next >= C1_FIRST && next < C1_FIRST + 0x20))
			return 0;
	}
	return 0;
}

/* Behind the introducer: intermediates and a final byte, as in ESC ( B; 0: there is none. */
static size_t
short_sequence(struct str s, size_t at)
{
	size_t first = at;

	while (at < s.n && at < ESCAPE_MAX && s.p[at] >= 0x20 && s.p[at] <= 0x2F)
		at++;
	/* Without an intermediate only those of a digit or sign, as ESC 7; what looks like a word may be one. */
	return at < s.n && s.p[at] >= 0x30 && s.p[at] <= (at > first ? 0x7E : 0x3F) ? at + 1 : 0;
}

size_t
words_escape(struct str s)
{
	unsigned char c = s.n > 1 ? (unsigned char)s.p[0] : 0, kind;
	size_t n;

	if (c == ESC)
		kind = (unsigned char)s.p[1];
	else if (c == C1_LEAD && (unsigned char)s.p[1] >= C1_FIRST && (unsigned char)s.p[1] < C1_FIRST + 0x20)
		kind = (unsigned char)(s.p[1] - C1_FIRST + 0x40);
	else
		return 0;
	switch (kind) {
	case '[':
		n = control_sequence(s, 2);
		break;
	case ']': /* OSC */
	case 'P': /* DCS */
	case 'X': /* SOS */
	case '^': /* PM */
	case '_': /* APC */
		n = command_string(s, 2);
		break;
	default:
		return c == ESC ? short_sequence(s, 1) : 0;
	}
	/* Without an end it is just the introducer. */
	return n > 0 ? n : 2;
}
