/*
 * fcgi: connections from nginx, requests parsed by libfcgi; also such as come by SCGI, which may become raw ones.
 *
 * libfcgi reads blocking and keeps 17 KB for each request it has open, so it is only ever given whole requests, from
 * memory, and let go before they are answered: we read the socket, walk the records (record.h), and keep what is there
 * of a request that came in part. An answer is one send(2) of ready-made bytes.
 *
 * nginx hands on the bytes of an upgraded connection (RFC 9110 section 7.8) for SCGI, and not for FastCGI. So a
 * connection may also begin with a netstring (scgi.h): it brings the same struct fcgi_request, without a body, and its
 * answer goes out without records, behind which the connection is closed. Or it is made RAW: a head is sent, and from
 * then on bytes go both ways.
 *
 * States of a connection (struct fcgi_conn):
 * - IDLE: accepted, or kept after an answer -> READING or OPEN by fcgi_input()
 * - READING: part of a request is here, in a buffer -> OPEN by fcgi_input_more(); closed by late() or bad records, or
 *   as the largest of them when memory is short (budget.h)
 * - OPEN: a request waits for its answer -> WRITING or IDLE by fcgi_reply(), STREAMING by fcgi_more(), RAW by
 *   fcgi_raw_begin(); gone() when the peer hangs up. Its views are gone when the handler returns, unless it was put off
 *   (fcgi_postpone()): then all of it is kept, and the handler is called once more by fcgi_resume(); gone() also as the
 *   largest when memory is short
 * - STREAMING: part of an answer was given, and more will be, once the peer has taken it (drained()) -> WRITING or IDLE
 *   by fcgi_end(); gone() when the peer hangs up, when it is late(), or as the slowest when memory is short
 * - WRITING: part of the answer waits for the socket -> IDLE by fcgi_output(); closed by late(), or as the slowest of
 *   them when memory is short
 * - RAW: bytes come (input()) and go (fcgi_raw_send(), drained()) -> closed by fcgi_raw_close(); gone() when the peer
 *   hangs up, behind the input that came before, when it is late() to take what was sent, or, when memory is short, as
 *   the largest of those of which input is kept or the slowest of those that do not take what was sent
 *
 * What has an owner is never ended within a call of somebody else's for want of memory: STREAMING or RAW, it gives its
 * memory back at once, and is told gone() at the end of the turn (it is "doomed"; fcgi_raw_close() dooms as well).
 *
 * Invariants: exactly one of reply, end and gone ends OPEN and STREAMING, and one of raw_close and gone ends RAW; and
 * ended() comes once behind it, however often the request was put off. A connection closed in a turn is not used again
 * in it: its generation has changed. No function here waits for a peer.
 *
 * Files: fcgi.c (the table of connections, their events and ends), fcgi_accept.c (the listener), fcgi_idle.c (those
 * that the web server keeps, and how they make room for others), fcgi_read.c (from bytes to a request, by libfcgi),
 * fcgi_scgi.c (the same by SCGI, and answers without records), fcgi_postpone.c (requests that are put off),
 * fcgi_write.c (answers), fcgi_raw.c (bytes after an upgrade), fcgi_doom.c (what is ended with the turn); fcgi_state.h
 * is theirs alone.
 */
#ifndef FCGI_H
#define FCGI_H

#include "base/blob.h"
#include "base/str.h"
#include "output.h"

struct budget;
struct loop;
struct fcgi;
struct fcgi_conn;
struct fcgi_kept;

struct fcgi_param {
	struct str name, value;
};

enum {
	FCGI_PARAMS_READ_MAX = 128,     /* parameters of a request that are handed on */
	FCGI_RAW_JOIN_MAX = 256 * 1024, /* bytes */
};

/* One whole request; all views end when the handler returns. */
struct fcgi_request {
	struct fcgi_conn *conn;
	struct fcgi_param params[FCGI_PARAMS_READ_MAX];
	size_t n_params;
	bool cut; /* a parameter had a byte 0, and ends there */
	bool scgi;
	struct str body;
	bool body_too_large;    /* it was longer than body_max, or by SCGI than nothing; what was over is not kept */
	struct fcgi_kept *kept; /* fcgi's own: where the views are, of one that was put off */
};

