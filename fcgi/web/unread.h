/*
 * unread: what a peer has not taken yet of its answer.
 *
 * An answer that others hold as well, or a small one, is held as it is. Any other is kept in pieces, cut at the same
 * places in every answer, and pieces of the same bytes are one: sixty slow readers of one large message cost that
 * message once, though each was given an answer of its own. A piece that was sent is let go at once.
 *
 * All of it is counted in the budget as answers, once for all who hold it.
 */
#ifndef UNREAD_H
#define UNREAD_H

#include <sys/uio.h>

#include "base/blob.h"
#include "base/budget.h"

enum { UNREAD_PIECE = 64 * 1024, UNREAD_PLACES = 16384, UNREAD_WAYS = 4 };

struct unread_piece;

/* The pieces that others may hold as well: for some bytes there is one place, with room for a few pieces; when there
 * are more the oldest of these is still held, but shared no more. */
struct unread_pieces {
	struct budget *budget;
	struct unread_piece *at[UNREAD_PLACES][UNREAD_WAYS];
};

/* All zero: nothing. */
struct unread {
	struct blob *blob;            /* the whole answer; or */
	struct unread_piece **pieces; /* of it, NULL for those that were sent */
	size_t size, sent;            /* bytes */
	size_t made;                  /* of memory: what was held by nobody else when it came */
};

/* Keeps reply, of which `sent` bytes were sent, without taking a holding; -1 without memory, and there is nothing. */
int unread_init(struct unread *u, struct unread_pieces *all, struct blob *reply, size_t sent);
void unread_fini(struct unread *u, struct unread_pieces *all);

/* The next bytes to send, in at most n parts; returns in how many. */
int unread_parts(const struct unread *u, struct iovec *parts, int n);

/* n bytes more were sent. */
void unread_advance(struct unread *u, struct unread_pieces *all, size_t n);

/* Memory that it has for itself, beside what is counted for all who hold it; and with what of that is there because of
 * it: what its reader is to be charged. */
size_t unread_size(const struct unread *u);
size_t unread_owed(const struct unread *u);

#endif
