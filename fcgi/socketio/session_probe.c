/*
 * The step of a session from long-polling to WebSocket (Engine.IO protocol 4, "Upgrade"). The WebSocket comes with the
 * session's id, and is a probe until its client has said `5`; it carries nothing of the session before that, and
 * whatever happens to it, the session goes on by polling.
 *
 *	the probe     none            ASKED                     PROBED
 *	it comes      ASKED           refused                   refused
 *	`2probe`      -               `3probe`, PROBED;         `3probe` once more
 *	                              a held GET gets `6`
 *	`5`           -               ends alone                none: a held GET gets `6`, the session is over this
 *	else          -               ends alone                ends alone
 *	it is gone    -               none                      none
 *	too late      -               ends alone                ends alone
 *	a GET comes   held            held                      held, and gets `6` after 100 ms if nothing else came
 *	session ends  -               ends                      ends
 *
 * A client that has had its `3probe` waits until its GET is answered, so that has to be soon; but not at once, or one
 * that is not done yet would come back as fast as it can. A `6` is given to the GET that is there, and never queued:
 * none goes out by the WebSocket.
 */
#include <assert.h>
#include <stdlib.h>

#include "session_state.h"

enum { NOOP_MS = 100 };

/* What a probe can say. */
enum said { SAID_NOTHING, SAID_PROBE, SAID_UPGRADE, SAID_ELSE };

struct session_probe {
	struct session *session;
	struct session_outlet *outlet;
	struct timer late; /* the time for the upgrade */
	struct timer noop; /* a GET that is held then gets `6` */
	struct timer turn; /* what it has said is handled then */
	enum said said;    /* that waits for its turn */
	bool probed;       /* it has said `2probe` */
	bool blocked;      /* it takes nothing for the moment */
};

/* It is no more, and its outlet the caller's. */
static struct session_outlet *
take_outlet(struct session_probe *p)
{
	struct session_outlet *o = p->outlet;
	struct loop *loop = p->session->all->loop;

	loop_timer_clear(loop, &p->late);
	loop_timer_clear(loop, &p->noop);
	loop_timer_clear(loop, &p->turn);
	p->session->probe = NULL;
	free(p);
	return o;
}

static void
fail(struct session_probe *p, enum session_upgrade_failure why)
{
	struct session_outlet *o;

	p->session->all->upgrades_failed[why]++;
	o = take_outlet(p);
	o->transport->end(o, STR(""));
}

void
session_end_probe(struct session *s)
{
	if (s->probe != NULL)
		fail(s->probe, UPGRADE_SESSION_ENDED);
}

/* A held GET is answered, so that its client can go on. */
static void
give_noop(struct session *s)
{
	struct session_outlet *o = session_take_outlet(s);

	if (o != NULL && o->transport->put(o, o->transport->wrap(o, STR("6"), 1)) == OUTLET_LOST)
		session_leave(s);
}

static void
say_probe(struct session_probe *p)
{
	struct session *s = p->session;
	struct session_outlet *o = p->outlet;
	bool first = !p->probed;

	/* Who asks again before it has taken the answer does not read. */
	if (p->blocked) {
		fail(p, UPGRADE_BAD_PACKET);
		return;
	}
	p->probed = true;
	switch (o->transport->put(o, o->transport->wrap(o, STR("3probe"), 1))) {
	case OUTLET_OPEN:
		break;
	case OUTLET_BLOCKED:
		p->blocked = true;
		break;
	case OUTLET_USED:
	case OUTLET_LOST:
		s->all->upgrades_failed[UPGRADE_LOST]++;
		(void)take_outlet(p);
		return;
	}
	if (first)
		give_noop(s);
}

/* The session is over the WebSocket from now on. What was sent in POSTs, and is not handled yet, is before what comes
 * by it. */
