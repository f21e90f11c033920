#include "rooms_named.h"

#include "live/gate.h"

bool
rooms_named(struct gate *g, struct request *r, const struct query *q, struct store_rooms *rooms)
{
	*rooms = (struct store_rooms){.n = 0};
	for (size_t i = 0; i < q->n; i++) {
		struct str name = q->fields[i].value;
		bool known = false;

		if (!str_eq(q->fields[i].name, STR("room")))
			continue;
		if (str_eq(name, STR("*"))) {
			rooms->all = true;
			continue;
		}
		if (!message_room_ok(name)) {
			request_fail(r->all, r->conn, PROBLEM_BAD_PARAMETER,
			    "parameter 'room' must be 1 to %d of A-Z a-z 0-9 . _ - (or *), not '%.*s'",
			    MESSAGE_ROOM_MAX, STR_ARGS(request_shown(name)));
			return false;
		}
		/* Beside a * too, or that would tell of it. */
		if (!gate_may(g, r, MAY_READ, name))
			return false;
		for (size_t j = 0; j < rooms->n; j++)
			known = known || str_eq(rooms->names[j], name);
		if (known)
			continue;
		if (rooms->n == STORE_ROOMS_MAX) {
			request_fail(r->all, r->conn, PROBLEM_BAD_PARAMETER,
			    "parameter 'room' is given more than %d times", STORE_ROOMS_MAX);
			return false;
		}
		rooms->names[rooms->n++] = name;
	}
	if (rooms->all) {
		/* Its names are forgotten, so they cannot be asked about once more when it is read. */
		bool sure = rooms->n == 0 || gate_sure(g, r);

		rooms->n = 1;
		return sure;
	}
	if (rooms->n == 0) {
		rooms->names[rooms->n++] = STR("main");
		return gate_may(g, r, MAY_READ, STR("main"));
	}
	return true;
}
