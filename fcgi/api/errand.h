/*
 * errand: what a reader does for an open request, and for nobody else: it ends when the request is gone.
 *
 * From errand_add() on the connection is parked for it, until its done function is called in the loop. If the peer
 * hangs up before, the job is cancelled: it does not run if it has not begun, and is stopped if it has.
 */
#ifndef ERRAND_H
#define ERRAND_H

#include "store/readers.h"
#include "web/request.h"

/* Begins a struct of the caller's. */
struct errand {
	struct job job;
	struct requests *requests;
	uint64_t handle; /* of the request */
};

enum errand_kind { ERRAND_READ, ERRAND_SEARCH };

/*
 * For e->handle, which is open: run in a reader, and done in the loop, which begins with errand_back(). -1 when too
 * many wait; then nothing was done.
 */
int errand_add(struct errand *e, struct readers *readers, enum errand_kind kind,
    void (*run)(void *store, struct job *job), void (*done)(struct job *job));

/* The request, which waits for its answer again; NULL: it is gone. */
struct fcgi_conn *errand_back(struct errand *e);

/* The peer of a connection that is parked for an errand hung up. */
void errand_gone(struct fcgi_conn *conn);

/* Bytes of a connection's slot. */
size_t errand_slot_size(void);

#endif
