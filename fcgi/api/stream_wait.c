#include <stdlib.h>
#include <string.h>

#include "stream_state.h"

enum {
	BEAT_MS = 25000, /* between signs of life: a web server bears 60 to 75 s of silence */
};

static struct stream_many *
many_of(struct waiter *w)
{
	return CONTAINER(w - waiter_index(w), struct stream_many, waiters);
}

static enum stream_form
form_of(const struct streaming *st)
{
	return (enum stream_form)st->slot.stream.form;
}

void
stream_unwait(struct stream *s, struct streaming *st)
{
	struct stream_many *many = st->slot.stream.is_many ? st->u.many : NULL;

	loop_timer_clear(s->loop, &st->timer);
	if (many == NULL)
		room_unwait(&st->u.one);
	for (size_t i = 0; many != NULL && i < many->n; i++)
		room_unwait(&many->waiters[i]);
	free(many);
}

/* Streams that came together do not beat together. */
static void
set_beat(struct stream *s, struct streaming *st)
{
	loop_timer_set(
	    s->loop, &st->timer, s->beat_kind, BEAT_MS - (int64_t)jitter_below(&s->jitter, (uint64_t)BEAT_MS / 8));
}

int
stream_wait(struct stream_behind *b, struct fcgi_conn *conn)
{
	struct stream *s = b->all;
	struct streaming *st = fcgi_slot(conn);
	struct room *rooms[STORE_ROOMS_MAX];
	struct stream_many *many = NULL;
	size_t n = b->rooms.n;

	if (n > 1 && (many = calloc(1, sizeof *many + n * sizeof many->waiters[0])) == NULL)
		return -1;
	if (cursor_rooms(&b->rooms, s->rooms, slot_pass(conn)->sight, true, rooms) != 0) {
		free(many);
		return -1;
	}
	if (many == NULL) {
		st->u.one = (struct waiter){.room = NULL};
		room_wait(rooms[0], &st->u.one, ROOM_STREAM, b->at.since);
	} else {
		many->conn = conn;
		many->n = n;
		for (size_t i = 0; i < n; i++) {
			many->waiters[i].index = i & 31;
			room_wait(rooms[i], &many->waiters[i], ROOM_STREAM_MANY, b->at.since);
		}
		st->u.many = many;
	}
	st->slot.stream.is_many = many != NULL;
	st->slot.stream.behind = false;
	stream_behind_free(b);
	set_beat(s, st);
	return 0;
}

/* Where a stream waits: its rooms, that of a waiter which is being told among them. */
struct place {
	struct streaming *st;
	struct fcgi_conn *conn;
	size_t n;
	int64_t since;
	bool gap_told; /* with what it has just been given */
	struct room *rooms[STORE_ROOMS_MAX];
};

static void
find_place(struct place *p, struct streaming *st, struct room *told, const struct waiter *w)
{
	struct stream_many *many = st->slot.stream.is_many ? st->u.many : NULL;

	p->st = st;
	p->conn = fcgi_of_slot(st);
	p->n = many == NULL ? 1 : many->n;
	p->since = waiter_since(w);
	p->gap_told = false;
	p->rooms[0] = told;
	for (size_t i = 0; many != NULL && i < many->n; i++)
		p->rooms[i] = &many->waiters[i] == w ? told : many->waiters[i].room;
}

static void
names_of(const struct place *p, struct store_rooms *rooms)
{
	*rooms = (struct store_rooms){.n = p->n, .all = room_is_all(p->rooms[0])};
	for (size_t i = 0; i < p->n; i++)
		rooms->names[i] = room_name(p->rooms[i]);
}

/* It leaves its rooms, with its cursor at `since`. NULL without memory: then it is ended. */
static struct stream_behind *
fall_behind(struct stream *s, const struct place *p, int64_t since, bool blocked)
{
	struct store_rooms rooms;
	struct stream_behind *b;

	names_of(p, &rooms);
	b = stream_behind_new(s, p->conn, form_of(p->st), &rooms, &(struct cursor){.since = since});
	stream_unwait(s, p->st);
	if (b == NULL) {
		stream_end(s, p->conn, STREAM_FAILED, blocked);
		return NULL;
	}
	p->st->slot.stream.is_many = false;
	p->st->slot.stream.behind = true;
	p->st->u.behind = b;
	b->gap_told = p->gap_told;
	if (blocked)
		b->doing = STREAM_IS_BLOCKED;
	return b;
}

static void
fall_behind_and_go_on(struct stream *s, const struct place *p, int64_t since)
{
	struct stream_behind *b = fall_behind(s, p, since, false);

	if (b != NULL)
		stream_go_on(b, p->conn);
}

/*
 * Whether it may be told of what is said where it waits. false: it is ended, or goes on elsewhere. That is decided by
 * the pass of this moment, so nothing goes to one that was revoked; one whose log is another is told; a stream of `*`
 * that sees other rooms now goes on among those that see the same.
 */
static bool
still_may(struct stream *s, const struct place *p, const struct waiter *w)
{
	const struct sight *sight = slot_pass(p->conn)->sight;
	struct store_rooms rooms;
	enum stream_reason why;

	names_of(p, &rooms);
	if (!stream_may(s, p->conn, &rooms, &why)) {
		stream_unwait(s, p->st);
		stream_end(s, p->conn, why, false);
		return false;
	}
	if (room_was_reset(s->rooms, w)) {
		stream_unwait(s, p->st);
		stream_end(s, p->conn, STREAM_RESTORED, false);
		return false;
	}
	if (!rooms.all || room_sight(p->rooms[0]) == (sight_everywhere(sight, MAY_READ) ? NULL : sight))
		return true;
	fall_behind_and_go_on(s, p, p->since);
	return false;
}

