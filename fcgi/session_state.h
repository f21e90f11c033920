/*
 * session_state: what the files of session share. session.c has its life and its heartbeat, session_get.c the held GET
 * and what it is answered with, session_read.c the cursors, session_queue.c what waits for one session alone,
 * session_post.c what clients send.
 */
#ifndef SESSION_STATE_H
#define SESSION_STATE_H

#include "loop.h"
#include "session.h"

enum session_life { SESSION_OPEN, SESSION_CLOSING, SESSION_ENDED };

struct queued;
struct reading;

/* There may be a hundred thousand, so every byte counts. */
struct session {
	LIST_ENTRY(session) link;         /* in its place of the table */
	STAILQ_ENTRY(session) later_link; /* among those to be looked at, or freed, when the turn ends */
	struct sessions *all;
	const struct session_layer *layer;
	void *data;
	struct fcgi_conn *held;
	struct timer timer;
	int64_t ping_ms, dead_ms, connect_ms; /* clock_ms() at which each strikes; INT64_MAX: never */
	STAILQ_HEAD(, queued) queue;
	LIST_HEAD(, session_cursor) cursors;
	size_t queue_bytes;
	struct reading *reading; /* a job reads for one of its cursors */
	uint8_t state;           /* enum session_life */
	bool ping_waits, pong_waits, extended, few, later;
	bool doomed; /* it is ended when the turn is over: whoever queued may still use what it owns */
	uint8_t n_passing, user_n;
	char id[TOKEN_ID_SIZE];
	char user[];
};

LIST_HEAD(session_place, session);

struct sessions {
	struct session_options options;
	struct loop *loop;
	struct requests *requests;
	struct rooms *rooms;
	struct readers *readers;
	struct session_place *table;
	size_t places, n; /* places: a power of two */
	STAILQ_HEAD(, session) later, ended;
	uint8_t timer_kind;
	bool draining;
	struct buf body;
};

/* ---- session.c ---- */

/* A pong came, or the session begins: the next ping is due a whole interval from now. */
void session_beat(struct session *s);

/* ---- session_get.c ---- */

/* Takes the held GET, which its caller answers; NULL when there is none. */
struct fcgi_conn *session_take_held(struct session *s);

void session_reply(struct sessions *all, struct fcgi_conn *conn, struct str body);

/* Answers the held GET if there is anything to say, or sees to it that it is told. */
void session_flush(struct session *s);

/* A waiter of a session's cursor was woken. */
void session_on_wake(void *ctx, struct room *room, struct waiter *w);

/* ---- session_read.c ---- */

struct str session_cursor_room(const struct session_cursor *c);

/* Another log stands here now: a cursor goes on from its end. */
void session_follow_reset(struct session_cursor *c);

/* The message that comes first of all cursors'; NULL when there is none. *behind: one has to ask the database. */
struct message *session_first_message(struct session *s, struct session_cursor **from, struct session_cursor **behind);

/* The cursor has given m. */
void session_advance(struct session_cursor *c, struct message *m);

/* Begins to read for the cursor what memory does not hold. */
void session_read_behind(struct session *s, struct session_cursor *c);

/* The session ended: what is being read for it is for nobody. */
void session_stop_reading(struct session *s);

/* ---- session_queue.c ---- */

struct queued {
	STAILQ_ENTRY(queued) link;
	struct blob *packets;
	unsigned n;
	int64_t head;
	int64_t until_ms;             /* clock_ms() after which it is not worth telling; 0: it always is */
	struct session_cursor *opens; /* whose welcome it is; NULL: nobody's */
};

/* Takes queued packets into the body. Returns how many. */
unsigned session_take_queued(struct session *s, struct queued *q, struct buf *body);

/* The welcome of a cursor that is shut. */
struct queued *session_welcome(struct session *s, const struct session_cursor *c);

/* Those that are out of date, and the oldest when there are too many, make room for another. */
void session_drop_passing(struct session *s);

void session_drop_queue(struct session *s);

/* Between two packets of a body. */
void session_add_separator(struct buf *body);

#endif
