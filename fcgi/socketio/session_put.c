#include <assert.h>
#include <string.h>

#include "session_state.h"

_Static_assert(ROOM_SESSION_ANSWERS == 2 * SESSION_VARIANTS, "an answer for each variant, with few packets or many");

struct session_outlet *
session_take_outlet(struct session *s)
{
	struct session_outlet *o = s->outlet;
	struct session_cursor *c;

	if (o == NULL)
		return NULL;
	s->outlet = NULL;
	s->blocked = false;
	LIST_FOREACH (c, &s->cursors, link) {
		room_unwait(&c->waiter);
		session_channel_unwait(c);
	}
	return o;
}

void
session_say_last(struct session *s, struct str payload)
{
	struct session_outlet *o = session_take_outlet(s);

	if (o != NULL)
		o->transport->end(o, payload);
}

/* What a session in one room is to be told, when that is nothing but what memory holds of the room. */
struct news {
	struct session_cursor *cursor;
	struct room *room;
	int64_t first, last; /* ids */
	size_t n;            /* messages, some of which may not be packets for s */
};

static bool
only_news(struct session *s, struct news *news)
{
	struct session_cursor *c = LIST_FIRST(&s->cursors);
	struct session_cursor *to;
	const struct ring_chain *chain;
	size_t place;

	if (s->state != SESSION_OPEN || s->ping_waits || session_first_queued(s) != NULL || c == NULL ||
	    LIST_NEXT(c, link) != NULL || session_first_event(s, &to) != NULL)
		return false;
	session_follow_reset(c);
	if (!session_sees(c) || c->backlog != NULL || c->since >= rooms_head(s->all->rooms))
		return false;
	news->cursor = c;
	news->room = room_find(s->all->rooms, session_cursor_room(c));
	if (news->room == NULL)
		return false;
	chain = room_chain(news->room);
	place = ring_above(chain, c->since);
	if (c->since < chain->floor || place == chain->n || room_pruned(news->room) > c->since)
		return false;
	news->first = ring_at(chain, place)->f.id;
	news->last = ring_at(chain, chain->n - 1)->f.id;
	news->n = chain->n - place;
	return true;
}

/* Where the answer for all who stand where s stands is kept while a round of the room is under way, filled or not;
 * NULL: s has an answer of its own. */
static struct room_answer *
shared_answer(const struct session *s, const struct news *news)
{
	unsigned kind = ROOM_SESSION_ANSWER + 2U * news->cursor->variant + session_takes_few(s);
	struct room_answer *a = room_answer(news->room, kind, s->outlet->transport->form(s->outlet));

	if (a != NULL && (a->reply == NULL || a->first != news->first || a->head != news->last)) {
		blob_drop(a->reply);
		a->reply = NULL;
		a->first = news->first;
		a->head = news->last;
	}
	return a;
}

static void
wait_in(struct session_cursor *c, struct room *room)
{
	/* Without memory for the room it is told with the next ping. */
	if (room != NULL)
		room_wait(room, &c->waiter, ROOM_SESSION, c->since);
}

/* Nothing is left for it: so far it knows everything. */
static void
wait(struct session *s)
{
	struct rooms *rooms = s->all->rooms;
	struct session_cursor *c;

	session_said(s);
	LIST_FOREACH (c, &s->cursors, link) {
		if (c->since < rooms_head(rooms))
			c->since = rooms_head(rooms);
		if (c->waiter.room == NULL)
			wait_in(c, room_get(rooms, session_cursor_room(c)));
		session_channel_wait(c);
	}
}

/* Its outlet takes more. Nearly always there is nothing, and it waits at once, in no list of those to be looked at. */
static void
go_on(struct session *s)
{
	struct session_cursor *from, *behind, *to;

	if (s->state == SESSION_OPEN && !s->ping_waits && !s->doomed && !s->all->draining &&
	    session_first_queued(s) == NULL && session_first_event(s, &to) == NULL &&
	    session_first_message(s, &from, &behind) == NULL && behind == NULL)
		wait(s);
	else
		session_wake(s);
}

/* If the reply is lost, so are the packets in it, which are out of the queue: then the session ends. */
static void
send_reply(struct session *s, struct blob *reply)
{
	struct session_outlet *o = session_take_outlet(s);

	switch (o->transport->put(o, reply)) {
	case OUTLET_OPEN:
		s->outlet = o;
		go_on(s);
		break;
	case OUTLET_BLOCKED:
		s->outlet = o;
		s->blocked = true;
		break;
	case OUTLET_USED:
		break;
	case OUTLET_LOST:
		session_leave(s);
		break;
	}
}

