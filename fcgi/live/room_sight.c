/*
 * The log as somebody sees it who may not read all of it: for each sight a room of its own, whose waiters are told of
 * what the sight may read, and of nothing else.
 *
 * Such a room has no messages: its readers pass over what it may not see in the chain of the whole log. It looks at
 * each new message once, a bounded number of them in a turn for all sights together, and remembers where it found
 * nothing for long, so that a waiter that is woken at last need not look there again.
 */
#include <stdlib.h>
#include <string.h>

#include "access/sight.h"
#include "base/log.h"
#include "event/loop.h"
#include "room_state.h"

enum {
	LOOKS_PER_TURN = 4096, /* at messages and deletions: some 0.3 ms */
	FAR = 2000,            /* messages that a reader passes over in the loop */
	DELETIONS = 256,       /* that are remembered */
	QUIET_MIN = 64,        /* messages of a quiet span that is worth remembering */
	QUIET_SPANS = 4,
};

struct deletion {
	int64_t id;
	bool pruned; /* nobody is told: who waits has it */
	uint8_t room_n;
	char room[MESSAGE_ROOM_MAX];
};

struct seen {
	struct room room;
	struct table_entry entry;
	struct sight *sight; /* held */
	TAILQ_ENTRY(seen) link, loose_link;
	bool behind, loose;
	int64_t checked;   /* all up to this id was looked at */
	int64_t unsure;    /* whether a message up to this id was deleted that was seen, only the database knows */
	uint64_t deletion; /* number of the next deletion to look at */
	uint64_t changes;  /* rooms->changes when its answers were made */
	/* Nothing that is seen lies above `from` and up to `to`: the span that goes on, and the last long ones before.
	 */
	struct quiet {
		int64_t from, to;
		size_t n;
	} quiet, spans[QUIET_SPANS];
	size_t n_spans;
};

static struct seen *
seen_of(struct table_entry *e)
{
	return CONTAINER(e, struct seen, entry);
}

/* A sight is one object, so its address is its name. */
static struct str
name_of(const struct table_entry *e)
{
	const struct seen *s = CONTAINER(e, const struct seen, entry);

	return (struct str){(const char *)&s->sight, sizeof s->sight};
}

int
rooms_init_sights(struct rooms *rooms)
{
	TAILQ_INIT(&rooms->behind);
	TAILQ_INIT(&rooms->current);
	TAILQ_INIT(&rooms->loose);
	rooms->deletions = calloc(DELETIONS, sizeof *rooms->deletions);
	if (rooms->deletions != NULL && table_init(&rooms->sights, name_of) == 0)
		return 0;
	free(rooms->deletions);
	return -1;
}

static void
free_seen(void *ctx, struct table_entry *e)
{
	struct seen *s = seen_of(e);

	(void)ctx;
	room_fini(&s->room);
	sight_drop(s->sight);
	free(s);
}

void
rooms_free_sights(struct rooms *rooms)
{
	table_each(&rooms->sights, free_seen, NULL);
	table_fini(&rooms->sights);
	free(rooms->deletions);
}

static void
set_behind(struct seen *s, bool behind)
{
	struct rooms *rooms = s->room.rooms;

	if (s->behind == behind)
		return;
	if (behind) {
		TAILQ_REMOVE(&rooms->current, s, link);
		TAILQ_INSERT_TAIL(&rooms->behind, s, link);
	} else {
		TAILQ_REMOVE(&rooms->behind, s, link);
		TAILQ_INSERT_TAIL(&rooms->current, s, link);
	}
	s->behind = behind;
}

struct room *
room_of_sight(struct rooms *rooms, struct sight *sight)
{
	struct table_entry *e = table_find(&rooms->sights, (struct str){(const char *)&sight, sizeof sight});
	struct seen *s;

	if (e != NULL)
		return &seen_of(e)->room;
	s = calloc(1, sizeof *s);
	if (s == NULL)
		return NULL;
	room_init(rooms, &s->room, STR("*"));
	s->room.view = &rooms->ring.all;
	s->room.seen = s;
	s->sight = sight_hold(sight);
	s->checked = s->quiet.from = s->quiet.to = rooms->head;
	s->unsure = rooms->all.deleted;
	s->deletion = rooms->n_deletions;
	s->changes = rooms->changes;
	table_add(&rooms->sights, &s->entry);
	TAILQ_INSERT_TAIL(&rooms->current, s, link);
	room_sight_is_loose(&s->room);
	return &s->room;
}

void
room_sight_is_loose(struct room *room)
{
	struct seen *s = room->seen;

	if (s->loose)
		return;
	s->loose = true;
	TAILQ_INSERT_TAIL(&room->rooms->loose, s, loose_link);
}

bool
rooms_sweep_sights(void *all)
{
	struct rooms *rooms = all;
	struct seen *s;

	while ((s = TAILQ_FIRST(&rooms->loose)) != NULL) {
		TAILQ_REMOVE(&rooms->loose, s, loose_link);
		s->loose = false;
		if (!round_idle(&s->room.round))
			continue;
		if (s->behind)
			TAILQ_REMOVE(&rooms->behind, s, link);
		else
			TAILQ_REMOVE(&rooms->current, s, link);
		table_remove(&rooms->sights, &s->entry);
		free_seen(NULL, &s->entry);
	}
	return false;
}

/* ---- what is new ---- */

void
rooms_tell_sights(struct rooms *rooms)
{
	struct seen *s;

	/* Each is moved once for all that comes in a turn. */
	while ((s = TAILQ_FIRST(&rooms->current)) != NULL)
		set_behind(s, true);
}