static void
switch_over(struct session_probe *p)
{
	struct session *s = p->session;
	bool blocked = p->blocked;
	struct session_outlet *o = take_outlet(p);

	s->all->upgrades++;
	session_say_last(s, STR("6"));
	session_use_outlet(s, o, blocked);
}

static void
handle(struct session_probe *p, enum said said)
{
	if (said == SAID_PROBE)
		say_probe(p);
	else if (said == SAID_UPGRADE && p->probed)
		switch_over(p);
	else
		fail(p, UPGRADE_BAD_PACKET);
}

static enum said
said(bool binary, struct str packet)
{
	if (!binary && str_eq(packet, STR("2probe")))
		return SAID_PROBE;
	return !binary && str_eq(packet, STR("5")) ? SAID_UPGRADE : SAID_ELSE;
}

bool
session_probe_packet(struct session *s, bool binary, struct str packet, int64_t wait_ms)
{
	struct session_probe *p = s->probe;

	if (wait_ms == 0) {
		handle(p, said(binary, packet));
		return true;
	}
	assert(p->said == SAID_NOTHING);
	p->said = said(binary, packet);
	loop_timer_set(s->all->loop, &p->turn, s->all->probe_kinds.turn, wait_ms);
	return false;
}

/* ---- time ---- */

static void
on_turn(void *ctx, struct timer *t)
{
	struct session_probe *p = CONTAINER(t, struct session_probe, turn);
	struct session_outlet *o = p->outlet;
	struct session *s = p->session;
	enum said what = p->said;

	(void)ctx;
	p->said = SAID_NOTHING;
	handle(p, what);
	if (s->state != SESSION_ENDED && (s->outlet == o || session_is_probe(o)))
		o->transport->handled(o);
}

static void
on_late(void *ctx, struct timer *t)
{
	(void)ctx;
	fail(CONTAINER(t, struct session_probe, late), UPGRADE_TIMEOUT);
}

static void
on_noop(void *ctx, struct timer *t)
{
	(void)ctx;
	give_noop(CONTAINER(t, struct session_probe, noop)->session);
}

void
session_probes_init(struct sessions *all)
{
	all->probe_kinds.late = loop_timer_kind(all->loop, on_late, all);
	all->probe_kinds.noop = loop_timer_kind(all->loop, on_noop, all);
	all->probe_kinds.turn = loop_timer_kind(all->loop, on_turn, all);
}

/* ---- its outlet ---- */

bool
session_probe(struct session *s, struct session_outlet *o)
{
	struct session_probe *p = NULL;

	if (s->probe == NULL && !s->framed && s->state != SESSION_ENDED && !s->leaving)
		p = calloc(1, sizeof *p);
	if (p == NULL) {
		s->all->upgrades_failed[s->probe != NULL || s->framed ? UPGRADE_SECOND : UPGRADE_LOST]++;
		return false;
	}
	o->session = s;
	*p = (struct session_probe){.session = s, .outlet = o};
	s->probe = p;
	loop_timer_set(s->all->loop, &p->late, s->all->probe_kinds.late, s->all->options.upgrade_timeout_ms);
	return true;
}

bool
session_is_probe(const struct session_outlet *o)
{
	const struct session_probe *p = o->session->probe;

	return p != NULL && p->outlet == o;
}

void
session_probe_drained(struct session *s)
{
	s->probe->blocked = false;
}

void
session_probe_gone(struct session *s)
{
	s->all->upgrades_failed[UPGRADE_LOST]++;
	(void)take_outlet(s->probe);
}

void
session_probe_held(struct session *s)
{
	struct session_probe *p = s->probe;

	if (p != NULL && p->probed && s->outlet != NULL)
		loop_timer_set(s->all->loop, &p->noop, s->all->probe_kinds.noop, NOOP_MS);
}

const char *
session_upgrade_failure_name(enum session_upgrade_failure why)
{
	static const char *const names[UPGRADE_FAILURES] = {"timeout", "lost", "bad_packet", "second", "session_ended"};

	return names[why];
}
