#include "scgi.h"

#include <fastcgi.h>
#include <string.h>
#include <sys/socket.h>

#include "fcgi_state.h"

enum { DROP_SIZE = 4096, DROPS_MAX = 64 };

enum record_result
fcgi_scgi_input(struct fcgi *f, struct fcgi_conn *c, struct str bytes)
{
	struct fcgi_request r = {.conn = c, .scgi = true};
	struct fcgi_io *io = fcgi_io(c);
	struct buf in;
	size_t used;
	uint64_t body_n;
	enum scgi_result result = scgi_read(bytes, &r, &used, &body_n);

	if (result != SCGI_WHOLE)
		return result == SCGI_PART ? RECORD_PART : RECORD_BAD;
	if (body_n == 0 && used < bytes.n)
		return RECORD_BAD;
	r.body_too_large = body_n > 0;
	r.body = STR("");
	buf_init(&in, 0);
	if (io != NULL) {
		/* The views stay, and io goes. */
		in = io->in;
		buf_init(&io->in, 0);
	}
	fcgi_begin_request(f, c);
	c->keep = false;
	c->request_id = 1;
	f->handler.request(f->handler.ctx, &r);
	buf_fini(&in);
	return RECORD_WHOLE;
}

/* How long the content of the record at p is; the next one begins behind that. */
static size_t
content_of(const char *p)
{
	FCGI_Header h;

	memcpy(&h, p, sizeof h);
	return (size_t)h.contentLengthB1 << 8 | h.contentLengthB0;
}

static size_t
each_stdout(const struct blob *from, char *to)
{
	size_t n = 0;

	for (size_t at = 0; at < from->n;) {
		size_t content = content_of(from->p + at);

		if (from->p[at + 1] == FCGI_STDOUT) {
			if (to != NULL)
				memcpy(to + n, from->p + at + sizeof(FCGI_Header), content);
			n += content;
		}
		at += sizeof(FCGI_Header) + content;
	}
	return n;
}

struct blob *
fcgi_scgi_answer(struct blob *from)
{
	struct blob *b = blob_new(each_stdout(from, NULL));

	if (b != NULL)
		(void)each_stdout(from, b->p);
	blob_drop(from);
	return b;
}

void
fcgi_scgi_drop_input(const struct fcgi_conn *c)
{
	char bytes[DROP_SIZE];

	for (int i = 0; i < DROPS_MAX; i++)
		if (recv(c->fd, bytes, sizeof bytes, MSG_DONTWAIT) <= 0)
			return;
}
