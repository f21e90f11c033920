#include "errand.h"

struct parked {
	struct slot slot;
	struct errand *errand;
};

int
errand_add(struct errand *e, struct readers *readers, enum errand_kind kind, void (*run)(void *store, struct job *job),
    void (*done)(struct job *job))
{
	struct parked *parked = fcgi_slot(fcgi_find(e->requests->fcgi, e->handle));

	e->job = (struct job){.run = run, .done = done};
	if ((kind == ERRAND_SEARCH ? readers_add_search(readers, &e->job) : readers_add(readers, &e->job)) != 0)
		return -1;
	parked->slot.parked = PARKED_ERRAND;
	parked->errand = e;
	return 0;
}

struct fcgi_conn *
errand_back(struct errand *e)
{
	struct fcgi_conn *conn = fcgi_find(e->requests->fcgi, e->handle);

	if (conn != NULL)
		((struct parked *)fcgi_slot(conn))->slot.parked = PARKED_NOT;
	return conn;
}

void
errand_gone(struct fcgi_conn *conn)
{
	struct parked *parked = fcgi_slot(conn);

	parked->slot.parked = PARKED_NOT;
	worker_cancel(&parked->errand->job);
}

size_t
errand_slot_size(void)
{
	return sizeof(struct parked);
}