/* Input of a RAW connection: p, n bytes of it, of which `kept` were kept in front when it was handed on before. */
struct fcgi_raw {
	char *p; /* the handler may write here */
	size_t n, kept;
	size_t at; /* what is not handled yet begins here: at first behind what was kept and is handled */
};

struct fcgi_handler {
	void *ctx;
	/* Must answer by fcgi_reply(), now or later, or put it off by fcgi_postpone(). */
	void (*request)(void *ctx, struct fcgi_request *r);
	/* The peer hung up on an open request, or was too slow to take what goes on: forget it, and do not reply. For
	 * want of memory this may come, to a request that was put off, from within fcgi_reply(), fcgi_more(),
	 * fcgi_postpone() or fcgi_raw_send() of another. */
	void (*gone)(void *ctx, struct fcgi_conn *conn);
	/* All that fcgi_more() or fcgi_raw_send() gave was taken. NULL where these are never called. */
	void (*drained)(void *ctx, struct fcgi_conn *conn);
	/*
	 * RAW: bytes have come. Sets in->at behind what it has handled and in->kept to what is to stay in front: these
	 * first bytes, and those from `at` on, are there again when more have come. How much that can be, it bounds.
	 */
	void (*input)(void *ctx, struct fcgi_conn *conn, struct fcgi_raw *in);
	/* RAW: the time of fcgi_raw_wait() is over. */
	void (*waited)(void *ctx, struct fcgi_conn *conn);
	/*
	 * A request that was handed to request() has ended: all of its answer was given by fcgi_reply() or fcgi_end(),
	 * from within which this comes, or it is gone (behind gone()), or its connection was closed, also by
	 * fcgi_free() or after fcgi_raw_close(). Once for each; the slot can still be read, to release what it holds.
	 * NULL: nobody asks.
	 */
	void (*ended)(void *ctx, struct fcgi_conn *conn);
	/*
	 * An answer waits for its peer to take it: whose memory that is, held by the connection; NULL: nobody's. And
	 * what it was and is now, in bytes: false: it is too much, and the answer has to go. 0: it is over, and the
	 * holding ends. Both NULL: nobody counts it.
	 */
	void *(*debtor)(void *ctx, struct fcgi_conn *conn);
	bool (*owes)(void *ctx, void *debtor, size_t was, size_t now);
};

struct fcgi_options {
	int listen_fd;           /* a non-blocking listening socket; stays the caller's */
	size_t slot_size;        /* bytes for the handler in each connection, zero at first */
	size_t conns_max;        /* open at a time; more wait in the listener's backlog */
	size_t body_max;         /* bytes */
	int64_t request_wait_ms; /* for the rest of a request that has begun */
	int64_t send_wait_ms;    /* without progress while an answer is being sent */
	struct budget *budget;   /* counts what is READING and WRITING, and ends it; NULL: nothing is counted */
};

struct fcgi_counts {
	uint64_t requests, bad_records, late, gone;
	uint64_t idle_closed;        /* kept by the web server, and closed for others that waited */
	size_t conns, open, writing; /* open: not answered yet; writing: the answer is on its way */
	size_t raw;                  /* after an upgrade */
};

/* NULL without memory. */
struct fcgi *fcgi_new(struct loop *loop, const struct fcgi_options *options, const struct fcgi_handler *handler);
void fcgi_free(struct fcgi *f);

/*
 * Takes one holding of reply, made by fcgi_frame(); reply may be NULL (no memory): then the connection is closed.
 * false: it was closed, and the peer cannot have all of the reply.
 */
bool fcgi_reply(struct fcgi *f, struct fcgi_conn *conn, struct blob *reply);

/*
 * Puts off a request, in place of answering it, from within request(): all of it is kept, and it stays OPEN until
 * fcgi_resume(), or is answered without. It is counted in the budget as a request, and the largest of these goes first.
 * false: no memory, or no room for this one; r is as it was, to be answered.
 */
bool fcgi_postpone(struct fcgi *f, struct fcgi_request *r);

