#include "poll.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "commit.h"
#include "loop.h"
#include "readers.h"
#include "room.h"

enum {
	WAIT_DEFAULT_MS = 25000,
	LIMIT_DEFAULT = 100,
	LIMIT_MAX = 1000,
	NEWEST_MAX = 1000,
	JITTER_MAX_MS = 2000,
};

/* What a poll asks for. */
struct ask {
	struct str rooms[STORE_ROOMS_MAX];
	size_t n_rooms;
	bool all_rooms;
	int64_t since;
	int64_t newest; /* > 0: since is the id before the newest-th newest message */
	bool looked;    /* what others committed before it came is known */
	bool no_gap;    /* since=all: nothing is missed by someone who begins */
	int64_t wait_ms;
	uint16_t limit;
	int8_t preferred; /* seconds taken from the Prefer header; -1: none */
};

/* A poll that waits in several rooms. */
struct many {
	struct fcgi_conn *conn;
	size_t n;
	struct waiter waiters[];
};

/* A parked poll, in its connection's slot: every byte counts, there may be tens of thousands. */
struct parked {
	struct slot slot;
	uint16_t limit;
	int8_t preferred;
	bool is_many;
	union {
		struct waiter one;
		struct many *many;
	} u;
	struct timer timer;
};

/* A poll that waits for a look or for a reader, with copies of all that it needs. */
struct reading {
	struct job job;
	struct poll *poll;
	uint64_t handle;
	struct ask ask;
	char names[STORE_ROOMS_MAX][MESSAGE_ROOM_MAX];
	uint64_t resets; /* rooms_resets() when it began */
	struct store_poll read;
	enum store_status status;
};

struct poll {
	struct poll_options options;
	struct loop *loop;
	struct requests *requests;
	struct rooms *rooms;
	struct readers *readers;
	struct commit *commit;
	uint8_t late_kind;
	size_t n_parked;
	bool draining;
	uint64_t random;
	struct room_answer empty; /* the answer for those who got nothing */
	uint64_t empty_resets;
	struct buf body;
};

/* An answer in the making. */
struct answer {
	struct buf *body;
	size_t n, from; /* messages so far; where they begin in body */
	int64_t last;
	bool more, gap, reset;
};

size_t
poll_slot_size(void)
{
	return sizeof(struct parked);
}

size_t
poll_parked(const struct poll *p)
{
	return p->n_parked;
}

static void
begin_answer(struct poll *p, struct answer *a)
{
	*a = (struct answer){.body = &p->body};
	buf_reset(a->body, 256 * 1024);
	buf_printf(a->body, "{\"epoch\":\"%s\",\"messages\":[", rooms_epoch(p->rooms));
	a->from = a->body->n;
}

/* false: the answer is full, and m is not in it. */
static bool
add_message(struct poll *p, struct answer *a, const struct message *m, size_t limit)
{
	if (a->n == limit || (a->n > 0 && a->body->n - a->from + m->json.n > p->options.reply_max)) {
		a->more = true;
		return false;
	}
	if (a->n++ > 0)
		buf_add_char(a->body, ',');
	buf_add(a->body, m->json);
	a->last = m->f.id;
	return true;
}

static void
end_answer(struct poll *p, struct answer *a)
{
	buf_printf(a->body, "],\"next\":%" PRId64 ",\"more\":%s%s%s}\n", a->more ? a->last : rooms_head(p->rooms),
	    a->more ? "true" : "false", a->reset ? ",\"reset\":true" : "", a->gap ? ",\"gap\":true" : "");
}

static struct blob *
make_reply(struct poll *p, const struct answer *a, bool cors, int preferred)
{
	char header[64] = "";

	if (preferred >= 0)
		snprintf(header, sizeof header, "Preference-Applied: wait=%d\r\n", preferred);
	return buf_ok(a->body) ? request_json(p->requests, cors, str_of(header), buf_str(a->body)) : NULL;
}

static void
send_answer(struct poll *p, struct fcgi_conn *conn, struct answer *a, int preferred)
{
	struct slot *slot = fcgi_slot(conn);

	end_answer(p, a);
	request_send(p->requests, conn, make_reply(p, a, slot->cors, preferred));
}

static void
send_reset(struct poll *p, struct fcgi_conn *conn, int preferred)
{
	struct answer a;

	begin_answer(p, &a);
	a.reset = true;
	send_answer(p, conn, &a, preferred);
}

