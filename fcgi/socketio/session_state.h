/*
 * session_state: what the files of session share. session.c has its life, session_person.c whose it is, session_clock.c
 * its heartbeat, session_fill.c what goes out, session_put.c by which outlet, session_probe.c its step to WebSocket,
 * session_read.c the cursors, session_behind.c what memory does not hold for them, session_queue.c what waits for one
 * session alone, session_channel.c what passes, session_post.c what clients send, session_turn.c when it is handled.
 */
#ifndef SESSION_STATE_H
#define SESSION_STATE_H

#include "base/table.h"
#include "packet.h"
#include "session.h"

enum session_life { SESSION_OPEN, SESSION_CLOSING, SESSION_ENDED };

struct post;
struct reading;
struct session_probe;

TAILQ_HEAD(queue, queued);

/* What waits to be said to a session alone, and what was read for it. */
struct unsaid {
	struct session *session;
	struct queue queue;
	size_t queue_bytes, backlog_bytes; /* memory of the queue, and of the cursors' backlogs */
	struct budget_share share;
};

/* There may be a hundred thousand, so every byte counts. */
struct session {
	struct table_entry entry;
	TAILQ_ENTRY(session) link;       /* among all */
	TAILQ_ENTRY(session) fresh_link; /* among those that did not join yet */
	TAILQ_ENTRY(session) later_link; /* among those to be looked at, or freed, when the turn ends */
	struct sessions *all;
	const struct session_layer *layer;
	void *data;
	struct session_outlet *outlet; /* NULL: none */
	struct session_probe *probe;   /* of the WebSocket that may follow; NULL: none */
	struct timer timer;
	int64_t ping_ms, dead_ms, connect_ms, await_ms; /* clock_ms() at which each strikes; INT64_MAX: never */
	struct post *post;     /* what came and is not handled yet: meanwhile its clock stands still */
	struct unsaid *unsaid; /* NULL: nothing, as nearly always */
	LIST_HEAD(, session_cursor) cursors;
	struct pass *pass, *account; /* of the handshake, and for whom it is counted; held. NULL: nobody asked */
	size_t kept_bytes;           /* by its layer */
	size_t memory;               /* counted for its person */
	struct reading *reading;     /* a job reads for one of its cursors */
	uint8_t state;               /* enum session_life */
	bool ping_waits : 1, pong_waits : 1, extended : 1, few : 1, later : 1, fresh : 1;
	bool framed : 1;    /* its outlet is, or was, one of frames: it is over WebSocket */
	bool blocked : 1;   /* its outlet takes nothing for the moment */
	bool holds : 1;     /* its layer cannot handle the next message yet, */
	bool holds_end : 1; /* nor is the last one over, so that its POST is not answered yet */
	bool leaving : 1;   /* nobody is there to be told; it ends when its POSTs are handled */
	bool doomed : 1;    /* it is ended when the turn is over: whoever queued may still use what it owns */
	char id[TOKEN_ID_SIZE];
};

TAILQ_HEAD(posts, post);

struct sessions {
	struct session_options options;
	struct loop *loop;
	session_posted_fn *posted;
	void *posted_ctx;
	struct rooms *rooms;
	struct readers *readers;
	struct table table;            /* by id */
	LIST_HEAD(, reading) readings; /* of sessions that ended as well */
	TAILQ_HEAD(, session) everyone;
	size_t to_judge;             /* of these, the first, after tokens or grants changed */
	uint64_t judged;             /* access_changes() that all were, or are being, judged by */
	TAILQ_HEAD(, session) fresh; /* the oldest first */
	TAILQ_HEAD(, session) later, ended;
	struct queue dropped; /* what was queued for sessions that need it no more */
	/* POSTs that are handled in turns: new ones have had no turn yet. */
	struct posts new_posts, old_posts;
	struct posts early_posts; /* their layer takes no more for the moment */
	size_t n_posts;           /* those that are held by their layer are in no list */
	struct post *post;        /* whose packets are being handled now; NULL: nobody's */
	unsigned packets_left;    /* in this turn */
	int64_t bytes_left;
	bool old_begins; /* this turn */
	uint64_t packets, made_room, unfinished;
	TAILQ_HEAD(, session_channel) telling; /* channels that have something for those who wait in them */
	struct session_channel *channel;       /* of which one is being told now; NULL: none, or it ended */
	uint64_t serial;                       /* of what was queued or told last */
	uint8_t timer_kind, channel_kind, rest_kind, read_kind, post_kind;
	struct {
		uint8_t late, noop, turn;
	} probe_kinds;
	size_t n_framed;
	uint64_t upgrades, upgrades_failed[UPGRADE_FAILURES];
	bool draining;
	struct buf body;
};

