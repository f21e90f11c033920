#include <assert.h>
#include <stdlib.h>

#include "clock.h"
#include "packet.h"
#include "session_state.h"

enum {
	PASSING_MAX = 64,
	PASSING_MS = 10000,
};

void
session_add_separator(struct buf *body)
{
	if (body->n > 0)
		buf_add_char(body, PACKET_SEPARATOR);
}

static void
drop_queued(struct session *s, struct queued *q)
{
	STAILQ_REMOVE(&s->queue, q, queued, link);
	if (q->opens != NULL)
		q->opens->shut = false;
	s->queue_bytes -= q->packets->n;
	if (q->until_ms != 0)
		s->n_passing--;
	blob_drop(q->packets);
	free(q);
}

unsigned
session_take_queued(struct session *s, struct queued *q, struct buf *body)
{
	unsigned n = q->n;

	session_add_separator(body);
	buf_add(body, (struct str){q->packets->p, q->packets->n});
	drop_queued(s, q);
	return n;
}

void
session_drop_queue(struct session *s)
{
	while (!STAILQ_EMPTY(&s->queue))
		drop_queued(s, STAILQ_FIRST(&s->queue));
}

void
session_drop_passing(struct session *s)
{
	struct queued *q, *next;
	int64_t now;

	if (s->n_passing == 0)
		return;
	now = clock_ms();
	for (q = STAILQ_FIRST(&s->queue); q != NULL && s->n_passing > 0; q = next) {
		next = STAILQ_NEXT(q, link);
		if (q->until_ms != 0 && (q->until_ms <= now || s->n_passing >= PASSING_MAX))
			drop_queued(s, q);
	}
}

/* Takes a holding of packets. NULL: it could not be queued, and the session will end. */
static struct queued *
enqueue(struct session *s, struct blob *packets, unsigned n, int64_t until_ms)
{
	struct queued *q;

	if (s->state != SESSION_OPEN || s->doomed || packets == NULL ||
	    packets->n > s->all->options.queue_bytes_max - s->queue_bytes || (q = malloc(sizeof *q)) == NULL) {
		blob_drop(packets);
		/* What cannot be said must not go missing in silence. */
		if (s->state == SESSION_OPEN) {
			s->doomed = true;
			session_wake(s);
		}
		return NULL;
	}
	*q = (struct queued){.packets = packets, .n = n, .head = rooms_head(s->all->rooms), .until_ms = until_ms};
	STAILQ_INSERT_TAIL(&s->queue, q, link);
	s->queue_bytes += packets->n;
	if (until_ms != 0)
		s->n_passing++;
	session_wake(s);
	return q;
}

void
session_queue(struct session *s, struct blob *packets, unsigned n)
{
	(void)enqueue(s, packets, n, 0);
}

void
session_queue_welcome(struct session *s, struct blob *packet, struct session_cursor *c)
{
	struct queued *q = enqueue(s, packet, 1, 0);

	if (q == NULL || c->session == NULL)
		return;
	q->opens = c;
	c->shut = true;
}

struct queued *
session_welcome(struct session *s, const struct session_cursor *c)
{
	struct queued *q;

	STAILQ_FOREACH (q, &s->queue, link)
		if (q->opens == c)
			break;
	assert(q != NULL);
	return q;
}

void
session_queue_passing(struct session *s, struct blob *packets, unsigned n)
{
	session_drop_passing(s);
	(void)enqueue(s, packets, n, clock_ms() + PASSING_MS);
}

bool
session_ready(const struct session *s)
{
	return s->held != NULL && STAILQ_EMPTY(&s->queue) && s->state == SESSION_OPEN;
}
