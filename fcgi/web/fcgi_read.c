#include <errno.h>
#include <fcgiapp.h>
#include <fcgios.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "fcgi_state.h"
#include "scgi.h"

enum {
	BODY_KEEP = 64 * 1024, /* memory kept for the next request's body */
	READS_PER_TURN = 4,
	DROPPED_MAX = 8, /* times the longest body */
};

static void
end_bad(struct fcgi *f, struct fcgi_conn *c)
{
	f->counts.bad_records++;
	log_warning("bad_records", "fd=%d detail=\"closed: not a whole, well-formed %s request\"", c->fd,
	    c->scgi ? "SCGI" : "FastCGI");
	fcgi_close(f, c);
}

/* What libfcgi is to read: the one thing that is passed to OS_Read() and has no place among its parameters. */
static struct str to_read;

/*
 * libfcgi reads by OS_Read() only, the layer that it has for other systems (fcgios.h). This one takes the place of its
 * own: there is no socket in it, so libfcgi can neither wait for a peer nor take bytes of the next request.
 */
int
OS_Read(int fd, char *buf, size_t n)
{
	(void)fd;
	if (n > to_read.n)
		n = to_read.n;
	memcpy(buf, to_read.p, n);
	to_read = str_skip(to_read, n);
	return (int)n;
}

/*
 * Has libfcgi parse the records of one whole request. -1: they were no request, and fd is closed.
 *
 * With a descriptor put in and marked as kept, FCGX_Accept_r() accepts nothing and closes nothing: it reads. The two
 * fields are no documented interface; the end-to-end tests fail if their meaning changes.
 */
static int
parse(FCGX_Request *parsed, int fd, struct str records)
{
	FCGX_InitRequest(parsed, -1, 0);
	parsed->ipcFd = fd;
	parsed->keepConnection = 1;
	to_read = records;
	return FCGX_Accept_r(parsed) == 0 ? 0 : -1;
}

bool
fcgi_can_parse(void)
{
	/* BEGIN_REQUEST of a responder, PARAMS and STDIN without content. */
	static const char records[] = "\1\1\0\1\0\10\0\0\0\1\1\0\0\0\0\0\1\4\0\1\0\0\0\0\1\5\0\1\0\0\0\0";
	FCGX_Request parsed;
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || parse(&parsed, fd, (struct str){records, sizeof records - 1}) != 0)
		return false;
	FCGX_Free(&parsed, 0);
	close(fd);
	return true;
}

static void
take_params(struct fcgi_request *r, char **envp)
{
	for (; *envp != NULL && r->n_params < FCGI_PARAMS_READ_MAX; envp++) {
		struct str value = str_of(*envp), name = str_cut(&value, '=');

		r->params[r->n_params++] = (struct fcgi_param){name, value};
	}
}

/* The body and the empty record behind it: what stayed unread would look like another request. */
static bool
take_body(struct fcgi *f, FCGX_Stream *in, size_t n)
{
	buf_reset(&f->body, BODY_KEEP);
	if (n >= INT32_MAX || !buf_reserve(&f->body, n + 1))
		return false;
	f->body.n = (size_t)FCGX_GetStr(f->body.p, (int)n + 1, in);
	return f->body.n == n;
}

void
fcgi_begin_request(struct fcgi *f, struct fcgi_conn *c)
{
	fcgi_end_io(f, c);
	fcgi_end_idle(f, c, OPEN);
	c->state = OPEN;
	c->serial++;
	c->handed = true;
	f->counts.open++;
	f->counts.requests++;
}

/* A whole request; over: some of its body was taken out. */
static void
open_request(struct fcgi *f, struct fcgi_conn *c, struct str records, const struct record_walk *walk, bool over)
{
	FCGX_Request parsed;
	struct fcgi_request r = {.conn = c, .cut = walk->nul, .body_too_large = over};
	bool ok;

	if (parse(&parsed, c->fd, records) != 0) {
		c->fd = -1;
		end_bad(f, c);
		return;
	}
	take_params(&r, parsed.envp);
	ok = take_body(f, parsed.in, walk->body_n);
	if (!ok) {
		FCGX_Free(&parsed, 0);
		end_bad(f, c);
		return;
	}
	r.body = buf_str(&f->body);
	fcgi_begin_request(f, c);
	c->keep = walk->keep;
	c->request_id = walk->request_id;
	f->handler.request(f->handler.ctx, &r);
	FCGX_Free(&parsed, 0);
}

