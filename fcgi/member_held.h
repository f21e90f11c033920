/*
 * member_held: what a client sends while the answer to its CONNECT is being found out.
 *
 * Messages, of whatever namespace, in the order in which they came, with a maximum of bytes for all of them together.
 * A client that waits for its answer, as all known ones do, leaves it empty.
 */
#ifndef MEMBER_HELD_H
#define MEMBER_HELD_H

#include <sys/queue.h>

#include "str.h"

struct held_packet {
	STAILQ_ENTRY(held_packet) link;
	bool binary;
	size_t n;
	char bytes[];
};

struct held_packets {
	STAILQ_HEAD(, held_packet) list;
	size_t bytes; /* memory of them all */
};

void held_init(struct held_packets *held);
void held_fini(struct held_packets *held);

/* Keeps a copy of a message. false: all together would be more than max bytes, or there is no memory. */
bool held_add(struct held_packets *held, bool binary, struct str data, size_t max);

/* Puts all of them behind those of `to`. */
void held_move(struct held_packets *to, struct held_packets *from);

/* The first one, which the caller frees; NULL when there is none. */
struct held_packet *held_take(struct held_packets *held);

#endif
