#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "event/loop.h"
#include "poll_state.h"

enum { JITTER_MAX_MS = 2000 };

/* A poll that waits in several rooms. */
struct many {
	struct fcgi_conn *conn;
	size_t n;
	struct waiter waiters[];
};

/* A parked poll, in its connection's slot: every byte counts, there may be tens of thousands. */
struct parked {
	struct slot slot;
	union {
		struct waiter one;
		struct many *many;
	} u;
	struct timer timer;
};
_Static_assert(sizeof(struct parked) <= 72, "with its connection a held poll has 96 bytes");

size_t
poll_slot_size(void)
{
	return sizeof(struct parked);
}

static struct fcgi_conn *
conn_of(struct parked *parked)
{
	return fcgi_of_slot(parked);
}

/* Unlinks a parked poll from its rooms and its timer; u.many is freed. */
static void
unpark(struct poll *p, struct parked *parked)
{
	parked->slot.parked = PARKED_NOT;
	loop_timer_clear(p->loop, &parked->timer);
	if (parked->slot.poll.is_many) {
		for (size_t i = 0; i < parked->u.many->n; i++)
			room_unwait(&parked->u.many->waiters[i]);
		free(parked->u.many);
	} else
		room_unwait(&parked->u.one);
	p->n_parked--;
}

/*
 * For a poll that is told so late that memory has lost a part of what it waited for: a reader reads all of it. The poll
 * has waited already, so it waits no more.
 */
static void
read_instead(struct poll *p, struct parked *parked, struct room *const *rooms, size_t n, int64_t since)
{
	struct poll_ask ask = {
	    .since = since, .limit = parked->slot.poll.limit, .preferred = parked->slot.poll.preferred};
	char names[STORE_ROOMS_MAX][MESSAGE_ROOM_MAX]; /* a room may be freed when nobody waits in it any more */

	for (size_t i = 0; i < n; i++) {
		struct str name = room_name(rooms[i]);

		ask.rooms.all = ask.rooms.all || room_is_all(rooms[i]);
		memcpy(names[i], name.p, name.n);
		ask.rooms.names[ask.rooms.n++] = (struct str){names[i], name.n};
	}
	unpark(p, parked);
	poll_read_store(p, conn_of(parked), &ask);
}

/*
 * Whether it may still be told of what is said in the room. false: answered. That is decided by the pass of this
 * moment, so nothing goes to one that was revoked; a poll of `*` that sees other rooms now comes back, and waits among
 * those that see the same.
 */
static bool
still_may(struct poll *p, struct parked *parked, const struct room *room, int64_t cursor)
{
	struct fcgi_conn *conn = conn_of(parked);
	const struct pass *pass = slot_pass(conn);
	char name[MESSAGE_ROOM_MAX];
	struct store_rooms rooms = {.names = {{name, room_name(room).n}}, .n = 1, .all = room_is_all(room)};
	struct poll_ask ask = {
	    .since = cursor, .limit = parked->slot.poll.limit, .preferred = parked->slot.poll.preferred};
	bool moved = rooms.all && room_sight(room) != (sight_everywhere(pass->sight, MAY_READ) ? NULL : pass->sight);

	if (!pass->revoked && pass->expires_ms > clock_wall_ms() && !moved &&
	    (rooms.all || sight_may(pass->sight, room_name(room)) & MAY_READ))
		return true;
	/* The room may be freed with its waiter. */
	memcpy(name, room_name(room).p, room_name(room).n);
	unpark(p, parked);
	if (!gate_still_may_read(p->gate, conn, &rooms))
		return false;
	/* What it sees now above its cursor, or that it is nothing: it may be more than it waited for. */
	ask.rooms = rooms;
	poll_read(p, conn, &ask);
	return false;
}

/* Answers a poll of one room with what there is; false when there is nothing to tell, and it waits on. */
static bool
tell_one(struct poll *p, struct parked *parked, struct room *room)
{
	struct waiter *w = &parked->u.one;
	struct poll_woken woken = {
	    waiter_since(w), parked->slot.poll.limit, parked->slot.poll.preferred, parked->slot.origin};
	struct blob *reply = NULL;

	if (!still_may(p, parked, room, woken.since))
		return true;
	if (room_was_reset(p->rooms, w)) {
		unpark(p, parked);
		poll_answer_send_reset(p, conn_of(parked), parked->slot.poll.preferred);
	} else if (woken.since < room_chain(room)->floor || room_is_far(room, woken.since))
		read_instead(p, parked, &room, 1, woken.since);
	else if (poll_answer_shared(p, room, &woken, &reply)) {
		unpark(p, parked);
		request_send(p->requests, conn_of(parked), reply);
	} else
		return false;
	return true;
}

static struct many *
many_of(struct waiter *w)
{
	return CONTAINER(w - waiter_index(w), struct many, waiters);
}

/* The same for a poll of several rooms; w is one of its waiters, and room that one's. */
static bool
tell_many(struct poll *p, struct room *room, struct waiter *w)
{
	struct many *many = many_of(w);
	struct parked *parked = fcgi_slot(many->conn);
	struct room *rooms[STORE_ROOMS_MAX];
	struct fcgi_conn *conn = many->conn;
	struct poll_answer a;
	bool below = false;

	for (size_t i = 0; i < many->n; i++) {
		rooms[i] = i == waiter_index(w) ? room : many->waiters[i].room;
		if (!still_may(p, parked, rooms[i], waiter_since(w)))
			return true;
		below = below || waiter_since(w) < room_chain(rooms[i])->floor;
	}
	if (room_was_reset(p->rooms, w)) {
		unpark(p, parked);
		poll_answer_send_reset(p, conn, parked->slot.poll.preferred);
		return true;
	}
	if (below) {
		read_instead(p, parked, rooms, many->n, waiter_since(w));
		return true;
	}
	poll_answer_begin(&a, p, parked->slot.poll.limit, false);
	if (!poll_answer_add_rooms(&a, rooms, many->n, waiter_since(w)))
		return false;
	unpark(p, parked);
	poll_answer_send(&a, conn, parked->slot.poll.preferred);
	return true;
}