/* Nothing came: the same bytes for all, as long as the head stays. */
static void
send_empty(struct poll *p, struct fcgi_conn *conn, int preferred)
{
	struct answer a;

	if (preferred < 0 && p->empty.reply != NULL && p->empty.head == rooms_head(p->rooms) &&
	    p->empty_resets == rooms_resets(p->rooms)) {
		request_send(p->requests, conn, blob_hold(p->empty.reply));
		return;
	}
	begin_answer(p, &a);
	if (preferred >= 0) {
		send_answer(p, conn, &a, preferred);
		return;
	}
	end_answer(p, &a);
	blob_drop(p->empty.reply);
	p->empty.reply = make_reply(p, &a, p->requests->cors != NULL, -1);
	p->empty.head = rooms_head(p->rooms);
	p->empty_resets = rooms_resets(p->rooms);
	request_send(p->requests, conn, p->empty.reply == NULL ? NULL : blob_hold(p->empty.reply));
}

/* What one room has above since, into the answer; false when there is nothing to tell. */
static bool
add_room(struct poll *p, struct answer *a, const struct room *room, int64_t since, size_t limit, bool no_gap)
{
	const struct ring_chain *chain = room_chain(room);

	for (size_t i = ring_above(chain, since); i < chain->n; i++)
		if (!add_message(p, a, ring_at(chain, i), limit))
			break;
	a->gap = a->gap || (!no_gap && room_deleted(room) > since);
	return a->n > 0 || a->gap;
}

/* The same for several rooms, merged in the order of ids. */
static bool
add_rooms(
    struct poll *p, struct answer *a, struct room *const *rooms, size_t n, int64_t since, size_t limit, bool no_gap)
{
	size_t places[STORE_ROOMS_MAX];

	for (size_t i = 0; i < n; i++) {
		places[i] = rooms[i] == NULL ? 0 : ring_above(room_chain(rooms[i]), since);
		a->gap = a->gap || (rooms[i] != NULL && !no_gap && room_deleted(rooms[i]) > since);
	}
	for (;;) {
		const struct message *first = NULL;
		size_t from = 0;

		for (size_t i = 0; i < n; i++)
			if (rooms[i] != NULL && places[i] < room_chain(rooms[i])->n) {
				const struct message *m = ring_at(room_chain(rooms[i]), places[i]);

				if (first == NULL || m->f.id < first->f.id) {
					first = m;
					from = i;
				}
			}
		if (first == NULL || !add_message(p, a, first, limit))
			return a->n > 0 || a->gap;
		places[from]++;
	}
}

/* The answer of a woken waiter, which it shares with all who stand where it stands; false: there is nothing to tell. */
static bool
shared_answer(struct poll *p, struct room *room, const struct parked *parked, int64_t since, struct blob **reply)
{
	const struct ring_chain *chain = room_chain(room);
	size_t place = ring_above(chain, since);
	int64_t first = place < chain->n ? ring_at(chain, place)->f.id : 0;
	struct room_answer *cached = room_answer(room);
	struct answer a;

	if (cached->reply != NULL && first != 0 && cached->first == first && cached->head == rooms_head(p->rooms) &&
	    cached->limit == parked->limit && room_deleted(room) <= since && parked->preferred < 0) {
		*reply = blob_hold(cached->reply);
		return true;
	}
	begin_answer(p, &a);
	if (!add_room(p, &a, room, since, parked->limit, false))
		return false;
	end_answer(p, &a);
	*reply = make_reply(p, &a, parked->slot.cors, parked->preferred);
	if (*reply != NULL && !a.gap && parked->preferred < 0) {
		blob_drop(cached->reply);
		*cached = (struct room_answer){
		    .reply = blob_hold(*reply), .first = first, .head = rooms_head(p->rooms), .limit = parked->limit};
	}
	return true;
}

static struct fcgi_conn *
conn_of(struct parked *parked)
{
	return fcgi_of_slot(parked);
}

/* Unlinks a parked poll from everything; what it waited with may be used up to the end of the caller. */
static void
unpark(struct poll *p, struct parked *parked)
{
	parked->slot.parked = PARKED_NOT;
	loop_timer_clear(p->loop, &parked->timer);
	if (parked->is_many) {
		for (size_t i = 0; i < parked->u.many->n; i++)
			room_unwait(&parked->u.many->waiters[i]);
		free(parked->u.many);
	} else
		room_unwait(&parked->u.one);
	p->n_parked--;
}

