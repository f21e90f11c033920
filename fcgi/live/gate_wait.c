/* Requests that wait at the gate: for their turn, or until the writer has looked. */
#include "commit.h"
#include "event/loop.h"
#include "gate_state.h"

/* A request that was put off, in its connection's slot. */
struct late {
	struct slot slot;
	struct gate *gate;
	struct timer timer;
};

size_t
gate_slot_size(void)
{
	return sizeof(struct late);
}

static void
on_late(void *ctx, struct timer *t)
{
	struct gate *g = ctx;

	g->counts.waiting--;
	fcgi_resume(g->requests->fcgi, fcgi_of_slot(CONTAINER(t, struct late, timer)));
}

void
gate_init_wait(struct gate *g)
{
	g->late_kind = loop_timer_kind(g->loop, on_late, g);
}

/* false: there is no memory to keep it, and it was answered. */
static bool
keep(struct gate *g, struct request *r)
{
	struct late *late = fcgi_slot(r->conn);

	if (!fcgi_postpone(g->requests->fcgi, g->from)) {
		request_fail(r->all, r->conn, PROBLEM_BUSY, "no memory for a request that has to wait");
		return false;
	}
	late->slot.parked = PARKED_LATE;
	late->gate = g;
	g->counts.put_off++;
	g->counts.waiting++;
	return true;
}

void
gate_put_off(struct gate *g, struct request *r, int64_t wait_ms)
{
	struct late *late = fcgi_slot(r->conn);

	if (keep(g, r))
		loop_timer_set(g->loop, &late->timer, g->late_kind, wait_ms);
}

static void
looked(void *ctx, uint64_t handle, bool ok)
{
	struct gate *g = ctx;
	struct fcgi_conn *conn = fcgi_find(g->requests->fcgi, handle);
	struct slot *slot = conn == NULL ? NULL : fcgi_slot(conn);

	if (slot == NULL || slot->parked != PARKED_LATE)
		return;
	slot->entered |= ok ? 0 : GATE_LOOK_FAILED;
	g->counts.waiting--;
	fcgi_resume(g->requests->fcgi, conn);
}

bool
gate_waits_for_look(struct gate *g, struct request *r)
{
	struct slot *slot = fcgi_slot(r->conn);

	if (slot->entered & GATE_LOOK_FAILED) {
		request_fail(r->all, r->conn, PROBLEM_STORE_FAILED, "tokens and grants cannot be read; see the log");
		return true;
	}
	if (slot->entered & GATE_LOOKED)
		return false;
	slot->entered |= GATE_LOOKED;
	if (commit_look(g->commit, looked, g, fcgi_handle(r->conn)) == 0)
		(void)keep(g, r);
	else
		request_refuse_busy(r->all, r->conn);
	return true;
}

void
gate_gone(struct gate *g, struct fcgi_conn *conn)
{
	struct late *late = fcgi_slot(conn);

	loop_timer_clear(g->loop, &late->timer);
	late->slot.parked = PARKED_NOT;
	g->counts.waiting--;
}
