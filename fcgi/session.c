#include "session_state.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "hash.h"

enum {
	CLOSING_MS = 30000,
	PLACES_MIN = 64,
};

/* ---- the table of sessions by id ---- */

static struct session_place *
place_of(struct session_place *table, size_t places, struct str id)
{
	return &table[hash_place(id) & (places - 1)];
}

/* Twice the places, once there are as many sessions as places; without memory the old table goes on. */
static void
grow(struct sessions *all)
{
	size_t places = all->places * 2;
	struct session_place *table = calloc(places, sizeof *table);
	struct session *s;

	if (table == NULL)
		return;
	for (size_t i = 0; i < all->places; i++)
		while ((s = LIST_FIRST(&all->table[i])) != NULL) {
			LIST_REMOVE(s, link);
			LIST_INSERT_HEAD(place_of(table, places, str_of(s->id)), s, link);
		}
	free(all->table);
	all->table = table;
	all->places = places;
}

struct session *
session_find(struct sessions *all, const struct session_layer *layer, struct str id)
{
	struct session *s;

	LIST_FOREACH (s, place_of(all->table, all->places, id), link)
		if (s->layer == layer && str_eq(str_of(s->id), id))
			return s;
	return NULL;
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

void
session_wake(struct session *s)
{
	if (s->later || s->state == SESSION_ENDED)
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

void
session_beat(struct session *s)
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
	if (s->state != SESSION_ENDED)
		set_timer(s);
}

bool
session_alive(struct session *s)
{
	if (s->state != SESSION_ENDED && (s->doomed || clock_ms() >= s->dead_ms))
		session_end(s, STR("1"));
	return s->state != SESSION_ENDED;
}

void
session_connected(struct session *s)
{
	s->connect_ms = INT64_MAX;
}

/* ---- its life ---- */

void
session_close(struct session *s)
{
	if (s->state != SESSION_OPEN)
		return;
	s->state = SESSION_CLOSING;
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

	if (s->state == SESSION_ENDED)
		return;
	s->state = SESSION_ENDED;
	conn = session_take_held(s);
	if (conn != NULL)
		session_reply(s->all, conn, packet);
	loop_timer_clear(s->all->loop, &s->timer);
	LIST_REMOVE(s, link);
	s->all->n--;
	s->layer->ended(s->layer->ctx, s);
	assert(LIST_EMPTY(&s->cursors));
	session_stop_reading(s);
	session_drop_queue(s);
	if (s->later)
		STAILQ_REMOVE(&s->all->later, s, session, later_link);
	STAILQ_INSERT_TAIL(&s->all->ended, s, later_link);
}

/* How much of a name fits, where no character is cut in two. */
static size_t
cut_name(struct str name)
{
	size_t n = 0;

	while (n < name.n) {
		size_t next = str_utf8_char((struct str){name.p + n, name.n - n});

		if (next == 0 || n + next > MESSAGE_SENDER_MAX)
			break;
		n += next;
	}
	return n;
}

struct session *
session_new(struct sessions *all, const struct session_layer *layer, bool few, struct str user)
{
	struct session *s;
	size_t user_n = cut_name(user);

	if (all->draining || all->n >= all->options.sessions_max || (s = calloc(1, sizeof *s + user_n)) == NULL)
		return NULL;
	s->all = all;
	s->layer = layer;
	s->few = few;
	s->user_n = (uint8_t)user_n;
	if (user_n > 0)
		memcpy(s->user, user.p, user_n);
	STAILQ_INIT(&s->queue);
	LIST_INIT(&s->cursors);
	token_id(s->id);
	if (all->n >= all->places)
		grow(all);
	LIST_INSERT_HEAD(place_of(all->table, all->places, str_of(s->id)), s, link);
	all->n++;
	s->connect_ms = clock_ms() + all->options.connect_timeout_ms;
	session_beat(s);
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
			session_flush(s);
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
	    .places = PLACES_MIN};
	all->table = calloc(all->places, sizeof *all->table);
	if (all->table == NULL) {
		free(all);
		return NULL;
	}
	STAILQ_INIT(&all->later);
	STAILQ_INIT(&all->ended);
	buf_init(&all->body, SIZE_MAX);
	all->timer_kind = loop_timer_kind(loop, on_timer, all);
	rooms_on_wake(rooms, ROOM_SESSION, session_on_wake, all);
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
