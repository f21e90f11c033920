/*
 * member: the Socket.IO layer: namespaces of a session, events, acknowledgements, rooms (Socket.IO protocol 5).
 *
 * A member is a session that has joined a namespace: what the field calls a socket. What a namespace means is up to an
 * application, a set of callbacks; the relay is one, the conformance server another. All of broadcasting except the
 * sender, rooms, volatile emits and acknowledgements of the client's is here.
 *
 * States of a namespace in a session: not joined -> (CONNECT, the application accepts) joined -> left, by DISCONNECT of
 * either side or the session's end. Where the application has to find out first, it is not joined -> (MEMBER_LATER)
 * joining -> (member_accept) joined, or (member_refuse) not joined; what the client sends meanwhile, to whichever
 * namespace, waits in its POST. So it does while an event is put off.
 * Anything that the protocol does not allow ends the session at once.
 */
#ifndef MEMBER_H
#define MEMBER_H

#include "packet.h"
#include "session.h"

struct budget;
struct member;
struct members;

enum { MEMBER_NAMESPACE_MAX = 128 }; /* bytes; there is no namespace of a longer name */

/* A binary argument. */
struct member_bytes {
	struct blob *v[PACKET_ATTACHMENTS_MAX];
	unsigned n;
};

/* What a CONNECT gets. For want of memory (MEMBER_NO_MEMORY) nobody is refused, as that is for good: its session ends,
 * and it comes back. */
enum member_answer { MEMBER_ACCEPT, MEMBER_REFUSE, MEMBER_UNKNOWN, MEMBER_LATER, MEMBER_NO_MEMORY };

struct member_app {
	void *ctx;
	/*
	 * A CONNECT: m is not joined yet; auth is its payload, "" for none. To refuse, add the error's JSON object to
	 * error. The application may put members into the reply by reply (`,"pid":"…"`), and set a cursor. Where the
	 * one that counts failed (buf_ok()) it is MEMBER_NO_MEMORY. Or it answers later (MEMBER_LATER): by
	 * member_accept(), member_refuse() or ending the session; or it is asked once more, by member_resume().
	 */
	enum member_answer (*connect)(
	    void *ctx, struct member *m, struct str auth, struct buf *reply, struct buf *error);
	/* It has joined, and the reply is queued. */
	void (*connected)(void *ctx, struct member *m, struct str auth);
	/*
	 * An event: p->event, p->args, p->has_id. bytes may be held by blob_hold(). false: not now; it is kept, and
	 * comes once more by member_resume(). What the client sends meanwhile waits.
	 */
	bool (*event)(void *ctx, struct member *m, const struct packet *p, const struct member_bytes *bytes);
	/* Whether events can be handled now; see session_layer. May be NULL. */
	bool (*ready)(void *ctx);
	/* Whether it may stay, after tokens or grants changed; or else it is disconnected. May be NULL. */
	bool (*stays)(void *ctx, struct member *m);
	/* It left, or was refused; with `left` it said so itself. The last call for each that asked to connect. */
	void (*disconnected)(void *ctx, struct member *m, bool left);
	/* The packets of a stored message for a member with a cursor; returns how many. May be NULL. */
	unsigned (*packets)(void *ctx, struct member *m, struct message *message, struct buf *body);
};

struct member_options {
	size_t depth_max;
	size_t message_max;         /* bytes of one message with all its attachments */
	size_t namespaces_max;      /* of one session */
	unsigned attachments_max;   /* of one packet; at most PACKET_ATTACHMENTS_MAX */
	int64_t attachment_wait_ms; /* for the next of them */
	int64_t event_wait_ms;      /* for all of them */
	struct budget *budget;      /* counts what is kept until they have come; NULL: nothing is counted */
};

/* NULL without memory. */
struct members *members_new(const struct member_options *options, const struct member_app *app);
void members_free(struct members *all);

/* What sessions of Socket.IO's path are given; valid as long as all. */
const struct session_layer *members_layer(struct members *all);

struct str member_namespace(const struct member *m); /* lives as long as m */
const char *member_id(const struct member *m);

/* While it connects: it is the one that had this id before, of TOKEN_ID_SIZE - 1 characters. */
void member_set_id(struct member *m, struct str id);

/* Another one has its id from now on: its session is left (session_leave()), and may end before this returns. */
void member_take_over(struct member *m);

/* Answers the CONNECT that was put off; what the client has sent since is handled next. Where reply failed (buf_ok())
 * its session ends instead, and it is gone when this returns. */
void member_accept(struct member *m, const struct buf *reply);
/* The same with the JSON object of an error; it is gone when this returns. */
void member_refuse(struct member *m, const struct buf *error);

/* Asks the application again what it has put off: the CONNECT of m, or an event. It may be gone when this returns. */
void member_resume(struct member *m);

/* What passes in its namespace; for session_add_cursor(). */
struct session_channel *member_channel(struct member *m);

struct session *member_session(const struct member *m);
struct session_cursor *member_cursor(struct member *m);
void *member_data(const struct member *m);
void member_set_data(struct member *m, void *data);

/* The member of this id, in this namespace; NULL when there is none. */
struct member *member_find(struct members *all, struct str nsp, struct str id);

/* An event for one: args is JSON between the brackets, with the name as its first element: `"news",1`. */
void member_emit(struct member *m, struct str args, const struct member_bytes *bytes);

/* The same, but lost unless a GET is held now. */
void member_emit_volatile(struct member *m, struct str args);

/* The same, asking for an acknowledgement; fn is called once, if the member acknowledges. */
typedef void member_ack_fn(void *ctx, struct member *m, struct str args, const struct member_bytes *bytes);
void member_ask(struct member *m, struct str args, const struct member_bytes *bytes, member_ack_fn *fn, void *ctx);

/* Acknowledges the client's event of this id; args as above, without a name. */
void member_ack(struct member *m, uint64_t id, struct str args, const struct member_bytes *bytes);

/* To all of a namespace but except (NULL: to all), in the room (empty: in any). */
void member_broadcast(struct members *all, struct str nsp, struct str room, const struct member *except,
    struct str args, const struct member_bytes *bytes);

/* To all others of its namespace that have its channel, but only worth telling soon; see session_channel_tell(). */
void member_pass_on(struct member *m, struct str args, const struct member_bytes *bytes);

/* Rooms of members; a name is at most 128 bytes. -1 without memory. */
int member_join(struct member *m, struct str room);
void member_leave(struct member *m, struct str room);

/* DISCONNECT by the server; it is gone when this returns. */
void member_disconnect(struct member *m);

#endif
