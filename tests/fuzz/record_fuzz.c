/*
 * Records that come in any pieces lead to the same end as all at once.
 */
#include "web/record.h"

#include "fuzz.h"

struct outcome {
	enum record_result result;
	size_t body_n, params_n, over_n;
};

/* Walks as fcgi does: what is over the limit is taken out. */
static enum record_result
walk(struct record_walk *w, char *bytes, size_t *n, size_t body_max, struct outcome *o)
{
	for (;;) {
		size_t over;
		enum record_result result = record_walk(w, (struct str){bytes, *n}, body_max, &over);

		MUST(w->done <= *n);
		MUST(result == RECORD_BAD || w->body_n <= body_max);
		if (over == 0)
			return result;
		MUST(result == RECORD_PART && w->done + over <= *n);
		memmove(bytes + w->done, bytes + w->done + over, *n - w->done - over);
		*n -= over;
		o->over_n += over;
	}
}

static struct outcome
walk_pieces(const uint8_t *from, size_t n, size_t body_max, const uint8_t *sizes, size_t n_sizes)
{
	struct record_walk w = {0};
	struct outcome o = {.result = RECORD_PART};
	char *bytes = malloc(n + 1);
	size_t have = 0, took = 0;

	MUST(bytes != NULL);
	for (size_t i = 0; took < n && o.result == RECORD_PART; i++) {
		size_t piece = n_sizes == 0 ? n : (size_t)sizes[i % n_sizes] + 1;

		piece = piece < n - took ? piece : n - took;
		memcpy(bytes + have, from + took, piece);
		have += piece;
		took += piece;
		o.result = walk(&w, bytes, &have, body_max, &o);
	}
	/* Whole before the last byte has come: then what follows is too much. */
	if (o.result == RECORD_WHOLE && took < n)
		o.result = RECORD_BAD;
	o.body_n = w.body_n;
	o.params_n = w.params_n;
	free(bytes);
	return o;
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct outcome whole, pieces;
	size_t body_max, n_sizes;

	if (n < 6)
		return 0;
	body_max = (size_t)bytes[0] * 16;
	n_sizes = 1 + bytes[1] % 4;
	whole = walk_pieces(bytes + 6, n - 6, body_max, NULL, 0);
	pieces = walk_pieces(bytes + 6, n - 6, body_max, bytes + 2, n_sizes);
	MUST(whole.result == pieces.result);
	if (whole.result == RECORD_BAD)
		return 0;
	MUST(whole.body_n == pieces.body_n && whole.params_n == pieces.params_n && whole.over_n == pieces.over_n);
	MUST(whole.params_n <= RECORD_PARAMS_MAX);
	return 0;
}
