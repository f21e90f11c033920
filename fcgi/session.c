#include "session.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "loop.h"
#include "packet.h"
#include "readers.h"

enum {
	PACKETS_FEW = 16, /* python-engineio drops the connection above */
	PACKETS_MANY = 256,
	READ_LIMIT = 256,
	CLOSING_MS = 30000,
	PASSING_MAX = 64,
	PASSING_MS = 10000,
};

enum state { OPEN, CLOSING, ENDED };

struct queued {
	STAILQ_ENTRY(queued) link;
	struct blob *packets;
	unsigned n;
	int64_t head;
	int64_t until_ms; /* clock_ms() after which it is not worth telling; 0: it always is */
};

struct session {
	LIST_ENTRY(session) link;         /* in its place of the table */
	STAILQ_ENTRY(session) later_link; /* among those to be looked at, or freed, when the turn ends */
	struct sessions *all;
	const struct session_layer *layer;
	void *data;
	struct fcgi_conn *held;
	struct timer timer;
	int64_t ping_ms, dead_ms, connect_ms; /* clock_ms() at which each strikes; INT64_MAX: never */
	STAILQ_HEAD(, queued) queue;
	LIST_HEAD(, session_cursor) cursors;
	size_t queue_bytes, n_passing;
	struct reading *reading; /* a job reads for one of its cursors */
	uint8_t state;
	bool ping_waits, pong_waits, extended, few, later;
	bool doomed; /* it is ended when the turn is over: whoever queued may still use what it owns */
	uint8_t user_n;
	char id[TOKEN_ID_SIZE];
	char user[MESSAGE_SENDER_MAX];
};

LIST_HEAD(place, session);

struct sessions {
	struct session_options options;
	struct loop *loop;
	struct requests *requests;
	struct rooms *rooms;
	struct readers *readers;
	struct place *table;
	size_t places, n;
	STAILQ_HEAD(, session) later, ended;
	uint8_t timer_kind;
	bool draining;
	struct buf body;
};

/* A parked GET, in its connection's slot. */
struct parked {
	struct slot slot;
	struct session *session;
};

/* Messages that memory does not hold, on their way to a cursor. */
struct reading {
	struct job job;
	struct sessions *all;
	struct session *session;       /* NULL: it ended meanwhile */
	struct session_cursor *cursor; /* NULL: it left meanwhile */
	uint64_t resets;
	struct store_tail tail;
	char room[MESSAGE_ROOM_MAX];
	enum store_status status;
};

static struct place *
place_of(struct sessions *all, struct str id)
{
	uint64_t h = UINT64_C(14695981039346656037); /* FNV-1a */

	for (size_t i = 0; i < id.n; i++)
		h = (h ^ (unsigned char)id.p[i]) * UINT64_C(1099511628211);
	return &all->table[(h ^ h >> 32) & (all->places - 1)];
}

size_t
session_slot_size(void)
{
	return sizeof(struct parked);
}

size_t
sessions_count(const struct sessions *all)
{
	return all->n;
}

const char *
session_id(const struct session *s)
{
	return s->id;
}

struct str
session_user(const struct session *s)
{
	return (struct str){s->user, s->user_n};
}

void *
session_data(const struct session *s)
{
	return s->data;
}

void
session_set_data(struct session *s, void *data)
{
	s->data = data;
}

struct session *
session_of(struct fcgi_conn *conn)
{
	return ((struct parked *)fcgi_slot(conn))->session;
}

struct session *
session_find(struct sessions *all, const struct session_layer *layer, struct str id)
{
	struct session *s;

	LIST_FOREACH (s, place_of(all, id), link)
		if (s->layer == layer && str_eq(str_of(s->id), id))
			return s;
	return NULL;
}

void
session_wake(struct session *s)
{
	if (s->later || s->state == ENDED)
		return;
	s->later = true;
	STAILQ_INSERT_TAIL(&s->all->later, s, later_link);
}

/* ---- the heartbeat: one absolute deadline, and one timer for whatever is next ---- */

