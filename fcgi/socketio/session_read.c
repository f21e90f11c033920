#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "session_state.h"
#include "store/readers.h"

enum { READ_LIMIT = 256 };

/* Messages that memory does not hold, on their way to a cursor. */
struct reading {
	struct read *read;
	struct sessions *all;
	struct session *session;       /* NULL: it ended meanwhile */
	struct session_cursor *cursor; /* NULL: it left meanwhile */
	uint64_t resets;
	struct store_tail tail;
	char room[MESSAGE_ROOM_MAX];
};

struct str
session_cursor_room(const struct session_cursor *c)
{
	return (struct str){c->room, c->room_n};
}

static void
drop_first(struct session_cursor *c)
{
	struct message *m = c->backlog[c->backlog_at++];

	c->session->backlog_bytes -= m->size;
	message_drop(m);
}

void
session_drop_backlog(struct session_cursor *c)
{
	if (c->backlog == NULL)
		return;
	while (c->backlog_at < c->backlog_n)
		drop_first(c);
	c->session->backlog_bytes -= budget_size(c->backlog);
	free(c->backlog);
	c->backlog = NULL;
	c->backlog_n = c->backlog_at = 0;
	session_count(c->session);
}

/* Takes what was read for c, which had nothing. */
static void
take_backlog(struct session_cursor *c, struct store_tail *tail)
{
	struct session *s = c->session;

	c->backlog = tail->messages;
	c->backlog_n = (uint16_t)tail->n;
	tail->messages = NULL;
	tail->n = 0;
	for (size_t i = 0; i < c->backlog_n; i++)
		s->backlog_bytes += c->backlog[i]->size;
	s->backlog_bytes += budget_size(c->backlog);
	if (!session_count(s))
		session_doom(s);
}

void
session_follow_reset(struct session_cursor *c)
{
	struct rooms *rooms = c->session->all->rooms;

	if (c->resets == rooms_resets(rooms))
		return;
	session_drop_backlog(c);
	c->resets = rooms_resets(rooms);
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
	if (c->welcome != NULL && !c->replays)
		return NULL;
	if (c->backlog_at < c->backlog_n)
		return c->backlog[c->backlog_at];
	/* Nearly always nothing is newer; then the room need not be looked for. */
	if (c->since >= rooms_head(s->all->rooms))
		return NULL;
	room = room_find(s->all->rooms, session_cursor_room(c));
	if (c->since < (room == NULL ? rooms_floor(s->all->rooms) : room_chain(room)->floor)) {
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

static void
done(void *ctx, enum store_status status)
{
	struct reading *r = ctx;
	struct session *s = r->session;
	struct session_cursor *c = r->cursor;

	if (s != NULL)
		s->reading = NULL;
	/* What was read of a log that was replaced meanwhile is dropped. */
	if (c != NULL && s != NULL && r->resets == rooms_resets(r->all->rooms)) {
		c->newest_max = 0;
		if (status == STORE_OK && r->tail.n > 0)
			take_backlog(c, &r->tail);
		else if (status == STORE_OK)
			c->since = r->tail.head; /* nothing up to there */
	}
	/* After a failure the session ends; the client comes back with a new one and asks again. */
	if (s != NULL && status != STORE_OK && status != STORE_STOPPED)
		session_end(s, STR("1"));
	else if (s != NULL)
		session_wake(s);
	store_tail_fini(&r->tail);
	free(r);
}

void
session_read_behind(struct session *s, struct session_cursor *c)
{
	struct reading *r = calloc(1, sizeof *r);

	if (r == NULL) {
		session_close(s);
		return;
	}
	*r = (struct reading){.all = s->all, .session = s, .cursor = c, .resets = rooms_resets(s->all->rooms)};
	memcpy(r->room, c->room, c->room_n);
	r->tail = (struct store_tail){.room = {r->room, c->room_n},
	    .since = c->since,
	    .head = rooms_head(s->all->rooms),
	    .limit = READ_LIMIT,
	    .bytes_max = s->all->options.reply_max,
	    .newest_max = c->newest_max};
	r->read = readers_tail(s->all->readers, &r->tail, done, r);
	if (r->read != NULL) {
		s->reading = r;
		return;
	}
	/* A cursor must not go past what was not read: the client comes back and asks again. */
	free(r);
	session_close(s);
}

void
session_stop_reading(struct session *s)
{
	if (s->reading == NULL)
		return;
	readers_cancel(s->reading->read);
	s->reading->session = NULL;
}

void
session_add_cursor(struct session *s, struct session_cursor *c, const struct session_start *start)
{
	assert(
	    start->room.n <= MESSAGE_ROOM_MAX && start->newest_max <= UINT32_MAX && start->variant < SESSION_VARIANTS);
	*c = (struct session_cursor){.session = s,
	    .since = start->since,
	    .resets = rooms_resets(s->all->rooms),
	    .newest_max = (uint32_t)start->newest_max,
	    .variant = (uint8_t)start->variant,
	    .replays = start->replays,
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
	if (c->session->reading != NULL && c->session->reading->cursor == c) {
		readers_cancel(c->session->reading->read);
		c->session->reading->cursor = NULL;
	}
	LIST_REMOVE(c, link);
	c->session = NULL;
}
