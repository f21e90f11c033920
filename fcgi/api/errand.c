#include "errand.h"

#include "live/commit.h"
#include "live/gate.h"

struct parked {
	struct slot slot;
	struct read *read;
};

bool
errand_begin(struct fcgi_conn *conn, struct read *read)
{
	struct parked *parked = fcgi_slot(conn);

	if (read == NULL)
		return false;
	parked->slot.parked = PARKED_ERRAND;
	parked->read = read;
	return true;
}

struct fcgi_conn *
errand_back(struct requests *requests, uint64_t handle)
{
	struct fcgi_conn *conn = fcgi_find(requests->fcgi, handle);

	if (conn != NULL)
		((struct parked *)fcgi_slot(conn))->slot.parked = PARKED_NOT;
	return conn;
}

void
errand_gone(struct fcgi_conn *conn)
{
	struct parked *parked = fcgi_slot(conn);

	parked->slot.parked = PARKED_NOT;
	readers_cancel(parked->read);
}

size_t
errand_slot_size(void)
{
	return sizeof(struct parked);
}

/* ---- read again, if need be ---- */

void
errand_init(struct errand *e, const struct errand_kind *kind, struct gate *gate, struct fcgi_conn *conn)
{
	*e = (struct errand){.kind = kind, .gate = gate, .handle = fcgi_handle(conn)};
}

void
errand_end(struct errand *e)
{
	e->kind->forget(e);
	sight_drop(e->sight);
	gate_end_read(e->gate, &e->turn);
	e->kind->free(e);
}

void
errand_refuse(struct errand *e)
{
	struct fcgi_conn *conn = fcgi_find(e->gate->requests->fcgi, e->handle);

	if (conn != NULL)
		request_refuse_busy(e->gate->requests, conn);
	errand_end(e);
}

void
errand_read(struct errand *e)
{
	struct fcgi_conn *conn = fcgi_find(e->gate->requests->fcgi, e->handle);

	if (conn == NULL) {
		errand_end(e);
		return;
	}
	sight_drop(e->sight);
	e->sight = sight_hold(slot_pass(conn)->sight);
	gate_begin_read(e->gate, conn, &e->turn);
	if (!errand_begin(conn, e->kind->ask(e)))
		errand_refuse(e);
}

void
errand_looked(void *errand, uint64_t handle, bool ok)
{
	(void)handle;
	(void)ok;
	errand_read(errand);
}

static bool
may_still(const struct errand *e, struct fcgi_conn *conn)
{
	return e->rooms != NULL ? gate_still_may_read(e->gate, conn, e->rooms) : gate_still(e->gate, conn);
}

/* Tokens or grants changed while it was read: once more, with what they say now. */
static void
read_again(struct errand *e)
{
	e->kind->forget(e);
	if (commit_look(e->gate->commit, errand_looked, e, e->handle) != 0)
		errand_refuse(e);
}

void
errand_done(void *errand, enum store_status status)
{
	struct errand *e = errand;
	struct fcgi_conn *conn = errand_back(e->gate->requests, e->handle);

	gate_end_read(e->gate, &e->turn);
	if (conn != NULL && may_still(e, conn)) {
		if (status == STORE_STALE || slot_pass(conn)->sight != e->sight ||
		    (e->kind->outdated != NULL && e->kind->outdated(e))) {
			read_again(e);
			return;
		}
		e->kind->answer(e, conn, status);
	}
	errand_end(e);
}
