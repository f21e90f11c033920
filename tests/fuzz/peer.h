/*
 * peer: a connection to the daemon's socket as a web server has it, which never waits: what there is to write and to
 * read is moved a little each turn. Every answer is checked (answer.h).
 */
#ifndef PEER_H
#define PEER_H

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../records.h"
#include "answer.h"

struct peer {
	int fd; /* 0: none yet, or closed */
	bool deaf;
	size_t piece;   /* bytes written in a turn; 0: all */
	struct buf out; /* to be written, from `sent` on */
	size_t sent;
	struct buf in, cgi; /* records that are not whole; the answer's content so far */
	void (*answered)(void *ctx, struct peer *p, const struct answer *a);
	void *ctx;
};

static inline void
peer_close(struct peer *p)
{
	if (p->fd > 0)
		close(p->fd);
	p->fd = 0;
	buf_fini(&p->out);
	buf_fini(&p->in);
	buf_fini(&p->cgi);
	p->sent = 0;
	p->deaf = false;
}

static inline void
peer_open(struct peer *p, const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	if (p->fd > 0)
		return;
	buf_init(&p->out, SIZE_MAX);
	buf_init(&p->in, SIZE_MAX);
	buf_init(&p->cgi, SIZE_MAX);
	p->sent = p->piece = 0;
	MUST(strlen(path) < sizeof address.sun_path);
	memcpy(address.sun_path, path, strlen(path) + 1);
	p->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	MUST(p->fd > 0 && connect(p->fd, (struct sockaddr *)&address, sizeof address) == 0);
}

/*
 * A whole request, whose text has parts with 0x1F between: the method, the path, each NAME=value, an empty one, and
 * then the body.
 */
static inline void
peer_request(struct peer *p, struct str text, bool keep)
{
	enum { RECORD_MAX = 65535 };
	struct buf params;

	buf_init(&params, RECORD_MAX);
	add_param(&params, STR("REQUEST_METHOD"), str_cut(&text, 0x1F));
	add_param(&params, STR("SCRIPT_NAME"), str_cut(&text, 0x1F));
	while (text.n > 0) {
		struct str value = str_cut(&text, 0x1F), name = str_cut(&value, '=');

		if (name.n == 0)
			break;
		add_param(&params, name, value);
	}
	add_begin(&p->out, 1, FCGI_RESPONDER, keep ? FCGI_KEEP_CONN : 0);
	if (buf_ok(&params))
		add_record(&p->out, FCGI_PARAMS, 1, buf_str(&params), 0);
	add_record(&p->out, FCGI_PARAMS, 1, STR(""), 0);
	while (text.n > 0) {
		struct str part = {text.p, text.n < RECORD_MAX ? text.n : RECORD_MAX};

		add_record(&p->out, FCGI_STDIN, 1, part, 0);
		text = (struct str){text.p + part.n, text.n - part.n};
	}
	add_record(&p->out, FCGI_STDIN, 1, STR(""), 0);
	buf_fini(&params);
}

/* Takes the whole records off what has come. */
static inline void
peer_take_records(struct peer *p)
{
	struct str rest = buf_str(&p->in);

	while (rest.n >= 8) {
		size_t n = (size_t)(unsigned char)rest.p[4] << 8 | (unsigned char)rest.p[5];

		MUST(rest.p[0] == 1 && rest.p[6] == 0 && (rest.p[1] == 6 || (rest.p[1] == 3 && n == 8)));
		if (rest.n < 8 + n)
			break;
		if (rest.p[1] == 6)
			buf_add(&p->cgi, (struct str){rest.p + 8, n});
		else {
			struct answer a = answer_check(buf_str(&p->cgi));

			MUST(rest.p[12] == 0);
			if (p->answered != NULL)
				p->answered(p->ctx, p, &a);
			buf_reset(&p->cgi, SIZE_MAX);
		}
		rest = str_skip(rest, 8 + n);
	}
	if (rest.n > 0)
		memmove(p->in.p, rest.p, rest.n);
	p->in.n = rest.n;
}

/* Writes and reads what can be; whether anything was. A connection that the daemon closed is closed. */
static inline bool
peer_move(struct peer *p)
{
	static char bytes[65536];
	bool moved = false;
	ssize_t n;

	if (p->fd <= 0)
		return false;
	MUST(buf_ok(&p->out) && buf_ok(&p->in));
	if (p->sent < p->out.n) {
		size_t left = p->out.n - p->sent;

		n = send(p->fd, p->out.p + p->sent, p->piece > 0 && p->piece < left ? p->piece : left,
		    MSG_NOSIGNAL | MSG_DONTWAIT);
		moved = n > 0;
		p->sent += n > 0 ? (size_t)n : 0;
		if (p->sent == p->out.n) {
			buf_reset(&p->out, SIZE_MAX);
			p->sent = 0;
		}
	}
	while (!p->deaf) {
		n = recv(p->fd, bytes, sizeof bytes, MSG_DONTWAIT);
		if (n < 0 && errno == EAGAIN)
			break;
		if (n <= 0) {
			peer_close(p);
			return true;
		}
		buf_add(&p->in, (struct str){bytes, (size_t)n});
		moved = true;
		peer_take_records(p);
		/* Who was told may have closed it. */
		if (p->fd <= 0)
			break;
	}
	return moved;
}

#endif
