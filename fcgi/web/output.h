/*
 * output: bytes on their way to a peer that reads as fast as it likes.
 *
 * First output_send(), which needs no memory. What the socket does not take at once is kept in a struct output, and
 * goes on whenever the socket has room: output_go_on(). Whoever has it sets a timer anew at each progress; when that
 * strikes, output_moves() tells a slow peer from one that stands still.
 */
#ifndef OUTPUT_H
#define OUTPUT_H

#include "base/budget.h"
#include "unread.h"

/* All of it was taken; the rest has to wait; the peer is gone. */
enum output_result { OUTPUT_SENT, OUTPUT_BLOCKED, OUTPUT_GONE };

struct output {
	struct unread unread;
	size_t moved;  /* unread.sent when that was last called progress */
	int in_socket; /* bytes that the peer had not taken when output_moves() was asked last */
};

/* Sends as much as fd takes; *sent: how many bytes. */
enum output_result output_send(int fd, const struct blob *b, size_t *sent);

/* Keeps the rest of b, without taking a holding. -1 without memory. */
int output_keep(struct output *o, struct unread_pieces *pieces, struct blob *b, size_t sent);

/* Sends as much as fd takes of what is kept; *n: how many bytes. share, of whoever has o, is told of progress. */
enum output_result output_go_on(
    struct output *o, int fd, struct unread_pieces *pieces, struct budget_share *share, size_t *n);

/* Whether the peer has taken bytes since this was asked last, or since output_go_on(). */
bool output_moves(struct output *o, int fd);

static inline bool
output_is_kept(const struct output *o)
{
	return o->unread.size > 0;
}

void output_fini(struct output *o, struct unread_pieces *pieces);

#endif
