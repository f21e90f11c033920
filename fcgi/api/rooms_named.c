#include "rooms_named.h"

#include "store/message.h"

bool
rooms_named(struct request *r, const struct query *q, struct str *names, size_t *n, size_t max, bool *all_rooms)
{
	*n = 0;
	*all_rooms = false;
	for (size_t i = 0; i < q->n; i++) {
		struct str name = q->fields[i].value;
		bool known = false;

		if (!str_eq(q->fields[i].name, STR("room")))
			continue;
		if (str_eq(name, STR("*"))) {
			*all_rooms = true;
			continue;
		}
		if (!message_room_ok(name)) {
			request_fail(r->all, r->conn, PROBLEM_BAD_PARAMETER,
			    "parameter 'room' must be 1 to %d of A-Z a-z 0-9 . _ - (or *), not '%.*s'",
			    MESSAGE_ROOM_MAX, STR_ARGS(request_shown(name)));
			return false;
		}
		for (size_t j = 0; j < *n; j++)
			known = known || str_eq(names[j], name);
		if (known)
			continue;
		if (*n == max) {
			request_fail(r->all, r->conn, PROBLEM_BAD_PARAMETER,
			    "parameter 'room' is given more than %zu times", max);
			return false;
		}
		names[(*n)++] = name;
	}
	if (*n == 0 && !*all_rooms)
		names[(*n)++] = STR("main");
	return true;
}
