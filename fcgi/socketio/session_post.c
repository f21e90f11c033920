#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "session_state.h"

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

void
session_finish_post(struct session *s, bool handled)
{
	struct post *p = s->post, *next = p->next;

	session_unlist_post(p);
	tell_of(p, handled ? SESSION_POST_HANDLED : SESSION_POST_ENDED);
	if (next != NULL && s->state != SESSION_ENDED) {
		next->stopped_ms = p->stopped_ms;
		next->begun_ms = clock_ms();
		s->post = next;
		session_list_post(next);
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
		session_finish_post(s, false);
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
		session_list_post(p);
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
	session_turns_init(all);
	budget_kind(all->options.budget, BUDGET_POSTS, BUDGET_LARGEST, 0, end_share, all);
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
	session_list_post(p);
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
		session_list_post(s->post);
}
