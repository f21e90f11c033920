/*
 * errand: what a reader reads for an open request, and for nobody else: it ends when the request is gone.
 *
 * From errand_begin() on the connection is parked for the read, until its done function calls errand_back(). If the
 * peer hangs up before, the read is cancelled.
 *
 * Most reads are a struct errand, which does that, and is read once more when what it may see changed meanwhile (I22):
 *
 *	when it comes back                                                 it is
 *	its request is gone                                                over
 *	its request may not wait on (gate_still())                         over, answered by the gate
 *	STORE_STALE, another sight by now, or `outdated`                   read again, after a look
 *	otherwise                                                          over, answered by `answer`
 *
 * One for which there is no room in a queue, or no memory, is over too, answered with a problem.
 */
#ifndef ERRAND_H
#define ERRAND_H

#include "store/readers.h"
#include "web/request.h"

struct errand;
struct gate;

/* What distinguishes the errands of one endpoint. */
struct errand_kind {
	/* Asks a reader for what e->sight sees now, with e->turn, errand_done and e; returns what that returns. */
	struct read *(*ask)(struct errand *e);
	/* Whether what was read, though neither tokens nor grants changed, holds no longer; NULL: it always holds. */
	bool (*outdated)(const struct errand *e);
	/* Answers by what was read, or why it was not; never STORE_STALE. */
	void (*answer)(struct errand *e, struct fcgi_conn *conn, enum store_status status);
	/* Frees what was read, if anything was: it is read again, or over. */
	void (*forget)(struct errand *e);
	/* Frees the rest, and e itself: it is over. */
	void (*free)(struct errand *e);
};

struct errand {
	const struct errand_kind *kind;
	struct gate *gate;
	const struct store_rooms *rooms; /* that it must still be let read; NULL: none are named */
	uint64_t handle;                 /* of the request */
	struct sight *sight;             /* held: what its request could see when the reader was asked */
	struct read_turn turn;
};

/* For a request that waits for it from now on; then exactly one of the next two, which may be its end. */
void errand_init(struct errand *e, const struct errand_kind *kind, struct gate *gate, struct fcgi_conn *conn);

/* Has it read, now, or as a commit_looked_fn. */
void errand_read(struct errand *e);
void errand_looked(void *errand, uint64_t handle, bool ok);

/* It is over: its request was answered, or is another's business. */
void errand_end(struct errand *e);

/* Too many wait: it is over. */
void errand_refuse(struct errand *e);

/* A readers_done_fn, for `ask`. */
void errand_done(void *errand, enum store_status status);

/* false: there is no read (NULL), and nothing was done. */
bool errand_begin(struct fcgi_conn *conn, struct read *read);

/* The request of this handle, which waits for its answer again; NULL: it is gone. */
struct fcgi_conn *errand_back(struct requests *requests, uint64_t handle);

/* The peer of a connection that is parked for an errand hung up. */
void errand_gone(struct fcgi_conn *conn);

/* Bytes of a connection's slot. */
size_t errand_slot_size(void);

#endif
