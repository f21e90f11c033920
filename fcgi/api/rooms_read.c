#include "rooms_read.h"

#include <string.h>

#include "web/request.h"

/* false: answered. */
static bool
add(struct request *r, struct str value, struct store_marks *marks)
{
	struct store_mark *mark = &marks->v[marks->n];
	struct str id = value, room = str_cut(&id, ':');
	uint64_t n;

	if (!message_room_ok(room) || !str_uint(id, (uint64_t)MESSAGE_ID_MAX, &n))
		return request_refuse_parameter(r, STR("read"), value,
		    "ROOM:ID, a room (1 to 64 of A-Z a-z 0-9 . _ -) and an id (0 to 9007199254740991)");
	for (size_t i = 0; i < marks->n; i++)
		if (str_eq(room, str_of(marks->v[i].room))) {
			request_fail(r->all, r->conn, PROBLEM_BAD_PARAMETER,
			    "parameter 'read' names room '%.*s' more than once", STR_ARGS(room));
			return false;
		}
	memcpy(mark->room, room.p, room.n);
	mark->room[room.n] = '\0';
	mark->read = (int64_t)n;
	marks->n++;
	return true;
}

bool
rooms_read(struct request *r, const struct query *q, struct store_marks *marks)
{
	marks->n = 0;
	for (size_t i = 0; i < q->n; i++) {
		if (!str_eq(q->fields[i].name, STR("read")))
			continue;
		if (marks->n == STORE_ROOMS_MAX) {
			request_fail(r->all, r->conn, PROBLEM_BAD_PARAMETER,
			    "parameter 'read' is given more than %d times", STORE_ROOMS_MAX);
			return false;
		}
		if (!add(r, q->fields[i].value, marks))
			return false;
	}
	return true;
}