static void
set_timer(struct session *s)
{
	int64_t next = s->ping_ms < s->dead_ms ? s->ping_ms : s->dead_ms;

	if (s->connect_ms < next)
		next = s->connect_ms;
	next -= clock_ms();
	loop_timer_set(s->all->loop, &s->timer, s->all->timer_kind, next > 0 ? next : 0);
}

static void
beat(struct session *s)
{
	int64_t now = clock_ms();

	s->ping_ms = now + s->all->options.ping_interval_ms;
	s->dead_ms = s->ping_ms + s->all->options.ping_timeout_ms;
	s->pong_waits = s->extended = false;
	set_timer(s);
}

static void
on_timer(void *ctx, struct timer *t)
{
	struct session *s = (struct session *)(void *)((char *)t - offsetof(struct session, timer));
	int64_t now = clock_ms();

	(void)ctx;
	if (!session_alive(s))
		return;
	if (now >= s->connect_ms) {
		s->connect_ms = INT64_MAX;
		session_close(s);
	}
	if (now >= s->ping_ms) {
		/* The clock runs even if no GET is there to carry it. */
		s->ping_ms = INT64_MAX;
		s->ping_waits = s->pong_waits = true;
		session_wake(s);
	}
	if (s->state != ENDED)
		set_timer(s);
}

bool
session_alive(struct session *s)
{
	if (s->state != ENDED && (s->doomed || clock_ms() >= s->dead_ms))
		session_end(s, STR("1"));
	return s->state != ENDED;
}

void
session_connected(struct session *s)
{
	s->connect_ms = INT64_MAX;
}

/* ---- the held GET ---- */

static void
reply(struct sessions *all, struct fcgi_conn *conn, struct str body)
{
	request_reply(
	    all->requests, conn, 200, STR("text/plain; charset=UTF-8"), STR("Cache-Control: no-store\r\n"), body);
}

/* Takes the held GET, which its caller answers; NULL when there is none. */
static struct fcgi_conn *
take_held(struct session *s)
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

static struct str
room_of(const struct session_cursor *c)
{
	return (struct str){c->room, c->room_n};
}

static void
free_backlog(struct session_cursor *c)
{
	while (c->backlog_at < c->backlog_n)
		message_drop(c->backlog[c->backlog_at++]);
	free(c->backlog);
	c->backlog = NULL;
	c->backlog_n = c->backlog_at = 0;
}

/* The next message for a cursor, NULL when memory has none; *behind when the database must be asked first. */
static struct message *
next_message(struct session *s, struct session_cursor *c, bool *behind)
{
	struct room *room;
	size_t place;

	*behind = false;
	if (c->resets != rooms_resets(s->all->rooms)) {
		/* Another log stands here now: it goes on from its end. */
		free_backlog(c);
		c->resets = rooms_resets(s->all->rooms);
		c->since = rooms_head(s->all->rooms);
	}
	if (c->backlog_at < c->backlog_n)
		return c->backlog[c->backlog_at];
	room = room_find(s->all->rooms, room_of(c));
	if (c->since < (room == NULL ? rooms_floor(s->all->rooms) : room_chain(room)->floor)) {
		*behind = true;
		return NULL;
	}
	if (room == NULL)
		return NULL;
	place = ring_above(room_chain(room), c->since);
	return place < room_chain(room)->n ? ring_at(room_chain(room), place) : NULL;
}

/* The cursor has given m. */
static void
advance(struct session_cursor *c, struct message *m)
{
	c->since = m->f.id;
	if (c->backlog_at < c->backlog_n) {
		c->backlog_at++;
		message_drop(m);
		if (c->backlog_at == c->backlog_n)
			free_backlog(c);
	}
}

static void read_behind(struct session *s, struct session_cursor *c);

/* The message that comes first of all cursors'; NULL when there is none. *behind: one has to ask the database. */
static struct message *
first_message(struct session *s, struct session_cursor **from, struct session_cursor **behind)
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
add_separator(struct buf *body)
{
	if (body->n > 0)
		buf_add_char(body, PACKET_SEPARATOR);
}

