#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "access/access.h"
#include "session_state.h"

struct str
session_cursor_room(const struct session_cursor *c)
{
	return (struct str){c->room, c->room_n};
}

static void
drop_first(struct session_cursor *c)
{
	struct message *m = c->backlog[c->backlog_at++];

	c->session->unsaid->backlog_bytes -= m->size;
	message_drop(m);
}

void
session_drop_backlog(struct session_cursor *c)
{
	if (c->backlog == NULL)
		return;
	while (c->backlog_at < c->backlog_n)
		drop_first(c);
	c->session->unsaid->backlog_bytes -= budget_size(c->backlog);
	free(c->backlog);
	c->backlog = NULL;
	c->backlog_n = c->backlog_at = 0;
	session_count(c->session);
}

void
session_follow_reset(struct session_cursor *c)
{
	struct rooms *rooms = c->session->all->rooms;

	if (c->resets == (uint32_t)rooms_resets(rooms))
		return;
	session_drop_backlog(c);
	c->resets = (uint32_t)rooms_resets(rooms);
	c->since = rooms_head(rooms);
}

/* The next message for a cursor, NULL when memory has none; *behind when the database must be asked first. */
static struct message *
next_message(struct session *s, struct session_cursor *c, bool *behind)
{
	struct room *room;
	size_t place;

	*behind = false;
	session_follow_reset(c);
	if (!session_sees(c) || (c->welcome != NULL && (!c->replays || s->framed)))
		return NULL;
	if (c->backlog_at < c->backlog_n)
		return c->backlog[c->backlog_at];
	/* Nearly always nothing is newer; then the room need not be looked for. */
	if (c->since >= rooms_head(s->all->rooms))
		return NULL;
	room = room_find(s->all->rooms, session_cursor_room(c));
	if (c->since < (room == NULL ? rooms_floor(s->all->rooms) : room_chain(room)->floor) ||
	    (room != NULL && room_pruned(room) > c->since)) {
		*behind = true;
		return NULL;
	}
	if (room == NULL)
		return NULL;
	place = ring_above(room_chain(room), c->since);
	return place < room_chain(room)->n ? ring_at(room_chain(room), place) : NULL;
}

void
session_advance(struct session_cursor *c, struct message *m)
{
	c->since = m->f.id;
	if (c->backlog_at < c->backlog_n) {
		drop_first(c);
		if (c->backlog_at == c->backlog_n)
			session_drop_backlog(c);
	}
}

struct message *
session_first_message(struct session *s, struct session_cursor **from, struct session_cursor **behind)
{
	struct session_cursor *c;
	struct message *first = NULL;

	*behind = NULL;
	LIST_FOREACH (c, &s->cursors, link) {
		bool is_behind;
		struct message *m = next_message(s, c, &is_behind);

		if (is_behind)
			*behind = c;
		if (m != NULL && (first == NULL || m->f.id < first->f.id)) {
			first = m;
			*from = c;
		}
	}
	return first;
}

void
session_add_cursor(struct session *s, struct session_cursor *c, const struct session_start *start)
{
	assert(
	    start->room.n <= MESSAGE_ROOM_MAX && start->newest_max <= UINT32_MAX && start->variant < SESSION_VARIANTS);
	*c = (struct session_cursor){.session = s,
	    .since = start->since,
	    .resets = (uint32_t)rooms_resets(s->all->rooms),
	    /* It bounds what lies behind where it begins, not what it is slow to read afterwards. */
	    .newest_max = start->since < rooms_head(s->all->rooms) ? (uint32_t)start->newest_max : 0,
	    .variant = (uint8_t)start->variant,
	    .replays = start->replays,
	    .pass = start->pass,
	    .room = start->room.p,
	    .room_n = (uint8_t)start->room.n,
	    .channel = start->channel,
	    .passed = start->channel == NULL ? 0 : start->channel->next};
	LIST_INSERT_HEAD(&s->cursors, c, link);
	session_wake(s);
}

void
session_remove_cursor(struct session_cursor *c)
{
	if (c->session == NULL)
		return;
	if (c->welcome != NULL)
		c->welcome->opens = NULL;
	c->welcome = NULL;
	room_unwait(&c->waiter);
	session_channel_unwait(c);
	session_drop_backlog(c);
	session_stop_reading(c->session, c);
	LIST_REMOVE(c, link);
	sight_drop(c->sight);
	c->sight = NULL;
	c->session = NULL;
}
