#include "cursor.h"

#include "access/sight.h"

enum { NEWEST_MAX = 1000 };

bool
cursor_read(struct request *r, struct str value, struct cursor *c)
{
	uint64_t n;

	if (str_eq(value, STR("now")))
		return true;
	if (str_eq(value, STR("all"))) {
		c->since = 0;
		c->no_gap = true;
		return true;
	}
	if (value.n > 0 && value.p[0] == '-' && str_uint(str_skip(value, 1), NEWEST_MAX, &n) && n > 0) {
		c->newest = (int64_t)n;
		return true;
	}
	if (!str_uint(value, (uint64_t)MESSAGE_ID_MAX, &n))
		return request_refuse_parameter(
		    r, STR("since"), value, "an id (0 to 9007199254740991), now, all, or -1 to -1000");
	c->since = (int64_t)n;
	return true;
}

int
cursor_rooms(const struct store_rooms *asked, struct rooms *rooms, struct sight *sight, bool make,
    struct room *found[STORE_ROOMS_MAX])
{
	if (asked->all) {
		found[0] = sight_everywhere(sight, MAY_READ) ? room_all(rooms) : room_of_sight(rooms, sight);
		return found[0] == NULL ? -1 : 0;
	}
	for (size_t i = 0; i < asked->n; i++) {
		found[i] = make ? room_get(rooms, asked->names[i]) : room_find(rooms, asked->names[i]);
		if (make && found[i] == NULL)
			return -1;
	}
	return 0;
}

int64_t
cursor_newest(const struct store_rooms *asked, struct rooms *rooms, struct sight *sight, int64_t newest)
{
	struct room *found[STORE_ROOMS_MAX];

	if (asked->n > 1 || cursor_rooms(asked, rooms, sight, false, found) != 0 || found[0] == NULL)
		return -1;
	return room_before_newest(found[0], (size_t)newest);
}

void
cursor_walk_begin(struct cursor_walk *w, struct room *const *rooms, size_t n, int64_t since)
{
	w->rooms = rooms;
	w->n = n;
	for (size_t i = 0; i < n; i++)
		w->places[i] = rooms[i] == NULL ? 0 : room_above(rooms[i], since);
}

const struct message *
cursor_walk_next(struct cursor_walk *w)
{
	const struct message *first = NULL;
	size_t from = 0;

	for (size_t i = 0; i < w->n; i++)
		if (w->rooms[i] != NULL && w->places[i] < room_chain(w->rooms[i])->n) {
			const struct message *m = ring_at(room_chain(w->rooms[i]), w->places[i]);

			if (first == NULL || m->f.id < first->f.id) {
				first = m;
				from = i;
			}
		}
	if (first != NULL)
		w->places[from] = room_onward(w->rooms[from], w->places[from] + 1);
	return first;
}
