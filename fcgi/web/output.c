#include "output.h"

#include <errno.h>
#include <limits.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

enum {
	PARTS_MAX = 8,
	PROGRESS_BYTES = 64 * 1024, /* a peer that has taken as many has not stood still */
};

enum output_result
output_send(int fd, const struct blob *b, size_t *sent)
{
	ssize_t n = send(fd, b->p, b->n, MSG_NOSIGNAL | MSG_DONTWAIT);

	*sent = n < 0 ? 0 : (size_t)n;
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return OUTPUT_GONE;
	return *sent == b->n ? OUTPUT_SENT : OUTPUT_BLOCKED;
}

int
output_keep(struct output *o, struct unread_pieces *pieces, struct blob *b, size_t sent)
{
	o->moved = sent;
	o->in_socket = INT_MAX;
	return unread_init(&o->unread, pieces, b, sent);
}

enum output_result
output_go_on(struct output *o, int fd, struct unread_pieces *pieces, struct budget_share *share, size_t *n)
{
	struct iovec parts[PARTS_MAX];
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = (size_t)unread_parts(&o->unread, parts, PARTS_MAX)};
	ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);

	*n = sent < 0 ? 0 : (size_t)sent;
	if (sent < 0)
		return errno == EAGAIN || errno == EINTR ? OUTPUT_BLOCKED : OUTPUT_GONE;
	unread_advance(&o->unread, pieces, *n);
	if (o->unread.sent == o->unread.size)
		return OUTPUT_SENT;
	if (o->unread.sent - o->moved >= PROGRESS_BYTES) {
		budget_moved(pieces->budget, share);
		o->moved = o->unread.sent;
	}
	o->in_socket = INT_MAX;
	return OUTPUT_BLOCKED;
}

bool
output_moves(struct output *o, int fd)
{
	int in_socket = 0;

	/*
	 * A unix socket is not called writable before most of its buffer is free, so a peer that reads slowly is not
	 * seen to do so by events.
	 */
	if (ioctl(fd, SIOCOUTQ, &in_socket) != 0 || in_socket >= o->in_socket)
		return false;
	o->in_socket = in_socket;
	return true;
}

void
output_fini(struct output *o, struct unread_pieces *pieces)
{
	unread_fini(&o->unread, pieces);
}
