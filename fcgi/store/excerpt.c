#include "excerpt.h"

#include "words.h"

bool
excerpt_hit(struct excerpt *x, int token, int n_tokens, bool single)
{
	if (x->n_hits == 0) {
		x->first = token > EXCERPT_BEFORE ? token - EXCERPT_BEFORE : 0;
		x->last = x->first + EXCERPT_TOKENS;
	} else if (x->n_hits == EXCERPT_HITS || token >= x->last)
		return false;
	x->hits[x->n_hits++] =
	    (struct excerpt_hit){.from = token, .to = token + n_tokens, .single = single, .start = -1, .end = -1};
	return true;
}

bool
excerpt_token(struct excerpt *x, struct str text, int start, int end)
{
	int i = x->token++;

	if (x->last == 0)
		x->last = EXCERPT_TOKENS;
	if (i >= x->last) {
		x->cut = 1;
		return false;
	}
	if (i == x->first && i > 0)
		x->start = start;
	x->end = end;
	for (int k = 0; k < x->n_hits; k++) {
		struct excerpt_hit *h = &x->hits[k];

		if (i < h->from || i >= h->to)
			continue;
		if (h->start < 0)
			h->start = start;
		h->end = end;
		if (h->single && i == h->to - 1)
			h->end = start + (int)words_grapheme(str_skip(text, (size_t)start));
	}
	return true;
}

/* Where the excerpt ends for its bounds: between graphemes, unless there is none that is short enough. */
static int
bounded_end(const struct excerpt *x, struct str text)
{
	struct str rest = str_skip(text, (size_t)x->start);
	size_t n = (size_t)(x->end - x->start), at = 0;
	bool more = n > EXCERPT_BYTES;

	rest.n = more ? EXCERPT_BYTES : n;
	for (int graphemes = 0; at < rest.n && graphemes < EXCERPT_GRAPHEMES; graphemes++) {
		size_t length = words_grapheme(str_skip(rest, at));

		/* One that goes up to the bound may be longer. */
		if (more && at + length == rest.n)
			break;
		at += length;
	}
	if (at == 0)
		for (at = rest.n; at > 0 && at < n && ((unsigned char)rest.p[at] & 0xC0) == 0x80;)
			at--;
	return x->start + (int)at;
}

/* Makes it as short as it must be. */
static void
bound(struct excerpt *x, struct str text)
{
	int hit = x->n_hits > 0 && x->hits[0].start > 0 ? x->hits[0].start : x->start, end;

	if (!x->cut)
		x->end = (int)text.n;
	if (hit - x->start > EXCERPT_BEFORE_BYTES)
		x->start = (int)words_border(text, (size_t)(hit - EXCERPT_BEFORE_BYTES));
	end = bounded_end(x, text);
	x->cut |= end < x->end;
	x->end = end;
}

static void
add_part(struct buf *b, const char *before, struct str text, int from, int to, const char *after)
{
	struct buf part;

	buf_init(&part, SIZE_MAX);
	buf_add(&part, str_of(before));
	buf_add(&part, (struct str){text.p + from, to > from ? (size_t)(to - from) : 0});
	buf_add(&part, str_of(after));
	buf_add_json(b, buf_str(&part));
	b->failed = b->failed || !buf_ok(&part);
	buf_fini(&part);
}

void
excerpt_add(struct excerpt *x, struct buf *b, struct str text)
{
	const char *before;
	int from;

	bound(x, text);
	before = x->start > 0 ? "…" : "";
	from = x->start;
	buf_add_char(b, '[');
	for (int k = 0; k < x->n_hits; k++) {
		const struct excerpt_hit *h = &x->hits[k];
		int end = h->end < x->end ? h->end : x->end, start = h->start > from ? h->start : from;

		/* Two phrases may overlap; the second is shown as far as it goes on. */
		if (h->start < 0 || end <= start)
			continue;
		add_part(b, before, text, from, start, "");
		buf_add_char(b, ',');
		add_part(b, "", text, start, end, "");
		buf_add_char(b, ',');
		before = "";
		from = end;
	}
	add_part(b, before, text, from, x->end, x->cut ? "…" : "");
	buf_add_char(b, ']');
}
