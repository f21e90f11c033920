#include <assert.h>
#include <fastcgi.h>
#include <string.h>
#include <sys/socket.h>

#include "fcgi_state.h"

enum {
	RECORD_CONTENT_MAX = 65535,
};

/* After the last byte of an answer. */
static void
end_reply(struct fcgi *f, struct fcgi_conn *c)
{
	if (c->scgi)
		fcgi_scgi_drop_input(c);
	fcgi_end_io(f, c);
	fcgi_begin_idle(f, c);
	if (!c->keep)
		fcgi_close(f, c);
}

static void
set_timer(struct fcgi *f, struct fcgi_io *io)
{
	loop_timer_set(f->loop, &io->timer, f->late_kind, f->options.send_wait_ms);
}

/* All that was on its way is sent. */
static void
end_output(struct fcgi *f, struct fcgi_conn *c)
{
	bool last = c->io->last;

	loop_want_output(f->loop, f->conn_kind, c->fd, c->generation, false);
	if (c->state == RAW) {
		fcgi_raw_sent(f, c);
		return;
	}
	if (c->state == WRITING) {
		end_reply(f, c);
		return;
	}
	fcgi_end_io(f, c);
	if (last)
		fcgi_end(f, c);
	else
		f->handler.drained(f->handler.ctx, c);
}

void
fcgi_output(struct fcgi *f, struct fcgi_conn *c)
{
	struct fcgi_io *io = fcgi_io(c);
	size_t n;

	if (io == NULL || !output_is_kept(&io->out))
		return;
	switch (output_go_on(&io->out, c->fd, &f->pieces, &io->counted.share, &n)) {
	case OUTPUT_SENT:
		loop_spend(f->loop, n);
		end_output(f, c);
		return;
	case OUTPUT_GONE:
		if (c->state == RAW)
			fcgi_raw_break(f, c);
		else
			fcgi_lose(f, c);
		return;
	case OUTPUT_BLOCKED:
		break;
	}
	if (n == 0)
		return;
	loop_spend(f->loop, n);
	set_timer(f, io);
	/* A socket that was not filled has no edge to come: watching it anew makes it come. */
	if (loop_want_output(f->loop, f->conn_kind, c->fd, c->generation, true) != 0)
		fcgi_lose(f, c);
}

bool
fcgi_output_moves(struct fcgi *f, struct fcgi_conn *c)
{
	if (!output_moves(&c->io->out, c->fd))
		return false;
	set_timer(f, c->io);
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

/* STDOUT records of head and body, with room for `room` bytes behind them, which *end points to. NULL without memory.
 */
static struct blob *
frame(struct str head, struct str body, size_t room, char **end)
{
	size_t n = head.n + body.n;
	size_t records = (n + RECORD_CONTENT_MAX - 1) / RECORD_CONTENT_MAX;
	struct blob *b = blob_new(n + records * sizeof(FCGI_Header) + room);

	if (b == NULL)
		return NULL;
	*end = b->p;
	while (n > 0) {
		size_t part = n < RECORD_CONTENT_MAX ? n : RECORD_CONTENT_MAX;

		put_record(end, FCGI_STDOUT, part);
		put_content(end, &head, &body, part);
		n -= part;
	}
	return b;
}

struct blob *
fcgi_frame(struct str head, struct str body)
{
	FCGI_EndRequestBody end = {.protocolStatus = FCGI_REQUEST_COMPLETE};
	char *p;
	struct blob *b = frame(head, body, sizeof(FCGI_EndRequestRecord), &p);

	if (b == NULL)
		return NULL;
	/* END_REQUEST says that STDOUT has ended as well. It must be the last bytes, or nginx will not keep the
	 * connection. */
	put_record(&p, FCGI_END_REQUEST, sizeof end);
	memcpy(p, &end, sizeof end);
	assert(p + sizeof end == b->p + b->n);
	return b;
}

struct blob *
fcgi_frame_part(struct str bytes)
{
	char *p;

	return frame(bytes, STR(""), 0, &p);
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

bool
fcgi_keep(struct fcgi *f, struct fcgi_conn *c, struct blob *b, size_t sent)
{
	if (c->io == NULL && fcgi_begin_io(f, c, 0) == NULL)
		return false;
	set_timer(f, c->io);
	if (output_keep(&c->io->out, &f->pieces, b, sent) != 0)
		return false;
	f->counts.writing++;
	if (f->handler.debtor != NULL && c->io->debtor == NULL)
		c->io->debtor = f->handler.debtor(f->handler.ctx, c);
	return fcgi_count_io(f, c) && loop_want_output(f->loop, f->conn_kind, c->fd, c->generation, true) == 0;
}

/* nginx numbers every request 1, so its waiters share their bytes; others get a copy. */
static struct blob *
addressed(const struct fcgi *f, const struct fcgi_conn *c, struct blob *b, bool ends)
{
	bool last = ends && f->draining;

	if (b != NULL && c->scgi)
		return fcgi_scgi_answer(b);
	return b != NULL && (c->request_id != 1 || last) ? reframe(b, c->request_id, last) : b;
}

/* Sends the end of an answer, or all of it. Whether the connection is still there. */
static bool
send_last(struct fcgi *f, struct fcgi_conn *c, struct blob *reply)
{
	enum output_result result = OUTPUT_GONE;
	size_t sent;

	reply = addressed(f, c, reply, true);
	if (reply != NULL) {
		loop_spend(f->loop, reply->n);
		result = output_send(c->fd, reply, &sent);
		f->counts.open--;
		c->state = WRITING;
	}
	if (result == OUTPUT_SENT)
		end_reply(f, c);
	else if (result == OUTPUT_GONE || !fcgi_keep(f, c, reply, sent)) {
		fcgi_close(f, c);
		result = OUTPUT_GONE;
	}
	fcgi_tell_ended(f, c);
	blob_drop(reply);
	return result != OUTPUT_GONE;
}

bool
fcgi_reply(struct fcgi *f, struct fcgi_conn *c, struct blob *reply)
{
	assert(c->state == OPEN);
	fcgi_forget_kept(f, c);
	return send_last(f, c, reply);
}

/* ---- answers that go on ---- */

enum output_result
fcgi_more(struct fcgi *f, struct fcgi_conn *c, struct blob *part)
{
	enum output_result result = OUTPUT_GONE;
	size_t sent;

	if (c->doomed) {
		blob_drop(part);
		return OUTPUT_BLOCKED;
	}
	assert(c->state == OPEN || (c->state == STREAMING && c->io == NULL));
	fcgi_forget_kept(f, c);
	c->state = STREAMING;
	part = addressed(f, c, part, false);
	if (part != NULL) {
		loop_spend(f->loop, part->n);
		result = output_send(c->fd, part, &sent);
	}
	if (result == OUTPUT_BLOCKED && !fcgi_keep(f, c, part, sent))
		result = OUTPUT_GONE;
	if (result == OUTPUT_GONE)
		fcgi_close(f, c);
	blob_drop(part);
	return result;
}

void
fcgi_end(struct fcgi *f, struct fcgi_conn *c)
{
	assert(c->state == STREAMING);
	if (c->doomed) {
		/* Nobody is to be told that it is gone. */
		f->counts.open--;
		c->state = WRITING;
		fcgi_tell_ended(f, c);
	} else if (c->io != NULL) {
		c->io->last = true;
		fcgi_tell_ended(f, c);
	} else
		(void)send_last(f, c, fcgi_frame(STR(""), STR("")));
}
