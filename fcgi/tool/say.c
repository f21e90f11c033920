#include "say.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool arrived = true;

/* The code point of a well-formed sequence of n bytes. */
static unsigned
code_point(const char *p, size_t n)
{
	unsigned v = (unsigned char)p[0];

	if (n > 1)
		v &= 0x7Fu >> n;
	for (size_t i = 1; i < n; i++)
		v = v << 6 | ((unsigned char)p[i] & 0x3Fu);
	return v;
}

/* Controls; line and paragraph ends; marks, embeddings, overrides and isolates of direction; characters without width.
 */
static bool
harmful(unsigned c)
{
	return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x061C || (c >= 0x200B && c <= 0x200F) ||
	       (c >= 0x2028 && c <= 0x202E) || (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF ||
	       (c >= 0xFFF9 && c <= 0xFFFB) || (c >= 0xE0000 && c <= 0xE007F);
}

enum { PIECE_SIZE = 16 };

/* Takes the first character, or a byte that is none, off *s, as it is printed. */
static struct str
next_piece(struct str *s, char piece[PIECE_SIZE])
{
	size_t n = str_utf8_char(*s);
	unsigned c = n == 0 ? (unsigned char)s->p[0] : code_point(s->p, n);
	struct str as_is = {s->p, n};

	*s = str_skip(*s, n == 0 ? 1 : n);
	if (n > 0 && !harmful(c))
		return as_is;
	return (struct str){piece, (size_t)snprintf(piece, PIECE_SIZE, n > 1 ? "\\u%04x" : "\\x%02x", c)};
}

void
say_add_safe(struct buf *b, struct str s)
{
	char piece[PIECE_SIZE];

	while (s.n > 0)
		buf_add(b, next_piece(&s, piece));
}

void
say_add_safe_json(struct buf *b, struct str json)
{
	while (json.n > 0) {
		size_t n = str_utf8_char(json);
		unsigned c = n == 0 ? 0xFFFD : code_point(json.p, n);

		if (n > 0 && !harmful(c))
			buf_add(b, (struct str){json.p, n});
		else if (c < 0x10000)
			buf_printf(b, "\\u%04x", c);
		else
			buf_printf(
			    b, "\\u%04x\\u%04x", 0xD800 + ((c - 0x10000) >> 10), 0xDC00 + ((c - 0x10000) & 0x3FF));
		json = str_skip(json, n == 0 ? 1 : n);
	}
}

size_t
say_width(struct str safe)
{
	size_t width = 0;

	for (size_t i = 0; i < safe.n; i++)
		width += ((unsigned char)safe.p[i] & 0xC0) != 0x80;
	return width;
}

/* Needs no memory, or nobody would be told that there is none. */
static bool
put_line(FILE *to, const char *before, struct str text)
{
	char line[1024], piece[PIECE_SIZE];
	size_t n = strlen(before);
	bool good = true;

	memcpy(line, before, n);
	while (text.n > 0) {
		struct str part = next_piece(&text, piece);

		memcpy(line + n, part.p, part.n);
		n += part.n;
		if (n + PIECE_SIZE >= sizeof line) {
			good = fwrite(line, 1, n, to) == n && good;
			n = 0;
		}
	}
	line[n++] = '\n';
	return fwrite(line, 1, n, to) == n && fflush(to) == 0 && good;
}

/* false: it did not get there, or not all of it. */
static bool
put(FILE *to, const char *before, const char *format, va_list arguments)
{
	char text[4096], *whole = NULL;
	struct str line = {text, 0};
	va_list again;
	bool good;
	int n;

	va_copy(again, arguments);
	n = vsnprintf(text, sizeof text, format, arguments);
	line.n = n < 0 ? 0 : (size_t)n;
	if (n >= (int)sizeof text) {
		n = vasprintf(&whole, format, again);
		line = n >= 0 ? (struct str){whole, (size_t)n} : (struct str){text, sizeof text - 1};
	}
	va_end(again);
	good = put_line(to, before, line) && n >= 0;
	if (line.p != text)
		free(whole);
	return good;
}

void
say_out(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	arrived = put(stdout, "", format, arguments) && arrived;
	va_end(arguments);
}

void
say_note(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)put(stderr, "", format, arguments);
	va_end(arguments);
}

void
say_error(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)put(stderr, "longline: ", format, arguments);
	va_end(arguments);
}

void
say_warning(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)put(stderr, "longline: warning: ", format, arguments);
	va_end(arguments);
}

bool
say_arrived(void)
{
	return arrived;
}

int
say_ask(const char *question)
{
	char answer[16];
	struct str text;

	if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
		return -1;
	fprintf(stderr, "%s [y/N] ", question);
	if (fgets(answer, sizeof answer, stdin) == NULL) {
		putc('\n', stderr);
		return 0;
	}
	text = str_of(answer);
	if (text.n > 0 && text.p[text.n - 1] == '\n')
		text.n--;
	text = str_trim(text);
	return str_eq_nocase(text, STR("y")) || str_eq_nocase(text, STR("yes"));
}
