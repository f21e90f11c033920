#include "errand.h"

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
