#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "event/loop.h"
#include "room_state.h"

static struct room *
room_of(struct table_entry *e)
{
	return CONTAINER(e, struct room, entry);
}

static struct str
entry_name(const struct table_entry *e)
{
	return room_name(CONTAINER(e, const struct room, entry));
}

void
room_init(struct rooms *rooms, struct room *room, struct str name)
{
	*room = (struct room){.rooms = rooms, .name_n = (uint8_t)name.n};
	memcpy(room->name, name.p, name.n);
	round_init(&rooms->rounds, &room->round, room);
	room->chain.owner = room;
	room->chain.floor = rooms->ring.floor;
	room->view = &room->chain;
}

/* Called when the ready answers may hold what is no longer true. */
void
room_forget_answers(struct room *room)
{
	while (!LIST_EMPTY(&room->answers)) {
		struct room_answer *a = LIST_FIRST(&room->answers);

		LIST_REMOVE(a, link);
		blob_drop(a->reply);
		free(a);
	}
}

void
room_fini(struct room *room)
{
	ring_chain_fini(&room->chain);
	round_fini(&room->round);
	room_forget_answers(room);
}

void
room_free_if_idle(struct room *room)
{
	struct rooms *rooms = room->rooms;

	if (room->seen != NULL) {
		room_sight_is_loose(room);
		return;
	}
	if (room == &rooms->all || room->chain.n > 0 || room->deleted > rooms->ring.floor || !round_idle(&room->round))
		return;
	table_remove(&rooms->table, &room->entry);
	room_fini(room);
	free(room);
}

static void
chain_emptied(void *ctx, struct ring_chain *chain)
{
	(void)ctx;
	room_free_if_idle(chain->owner);
}

static void
round_ended(struct round *round)
{
	struct room *room = round->owner;

	room_forget_answers(room);
	room_free_if_idle(room);
}

struct rooms *
rooms_new(struct loop *loop, size_t ring_bytes_max)
{
	struct rooms *rooms = calloc(1, sizeof *rooms);

	if (rooms == NULL)
		return NULL;
	if (table_init(&rooms->table, entry_name) != 0 || rooms_init_sights(rooms) != 0) {
		table_fini(&rooms->table);
		free(rooms);
		return NULL;
	}
	ring_init(&rooms->ring, ring_bytes_max, chain_emptied, rooms);
	rounds_init(&rooms->rounds, loop, round_ended);
	room_init(rooms, &rooms->all, STR("*"));
	rooms->all.view = &rooms->ring.all;
	loop_hook(loop, LOOP_WAKE, rooms_feed_sights, rooms);
	loop_hook(loop, LOOP_WAKE, rounds_tell, &rooms->rounds);
	loop_hook(loop, LOOP_SWEEP, rounds_are_due, &rooms->rounds);
	loop_hook(loop, LOOP_SWEEP, rooms_sweep_sights, rooms);
	return rooms;
}

static void
free_one(void *ctx, struct table_entry *e)
{
	(void)ctx;
	room_fini(room_of(e));
	free(room_of(e));
}

void
rooms_free(struct rooms *rooms)
{
	if (rooms == NULL)
		return;
	ring_fini(&rooms->ring);
	rooms_free_sights(rooms);
	table_each(&rooms->table, free_one, NULL);
	room_fini(&rooms->all);
	table_fini(&rooms->table);
	free(rooms);
}

void
rooms_set_patience(struct rooms *rooms, struct room_patience patience)
{
	rooms->rounds.patience = patience;
}

void
rooms_on_wake(struct rooms *rooms, enum room_waiter_kind kind, room_wake_fn *fn, void *ctx)
{
	rooms->rounds.kinds[kind].fn = fn;
	rooms->rounds.kinds[kind].ctx = ctx;
}

const char *
rooms_epoch(const struct rooms *rooms)
{
	return rooms->epoch;
}

uint64_t
rooms_resets(const struct rooms *rooms)
{
	return rooms->resets;
}

int64_t
rooms_head(const struct rooms *rooms)
{
	return rooms->head;
}

struct message *
rooms_message(const struct rooms *rooms, int64_t id)
{
	return ring_find(&rooms->ring, id);
}

int64_t
rooms_floor(const struct rooms *rooms)
{
	return rooms->ring.floor;
}

bool
room_was_reset(const struct rooms *rooms, const struct waiter *w)
{
	return w->era != (rooms->resets & 3);
}

static void
reset_one(void *ctx, struct table_entry *e)
{
	struct room *room = room_of(e);

	room->deleted = room->pruned = 0;
	room->chain.floor = *(int64_t *)ctx;
	room_forget_answers(room);
	round_make_due_if_waited(&room->round);
	room_free_if_idle(room);
}

void
rooms_reset(struct rooms *rooms, const char *epoch, int64_t head)
{
	snprintf(rooms->epoch, sizeof rooms->epoch, "%s", epoch);
	rooms->resets++;
	rooms->head = head;
	ring_reset(&rooms->ring, head);
	rooms->all.deleted = rooms->all.pruned = 0;
	room_forget_answers(&rooms->all);
	room_make_due(&rooms->all);
	table_each(&rooms->table, reset_one, &head);
	rooms_reset_sights(rooms);
}

