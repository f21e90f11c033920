/*
 * Whatever text and hits there are, what is shown is a JSON array of an odd number of strings, bounded, that begins and
 * ends between graphemes unless one alone is longer than the bound.
 */
#include "store/excerpt.h"

#include "base/json.h"
#include "fuzz.h"
#include "store/words.h"

enum { HITS = 4, JSON_TIMES = 6 /* bytes that one takes in JSON at most */, EDGES = 64 };

static void
count(void *ctx, struct str name, enum json_type type, struct str value)
{
	(void)name;
	(void)value;
	MUST(type == JSON_STRING);
	++*(size_t *)ctx;
}

/* The first hit of several bytes, as excerpt() would be told: by tokens, in their order. */
static void
add_hits(struct excerpt *x, const uint8_t *bytes)
{
	int token = 0;

	for (int i = 0; i < HITS; i++) {
		token += bytes[i] & 0x1F;
		if ((bytes[i] & 0x20) == 0 && !excerpt_hit(x, token, 1 + (bytes[i] >> 7), (bytes[i] & 0x40) != 0))
			return;
	}
}

static bool
on_border(struct str text, int at)
{
	struct str rest = text;

	while (rest.n > 0 && rest.p < text.p + at)
		rest = str_skip(rest, words_grapheme(rest));
	return rest.p == text.p + at;
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct excerpt x = {0};
	struct words w;
	struct str text;
	struct buf b;
	size_t strings = 0;

	if (n < HITS)
		return 0;
	text = (struct str){(const char *)bytes + HITS, n - HITS};
	add_hits(&x, bytes);
	words_begin(&w, text, false);
	while (words_next(&w) && excerpt_token(&x, text, (int)w.start, (int)w.end))
		;
	buf_init(&b, SIZE_MAX);
	excerpt_add(&x, &b, text);
	MUST(buf_ok(&b) && b.n <= JSON_TIMES * EXCERPT_BYTES + HITS * EDGES);
	MUST(0 <= x.start && x.start <= x.end && (size_t)x.end <= text.n && x.end - x.start <= EXCERPT_BYTES);
	MUST(json_array(buf_str(&b), 1, count, &strings) == JSON_OK && strings % 2 == 1);
	if (text.n <= EDGES)
		MUST(on_border(text, x.start) && on_border(text, x.end));
	buf_fini(&b);
	return 0;
}
