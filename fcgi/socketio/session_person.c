#include "access/access.h"
#include "base/clock.h"
#include "session_state.h"

enum { JUDGED_PER_TURN = 64 };

struct pass *
session_pass(const struct session *s)
{
	return s->pass;
}

struct pass *
session_account(const struct session *s)
{
	return s->account;
}

bool
session_is_for(const struct session *s, const struct pass *pass)
{
	if (s->pass == NULL || s->pass->kind == PASS_STRANGER)
		return true;
	return pass != NULL && pass->kind != PASS_STRANGER && str_eq(s->pass->by, pass->by);
}

/* Whether it has ended, be it that nobody has said so yet. */
static bool
is_over(const struct pass *pass)
{
	return pass->revoked || (pass->expires_ms != INT64_MAX && pass->expires_ms <= clock_wall_ms());
}

bool
session_is_barred(const struct session *s)
{
	return s->pass != NULL && is_over(s->pass);
}

bool
session_sees(struct session_cursor *c)
{
	if (c->pass == NULL)
		return true;
	if (c->blind || is_over(c->pass)) {
		c->blind = true;
		return false;
	}
	if (c->sight == c->pass->sight)
		return true;
	if (!(sight_may(c->pass->sight, session_cursor_room(c)) & MAY_READ)) {
		c->blind = true;
		return false;
	}
	sight_drop(c->sight);
	c->sight = sight_hold(c->pass->sight);
	return true;
}

/* ---- for whom it is counted ---- */

bool
session_enter_person(struct sessions *all, const struct pass *pass)
{
	return pass == NULL || all->options.persons == NULL ||
	       limit_enter(all->options.persons, pass->person, LIMIT_SESSIONS, 1);
}

void
session_leave_person(struct sessions *all, const struct pass *pass)
{
	if (pass != NULL && all->options.persons != NULL)
		limit_leave(all->options.persons, pass->person, LIMIT_SESSIONS, 1);
}

void
session_belong(struct session *s, struct pass *pass)
{
	if (pass == NULL)
		return;
	s->pass = pass_hold(pass);
	s->account = pass_hold(pass);
}

/* What its account has of it. */
static void
close_account(struct session *s)
{
	if (s->account == NULL)
		return;
	if (s->all->options.persons != NULL)
		limit_leave(s->all->options.persons, s->account->person, LIMIT_MEMORY, s->memory);
	session_leave_person(s->all, s->account);
	pass_drop(s->account);
	s->account = NULL;
}

void
session_belong_no_more(struct session *s)
{
	close_account(s);
	pass_drop(s->pass);
	s->pass = NULL;
}

void
session_account_outlet(struct session *s)
{
	struct session_outlet *o = s->outlet;

	if (o != NULL && o->transport->account != NULL && s->account != NULL)
		o->transport->account(o, s->account);
}

bool
session_move(struct session *s, struct pass *pass)
{
	struct persons *persons = s->all->options.persons;

	if (s->account == NULL || s->account->kind != PASS_STRANGER || pass->kind == PASS_STRANGER)
		return true;
	if (!session_enter_person(s->all, pass))
		return false;
	if (persons != NULL && !limit_enter(persons, pass->person, LIMIT_MEMORY, s->memory)) {
		session_leave_person(s->all, pass);
		return false;
	}
	close_account(s);
	s->account = pass_hold(pass);
	session_account_outlet(s);
	return true;
}

bool
session_charge(struct session *s)
{
	struct persons *persons = s->all->options.persons;
	size_t now = s->kept_bytes + (s->unsaid == NULL ? 0 : s->unsaid->queue_bytes);

	if (s->account == NULL || persons == NULL)
		return true;
	if (now > s->memory && !limit_enter(persons, s->account->person, LIMIT_MEMORY, now - s->memory))
		return false;
	if (now < s->memory)
		limit_leave(persons, s->account->person, LIMIT_MEMORY, s->memory - now);
	s->memory = now;
	return true;
}

bool
session_keep(struct session *s, size_t bytes)
{
	s->kept_bytes = bytes;
	return session_charge(s);
}

/* ---- after a change ---- */

static void
judge(struct session *s)
{
	if (session_is_barred(s))
		session_end(s, STR("1"));
	else if (s->layer->judge != NULL)
		s->layer->judge(s->layer->ctx, s);
}

bool
session_judge_some(void *ctx)
{
	struct sessions *all = ctx;
	struct session *s;

	if (all->options.access != NULL && access_changes(all->options.access) != all->judged) {
		all->judged = access_changes(all->options.access);
		all->to_judge = all->table.n;
	}
	for (int i = 0; i < JUDGED_PER_TURN && all->to_judge > 0; i++) {
		all->to_judge--;
		if ((s = TAILQ_FIRST(&all->everyone)) == NULL)
			break;
		/* New ones are behind: of those that were there at the change each has its turn. */
		TAILQ_REMOVE(&all->everyone, s, link);
		TAILQ_INSERT_TAIL(&all->everyone, s, link);
		judge(s);
	}
	return all->to_judge > 0;
}
