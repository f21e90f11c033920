#include <assert.h>
#include <errno.h>
#include <fastcgi.h>
#include <limits.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "fcgi_state.h"

enum {
	RECORD_CONTENT_MAX = 65535,
	PARTS_MAX = 8,
	MOVES_BYTES = 64 * 1024, /* whoever takes so much has not stood still */
};

/* After the last byte of an answer. */
static void
end_reply(struct fcgi *f, struct fcgi_conn *c)
{
	fcgi_end_io(f, c);
	fcgi_begin_idle(f, c);
	if (!c->keep)
		fcgi_close(f, c);
}

/* Some of the answer was sent. */
static void
note_progress(struct fcgi *f, struct fcgi_io *io)
{
	if (io->out.sent - io->moved >= MOVES_BYTES) {
		budget_moved(f->options.budget, &io->share);
		io->moved = io->out.sent;
	}
	io->in_socket = INT_MAX;
	loop_timer_set(f->loop, &io->timer, f->late_kind, f->options.send_wait_ms);
}

void
fcgi_output(struct fcgi *f, struct fcgi_conn *c)
{
	struct fcgi_io *io = c->io;
	struct iovec parts[PARTS_MAX];
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = (size_t)unread_parts(&io->out, parts, PARTS_MAX)};
	ssize_t n = sendmsg(c->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		fcgi_close(f, c);
		return;
	}
	loop_spend(f->loop, (size_t)n);
	unread_advance(&io->out, &f->pieces, (size_t)n);
	if (io->out.sent == io->out.size) {
		loop_want_output(f->loop, c->fd, c->generation, false);
		end_reply(f, c);
		return;
	}
	note_progress(f, io);
	/* A socket that was not filled has no edge to come: watching it anew makes it come. */
	if (loop_want_output(f->loop, c->fd, c->generation, true) != 0)
		fcgi_close(f, c);
}

bool
fcgi_output_moves(struct fcgi *f, struct fcgi_conn *c)
{
	int in_socket = 0;

	/*
	 * A unix socket is not called writable before most of its buffer is free, so a peer that reads slowly is not
	 * seen to do so by events.
	 */
	if (ioctl(c->fd, SIOCOUTQ, &in_socket) != 0 || in_socket >= c->io->in_socket)
		return false;
	c->io->in_socket = in_socket;
	loop_timer_set(f->loop, &c->io->timer, f->late_kind, f->options.send_wait_ms);
	return true;
}

static void
put_record(char **p, unsigned type, size_t n)
{
	FCGI_Header h = {.version = FCGI_VERSION_1,
	    .type = (unsigned char)type,
	    .requestIdB1 = 0,
	    .requestIdB0 = 1,
	    .contentLengthB1 = (unsigned char)(n >> 8),
	    .contentLengthB0 = (unsigned char)n};

	memcpy(*p, &h, sizeof h);
	*p += sizeof h;
}

/* Copies from head, then body, as far as n bytes go. */
static void
put_content(char **p, struct str *head, struct str *body, size_t n)
{
	while (n > 0) {
		struct str *from = head->n > 0 ? head : body;
		size_t part = from->n < n ? from->n : n;

		memcpy(*p, from->p, part);
		from->p += part;
		from->n -= part;
		*p += part;
		n -= part;
	}
}

void
fcgi_ask_to_close(struct fcgi_conn *c)
{
	char record[sizeof(FCGI_Header)], *p = record;

	put_record(&p, FCGI_STDERR, 0);
	(void)send(c->fd, record, sizeof record, MSG_NOSIGNAL | MSG_DONTWAIT);
	c->asked = true;
}

struct blob *
fcgi_frame(struct str head, struct str body)
{
	size_t n = head.n + body.n;
	size_t records = (n + RECORD_CONTENT_MAX - 1) / RECORD_CONTENT_MAX;
	struct blob *b = blob_new(n + records * sizeof(FCGI_Header) + sizeof(FCGI_EndRequestRecord));
	FCGI_EndRequestBody end = {.protocolStatus = FCGI_REQUEST_COMPLETE};
	char *p;

	if (b == NULL)
		return NULL;
	p = b->p;
	while (n > 0) {
		size_t part = n < RECORD_CONTENT_MAX ? n : RECORD_CONTENT_MAX;

		put_record(&p, FCGI_STDOUT, part);
		put_content(&p, &head, &body, part);
		n -= part;
	}
	/* END_REQUEST says that STDOUT has ended as well. It must be the last bytes, or nginx will not keep the
	 * connection. */
	put_record(&p, FCGI_END_REQUEST, sizeof end);
	memcpy(p, &end, sizeof end);
	assert(p + sizeof end == b->p + b->n);
	return b;
}

/* The same answer for another request id, or with a record behind its end; takes the holding of from. */
static struct blob *
reframe(struct blob *from, uint16_t request_id, bool last)
{
	struct blob *b = blob_new(from->n + (last ? sizeof(FCGI_Header) : 0));
	char *p;

	if (b != NULL) {
		memcpy(b->p, from->p, from->n);
		if (last) {
			p = b->p + from->n;
			put_record(&p, FCGI_STDOUT, 0);
		}
		for (size_t i = 0; i < b->n;) {
			FCGI_Header *h = (FCGI_Header *)(void *)(b->p + i);

			h->requestIdB1 = (unsigned char)(request_id >> 8);
			h->requestIdB0 = (unsigned char)request_id;
			i += sizeof *h + ((size_t)h->contentLengthB1 << 8 | h->contentLengthB0);
		}
	}
	blob_drop(from);
	return b;
}

/* The peer has taken sent bytes, and the rest waits. */
static bool
begin_writing(struct fcgi *f, struct fcgi_conn *c, struct blob *reply, size_t sent)
{
	struct fcgi_io *io = c->io;

	if (unread_init(&io->out, &f->pieces, reply, sent) != 0)
		return false;
	f->counts.writing++;
	io->moved = sent;
	io->in_socket = INT_MAX;
	return fcgi_count_io(f, c) && loop_want_output(f->loop, c->fd, c->generation, true) == 0;
}

bool
fcgi_reply(struct fcgi *f, struct fcgi_conn *c, struct blob *reply)
{
	bool good = true;
	ssize_t n;

	assert(c->state == OPEN);
	/* nginx numbers every request 1, so its waiters share their bytes; others get a copy. */
	if (reply != NULL && (c->request_id != 1 || f->draining))
		reply = reframe(reply, c->request_id, f->draining);
	if (reply == NULL) {
		fcgi_close(f, c);
		return false;
	}
	loop_spend(f->loop, reply->n);
	n = send(c->fd, reply->p, reply->n, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		n = 0;
	f->counts.open--;
	c->state = WRITING;
	if (n == (ssize_t)reply->n)
		end_reply(f, c);
	else if (n < 0 || fcgi_begin_io(f, c, f->options.send_wait_ms) == NULL)
		good = false;
	else
		good = begin_writing(f, c, reply, (size_t)n);
	if (!good)
		fcgi_close(f, c);
	blob_drop(reply);
	return good;
}