/* Walks over what has come; what is too much of a body is taken out. */
static enum record_result
walk_input(struct fcgi *f, struct fcgi_io *io)
{
	size_t over = 0, at = io->walk.done;
	enum record_result result = RECORD_PART;

	if (!io->over) {
		result = record_walk(&io->walk, buf_str(&io->in), f->options.body_max, &over);
		at = io->walk.done;
		io->over = over > 0;
	}
	if (!io->over)
		return result;
	result = record_skip(&io->walk, buf_str(&io->in), &at);
	io->dropped += at - io->walk.done;
	memmove(io->in.p + io->walk.done, io->in.p + at, io->in.n - at);
	io->in.n -= at - io->walk.done;
	/* A web server sends a body that its own limit allows, not one without an end. */
	return io->dropped > DROPPED_MAX * (f->options.body_max + RECORD_PARAMS_MAX) ? RECORD_BAD : result;
}

/* More bytes are there of a request that came in part. Whether it is still in part. */
static bool
add_input(struct fcgi *f, struct fcgi_conn *c, struct str bytes)
{
	struct fcgi_io *io = c->io;
	enum record_result result = RECORD_BAD;
	struct record_walk walk;

	buf_add(&io->in, bytes);
	if (buf_ok(&io->in))
		result = c->scgi ? fcgi_scgi_input(f, c, buf_str(&io->in)) : walk_input(f, io);
	switch (result) {
	case RECORD_PART:
		if (fcgi_count_io(f, c))
			return true;
		fcgi_close(f, c);
		return false;
	case RECORD_WHOLE:
		if (c->scgi)
			return false;
		walk = io->walk; /* which ends as the request begins */
		open_request(f, c, buf_str(&io->in), &walk, io->over);
		return false;
	case RECORD_BAD:
		break;
	}
	end_bad(f, c);
	return false;
}

/* What there is to read, as far as it goes. 0 bytes: nothing just now, or the end, and then the connection is closed.
 */
static struct str
receive(struct fcgi *f, struct fcgi_conn *c)
{
	ssize_t n = recv(c->fd, f->bytes, sizeof f->bytes, 0);

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		fcgi_close(f, c);
	return (struct str){f->bytes, n < 0 ? 0 : (size_t)n};
}

/* A bounded number of reads: whoever sends without an end must not keep the others waiting. */
void
fcgi_input_more(struct fcgi *f, struct fcgi_conn *c)
{
	for (int i = 0; i < READS_PER_TURN; i++) {
		struct str bytes = receive(f, c);

		if (bytes.n == 0 || !add_input(f, c, bytes))
			return;
	}
	/* Watching it anew makes the edge come again if there is more. */
	if (loop_want_output(f->loop, f->conn_kind, c->fd, c->generation, false) != 0)
		fcgi_close(f, c);
}

void
fcgi_input(struct fcgi *f, struct fcgi_conn *c)
{
	struct record_walk walk = {0};
	struct str bytes = receive(f, c);
	enum record_result result;
	size_t over;

	if (bytes.n == 0)
		return;
	c->scgi = scgi_begins(*bytes.p);
	result = c->scgi ? fcgi_scgi_input(f, c, bytes) : record_walk(&walk, bytes, f->options.body_max, &over);
	switch (result) {
	case RECORD_WHOLE:
		if (!c->scgi)
			open_request(f, c, bytes, &walk, false);
		return;
	case RECORD_BAD:
		end_bad(f, c);
		return;
	case RECORD_PART:
		fcgi_end_idle(f, c, READING);
		if (fcgi_begin_io(f, c, f->options.request_wait_ms) == NULL) {
			fcgi_close(f, c);
			return;
		}
		if (add_input(f, c, bytes))
			fcgi_input_more(f, c);
		return;
	}
}
