#include <assert.h>
#include <stdlib.h>

#include "clock.h"
#include "session_state.h"

enum {
	EVENTS_MAX = 64, /* a power of two */
	EVENTS_MS = 10000,
	EVENTS_BYTES = 1000000,
	TELLS_PER_TURN = 64,
};

void
session_channel_init(struct session_channel *ch, struct session *s)
{
	*ch = (struct session_channel){.all = s->all};
	TAILQ_INIT(&ch->waiting);
}

static struct session_event *
event_at(const struct session_channel *ch, uint64_t number)
{
	return &ch->ring[number & (EVENTS_MAX - 1)];
}

/* The oldest makes room. */
static void
drop_first(struct session_channel *ch)
{
	struct session_event *e = event_at(ch, ch->first++);

	ch->bytes -= e->packets->n;
	blob_drop(e->packets);
}

static void
unlist(struct session_channel *ch)
{
	if (ch->listed)
		TAILQ_REMOVE(&ch->all->telling, ch, link);
	ch->listed = false;
}

/* Those that are out of date go; the ring itself with the last of them. */
static void
on_timer(void *ctx, struct timer *t)
{
	struct sessions *all = ctx;
	struct session_channel *ch = CONTAINER(t, struct session_channel, timer);
	int64_t now = clock_ms();

	while (ch->first < ch->next && event_at(ch, ch->first)->until_ms <= now)
		drop_first(ch);
	if (ch->first < ch->next) {
		loop_timer_set(all->loop, t, all->channel_kind, event_at(ch, ch->first)->until_ms - now);
		return;
	}
	free(ch->ring);
	ch->ring = NULL;
}

void
session_channel_fini(struct session_channel *ch)
{
	assert(TAILQ_EMPTY(&ch->waiting));
	unlist(ch);
	loop_timer_clear(ch->all->loop, &ch->timer);
	while (ch->first < ch->next)
		drop_first(ch);
	free(ch->ring);
}

void
session_channel_tell(struct session_channel *ch, struct blob *packets, unsigned n, const struct session_cursor *except)
{
	struct sessions *all = ch->all;

	if (packets != NULL && ch->ring == NULL)
		ch->ring = calloc(EVENTS_MAX, sizeof *ch->ring);
	if (packets == NULL || ch->ring == NULL) {
		blob_drop(packets); /* it may be lost */
		return;
	}
	while (ch->first < ch->next && (ch->next - ch->first == EVENTS_MAX || ch->bytes + packets->n > EVENTS_BYTES))
		drop_first(ch);
	*event_at(ch, ch->next++) = (struct session_event){.packets = packets,
	    .n = n,
	    .head = rooms_head(all->rooms),
	    .serial = ++all->serial,
	    .until_ms = clock_ms() + EVENTS_MS,
	    .except = except};
	ch->bytes += packets->n;
	if (!ch->timer.set)
		loop_timer_set(all->loop, &ch->timer, all->channel_kind, EVENTS_MS);
	if (!ch->listed && !TAILQ_EMPTY(&ch->waiting)) {
		ch->listed = true;
		TAILQ_INSERT_TAIL(&all->telling, ch, link);
	}
}

/* The next one of its channel that a cursor is told; NULL when there is none. */
static struct session_event *
next_event(struct session_cursor *c)
{
	struct session_channel *ch = c->channel;
	int64_t now;

	if (ch == NULL || c->passed == ch->next || c->welcome != NULL)
		return NULL;
	now = clock_ms();
	if (c->passed < ch->first)
		c->passed = ch->first;
	for (; c->passed < ch->next; c->passed++) {
		struct session_event *e = event_at(ch, c->passed);

		if (e->except != c && e->until_ms > now)
			return e;
	}
	return NULL;
}

struct session_event *
session_first_event(struct session *s, struct session_cursor **to)
{
	struct session_cursor *c;
	struct session_event *first = NULL;

	LIST_FOREACH (c, &s->cursors, link) {
		struct session_event *e = next_event(c);

		if (e != NULL && (first == NULL || e->serial < first->serial)) {
			first = e;
			*to = c;
		}
	}
	return first;
}

unsigned
session_take_event(struct session_cursor *c, const struct session_event *e, struct buf *body)
{
	session_add_separator(body);
	buf_add(body, (struct str){e->packets->p, e->packets->n});
	c->passed++;
	return e->n;
}

void
session_channel_wait(struct session_cursor *c)
{
	if (c->channel == NULL || c->waits)
		return;
	c->waits = true;
	TAILQ_INSERT_TAIL(&c->channel->waiting, c, channel_link);
}

void
session_channel_unwait(struct session_cursor *c)
{
	if (!c->waits)
		return;
	c->waits = false;
	TAILQ_REMOVE(&c->channel->waiting, c, channel_link);
}

/* Tells the next of those who wait; false when all have been told. They stand in the order in which they were told all
 * that there was, so behind one that has nothing new nobody has. */
static bool
tell_one(struct session_channel *ch)
{
	struct session_cursor *c = TAILQ_FIRST(&ch->waiting);

	if (c == NULL || c->passed == ch->next)
		return false;
	session_channel_unwait(c);
	session_flush(c->session);
	return true;
}

bool
session_channels_tell(void *ctx)
{
	struct sessions *all = ctx;
	struct session_channel *ch;

	for (int i = 0; i < TELLS_PER_TURN && (ch = TAILQ_FIRST(&all->telling)) != NULL; i++) {
		TAILQ_REMOVE(&all->telling, ch, link);
		/* In turn, so that a large one does not keep a small one waiting. */
		TAILQ_INSERT_TAIL(&all->telling, ch, link);
		if (!tell_one(ch))
			unlist(ch);
	}
	return !TAILQ_EMPTY(&all->telling);
}

void
session_channels_init(struct sessions *all)
{
	TAILQ_INIT(&all->telling);
	all->channel_kind = loop_timer_kind(all->loop, on_timer, all);
	loop_hook(all->loop, LOOP_WAKE, session_channels_tell, all);
}
