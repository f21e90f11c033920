#include "import_map.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "say.h"

enum { NAME_SIZE = 128, VALUE_SIZE = 64 };

const struct import_span *
import_map_find(const struct import_map *map, int64_t id)
{
	size_t low = 0, high = map->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (map->spans[middle].from <= id)
			low = middle + 1;
		else
			high = middle;
	}
	return low == 0 ? NULL : &map->spans[low - 1];
}

int
import_map_put(struct import_map *map, int64_t from, int64_t distance, bool there)
{
	struct import_span *last = map->n == 0 ? NULL : &map->spans[map->n - 1];
	struct import_span *grown;

	if (last != NULL && last->distance == distance && last->there == there)
		return 0;
	if (map->n == map->cap) {
		size_t cap = map->cap == 0 ? 64 : map->cap * 2;

		grown = realloc(map->spans, cap * sizeof *grown);
		if (grown == NULL) {
			say_error("out of memory");
			return -1;
		}
		map->spans = grown;
		map->cap = cap;
	}
	map->spans[map->n++] = (struct import_span){from, distance, there};
	return 0;
}

int
import_map_save(struct import_map *map, struct database *d, const char *hash)
{
	for (size_t i = map->saved; i < map->n; i++) {
		const struct import_span *s = &map->spans[i];
		char name[NAME_SIZE], value[VALUE_SIZE];
		struct database_value values[2];

		snprintf(name, sizeof name, "import:%s:%016zx", hash, i);
		snprintf(value, sizeof value, "%lld %lld %d", (long long)s->from, (long long)s->distance, s->there);
		values[0] = DATABASE_VALUE_TEXT(str_of(name));
		values[1] = DATABASE_VALUE_TEXT(str_of(value));
		if (database_run(d, "INSERT OR REPLACE INTO meta VALUES (?1, ?2)", values, 2, NULL, NULL) != 0)
			return -1;
	}
	map->saved = map->n;
	return 0;
}

static int
take_span(void *ctx, const struct database_row *row)
{
	char value[VALUE_SIZE];
	struct str text = database_text(row, 0);
	long long from, distance;
	int there;

	snprintf(value, sizeof value, "%.*s", STR_ARGS(text));
	if (sscanf(value, "%lld %lld %d", &from, &distance, &there) != 3) {
		say_error("what the log says of an earlier import of this file cannot be read: '%s'", value);
		return -1;
	}
	return import_map_put(ctx, from, distance, there != 0);
}

/* Names below it sort before `import:HASH;`. */
static struct database_value
range_of(const char *hash, char end, char name[NAME_SIZE])
{
	snprintf(name, NAME_SIZE, "import:%s%c", hash, end);
	return DATABASE_VALUE_TEXT(str_of(name));
}

int
import_map_load(struct import_map *map, struct database *d, const char *hash)
{
	char low[NAME_SIZE], high[NAME_SIZE];
	struct database_value values[] = {range_of(hash, ':', low), range_of(hash, ';', high)};
	int result = database_run(
	    d, "SELECT value FROM meta WHERE name > ?1 AND name < ?2 ORDER BY name", values, 2, take_span, map);

	map->saved = map->n;
	return result;
}

int
import_map_forget(struct database *d, const char *hash)
{
	char low[NAME_SIZE], high[NAME_SIZE];
	struct database_value values[] = {range_of(hash, ':', low), range_of(hash, ';', high)};

	return database_run(d, "DELETE FROM meta WHERE name > ?1 AND name < ?2", values, 2, NULL, NULL);
}

void
import_map_fini(struct import_map *map)
{
	free(map->spans);
	*map = (struct import_map){0};
}
