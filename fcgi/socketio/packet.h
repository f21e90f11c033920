/*
 * packet: Engine.IO and Socket.IO framing (Engine.IO protocol 4, Socket.IO protocol 5); pure functions.
 */
#ifndef PACKET_H
#define PACKET_H

#include "base/buf.h"

/* ---- Engine.IO: one type character, then data; 'b' is a binary message in base64 ---- */

enum { PACKET_SEPARATOR = 0x1E };

/* Takes the next packet off the body of a POST: false after the last. An empty packet is handed out, for it is an
 * error. */
struct packet_walk {
	struct str rest;
	bool ended;
};
bool packet_next(struct packet_walk *w, struct str *packet);

/* ---- Socket.IO: <type>[<n>-][<namespace>,][<id>][<json>] ---- */

enum packet_type {
	PACKET_CONNECT,
	PACKET_DISCONNECT,
	PACKET_EVENT,
	PACKET_ACK,
	PACKET_CONNECT_ERROR,
	PACKET_BINARY_EVENT,
	PACKET_BINARY_ACK,
};

enum { PACKET_ATTACHMENTS_MAX = 10 };

struct packet {
	enum packet_type type;
	unsigned attachments; /* that follow, for the binary types */
	struct str nsp;       /* "/" when none is named */
	bool has_id;
	uint64_t id;
	struct str json; /* empty: no payload */
	/* Of an EVENT or BINARY_EVENT with a payload: */
	struct str event; /* its name; empty when it is a number, which is given as text */
	struct str args;  /* what follows the name, between the brackets: "1,{}", may be empty */
};

/*
 * Takes text apart; the views are of text, the event's name of *names, which must be empty and is the caller's to free.
 * false: no client that follows the protocol sends this.
 */
bool packet_decode(struct str text, size_t depth_max, struct packet *p, struct buf *names);

/* The head of a packet, up to its payload, Engine.IO's '4' included. id < 0: none. */
void packet_add_head(struct buf *b, enum packet_type type, unsigned attachments, struct str nsp, int64_t id);

#endif
