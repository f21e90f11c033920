/* The clock of a session: absolute deadlines, and one timer for whatever is next. */
#include "base/clock.h"
#include "session_state.h"

void
session_set_timer(struct session *s)
{
	int64_t next = s->ping_ms;

	if (s->post == NULL && s->dead_ms < next)
		next = s->dead_ms;
	if (s->post == NULL && s->connect_ms < next)
		next = s->connect_ms;
	if (s->post == NULL && s->await_ms < next)
		next = s->await_ms;
	if (next == INT64_MAX) {
		loop_timer_clear(s->all->loop, &s->timer);
		return;
	}
	next -= clock_ms();
	loop_timer_set(s->all->loop, &s->timer, s->all->timer_kind, next > 0 ? next : 0);
}

static void
put_forward(int64_t *deadline_ms, int64_t ms)
{
	if (*deadline_ms != INT64_MAX)
		*deadline_ms += ms;
}

/* The time that its clock has stood still counts for nothing; but for the ping, since clients wait for the next one no
 * longer than an interval and a time-out, whatever they are sending. */
static void
make_up(struct session *s)
{
	int64_t now = clock_ms(), ms = now - s->post->stopped_ms;

	put_forward(&s->dead_ms, ms);
	put_forward(&s->connect_ms, ms);
	put_forward(&s->await_ms, ms);
	s->post->stopped_ms = now;
}

void
session_stop_clock(struct session *s)
{
	s->post->stopped_ms = clock_ms();
}

void
session_go_on(struct session *s)
{
	make_up(s);
	s->post = NULL;
	if (s->state != SESSION_ENDED)
		session_set_timer(s);
}

void
session_beat(struct session *s)
{
	int64_t now = clock_ms();

	if (s->post != NULL)
		make_up(s);
	s->ping_ms = now + s->all->options.ping_interval_ms;
	s->dead_ms = s->ping_ms + s->all->options.ping_timeout_ms;
	s->pong_waits = s->extended = false;
	session_set_timer(s);
}

static void
on_timer(void *ctx, struct timer *t)
{
	struct session *s = CONTAINER(t, struct session, timer);
	int64_t now = clock_ms();

	(void)ctx;
	if (!session_alive(s))
		return;
	if (s->post == NULL && now >= s->connect_ms) {
		s->connect_ms = INT64_MAX;
		session_close(s);
	}
	if (now >= s->ping_ms) {
		/* The clock runs even if no GET is there to carry it. */
		s->ping_ms = INT64_MAX;
		s->ping_waits = s->pong_waits = true;
		session_wake(s);
	}
	if (s->state != SESSION_ENDED)
		session_set_timer(s);
}

bool
session_alive(struct session *s)
{
	if (s->state != SESSION_ENDED && s->post == NULL && clock_ms() >= s->await_ms) {
		s->all->unfinished++;
		session_end(s, STR("1"));
	}
	if (s->state != SESSION_ENDED &&
	    (s->doomed || session_is_barred(s) || (s->post == NULL && clock_ms() >= s->dead_ms)))
		session_end(s, STR("1"));
	return s->state != SESSION_ENDED && !s->leaving;
}

void
session_no_longer_fresh(struct session *s)
{
	if (s->fresh)
		TAILQ_REMOVE(&s->all->fresh, s, fresh_link);
	s->fresh = false;
}

bool
session_connected(struct session *s)
{
	bool first = s->fresh;

	s->connect_ms = INT64_MAX;
	session_no_longer_fresh(s);
	return first;
}

void
session_not_connected(struct session *s)
{
	if (s->fresh || s->state == SESSION_ENDED)
		return;
	s->fresh = true;
	TAILQ_INSERT_TAIL(&s->all->fresh, s, fresh_link);
	s->connect_ms = clock_ms() + s->all->options.connect_timeout_ms;
	session_set_timer(s);
}

void
session_await(struct session *s, int64_t wait_ms)
{
	if (s->post != NULL)
		make_up(s);
	s->await_ms = wait_ms < 0 ? INT64_MAX : clock_ms() + wait_ms;
	if (s->state != SESSION_ENDED)
		session_set_timer(s);
}

void
session_clock_init(struct sessions *all)
{
	all->timer_kind = loop_timer_kind(all->loop, on_timer, all);
}
