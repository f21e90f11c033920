/*
 * session: an Engine.IO session: states, cursors, heartbeat (Engine.IO protocol 4), whatever carries its packets.
 *
 * A session has a small queue of packets for it alone, and cursors into rooms and channels. A message of a room is
 * never copied into it: when its outlet can take something, it reads on from memory, or from the database if it was
 * away for long. Nor is an event that passes through a channel, which keeps the newest for a few seconds. A packet in
 * the queue remembers the head at which it was queued, as an event of a channel does, and goes out behind the messages
 * up to it and before those above it.
 *
 * States: OPEN -> (session_close: what is queued goes out first) CLOSING -> ENDED; OPEN -> ENDED by session_end(): the
 * heartbeat missed, the protocol broken. When the peer of its outlet is gone it leaves (session_leave()): what it has
 * sent is still handled, then it is ENDED. An ended session is freed when the turn is over.
 * Invariants: while its outlet has nothing to take, every cursor waits in its room and its channel; while there is no
 * outlet, or it is blocked, none does, so a client that is away costs nothing as others talk.
 *
 * POSTs: a turn of the loop handles a bounded number of packets, of all sessions together; the rest of a body waits for
 * the next turn, in order, and its POST is answered when all of it was handled. Meanwhile the time for the session's
 * pong stands still, for a client says nothing else while a POST of its is open; pings are due as ever, for it drops a
 * server that sends none. A packet that comes by WebSocket is like a POST of one: until it is handled nothing is read
 * of what is behind it.
 *
 * Sessions that stand at the same place of a room, and have nothing but its news to be told, get the same bytes.
 */
#ifndef SESSION_H
#define SESSION_H

#include <sys/queue.h>

#include "base/budget.h"
#include "base/token.h"
#include "event/loop.h"
#include "live/room.h"
#include "transport.h"

struct access;
struct commit;
struct pass;
struct persons;
struct queued;
struct readers;
struct session;
struct sessions;

/* How many kinds of cursors there may be in a room; see session_add_cursor(). */
enum { SESSION_VARIANTS = 4 };

/* An event that is worth telling soon or not at all. */
struct session_event {
	struct blob *packets;
	unsigned n; /* packets */
	int64_t head;
	uint64_t serial;
	int64_t until_ms;                    /* clock_ms() after which it is not worth telling */
	const struct session_cursor *except; /* who said it; only compared, for it may have left */
};

/*
 * The newest such events of a namespace, which its owner embeds: a short ring beside the log.
 *
 * Those that wait for something are told in rounds, some in each turn. Each of them comes back for more at once, so
 *whoever says many of them would have all the others come back as fast as they can. So the first round after a quiet
 *moment goes as fast as it can, and n sessions that were told are followed by a rest of n * SESSION_REST_US, in which
 *events gather; a round that begins behind a rest has one after each SESSION_PIECE of them.
 *
 *	round is      an event comes           a GET comes, and there is an event for it   other
 *	idle          begins: telling          is answered                                 -
 *	telling       once more behind it      waits for the next one                      all told, or a piece: resting
 *	resting       when the rest is over    waits for that                              rest over: telling, or idle
 */
enum { SESSION_PIECE = 16, SESSION_REST_US = 500, SESSION_REST_MAX_MS = 2000 };

struct session_channel {
	struct sessions *all;
	TAILQ_HEAD(, session_cursor) waiting; /* of sessions with an outlet that has nothing to take */
	size_t n_waiting;
	struct session_event *ring; /* NULL while it is empty */
	uint64_t first, next;       /* numbers of the oldest and of the one to come */
	size_t bytes;               /* of their packets */
	struct budget_share share;  /* of the ring and its events, which may all be lost */
	struct timer timer;         /* the oldest goes out of date */
	/* The round: */
	TAILQ_ENTRY(session_channel) link; /* of those that are being told, while telling */
	bool telling, resting;
	bool due;       /* one more */
	bool paced;     /* it began behind a rest */
	size_t to_tell; /* of those that wait, the first */
	size_t told;    /* since the last rest */
	struct timer rest_timer;
};

