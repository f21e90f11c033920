#include "session_state.h"

enum {
	PACKETS_FEW = 16, /* python-engineio drops the connection above */
	PACKETS_MANY = 256,
};

/* In one reply. */
static unsigned
packets_max(const struct session *s)
{
	return s->few ? PACKETS_FEW : PACKETS_MANY;
}

_Static_assert(ROOM_SESSION_ANSWERS == 2 * SESSION_VARIANTS, "an answer for each variant, with few packets or many");

/* A parked GET, in its connection's slot. */
struct parked {
	struct slot slot;
	struct session *session;
};

size_t
session_slot_size(void)
{
	return sizeof(struct parked);
}

struct session *
session_of(struct fcgi_conn *conn)
{
	return ((struct parked *)fcgi_slot(conn))->session;
}

static struct blob *
make_reply(struct sessions *all, struct fcgi_conn *conn, struct str body)
{
	return request_text(all->requests, ((struct slot *)fcgi_slot(conn))->cors, body);
}

void
session_reply(struct sessions *all, struct fcgi_conn *conn, struct str body)
{
	(void)request_send(all->requests, conn, make_reply(all, conn, body));
}

struct fcgi_conn *
session_take_held(struct session *s)
{
	struct fcgi_conn *conn = s->held;
	struct session_cursor *c;

	if (conn == NULL)
		return NULL;
	s->held = NULL;
	((struct slot *)fcgi_slot(conn))->parked = PARKED_NOT;
	LIST_FOREACH (c, &s->cursors, link)
		room_unwait(&c->waiter);
	return conn;
}

/* The welcomes of cursors that have given to the body. Returns how many. */
static unsigned
take_owed(struct session *s, struct buf *body)
{
	struct session_cursor *c;
	unsigned n = 0;

	LIST_FOREACH (c, &s->cursors, link)
		if (c->shut && c->gave)
			n += session_take_queued(s, session_welcome(s, c), body);
	return n;
}

