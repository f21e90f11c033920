/*
 * fcgi_state: what the files of fcgi share; nobody else includes it.
 */
#ifndef FCGI_STATE_H
#define FCGI_STATE_H

#include "base/budget.h"
#include "base/buf.h"
#include "event/loop.h"
#include "fcgi.h"
#include "output.h"
#include "record.h"

enum { FCGI_READ_SIZE = 64 * 1024 };

enum fcgi_state { CLOSED, IDLE, READING, OPEN, STREAMING, WRITING, RAW };

/* What is counted of a connection, and has to go with it. */
struct fcgi_counted {
	struct budget_share share;
	struct fcgi_conn *conn;
};

/* What only a connection needs that is READING, WRITING, STREAMING or RAW while that is blocked, or RAW with input that
 * was not handled yet or a time to wait. */
struct fcgi_io {
	struct timer timer; /* RAW: of the output */
	struct buf in;
	union {
		struct {
			struct record_walk walk;
			bool over;      /* part of the body was left out */
			size_t dropped; /* bytes of it */
		};                      /* READING */
		struct {
			struct timer timer;          /* of fcgi_raw_wait() */
			struct fcgi_counted counted; /* of the input */
			size_t kept, at;             /* as of struct fcgi_raw, of `in` */
			bool goes_on;                /* it is among those that go on */
			TAILQ_ENTRY(fcgi_io) link;
		} raw;
	};
	struct output out;
	bool last;    /* STREAMING: it ends behind that */
	void *debtor; /* of handler.debtor() */
	size_t owed;  /* what it was told last */
	struct fcgi_counted counted;
};

struct fcgi_conn {
	int fd;
	uint32_t generation; /* of the descriptor: changes when it is closed */
	uint32_t serial;     /* of the request: changes when one begins */
	union {
		uint16_t request_id;
		uint16_t idle_s; /* IDLE: when that began, in seconds of a clock that wraps */
		struct {
			bool paused : 1, unheard : 1; /* unheard: something came while it was paused */
			bool broken : 1; /* the peer takes no more; what came before is still to be handed on */
			bool closed : 1; /* by fcgi_raw_close(): nobody is told */
		} raw;                   /* RAW */
	};
	uint8_t state;
	bool keep : 1, asked : 1; /* asked: to be closed by the web server, which kept it IDLE */
	bool handed : 1;          /* its request was handed to request(), and has not ended */
	bool postponed : 1;       /* OPEN, and `kept` is all of it */
	bool scgi : 1;            /* since its first byte */
	bool doomed : 1;          /* STREAMING or RAW: it ends with the turn */
	union {
		struct fcgi_io *io; /* or NULL */
		struct fcgi_kept *kept;
		struct {
			int before, after; /* descriptors, -1 for none */
		} link;                    /* IDLE: in the list of those, the longest idle first; or doomed */
	};
	_Alignas(8) char slot[];
};

struct fcgi_list {
	int first, last; /* descriptors, -1 for none */
};

struct fcgi {
	struct loop *loop;
	struct fcgi_options options;
	struct fcgi_handler handler;
	char *conns; /* indexed by descriptor */
	size_t conn_size, conns_limit;
	int highest_fd;
	struct fcgi_list idle, doomed;
	TAILQ_HEAD(, fcgi_io) going_on; /* RAW: with input that was left while it was paused */
	size_t n_going_on;
	uint8_t late_kind, listen_kind, wait_kind, conn_kind;
	struct timer listen_timer;
	bool listening, full_logged, draining;
	size_t full_conns; /* when it was said */
	struct buf body;
	struct unread_pieces pieces;
	struct fcgi_counts counts;
	char bytes[FCGI_READ_SIZE]; /* just received */
};

static inline struct fcgi_conn *
fcgi_at(struct fcgi *f, int fd)
{
	return (struct fcgi_conn *)(void *)(f->conns + (size_t)fd * f->conn_size);
}

/* What it has, if it has that just now. */
static inline struct fcgi_io *
fcgi_io(const struct fcgi_conn *c)
{
	return c->state == IDLE || c->postponed || c->doomed ? NULL : c->io;
}

/* Whether somebody has its request: it is OPEN, or STREAMING and was not ended. */
static inline bool
fcgi_is_open(const struct fcgi_conn *c)
{
	const struct fcgi_io *io = fcgi_io(c);

	return c->state == OPEN || (c->state == STREAMING && !(io != NULL && io->last));
}

/* fcgi.c. */

/* What c needs while it reads or writes; after wait_ms, unless that is 0, it is closed as late. NULL without memory. */
struct fcgi_io *fcgi_begin_io(struct fcgi *f, struct fcgi_conn *c, int64_t wait_ms);
void fcgi_end_io(struct fcgi *f, struct fcgi_conn *c);