/* Where a session is in a room. Its owner embeds it. */
struct session_cursor {
	LIST_ENTRY(session_cursor) link;
	struct session *session; /* NULL: in none */
	struct waiter waiter;
	struct session_channel *channel;          /* NULL: none */
	TAILQ_ENTRY(session_cursor) channel_link; /* while it waits there */
	uint64_t passed;                          /* number of the next event of the channel for it */
	int64_t since;                            /* the greatest id given, or known to be nothing for it */
	const char *room;                         /* its owner's, room_n bytes */
	struct pass *pass;                        /* its owner's */
	struct sight *sight;                      /* held: it saw the room by this one */
	/* Read from the database, for want of memory, and not given yet: */
	struct message **backlog;
	uint16_t backlog_n, backlog_at;
	uint32_t newest_max; /* > 0: no more than this many of the newest are read from the database */
	uint32_t resets;     /* the last bits of rooms_resets() of the log that since is of */
	uint8_t room_n, variant;
	bool replays : 1;       /* what was missed goes out before the welcome, as far as both fit into one reply; not
	                         * where each packet goes by itself */
	bool gave : 1;          /* messages to the reply that is being made, before the welcome */
	bool waits : 1;         /* in its channel */
	bool blind : 1;         /* it could not be told something, for its pass did not allow it: for good */
	struct queued *welcome; /* still in the queue; NULL: it went out, or there is none */
};

/* Where a cursor begins. */
struct session_start {
	struct str room; /* its bytes must last as long as the cursor */
	int64_t since;
	size_t newest_max; /* > 0: no more than this many, the newest, of what the database has above since */
	unsigned variant;  /* below SESSION_VARIANTS: cursors of a room with the same one are given the same packets */
	bool replays;      /* see session_queue_welcome() */
	struct pass *pass; /* who must be let read the room; lasts as long as the cursor. NULL: nobody is asked */
	struct session_channel *channel; /* whose events it gets from now on; NULL: none */
};

/* The protocol on top of the sessions of one path. */
struct session_layer {
	void *ctx;
	/* A new session. -1: without memory; it is ended. */
	int (*opened)(void *ctx, struct session *s);
	/* Whether messages can be handled now; or else what clients send waits, until a turn of the loop in which they
	 * can be. NULL: always. */
	bool (*ready)(void *ctx);
	/* A message. false: it breaks the protocol; the session is ended. */
	bool (*text)(void *ctx, struct session *s, struct str text);
	bool (*binary)(void *ctx, struct session *s, struct str bytes);
	/* Adds the packets of a message, with separators between; returns how many. May be NULL where there are no
	 * cursors. */
	unsigned (*packets)(void *ctx, struct session_cursor *c, struct message *m, struct buf *body);
	/* Tokens or grants have changed: what the session may not have any more ends. May be NULL. */
	void (*judge)(void *ctx, struct session *s);
	/* The last call for it. */
	void (*ended)(void *ctx, struct session *s);
};

struct session_options {
	int64_t ping_interval_ms, ping_timeout_ms, connect_timeout_ms;
	size_t sessions_max;
	size_t queue_bytes_max;  /* memory of what waits for one session; it is ended when there is more */
	struct access *access;   /* whose changes end sessions; NULL: none do */
	struct persons *persons; /* for whom they are counted; NULL: for nobody */
	struct commit *commit;   /* is asked to look when a reader knows more than memory; NULL: the session ends */
	size_t reply_max;        /* bytes of a reply, beyond its first packet */
	struct budget *budget;   /* counts what waits for all of them, and ends the largest; NULL: nothing is counted */
	int64_t upgrade_timeout_ms; /* for the step to WebSocket, once begun */
};

/* NULL without memory. */
struct sessions *sessions_new(
    struct loop *loop, const struct session_options *options, struct rooms *rooms, struct readers *readers);
