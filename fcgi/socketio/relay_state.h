/*
 * relay_state: what the files of relay share; nobody else includes it.
 */
#ifndef RELAY_STATE_H
#define RELAY_STATE_H

#include "access/access.h"
#include "base/table.h"
#include "relay.h"
#include "web/problem.h"

struct delay;
struct left_id;
struct lookup;
struct pending;

/* What the relay keeps of a member. */
struct participant {
	struct member *member;
	LIST_HEAD(, pending) pending; /* its events on their way to the disk */
	struct lookup *lookup;        /* it is being read how much it has missed; NULL: no */
	struct delay *delay;          /* it waits with its CONNECT or an event; NULL: no */
	struct pass *pass;            /* whose it is, held; NULL: nobody asked, or not known yet */
	bool meta;
	/* What the CONNECT or event that comes next has been through: */
	bool looked;            /* the writer has looked, */
	bool look_failed;       /* in vain */
	bool paid;              /* it has waited for its turn, and is counted */
	char id[TOKEN_ID_SIZE]; /* what its pid says */
	uint8_t sender_n;
	char sender[]; /* what it says; counts unless its pass has one */
};

enum { RELAY_LEFT_MAX = 4096 };

struct relay {
	struct relay_options options;
	struct rooms *rooms;
	struct commit *commit;
	struct readers *readers;
	struct members *members;
	/* Ids whose clients said good-bye: their pids are not taken again. A circle, and by name. */
	struct left_id *left;
	struct table left_table;
	size_t n_left;
	LIST_HEAD(, pending) pending; /* of those who left as well */
	LIST_HEAD(, lookup) lookups;
	LIST_HEAD(, delay) delays;
	uint8_t turn_kind;
	uint64_t dropped;
};

/* The room of a namespace; false when there can be none of this name. */
bool relay_room(struct str nsp, struct str *room);

/* ---- relay_may.c ---- */

/* What messages say of it; empty: nobody was proven. */
struct str relay_by(const struct participant *p);

/* Whether its pass is good, and lets it do this (MAY_READ, MAY_WRITE) in the room: PROBLEMS; or what the problem is. */
enum problem relay_may(const struct participant *p, unsigned may, struct str room);

/* For readers: by which tokens and grants it was let in; 0: by nobody's leave. */
int64_t relay_access_version(const struct relay *r, const struct participant *p);

/* Adds what is said of that to a text: who may not do what. */
void relay_add_refusal(struct buf *text, const struct participant *p, enum problem why, unsigned may, struct str room);

/* Adds the JSON object of a CONNECT_ERROR. */
void relay_add_error(struct buf *error, enum problem why, struct str message, struct str more);

/* ---- relay_packets.c ---- */

/* Adds the packets of a message for m, and returns how many that is. */
unsigned relay_packets(void *ctx, struct member *m, struct message *message, struct buf *b);

/* ---- relay_wait.c ---- */

/* LOOK_FAILED: it cannot be known what it may, for want of memory or as the database cannot be read: it is not refused
 * for that, but its session ends, so that it comes back. */
enum relay_look { LOOK_WAITS, LOOK_DONE, LOOK_FAILED };

/* Has it wait until the writer has looked, if that can tell anything (LOOK_WAITS); then, or at its turn, it is resumed.
 */
enum relay_look relay_wait_look(struct relay *r, struct participant *who);
bool relay_wait_turn(struct relay *r, struct participant *who, int64_t ms); /* false: no memory */

/* Where its person has had more of the readers than is paid for: has it wait for that, once. */
bool relay_wait_reader(struct relay *r, struct participant *who);

/* It left. */
void relay_forget_delay(struct participant *who);
void relay_waits_init(struct relay *r);
/* When nothing is looked for any more. */
void relay_free_delays(struct relay *r);

/* ---- relay_recovery.c ---- */

/* Where a client goes on that was here before. */
struct comeback {
	char id[TOKEN_ID_SIZE];
	int64_t since; /* it has had everything up to here */
	int64_t first; /* where its cursor began when its pid was made */
};

enum { RELAY_PID_MAX = 96 };
void relay_make_pid(
    const struct relay *r, char pid[RELAY_PID_MAX], struct str id, struct str nsp, struct str user, int64_t head);

/* Whether the pid is one of ours, good for this namespace, and this user's or nobody's: then *back says where its
 * client goes on. */
bool relay_read_pid(
    const struct relay *r, struct str pid, struct str offset, struct str nsp, struct str user, struct comeback *back);

/* The client of this id said good-bye. */
void relay_note_left(struct relay *r, struct str id);
int relay_left_init(struct relay *r); /* -1 without memory */
void relay_left_fini(struct relay *r);

/* Whether what a client has missed is little enough to be caught up with. */
enum recovery { RECOVERY_NO, RECOVERY_YES, RECOVERY_ASK /* memory does not know */ };
enum recovery relay_judge(const struct relay *r, struct str room, int64_t since);

/* Has the database asked, and who admitted by relay_admit() and accepted, or its session ended. */
void relay_look_up(
    struct relay *r, struct participant *who, struct str room, const struct comeback *back, int64_t server_offset);

/* It left: nobody waits for the answer. */
void relay_forget_lookup(struct participant *who);

/* Those whose thread is gone. */
void relay_free_lookups(struct relay *r);

/* ---- relay.c ---- */

/* A member begins: where it went (back), or anew (NULL), behind server_offset (-1: none). Adds to the reply. */
void relay_admit(
    struct relay *r, struct participant *p, const struct comeback *back, int64_t server_offset, struct buf *reply);

/* ---- relay_event.c ---- */

/* Whether there is room for more of them. */
bool relay_ready(void *ctx);

bool relay_event(void *ctx, struct member *m, const struct packet *p, const struct member_bytes *bytes);

/* ---- relay_outcome.c ---- */

/* A client's event on its way to the disk. */
struct pending {
	LIST_ENTRY(pending) link, all_link; /* of who, and of all */
	struct relay *relay;
	struct participant *who; /* NULL: it left */
	struct pass *pass;       /* whose it is, held; or NULL */
	bool has_ack;
	uint64_t ack;
	char *both; /* the arguments of a `chat message` with a clientOffset, kept in case the key turns out to be taken
	             */
	size_t both_n;
};

/* NULL without memory. */
struct pending *relay_pending_new(struct relay *r, struct participant *who, const struct packet *p);
void relay_pending_free(struct pending *pending);

/* Queues it; what becomes of it is told to who asked. Takes a holding of the message, NULL too, and the pending. */
void relay_commit(struct pending *pending, struct message *m);

/* Acknowledges an event that is refused: a client with retries sends nothing else before an answer. limit: what there
 * was too much of, for retry_ms; or NULL. */
void relay_refuse_event(
    struct member *m, uint64_t ack, enum problem why, struct str error, const char *limit, int64_t retry_ms);

/* The same for one that is over a limit, or the session ends. */
void relay_refuse_rate(struct participant *who, bool has_ack, uint64_t ack, enum limit l, int64_t retry_ms);

/* Those that the writer, who is gone, did not come to. */
void relay_free_pending(struct relay *r);

/* It left: its events are stored, but nobody is told. */
void relay_forget_pending(struct participant *who);

#endif