static void ask_store(struct poll *p, struct fcgi_conn *conn, const struct ask *ask);

/*
 * A poll that was woken so late, or by so much, that memory no longer holds all that it was woken for: a reader has the
 * rest. It has waited already, so it waits no more.
 */
static void
read_instead(struct poll *p, struct parked *parked, struct room *const *rooms, size_t n, int64_t since)
{
	struct ask ask = {.since = since, .limit = parked->limit, .preferred = parked->preferred};
	char names[STORE_ROOMS_MAX][MESSAGE_ROOM_MAX];

	for (size_t i = 0; i < n; i++) {
		struct str name = room_name(rooms[i]);

		ask.all_rooms = ask.all_rooms || rooms[i] == room_all(p->rooms);
		memcpy(names[i], name.p, name.n);
		ask.rooms[ask.n_rooms++] = (struct str){names[i], name.n};
	}
	unpark(p, parked);
	ask_store(p, conn_of(parked), &ask);
}

/* Answers a poll of one room with what there is; false when there is nothing to tell, and it waits on. */
static bool
tell_one(struct poll *p, struct parked *parked, struct room *room)
{
	struct waiter *w = &parked->u.one;
	struct blob *reply = NULL;

	if (room_was_reset(p->rooms, w)) {
		unpark(p, parked);
		send_reset(p, conn_of(parked), parked->preferred);
	} else if ((int64_t)w->since < room_chain(room)->floor)
		read_instead(p, parked, &room, 1, (int64_t)w->since);
	else if (shared_answer(p, room, parked, (int64_t)w->since, &reply)) {
		unpark(p, parked);
		request_send(p->requests, conn_of(parked), reply);
	} else
		return false;
	return true;
}

static struct many *
many_of(struct waiter *w)
{
	return (struct many *)(void *)((char *)(w - w->index) - offsetof(struct many, waiters));
}

/* The same for a poll of several rooms; w is one of its waiters, and room that one's. */
static bool
tell_many(struct poll *p, struct room *room, struct waiter *w)
{
	struct many *many = many_of(w);
	struct parked *parked = fcgi_slot(many->conn);
	struct room *rooms[STORE_ROOMS_MAX];
	struct fcgi_conn *conn = many->conn;
	struct answer a;
	bool below = false;

	for (size_t i = 0; i < many->n; i++) {
		rooms[i] = i == w->index ? room : many->waiters[i].room;
		below = below || (int64_t)w->since < room_chain(rooms[i])->floor;
	}
	if (room_was_reset(p->rooms, w)) {
		unpark(p, parked);
		send_reset(p, conn, parked->preferred);
		return true;
	}
	if (below) {
		read_instead(p, parked, rooms, many->n, (int64_t)w->since);
		return true;
	}
	begin_answer(p, &a);
	if (!add_rooms(p, &a, rooms, many->n, (int64_t)w->since, parked->limit, false))
		return false;
	unpark(p, parked);
	send_answer(p, conn, &a, parked->preferred);
	return true;
}

static void
wake(void *ctx, struct room *room, struct waiter *w)
{
	struct parked *parked = (struct parked *)(void *)((char *)w - offsetof(struct parked, u.one));

	if (!tell_one(ctx, parked, room))
		room_wait(room, w, ROOM_POLL, (int64_t)w->since);
}

static void
wake_many(void *ctx, struct room *room, struct waiter *w)
{
	if (!tell_many(ctx, room, w))
		room_wait(room, w, ROOM_POLL_MANY, (int64_t)w->since);
}

/* Ends a parked poll. Its room may have something for it that its turn has not come for yet: then it gets that. */
static void
end_parked(struct poll *p, struct parked *parked)
{
	struct waiter *w = parked->is_many ? &parked->u.many->waiters[0] : &parked->u.one;

	if (parked->is_many ? tell_many(p, w->room, w) : tell_one(p, parked, w->room))
		return;
	unpark(p, parked);
	send_empty(p, conn_of(parked), parked->preferred);
}

static void
late(void *ctx, struct timer *t)
{
	end_parked(ctx, (struct parked *)(void *)((char *)t - offsetof(struct parked, timer)));
}