static bool
is_below_memory(const struct place *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->since < room_chain(p->rooms[i])->floor)
			return true;
	return room_is_far(p->rooms[0], p->since);
}

enum told { TOLD_NOTHING, TOLD, TOLD_AND_LEFT };

/* After it was given something, with the cursor behind that. */
static enum told
given(struct stream *s, const struct place *p, enum output_result result, int64_t since, bool more)
{
	if (result == OUTPUT_GONE) {
		stream_lost(s, STREAM_HUNG_UP);
		return TOLD_AND_LEFT;
	}
	if (result == OUTPUT_BLOCKED)
		(void)fall_behind(s, p, since, true);
	else if (more)
		fall_behind_and_go_on(s, p, since);
	else
		return TOLD;
	return TOLD_AND_LEFT;
}

/* Gives it what is above its cursor. TOLD: that is the head from now on. w is one of its waiters, that waits or not. */
static enum told
tell(struct stream *s, struct place *p, const struct waiter *w)
{
	struct streaming *st = p->st;
	bool is_many = st->slot.stream.is_many;
	struct stream_many *many = st->u.many;
	struct stream_part part;
	struct blob *blob = NULL;
	enum output_result result;

	if (!still_may(s, p, w))
		return TOLD_AND_LEFT;
	if (is_below_memory(p)) {
		fall_behind_and_go_on(s, p, p->since);
		return TOLD_AND_LEFT;
	}
	if (!stream_part_make(s, &part, form_of(p->st), p->rooms, p->n, p->since, false, &blob))
		return TOLD_NOTHING;
	s->counts.given++;
	p->gap_told = part.gap;
	result = fcgi_more(s->requests->fcgi, p->conn, blob);
	if (result == OUTPUT_GONE) {
		/* The connection is closed, and what its slot began with is gone. */
		st->slot.stream.is_many = is_many;
		if (is_many)
			st->u.many = many;
		stream_unwait(s, st);
		st->slot = (struct slot){.pass = NULL};
	}
	return given(s, p, result, part.more ? part.last : rooms_head(s->rooms), part.more);
}

/* ---- news ---- */

static void
wake(void *ctx, struct room *room, struct waiter *w)
{
	struct stream *s = ctx;
	struct streaming *st = CONTAINER(w, struct streaming, u.one);
	struct place p;
	enum told told;

	find_place(&p, st, room, w);
	told = tell(s, &p, w);
	if (told != TOLD_AND_LEFT)
		room_wait(room, w, ROOM_STREAM, told == TOLD ? rooms_head(s->rooms) : p.since);
}

/* Its cursor is one, and each of its waiters has it. */
static void
advance_many(struct stream_many *many, int64_t since)
{
	for (size_t i = 0; i < many->n; i++)
		many->waiters[i].since = (uint64_t)since & ((UINT64_C(1) << 53) - 1);
}

static void
wake_many(void *ctx, struct room *room, struct waiter *w)
{
	struct stream *s = ctx;
	struct stream_many *many = many_of(w);
	struct place p;
	enum told told;

	find_place(&p, fcgi_slot(many->conn), room, w);
	told = tell(s, &p, w);
	if (told == TOLD)
		advance_many(many, rooms_head(s->rooms));
	if (told != TOLD_AND_LEFT)
		room_wait(room, w, ROOM_STREAM_MANY, told == TOLD ? rooms_head(s->rooms) : p.since);
}

/* ---- signs of life ---- */

static struct waiter *
waiter_of(struct streaming *st)
{
	return st->slot.stream.is_many ? &st->u.many->waiters[0] : &st->u.one;
}

static void
advance(struct streaming *st, int64_t since)
{
	if (st->slot.stream.is_many)
		advance_many(st->u.many, since);
	else
		st->u.one.since = (uint64_t)since & ((UINT64_C(1) << 53) - 1);
}

/* A sign of life has the head for its id, so all up to there is told first. */
static void
beat(void *ctx, struct timer *t)
{
	struct stream *s = ctx;
	struct streaming *st = CONTAINER(t, struct streaming, timer);
	struct waiter *w = waiter_of(st);
	struct place p;
	enum told told;

	find_place(&p, st, w->room, w);
	told = tell(s, &p, w);
	if (told == TOLD_NOTHING) {
		bool is_many = st->slot.stream.is_many;
		enum output_result result = fcgi_more(s->requests->fcgi, p.conn, stream_part_beat(s, form_of(st)));

		if (result == OUTPUT_GONE) {
			st->slot.stream.is_many = is_many;
			stream_unwait(s, st);
			st->slot = (struct slot){.pass = NULL};
		}
		told = given(s, &p, result, rooms_head(s->rooms), false);
	}
	if (told == TOLD_AND_LEFT)
		return;
	advance(st, rooms_head(s->rooms));
	set_beat(s, st);
}

void
stream_judge_waiting(struct stream *s, struct fcgi_conn *conn)
{
	struct streaming *st = fcgi_slot(conn);
	struct waiter *w = waiter_of(st);
	struct place p;

	find_place(&p, st, w->room, w);
	(void)still_may(s, &p, w);
}

void
stream_wait_init(struct stream *s)
{
	s->beat_kind = loop_timer_kind(s->loop, beat, s);
	rooms_on_wake(s->rooms, ROOM_STREAM, wake, s);
	rooms_on_wake(s->rooms, ROOM_STREAM_MANY, wake_many, s);
}
