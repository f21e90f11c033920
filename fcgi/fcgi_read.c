#include <errno.h>
#include <fcgiapp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fcgi_conn.h"
#include "log.h"

enum {
	BODY_KEEP = 64 * 1024, /* memory kept for the next request's body */
	READS_PER_TURN = 4,
	DROPPED_MAX = 8, /* times the longest body */
};

static void
end_bad(struct fcgi *f, struct fcgi_conn *c)
{
	f->counts.bad_records++;
	log_warning("bad_records", "fd=%d detail=\"closed: not a whole, well-formed FastCGI request\"", c->fd);
	fcgi_close(f, c);
}

/* A descriptor with all that was buffered, for libfcgi to read; -1 without. */
static int
memory_with(struct fcgi *f, struct str bytes)
{
	if (f->memory_fd < 0)
		f->memory_fd = memfd_create("request", MFD_CLOEXEC);
	if (f->memory_fd < 0)
		return -1;
	if (ftruncate(f->memory_fd, 0) != 0 || lseek(f->memory_fd, 0, SEEK_SET) != 0)
		return -1;
	while (bytes.n > 0) {
		ssize_t n = write(f->memory_fd, bytes.p, bytes.n);

		if (n <= 0)
			return -1;
		bytes.p += n;
		bytes.n -= (size_t)n;
	}
	return lseek(f->memory_fd, 0, SEEK_SET) == 0 ? f->memory_fd : -1;
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

/* A whole request of body_n bytes of body is ready in fd, which is the connection's own or a buffer's. */
static void
open_request(struct fcgi *f, struct fcgi_conn *c, int fd, const struct record_walk *walk, bool over)
{
	FCGX_Request parsed;
	struct fcgi_request r = {.conn = c, .body_too_large = over};
	bool ok;

	/*
	 * With the connection put in and marked as kept, FCGX_Accept_r() accepts nothing and closes nothing: it reads.
	 * The two fields are no documented interface; the end-to-end tests fail if their meaning changes.
	 */
	FCGX_InitRequest(&parsed, -1, 0);
	parsed.ipcFd = fd;
	parsed.keepConnection = 1;
	if (FCGX_Accept_r(&parsed) != 0) {
		/* It has closed the descriptor. */
		if (fd == c->fd)
			c->fd = -1;
		else
			f->memory_fd = -1;
		end_bad(f, c);
		return;
	}
	take_params(&r, parsed.envp);
	ok = take_body(f, parsed.in, walk->body_n);
	fcgi_end_io(f, c);
	if (!ok) {
		FCGX_Free(&parsed, 0);
		end_bad(f, c);
		return;
	}
	r.body = buf_str(&f->body);
	c->state = OPEN;
	c->serial++;
	c->keep = walk->keep;
	c->request_id = walk->request_id;
	f->counts.open++;
	f->counts.requests++;
	f->handler.request(f->handler.ctx, &r);
	FCGX_Free(&parsed, 0);
}

/* Walks over what has come; what is too much of a body is taken out. */
static enum record_result
walk_input(struct fcgi *f, struct fcgi_io *io)
{
	size_t over = 0, at = io->walk.done;
	enum record_result result;

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

static void
whole_input(struct fcgi *f, struct fcgi_conn *c)
{
	struct record_walk walk = c->io->walk;
	int fd = memory_with(f, buf_str(&c->io->in));

	if (fd < 0) {
		log_error("request_dropped", "error=\"%s\"", strerror(errno));
		fcgi_close(f, c);
	} else
		open_request(f, c, fd, &walk, c->io->over);
}

/* A bounded number of reads: whoever sends without an end must not keep the others waiting. */
void
fcgi_input_more(struct fcgi *f, struct fcgi_conn *c)
{
	struct fcgi_io *io = c->io;

	for (int i = 0; i < READS_PER_TURN; i++) {
		ssize_t n = recv(c->fd, f->peek, sizeof f->peek, 0);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			fcgi_close(f, c);
			return;
		}
		buf_add(&io->in, (struct str){f->peek, (size_t)n});
		switch (buf_ok(&io->in) ? walk_input(f, io) : RECORD_BAD) {
		case RECORD_PART:
			break;
		case RECORD_WHOLE:
			whole_input(f, c);
			return;
		case RECORD_BAD:
			end_bad(f, c);
			return;
		}
	}
	/* Watching it anew makes the edge come again if there is more. */
	if (loop_want_output(f->loop, c->fd, c->generation, false) != 0)
		fcgi_close(f, c);
}

void
fcgi_input(struct fcgi *f, struct fcgi_conn *c)
{
	struct record_walk walk = {0};
	size_t over;
	ssize_t n = recv(c->fd, f->peek, sizeof f->peek, MSG_PEEK);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		fcgi_close(f, c);
		return;
	}
	switch (record_walk(&walk, (struct str){f->peek, (size_t)n}, f->options.body_max, &over)) {
	case RECORD_WHOLE:
		open_request(f, c, c->fd, &walk, false);
		return;
	case RECORD_BAD:
		end_bad(f, c);
		return;
	case RECORD_PART:
		if (fcgi_begin_io(f, c, f->options.request_wait_ms) == NULL) {
			fcgi_close(f, c);
			return;
		}
		c->state = READING;
		fcgi_input_more(f, c);
		return;
	}
}
