/*
 * stream: GET /stream: what is newer than a cursor, message by message, in one answer that goes on until somebody ends
 * it: as Server-Sent Events, as JSON lines, or as text.
 *
 * States of a stream, and what leads out of them:
 * - BEHIND: it stands in no room, and struct stream_behind has its rooms and its cursor. One of
 *     going on   finds by the cursor what is next: a look, a reader, memory, or nothing -> WAITING
 *     looking    the writer looks whether another program has just changed something -> going on, or ended: `reset`
 *     reading    a reader reads a page of what memory does not hold -> given, and going on
 *     blocked    the peer has not taken what it was given -> going on by stream_drained()
 *     pausing    it has had its part of a turn, or its person has to pay for reading -> going on
 * - WAITING: in its room, or rooms, and under a timer. News: given, and WAITING; or blocked, or more than is given at
 *   once -> BEHIND. The timer: a sign of life.
 * It is ended, from either, by stream_gone() (the peer hung up, or takes nothing for send-timeout, or memory is short),
 * stream_judge() (a token or a grant), stream_drain() (the daemon stops), or another log (`reset`).
 *
 * One cursor is all that a stream has of its own. What many streams in one place are given is made once for each form,
 * as ready records, and shared; it is at most 64 KB of whole messages, or one message.
 *
 * Files: stream.c takes requests and ends streams, stream_behind.c catches up, stream_wait.c waits, stream_part.c makes
 * what is given; stream_form.h has the forms; stream_state.h is theirs alone.
 */
#ifndef STREAM_H
#define STREAM_H

#include "web/request.h"

struct commit;
struct gate;
struct loop;
struct readers;
struct rooms;
struct stream;

/* NULL without memory. */
struct stream *stream_new(struct loop *loop, struct requests *requests, struct rooms *rooms, struct readers *readers,
    struct commit *commit, struct gate *gate);
void stream_free(struct stream *s);

void stream_request(struct stream *s, struct request *r);

/* Tokens or grants changed: a stream that may not go on is ended. */
void stream_judge(struct stream *s, struct fcgi_conn *conn);

/* The peer of a stream hung up, or was too slow. */
void stream_gone(struct stream *s, struct fcgi_conn *conn);

/* The peer of a stream has taken all it was given. */
void stream_drained(struct stream *s, struct fcgi_conn *conn);

/* Ends all streams, and from now on refuses others. */
void stream_drain(struct stream *s);

/* Why a stream ended. */
enum stream_reason {
	STREAM_HUNG_UP,  /* its peer did */
	STREAM_SLOW,     /* and had not taken all it was given; or that took too long, or too much memory */
	STREAM_REVOKED,  /* its token was, or has expired */
	STREAM_DENIED,   /* it may not read one of its rooms any more */
	STREAM_RESTORED, /* the log is another one */
	STREAM_STOPPED,  /* the daemon stops */
	STREAM_FAILED,   /* for want of memory, or the database could not be read */
	STREAM_REASONS
};
const char *stream_reason_name(enum stream_reason reason);

struct stream_counts {
	size_t streams;
	uint64_t opened, ended[STREAM_REASONS];
	uint64_t given, made; /* parts with messages: how many were given, and how many had to be made for that */
};
struct stream_counts stream_counts(const struct stream *s);

/* Bytes of a connection's slot that a stream takes. */
size_t stream_slot_size(void);

#endif