/* The answer that only this session gets, kept at *shared for the next one unless shared is NULL. Whether there was
 * any. */
static bool
answer(struct session *s, struct room_answer *shared, const struct news *news)
{
	struct buf *body = &s->all->body;
	struct blob *reply;
	unsigned n;

	buf_reset(body, 256 * 1024);
	n = session_fill(s, body);
	/* The close comes by itself: a client that finds it behind a packet forgets the packet. */
	if ((s->state == SESSION_CLOSING && n == 0 && s->reading == NULL) || !buf_ok(body)) {
		session_end(s, STR("1"));
		return true;
	}
	if (n == 0) {
		/* One that comes while the daemon stops is not held; a WebSocket is closed in its turn. */
		if (s->reading == NULL && s->state == SESSION_OPEN && s->all->draining && !s->framed)
			session_leave(s);
		else if (s->reading == NULL && s->state == SESSION_OPEN)
			wait(s);
		return false;
	}
	reply = s->outlet->transport->wrap(s->outlet, buf_str(body), n);
	if (shared != NULL && reply != NULL) {
		shared->reply = blob_hold(reply);
		shared->last = news->cursor->since;
	}
	send_reply(s, reply);
	return true;
}

/* Whether all that it could be told is what passes, and that gathers. */
static bool
only_gathers(struct session *s)
{
	struct session_cursor *from, *behind;

	return s->state == SESSION_OPEN && !s->ping_waits && !s->all->draining && session_first_queued(s) == NULL &&
	       session_events_gather(s) && session_first_message(s, &from, &behind) == NULL && behind == NULL;
}

bool
session_tell(struct session *s)
{
	struct news news;
	struct room_answer *shared = NULL;

	/* A doomed one lacks what could not be queued: nothing must go past that. */
	if (!session_can_put(s) || s->reading != NULL || s->doomed)
		return false;
	if (session_is_barred(s)) {
		session_end(s, STR("1"));
		return true;
	}
	if (only_news(s, &news) && room_busy(news.room))
		shared = shared_answer(s, &news);
	if (shared == NULL || shared->reply == NULL)
		return answer(s, shared, &news);
	news.cursor->since = shared->last;
	blob_hold(shared->reply);
	send_reply(s, shared->reply);
	return true;
}

void
session_flush(struct session *s)
{
	if (session_can_put(s) && s->reading == NULL && !s->doomed && only_gathers(s))
		wait(s);
	else
		(void)session_tell(s);
}

void
session_on_wake(void *ctx, struct room *room, struct waiter *w)
{
	struct session_cursor *c = CONTAINER(w, struct session_cursor, waiter);

	(void)ctx;
	(void)room;
	session_flush(c->session);
}

/* A GET that comes while a round of its room is being told waits its turn, and gets what gathers meanwhile as well,
 * unless its answer is full already. */
static bool
join_round(struct session *s)
{
	struct news news;

	if (s->all->draining || s->reading != NULL || !only_news(s, &news) || !room_gathers(news.room) ||
	    news.n >= session_packets_max(s))
		return false;
	wait_in(news.cursor, news.room);
	room_make_due(news.room);
	return true;
}

bool
session_is_attached(const struct session *s)
{
	return s->outlet != NULL;
}

bool
session_is_framed(const struct session *s)
{
	return s->framed;
}

void
session_use_outlet(struct session *s, struct session_outlet *o, bool blocked)
{
	assert(s->outlet == NULL);
	o->session = s;
	if (o->transport->framed && !s->framed) {
		s->framed = true;
		s->all->n_framed++;
	}
	if (s->state == SESSION_CLOSING && session_first_queued(s) == NULL) {
		o->transport->end(o, STR("6\x1E"
		                         "1"));
		session_end(s, STR("1"));
		return;
	}
	s->outlet = o;
	s->blocked = blocked;
	session_account_outlet(s);
	if (!blocked && !join_round(s))
		session_flush(s);
	session_probe_held(s);
}

void
session_attach(struct session *s, struct session_outlet *o)
{
	session_use_outlet(s, o, false);
}

void
session_drained(struct session_outlet *o)
{
	if (session_is_probe(o)) {
		session_probe_drained(o->session);
		return;
	}
	o->session->blocked = false;
	session_flush(o->session);
}

void
session_detach(struct session_outlet *o)
{
	if (session_is_probe(o)) {
		session_probe_gone(o->session);
		return;
	}
	(void)session_take_outlet(o->session);
	session_leave(o->session);
}
