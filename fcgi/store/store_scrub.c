#include "base/clock.h"
#include "index.h"
#include "store_writer.h"

enum {
	PIECE_US = 3000, /* that a piece is to take */
	PAGES_FIRST = 16,
	PAGES_LEAST = 4,
	PAGES_MOST = 1024,
};

static void
begin(struct store *s)
{
	s->scrub.state = SCRUB_NOTES;
	s->scrub.passes = 0;
	s->scrub.notes = store_number(s, "SELECT max(seq) FROM changed", 0);
	if (s->scrub.pages == 0)
		s->scrub.pages = s->scrub.gap_pages = PAGES_FIRST;
}

static int
adapted(int pages, int64_t took_us)
{
	return store_piece_size(pages, took_us, PIECE_US, PAGES_LEAST, PAGES_MOST);
}

static int
scrub_index(struct store *s, bool first, struct store_news *news, int64_t began_us)
{
	int code = index_scrub(s, s->scrub.pages, first, &news->scrubbed);

	news->took_us = clock_us() - began_us;
	s->scrub.pages = adapted(s->scrub.pages, news->took_us);
	return code;
}

static int
scrub_gaps(struct store *s, struct store_news *news, int64_t began_us)
{
	int code = store_zero_gaps(s, s->scrub.gap_pages, &news->scrubbed);

	news->took_us = clock_us() - began_us;
	s->scrub.gap_pages = adapted(s->scrub.gap_pages, news->took_us);
	return code;
}

int
store_scrub_piece(struct store *s, struct store_news *news)
{
	int64_t began = clock_us();
	bool first;
	int code;

	if (s->scrub.state == SCRUB_NONE)
		begin(s);
	first = s->scrub.state == SCRUB_NOTES;
	if (first && store_number_with(s, "SELECT seq FROM changed WHERE seq <= ? LIMIT 1", s->scrub.notes, 0) != 0) {
		code = index_fill(s, s->head, news);
		news->took_us = clock_us() - began;
		return code;
	}
	/* What was deleted stands in an old index until that is gone. Whether there is room for a new one shows. */
	if (first && !index_rebuilt(s)) {
		code = store_rebuild_piece(s, news);
		news->erasing = index_erasing(s);
		news->took_us = clock_us() - began;
		return code;
	}
	if (first) {
		s->scrub.taken = index_taken(s);
		s->scrub.state = SCRUB_INDEX;
	}
	code = s->scrub.state == SCRUB_GAPS ? scrub_gaps(s, news, began) : scrub_index(s, first, news, began);
	news->erasing = index_erasing(s);
	return code;
}

/* Notes what is erased, in a transaction of its own. */
static int
note_erased(struct store *s, struct store_news *news)
{
	bool lowered = false;
	int code = store_begin(s, true);

	if (code != SQLITE_OK)
		return code;
	news->erased = s->scrub.taken - index_erased(s);
	code = index_set_erased(s, s->scrub.taken);
	news->erasing = index_erasing(s);
	if (code == SQLITE_DONE)
		code = index_lower(s, &lowered);
	if (code == SQLITE_DONE && s->trouble != SQLITE_OK)
		code = s->trouble;
	if (code == SQLITE_DONE)
		code = store_commit(s);
	s->seen = 0; /* what others committed before it was not told */
	if (lowered && code == SQLITE_OK)
		(void)store_reopen(s, false);
	return code;
}

enum store_status
store_scrub_end(struct store *s, struct store_news *news)
{
	enum store_status status;
	int code;

	/* Another file is taken up by the next job. */
	if (s->db == NULL || !s->started || (s->scrub.state != SCRUB_INDEX && s->scrub.state != SCRUB_GAPS) ||
	    store_moved(s))
		return STORE_FAILED;
	status = store_checkpoint(s, true);
	if (status != STORE_OK)
		return status;
	if (store_another_pass(s)) {
		s->scrub.state = SCRUB_GAPS;
		return STORE_OK;
	}
	code = store_sync_gaps(s);
	if (code == SQLITE_OK)
		code = note_erased(s, news);
	if (code != SQLITE_OK)
		return store_give_up(s, code, "note what is erased");
	s->scrub.state = SCRUB_NONE;
	news->scrubbed = true;
	return STORE_OK;
}
