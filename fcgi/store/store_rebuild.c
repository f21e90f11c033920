#include "base/clock.h"
#include "index.h"
#include "store_writer.h"

enum { PIECE_US = 2000, ROWS_FIRST = 16, ROWS_LEAST = 4, ROWS_MOST = 256 };

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
	if (status == STORE_OK && s->rebuild_rows > 0)
		s->rebuild_rows = store_piece_size(s->rebuild_rows, news->took_us, PIECE_US, ROWS_LEAST, ROWS_MOST);
	return status;
}
