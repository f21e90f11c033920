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

static inline void
peer_add_record(struct buf *b, int type, struct str content)
{
	buf_add_char(b, 1);
	buf_add_char(b, (char)type);
	buf_add(b, (struct str){"\0\1", 2});
	buf_add_char(b, (char)(content.n >> 8));
	buf_add_char(b, (char)content.n);
	buf_add(b, (struct str){"\0\0", 2});
	buf_add(b, content);
}

static inline void
peer_add_length(struct buf *b, size_t n)
{
	if (n >= 128) {
		buf_add_char(b, (char)(n >> 24 | 0x80));
		buf_add_char(b, (char)(n >> 16));
		buf_add_char(b, (char)(n >> 8));
	}
	buf_add_char(b, (char)n);
}

static inline void
peer_add_pair(struct buf *b, struct str name, struct str value)
{
	peer_add_length(b, name.n);
	peer_add_length(b, value.n);
	buf_add(b, name);
	buf_add(b, value);
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
	peer_add_pair(&params, STR("REQUEST_METHOD"), str_cut(&text, 0x1F));
	peer_add_pair(&params, STR("SCRIPT_NAME"), str_cut(&text, 0x1F));
	while (text.n > 0) {
		struct str value = str_cut(&text, 0x1F), name = str_cut(&value, '=');

		if (name.n == 0)
			break;
		peer_add_pair(&params, name, value);
	}
	peer_add_record(&p->out, 1, (struct str){keep ? "\0\1\1\0\0\0\0\0" : "\0\1\0\0\0\0\0\0", 8});
	if (buf_ok(&params))
		peer_add_record(&p->out, 4, buf_str(&params));
	peer_add_record(&p->out, 4, STR(""));
	while (text.n > 0) {
		struct str part = {text.p, text.n < RECORD_MAX ? text.n : RECORD_MAX};

		peer_add_record(&p->out, 5, part);
		text = str_skip(text, part.n);
	}
	peer_add_record(&p->out, 5, STR(""));
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