static void
wake(void *ctx, struct room *room, struct waiter *w)
{
	struct parked *parked = CONTAINER(w, struct parked, u.one);

	if (!tell_one(ctx, parked, room))
		room_wait(room, w, ROOM_POLL, waiter_since(w));
}

static void
wake_many(void *ctx, struct room *room, struct waiter *w)
{
	if (!tell_many(ctx, room, w))
		room_wait(room, w, ROOM_POLL_MANY, waiter_since(w));
}

void
poll_judge(struct poll *p, struct fcgi_conn *conn)
{
	struct parked *parked = fcgi_slot(conn);
	struct many *many = parked->slot.poll.is_many ? parked->u.many : NULL;

	if (many == NULL)
		(void)still_may(p, parked, parked->u.one.room, waiter_since(&parked->u.one));
	for (size_t i = 0; many != NULL && i < many->n; i++)
		if (!still_may(p, parked, many->waiters[i].room, waiter_since(&many->waiters[i])))
			return;
}

/* Ends a parked poll: with the messages that it would have been told in its turn of the round, or with none. */
static void
end_parked(struct poll *p, struct parked *parked)
{
	struct waiter *w = parked->slot.poll.is_many ? &parked->u.many->waiters[0] : &parked->u.one;

	if (parked->slot.poll.is_many ? tell_many(p, w->room, w) : tell_one(p, parked, w->room))
		return;
	unpark(p, parked);
	poll_answer_send_empty(p, conn_of(parked), parked->slot.poll.preferred);
}

static void
late(void *ctx, struct timer *t)
{
	end_parked(ctx, CONTAINER(t, struct parked, timer));
}

void
poll_gone(struct poll *p, struct fcgi_conn *conn)
{
	unpark(p, fcgi_slot(conn));
}

/* Up to a tenth more, at most 2 s: without it, polls that came together would come back together for ever. */
static int64_t
jitter_ms(struct poll *p, int64_t wait_ms)
{
	int64_t most = wait_ms / 10 < JITTER_MAX_MS ? wait_ms / 10 : JITTER_MAX_MS;

	return (int64_t)jitter_below(&p->jitter, (uint64_t)(most + 1));
}

/* How long it is held: not longer than its pass is good. */
static int64_t
hold_ms(struct poll *p, struct fcgi_conn *conn, int64_t wait_ms)
{
	const struct pass *pass = slot_pass(conn);
	int64_t good_ms = pass->expires_ms == INT64_MAX ? INT64_MAX : pass->expires_ms - clock_wall_ms();
	int64_t hold = wait_ms + jitter_ms(p, wait_ms);

	return good_ms < hold ? (good_ms < 0 ? 0 : good_ms) : hold;
}

int
poll_park(struct poll *p, struct fcgi_conn *conn, const struct poll_ask *ask, struct room *const *rooms)
{
	struct parked *parked = fcgi_slot(conn);
	int64_t head = rooms_head(p->rooms);

	if (ask->rooms.n > 1) {
		struct many *many = calloc(1, sizeof *many + ask->rooms.n * sizeof many->waiters[0]);

		if (many == NULL)
			return -1;
		many->conn = conn;
		many->n = ask->rooms.n;
		for (size_t i = 0; i < many->n; i++) {
			many->waiters[i].index = i & 31;
			room_wait(rooms[i], &many->waiters[i], ROOM_POLL_MANY, head);
		}
		parked->u.many = many;
	} else
		room_wait(rooms[0], &parked->u.one, ROOM_POLL, head);
	parked->slot.poll.is_many = ask->rooms.n > 1;
	parked->slot.parked = PARKED_POLL;
	parked->slot.poll.limit = ask->limit;
	parked->slot.poll.preferred = ask->preferred;
	loop_timer_set(p->loop, &parked->timer, p->late_kind, hold_ms(p, conn, ask->wait_ms));
	p->n_parked++;
	return 0;
}

bool
poll_park_in_round(struct poll *p, struct fcgi_conn *conn, const struct poll_ask *ask, struct room *room)
{
	struct parked *parked = fcgi_slot(conn);

	if (ask->rooms.n != 1 || ask->no_gap || !room_gathers(room))
		return false;
	if (poll_park(p, conn, ask, &room) != 0)
		return false;
	room_unwait(&parked->u.one);
	room_wait(room, &parked->u.one, ROOM_POLL, ask->since);
	room_make_due(room);
	return true;
}

static void
end_if_parked(void *ctx, struct fcgi_conn *conn)
{
	struct parked *parked = fcgi_slot(conn);

	if (parked->slot.parked == PARKED_POLL)
		end_parked(ctx, parked);
}

void
poll_drain(struct poll *p)
{
	p->draining = true;
	fcgi_each_open(p->requests->fcgi, end_if_parked, p);
}

void
poll_parking_init(struct poll *p)
{
	p->jitter = jitter_new();
	p->late_kind = loop_timer_kind(p->loop, late, p);
	rooms_on_wake(p->rooms, ROOM_POLL, wake, p);
	rooms_on_wake(p->rooms, ROOM_POLL_MANY, wake_many, p);
}
