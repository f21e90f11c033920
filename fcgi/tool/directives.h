/*
 * directives: the directives of a file of nginx's, one after the other.
 *
 * A directive is some words and a `;`, or a `{` whose block ends at a `}`. Comments are left out, and a word stands
 * without its quotes. It is for files that nginx takes: of any others it makes something, in a time that is
 * proportional to their length.
 */
#ifndef DIRECTIVES_H
#define DIRECTIVES_H

#include "base/str.h"

enum { DIRECTIVES_WORDS_MAX = 16 /* of one; what is behind them is left out */ };

enum directives_end { DIRECTIVE_PLAIN, DIRECTIVE_BEGINS, DIRECTIVE_ENDS };

/* A directive; at a block's end there are no words. The words live until it returns; n may be 0. */
typedef void directives_fn(void *ctx, const struct str *words, size_t n, enum directives_end end);

void directives_each(struct str text, directives_fn *fn, void *ctx);

#endif