/* Ends all of them, at the daemon's end; what is being read for them is the readers' until these have ended. */
void sessions_end(struct sessions *all);
/* When the writer and the readers have ended. */
void sessions_free(struct sessions *all);
size_t sessions_count(const struct sessions *all);
/* The session of this id, if it has this layer; or NULL. */
struct session *session_find(struct sessions *all, const struct session_layer *layer, struct str id);

/* Those that have a GET held are left, as at the daemon's end; from now on there are no new sessions. Those over
 * WebSocket are left as these end. */
void sessions_drain(struct sessions *all);
bool sessions_are_draining(const struct sessions *all);
/* Whether all that came in POSTs was handled. */
bool sessions_idle(const struct sessions *all);

/* How a WebSocket ends that was to take over a session, and has not. */
enum session_upgrade_failure {
	UPGRADE_TIMEOUT,       /* options.upgrade_timeout_ms */
	UPGRADE_LOST,          /* its peer closed it, or was lost; or there was no memory for it */
	UPGRADE_BAD_PACKET,    /* neither `2probe` nor, behind that, `5` */
	UPGRADE_SECOND,        /* the session has one */
	UPGRADE_SESSION_ENDED, /* meanwhile */
	UPGRADE_FAILURES
};

struct sessions_counts {
	size_t sessions, framed; /* framed: of these, over WebSocket */
	size_t posts;            /* of which packets are still to be handled, packets by WebSocket as well */
	uint64_t packets;        /* of clients, handled since the start */
	uint64_t made_room;      /* ended without having joined anything, for a new one */
	uint64_t unfinished;     /* ended since more of something did not come; see session_await() */
	uint64_t upgrades;       /* from polling to WebSocket */
	uint64_t upgrades_failed[UPGRADE_FAILURES];
};
struct sessions_counts sessions_counts(const struct sessions *all);

/* A word for a metric: "timeout". */
const char *session_upgrade_failure_name(enum session_upgrade_failure why);

/*
 * When there are as many as there may be, the oldest that never had what it connected for is ended for the new one:
 * a stranger can begin any number, for the price of a GET each.
 *
 * few: the client takes no more than 16 packets in a reply; pass: whose it is, held until it ends; NULL: nobody asked.
 * NULL: its person has too many (*limited), all of too many sessions have joined, or no memory.
 */
struct session *session_new(
    struct sessions *all, const struct session_layer *layer, bool few, struct pass *pass, bool *limited);

/* ---- session_person.c: whose it is ---- */

/*
 * It is the proven person's who began it, and nobody else's requests may use it; one that a stranger began is
 * everybody's who knows its id, for a stranger's address changes. When that pass ends, the session does.
 *
 * It is counted for that person, until a CONNECT proves another one.
 */
struct pass *session_pass(const struct session *s);    /* of its handshake; or NULL */
struct pass *session_account(const struct session *s); /* for whom it is counted; or NULL */
bool session_is_for(const struct session *s, const struct pass *pass);

/* A stranger's session is counted for this proven person from now on, if for nobody who was proven yet. false: that
 * person has too many sessions, or takes too much memory. */
bool session_move(struct session *s, struct pass *pass);

/* Its layer keeps so many bytes of what the client has begun. false: that is too much for its person, and it has to
 * go. */
bool session_keep(struct session *s, size_t bytes);

/* Whether the cursor's room may be told to it now; once it may not, nothing is. */
bool session_sees(struct session_cursor *c);

const char *session_id(const struct session *s);
void *session_data(const struct session *s);
void session_set_data(struct session *s, void *data);

/* The client has what it connected for: the connect timeout does not strike. false: it had before. */
bool session_connected(struct session *s);
/* It has not, after all: the time for it begins anew. */
void session_not_connected(struct session *s);

/* Its outlet (transport.h). There must be none attached; o may be used or ended before this returns. */
void session_attach(struct session *s, struct session_outlet *o);
bool session_is_attached(const struct session *s);

/* Whether it is over WebSocket, for good. */
bool session_is_framed(const struct session *s);

/* session_probe.c: o, of frames, is to follow when its client says so. false: the session has such a one already. */
bool session_probe(struct session *s, struct session_outlet *o);

