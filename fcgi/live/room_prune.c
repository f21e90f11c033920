/* What is not kept any more goes from memory, and nobody who waits is told. */
#include "event/loop.h"
#include "room_state.h"

enum { EMPTIED_MAX = 1024 };

int64_t
room_pruned(const struct room *room)
{
	return room->pruned;
}

void
room_note_pruned(struct room *room, int64_t id)
{
	if (id > room->deleted)
		room->deleted = id;
	if (id > room->pruned)
		room->pruned = id;
}

static void
free_one(void *ctx, struct table_entry *e)
{
	(void)ctx;
	room_free_if_idle(CONTAINER(e, struct room, entry));
}

/* Rooms come and go: so that those gone do not stay for their marks, memory leaves the log up to these to readers. */
static void
forget_emptied(struct rooms *rooms)
{
	if (rooms->emptied < EMPTIED_MAX)
		return;
	rooms->emptied = 0;
	ring_forget(&rooms->ring, rooms->all.pruned);
	table_each(&rooms->table, free_one, NULL);
}

void
rooms_prune(struct rooms *rooms, struct str name, int64_t id, bool last)
{
	struct room *room;

	if (id <= rooms->ring.floor)
		return;
	room = room_get(rooms, name);
	if (room == NULL) {
		/* Without memory for the mark readers go to the database. */
		ring_reset(&rooms->ring, rooms->head);
		return;
	}
	room_note_pruned(room, id);
	room_note_pruned(&rooms->all, id);
	if (last)
		rooms_tell_sights_deleted(rooms, name, id, true);
	rooms->changes++;
	room_forget_answers(room);
	room_forget_answers(&rooms->all);
	(void)ring_change(&rooms->ring, id, NULL);
	rooms->emptied += room->chain.n == 0;
	forget_emptied(rooms);
}