static void
drop_queued(struct session *s, struct queued *q)
{
	STAILQ_REMOVE(&s->queue, q, queued, link);
	s->queue_bytes -= q->packets->n;
	s->n_passing -= q->until_ms != 0;
	blob_drop(q->packets);
	free(q);
}

/* Takes the first queued packets into the body. Returns how many. */
static unsigned
take_queued(struct session *s, struct buf *body)
{
	struct queued *q = STAILQ_FIRST(&s->queue);
	unsigned n = q->n;

	add_separator(body);
	buf_add(body, (struct str){q->packets->p, q->packets->n});
	drop_queued(s, q);
	return n;
}

static void drop_passing(struct session *s);

/* Fills the body of a reply with what there is. Returns the number of packets. */
static unsigned
fill(struct session *s, struct buf *body)
{
	unsigned n = 0, max = s->few ? PACKETS_FEW : PACKETS_MANY;
	struct session_cursor *from = NULL, *behind = NULL;

	drop_passing(s);
	if (s->ping_waits) {
		buf_add_char(body, '2');
		s->ping_waits = false;
		n++;
	}
	while (n < max) {
		struct queued *q = STAILQ_FIRST(&s->queue);
		struct message *m = first_message(s, &from, &behind);
		size_t before = body->n, size = q == NULL ? 0 : q->packets->n;

		if (behind != NULL) {
			/* Nothing goes past what is still to be read. */
			read_behind(s, behind);
			return n;
		}
		if (m == NULL && q == NULL)
			break;
		if (m != NULL && (q == NULL || m->f.id <= q->head)) {
			unsigned packets;

			add_separator(body);
			packets = s->layer->packets(s->layer->ctx, from, m, body);
			if (n > 0 && (n + packets > max || body->n > s->all->options.reply_max)) {
				body->n = before;
				break;
			}
			n += packets;
			advance(from, m);
		} else if (n > 0 && (n + q->n > max || body->n + size > s->all->options.reply_max))
			break;
		else
			n += take_queued(s, body);
	}
	return n;
}

/* Nothing is left for them: so far they know everything. */
static void
catch_up(struct session *s)
{
	struct session_cursor *c;

	LIST_FOREACH (c, &s->cursors, link)
		if (c->since < rooms_head(s->all->rooms))
			c->since = rooms_head(s->all->rooms);
}

static void
wait(struct session *s)
{
	struct session_cursor *c;

	catch_up(s);
	LIST_FOREACH (c, &s->cursors, link) {
		struct room *room = c->waiter.room == NULL ? room_get(s->all->rooms, room_of(c)) : NULL;

		/* Without memory for the room it is told with the next ping. */
		if (room != NULL)
			room_wait(room, &c->waiter, ROOM_SESSION, c->since);
	}
}

/* Answers the held GET if there is anything to say, or sees to it that it is told. */
static void
flush(struct session *s)
{
	struct buf *body = &s->all->body;
	unsigned n;

	if (s->held == NULL || s->reading != NULL)
		return;
	buf_reset(body, 256 * 1024);
	n = fill(s, body);
	/* The close comes by itself: a client that finds it behind a packet forgets the packet. */
	if (s->state == CLOSING && n == 0 && s->reading == NULL) {
		session_end(s, STR("1"));
		return;
	}
	if (n > 0)
		reply(s->all, take_held(s), buf_str(body));
	else if (s->reading == NULL && s->state == OPEN)
		wait(s);
}

static void
on_wake(void *ctx, struct room *room, struct waiter *w)
{
	struct session_cursor *c =
	    (struct session_cursor *)(void *)((char *)w - offsetof(struct session_cursor, waiter));

	(void)ctx;
	(void)room;
	flush(c->session);
}

/* ---- what memory does not hold ---- */

