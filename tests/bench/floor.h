/*
 * floor: the least that a server can do behind the same nginx: one epoll loop, messages in memory, the same bytes as
 * longlined's answers. It takes longlined's options, so that scripts/run starts it in its place.
 *
 * floor.c       the loop, and FastCGI: sends, and polls that are held
 * floor_flow.c  answers that go on: Socket.IO by WebSocket (SCGI), and /stream as Server-Sent Events
 */
#ifndef FLOOR_H
#define FLOOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

enum { KEPT = 128, TEXT_MAX = 1024, BODY_MAX = 2 << 20, OUT_MAX = BODY_MAX + 4096 };
enum view { POLL, WEBSOCKET, EVENTS };

struct conn {
	int fd;
	bool keep, held, scgi;
	enum view view;
	char method, path; /* their first letters tell them apart */
	bool answer;       /* the query begins so */
	long since;
	uint8_t *in; /* of a request that has come in part */
	size_t in_n, in_size;
	char *out; /* of an answer that is not taken at once */
	size_t out_n, out_at;
	TAILQ_ENTRY(conn) entry;
};

extern char texts[KEPT][TEXT_MAX + 1]; /* of message id, at id % KEPT */
extern long head;                      /* the newest message */

/* floor.c */
size_t put_record(char *at, int type, size_t n);
void write_out(struct conn *, const char *bytes, size_t n);
void hold(struct conn *); /* until there is more than it has */

/* floor_flow.c */
size_t flow_news(char *out, enum view, long since);
void flow_stream(struct conn *);
size_t flow_scgi(struct conn *, char *in, size_t n); /* bytes of what was whole */

#endif
