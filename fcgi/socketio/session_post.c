#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
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

/* It waits for its turn among all, if there is nothing else that it waits for. */
static void
list(struct post *p)
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

static void
unlist(struct post *p)
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

static void
tell(const struct sessions *all, uint64_t who, enum session_posted how)
{
	if (who != 0)
		all->posted(all->posted_ctx, who, how);
}

/* Whoever sent it is told that it is over. */
static void
tell_of(const struct post *p, enum session_posted how)
{
	struct session_outlet *o = p->session->outlet;

	if (p->kind == POST_BODY)
		tell(p->session->all, p->who, how);
	else if (o != NULL)
		o->transport->handled(o);
}

void
sessions_on_posted(struct sessions *all, session_posted_fn *fn, void *ctx)
{
	all->posted = fn;
	all->posted_ctx = ctx;
}

/* ---- one POST ---- */

static void
post_free(struct post *p)
{
	struct sessions *all = p->session->all;

	loop_timer_clear(all->loop, &p->timer);
	budget_set(all->options.budget, &p->share, BUDGET_POSTS, 0);
	all->n_posts--;
	free(p);
}

/* NULL without memory, its own or that of all. */
static struct post *
post_new(struct session *s, enum post_kind kind, uint64_t who, struct str rest)
{
	struct post *p = malloc(sizeof *p + rest.n);

	if (p == NULL)
		return NULL;
	*p = (struct post){.session = s, .kind = kind, .who = who, .walk.rest = {p->bytes, rest.n}};
	if (rest.n > 0)
		memcpy(p->bytes, rest.p, rest.n);
	s->all->n_posts++;
	if (budget_set(s->all->options.budget, &p->share, BUDGET_POSTS, budget_size(p)))
		return p;
	post_free(p);
	return NULL;
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

/* The session's POST is over: its client is told, and the next one begins. */
static void
finish(struct session *s, bool handled)
{
	struct post *p = s->post, *next = p->next;

	unlist(p);
	tell_of(p, handled ? SESSION_POST_HANDLED : SESSION_POST_ENDED);
	if (next != NULL && s->state != SESSION_ENDED) {
		next->stopped_ms = p->stopped_ms;
		next->begun_ms = clock_ms();
		s->post = next;
		list(next);
	} else {
		session_go_on(s);
		while (next != NULL) {
			struct post *ended = next;

			next = ended->next;
			tell_of(ended, SESSION_POST_ENDED);
			post_free(ended);
		}
		if (s->leaving)
			session_end(s, STR("1"));
	}
	post_free(p);
}

void
session_drop_posts(struct session *s)
{
	/* The one that is being handled is finished by whoever handles it. */
	if (s->post != NULL && s->post != s->all->post)
		finish(s, false);
}

/* ---- all of them ---- */

/* A turn of a POST. */
static void
go_on(struct sessions *all, struct post *p)
{
	struct session *s = p->session;
	bool done;

	unlist(p);
	p->old = true;
	all->post = p;
	done = visit(s, p);
	all->post = NULL;
	if (done)
		finish(s, true);
	else
		list(p);
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

/* Memory is short, and this one is the largest: it goes with its session, when the turn is over. */
static void
end_share(void *ctx, struct budget_share *share)
{
	struct sessions *all = ctx;

	budget_set(all->options.budget, share, BUDGET_POSTS, 0);
	session_doom(CONTAINER(share, struct post, share)->session);
}

/* Its person's turn has come. */
static void
stop_waiting(struct post *p)
{
	p->waits = false;
	p->begun_ms = clock_ms();
	if (p == p->session->post && p != p->session->all->post && p->list == NULL)
		list(p);
}

static void
on_turn(void *ctx, struct timer *t)
{
	(void)ctx;
	stop_waiting(CONTAINER(t, struct post, timer));
}

void
session_hurry_posts(struct session *s)
{
	for (struct post *p = s->post; p != NULL; p = p->next)
		if (p->waits) {
			loop_timer_clear(s->all->loop, &p->timer);
			stop_waiting(p);
		}
}

void
session_posts_init(struct sessions *all)
{
	all->post_kind = loop_timer_kind(all->loop, on_turn, all);
	TAILQ_INIT(&all->new_posts);
	TAILQ_INIT(&all->old_posts);
	TAILQ_INIT(&all->early_posts);
	begin_turn(all);
	budget_kind(all->options.budget, BUDGET_POSTS, BUDGET_LARGEST, 0, end_share, all);
	loop_hook(all->loop, LOOP_LATE, posts_go_on, all);
}

/* It waits for its turn, behind those before it if there are any. */
static void
keep(struct session *s, struct post *p)
{
	struct post *last = s->post;

	if (last != NULL) {
		while (last->next != NULL)
			last = last->next;
		last->next = p;
		return;
	}
	s->post = p;
	p->begun_ms = clock_ms();
	session_stop_clock(s);
	list(p);
}

/* It lives, though its pong is late: once it gets more time. */
static void
give_time(struct session *s, bool pong)
{
	if (!s->pong_waits || s->extended || pong)
		return;
	s->extended = true;
	s->dead_ms = clock_ms() + s->all->options.ping_timeout_ms;
}

void
session_post(struct session *s, uint64_t who, struct str body)
{
	struct post *p;

	if (s->state != SESSION_OPEN || s->doomed) {
		tell(s->all, who, SESSION_POST_HANDLED);
		return;
	}
	if (s->post != NULL && s->post->next != NULL) {
		tell(s->all, who, SESSION_POST_REFUSED);
		return;
	}
	give_time(s, body.n > 0 && body.p[0] == '3');
	if ((p = post_new(s, POST_BODY, who, body)) != NULL) {
		keep(s, p);
		return;
	}
	/* The client must not take it for handled, nor go on as if it were. */
	tell(s->all, who, SESSION_POST_REFUSED);
	session_end(s, STR("1"));
}

bool
session_packet(struct session_outlet *o, bool binary, struct str packet, int64_t wait_ms)
{
	struct session *s = o->session;
	struct post *p;

	if (session_is_probe(o))
		return session_probe_packet(s, binary, packet, wait_ms);
	if (s->state != SESSION_OPEN || s->doomed)
		return true;
	give_time(s, !binary && packet.n > 0 && packet.p[0] == '3');
	if ((p = post_new(s, binary ? POST_BINARY : POST_TEXT, 0, packet)) == NULL) {
		session_end(s, STR("1"));
		return true;
	}
	p->waits = wait_ms > 0;
	if (p->waits)
		loop_timer_set(s->all->loop, &p->timer, s->all->post_kind, wait_ms);
	keep(s, p);
	return false;
}

int64_t
session_post_age(const struct session *s)
{
	return s->post == NULL ? 0 : clock_ms() - s->post->begun_ms;
}

void
session_hold(struct session *s, bool end)
{
	s->holds = true;
	s->holds_end = end;
}

void
session_release(struct session *s)
{
	s->holds = false;
	if (s->post != NULL && s->post != s->all->post && s->post->list == NULL)
		list(s->post);
}