void
rooms_tell_sights_deleted(struct rooms *rooms, struct str room, int64_t id, bool pruned)
{
	struct deletion *d = &rooms->deletions[rooms->n_deletions++ % DELETIONS];

	d->id = id;
	d->pruned = pruned;
	d->room_n = (uint8_t)room.n;
	memcpy(d->room, room.p, room.n);
	rooms_tell_sights(rooms);
}

static void
reset_seen(void *ctx, struct table_entry *e)
{
	struct seen *s = seen_of(e);
	struct rooms *rooms = ctx;

	s->checked = s->quiet.from = s->quiet.to = rooms->head;
	s->quiet.n = s->n_spans = 0;
	s->unsure = s->room.deleted = s->room.pruned = 0;
	s->deletion = rooms->n_deletions;
	room_forget_answers(&s->room);
	round_make_due_if_waited(&s->room.round);
}

void
rooms_reset_sights(struct rooms *rooms)
{
	table_each(&rooms->sights, reset_seen, rooms);
}

static bool
sees(const struct seen *s, struct str room)
{
	return sight_may(s->sight, room) & MAY_READ;
}

/* Returns how many it looked at, at most `most`. */
static size_t
look_at_deletions(struct seen *s, size_t most)
{
	struct rooms *rooms = s->room.rooms;
	size_t n = 0;

	if (rooms->n_deletions - s->deletion > DELETIONS) {
		s->deletion = rooms->n_deletions;
		s->unsure = rooms->all.deleted;
		round_make_due_if_waited(&s->room.round);
	}
	for (; s->deletion < rooms->n_deletions && n < most; n++) {
		const struct deletion *d = &rooms->deletions[s->deletion++ % DELETIONS];

		if (!sees(s, (struct str){d->room, d->room_n}))
			continue;
		if (d->pruned)
			room_note_pruned(&s->room, d->id);
		else
			room_note_deleted(&s->room, d->id);
	}
	return n;
}

/* The quiet span is over at this message, which is seen. */
static void
end_quiet(struct seen *s, int64_t id)
{
	if (s->quiet.n >= QUIET_MIN)
		s->spans[s->n_spans++ % QUIET_SPANS] = s->quiet;
	s->quiet = (struct quiet){id, id, 0};
}

static size_t
look_at_messages(struct seen *s, size_t most)
{
	struct rooms *rooms = s->room.rooms;
	const struct ring_chain *chain = &rooms->ring.all;
	size_t place, n = 0;

	if (s->checked < chain->floor) {
		/* Memory has lost what it did not look at. */
		s->checked = chain->floor;
		end_quiet(s, s->checked);
		round_make_due_if_waited(&s->room.round);
	}
	for (place = ring_above(chain, s->checked); place < chain->n && n < most; place++, n++) {
		const struct message *m = ring_at(chain, place);

		s->checked = m->f.id;
		if (sees(s, m->f.room)) {
			end_quiet(s, m->f.id);
			round_make_due_if_waited(&s->room.round);
		} else {
			s->quiet.to = m->f.id;
			s->quiet.n++;
		}
	}
	return n;
}

bool
rooms_feed_sights(void *all)
{
	struct rooms *rooms = all;
	size_t left = LOOKS_PER_TURN;
	struct seen *s;

	while (left > 0 && (s = TAILQ_FIRST(&rooms->behind)) != NULL) {
		size_t used = look_at_deletions(s, left);

		used += look_at_messages(s, left - used);
		left -= used < left ? used : left;
		/* One more for each, whatever it found: there may be many of them. */
		left -= left > 0;
		if (left > 0)
			set_behind(s, false);
		else {
			/* The others first. */
			TAILQ_REMOVE(&rooms->behind, s, link);
			TAILQ_INSERT_TAIL(&rooms->behind, s, link);
		}
	}
	return !TAILQ_EMPTY(&rooms->behind);
}

/* ---- reading ---- */

bool
room_is_all(const struct room *room)
{
	return room->seen != NULL || room == &room->rooms->all;
}

const struct sight *
room_sight(const struct room *room)
{
	return room->seen == NULL ? NULL : room->seen->sight;
}

/* Above `since`, or above what is known to be quiet behind it. */
static int64_t
skip_quiet(const struct seen *s, int64_t since)
{
	size_t n = s->n_spans < QUIET_SPANS ? s->n_spans : QUIET_SPANS;

	for (size_t i = 0; i < n; i++)
		if (since >= s->spans[i].from && since < s->spans[i].to)
			return s->spans[i].to;
	return since >= s->quiet.from && since < s->quiet.to ? s->quiet.to : since;
}

size_t
room_onward(const struct room *room, size_t place)
{
	if (room->seen != NULL)
		while (place < room->view->n && !sees(room->seen, ring_at(room->view, place)->f.room))
			place++;
	return place;
}

size_t
room_above(const struct room *room, int64_t since)
{
	if (room->seen != NULL)
		since = skip_quiet(room->seen, since);
	return room_onward(room, ring_above(room->view, since));
}

bool
room_is_far(const struct room *room, int64_t since)
{
	if (room->seen == NULL)
		return false;
	return since < room->seen->unsure ||
	       room->view->n - ring_above(room->view, skip_quiet(room->seen, since)) > FAR;
}

int64_t
room_before_newest(const struct room *room, size_t n)
{
	const struct ring_chain *chain = room->view;

	if (chain->n < n)
		return -1;
	for (size_t back = 1; back <= chain->n && back <= FAR; back++) {
		const struct message *m = ring_at(chain, chain->n - back);

		if (m->f.changes == 0 && (room->seen == NULL || sees(room->seen, m->f.room)) && --n == 0)
			return m->f.id - 1;
	}
	return -1;
}

bool
room_answers_are_old(struct room *room)
{
	struct seen *s = room->seen;
	bool old = s != NULL && s->changes != room->rooms->changes;

	if (old)
		s->changes = room->rooms->changes;
	return old;
}
