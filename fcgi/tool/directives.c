#include "directives.h"

#include <string.h>

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Without the blanks and comments in front. */
static struct str
skip(struct str text)
{
	for (;;) {
		while (text.n > 0 && is_blank(text.p[0]))
			text = str_skip(text, 1);
		if (text.n == 0 || text.p[0] != '#')
			return text;
		(void)str_cut(&text, '\n');
	}
}

/* Takes a word within quotes; what a backslash stands before is part of it. */
static struct str
quoted(struct str *text)
{
	char quote = text->p[0];
	size_t n = 1;
	struct str word;

	while (n < text->n && text->p[n] != quote)
		n += text->p[n] == '\\' && n + 1 < text->n ? 2 : 1;
	word = (struct str){text->p + 1, (n < text->n ? n : text->n) - 1};
	*text = str_skip(*text, n < text->n ? n + 1 : text->n);
	return word;
}

/* A `{` right behind a `$` belongs to the name of a variable. */
static struct str
plain(struct str *text)
{
	size_t n = 0;
	struct str word;

	while (n < text->n && !is_blank(text->p[n]) && text->p[n] != ';' &&
	       (text->p[n] != '{' || (n > 0 && text->p[n - 1] == '$'))) {
		bool variable = text->p[n] == '{';

		while (variable && n + 1 < text->n && text->p[n] != '}')
			n++;
		n += text->p[n] == '\\' && n + 1 < text->n ? 2 : 1;
	}
	word = (struct str){text->p, n};
	*text = str_skip(*text, n);
	return word;
}

void
directives_each(struct str text, directives_fn *fn, void *ctx)
{
	struct str words[DIRECTIVES_WORDS_MAX];
	size_t n = 0;

	for (text = skip(text); text.n > 0; text = skip(text)) {
		char c = text.p[0];

		if (c == ';' || c == '{' || (c == '}' && n == 0)) {
			text = str_skip(text, 1);
			fn(ctx, words, n, c == ';' ? DIRECTIVE_PLAIN : c == '{' ? DIRECTIVE_BEGINS : DIRECTIVE_ENDS);
			n = 0;
		} else {
			struct str word = c == '"' || c == '\'' ? quoted(&text) : plain(&text);

			if (n < DIRECTIVES_WORDS_MAX)
				words[n++] = word;
		}
	}
}