static void
read_run(void *store, struct job *job)
{
	struct reading *r = (struct reading *)(void *)job;

	r->status = store_tail(store, &r->tail);
}

static void
read_done(struct job *job)
{
	struct reading *r = (struct reading *)(void *)job;
	struct session *s = r->session;
	struct session_cursor *c = r->cursor;

	if (s != NULL)
		s->reading = NULL;
	/* What was read of a log that is another one by now is dropped. */
	if (c != NULL && s != NULL && r->resets == rooms_resets(r->all->rooms)) {
		c->newest_max = 0;
		if (r->status == STORE_OK && r->tail.n > 0) {
			c->backlog = r->tail.messages;
			c->backlog_n = r->tail.n;
			r->tail.messages = NULL;
			r->tail.n = 0;
		} else if (r->status == STORE_OK)
			c->since = r->tail.head; /* nothing up to there */
	}
	/* After a failure it comes back and asks again. */
	if (s != NULL && r->status != STORE_OK)
		session_end(s, STR("1"));
	else if (s != NULL)
		session_wake(s);
	store_tail_fini(&r->tail);
	free(r);
}

static void
read_behind(struct session *s, struct session_cursor *c)
{
	struct reading *r = calloc(1, sizeof *r);

	if (r == NULL) {
		session_close(s);
		return;
	}
	*r = (struct reading){.job = {.run = read_run, .done = read_done},
	    .all = s->all,
	    .session = s,
	    .cursor = c,
	    .resets = rooms_resets(s->all->rooms)};
	memcpy(r->room, c->room, c->room_n);
	r->tail = (struct store_tail){.room = {r->room, c->room_n},
	    .since = c->since,
	    .head = rooms_head(s->all->rooms),
	    .limit = READ_LIMIT,
	    .newest_max = c->newest_max};
	if (readers_add(s->all->readers, &r->job) == 0) {
		s->reading = r;
		return;
	}
	/* It must not go past what it has not read: it comes back and asks again. */
	free(r);
	session_close(s);
}

/* ---- requests ---- */

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
	if (s->state == CLOSING && STAILQ_EMPTY(&s->queue)) {
		reply(s->all, conn,
		    STR("6\x1E"
		        "1"));
		session_end(s, STR("1"));
		return;
	}
	s->held = conn;
	parked->slot.parked = PARKED_SESSION;
	parked->session = s;
	flush(s);
}

/* One packet of a POST; false: nothing after it counts. */
static bool
take_packet(struct session *s, struct str packet)
{
	struct str data = {packet.p + 1, packet.n - 1};
	struct buf bytes;
	bool good;

	if (packet.n == 0)
		return false;
	switch (packet.p[0]) {
	case '0': /* open, upgrade and noop mean nothing from a client */
	case '5':
	case '6':
		return true;
	case '1':
		session_end(s, STR("6"));
		return true;
	case '3':
		beat(s);
		return true;
	case '4':
		return s->layer->text(s->layer->ctx, s, data);
	case 'b':
		buf_init(&bytes, data.n + 1);
		token_add_decoded(&bytes, data);
		good = buf_ok(&bytes) && s->layer->binary(s->layer->ctx, s, buf_str(&bytes));
		buf_fini(&bytes);
		return good;
	default:
		return false;
	}
}

void
session_post(struct session *s, struct str body)
{
	struct packet_walk walk = {.rest = body};
	struct str packet;

	if (s->state != OPEN || s->doomed)
		return;
	if (s->pong_waits && !s->extended && !(body.n > 0 && body.p[0] == '3')) {
		/* It lives, though its pong is late: once it gets more time. */
		s->extended = true;
		s->dead_ms = clock_ms() + s->all->options.ping_timeout_ms;
	}
	while (s->state == OPEN && !s->doomed && packet_next(&walk, &packet))
		if (!take_packet(s, packet)) {
			session_end(s, STR("1"));
			return;
		}
}

bool
session_ready(const struct session *s)
{
	return s->held != NULL && STAILQ_EMPTY(&s->queue) && s->state == OPEN;
}