/* Of either of these. */
void session_drained(struct session_outlet *o);
void session_detach(struct session_outlet *o);

/*
 * A packet that came by o, one of frames: a whole Engine.IO packet, or bytes of a binary message. It is handled in
 * its turn, as packets of POSTs are, but no earlier than wait_ms from now. true: the next one may come at once; false:
 * behind transport->handled(). o may be ended before this returns.
 */
bool session_packet(struct session_outlet *o, bool binary, struct str packet, int64_t wait_ms);

/*
 * The body of a POST: its packets are handled in this turn and the next ones, then whoever sent it is told; if that one
 * is gone by then they are handled all the same. What they queue goes out at the end of the turn. A second POST waits
 * for the first, a third is refused. `who` is the caller's own name for who sent it; 0: nobody is told.
 */
void session_post(struct session *s, uint64_t who, struct str body);

/* How a POST ended: all of it was handled; its session ended before; or it was not taken. */
enum session_posted { SESSION_POST_HANDLED, SESSION_POST_ENDED, SESSION_POST_REFUSED };
typedef void session_posted_fn(void *ctx, uint64_t who, enum session_posted how);
void sessions_on_posted(struct sessions *all, session_posted_fn *fn, void *ctx);

/*
 * The layer cannot handle the next message yet: it waits until the session is released, and all that is behind it. end:
 * so does the end of the POST that brought the last one, and its client's good-bye.
 */
void session_hold(struct session *s, bool end);
/* While a message is handled: ms since its POST came, or since the POST before that was handled. */
int64_t session_post_age(const struct session *s);
void session_release(struct session *s);

/* Whether a request for it still counts: an absolute deadline is past before its timer strikes. Ends it if it is. */
bool session_alive(struct session *s);

/*
 * Queues packets (whole Engine.IO packets, separators between): n of them. Takes a holding of them. When there is no
 * room or memory for them the session ends, but not before the turn does.
 */
void session_queue(struct session *s, struct blob *packets, unsigned n);

/* For sessions like s. */
void session_channel_init(struct session_channel *ch, struct session *s);
/* No cursor is in it any more. */
void session_channel_fini(struct session_channel *ch);

/*
 * An event for all whose cursors are in the channel but `except` (NULL: for all): n packets. Takes a holding of them.
 * It costs the same however many there are: those that wait are told in this turn and the next ones, some at
 * a time; a client that is away gets it if it comes within 10 s, unless 64 newer ones, or 1 MB of them, came since.
 */
void session_channel_tell(
    struct session_channel *ch, struct blob *packets, unsigned n, const struct session_cursor *except);

/* Whether there is an outlet and nothing is queued: volatile packets are sent only then. */
bool session_ready(const struct session *s);

/* Ends it when the turn is over, and lets go now of what waits for it: whoever queued may still use what it owns. */
void session_doom(struct session *s);

/* More of what its client has begun must come within wait_ms, or it is ended; < 0: nothing is begun. */
void session_await(struct session *s, int64_t wait_ms);

/* Ends it when what is queued has gone out. */
void session_close(struct session *s);
/* Ends it now; its outlet, if there is one, gets `packet` ("1", "6"). */
void session_end(struct session *s, struct str packet);

/* Ends it as soon as what it has sent is handled; until then it is answered nothing more. */
void session_leave(struct session *s);

/* Whether it was left. */
bool session_is_left(const struct session *s);

void session_add_cursor(struct session *s, struct session_cursor *c, const struct session_start *start);
void session_remove_cursor(struct session_cursor *c);

/*
 * Queues the reply to CONNECT. A client drops events that come before it, so nothing of the cursor goes out earlier,
 * except what it missed (a cursor that replays), and that only in the same payload: if it were cut off in between, the
 * client would keep what came, and have it twice. So where each packet goes by itself what it missed comes behind. A
 * cursor that was not added changes nothing.
 */
void session_queue_welcome(struct session *s, struct blob *packet, struct session_cursor *c);

/* Something was queued or a cursor set: the outlet is looked at when the turn ends. */
void session_wake(struct session *s);

#endif
