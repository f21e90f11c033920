/*
 * room: who waits for what, and what a room's waiters are to be told.
 *
 * A room is a name, the chain of its newest messages and a round of waiters. A waiter is a cursor: a function of its
 * kind is told that there may be something above it, and reads on by itself.
 *
 * Rounds: publishing wakes nobody at once. It makes the room due; when no round of the room is under way, all waiters
 * become the round, and each turn of the loop tells a bounded number of them. What is published meanwhile gathers: a
 * waiter that is told late gets all of it in one answer, and the next round begins when this one has been told. So
 * under load there are fewer and fuller answers, and after a quiet moment the first message goes at once. round.h says
 * when a waiter is told.
 *
 * The whole log is a room too (room_all); its waiters are told of everything. Those who may not read all of it share a
 * room with all who have the same sight (room_of_sight); its waiters are told of what these see.
 * Invariants: a waiter is in exactly one list of its room or in none. Nothing above the head was shown to anybody.
 */
#ifndef ROOM_H
#define ROOM_H

#include <sys/queue.h>

#include "base/blob.h"
#include "ring.h"

struct loop;
struct room;
struct rooms;
struct sight;

enum room_waiter_kind { ROOM_POLL, ROOM_POLL_MANY, ROOM_SESSION, ROOM_STREAM, ROOM_STREAM_MANY, ROOM_WAITER_KINDS };

struct waiter {
	TAILQ_ENTRY(waiter) link;
	struct room *room;   /* NULL: waits for nothing */
	uint64_t since : 53; /* ids are below 2^53 */
	uint64_t kind : 3;
	uint64_t list : 1;  /* which of the room's two */
	uint64_t index : 5; /* which of its owner's waiters this is (poll_parking, stream_wait: 0-31) */
	uint64_t era : 2;   /* the last bits of rooms_resets() when it began to wait */
};

static inline int64_t
waiter_since(const struct waiter *w)
{
	return (int64_t)w->since;
}

static inline size_t
waiter_index(const struct waiter *w)
{
	return (size_t)w->index;
}

/* The waiter is unlinked already; it may wait again. */
typedef void room_wake_fn(void *ctx, struct room *room, struct waiter *w);

/* Whether the log has become another one since w began to wait. */
bool room_was_reset(const struct rooms *rooms, const struct waiter *w);

/* A ready answer, kept for the next waiter of the same round; the module that makes answers says what each is for. */
struct room_answer {
	LIST_ENTRY(room_answer) link;
	uint16_t kind, origin;
	struct blob *reply;
	int64_t first, head, last;
	size_t limit;
};

/* Kinds of answers: one for polls, 8 for sessions, one for each form of streams. */
enum {
	ROOM_POLL_ANSWER,
	ROOM_SESSION_ANSWER,
	ROOM_SESSION_ANSWERS = 8,
	ROOM_STREAM_ANSWER = ROOM_SESSION_ANSWER + ROOM_SESSION_ANSWERS
};

/* NULL without memory. */
struct rooms *rooms_new(struct loop *loop, size_t ring_bytes_max);
void rooms_free(struct rooms *rooms);

/* How rounds wait on purpose (round.h): all of it, until this says otherwise. */
struct room_patience {
	bool rest, hold, yield;
};
void rooms_set_patience(struct rooms *rooms, struct room_patience patience);

void rooms_on_wake(struct rooms *rooms, enum room_waiter_kind kind, room_wake_fn *fn, void *ctx);

/* The log from here on: its epoch, its head. What was known of the last one is forgotten, and all waiters are woken. */
void rooms_reset(struct rooms *rooms, const char *epoch, int64_t head);

const char *rooms_epoch(const struct rooms *rooms);
uint64_t rooms_resets(const struct rooms *rooms); /* how often rooms_reset() was called */
int64_t rooms_head(const struct rooms *rooms);
/* The message with this id, as memory has it until the next news; NULL: it has not. */
struct message *rooms_message(const struct rooms *rooms, int64_t id);
int64_t rooms_floor(const struct rooms *rooms); /* memory holds everything above */

/* A new message, in the order of the log; takes a holding. Waiters are told in a later step of the loop. */
void rooms_publish(struct rooms *rooms, struct message *m);

/* A message was updated (now, taking a holding) or deleted (NULL). */
void rooms_change(struct rooms *rooms, struct str room, int64_t id, struct message *now);

/* A message was deleted by a change, which is published: so it is no gap. */
void rooms_take_out(struct rooms *rooms, struct str room, int64_t id);

/*
 * A message is not kept any more; last: nor are those of this room that were told before, in order, and no other is
 * told before this. Nobody is woken: who waits has all that went. Who reads from below is told of the gap, as of a
 * deletion.
 */
void rooms_prune(struct rooms *rooms, struct str room, int64_t id, bool last);

/* The head, after a batch of new messages and changes. */
void rooms_publish_end(struct rooms *rooms, int64_t head);

/* The room of this name, made when there is none; NULL without memory. It lives while it has a waiter, a round that is
 * not idle or a message in memory: use it in the turn in which it was asked for. */
struct room *room_get(struct rooms *rooms, struct str name);
struct room *room_find(struct rooms *rooms, struct str name); /* or NULL */
struct room *room_all(struct rooms *rooms);

/* The whole log as this sight sees it; NULL without memory. Likewise for the turn, and while it has a waiter or a round
 * that is not idle. */
struct room *room_of_sight(struct rooms *rooms, struct sight *sight);
bool room_is_all(const struct room *room);               /* the whole log, or what a sight sees of it */
const struct sight *room_sight(const struct room *room); /* NULL: all is seen */

/*
 * The place in room_chain() of the first message above an id that is to be seen, or of the first from a place on; the
 * chain's n: there is none. Where room_is_far(), too many that are not to be seen lie in between, or it is not known
 * what was deleted: then a reader is to be asked.
 */
size_t room_above(const struct room *room, int64_t since);
size_t room_onward(const struct room *room, size_t place);
bool room_is_far(const struct room *room, int64_t since);
/* The id before the n-th newest message to be seen, changes not counted; -1: memory does not know. */
int64_t room_before_newest(const struct room *room, size_t n);

struct str room_name(const struct room *room); /* lives as long as the room */
const struct ring_chain *room_chain(const struct room *room);
int64_t room_deleted(const struct room *room); /* greatest id known to be deleted; 0: none above the floor */
int64_t room_pruned(const struct room *room);  /* greatest id that is known not to be kept any more; 0 likewise */
/* The answer of this kind for pages of one origin (of their slots), filled or not; NULL without memory. Forgotten with
 * the round. */
struct room_answer *room_answer(struct room *room, unsigned kind, unsigned origin);

/* Whether a round is under way, due or put off. */
bool room_busy(const struct room *room);

/* Whether a reader that has something new should wait for the next round, and get what gathers: while a round is busy,
 * and soon after a large one, whose waiters are on their way back. */
bool room_gathers(const struct room *room);

/* Whether messages are being committed: a round that is about to begin soon after a large one is held for them. */
void rooms_expect(struct rooms *rooms, bool coming);

/* w waits for what comes above since. */
void room_wait(struct room *room, struct waiter *w, enum room_waiter_kind kind, int64_t since);
void room_unwait(struct waiter *w);

/* The room has something new: all waiters are in the next round. */
void room_make_due(struct room *room);

struct rooms_counts {
	size_t rooms, messages, bytes;
	uint64_t woken;
};
struct rooms_counts rooms_counts(const struct rooms *rooms);

#endif
