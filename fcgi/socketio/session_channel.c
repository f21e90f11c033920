#include <assert.h>
#include <stdlib.h>

#include "base/clock.h"
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

/* Counts what is in it: false when it is the one that has to go for want of memory. */
static bool
count(struct session_channel *ch)
{
	return budget_set(ch->all->options.budget, &ch->share, BUDGET_PASSING, ch->bytes + budget_size(ch->ring));
}

/* The oldest makes room. */
static void
drop_first(struct session_channel *ch)
{
	struct session_event *e = event_at(ch, ch->first++);

	ch->bytes -= budget_size(e->packets);
	blob_drop(e->packets);
}

static void
drop_all(struct session_channel *ch)
{
	while (ch->first < ch->next)
		drop_first(ch);
	free(ch->ring);
	ch->ring = NULL;
	(void)count(ch);
}

/* Memory is short, and this one has most: what passes may be lost. */
static void
end_share(void *ctx, struct budget_share *share)
{
	(void)ctx;
	drop_all(CONTAINER(share, struct session_channel, share));
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
		(void)count(ch);
		loop_timer_set(all->loop, t, all->channel_kind, event_at(ch, ch->first)->until_ms - now);
		return;
	}
	drop_all(ch);
}

/* ---- rounds ---- */

static void
tell_on(struct session_channel *ch)
{
	ch->resting = false;
	ch->telling = true;
	TAILQ_INSERT_TAIL(&ch->all->telling, ch, link);
}

static void
begin_round(struct session_channel *ch, bool paced)
{
	ch->due = false;
	ch->paced = paced;
	ch->to_tell = ch->n_waiting;
	if (ch->to_tell > 0)
		tell_on(ch);
}

/* Stops telling for a while, if many were told. */
static void
rest(struct session_channel *ch)
{
	int64_t rest_ms = (int64_t)ch->told * SESSION_REST_US / 1000;

	TAILQ_REMOVE(&ch->all->telling, ch, link);
	ch->telling = false;
	ch->told = 0;
	ch->resting = rest_ms > 0;
	if (ch->resting)
		loop_timer_set(ch->all->loop, &ch->rest_timer, ch->all->rest_kind,
		    rest_ms < SESSION_REST_MAX_MS ? rest_ms : SESSION_REST_MAX_MS);
	else if (ch->due)
		begin_round(ch, true);
}

static void
on_rest_timer(void *ctx, struct timer *t)
{
	struct session_channel *ch = CONTAINER(t, struct session_channel, rest_timer);

	(void)ctx;
	ch->resting = false;
	if (ch->to_tell > 0)
		tell_on(ch);
	else if (ch->due)
		begin_round(ch, true);
}

/* There is something to be told to those who wait. */
static void
make_due(struct session_channel *ch)
{
	if (ch->telling || ch->resting)
		ch->due = true;
	else
		begin_round(ch, false);
}

/* Tells the next one of the round. It may have nothing new, and waits again, behind all others. false: the channel
 * ended, with the session. */
static bool
tell_one(struct sessions *all, struct session_channel *ch)
{
	struct session_cursor *c = TAILQ_FIRST(&ch->waiting);
	struct session *s;
	bool told;

	ch->to_tell--;
	if (c == NULL)
		return true;
	s = c->session;
	session_channel_unwait(c);
	all->channel = ch;
	told = session_tell(s);
	if (all->channel == NULL)
		return false;
	all->channel = NULL;
	ch->told += told;
	return true;
}

bool
session_channels_tell(void *ctx)
{
	struct sessions *all = ctx;
	struct session_channel *ch;

	for (int i = 0; i < TELLS_PER_TURN && !loop_spent(all->loop) && (ch = TAILQ_FIRST(&all->telling)) != NULL;
	     i++) {
		/* In turn, so that a large one does not keep a small one waiting. */
		TAILQ_REMOVE(&all->telling, ch, link);
		TAILQ_INSERT_TAIL(&all->telling, ch, link);
		if (tell_one(all, ch) && (ch->to_tell == 0 || (ch->paced && ch->told >= SESSION_PIECE)))
			rest(ch);
	}
	return !TAILQ_EMPTY(&all->telling);
}

void
session_channels_init(struct sessions *all)
{
	TAILQ_INIT(&all->telling);
	budget_kind(all->options.budget, BUDGET_PASSING, BUDGET_LARGEST, 0, end_share, all);
	all->channel_kind = loop_timer_kind(all->loop, on_timer, all);
	all->rest_kind = loop_timer_kind(all->loop, on_rest_timer, all);
	loop_hook(all->loop, LOOP_WAKE, session_channels_tell, all);
}

/* ---- events ---- */

void
session_channel_fini(struct session_channel *ch)
{
	assert(TAILQ_EMPTY(&ch->waiting));
	if (ch->all->channel == ch)
		ch->all->channel = NULL;
	if (ch->telling)
		TAILQ_REMOVE(&ch->all->telling, ch, link);
	loop_timer_clear(ch->all->loop, &ch->rest_timer);
	loop_timer_clear(ch->all->loop, &ch->timer);
	drop_all(ch);
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
	while (ch->first < ch->next &&
	       (ch->next - ch->first == EVENTS_MAX || ch->bytes + budget_size(packets) > EVENTS_BYTES))
		drop_first(ch);
	*event_at(ch, ch->next++) = (struct session_event){.packets = packets,
	    .n = n,
	    .head = rooms_head(all->rooms),
	    .serial = ++all->serial,
	    .until_ms = clock_ms() + EVENTS_MS,
	    .except = except};
	ch->bytes += budget_size(packets);
	if (!count(ch)) {
		drop_all(ch);
		return;
	}
	if (!ch->timer.set)
		loop_timer_set(all->loop, &ch->timer, all->channel_kind, EVENTS_MS);
	make_due(ch);
}

/* The next one of its channel that a cursor is told; NULL when there is none. */
static struct session_event *
next_event(struct session_cursor *c)
{
	struct session_channel *ch = c->channel;
	int64_t now;

	if (ch == NULL || c->passed == ch->next || c->welcome != NULL || !session_sees(c))
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

bool
session_events_gather(struct session *s)
{
	struct session_cursor *c;
	bool any = false;

	LIST_FOREACH (c, &s->cursors, link) {
		if (next_event(c) == NULL)
			continue;
		if (!c->channel->telling && !c->channel->resting)
			return false;
		any = true;
	}
	return any;
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
	c->channel->n_waiting++;
	TAILQ_INSERT_TAIL(&c->channel->waiting, c, channel_link);
	if (next_event(c) != NULL)
		make_due(c->channel);
}

void
session_channel_unwait(struct session_cursor *c)
{
	if (!c->waits)
		return;
	c->waits = false;
	c->channel->n_waiting--;
	TAILQ_REMOVE(&c->channel->waiting, c, channel_link);
}
