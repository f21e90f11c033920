#include <string.h>

#include "session_state.h"

enum {
	PACKETS_FEW = 16, /* python-engineio drops the connection above */
	PACKETS_MANY = 256,
};

bool
session_takes_few(const struct session *s)
{
	return s->few && !s->framed;
}

unsigned
session_packets_max(const struct session *s)
{
	return session_takes_few(s) ? PACKETS_FEW : PACKETS_MANY;
}

static size_t
payload_max(const struct session *s)
{
	size_t most = s->outlet->transport->payload_max, all = s->all->options.reply_max;

	return most > 0 && most < all ? most : all;
}

/* The welcomes of cursors that have given to the body. Returns how many. */
static unsigned
take_owed(struct session *s, struct buf *body)
{
	struct session_cursor *c;
	unsigned n = 0;

	LIST_FOREACH (c, &s->cursors, link)
		if (c->welcome != NULL && c->gave)
			n += session_take_queued(s, c->welcome, body);
	return n;
}

/* A reply that is being made. */
struct filling {
	struct buf *body;
	unsigned n, max; /* packets */
	size_t bytes_max;
	unsigned owed; /* welcomes of cursors that have given to it */
};

/* Whether n packets more, of `size` bytes, fit; the first of a reply always do. */
static bool
fits(const struct filling *f, unsigned n, size_t size)
{
	return f->n == 0 || (f->n + f->owed + n <= f->max && f->body->n + size <= f->bytes_max);
}

/* A message may go out before its cursor's welcome only in the same reply. */
static bool
fill_message(struct session *s, struct filling *f, struct session_cursor *from, struct message *m)
{
	size_t before = f->body->n;
	unsigned n, owes = from->welcome != NULL && !from->gave;

	session_add_separator(f->body);
	n = s->layer->packets(s->layer->ctx, from, m, f->body);
	if (!fits(f, n + owes, 0)) {
		f->body->n = before;
		return false;
	}
	f->n += n;
	f->owed += owes;
	from->gave = from->welcome != NULL;
	session_advance(from, m);
	return true;
}

/* Frames may hold a byte that would part a packet among others. */
static bool
is_alone(const struct session *s, const struct queued *q)
{
	return s->framed && q->n == 1 && memchr(q->packets->p, PACKET_SEPARATOR, q->packets->n) != NULL;
}

static bool
fill_queued(struct session *s, struct filling *f, struct queued *q)
{
	bool alone = is_alone(s, q);

	if (!fits(f, q->n, q->packets->n) || (alone && f->n > 0))
		return false;
	f->owed -= q->opens != NULL && q->opens->gave;
	f->n += session_take_queued(s, q, f->body);
	return !alone;
}

static bool
fill_event(struct filling *f, struct session_cursor *to, const struct session_event *e)
{
	if (!fits(f, e->n, e->packets->n))
		return false;
	f->n += session_take_event(to, e, f->body);
	return true;
}

/* What comes next goes into the reply: of what is queued and what passes, what was said first, behind the messages that
 * were there by then. false: that is all, or as much as fits. */
static bool
fill_next(struct session *s, struct filling *f)
{
	struct session_cursor *from = NULL, *behind = NULL, *to = NULL;
	struct message *m = session_first_message(s, &from, &behind);
	struct queued *q = session_first_queued(s);
	struct session_event *e;

	if (behind != NULL) {
		/* Nothing goes past what is still to be read. */
		session_read_behind(s, behind);
		return false;
	}
	e = session_first_event(s, &to);
	if (e != NULL && (q == NULL || e->serial < q->serial))
		q = NULL;
	else
		e = NULL;
	if (m != NULL && (q == NULL || m->f.id <= q->head) && (e == NULL || m->f.id <= e->head))
		return fill_message(s, f, from, m);
	if (e != NULL)
		return fill_event(f, to, e);
	return q != NULL && fill_queued(s, f, q);
}

unsigned
session_fill(struct session *s, struct buf *body)
{
	struct filling f = {.body = body, .max = session_packets_max(s), .bytes_max = payload_max(s)};

	if (s->ping_waits) {
		buf_add_char(body, '2');
		s->ping_waits = false;
		f.n++;
	}
	while (f.n + f.owed < f.max && fill_next(s, &f))
		;
	return f.n + (f.owed > 0 ? take_owed(s, body) : 0);
}
