/*
 * errand: what a reader reads for an open request, and for nobody else: it ends when the request is gone.
 *
 * From errand_begin() on the connection is parked for the read, until its done function calls errand_back(). If the
 * peer hangs up before, the read is cancelled.
 */
#ifndef ERRAND_H
#define ERRAND_H

#include "store/readers.h"
#include "web/request.h"

/* false: there is no read (NULL), and nothing was done. */
bool errand_begin(struct fcgi_conn *conn, struct read *read);

/* The request of this handle, which waits for its answer again; NULL: it is gone. */
struct fcgi_conn *errand_back(struct requests *requests, uint64_t handle);

/* The peer of a connection that is parked for an errand hung up. */
void errand_gone(struct fcgi_conn *conn);

/* Bytes of a connection's slot. */
size_t errand_slot_size(void);

#endif
