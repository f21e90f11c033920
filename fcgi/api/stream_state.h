/*
 * stream_state: what the files of stream share.
 */
#ifndef STREAM_STATE_H
#define STREAM_STATE_H

#include "base/jitter.h"
#include "cursor.h"
#include "event/loop.h"
#include "live/gate.h"
#include "stream.h"
#include "stream_form.h"

enum { STREAM_PART_MAX = 64 * 1024 }; /* bytes of messages in one part, beyond the first message */

struct stream {
	struct loop *loop;
	struct requests *requests;
	struct rooms *rooms;
	struct readers *readers;
	struct commit *commit;
	struct gate *gate;
	bool draining;
	uint64_t at_stop; /* streams, when that began */
	uint8_t beat_kind, pause_kind;
	struct jitter jitter;
	struct buf body; /* of the part in the making */
	struct stream_counts counts;
	/* Ready signs of life: the same for all streams, as long as the head is. */
	struct stream_beat {
		struct blob *part;
		int64_t head;
		uint64_t resets; /* rooms_resets() when it was made */
	} beats[STREAM_FORMS];
};

/* One that waits in several rooms. */
struct stream_many {
	struct fcgi_conn *conn;
	size_t n;
	struct waiter waiters[];
};

/* One that stands in no room. While its job is under way it may outlive its request. */
struct stream_behind {
	struct stream *all;
	uint64_t handle; /* of the request */
	enum { STREAM_GOES_ON, STREAM_LOOKS, STREAM_READS, STREAM_IS_BLOCKED, STREAM_PAUSES } doing;
	enum stream_form form;
	struct store_rooms rooms; /* its names are views of `names` */
	struct cursor at;
	bool looked;         /* what others committed up to now is known */
	bool gap_told;       /* since it has been behind */
	bool long_pause;     /* as long as one may be silent */
	uint64_t resets;     /* rooms_resets() when it fell behind: its cursor is of that log */
	struct sight *sight; /* held by the job: what could be seen then */
	struct read *read;
	struct read_turn turn;
	struct store_poll page;
	char epoch[32];
	char names[][MESSAGE_ROOM_MAX];
};

/* A stream, in its connection's slot: every byte counts, there may be tens of thousands. */
struct streaming {
	struct slot slot;
	union {
		struct waiter one;
		struct stream_many *many;     /* slot.stream.is_many */
		struct stream_behind *behind; /* slot.stream.behind */
	} u;
	struct timer timer; /* WAITING: until the next sign of life; BEHIND: while it pauses */
};
_Static_assert(sizeof(struct streaming) <= 72, "with its connection a stream has 96 bytes");

/* ---- stream.c ---- */

/* Whether the stream may still be told of this; false: why. */
bool stream_may(struct stream *s, struct fcgi_conn *conn, const struct store_rooms *rooms, enum stream_reason *why);

/*
 * Ends a stream that is in no room, under no timer, and no behind: says why, if it is not blocked. One of which nothing
 * was given yet is refused with that.
 */
void stream_end(struct stream *s, struct fcgi_conn *conn, enum stream_reason reason, bool blocked);

/* It is gone: nothing of its slot may be used, and all else is let go. */
void stream_lost(struct stream *s, enum stream_reason reason);

/* ---- stream_behind.c ---- */

/* NULL without memory. The names of rooms are copied. */
struct stream_behind *stream_behind_new(struct stream *s, struct fcgi_conn *conn, enum stream_form form,
    const struct store_rooms *rooms, const struct cursor *at);
void stream_behind_free(struct stream_behind *b);

/* Goes on from its cursor. The stream's slot has b. */
void stream_go_on(struct stream_behind *b, struct fcgi_conn *conn);

void stream_behind_init(struct stream *s);

/* Its request is over; b is freed, now or by its job. */
void stream_behind_leave(struct stream_behind *b, struct streaming *st);

/* Whether the connection cannot take more now. */
static inline bool
stream_is_blocked(const struct streaming *st)
{
	return st->slot.stream.behind && st->u.behind->doing == STREAM_IS_BLOCKED;
}

/* ---- stream_wait.c ---- */

/* b waits in its rooms, found or made, for what comes above its cursor, and ends. -1 without memory: nothing is done.
 */
int stream_wait(struct stream_behind *b, struct fcgi_conn *conn);

/* Out of its rooms and its timer. */
void stream_unwait(struct stream *s, struct streaming *st);

/* It may not wait where it waits any more: it goes on elsewhere, or is ended. */
void stream_judge_waiting(struct stream *s, struct fcgi_conn *conn);

void stream_wait_init(struct stream *s);

/* ---- stream_part.c ---- */

/* Messages that were gathered. */
struct stream_part {
	bool any, gap, more; /* there are messages; something was deleted; not all there is */
	int64_t last;        /* the id of the last one */
};

/*
 * What memory has of these rooms above since, as a ready part; while a round of a room is told, it is shared by all
 * that stand where it begins. false: there is nothing to tell. *blob is the caller's, for fcgi_more(); NULL without
 * memory.
 */
bool stream_part_make(struct stream *s, struct stream_part *part, enum stream_form form, struct room *const *rooms,
    size_t n, int64_t since, bool no_gap, struct blob **blob);

/* A sign of life, for one that was told all up to the head; NULL without memory. */
struct blob *stream_part_beat(struct stream *s, enum stream_form form);

/* Gives text; behind the head of the answer, if it is the first. Without memory for all of it the stream is lost. */
enum output_result stream_give(struct stream *s, struct fcgi_conn *conn, const struct buf *text);

/* Gives the word that opens the answer, whose cursor is this. */
enum output_result stream_give_open(struct stream *s, struct fcgi_conn *conn, int64_t since);

#endif
