/*
 * wire: WebSocket connections (RFC 6455): messages in, frames out, and how they end.
 *
 * One begins as a request by SCGI, which wire_open() answers with 101. From then on it is in its connection's slot: 24
 * bytes behind struct slot, and more only while something is incomplete (fcgi.h). Its owner has what it likes behind
 * that.
 *
 *	struct mine {
 *		struct slot slot;
 *		struct wire wire;
 *		struct session *session;
 *	};
 *
 * Messages come whole, however many frames they came in. PINGs are answered here; while the socket takes nothing only
 * the newest of them is remembered. A message that has begun must be whole within message_wait_ms, and is never longer
 * than message_max.
 *
 * States of a wire (struct wire):
 * - OPEN: it has an owner -> CLOSING by wire_close(), ENDING by the peer's CLOSE, FAILED by what is no frame; gone() is
 *   told to the owner for the latter two, and when the connection is lost
 * - CLOSING: our CLOSE is sent, or waits; messages are let drop -> ENDING by the peer's CLOSE
 * - ENDING: both are said -> FAILED, once what was sent is taken, and no more is sent
 * - FAILED: what comes is not looked at -> closed, once the peer has, or nothing has come for WIRE_QUIET_MS: a web
 *server whose client still sends would lose our CLOSE. From ENDING it is the peer alone CLOSING, ENDING and FAILED last
 *WIRE_CLOSE_MS at most, whatever the peer does.
 */
#ifndef WIRE_H
#define WIRE_H

#include "base/ws.h"
#include "event/wheel.h"
#include "request.h"

enum {
	WIRE_HANDLERS_MAX = 4,
	WIRE_WRITE_MAX = 64 * 1024, /* bytes of frames that owners send at once, unless it is a single one */
	WIRE_CLOSE_MS = 5000,
	WIRE_QUIET_MS = 250,
	WIRE_DRAIN_MS = 200, /* for owners to end theirs by themselves, when the daemon stops */
};

struct wire {
	struct ws_walk walk;
	struct blob *pong; /* to be sent before anything else; or NULL */
	uint16_t code;     /* of our CLOSE */
	uint8_t state, handler;
	uint8_t quiet;        /* FAILED: how often it was looked whether more comes */
	bool paused : 1;      /* by message() */
	bool owner_waits : 1; /* for drained() */
	bool close_due : 1;   /* our CLOSE is not sent yet */
	bool timed : 1;       /* the time for the rest of a message runs */
	bool heard : 1;       /* FAILED: something came since it was looked */
	bool last : 1;        /* the daemon stops, and what comes behind the message that pauses it is not heard */
};

struct wire_handler {
	void *ctx;
	/*
	 * A whole message; data, which is the owner's to write to, ends when this returns. false: no more is read until
	 * wire_go_on().
	 */
	bool (*message)(void *ctx, struct wire *w, bool binary, struct str data);
	/* wire_send() may be called again. */
	void (*drained)(void *ctx, struct wire *w);
	/* The end, unless it was the owner's: it is not to be used any more. Whole messages that came before were
	 * handed on. Never from within a call of the owner's. */
	void (*gone)(void *ctx, struct wire *w);
};

/* How they ended: by the peer's CLOSE, without one, or by ours. */
enum wire_end {
	WIRE_END_PEER,
	WIRE_END_LOST,
	WIRE_END_OVER,     /* without a code */
	WIRE_END_STOP,     /* 1001 */
	WIRE_END_PROTOCOL, /* 1002 */
	WIRE_END_UTF8,     /* 1007 */
	WIRE_END_POLICY,   /* 1008 */
	WIRE_END_TOO_BIG,  /* 1009 */
	WIRE_END_OTHER,
	WIRE_ENDS
};

struct wires {
	struct loop *loop;
	struct requests *requests;
	size_t message_max;      /* bytes, at most WS_PAYLOAD_LIMIT */
	int64_t message_wait_ms; /* for the rest of a message that has begun; one that is paused does not count */

	/* wire's own */
	struct wire_handler handlers[WIRE_HANDLERS_MAX];
	unsigned n_handlers;
	struct buf pongs; /* to what is being read */
	bool draining, drain_again;
	int drain_next; /* descriptor; -1: all were told, or none yet */
	struct timer drain_timer;
	uint8_t drain_kind;
	struct wires_counts {
		size_t open;                            /* that have an owner */
		uint64_t opened, messages, sent;        /* sent: frames, or several at once */
		uint64_t bytes_received, bytes_to_send; /* of payload; of frames */
		uint64_t late;                          /* rests of messages that did not come */
		uint64_t ended[WIRE_ENDS];
	} counts;
};

/* Behind fcgi_new(), when the fields above are set. */
void wires_init(struct wires *all);
void wires_fini(struct wires *all);

/* Before the first wire_open(): a number for a kind of owners. */
unsigned wires_handler(struct wires *all, const struct wire_handler *handler);

/* A word for a metric: "peer". */
const char *wire_end_name(enum wire_end end);

/* Whether r asks for a WebSocket, and may have one. false: answered: 400, or 426 for a version that is not 13. */
bool wire_asked(struct wires *all, struct request *r);

/*
 * Answers 101. w is behind the struct slot of r's connection; what is behind w is the owner's, and its to set. false:
 * answered, as above; or it is lost already.
 */
bool wire_open(struct wires *all, struct request *r, struct wire *w, unsigned handler);

/* A whole frame, which any number of wires can be sent. NULL without memory. */
struct blob *wire_frame(enum ws_opcode opcode, struct str payload);

/* Adds one, to make several of them a blob. */
void wire_add_frame(struct buf *b, enum ws_opcode opcode, struct str payload);

/*
 * Sends whole frames, and takes a holding of them; NULL: no memory. true: more may be sent at once. false: not before
 * drained(); or it is lost, and gone() follows. Not to be called in between.
 */
bool wire_send(struct wires *all, struct wire *w, struct blob *frames);

/* Whether wire_send() may be called. */
bool wire_ready(const struct wire *w);

/* Reads on, at the end of this turn at the earliest. */
void wire_go_on(struct wires *all, struct wire *w);

/*
 * The owner ends it, and is called no more: CLOSE with this code (0: without one), behind what was sent. Takes
 * WIRE_CLOSE_MS at most.
 */
void wire_close(struct wires *all, struct wire *w, unsigned code);

struct fcgi_conn *wire_conn(struct wire *w);
struct wire *wire_of(struct fcgi_conn *conn);

/* All are closed with 1001, a number of them in each turn, and those that are paused when they go on; gone() is told.
 */
void wires_drain(struct wires *all);

/* For struct fcgi_handler, of connections whose slot is parked as PARKED_WIRE. */
void wires_input(struct wires *all, struct fcgi_conn *conn, struct fcgi_raw *in);
void wires_drained(struct wires *all, struct fcgi_conn *conn);
void wires_waited(struct wires *all, struct fcgi_conn *conn);
void wires_gone(struct wires *all, struct fcgi_conn *conn);
void wires_ended(struct wires *all, struct fcgi_conn *conn);

#endif
