#include "words.h"

#include <stdio.h>
#include <string.h>

#include <utf8proc.h>

#include "words_state.h"

/* Another one makes every index anew: raise it with whatever changes what tokens a text has. */
enum { OUR_VERSION = 1, ESC = 0x1B };

void
words_begin(struct words *w, struct str text, bool query)
{
	w->text = text;
	w->at = 0;
	w->query = query;
	w->run = w->n = w->units = 0;
	w->again = false;
	w->part = w->n_parts = 0;
}

/* Adds a grapheme to the token. */
static void
add(struct words *w, const struct words_unit *u)
{
	if (w->units++ == 0) {
		w->start = u->start;
		w->n = 0;
	}
	w->end = u->end;
	memcpy(w->token + w->n, u->bytes, u->n);
	w->n += u->n;
}

/*
 * Adds one of a run. Those of several characters have their number before them: otherwise one would be the beginning of
 * another that has marks besides, and be found where that is.
 */
static void
add_of_run(struct words *w, const struct words_unit *u)
{
	size_t at = w->units == 0 ? 0 : w->n;

	add(w, u);
	if (u->chars > 1) {
		memmove(w->token + at + 1, w->token + at, u->n);
		w->token[at] = (char)u->chars;
		w->n++;
	}
}

/* Ends the run: its last grapheme alone is a token. */
static void
end_run(struct words *w)
{
	w->kind = WORDS_LAST;
	w->alone = w->run == 1;
	w->units = 0;
	add_of_run(w, &w->last);
	w->run = 0;
}

/* Takes one of a run; true: there is a token. */
static bool
take_of_run(struct words *w)
{
	bool pair = w->run > 0;

	if (pair) {
		w->kind = WORDS_PAIR;
		w->units = 0;
		add_of_run(w, &w->last);
		add_of_run(w, &w->unit);
	}
	w->run = pair ? 2 : 1;
	w->last = w->unit;
	return pair;
}

/*
 * Words of ASCII alone, which most texts consist of. True: there is a token; false: none, or one has been begun, and
 * goes on with something else.
 */
static bool
next_ascii(struct words *w)
{
	const unsigned char *p = (const unsigned char *)w->text.p;
	size_t at = w->at, end = w->text.n, n = 0;

	while (at < end && p[at] < 0x80 && words_ascii[p[at]] == 0 && p[at] != ESC)
		at++;
	/* What is no ASCII may belong to the one before it. */
	if (at > w->at && at < end && p[at] >= 0x80)
		at--;
	w->at = at;
	if (end - at > WORDS_TOKEN_MAX)
		end = at + WORDS_TOKEN_MAX;
	while (at + n < end && p[at + n] < 0x80 && words_ascii[p[at + n]] != 0) {
		w->token[n] = (char)words_ascii[p[at + n]];
		n++;
	}
	if (n == 0)
		return false;
	w->kind = WORDS_WORD;
	w->letters = WORDS_OTHERS;
	w->start = at;
	if (at + n < w->text.n && (p[at + n] >= 0x80 || p[at + n] == ESC))
		n -= p[at + n] >= 0x80;
	else if (at + n < end || end == w->text.n) {
		w->units = w->n = n;
		w->end = w->at = at + n;
		return true;
	}
	w->units = w->n = n;
	w->end = w->at = at + n;
	return false;
}

/* Takes the unit into the token that is being made; true: the token is at its end. */
static bool
take(struct words *w)
{
	const struct words_unit *u = &w->unit;

	w->again = false;
	switch (u->kind) {
	case WORDS_PASS:
		return false;
	case WORDS_GAP:
		return w->units > 0;
	case WORDS_LETTER:
		if (w->run == 0 && w->n + u->n <= WORDS_TOKEN_MAX && (w->units == 0 || w->letters == u->letters)) {
			w->kind = WORDS_WORD;
			w->letters = u->letters;
			add(w, u);
			return false;
		}
		break;
	case WORDS_RUN:
		if (w->units == 0)
			return take_of_run(w);
		break;
	case WORDS_SOLO:
		if (w->units == 0 && w->run == 0) {
			w->kind = WORDS_SIGN;
			add(w, u);
			return true;
		}
		break;
	default:
		break;
	}
	/* It is the end of what there was, and then it is looked at again. */
	w->again = w->units > 0 || w->run > 0;
	if (w->units == 0 && w->run > 0) {
		end_run(w);
		return true;
	}
	return w->units > 0;
}

static bool
next(struct words *w)
{
	w->alone = false;
	w->units = w->n = 0;
	if (!w->again && w->run == 0 && w->n_parts == 0 && next_ascii(w))
		return true;
	for (;;) {
		if (!w->again)
			words_read(w);
		if (take(w))
			return true;
		if (w->unit.kind == WORDS_END && w->units == 0 && w->run == 0)
			return false;
	}
}

bool
words_next(struct words *w)
{
	struct words ahead;

	if (!next(w))
		return false;
	if (!w->query || w->kind != WORDS_LAST || w->alone)
		return true;
	ahead = *w;
	return next(&ahead);
}

struct words_term
words_term(struct str term)
{
	struct words_term is = {0};
	struct words w;

	words_begin(&w, term, true);
	while (words_next(&w)) {
		is.tokens++;
		is.prefix = w.kind == WORDS_LAST;
		is.last_kind = w.kind;
		is.last_units = w.units;
		is.last = (struct str){term.p + w.start, w.end - w.start};
	}
	return is;
}

const char *
words_version(char version[WORDS_VERSION_SIZE])
{
	snprintf(version, WORDS_VERSION_SIZE, "%d-%s", OUR_VERSION, utf8proc_unicode_version());
	return version;
}