/* Counts what c has in the budget: false when c is the one that has to go. */
bool fcgi_count_io(struct fcgi *f, struct fcgi_conn *c);

/* fcgi_accept.c: connections are taken, unless it drains; and no more, until they are once more. */
void fcgi_listen_init(struct fcgi *f);
void fcgi_listen(struct fcgi *f);
void fcgi_listen_no_more(struct fcgi *f);

/* fcgi_idle.c: puts c behind the others of a list, or takes it out. */
void fcgi_list_add(struct fcgi *f, struct fcgi_list *list, struct fcgi_conn *c);
void fcgi_list_remove(struct fcgi *f, struct fcgi_list *list, struct fcgi_conn *c);

/* c, accepted or answered, is IDLE; and it is no more (nothing, if it is not), and gets another state. */
void fcgi_begin_idle(struct fcgi *f, struct fcgi_conn *c);
void fcgi_end_idle(struct fcgi *f, struct fcgi_conn *c, enum fcgi_state next);

/* Connections wait, and there is no room for them: has those closed that were idle for longest. false: there is none
 * that was idle for long. */
bool fcgi_close_idle(struct fcgi *f);

/* Nothing for one that is closed. The descriptor may have been closed by libfcgi: then fd is -1 already. */
void fcgi_close(struct fcgi *f, struct fcgi_conn *c);

/* The same, and whoever has its request, which has not ended, is told. */
void fcgi_lose(struct fcgi *f, struct fcgi_conn *c);

/* Whoever had its request is told that it has ended, if they were not yet. */
void fcgi_tell_ended(struct fcgi *f, struct fcgi_conn *c);

/* fcgi_postpone.c: c is put off no more; nothing, if it is not. */
void fcgi_forget_kept(struct fcgi *f, struct fcgi_conn *c);

/* fcgi_doom.c: ends some of the doomed, and lets RAW connections go on; at the end of each turn. */
bool fcgi_sweep(void *f);

/* c, STREAMING or RAW, gives back what it has now, and is lost at the end of the turn. Nothing, if it is doomed. */
void fcgi_doom(struct fcgi *f, struct fcgi_conn *c);

/* fcgi_read.c: whether this libfcgi reads what it is given here. */
bool fcgi_can_parse(void);

/* Bytes have come, or the end, for a connection that is IDLE; and for one that is READING. */
void fcgi_input(struct fcgi *f, struct fcgi_conn *c);
void fcgi_input_more(struct fcgi *f, struct fcgi_conn *c);

/* A request of c is whole, and is open from now on. */
void fcgi_begin_request(struct fcgi *f, struct fcgi_conn *c);

/* fcgi_scgi.c: hands on the request that is bytes, of a connection that speaks SCGI, if it is whole: then they may be
 * gone. */
enum record_result fcgi_scgi_input(struct fcgi *f, struct fcgi_conn *c, struct str bytes);

/* An answer without its records, for which it takes a holding of from; NULL without memory. */
struct blob *fcgi_scgi_answer(struct blob *from);

/* Reads what came and nobody wants, in bounds: closed with it unread, the answer could be lost. */
void fcgi_scgi_drop_input(const struct fcgi_conn *c);

/* fcgi_raw.c: something has happened to a connection that is RAW; to one that has io with input, it may go on; and its
 * socket has taken what was sent. */
void fcgi_raw_event(struct fcgi *f, struct fcgi_conn *c, uint32_t events);
void fcgi_raw_hear_rest(struct fcgi *f, struct fcgi_conn *c);
void fcgi_raw_sent(struct fcgi *f, struct fcgi_conn *c);

/* Nothing may be incomplete any more: then c needs no io. */
void fcgi_raw_settle(struct fcgi *f, struct fcgi_conn *c);

/* The peer takes no more. */
void fcgi_raw_break(struct fcgi *f, struct fcgi_conn *c);

/* Undoes what RAW has in io, for fcgi_end_io(). */
void fcgi_raw_end_io(struct fcgi *f, struct fcgi_io *io);

/*
 * fcgi_write.c: sends an empty record of STDERR on a connection that is IDLE. A web server that gets anything on a
 * connection that it does not use closes it; if it has just begun to send a request there, the record says nothing, and
 * the answer follows.
 */
void fcgi_ask_to_close(struct fcgi_conn *c);

/* fcgi_write.c: the socket of a connection that has io has room again. */
void fcgi_output(struct fcgi *f, struct fcgi_conn *c);

/* Keeps the rest of b, of which the socket has taken some, for when it takes more. false: c has to go. */
bool fcgi_keep(struct fcgi *f, struct fcgi_conn *c, struct blob *b, size_t sent);

/* Whether the peer, to whom something is on its way, has taken bytes since the timer was set; then it is set anew. */
bool fcgi_output_moves(struct fcgi *f, struct fcgi_conn *c);

#endif
