/*
 * test_rooms: rooms on a loop of the test's own, and messages for them.
 */
#ifndef TEST_ROOMS_H
#define TEST_ROOMS_H

#include "live/room.h"
#include "store/message.h"
#include "test.h"

/* wake, with ctx, is for waiters of kind ROOM_POLL. The log is empty. */
static inline void
test_rooms_init(struct loop **loop, struct rooms **rooms, size_t ring_bytes, room_wake_fn *wake, void *ctx)
{
	*loop = loop_new();
	*rooms = rooms_new(*loop, ring_bytes);
	assert_non_null(*rooms);
	rooms_on_wake(*rooms, ROOM_POLL, wake, ctx);
	rooms_reset(*rooms, "epoch", 0);
	test_watchdog(30);
}

/* Nobody may wait any more. */
static inline void
test_rooms_fini(struct loop *loop, struct rooms *rooms)
{
	rooms_free(rooms);
	loop_free(loop);
	test_watchdog(0);
}

static inline struct message *
test_rooms_message(int64_t id, const char *room)
{
	struct message *m =
	    message_new(&(struct message_fields){.id = id, .room = str_of(room), .event = STR("e"), .body = STR("b")});

	assert_non_null(m);
	assert_int_equal(message_encode(m), 0);
	return m;
}

/* One message, as a batch of its own. Returns its id. */
static inline int64_t
test_rooms_publish(struct rooms *rooms, int64_t id, const char *room)
{
	rooms_publish(rooms, test_rooms_message(id, room));
	rooms_publish_end(rooms, id);
	return id;
}

#endif
