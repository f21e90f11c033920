/*
 * gate: what a request meets on its way to the handler: whose it is, and whether it is their turn.
 *
 * Each gets a pass, which its slot has until it is ended. A request that is over a limit waits here, whole, for as long
 * as the limits say, and is refused only beyond that; one that tokens or grants do not allow is refused only when
 *memory is sure to know all of these. Whatever waits comes again from the start, as if it had just come, but has what
 *it took.
 *
 *	it finds                               it is
 *	a rate that is used up                 put off until that is paid, within 10 s; or else 429
 *	too many held, too many reads          put off for a moment, for 1 s or 10 s in all; or else 429
 *	a credential that is not known         put off until the writer has looked; then 401
 *	a room that it may not use             the same; then 403
 *
 * Counts that it is in (held, reads) end with it.
 */
#ifndef GATE_H
#define GATE_H

#include "access/access.h"
#include "event/loop.h"
#include "store/readers.h"
#include "web/request.h"

struct commit;
struct loop;

struct gate {
	struct loop *loop;
	struct requests *requests;
	struct access *access;
	struct persons *persons;
	struct commit *commit;
	struct fcgi_request *from; /* the request that is being handled */
	/* An open request after tokens or grants changed: one that may not wait on is answered. */
	void (*judge)(void *ctx, struct fcgi_conn *conn);
	void *judge_ctx;
	uint64_t judged; /* access_changes() that all were, or are being, judged by */
	int judge_next;  /* the first descriptor that was not yet; -1: all were */
	struct timer expiry;
	int64_t expiry_ms; /* clock_ms() at which it goes off; INT64_MAX: it is not set */
	uint8_t expiry_kind;
	uint8_t late_kind;
	struct gate_counts {
		uint64_t put_off, unauthorized, forbidden;
		size_t waiting;
	} counts;
};

void gate_init(struct gate *g);

/* What requests take. */
enum {
	GATE_REQUEST = 1,   /* one of their person's requests */
	GATE_HELD = 2,      /* a place among those that are held, until it is ended */
	GATE_READ = 4,      /* a place among the reads, until it is ended */
	GATE_SEND = 8,      /* a message, of the size of the body */
	GATE_BYTES = 16,    /* the size of the body */
	GATE_HANDSHAKE = 32 /* one of their address's handshakes */
};

/* Gives r, which `from` was made into, its pass, and takes one of the requests; false: answered, or put off. */
bool gate_enter(struct gate *g, struct request *r, struct fcgi_request *from);

/* The same of what else it takes; what it took before it was put off it has. */
bool gate_take(struct gate *g, struct request *r, unsigned takes);

/*
 * What a message of a WebSocket takes of its person: one of the requests, and its bytes. For how many ms it is to wait;
 * -1: it would be for longer than wait_max_ms.
 */
int64_t gate_take_message(struct gate *g, const struct pass *pass, size_t bytes, int64_t wait_max_ms);

/* What the request takes from now on is this one's, and not of whose it is; it has taken no place of a count yet. */
void gate_count_for(struct gate *g, struct fcgi_conn *conn, struct pass *pass);

/* Whether r's pass may do this (MAY_READ, MAY_WRITE) in the room; false: answered, or put off. */
bool gate_may(struct gate *g, struct request *r, unsigned may, struct str room);

/* Whether that is so by all that was committed up to now; false: put off. */
bool gate_sure(struct gate *g, struct request *r);

/* Whether a request that has waited still has a good pass, and may still do this; false: answered. */
bool gate_still(struct gate *g, struct fcgi_conn *conn);
bool gate_still_may_read(struct gate *g, struct fcgi_conn *conn, const struct store_rooms *rooms);
bool gate_still_may(struct gate *g, struct fcgi_conn *conn, unsigned may, struct str room);

/* Its peer hung up while it was put off; and: it is ended, however that came. */
void gate_gone(struct gate *g, struct fcgi_conn *conn);
void gate_ended(struct gate *g, struct fcgi_conn *conn);

/* The answers to one that may not, one whose pass has ended, and one that is over a limit for so long. */
void gate_refuse_room(struct gate *g, struct fcgi_conn *conn, unsigned may, struct str room);
void gate_refuse_pass(struct gate *g, struct fcgi_conn *conn, const char *detail);
void gate_refuse_rate(struct gate *g, struct fcgi_conn *conn, enum limit l, int64_t wait_ms);

/*
 * Around a reader's work for a request, whose person takes turns with others, and pays for it, be it still there or
 * not. The second does nothing without the first, or once more.
 */
void gate_begin_read(struct gate *g, struct fcgi_conn *conn, struct read_turn *turn);
void gate_end_read(struct gate *g, struct read_turn *turn);

/* Bytes of a connection's slot. */
size_t gate_slot_size(void);

#endif
