#include <assert.h>

#include "session_state.h"

/*
 * What clients send is handled in turns of the loop, so that nobody who sends much keeps the others waiting. In each
 * turn it is POST by POST: new ones first, for most have a packet or two; then those that have had a turn, round and
 * round. Part of each turn is kept for these, and every other one begins with one of them, so that new ones cannot hold
 * them up for ever.
 */
enum {
	PACKETS_PER_TURN = 64,
	BYTES_PER_TURN = 256 * 1024, /* of packets; the last one may be larger */
	PACKETS_PER_VISIT = 8,       /* to one POST */
	PACKETS_FOR_OLD = 16,
};

/* One packet; false: nothing after it counts. */
static bool
take_packet(struct session *s, enum post_kind kind, struct str packet)
{
	struct str data = {packet.p + 1, packet.n - 1};
	struct buf bytes;
	bool good;

	if (kind == POST_BINARY)
		return s->layer->binary(s->layer->ctx, s, packet);
	if (packet.n == 0)
		return false;
	switch (packet.p[0]) {
	case '0': /* open, upgrade and noop mean nothing from a client */
	case '5':
	case '6':
		return true;
	case '1':
		session_end(s, STR("6"));
		return true;
	case '3':
		session_beat(s);
		return true;
	case '4':
		return s->layer->text(s->layer->ctx, s, data);
	case 'b':
		buf_init(&bytes, data.n + 1);
		token_add_decoded(&bytes, data);
		good = buf_ok(&bytes) && s->layer->binary(s->layer->ctx, s, buf_str(&bytes));
		buf_fini(&bytes);
		return good;
	default:
		return false;
	}
}

/* ---- the lists ---- */

/* The next packet; false: that was the last. What came in a frame is one, whatever bytes are in it. */
static bool
next_packet(struct post *p, struct str *packet)
{
	if (p->kind == POST_BODY)
		return packet_next(&p->walk, packet);
	if (p->walk.ended)
		return false;
	*packet = p->walk.rest;
	p->walk = (struct packet_walk){.ended = true};
	return true;
}

/* Whether the next packet is a message, and so the layer's. */
static bool
is_message(const struct post *p)
{
	const struct packet_walk *walk = &p->walk;

	if (p->kind == POST_BINARY)
		return !walk->ended;
	return walk->rest.n > 0 && (walk->rest.p[0] == '4' || walk->rest.p[0] == 'b');
}

/* Whether it has to wait for what the layer is doing for this session; then it is in no list. If that is an event of
 * its own, so does its end: a client is told of what it sent when it was handled, and says good-bye behind that. */
static bool
is_held(const struct post *p)
{
	const struct session *s = p->session;
	bool ends = p->walk.rest.n == 0 || p->walk.rest.p[0] == '1';

	return s->holds && s->state == SESSION_OPEN && (is_message(p) || (s->holds_end && ends));
}

static bool
is_ready(const struct session *s)
{
	return s->layer->ready == NULL || s->layer->ready(s->layer->ctx);
}

/* Whether it comes too early: the layer takes no more of anybody for the moment. */
static bool
is_early(const struct post *p)
{
	return is_message(p) && !is_ready(p->session);
}

void
session_list_post(struct post *p)
{
	struct sessions *all = p->session->all;

	assert(p->list == NULL);
	if (p->waits || is_held(p))
		return;
	if (is_early(p))
		p->list = &all->early_posts;
	else
		p->list = p->old ? &all->old_posts : &all->new_posts;
	TAILQ_INSERT_TAIL(p->list, p, link);
}

void
session_unlist_post(struct post *p)
{
	if (p->list != NULL)
		TAILQ_REMOVE(p->list, p, link);
	p->list = NULL;
}

static bool
budget_left(const struct sessions *all)
{
	return all->packets_left > 0 && all->bytes_left > 0;
}

/* Handles the next packets, a few; whether that was the last, or nothing after it counts. */
static bool
visit(struct session *s, struct post *p)
{
	struct sessions *all = s->all;
	struct str packet;

	for (int i = 0; i < PACKETS_PER_VISIT && budget_left(all); i++) {
		if (s->state != SESSION_OPEN || s->doomed)
			return true;
		if (is_held(p) || is_early(p) || !next_packet(p, &packet))
			break;
		all->packets_left--;
		all->bytes_left -= (int64_t)packet.n;
		all->packets++;
		if (!take_packet(s, p->kind, packet)) {
			session_end(s, STR("1"));
			return true;
		}
	}
	return (p->walk.ended && !(s->holds && s->holds_end)) || s->state != SESSION_OPEN || s->doomed;
}

/* ---- all of them ---- */

/* A turn of a POST. */
static void
go_on(struct sessions *all, struct post *p)
{
	struct session *s = p->session;
	bool done;

	session_unlist_post(p);
	p->old = true;
	all->post = p;
	done = visit(s, p);
	all->post = NULL;
	if (done)
		session_finish_post(s, true);
	else
		session_list_post(p);
}

/* Whose turn it is. */
static struct post *
next_post(const struct sessions *all)
{
	struct post *old = TAILQ_FIRST(&all->early_posts), *fresh = TAILQ_FIRST(&all->new_posts);
	bool for_old =
	    all->packets_left <= PACKETS_FOR_OLD || (all->old_begins && all->packets_left == PACKETS_PER_TURN);

	/* Those that were too early have waited longest. */
	if (old == NULL || !is_ready(old->session))
		old = TAILQ_FIRST(&all->old_posts);
	return fresh == NULL || (old != NULL && for_old) ? old : fresh;
}

/* Where packets are large, the first POST may have all of a turn. */
static void
begin_turn(struct sessions *all)
{
	all->packets_left = PACKETS_PER_TURN;
	all->bytes_left = BYTES_PER_TURN;
	all->old_begins = !all->old_begins;
}

/* Phase LATE: those of this turn's requests, and those that came before. */
static bool
posts_go_on(void *ctx)
{
	struct sessions *all = ctx;
	struct post *p;

	while (budget_left(all) && (p = next_post(all)) != NULL)
		go_on(all, p);
	begin_turn(all);
	/* What the others wait for ends with a turn of its own. */
	return next_post(all) != NULL;
}

void
session_turns_init(struct sessions *all)
{
	TAILQ_INIT(&all->new_posts);
	TAILQ_INIT(&all->old_posts);
	TAILQ_INIT(&all->early_posts);
	begin_turn(all);
	loop_hook(all->loop, LOOP_LATE, posts_go_on, all);
}
