#include "base/clock.h"
#include "index.h"
#include "store_writer.h"

enum { PIECE_US = 2000, ROWS_FIRST = 16, ROWS_LEAST = 4, ROWS_MOST = 256 };

/*
 * Whether a new index would take the database beyond what it may have, roughly: it takes half as much as all that was
 * there before it. What is free in the file is used again. At each piece it is the same, or one would stop half made.
 */
static bool
too_large(struct store *s)
{
	double part = index_part_left(s);
	int64_t pages = store_number(s, "PRAGMA page_count", 0) - store_number(s, "PRAGMA freelist_count", 0);
	double bytes = (double)pages * (double)store_number(s, "PRAGMA page_size", 0);
	double before = bytes / (1 + (1 - part) / 2);

	return part > 0 && 1.5 * before > (double)s->options.database_max;
}

int
store_rebuild_if_room(struct store *s, struct store_news *news)
{
	news->rebuild_short = s->options.database_max > 0 && too_large(s);
	if (news->rebuild_short)
		return s->trouble == SQLITE_OK ? SQLITE_DONE : s->trouble;
	return store_rebuild_piece(s, news);
}

int
store_rebuild_piece(struct store *s, struct store_news *news)
{
	if (s->rebuild_rows == 0)
		s->rebuild_rows = ROWS_FIRST;
	return index_rebuild(s, s->rebuild_rows, &news->rebuild_left, &news->rebuilding);
}

enum store_status
store_rebuild(struct store *s, int64_t floor, struct store_news *news)
{
	int64_t began = clock_us();
	enum store_status status = store_tell(s, floor, news, STORE_REBUILD, 0, NULL);

	/* With its commit: FTS5 writes then what came in. */
	news->took_us = clock_us() - began;
	if (status == STORE_OK && s->rebuild_rows > 0 && !news->rebuild_short)
		s->rebuild_rows = store_piece_size(s->rebuild_rows, news->took_us, PIECE_US, ROWS_LEAST, ROWS_MOST);
	return status;
}
