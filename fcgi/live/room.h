/*
 * room: who waits for what, and what a room's waiters are to be told.
 *
 * A room is a name, the chain of its newest messages and two lists of waiters. A waiter is a cursor: whoever it is, it
 * is told by one function that something above its cursor may be there, and reads on by itself.
 *
 * Rounds: publishing wakes nobody at once. It makes the room due; when no round of the room is under way, all who wait
 * become the round, and each turn of the loop tells a bounded number of them. What is published meanwhile gathers: who
 * is told late gets all of it in one answer, and the next round begins when this one has been told. So under load there
 * are fewer and fuller answers, and after a quiet moment the first message goes at once.
 *
 * The whole log is a room too (room_all), whose waiters are told of everything.
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

enum room_waiter_kind { ROOM_POLL, ROOM_POLL_MANY, ROOM_SESSION, ROOM_WAITER_KINDS };

struct waiter {
	TAILQ_ENTRY(waiter) link;
	struct room *room;   /* NULL: waits for nothing */
	uint64_t since : 53; /* ids are below 2^53 */
	uint64_t kind : 2;
	uint64_t list : 1;  /* which of the room's two */
	uint64_t index : 5; /* its owner's */
	uint64_t era : 3;   /* of the log it waits in: rooms_resets(), its last bits */
};

/* The waiter is unlinked already; it may wait again. */
typedef void room_wake_fn(void *ctx, struct room *room, struct waiter *w);

/* Whether the log has become another one since w began to wait. */
bool room_was_reset(const struct rooms *rooms, const struct waiter *w);

/* A ready answer that a room keeps for the next waiter of the same round; whoever makes answers says what it is for. */
struct room_answer {
	LIST_ENTRY(room_answer) link;
	uint16_t kind, origin;
	struct blob *reply;
	int64_t first, head, last;
	size_t limit;
};

/* Answers to polls, and those to sessions, of which there are 8 kinds. */
enum { ROOM_POLL_ANSWER, ROOM_SESSION_ANSWER, ROOM_SESSION_ANSWERS = 8 };

/* NULL without memory. */
struct rooms *rooms_new(struct loop *loop, size_t ring_bytes_max);
void rooms_free(struct rooms *rooms);

void rooms_on_wake(struct rooms *rooms, enum room_waiter_kind kind, room_wake_fn *fn, void *ctx);

/* The log from here on: its epoch, its head. What was known of another is forgotten and all waiters are woken. */
void rooms_reset(struct rooms *rooms, const char *epoch, int64_t head);

const char *rooms_epoch(const struct rooms *rooms);
uint64_t rooms_resets(const struct rooms *rooms); /* how often rooms_reset() was called */
int64_t rooms_head(const struct rooms *rooms);
int64_t rooms_floor(const struct rooms *rooms); /* memory holds everything above */

/* A new message, in the order of the log; takes a holding. Whoever waits is told after rooms_publish_end(). */
void rooms_publish(struct rooms *rooms, struct message *m);

/* A message was updated (now, taking a holding) or deleted (NULL). */
void rooms_change(struct rooms *rooms, struct str room, int64_t id, struct message *now);

/* The head, after a batch of the two. */
void rooms_publish_end(struct rooms *rooms, int64_t head);

/* The room of this name, made when there is none; NULL without memory. It lives while someone waits in it or memory
 * holds a message of it, so it must be used in the turn in which it was asked for. */
struct room *room_get(struct rooms *rooms, struct str name);
struct room *room_find(struct rooms *rooms, struct str name); /* or NULL */
struct room *room_all(struct rooms *rooms);

struct str room_name(const struct room *room); /* lives as long as the room */
const struct ring_chain *room_chain(const struct room *room);
int64_t room_deleted(const struct room *room); /* greatest id known to be deleted; 0: none above the floor */
/* Those for pages of one origin (of their slots), filled or not; NULL without memory. It is forgotten with the round.
 */
struct room_answer *room_answer(struct room *room, unsigned kind, unsigned origin);

/* Whether a round is under way or put off. */
bool room_busy(const struct room *room);

/* Whether a reader that has something new waits its turn, and gets what gathers: with a round under way, or soon after
 * a large one, whose waiters are on their way back. */
bool room_gathers(const struct room *room);

/* Whether messages are being committed: where a large round is about to begin, it waits a moment for them. */
void rooms_expect(struct rooms *rooms, bool coming);

/* w waits for what comes above since. */
void room_wait(struct room *room, struct waiter *w, enum room_waiter_kind kind, int64_t since);
void room_unwait(struct waiter *w);

/* The room has something that waiters have not been told: they are in the next round. */
void room_make_due(struct room *room);

struct rooms_counts {
	size_t rooms, messages, bytes;
	uint64_t woken;
};
struct rooms_counts rooms_counts(const struct rooms *rooms);

#endif
