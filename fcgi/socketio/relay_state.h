/*
 * relay_state: what the files of relay share; nobody else includes it.
 */
#ifndef RELAY_STATE_H
#define RELAY_STATE_H

#include "base/table.h"
#include "relay.h"

struct left_id;
struct lookup;
struct pending;

/* What the relay keeps of a member. */
struct participant {
	struct member *member;
	LIST_HEAD(, pending) pending; /* its events on their way to the disk */
	struct lookup *lookup;        /* it is being read how much it has missed; NULL: no */
	bool meta;
	uint8_t sender_n;
	char sender[MESSAGE_SENDER_MAX];
	char id[TOKEN_ID_SIZE]; /* what its pid says */
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
	LIST_HEAD(, lookup) lookups;
};

/* The room of a namespace; false when there can be none of this name. */
bool relay_room(struct str nsp, struct str *room);

/* ---- relay_recovery.c ---- */

/* Where a client goes on that was here before. */
struct comeback {
	char id[TOKEN_ID_SIZE];
	int64_t since; /* it has had everything up to here */
	int64_t head;  /* when its pid was made */
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

void relay_event(void *ctx, struct member *m, const struct packet *p, const struct member_bytes *bytes);

/* It left: its events are stored, but nobody is told. */
void relay_forget_pending(struct participant *who);

#endif
