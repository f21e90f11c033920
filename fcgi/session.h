/*
 * session: an Engine.IO session over HTTP long-polling: states, cursors, heartbeat (Engine.IO protocol 4).
 *
 * A session has a small queue of packets for it alone, and cursors into rooms. A message of a room is never copied into
 * it: when its GET comes, it reads on from memory, or from the database if it was away for long. A packet in the queue
 * remembers the head at which it was queued, and goes out behind the messages up to it and before those above it.
 *
 * States: OPEN -> (session_close: what is queued goes out first) CLOSING -> ENDED; OPEN -> ENDED by session_end(): the
 * heartbeat missed, the held GET's peer gone, the protocol broken. An ended session is freed when the turn is over.
 * Invariants: one GET is held at most. While it is held every cursor waits in its room; while none is, none does, so a
 * client that is away costs nothing as others talk.
 *
 * Sessions that stand at the same place of a room, and have nothing but its news to be told, get the same bytes.
 */
#ifndef SESSION_H
#define SESSION_H

#include <sys/queue.h>

#include "request.h"
#include "room.h"
#include "token.h"

struct loop;
struct readers;
struct session;
struct sessions;

/* How many kinds of cursors there may be in a room; see session_add_cursor(). */
enum { SESSION_VARIANTS = 4 };

/* Where a session is in a room. Its owner embeds it. */
struct session_cursor {
	LIST_ENTRY(session_cursor) link;
	struct session *session; /* NULL: in none */
	struct waiter waiter;
	int64_t since;    /* the greatest id given, or known to be nothing for it */
	uint64_t resets;  /* rooms_resets() of the log that since is of */
	const char *room; /* its owner's, room_n bytes */
	/* Read from the database, for want of memory, and not given yet: */
	struct message **backlog;
	uint16_t backlog_n, backlog_at;
	uint32_t newest_max; /* > 0: at most so many of the newest are read from the database */
	uint8_t room_n, variant;
	bool replays; /* what was missed goes out before the welcome, as far as both fit into one reply */
	bool shut;    /* its welcome is still in the queue */
	bool gave;    /* messages to the reply that is being made, before the welcome */
};

/* Where a cursor begins. */
struct session_start {
	struct str room; /* its bytes must last as long as the cursor */
	int64_t since;
	size_t newest_max; /* > 0: of what the database has above since, no more than the newest so many are given */
	unsigned variant;  /* below SESSION_VARIANTS: cursors of a room with the same one are given the same packets */
	bool replays;      /* see session_queue_welcome() */
};

/* The protocol on top of the sessions of one path. */
struct session_layer {
	void *ctx;
	/* A new session. -1: without memory; it is ended. */
	int (*opened)(void *ctx, struct session *s);
	/* A message. false: it breaks the protocol; the session is ended. */
	bool (*text)(void *ctx, struct session *s, struct str text);
	bool (*binary)(void *ctx, struct session *s, struct str bytes);
	/* Adds the packets of a message, with separators between; returns how many. May be NULL where there are no
	 * cursors. */
	unsigned (*packets)(void *ctx, struct session_cursor *c, struct message *m, struct buf *body);
	/* The last call for it. */
	void (*ended)(void *ctx, struct session *s);
};

struct session_options {
	int64_t ping_interval_ms, ping_timeout_ms, connect_timeout_ms;
	size_t sessions_max;
	size_t queue_bytes_max; /* of one session; it is ended when more is queued */
	size_t reply_max;       /* bytes of a reply, beyond its first packet */
};

/* NULL without memory. */
struct sessions *sessions_new(struct loop *loop, const struct session_options *options, struct requests *requests,
    struct rooms *rooms, struct readers *readers);
void sessions_free(struct sessions *all);
size_t sessions_count(const struct sessions *all);
/* The session of this id, if it has this layer; or NULL. */
struct session *session_find(struct sessions *all, const struct session_layer *layer, struct str id);

/* Held GETs are answered with a close, as at the daemon's end; from now on there are no new sessions. */
void sessions_drain(struct sessions *all);

/*
 * few: the client takes no more than 16 packets in a reply; user: whom the web server knows it as, cut to what a sender
 * may be. NULL: too many sessions, or no memory.
 */
struct session *session_new(struct sessions *all, const struct session_layer *layer, bool few, struct str user);
struct str session_user(const struct session *s);
const char *session_id(const struct session *s);
void *session_data(const struct session *s);
void session_set_data(struct session *s, void *data);

/* The client has what it connected for: the connect timeout does not strike. */
void session_connected(struct session *s);

/* A GET of it: answers or holds conn. */
void session_get(struct session *s, struct fcgi_conn *conn);

/* The body of a POST: handles its packets. What it queues goes out with the held GET at the end of the turn. */
void session_post(struct session *s, struct str body);

/* Whether a request for it still counts: an absolute deadline is past before its timer strikes. Ends it if not. */
bool session_alive(struct session *s);

/*
 * Queues packets (whole Engine.IO packets, separators between): n of them. Takes a holding of them. When there is no
 * room or memory for them the session ends, but not before the turn does.
 */
void session_queue(struct session *s, struct blob *packets, unsigned n);

/* The same for what is only worth telling soon: a slow session misses it after 10 s, and all but the newest 64. */
void session_queue_passing(struct session *s, struct blob *packets, unsigned n);

/* Whether a GET is held and nothing is queued: what may be lost is only sent then. */
bool session_ready(const struct session *s);

/* Ends it when what is queued has gone out. */
void session_close(struct session *s);
/* Ends it now; a held GET gets `packet` ("1", "6"). */
void session_end(struct session *s, struct str packet);

/* The peer of its held GET hung up. */
void session_gone(struct session *s);

/* The session whose GET a parked connection is. */
struct session *session_of(struct fcgi_conn *conn);

void session_add_cursor(struct session *s, struct session_cursor *c, const struct session_start *start);
void session_remove_cursor(struct session_cursor *c);

/*
 * Queues the one packet without which the client does not take what the cursor gives. It goes out before that; if the
 * cursor replays, behind as much of what was missed as fits into the same reply, never later: the client keeps what
 * comes before, and would have it twice if it were cut off in between. A cursor that was not added changes nothing.
 */
void session_queue_welcome(struct session *s, struct blob *packet, struct session_cursor *c);

/* Something was queued or a cursor set: the held GET is looked at when the turn ends. */
void session_wake(struct session *s);

size_t session_slot_size(void);

#endif