struct room *
room_find(struct rooms *rooms, struct str name)
{
	struct table_entry *e = table_find(&rooms->table, name);

	return e == NULL ? NULL : room_of(e);
}

struct room *
room_get(struct rooms *rooms, struct str name)
{
	struct room *room = room_find(rooms, name);

	if (room != NULL)
		return room;
	assert(name.n <= MESSAGE_ROOM_MAX);
	room = malloc(sizeof *room);
	if (room == NULL)
		return NULL;
	room_init(rooms, room, name);
	table_add(&rooms->table, &room->entry);
	return room;
}

struct room *
room_all(struct rooms *rooms)
{
	return &rooms->all;
}

struct str
room_name(const struct room *room)
{
	return (struct str){room->name, room->name_n};
}

const struct ring_chain *
room_chain(const struct room *room)
{
	return room->view;
}

int64_t
room_deleted(const struct room *room)
{
	return room->deleted;
}

struct room_answer *
room_answer(struct room *room, unsigned kind, unsigned origin)
{
	struct room_answer *a;

	if (room_answers_are_old(room))
		room_forget_answers(room);
	LIST_FOREACH (a, &room->answers, link)
		if (a->kind == kind && a->origin == origin)
			return a;
	a = malloc(sizeof *a);
	if (a == NULL)
		return NULL;
	*a = (struct room_answer){.kind = (uint16_t)kind, .origin = (uint16_t)origin};
	LIST_INSERT_HEAD(&room->answers, a, link);
	return a;
}

bool
room_busy(const struct room *room)
{
	return round_busy(&room->round);
}

bool
room_gathers(const struct room *room)
{
	return round_gathers(&room->round);
}

void
rooms_expect(struct rooms *rooms, bool coming)
{
	rounds_expect(&rooms->rounds, coming);
}

void
room_make_due(struct room *room)
{
	round_make_due(&room->round);
}

void
rooms_publish(struct rooms *rooms, struct message *m)
{
	struct room *room = room_get(rooms, m->f.room);

	assert(m->f.id > rooms->head);
	rooms->head = m->f.id;
	if (room == NULL) {
		/* Without memory for the room the message is found in the database, below the floor. */
		ring_reset(&rooms->ring, m->f.id);
		round_make_due_if_waited(&rooms->all.round);
		rooms_tell_sights(rooms);
		message_drop(m);
		log_error("memory", "detail=\"a room could not be kept; readers go to the database\"");
		return;
	}
	/* First: a room without waiters may be gone after a failure. */
	round_make_due_if_waited(&room->round);
	round_make_due_if_waited(&rooms->all.round);
	rooms_tell_sights(rooms);
	if (ring_add(&rooms->ring, &room->chain, m) != 0)
		log_error("memory", "detail=\"a message could not be kept; readers go to the database\"");
}

void
room_note_deleted(struct room *room, int64_t id)
{
	if (id > room->deleted)
		room->deleted = id;
	round_make_due_if_waited(&room->round);
}

/* Memory has what the log has now of a message above its floor. */
static void
replace(struct rooms *rooms, struct str name, int64_t id, struct message *now)
{
	struct room *room;

	rooms->changes++;
	if ((room = room_find(rooms, name)) != NULL)
		room_forget_answers(room);
	room_forget_answers(&rooms->all);
	/* Last, since it may free the room with its last message. */
	if (ring_change(&rooms->ring, id, now) || now == NULL || id > rooms->head)
		return;
	/* A row that was passed over has been mended: memory has no place for it, so readers go to the database. */
	ring_reset(&rooms->ring, rooms->head);
	round_make_due_if_waited(&rooms->all.round);
	if ((room = room_find(rooms, name)) != NULL) {
		room->chain.floor = rooms->head;
		round_make_due_if_waited(&room->round);
	}
}

void
rooms_change(struct rooms *rooms, struct str name, int64_t id, struct message *now)
{
	struct room *room;

	if (id <= rooms->ring.floor) {
		message_drop(now);
		return;
	}
	if (now == NULL && (room = room_get(rooms, name)) != NULL) {
		room_note_deleted(room, id);
		room_note_deleted(&rooms->all, id);
		rooms_tell_sights_deleted(rooms, name, id, false);
	}
	replace(rooms, name, id, now);
}

void
rooms_take_out(struct rooms *rooms, struct str name, int64_t id)
{
	if (id > rooms->ring.floor)
		replace(rooms, name, id, NULL);
}

void
rooms_publish_end(struct rooms *rooms, int64_t head)
{
	assert(head >= rooms->head);
	rooms->head = head;
}

void
room_wait(struct room *room, struct waiter *w, enum room_waiter_kind kind, int64_t since)
{
	w->room = room;
	w->since = (uint64_t)since & ((UINT64_C(1) << 53) - 1);
	w->kind = kind & 7;
	w->era = room->rooms->resets & 3;
	round_add(&room->round, w);
}

void
room_unwait(struct waiter *w)
{
	struct room *room = w->room;

	if (room == NULL)
		return;
	round_remove(&room->round, w);
	room_free_if_idle(room);
}

struct rooms_counts
rooms_counts(const struct rooms *rooms)
{
	return (struct rooms_counts){rooms->table.n, rooms->ring.all.n, rooms->ring.bytes, rooms->rounds.woken};
}
