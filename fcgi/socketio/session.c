#include "session_state.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

enum {
	CLOSING_MS = 30000,
	FLUSHES_PER_TURN = 64, /* as of a room's waiters */
};

static struct session *
session_of_entry(struct table_entry *e)
{
	return CONTAINER(e, struct session, entry);
}

static struct str
id_of(const struct table_entry *e)
{
	return (struct str){CONTAINER(e, const struct session, entry)->id, TOKEN_ID_SIZE - 1};
}

struct session *
session_find(struct sessions *all, const struct session_layer *layer, struct str id)
{
	struct table_entry *e = table_find(&all->table, id);

	return e != NULL && session_of_entry(e)->layer == layer ? session_of_entry(e) : NULL;
}

size_t
sessions_count(const struct sessions *all)
{
	return all->table.n;
}

struct sessions_counts
sessions_counts(const struct sessions *all)
{
	struct sessions_counts counts = {.sessions = all->table.n,
	    .framed = all->n_framed,
	    .posts = all->n_posts,
	    .packets = all->packets,
	    .made_room = all->made_room,
	    .unfinished = all->unfinished,
	    .upgrades = all->upgrades};

	memcpy(counts.upgrades_failed, all->upgrades_failed, sizeof counts.upgrades_failed);
	return counts;
}

bool
sessions_idle(const struct sessions *all)
{
	return all->n_posts == 0;
}

const char *
session_id(const struct session *s)
{
	return s->id;
}

void *
session_data(const struct session *s)
{
	return s->data;
}

void
session_set_data(struct session *s, void *data)
{
	s->data = data;
}

void
session_wake(struct session *s)
{
	if (s->later || s->state == SESSION_ENDED)
		return;
	s->later = true;
	TAILQ_INSERT_TAIL(&s->all->later, s, later_link);
}

/* ---- memory ---- */

struct unsaid *
session_unsaid(struct session *s)
{
	struct unsaid *u = s->unsaid == NULL ? calloc(1, sizeof *u) : NULL;

	if (u == NULL)
		return s->unsaid;
	u->session = s;
	TAILQ_INIT(&u->queue);
	return s->unsaid = u;
}

bool
session_count(struct session *s)
{
	bool fits = session_charge(s);
	struct unsaid *u = s->unsaid;

	if (u == NULL)
		return fits;
	/* What has to go for it may be of the same session, and come here again. */
	fits &= budget_set(s->all->options.budget, &u->share, BUDGET_QUEUES, u->queue_bytes + u->backlog_bytes);
	return fits && !s->doomed;
}

void
session_said(struct session *s)
{
	struct unsaid *u = s->unsaid;

	if (u == NULL || u->queue_bytes + u->backlog_bytes > 0)
		return;
	free(u);
	s->unsaid = NULL;
}

void
session_doom(struct session *s)
{
	struct session_cursor *c;

	s->doomed = true;
	session_drop_queue(s);
	LIST_FOREACH (c, &s->cursors, link)
		session_drop_backlog(c);
	session_wake(s);
}

/* Memory is short, and this one has most. */
static void
end_share(void *ctx, struct budget_share *share)
{
	(void)ctx;
	session_doom(CONTAINER(share, struct unsaid, share)->session);
}

/* ---- its life ---- */

void
session_close(struct session *s)
{
	if (s->state != SESSION_OPEN)
		return;
	s->state = SESSION_CLOSING;
	s->ping_ms = INT64_MAX;
	if (s->dead_ms > clock_ms() + CLOSING_MS)
		s->dead_ms = clock_ms() + CLOSING_MS;
	session_release(s);
	session_hurry_posts(s);
	session_set_timer(s);
	session_wake(s);
}

void
session_end(struct session *s, struct str packet)
{
	if (s->state == SESSION_ENDED)
		return;
	s->state = SESSION_ENDED;
	session_say_last(s, packet);
	session_end_probe(s);
	s->all->n_framed -= s->framed;
	loop_timer_clear(s->all->loop, &s->timer);
	table_remove(&s->all->table, &s->entry);
	TAILQ_REMOVE(&s->all->everyone, s, link);
	session_no_longer_fresh(s);
	s->layer->ended(s->layer->ctx, s);
	assert(LIST_EMPTY(&s->cursors));
	session_stop_reading(s, NULL);
	session_drop_queue(s);
	session_drop_posts(s);
	session_belong_no_more(s);
	if (s->later)
		TAILQ_REMOVE(&s->all->later, s, later_link);
	TAILQ_INSERT_TAIL(&s->all->ended, s, later_link);
}

void
session_leave(struct session *s)
{
	if (s->post == NULL || s->state == SESSION_ENDED) {
		session_end(s, STR("1"));
		return;
	}
	s->leaving = true;
	session_say_last(s, STR("1"));
	session_end_probe(s);
	session_drop_queue(s);
	session_hurry_posts(s);
}

