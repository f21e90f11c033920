#include "rooms_option.h"

#include "http.h"
#include "store/message.h"

struct adding_rooms {
	const struct call *call;
	struct buf *target;
	size_t n;
	bool all;
};

static int
add_room(void *ctx, const char *value)
{
	struct adding_rooms *a = ctx;
	struct str room = str_of(value);

	if (!str_eq(room, STR("*")) && !message_room_ok(room))
		return command_wrong(a->call, "-r is a room, 1 to 64 of A-Za-z0-9._-, or * for all, not '%s'", value);
	if (a->n++ == ROOMS_OPTION_MAX)
		return command_wrong(a->call, "-r may be given %d times", ROOMS_OPTION_MAX);
	a->all |= room.p[0] == '*';
	http_add_parameter(a->target, "room", room);
	return 0;
}

int
rooms_option_add(const struct call *call, struct buf *target, bool *several)
{
	struct adding_rooms a = {.call = call, .target = target};
	int result = command_each_value(call, "r", add_room, &a);

	*several = a.all || a.n > 1;
	return result;
}