/* Hands a request that was put off to request() once more, with the same views; it may be put off again. */
void fcgi_resume(struct fcgi *f, struct fcgi_conn *conn);

/* Whether it was put off, and neither resumed nor answered since. */
bool fcgi_is_postponed(const struct fcgi_conn *conn);

/* The records of an answer: head is CGI headers with their empty line. NULL without memory. */
struct blob *fcgi_frame(struct str head, struct str body);

/*
 * An answer that goes on: parts made by fcgi_frame_part(), the first of which begins with the CGI headers and their
 * empty line. Takes a holding of part; NULL: no memory. SENT: there may be more at once. BLOCKED: not before drained().
 * GONE: the connection is closed, and nobody else is told.
 */
enum output_result fcgi_more(struct fcgi *f, struct fcgi_conn *conn, struct blob *part);
struct blob *fcgi_frame_part(struct str bytes);

/* The answer ends behind what was given. */
void fcgi_end(struct fcgi *f, struct fcgi_conn *conn);

/*
 * Makes RAW what an open request of SCGI has come on; head is sent, and a holding of it taken. NULL: no memory.
 */
void fcgi_raw_begin(struct fcgi *f, struct fcgi_conn *conn, struct blob *head);

/*
 * Sends bytes, and takes a holding of them; NULL: no memory. true: there may be more at once. false: not before
 * drained(); or the connection is lost, and gone() follows, never from within this. Something may be put behind what
 * waits, if that is little (FCGI_RAW_JOIN_MAX): it is copied.
 */
bool fcgi_raw_send(struct fcgi *f, struct fcgi_conn *conn, struct blob *bytes);

/* Whether something that was sent waits for the socket: how many bytes. */
size_t fcgi_raw_waits(const struct fcgi_conn *conn);

/* No more input is read or handed on; and again, at the end of this turn at the earliest. What has come in a turn
 * before the pause may be handed to input() in part, as it has left it. */
void fcgi_raw_pause(struct fcgi *f, struct fcgi_conn *conn);
void fcgi_raw_go_on(struct fcgi *f, struct fcgi_conn *conn);

/* waited() comes once, after so long; 0: it does not. Its only time: one that was set before is forgotten. */
void fcgi_raw_wait(struct fcgi *f, struct fcgi_conn *conn, int64_t wait_ms);

/* Closes it at the end of the turn; nobody is called any more, but ended(). What the socket has not taken is lost. */
void fcgi_raw_close(struct fcgi *f, struct fcgi_conn *conn);

/* Nothing more goes out, which the peer is told; nothing waits to. What comes is handed on until the peer closes. */
void fcgi_raw_end_output(struct fcgi *f, struct fcgi_conn *conn);

/* Calls fn for RAW connections, as fcgi_walk_open() does. */
int fcgi_walk_raw(struct fcgi *f, int from, size_t most, void (*fn)(void *ctx, struct fcgi_conn *conn), void *ctx);

/* The handler's bytes in a connection. */
void *fcgi_slot(struct fcgi_conn *conn);

/* The connection whose slot this is. */
struct fcgi_conn *fcgi_of_slot(void *slot);

/* A name for an open request, which outlives it: fcgi_find() gives NULL once it was answered or is gone. */
uint64_t fcgi_handle(const struct fcgi_conn *conn);
struct fcgi_conn *fcgi_find(struct fcgi *f, uint64_t handle);

/* From now on no connection is accepted, and none is kept by the peer after its next answer. */
void fcgi_drain(struct fcgi *f);

/* Calls fn for every request that is open, be a part of its answer given or not. fn may reply, or end it. */
void fcgi_each_open(struct fcgi *f, void (*fn)(void *ctx, struct fcgi_conn *conn), void *ctx);

/*
 * The same for some of them: those of the descriptors from `from` on, at most `most` of these, until fn has ended
 * `ends` of them. Where to go on; -1: these were all.
 */
int fcgi_walk_open(
    struct fcgi *f, int from, size_t most, size_t ends, void (*fn)(void *ctx, struct fcgi_conn *conn), void *ctx);

struct fcgi_counts fcgi_counts(const struct fcgi *f);

#endif