void
poll_gone(struct poll *p, struct fcgi_conn *conn)
{
	unpark(p, fcgi_slot(conn));
}

/* Up to a tenth more, at most 2 s: or those who came together would come back together for ever. */
static int64_t
jitter_ms(struct poll *p, int64_t wait_ms)
{
	int64_t most = wait_ms / 10 < JITTER_MAX_MS ? wait_ms / 10 : JITTER_MAX_MS;

	p->random ^= p->random << 13; /* xorshift64 */
	p->random ^= p->random >> 7;
	p->random ^= p->random << 17;
	return (int64_t)(p->random % (uint64_t)(most + 1));
}

/* Waits in the rooms for what comes above the head of now. -1 without memory. */
static int
park(struct poll *p, struct fcgi_conn *conn, const struct ask *ask, struct room *const *rooms)
{
	struct parked *parked = fcgi_slot(conn);
	int64_t head = rooms_head(p->rooms);

	if (ask->n_rooms > 1) {
		struct many *many = calloc(1, sizeof *many + ask->n_rooms * sizeof many->waiters[0]);

		if (many == NULL)
			return -1;
		many->conn = conn;
		many->n = ask->n_rooms;
		for (size_t i = 0; i < many->n; i++) {
			many->waiters[i].index = i & 31;
			room_wait(rooms[i], &many->waiters[i], ROOM_POLL_MANY, head);
		}
		parked->u.many = many;
	} else
		room_wait(rooms[0], &parked->u.one, ROOM_POLL, head);
	parked->is_many = ask->n_rooms > 1;
	parked->slot.parked = PARKED_POLL;
	parked->limit = ask->limit;
	parked->preferred = ask->preferred;
	loop_timer_set(p->loop, &parked->timer, p->late_kind, ask->wait_ms + jitter_ms(p, ask->wait_ms));
	p->n_parked++;
	return 0;
}

/* Joins the round of a room that is being told just now: in its turn it gets what gathers meanwhile as well. */
static bool
join_round(struct poll *p, struct fcgi_conn *conn, const struct ask *ask, struct room *room)
{
	struct parked *parked = fcgi_slot(conn);

	if (ask->n_rooms != 1 || ask->no_gap || !room_busy(room) || ask->wait_ms == 0 || p->draining)
		return false;
	if (park(p, conn, ask, &room) != 0)
		return false;
	room_unwait(&parked->u.one);
	room_wait(room, &parked->u.one, ROOM_POLL, ask->since);
	room_make_due(room);
	return true;
}

/* The rooms that are asked for; with `make`, those that do not exist yet are made. -1 without memory. */
static int
find_rooms(struct poll *p, struct ask *ask, struct room **rooms, bool make)
{
	if (ask->all_rooms) {
		ask->n_rooms = 1;
		rooms[0] = room_all(p->rooms);
		return 0;
	}
	for (size_t i = 0; i < ask->n_rooms; i++) {
		rooms[i] = make ? room_get(p->rooms, ask->rooms[i]) : room_find(p->rooms, ask->rooms[i]);
		if (make && rooms[i] == NULL)
			return -1;
	}
	return 0;
}

static void look_first(struct poll *p, struct fcgi_conn *conn, const struct ask *ask);

/* A cursor that memory can answer: with what is there, or by waiting. */
static void
ask_memory(struct poll *p, struct fcgi_conn *conn, struct ask *ask)
{
	struct room *rooms[STORE_ROOMS_MAX];
	struct answer a;

	begin_answer(p, &a);
	find_rooms(p, ask, rooms, false);
	if (add_rooms(p, &a, rooms, ask->n_rooms, ask->since, ask->limit, ask->no_gap)) {
		/* Another program may have deleted just now what memory would tell. */
		if (!ask->looked && !commit_current(p->commit))
			look_first(p, conn, ask);
		else if (a.gap || rooms[0] == NULL || !join_round(p, conn, ask, rooms[0]))
			send_answer(p, conn, &a, ask->preferred);
		return;
	}
	if (ask->wait_ms == 0 || p->draining) {
		send_empty(p, conn, ask->preferred);
		return;
	}
	if (find_rooms(p, ask, rooms, true) != 0 || park(p, conn, ask, rooms) != 0)
		request_fail(p->requests, conn, PROBLEM_BUSY, "no memory for another held poll");
}