/* Those that are out of date, and the oldest when there are too many, make room for another. */
static void
drop_passing(struct session *s)
{
	struct queued *q, *next;
	int64_t now = clock_ms();

	for (q = STAILQ_FIRST(&s->queue); q != NULL && s->n_passing > 0; q = next) {
		next = STAILQ_NEXT(q, link);
		if (q->until_ms != 0 && (q->until_ms <= now || s->n_passing >= PASSING_MAX))
			drop_queued(s, q);
	}
}

/* Takes a holding of packets. */
static void
enqueue(struct session *s, struct blob *packets, unsigned n, int64_t until_ms)
{
	struct queued *q;

	if (s->state != OPEN || s->doomed || packets == NULL ||
	    packets->n > s->all->options.queue_bytes_max - s->queue_bytes || (q = malloc(sizeof *q)) == NULL) {
		blob_drop(packets);
		/* What cannot be said must not go missing in silence. */
		if (s->state == OPEN) {
			s->doomed = true;
			session_wake(s);
		}
		return;
	}
	*q = (struct queued){.packets = packets, .n = n, .head = rooms_head(s->all->rooms), .until_ms = until_ms};
	STAILQ_INSERT_TAIL(&s->queue, q, link);
	s->queue_bytes += packets->n;
	s->n_passing += until_ms != 0;
	session_wake(s);
}

void
session_queue(struct session *s, struct blob *packets, unsigned n)
{
	enqueue(s, packets, n, 0);
}

void
session_queue_passing(struct session *s, struct blob *packets, unsigned n)
{
	drop_passing(s);
	enqueue(s, packets, n, clock_ms() + PASSING_MS);
}

void
session_close(struct session *s)
{
	if (s->state != OPEN)
		return;
	s->state = CLOSING;
	s->ping_ms = INT64_MAX;
	if (s->dead_ms > clock_ms() + CLOSING_MS)
		s->dead_ms = clock_ms() + CLOSING_MS;
	set_timer(s);
	session_wake(s);
}

void
session_end(struct session *s, struct str packet)
{
	struct fcgi_conn *conn;

	if (s->state == ENDED)
		return;
	s->state = ENDED;
	conn = take_held(s);
	if (conn != NULL)
		reply(s->all, conn, packet);
	loop_timer_clear(s->all->loop, &s->timer);
	LIST_REMOVE(s, link);
	s->all->n--;
	s->layer->ended(s->layer->ctx, s);
	assert(LIST_EMPTY(&s->cursors));
	if (s->reading != NULL)
		s->reading->session = NULL;
	while (!STAILQ_EMPTY(&s->queue)) {
		struct queued *q = STAILQ_FIRST(&s->queue);

		STAILQ_REMOVE_HEAD(&s->queue, link);
		blob_drop(q->packets);
		free(q);
	}
	if (s->later)
		STAILQ_REMOVE(&s->all->later, s, session, later_link);
	STAILQ_INSERT_TAIL(&s->all->ended, s, later_link);
}

void
session_gone(struct session *s)
{
	(void)take_held(s);
	session_end(s, STR("1"));
}

void
session_add_cursor(struct session *s, struct session_cursor *c, struct str room, int64_t since, size_t newest_max)
{
	*c = (struct session_cursor){.session = s,
	    .since = since,
	    .resets = rooms_resets(s->all->rooms),
	    .newest_max = newest_max,
	    .room_n = (uint8_t)room.n};
	memcpy(c->room, room.p, room.n);
	LIST_INSERT_HEAD(&s->cursors, c, link);
	session_wake(s);
}

void
session_remove_cursor(struct session_cursor *c)
{
	if (c->session == NULL)
		return;
	room_unwait(&c->waiter);
	free_backlog(c);
	if (c->session->reading != NULL && c->session->reading->cursor == c)
		c->session->reading->cursor = NULL;
	LIST_REMOVE(c, link);
	c->session = NULL;
}