/* Fills the body of a reply with what there is. Returns the number of packets. */
static unsigned
fill(struct session *s, struct buf *body)
{
	unsigned n = 0, owed = 0, max = packets_max(s);
	struct session_cursor *from = NULL, *behind = NULL;

	session_drop_passing(s);
	if (s->ping_waits) {
		buf_add_char(body, '2');
		s->ping_waits = false;
		n++;
	}
	while (n + owed < max) {
		struct queued *q = STAILQ_FIRST(&s->queue);
		struct message *m = session_first_message(s, &from, &behind);
		size_t before = body->n, size = q == NULL ? 0 : q->packets->n;

		if (behind != NULL) {
			/* Nothing goes past what is still to be read. */
			session_read_behind(s, behind);
			break;
		}
		if (m == NULL && q == NULL)
			break;
		if (m != NULL && (q == NULL || m->f.id <= q->head)) {
			unsigned packets, owes = from->shut && !from->gave;

			session_add_separator(body);
			packets = s->layer->packets(s->layer->ctx, from, m, body);
			if (n > 0 && (n + packets + owed + owes > max || body->n > s->all->options.reply_max)) {
				body->n = before;
				break;
			}
			n += packets;
			owed += owes;
			from->gave = from->shut;
			session_advance(from, m);
		} else if (n > 0 && (n + owed + q->n > max || body->n + size > s->all->options.reply_max))
			break;
		else {
			owed -= q->opens != NULL && q->opens->gave;
			n += session_take_queued(s, q, body);
		}
	}
	return n + (owed > 0 ? take_owed(s, body) : 0);
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
	const struct ring_chain *chain;
	size_t place;

	if (s->state != SESSION_OPEN || s->ping_waits || !STAILQ_EMPTY(&s->queue) || c == NULL ||
	    LIST_NEXT(c, link) != NULL)
		return false;
	session_follow_reset(c);
	news->cursor = c;
	news->room = room_find(s->all->rooms, session_cursor_room(c));
	if (c->backlog != NULL || news->room == NULL)
		return false;
	chain = room_chain(news->room);
	place = ring_above(chain, c->since);
	if (c->since < chain->floor || place == chain->n)
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
	struct room_answer *a = room_session_answer(news->room, 2U * news->cursor->variant + s->few);

	if (a != NULL && (a->reply == NULL || a->first != news->first || a->head != news->last)) {
		blob_drop(a->reply);
		*a = (struct room_answer){.first = news->first, .head = news->last};
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

	LIST_FOREACH (c, &s->cursors, link) {
		if (c->since < rooms_head(rooms))
			c->since = rooms_head(rooms);
		if (c->waiter.room == NULL)
			wait_in(c, room_get(rooms, session_cursor_room(c)));
	}
}

/* What the reply holds is out of the queue, and behind the cursors: a session whose reply did not get away has a hole.
 */
static void
send_reply(struct session *s, struct blob *reply)
{
	if (!request_send(s->all->requests, session_take_held(s), reply))
		session_end(s, STR("1"));
}

/* The answer that only this session gets, kept at *shared for the next one unless shared is NULL. */
static void
answer(struct session *s, struct room_answer *shared, const struct news *news)
{
	struct buf *body = &s->all->body;
	struct blob *reply;
	unsigned n;

	buf_reset(body, 256 * 1024);
	n = fill(s, body);
	/* The close comes by itself: a client that finds it behind a packet forgets the packet. */
	if ((s->state == SESSION_CLOSING && n == 0 && s->reading == NULL) || !buf_ok(body)) {
		session_end(s, STR("1"));
		return;
	}
	if (n == 0) {
		/* One that comes while the daemon stops is not held. */
		if (s->reading == NULL && s->state == SESSION_OPEN && s->all->draining)
			session_end(s, STR("1"));
		else if (s->reading == NULL && s->state == SESSION_OPEN)
			wait(s);
		return;
	}
	reply = make_reply(s->all, s->held, buf_str(body));
	if (shared != NULL && reply != NULL) {
		shared->reply = blob_hold(reply);
		shared->last = news->cursor->since;
	}
	send_reply(s, reply);
}

void
session_flush(struct session *s)
{
	struct news news;
	struct room_answer *shared = NULL;

	/* A doomed one lacks what could not be queued: nothing must go past that. */
	if (s->held == NULL || s->reading != NULL || s->doomed)
		return;
	if (only_news(s, &news) && room_busy(news.room))
		shared = shared_answer(s, &news);
	if (shared == NULL || shared->reply == NULL) {
		answer(s, shared, &news);
		return;
	}
	news.cursor->since = shared->last;
	blob_hold(shared->reply);
	send_reply(s, shared->reply);
}

void
session_on_wake(void *ctx, struct room *room, struct waiter *w)
{
	struct session_cursor *c =
	    (struct session_cursor *)(void *)((char *)w - offsetof(struct session_cursor, waiter));

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
	    news.n >= packets_max(s))
		return false;
	wait_in(news.cursor, news.room);
	room_make_due(news.room);
	return true;
}

void
session_get(struct session *s, struct fcgi_conn *conn)
{
	struct parked *parked = fcgi_slot(conn);

	if (s->held != NULL) {
		/* Two clients with one session, or one that lost count: neither can go on. */
		request_reply(s->all->requests, conn, 400, STR("text/plain; charset=UTF-8"),
		    STR("Cache-Control: no-store\r\n"), STR(""));
		session_end(s, STR("1"));
		return;
	}
	if (s->state == SESSION_CLOSING && STAILQ_EMPTY(&s->queue)) {
		session_reply(s->all, conn,
		    STR("6\x1E"
		        "1"));
		session_end(s, STR("1"));
		return;
	}
	s->held = conn;
	parked->slot.parked = PARKED_SESSION;
	parked->session = s;
	if (!join_round(s))
		session_flush(s);
}

void
session_gone(struct session *s)
{
	(void)session_take_held(s);
	session_end(s, STR("1"));
}