/* What a reader found, and what memory holds above it. */
static void
answer_read(struct poll *p, struct fcgi_conn *conn, struct reading *r)
{
	struct room *rooms[STORE_ROOMS_MAX];
	struct answer a;

	if (!r->read.more && r->read.head < rooms_floor(p->rooms) && r->read.n == 0 && !r->read.gap) {
		/* Memory has moved on meanwhile; read what lies between. */
		r->ask.since = r->read.head;
		r->ask.newest = 0;
		ask_store(p, conn, &r->ask);
		return;
	}
	if (r->read.n == 0 && !r->read.gap) {
		r->ask.since = r->read.head;
		r->ask.newest = 0;
		ask_memory(p, conn, &r->ask);
		return;
	}
	begin_answer(p, &a);
	a.n = r->read.n;
	a.last = r->read.last_id;
	a.gap = r->read.gap && !r->ask.no_gap;
	buf_add(a.body, buf_str(&r->read.json));
	if (r->read.more || r->read.head < rooms_floor(p->rooms) || !commit_current(p->commit)) {
		/* The next poll goes on from the last message; without one, from where the reader looked. */
		a.more = true;
		if (a.n == 0)
			a.last = r->read.head;
	} else {
		find_rooms(p, &r->ask, rooms, false);
		add_rooms(p, &a, rooms, r->ask.n_rooms, r->read.head, r->ask.limit, r->ask.no_gap);
	}
	if (a.n == 0 && !a.gap && !a.more) {
		r->ask.since = r->read.head;
		r->ask.newest = 0;
		ask_memory(p, conn, &r->ask);
		return;
	}
	send_answer(p, conn, &a, r->ask.preferred);
}

static void
read_run(void *store, struct job *job)
{
	struct reading *r = (struct reading *)(void *)job;

	r->status = store_poll(store, &r->read);
}

static void
reading_free(struct reading *r)
{
	buf_fini(&r->read.json);
	free(r);
}

static void
read_done(struct job *job)
{
	struct reading *r = (struct reading *)(void *)job;
	struct poll *p = r->poll;
	struct fcgi_conn *conn = fcgi_find(p->requests->fcgi, r->handle);

	if (conn != NULL) {
		if (r->resets != rooms_resets(p->rooms))
			send_reset(p, conn, r->ask.preferred);
		else if (r->status != STORE_OK)
			request_fail(p->requests, conn, PROBLEM_STORE_FAILED, "the database cannot be read");
		else
			answer_read(p, conn, r);
	}
	reading_free(r);
}

/* A copy of what is asked, for a job; NULL without memory. */
static struct reading *
reading_new(struct poll *p, struct fcgi_conn *conn, const struct ask *ask)
{
	struct reading *r = calloc(1, sizeof *r);

	if (r == NULL)
		return NULL;
	r->poll = p;
	r->handle = fcgi_handle(conn);
	r->resets = rooms_resets(p->rooms);
	r->ask = *ask;
	for (size_t i = 0; i < ask->n_rooms && !ask->all_rooms; i++) {
		memcpy(r->names[i], ask->rooms[i].p, ask->rooms[i].n);
		r->ask.rooms[i].p = r->names[i];
	}
	return r;
}

static void
ask_store(struct poll *p, struct fcgi_conn *conn, const struct ask *ask)
{
	struct reading *r = reading_new(p, conn, ask);

	if (r != NULL) {
		r->job = (struct job){.run = read_run, .done = read_done};
		r->read = (struct store_poll){.since = ask->since,
		    .newest = ask->newest,
		    .head = rooms_head(p->rooms),
		    .limit = ask->limit,
		    .rooms = {.n = ask->n_rooms, .all = ask->all_rooms}};
		memcpy(r->read.rooms.names, r->ask.rooms, sizeof r->read.rooms.names);
		if (readers_add(p->readers, &r->job) == 0)
			return;
		free(r);
	}
	request_fail(p->requests, conn, PROBLEM_BUSY, "too many requests wait for the database");
}

