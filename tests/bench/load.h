/*
 * load: a generator of load for servers on this machine. Subscribers hold one request each; senders and getters ask in
 * a closed loop or at fixed times. Connections go to 127.0.0.1 only, and all numbers have a maximum.
 *
 * load.c    commands on standard input, one a line, each answered by one line of JSON
 * crowd.c   subscribers, and what a message to all of them takes
 * rate.c    requests in a closed loop, or at fixed times
 * pace.c    messages at fixed times, over many rooms
 * held.c    polls that all do the same at once
 * readers.c readers that come all at once, and readers that stall
 * upgrade.c sessions that go from polling to WebSocket
 * conn.c    connections: requests out, whole answers in
 * flow.c    answers that go on, in whole pieces: WebSocket messages, Server-Sent Events
 * dialect.c how to subscribe and send: Longline's /poll, Socket.IO's polling, nchan's long-polling
 * dialect_flow.c  likewise where the answer goes on: Socket.IO's WebSocket, /stream, nchan's WebSocket and EventSource
 * proc.c    what the servers' processes used
 * header.c  who asks: a header more in each request
 */
#ifndef LOAD_H
#define LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	SUBSCRIBERS_MAX = 15000,
	CONNS_MAX = 256, /* of each other kind */
	REQUEST_MAX = 2048,
	ANSWER_MAX = 4 << 20,
	SEQ_MAX = 4 << 20, /* messages of one run */
	TEXT_BYTES = 100,
	HEADER_MAX = 512,
	GROUPS_MAX = 4,
	PIDS_MAX = 64,
};

struct conn;
struct dialect;

struct answer {
	int status;
	const char *head, *body;
	size_t body_n;
	int64_t at_ns; /* when the kernel had it */
};

typedef void (*answered_fn)(struct conn *, const struct answer *);
typedef void (*heard_fn)(struct conn *, const char *text, size_t n, int64_t at_ns);

struct conn {
	int fd;
	bool asked, open;
	uint8_t step;  /* of the dialect's handshake */
	unsigned room; /* 0: the one that all are in */
	answered_fn answered;
	long long cursor;
	char token[64];   /* session, or a cursor that is no number */
	int64_t asked_ns; /* when it was asked, or should have been */
	long seq;         /* of the message it sends */
	unsigned answers; /* where it goes on: messages */
	char *bytes;      /* of an answer that has come in part */
	size_t n, size, whole;

	/* Of an answer that goes on: its dialect, and who is told of each piece. */
	const struct dialect *flows;
	heard_fn heard;
	bool begun, chunked; /* its head has come, and said so */
	uint8_t chunk;       /* where within a chunk it is */
	size_t chunk_left;
};

enum flow { FLOW_NONE, FLOW_WEBSOCKET, FLOW_EVENTS };

struct dialect {
	const char *name;
	const char *send;                                   /* path that takes a message */
	bool (*holds)(const struct conn *);                 /* whether its next request is the one that is held */
	size_t (*next)(const struct conn *, char *request); /* what to ask now */
	bool (*take)(struct conn *, const struct answer *); /* false: not an answer that it should get */
	enum flow flow;                                     /* if there is one it has `piece` and no `take` */
	bool (*piece)(struct conn *, const char *text, size_t n);
};

/* conn.c */
extern int load_port;
int64_t now_ns(void); /* wall clock, as the kernel stamps what arrives */
void conns_start(void);
void conn_open(struct conn *, answered_fn);
void conn_begin(struct conn *, answered_fn); /* without waiting: it is open later; its close is no reset */
extern size_t conns_connecting;              /* begun, and not yet open */
void conn_close(struct conn *);
void conn_ask(struct conn *, const char *request, size_t n);
void conn_ask_body(struct conn *, const char *request, size_t n, const char *body, size_t body_n);
bool pump(int wait_ms);        /* handles what came; true: a command waits on standard input */
void conn_stop(struct conn *); /* nothing of it is read until conn_go() */
void conn_go(struct conn *);
void conn_say(struct conn *, const char *bytes, size_t n);  /* within an answer that goes on */
void conn_keep(struct conn *, const char *bytes, size_t n); /* behind c->bytes, and a byte 0 behind it */
extern int conns_room; /* bytes of a new connection's receive buffer, and segments as of Ethernet; 0: the kernel's */
extern unsigned long long conns_bytes; /* received */
extern unsigned long conns_bad;
extern char conns_why[160]; /* the first that went wrong */
void conns_failed(const char *why, size_t n);

/* flow.c */
void flow_begin(struct conn *, const struct dialect *, heard_fn); /* before it asks */
void flow_input(struct conn *, char *bytes, size_t n, int64_t at_ns);
void flow_say(struct conn *, const char *text); /* a text to the server, at most 125 bytes */

/* readers.c */
void readers_storm(const struct dialect *, size_t n, int64_t wait_ms);
void readers_stall(const struct dialect *, const char *command, long value);

/* upgrade.c */
void upgrade(const char *command, long value);

/* dialect_flow.c */
extern const struct dialect dialects_flow[];
extern const size_t n_dialects_flow;

/* dialect.c */
const struct dialect *dialect_find(const char *name);
size_t request_get(char *out, const char *path);
size_t request_send(char *out, const char *path, const char *text);
size_t request_head(char *out, const char *method, const char *path, const char *type, size_t body_n);

/* header.c */
void headers_read(const char *file); /* prints how many there are */
const char *header_next(void);       /* a line with its end, or an empty text */

/* proc.c */
void groups_set(char *words); /* NAME=PID,PID NAME=PID */
struct usage {
	int n;
	int64_t ns[GROUPS_MAX];
};
struct usage groups_usage(void); /* CPU time of each group so far */
void groups_print(const struct usage *from, const struct usage *to);

/* crowd.c */
extern unsigned run_id;     /* in each text, so that an older run's are not taken for ours */
extern char crowd_room[64]; /* what a subscriber hears that is in no numbered room: a query; empty: what it is */
void crowd_open(const struct dialect *, size_t n, size_t rooms);
void crowd_close(void);
void crowd_fanout(void);
void crowd_saturate(size_t window, int64_t for_ms);
void crowd_term(int pid, int64_t wait_ms);
void crowd_arrivals(void);
size_t crowd_text(char *out, long seq);
long crowd_new_seq(int64_t at_ns);
bool crowd_has(long seq);                  /* whether each subscriber has it */
int64_t crowd_took(long seq, int64_t now); /* from its time to the last subscriber's, or until now */
struct crowd_counts {
	unsigned long answers, deliveries, doubled;
};
struct crowd_counts crowd_counts(void); /* so far */
void settle(void);                      /* until the servers rest */

/* pace.c */
#define HEARD_ROOM "b"
void pace(int64_t a_second, int64_t for_ms, long rooms, bool heard);

/* held.c */
void held(const char *command, const char *value); /* the words behind "held " */

/* rate.c */
void times_print(const char *name, float *us, size_t n);
void rate_send(const struct dialect *, size_t conns, int64_t for_ms);
void rate_get(size_t conns, int64_t for_ms, const char *path);
void rate_post(size_t conns, int64_t for_ms, const char *path, size_t body_n);
void rate_pulse(const struct dialect *, int64_t every_ms, int64_t for_ms, char *kinds);

#endif
