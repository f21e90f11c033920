/*
 * bystander: somebody who uses the daemon as one should while it is fuzzed: a sender, a reader of /poll, a client of
 * Socket.IO, and a look at /healthz. What is said are numbers, and both readers must have each once, in order.
 *
 * Its room has a name that no input can know.
 */
#ifndef BYSTANDER_H
#define BYSTANDER_H

#include <inttypes.h>

#include "peer.h"

struct bystander {
	const char *path; /* of the socket */
	char room[TOKEN_ID_SIZE];
	struct peer send, poll, health, get, post;
	int64_t said, stored, polled, heard; /* numbers */
	int64_t asked, healthy;              /* looks at /healthz */
	int64_t since;                       /* of the poll */
	char sid[TOKEN_ID_SIZE], pid[128], offset[24];
	bool joined, recovers;
};

static inline void bystander_ask(struct bystander *b, struct peer *p, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static inline void
bystander_ask(struct bystander *b, struct peer *p, const char *format, ...)
{
	char text[1024];
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	MUST(n > 0 && (size_t)n < sizeof text);
	peer_open(p, b->path);
	peer_request(p, (struct str){text, (size_t)n}, true);
}

static inline void
bystander_poll(struct bystander *b)
{
	bystander_ask(b, &b->poll, "GET\x1F/poll\x1FQUERY_STRING=room=%s&wait=20&since=%" PRId64, b->room, b->since);
}

static inline void
bystander_post(struct bystander *b, const char *body)
{
	bystander_ask(
	    b, &b->post, "POST\x1F/socket.io/\x1FQUERY_STRING=EIO=4&transport=polling&sid=%s\x1F\x1F%s", b->sid, body);
}

static inline void
bystander_get(struct bystander *b)
{
	bystander_ask(b, &b->get, "GET\x1F/socket.io/\x1FQUERY_STRING=EIO=4&transport=polling&sid=%s", b->sid);
}

/* The number behind `mark`, cut off *s with all before it; false when there is none. */
static inline bool
bystander_number(struct str *s, const char *mark, int64_t *number)
{
	size_t n = strlen(mark);

	for (size_t i = 0; i + n < s->n; i++) {
		if (memcmp(s->p + i, mark, n) != 0)
			continue;
		*s = (struct str){s->p + i + n, s->n - i - n};
		*number = strtoll(s->p, NULL, 10);
		return true;
	}
	return false;
}

static inline void
bystander_on_poll(void *ctx, struct peer *p, const struct answer *a)
{
	struct bystander *b = ctx;
	struct str rest = a->body;
	int64_t number;

	(void)p;
	MUST(a->status == 200);
	while (bystander_number(&rest, "\"text\":\"", &number))
		MUST(number == ++b->polled);
	rest = a->body;
	MUST(!bystander_number(&rest, "\"gap\":", &number) && !bystander_number(&rest, "\"reset\":", &number));
	MUST(bystander_number(&rest, "\"next\":", &b->since));
	bystander_poll(b);
}

static inline void
bystander_on_packet(struct bystander *b, struct str packet)
{
	char event[64];
	int64_t number;
	struct str rest = packet;

	snprintf(event, sizeof event, "42/%s,[\"chat message\",\"", b->room);
	if (str_eq(packet, STR("2")))
		bystander_post(b, "3");
	else if (str_starts(packet, STR("40"))) {
		char before[sizeof b->pid];

		memcpy(before, b->pid, sizeof before);
		MUST(names_learn(b->pid, sizeof b->pid, packet, "\"pid\":\"", "\""));
		/* Where it was before, it is again. */
		MUST(!b->recovers || strncmp(before, b->pid, TOKEN_ID_SIZE - 1) == 0);
		b->joined = true;
	} else if (str_starts(packet, str_of(event))) {
		MUST(bystander_number(&rest, event, &number) && number == ++b->heard);
		MUST(bystander_number(&rest, "\",\"", &number));
		snprintf(b->offset, sizeof b->offset, "%" PRId64, number);
	} else
		MUST(str_eq(packet, STR("6")));
}

static inline void
bystander_on_get(void *ctx, struct peer *p, const struct answer *a)
{
	struct bystander *b = ctx;
	struct packet_walk walk = {.rest = a->body};
	struct str packet;

	(void)p;
	MUST(a->status == 200);
	if (str_starts(a->body, STR("0{"))) {
		MUST(names_learn(b->sid, sizeof b->sid, a->body, "\"sid\":\"", "\""));
		bystander_ask(b, &b->post,
		    "POST\x1F/socket.io/\x1FQUERY_STRING=EIO=4&transport=polling&sid=%s\x1F\x1F"
		    "40/%s,{\"pid\":\"%s\",\"offset\":\"%s\"}",
		    b->sid, b->room, b->pid, b->offset);
	} else
		while (packet_next(&walk, &packet))
			bystander_on_packet(b, packet);
	bystander_get(b);
}

static inline void
bystander_on_post(void *ctx, struct peer *p, const struct answer *a)
{
	(void)ctx;
	(void)p;
	MUST(a->status == 200 && str_eq(a->body, STR("ok")));
}

static inline void
bystander_on_send(void *ctx, struct peer *p, const struct answer *a)
{
	struct bystander *b = ctx;

	(void)p;
	MUST(a->status == 201);
	b->stored++;
}

static inline void
bystander_on_health(void *ctx, struct peer *p, const struct answer *a)
{
	struct bystander *b = ctx;

	(void)p;
	MUST(a->status == 200);
	b->healthy++;
}

/* Begins, or goes on where it was at a daemon that was started anew. */
static inline void
bystander_begin(struct bystander *b, const char *path)
{
	b->path = path;
	if (b->room[0] == '\0')
		token_id(b->room);
	b->recovers = b->joined;
	b->joined = false;
	b->send = (struct peer){.answered = bystander_on_send, .ctx = b};
	b->poll = (struct peer){.answered = bystander_on_poll, .ctx = b};
	b->health = (struct peer){.answered = bystander_on_health, .ctx = b};
	b->get = (struct peer){.answered = bystander_on_get, .ctx = b};
	b->post = (struct peer){.answered = bystander_on_post, .ctx = b};
	bystander_poll(b);
	bystander_ask(b, &b->get, "GET\x1F/socket.io/\x1FQUERY_STRING=EIO=4&transport=polling\x1FHTTP_USER_AGENT=x");
}

static inline void
bystander_end(struct bystander *b)
{
	peer_close(&b->send);
	peer_close(&b->poll);
	peer_close(&b->health);
	peer_close(&b->get);
	peer_close(&b->post);
}

static inline bool
bystander_move(struct bystander *b)
{
	bool moved = peer_move(&b->send);

	moved = peer_move(&b->poll) || moved;
	moved = peer_move(&b->health) || moved;
	moved = peer_move(&b->get) || moved;
	return peer_move(&b->post) || moved;
}

static inline void
bystander_say(struct bystander *b)
{
	bystander_ask(b, &b->send, "POST\x1F/send\x1FQUERY_STRING=room=%s\x1F\x1F%" PRId64, b->room, ++b->said);
	bystander_ask(b, &b->health, "GET\x1F/healthz");
	b->asked++;
}

/* Whether all that was said has come to everybody. */
static inline bool
bystander_content(const struct bystander *b)
{
	return b->joined && b->stored == b->said && b->polled == b->said && b->heard == b->said &&
	       b->healthy == b->asked;
}

/* How many connections it has. */
static inline size_t
bystander_conns(const struct bystander *b)
{
	return (size_t)((b->send.fd > 0) + (b->poll.fd > 0) + (b->health.fd > 0) + (b->get.fd > 0) + (b->post.fd > 0));
}

#endif