/* since=-N where memory holds the N newest: the cursor, else -1. */
static int64_t
newest_in_memory(struct poll *p, struct ask *ask)
{
	struct room *rooms[STORE_ROOMS_MAX];
	const struct ring_chain *chain;

	if (ask->n_rooms > 1 && !ask->all_rooms)
		return -1;
	find_rooms(p, ask, rooms, false);
	if (rooms[0] == NULL)
		return -1;
	chain = room_chain(rooms[0]);
	return chain->n < (size_t)ask->newest ? -1 : ring_at(chain, chain->n - (size_t)ask->newest)->f.id - 1;
}

static void
ask_all(struct poll *p, struct fcgi_conn *conn, struct ask *ask)
{
	if (ask->newest > 0) {
		int64_t since = newest_in_memory(p, ask);

		if (since < 0) {
			ask_store(p, conn, ask);
			return;
		}
		ask->since = since;
	}
	if (ask->since < rooms_floor(p->rooms))
		ask_store(p, conn, ask);
	else
		ask_memory(p, conn, ask);
}

/* After a look. A cursor beyond the head may be one that another program has just made good. */
static void
looked(void *ctx, uint64_t handle, bool ok)
{
	struct reading *r = ctx;
	struct poll *p = r->poll;
	struct fcgi_conn *conn = fcgi_find(p->requests->fcgi, handle);

	if (conn != NULL) {
		if (r->resets != rooms_resets(p->rooms) || (ok && r->ask.since > rooms_head(p->rooms)))
			send_reset(p, conn, r->ask.preferred);
		else if (!ok)
			request_fail(p->requests, conn, PROBLEM_STORE_FAILED, "the database cannot be read");
		else {
			r->ask.looked = true;
			ask_all(p, conn, &r->ask);
		}
	}
	reading_free(r);
}

static void
look_first(struct poll *p, struct fcgi_conn *conn, const struct ask *ask)
{
	struct reading *r = reading_new(p, conn, ask);

	if (r != NULL && commit_look(p->commit, looked, r, r->handle) == 0)
		return;
	free(r);
	request_fail(p->requests, conn, PROBLEM_BUSY, "too many requests wait for the database");
}

/* Seconds with an optional fraction, in milliseconds; -1 when it is none. */
static int64_t
seconds_ms(struct str s)
{
	struct str whole = str_cut(&s, '.');
	bool dot = s.p > whole.p + whole.n;
	uint64_t seconds, ms = 0;

	if (!str_uint(whole, 1000000, &seconds) || (dot && s.n == 0))
		return -1;
	for (size_t i = 0, unit = 100; i < s.n; i++, unit /= 10) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return -1;
		ms += (uint64_t)(s.p[i] - '0') * unit;
	}
	return (int64_t)(seconds * 1000 + ms);
}

/* Prefer: wait=N (RFC 7240 section 4.3) among other preferences; -1 when there is none. */
static int64_t
preferred_s(struct str prefer)
{
	while (prefer.n > 0) {
		struct str value = str_trim(str_cut(&prefer, ',')), name;
		uint64_t seconds;

		value = str_cut(&value, ';');
		name = str_trim(str_cut(&value, '='));
		if (str_eq_nocase(name, STR("wait")) && str_uint(str_trim(value), UINT32_MAX, &seconds))
			return (int64_t)seconds;
	}
	return -1;
}

static bool
bad(struct request *r, const char *name, struct str value, const char *expected)
{
	request_fail(r->all, r->conn, PROBLEM_BAD_PARAMETER, "parameter '%s' must be %s, not '%.*s'", name, expected,
	    (int)(value.n < 64 ? value.n : 64), value.p);
	return false;
}

static bool
read_since(struct poll *p, struct request *r, struct str value, struct ask *ask)
{
	uint64_t n;

	ask->since = rooms_head(p->rooms);
	if (str_eq(value, STR("now")))
		return true;
	if (str_eq(value, STR("all"))) {
		ask->since = 0;
		ask->no_gap = true;
		return true;
	}
	if (value.n > 0 && value.p[0] == '-' && str_uint((struct str){value.p + 1, value.n - 1}, NEWEST_MAX, &n) &&
	    n > 0) {
		ask->newest = (int64_t)n;
		return true;
	}
	if (!str_uint(value, (uint64_t)MESSAGE_ID_MAX, &n))
		return bad(r, "since", value, "an id (0 to 9007199254740991), now, all, or -1 to -1000");
	ask->since = (int64_t)n;
	return true;
}