/* ---- session.c ---- */

/* What waits to be said to it; NULL without memory. */
struct unsaid *session_unsaid(struct session *s);

/* Nothing does, or something still does: then it stays. Not from within what counts memory. */
void session_said(struct session *s);

/* Counts what waits for it: false when it is the one that has to go for want of memory, or is going. */
bool session_count(struct session *s);

/* ---- session_person.c ---- */

/* A place among this person's sessions; false: there is none. */
bool session_enter_person(struct sessions *all, const struct pass *pass);
void session_leave_person(struct sessions *all, const struct pass *pass);

/* It is this one's, who has such a place; and no more. */
void session_belong(struct session *s, struct pass *pass);
void session_belong_no_more(struct session *s);

/* Counts for its person what it takes; false: that is too much, and it has to go. */
bool session_charge(struct session *s);

/* What its outlet holds is its account's. */
void session_account_outlet(struct session *s);

/* Whether its own pass has ended: nothing is to be told any more. */
bool session_is_barred(const struct session *s);

/* Judges some of all after a change; whether there are more. For LOOP_WAKE; all is a struct sessions. */
bool session_judge_some(void *all);

/* ---- session_clock.c ---- */

void session_clock_init(struct sessions *all);

/* For whatever is next. */
void session_set_timer(struct session *s);

/* It is not one of those that may make room for another. */
void session_no_longer_fresh(struct session *s);

/* A pong came, or the session begins: the next ping is due a whole interval from now. */
void session_beat(struct session *s);

/* Its POST is being handled, since now: the time that it has for a pong stands still; or is no more: that goes on where
 * it was. */
void session_stop_clock(struct session *s);
void session_go_on(struct session *s);

/* ---- session_fill.c ---- */

/* Whether its client takes few packets in a payload; frames come one by one. And how many it takes. */
bool session_takes_few(const struct session *s);
unsigned session_packets_max(const struct session *s);

/* Fills the body of a payload with what there is for its outlet. Returns the number of packets. */
unsigned session_fill(struct session *s, struct buf *body);

/* ---- session_put.c ---- */

static inline bool
session_can_put(const struct session *s)
{
	return s->outlet != NULL && !s->blocked;
}

/* As session_attach(); blocked: it takes nothing for the moment. */
void session_use_outlet(struct session *s, struct session_outlet *o, bool blocked);

/* Takes the outlet; NULL when there is none. */
struct session_outlet *session_take_outlet(struct session *s);

/* Takes the outlet, if there is one, and ends it with these packets. */
void session_say_last(struct session *s, struct str payload);

/* Gives the outlet what there is, or sees to it that the session is told. */
void session_flush(struct session *s);

/* The same, and events that gather in a channel are told now. Whether anything was given. */
bool session_tell(struct session *s);

/* A waiter of a session's cursor was woken. */
void session_on_wake(void *ctx, struct room *room, struct waiter *w);

/* ---- session_probe.c ---- */

void session_probes_init(struct sessions *all);

/* Whether it is its session's probe. The functions below are for sessions that have one, but for the last two. */
bool session_is_probe(const struct session_outlet *o);
bool session_probe_packet(struct session *s, bool binary, struct str packet, int64_t wait_ms);
void session_probe_drained(struct session *s);
void session_probe_gone(struct session *s);

/* A GET has come, and may be held. */
void session_probe_held(struct session *s);

/* The session is over; so is its probe. */
void session_end_probe(struct session *s);

/* ---- session_read.c ---- */

struct str session_cursor_room(const struct session_cursor *c);

/* Another log stands here now: a cursor goes on from its end. */
void session_follow_reset(struct session_cursor *c);

