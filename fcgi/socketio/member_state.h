/*
 * member_state: what the files of member share. member.c has namespaces and who is in them, member_connect.c how one
 * comes in, member_event.c the packets to clients and Socket.IO's rooms, member_packet.c the packets from clients.
 */
#ifndef MEMBER_STATE_H
#define MEMBER_STATE_H

#include "base/budget.h"
#include "base/table.h"
#include "member.h"

struct asked;
struct in_room;

/* What only some members have. */
struct extra {
	LIST_HEAD(, in_room) rooms;
	STAILQ_HEAD(, asked) asked;
	uint64_t next_ask;
	uint16_t n_asked, n_rooms;
};

/* There may be a hundred thousand, so every byte counts. */
struct member {
	LIST_ENTRY(member) link;     /* of the session */
	LIST_ENTRY(member) nsp_link; /* of the namespace, once it has joined */
	struct table_entry entry;    /* by its id, once it has joined */
	struct nsp *nsp;
	struct session *session;
	void *data;
	struct session_cursor cursor;
	struct extra *extra; /* NULL: nothing of that */
	char id[TOKEN_ID_SIZE];
};

/* A namespace with members, or with one that is about to join. */
struct nsp {
	struct table_entry entry;
	struct members *all;
	LIST_HEAD(, member) members;
	struct session_channel channel; /* what passes */
	size_t holders;                 /* members, and who is about to be one */
	uint8_t name_n;
	char name[];
};

struct members {
	struct member_options options;
	struct member_app app;
	struct session_layer layer;
	struct table nsps;  /* by name */
	struct table table; /* members that have joined, by id */
};

/* A member whose CONNECT is answered later; its session is held until then. */
struct joining {
	struct member *member;
	bool first; /* the session has joined nothing before */
	size_t auth_n;
	char auth[];
};

/* What a session's data is here. */
struct client {
	LIST_HEAD(, member) members;
	size_t n;
	struct incoming *incoming; /* a binary packet whose attachments are still coming, or NULL */
	struct incoming *late;     /* an event that the application has put off, or NULL */
	struct joining *joining;   /* its CONNECT that the application has put off, or NULL */
};

/* ---- member.c ---- */

/* The namespace of this name, or NULL. */
struct nsp *member_nsp(struct members *all, struct str name);

/* The member of a client in this namespace, or NULL. */
struct member *member_of(struct client *client, struct str nsp);

/* A member that has not joined yet; NULL without memory. */
struct member *member_new(struct members *all, struct session *s, struct str name);

/* One that will not join after all, though the application was asked. */
void member_drop(struct member *m);

/* Ends a member; the application has the last word. */
void member_end(struct member *m, bool left);

/* ---- member_connect.c ---- */

/* CONNECT. false: it breaks the protocol. */
bool member_connect(struct members *all, struct session *s, const struct packet *p);

/* ---- member_event.c ---- */

/* A packet, its payload in brackets (or as it is, for objects), and its attachments, as one piece for the queue. */
struct blob *member_make_packets(enum packet_type type, struct str nsp, int64_t id, struct str open, struct str args,
    struct str close, const struct member_bytes *bytes);

/* An ACK, of an event that the client was asked to acknowledge or of none. */
void member_acknowledged(struct member *m, const struct packet *p, const struct member_bytes *bytes);

/* Leaves all rooms, and waits for no acknowledgement. */
void member_forget(struct member *m);

/* ---- member_packet.c: the layer's functions ---- */

bool member_on_text(void *ctx, struct session *s, struct str text);
bool member_on_binary(void *ctx, struct session *s, struct str bytes);

/* Drops the binary packet whose attachments are still coming. */
void member_drop_incoming(struct client *client);

/* Drops the event that was put off, if it is m's (NULL: whosever it is), and what waited for it goes on. */
void member_drop_late(struct client *client, const struct member *m);

/* The event that was put off is handled, or once more not. */
void member_resume_event(struct session *s);

/* A budget_end_fn, for such packets. */
void member_end_incoming(void *ctx, struct budget_share *share);

#endif