static bool
read_wait(struct poll *p, struct request *r, struct str value, struct ask *ask)
{
	char expected[64];

	ask->wait_ms = seconds_ms(value);
	if (ask->wait_ms >= 0 && ask->wait_ms <= p->options.wait_max_ms)
		return true;
	snprintf(expected, sizeof expected, "0 to %" PRId64 " seconds", p->options.wait_max_ms / 1000);
	return bad(r, "wait", value, expected);
}

/* false: answered. */
static bool
read_ask(struct poll *p, struct request *r, const struct query *q, struct ask *ask, struct str *epoch)
{
	bool waited = false;
	int64_t preferred = preferred_s(r->prefer);

	*ask = (struct ask){.since = rooms_head(p->rooms),
	    .limit = LIMIT_DEFAULT,
	    .preferred = -1,
	    .wait_ms = WAIT_DEFAULT_MS < p->options.wait_max_ms ? WAIT_DEFAULT_MS : p->options.wait_max_ms};
	*epoch = (struct str){NULL, 0};
	if (!request_rooms(r, q, ask->rooms, &ask->n_rooms, STORE_ROOMS_MAX, &ask->all_rooms))
		return false;
	for (size_t i = 0; i < q->n; i++) {
		struct str name = q->fields[i].name, value = q->fields[i].value;
		uint64_t n;

		if (str_eq(name, STR("since"))) {
			if (!read_since(p, r, value, ask))
				return false;
		} else if (str_eq(name, STR("wait"))) {
			waited = true;
			if (!read_wait(p, r, value, ask))
				return false;
		} else if (str_eq(name, STR("limit"))) {
			if (!str_uint(value, LIMIT_MAX, &n) || n == 0)
				return bad(r, "limit", value, "1 to 1000");
			ask->limit = (uint16_t)n;
		} else if (str_eq(name, STR("epoch"))) {
			if (value.n == 0)
				return bad(r, "epoch", value, "what an earlier answer called its epoch");
			*epoch = value;
		}
	}
	if (!waited && preferred >= 0) {
		int64_t most = p->options.wait_max_ms / 1000;

		ask->preferred = (int8_t)(preferred < most ? preferred : most);
		ask->wait_ms = ask->preferred * INT64_C(1000);
	}
	return true;
}

static void
get(struct poll *p, struct request *r)
{
	static const char *const known[] = {"room", "since", "wait", "limit", "epoch", NULL};
	struct query q;
	struct ask ask;
	struct str epoch;

	if (!request_query(r, &q, known, "room"))
		return;
	if (read_ask(p, r, &q, &ask, &epoch)) {
		if (epoch.p != NULL && !str_eq(epoch, str_of(rooms_epoch(p->rooms))))
			send_reset(p, r->conn, ask.preferred);
		else if (ask.newest > 0 || ask.since <= rooms_head(p->rooms))
			ask_all(p, r->conn, &ask);
		else
			look_first(p, r->conn, &ask);
	}
	query_fini(&q);
}

void
poll_request(struct poll *p, struct request *r)
{
	request_open_cors(r);
	if (r->method == METHOD_OPTIONS)
		request_options(r, "GET, OPTIONS");
	else if (r->method != METHOD_GET)
		request_refuse_method(r, "GET, OPTIONS");
	else
		get(p, r);
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

struct poll *
poll_new(struct loop *loop, const struct poll_options *options, struct requests *requests, struct rooms *rooms,
    struct readers *readers, struct commit *commit)
{
	struct poll *p = calloc(1, sizeof *p);

	if (p == NULL)
		return NULL;
	*p = (struct poll){.options = *options,
	    .loop = loop,
	    .requests = requests,
	    .rooms = rooms,
	    .readers = readers,
	    .commit = commit};
	if (getrandom(&p->random, sizeof p->random, 0) != sizeof p->random || p->random == 0)
		p->random = 88172645463325252U;
	buf_init(&p->body, SIZE_MAX);
	p->late_kind = loop_timer_kind(loop, late, p);
	rooms_on_wake(rooms, ROOM_POLL, wake, p);
	rooms_on_wake(rooms, ROOM_POLL_MANY, wake_many, p);
	return p;
}

void
poll_free(struct poll *p)
{
	if (p == NULL)
		return;
	blob_drop(p->empty.reply);
	buf_fini(&p->body);
	free(p);
}