struct session *
session_new(struct sessions *all, const struct session_layer *layer, bool few, struct str user)
{
	struct session *s;

	if (all->draining || all->n >= all->options.sessions_max || (s = calloc(1, sizeof *s)) == NULL)
		return NULL;
	s->all = all;
	s->layer = layer;
	s->few = few;
	/* Cut, if need be, where no character is cut in two. */
	while (s->user_n < user.n && s->user_n < MESSAGE_SENDER_MAX) {
		size_t n = str_utf8_char((struct str){user.p + s->user_n, user.n - s->user_n});

		if (n == 0 || s->user_n + n > MESSAGE_SENDER_MAX)
			break;
		s->user_n = (uint8_t)(s->user_n + n);
	}
	memcpy(s->user, user.p == NULL ? "" : user.p, s->user_n);
	STAILQ_INIT(&s->queue);
	LIST_INIT(&s->cursors);
	token_id(s->id);
	LIST_INSERT_HEAD(place_of(all, str_of(s->id)), s, link);
	all->n++;
	s->connect_ms = clock_ms() + all->options.connect_timeout_ms;
	beat(s);
	if (layer->opened(layer->ctx, s) != 0) {
		session_end(s, STR("1"));
		return NULL;
	}
	return s;
}

/* Phase WAKE, after the rooms': those for whom something was queued. */
static bool
look_later(void *ctx)
{
	struct sessions *all = ctx;
	struct session *s;

	while ((s = STAILQ_FIRST(&all->later)) != NULL) {
		STAILQ_REMOVE_HEAD(&all->later, later_link);
		s->later = false;
		if (s->doomed)
			session_end(s, STR("1"));
		else
			flush(s);
	}
	return false;
}

static bool
sweep(void *ctx)
{
	struct sessions *all = ctx;
	struct session *s;

	while ((s = STAILQ_FIRST(&all->ended)) != NULL) {
		STAILQ_REMOVE_HEAD(&all->ended, later_link);
		free(s);
	}
	return false;
}

struct sessions *
sessions_new(struct loop *loop, const struct session_options *options, struct requests *requests, struct rooms *rooms,
    struct readers *readers)
{
	struct sessions *all = calloc(1, sizeof *all);

	if (all == NULL)
		return NULL;
	*all = (struct sessions){.options = *options,
	    .loop = loop,
	    .requests = requests,
	    .rooms = rooms,
	    .readers = readers,
	    .places = 1024};
	while (all->places < options->sessions_max && all->places < 1 << 20)
		all->places *= 2;
	all->table = calloc(all->places, sizeof *all->table);
	if (all->table == NULL) {
		free(all);
		return NULL;
	}
	STAILQ_INIT(&all->later);
	STAILQ_INIT(&all->ended);
	buf_init(&all->body, SIZE_MAX);
	all->timer_kind = loop_timer_kind(loop, on_timer, all);
	rooms_on_wake(rooms, ROOM_SESSION, on_wake, all);
	loop_hook(loop, LOOP_LATE, look_later, all);
	loop_hook(loop, LOOP_SWEEP, sweep, all);
	return all;
}

static void
each(struct sessions *all, void (*fn)(struct session *s))
{
	for (size_t i = 0; i < all->places; i++) {
		struct session *s, *next;

		for (s = LIST_FIRST(&all->table[i]); s != NULL; s = next) {
			next = LIST_NEXT(s, link);
			fn(s);
		}
	}
}

static void
let_go(struct session *s)
{
	if (s->held != NULL)
		session_end(s, STR("1"));
}

void
sessions_drain(struct sessions *all)
{
	all->draining = true;
	each(all, let_go);
}

static void
end_one(struct session *s)
{
	/* Its connection is gone already. */
	s->held = NULL;
	session_end(s, STR("1"));
}

void
sessions_free(struct sessions *all)
{
	if (all == NULL)
		return;
	each(all, end_one);
	sweep(all);
	buf_fini(&all->body);
	free(all->table);
	free(all);
}
