#include <stdlib.h>

#include "session_state.h"

enum { FREED_PER_TURN = 1024 };

void
session_add_separator(struct buf *body)
{
	if (body->n > 0)
		buf_add_char(body, PACKET_SEPARATOR);
}

/* Memory of it. */
static size_t
size_of(struct queued *q)
{
	return budget_size(q) + budget_size(q->packets);
}

static void
drop_queued(struct session *s, struct queued *q)
{
	TAILQ_REMOVE(&s->unsaid->queue, q, link);
	if (q->opens != NULL)
		q->opens->welcome = NULL;
	s->unsaid->queue_bytes -= size_of(q);
	blob_drop(q->packets);
	free(q);
	session_count(s);
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
	struct session_cursor *c;

	LIST_FOREACH (c, &s->cursors, link) {
		if (c->welcome != NULL)
			c->welcome->opens = NULL;
		c->welcome = NULL;
	}
	if (s->unsaid == NULL)
		return;
	TAILQ_CONCAT(&s->all->dropped, &s->unsaid->queue, link);
	s->unsaid->queue_bytes = 0;
	session_count(s);
}

bool
session_free_dropped(void *ctx)
{
	struct sessions *all = ctx;
	struct queued *q;

	for (int i = 0; i < FREED_PER_TURN && (q = TAILQ_FIRST(&all->dropped)) != NULL; i++) {
		TAILQ_REMOVE(&all->dropped, q, link);
		blob_drop(q->packets);
		free(q);
	}
	return !TAILQ_EMPTY(&all->dropped);
}

/* Takes a holding of packets. NULL: it could not be queued, and the session will end. */
static struct queued *
enqueue(struct session *s, struct blob *packets, unsigned n)
{
	struct unsaid *u = NULL;
	struct queued *q;

	if (s->state == SESSION_OPEN && !s->doomed && !s->leaving && packets != NULL)
		u = session_unsaid(s);
	if (u == NULL || (q = malloc(sizeof *q)) == NULL) {
		blob_drop(packets);
		/* What cannot be said must not go missing in silence. */
		if (s->state == SESSION_OPEN && !s->leaving)
			session_doom(s);
		return NULL;
	}
	*q = (struct queued){.packets = packets, .n = n, .head = rooms_head(s->all->rooms), .serial = ++s->all->serial};
	TAILQ_INSERT_TAIL(&u->queue, q, link);
	u->queue_bytes += size_of(q);
	if (u->queue_bytes > s->all->options.queue_bytes_max || !session_count(s)) {
		session_doom(s);
		return NULL;
	}
	session_wake(s);
	return q;
}

void
session_queue(struct session *s, struct blob *packets, unsigned n)
{
	(void)enqueue(s, packets, n);
}

void
session_queue_welcome(struct session *s, struct blob *packet, struct session_cursor *c)
{
	struct queued *q = enqueue(s, packet, 1);

	/* One that closes queues nothing more, and must not tell what comes behind, either. */
	if (q == NULL && s->state == SESSION_CLOSING && !s->leaving)
		session_doom(s);
	if (q == NULL || c->session == NULL)
		return;
	q->opens = c;
	c->welcome = q;
}

bool
session_ready(const struct session *s)
{
	return session_can_put(s) && session_first_queued(s) == NULL && s->state == SESSION_OPEN;
}