bool
session_is_left(const struct session *s)
{
	return s->leaving;
}

/* For one more session. */
static bool
make_room(struct sessions *all)
{
	struct session *oldest = TAILQ_FIRST(&all->fresh);

	if (all->table.n < all->options.sessions_max)
		return true;
	if (oldest == NULL)
		return false;
	all->made_room++;
	session_end(oldest, STR("1"));
	return true;
}

struct session *
session_new(struct sessions *all, const struct session_layer *layer, bool few, struct pass *pass, bool *limited)
{
	struct session *s;

	*limited = false;
	if (all->draining)
		return NULL;
	*limited = !session_enter_person(all, pass);
	if (*limited)
		return NULL;
	if (!make_room(all) || (s = calloc(1, sizeof *s)) == NULL) {
		session_leave_person(all, pass);
		return NULL;
	}
	s->all = all;
	s->layer = layer;
	s->few = few;
	session_belong(s, pass);
	LIST_INIT(&s->cursors);
	token_id(s->id);
	table_add(&all->table, &s->entry);
	TAILQ_INSERT_TAIL(&all->everyone, s, link);
	s->fresh = true;
	TAILQ_INSERT_TAIL(&all->fresh, s, fresh_link);
	s->await_ms = INT64_MAX;
	s->connect_ms = clock_ms() + all->options.connect_timeout_ms;
	session_beat(s);
	if (layer->opened(layer->ctx, s) != 0) {
		session_end(s, STR("1"));
		return NULL;
	}
	return s;
}

/* Phase LATE: those for whom something was queued. */
static bool
look_later(void *ctx)
{
	struct sessions *all = ctx;
	struct session *s;

	for (int i = 0; i < FLUSHES_PER_TURN && !loop_spent(all->loop) && (s = TAILQ_FIRST(&all->later)) != NULL; i++) {
		TAILQ_REMOVE(&all->later, s, later_link);
		s->later = false;
		if (s->doomed)
			session_end(s, STR("1"));
		else
			session_flush(s);
	}
	return !TAILQ_EMPTY(&all->later);
}

static bool
sweep(void *ctx)
{
	struct sessions *all = ctx;
	struct session *s;

	while ((s = TAILQ_FIRST(&all->ended)) != NULL) {
		TAILQ_REMOVE(&all->ended, s, later_link);
		session_said(s);
		free(s);
	}
	return false;
}

struct sessions *
sessions_new(struct loop *loop, const struct session_options *options, struct rooms *rooms, struct readers *readers)
{
	struct sessions *all = calloc(1, sizeof *all);

	if (all == NULL)
		return NULL;
	*all = (struct sessions){.options = *options, .loop = loop, .rooms = rooms, .readers = readers};
	if (table_init(&all->table, id_of) != 0) {
		free(all);
		return NULL;
	}
	budget_kind(options->budget, BUDGET_QUEUES, BUDGET_LARGEST, 0, end_share, all);
	TAILQ_INIT(&all->everyone);
	TAILQ_INIT(&all->fresh);
	TAILQ_INIT(&all->later);
	TAILQ_INIT(&all->ended);
	TAILQ_INIT(&all->dropped);
	buf_init(&all->body, SIZE_MAX);
	session_clock_init(all);
	rooms_on_wake(rooms, ROOM_SESSION, session_on_wake, all);
	loop_hook(loop, LOOP_WAKE, session_judge_some, all);
	session_behind_init(all);
	session_channels_init(all);
	session_posts_init(all);
	session_probes_init(all);
	loop_hook(loop, LOOP_LATE, look_later, all);
	loop_hook(loop, LOOP_SWEEP, sweep, all);
	loop_hook(loop, LOOP_SWEEP, session_free_dropped, all);
	return all;
}

static void
let_go(void *ctx, struct table_entry *e)
{
	struct session *s = session_of_entry(e);

	(void)ctx;
	if (s->framed)
		session_hurry_posts(s);
	else if (s->outlet != NULL)
		session_leave(s);
}

bool
sessions_are_draining(const struct sessions *all)
{
	return all->draining;
}

void
sessions_drain(struct sessions *all)
{
	all->draining = true;
	table_each(&all->table, let_go, NULL);
}

static void
end_one(void *ctx, struct table_entry *e)
{
	struct session *s = session_of_entry(e);

	(void)ctx;
	/* Their connections are gone already. */
	s->outlet = NULL;
	if (s->probe != NULL)
		session_probe_gone(s);
	session_end(s, STR("1"));
}

void
sessions_end(struct sessions *all)
{
	if (all == NULL)
		return;
	table_each(&all->table, end_one, NULL);
	sweep(all);
	while (session_free_dropped(all))
		;
}

void
sessions_free(struct sessions *all)
{
	if (all == NULL)
		return;
	sessions_end(all);
	session_free_readings(all);
	buf_fini(&all->body);
	table_fini(&all->table);
	free(all);
}
