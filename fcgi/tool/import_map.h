/*
 * import_map: which id of the log an id of an export has become: spans of ids that were moved by the same distance.
 *
 * Worked case: into a log whose head is 100 come 5, 6 and 9, and somebody stores two messages behind 6. Then 5 and 6
 * are 101 and 102, and 9 is 107: from 7 on the distance is 98, not 96. So 8, which the file only names, is 106, and
 * never the message of somebody else.
 */
#ifndef IMPORT_MAP_H
#define IMPORT_MAP_H

#include "database.h"

struct import_map {
	struct import_span {
		int64_t from;     /* id of the file: this one and those behind it, up to the next span */
		int64_t distance; /* to the id of the log */
		bool there;       /* messages that the log had already */
	} * spans;
	size_t n, cap;
	size_t saved; /* so many stand in the log */
};

/* The span of an id; NULL: it is before the first. */
const struct import_span *import_map_find(const struct import_map *map, int64_t id);

/* From this id on it is so; from must not be below that of an earlier call. -1 without memory. */
int import_map_put(struct import_map *map, int64_t from, int64_t distance, bool there);

/* In a transaction: writes what is new to table meta, below `import:` and the hash; reads it; takes it out. -1, said.
 */
int import_map_save(struct import_map *map, struct database *d, const char *hash);
int import_map_load(struct import_map *map, struct database *d, const char *hash);
int import_map_forget(struct database *d, const char *hash);

void import_map_fini(struct import_map *map);

#endif