/* The message that comes first of all cursors'; NULL when there is none. *behind: one has to ask the database. */
struct message *session_first_message(struct session *s, struct session_cursor **from, struct session_cursor **behind);

/* What was read for the cursor and not given yet is dropped. */
void session_drop_backlog(struct session_cursor *c);

/* The cursor has given m. */
void session_advance(struct session_cursor *c, struct message *m);

/* ---- session_behind.c ---- */

/* Begins to read for the cursor what memory does not hold. */
void session_read_behind(struct session *s, struct session_cursor *c);

/* The session ended (NULL), or the cursor left: what is being read for it is for nobody. */
void session_stop_reading(struct session *s, const struct session_cursor *c);
void session_behind_init(struct sessions *all);
/* No thread reads any more. */
void session_free_readings(struct sessions *all);

/* ---- session_queue.c ---- */

struct queued {
	TAILQ_ENTRY(queued) link;
	struct blob *packets;
	unsigned n;
	int64_t head;
	uint64_t serial;
	struct session_cursor *opens; /* whose welcome it is; NULL: nobody's */
};

static inline struct queued *
session_first_queued(const struct session *s)
{
	return s->unsaid == NULL ? NULL : TAILQ_FIRST(&s->unsaid->queue);
}

/* Takes queued packets into the body. Returns how many. */
unsigned session_take_queued(struct session *s, struct queued *q, struct buf *body);

/* It goes at once; its memory in the turns that follow, for there may be a hundred thousand pieces of it. */
void session_drop_queue(struct session *s);

/* Frees a bounded number of what was dropped; whether there is more. For LOOP_SWEEP; all is a struct sessions. */
bool session_free_dropped(void *all);

/* ---- session_channel.c ---- */

/* The event that comes first of all cursors', and whose; NULL when there is none. */
struct session_event *session_first_event(struct session *s, struct session_cursor **to);

/* The event, which is the next one of its cursor, into the body. Returns the number of packets. */
unsigned session_take_event(struct session_cursor *c, const struct session_event *e, struct buf *body);

/* Whether there are events for it, but all of channels where events gather. */
bool session_events_gather(struct session *s);

/* Its session has an outlet and nothing to give; or no more. */
void session_channel_wait(struct session_cursor *c);
void session_channel_unwait(struct session_cursor *c);

/* Tells a bounded number of those who wait; whether there are more. For LOOP_WAKE; all is a struct sessions. */
bool session_channels_tell(void *all);
void session_channels_init(struct sessions *all);

/* ---- session_post.c ---- */

/* What has come: the body of a POST; or one packet of a WebSocket, a text or what is binary. */
enum post_kind { POST_BODY, POST_TEXT, POST_BINARY };

/* That of which packets are to be handled. */
struct post {
	TAILQ_ENTRY(post) link; /* while it is listed */
	struct session *session;
	struct post *next;  /* of the same session: the one that waits for this one */
	struct timer timer; /* it waits for its person's turn */
	uint64_t who;       /* is told; 0: nobody */
	int64_t stopped_ms; /* clock_ms() since which the session's clock stands still */
	int64_t begun_ms;   /* clock_ms() when it was the session's first */
	struct packet_walk walk;
	struct budget_share share;
	uint8_t kind;       /* enum post_kind */
	bool waits;         /* for its person's turn: then it is in no list */
	bool old;           /* it has had a turn */
	struct posts *list; /* NULL: it is in none */
	char bytes[];
};

void session_posts_init(struct sessions *all);

/* Its first POST is over: its client is told, and the next one begins. */
void session_finish_post(struct session *s, bool handled);

/* ---- session_turn.c ---- */

void session_turns_init(struct sessions *all);

/* It waits for its turn among all, if there is nothing else that it waits for; and no more. */
void session_list_post(struct post *p);
void session_unlist_post(struct post *p);

/* Nothing of what has come waits for its person's turn any more. */
void session_hurry_posts(struct session *s);

/* The session ended: what it has sent and is not handled yet is not. */
void session_drop_posts(struct session *s);

/* Between two packets of a body. */
void session_add_separator(struct buf *body);

#endif
