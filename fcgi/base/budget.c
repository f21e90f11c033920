#include "budget.h"

#include <assert.h>
#include <malloc.h>
#include <stdlib.h>

#include "clock.h"
#include "log.h"

enum {
	RANKS = 64,           /* powers of two */
	SAY_AGAIN_MS = 10000, /* a limit that comes and goes does not fill the log */
};

TAILQ_HEAD(shares, budget_share);

struct kind {
	enum budget_order order;
	budget_end_fn *end; /* NULL: none of them goes */
	void *ctx;
	size_t bytes, bytes_max;
	uint64_t ended, ranks; /* a bit for each rank that has shares */
	struct shares lists[RANKS];
};

struct budget {
	size_t bytes, bytes_max;
	int64_t logged_ms; /* when the log was told last; 0: never */
	bool full;         /* it was told, and there is no room yet */
	struct kind kinds[BUDGET_KINDS];
};

static const char *const NAMES[BUDGET_KINDS] = {"sends", "queues", "posts", "passing", "events", "requests", "answers"};

const char *
budget_kind_name(enum budget_kind kind)
{
	return NAMES[kind];
}

size_t
budget_size(void *allocation)
{
	/* malloc keeps the size of each in front of it. */
	return allocation == NULL ? 0 : malloc_usable_size(allocation) + sizeof(size_t);
}

struct budget *
budget_new(size_t bytes_max)
{
	struct budget *b = calloc(1, sizeof *b);

	if (b == NULL)
		return NULL;
	b->bytes_max = bytes_max;
	for (int i = 0; i < BUDGET_KINDS; i++) {
		b->kinds[i].bytes_max = bytes_max;
		for (int rank = 0; rank < RANKS; rank++)
			TAILQ_INIT(&b->kinds[i].lists[rank]);
	}
	return b;
}

void
budget_free(struct budget *b)
{
	free(b);
}

void
budget_kind(
    struct budget *b, enum budget_kind kind, enum budget_order order, size_t bytes_max, budget_end_fn *end, void *ctx)
{
	struct kind *k;

	if (b == NULL)
		return;
	k = &b->kinds[kind];
	k->order = order;
	k->end = end;
	k->ctx = ctx;
	if (bytes_max > 0)
		k->bytes_max = bytes_max;
}

/* ---- the lists ---- */

static uint8_t
rank_of(const struct kind *k, size_t bytes)
{
	return k->order == BUDGET_SLOWEST ? 0 : (uint8_t)(63 - __builtin_clzll(bytes));
}

static void
list_add(struct kind *k, struct budget_share *share, uint8_t rank)
{
	share->rank = rank;
	TAILQ_INSERT_TAIL(&k->lists[rank], share, link);
	k->ranks |= UINT64_C(1) << rank;
}

static void
list_remove(struct kind *k, struct budget_share *share)
{
	TAILQ_REMOVE(&k->lists[share->rank], share, link);
	if (TAILQ_EMPTY(&k->lists[share->rank]))
		k->ranks &= ~(UINT64_C(1) << share->rank);
}

static void
count(struct budget *b, struct kind *k, size_t more, size_t less)
{
	assert(k->bytes + more >= less);
	k->bytes = k->bytes + more - less;
	b->bytes = b->bytes + more - less;
	if (b->bytes < b->bytes_max / 4)
		b->full = false;
}

static void
resize(struct budget *b, struct budget_share *share, enum budget_kind kind, size_t bytes)
{
	struct kind *k = &b->kinds[kind];
	uint8_t rank = bytes == 0 ? 0 : rank_of(k, bytes);

	assert(share->bytes == 0 || share->kind == kind);
	if (share->bytes > 0 && (bytes == 0 || rank != share->rank))
		list_remove(k, share);
	if (bytes > 0 && (share->bytes == 0 || rank != share->rank))
		list_add(k, share, rank);
	count(b, k, bytes, share->bytes);
	share->kind = (uint8_t)kind;
	share->bytes = bytes;
}

/* ---- too much ---- */

/* The kind that is to give up one of its own; NULL: all fits, or nobody can go. */
static struct kind *
over(struct budget *b)
{
	struct kind *most = NULL;

	for (struct kind *k = b->kinds; k < b->kinds + BUDGET_KINDS; k++) {
		if (k->end == NULL || k->ranks == 0)
			continue;
		if (k->bytes > k->bytes_max)
			return k;
		if (b->bytes > b->bytes_max && (most == NULL || k->bytes > most->bytes))
			most = k;
	}
	return most;
}

/* Said once, until there is room again. */
static void
say(struct budget *b, const struct kind *k)
{
	if (!b->full && (b->logged_ms == 0 || clock_ms() - b->logged_ms >= SAY_AGAIN_MS)) {
		log_warning("memory_full",
		    "kind=%s kind_bytes=%zu bytes=%zu max=%zu detail=\"the largest or slowest of them go\"",
		    NAMES[k - b->kinds], k->bytes, b->bytes, b->bytes_max);
		b->logged_ms = clock_ms();
	}
	b->full = true;
}

/* Ends who has to go. false: that is self. */
static bool
trim(struct budget *b, const struct budget_share *self)
{
	struct kind *k;

	while ((k = over(b)) != NULL) {
		struct budget_share *first = TAILQ_FIRST(&k->lists[63 - __builtin_clzll(k->ranks)]);
		size_t before = k->bytes;

		say(b, k);
		k->ended++;
		if (first == self)
			return false;
		k->end(k->ctx, first);
		assert(k->bytes < before);
	}
	return true;
}

bool
budget_set(struct budget *b, struct budget_share *share, enum budget_kind kind, size_t bytes)
{
	bool more;

	if (b == NULL)
		return true;
	more = bytes > share->bytes;
	resize(b, share, kind, bytes);
	/* A share that gives something back is often being ended. */
	return !more || trim(b, share);
}

void
budget_add(struct budget *b, enum budget_kind kind, size_t bytes)
{
	if (b != NULL)
		count(b, &b->kinds[kind], bytes, 0);
}

void
budget_sub(struct budget *b, enum budget_kind kind, size_t bytes)
{
	if (b != NULL)
		count(b, &b->kinds[kind], 0, bytes);
}

void
budget_moved(struct budget *b, struct budget_share *share)
{
	struct shares *list;

	if (b == NULL || share->bytes == 0)
		return;
	list = &b->kinds[share->kind].lists[share->rank];
	TAILQ_REMOVE(list, share, link);
	TAILQ_INSERT_TAIL(list, share, link);
}

bool
budget_take(struct budget *b, enum budget_kind kind, size_t bytes)
{
	struct kind *k;

	if (b == NULL)
		return true;
	k = &b->kinds[kind];
	if (k->bytes + bytes > k->bytes_max) {
		say(b, k);
		k->ended++;
		return false;
	}
	count(b, k, bytes, 0);
	return trim(b, NULL);
}

struct budget_counts
budget_counts(const struct budget *b)
{
	struct budget_counts counts = {.bytes = 0};

	if (b == NULL)
		return counts;
	counts.bytes_max = b->bytes_max;
	counts.bytes = b->bytes;
	for (int i = 0; i < BUDGET_KINDS; i++) {
		counts.kind_bytes[i] = b->kinds[i].bytes;
		counts.ended[i] = b->kinds[i].ended;
	}
	return counts;
}
