#include "fcgi.h"

#include <assert.h>
#include <errno.h>
#include <fastcgi.h>
#include <fcgiapp.h>
#include <limits.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "buf.h"
#include "log.h"
#include "loop.h"
#include "record.h"

enum {
	PEEK_SIZE = 64 * 1024,
	ACCEPTS_PER_TURN = 64,
	LISTEN_AGAIN_MS = 50,
	BODY_KEEP = 64 * 1024, /* memory kept for the next request's body */
	RECORD_CONTENT_MAX = 65535,
	READS_PER_TURN = 4,
	DROPPED_MAX = 8, /* times the longest body */
};

enum state { CLOSED, IDLE, READING, OPEN, WRITING };

/* What only a connection in READING or WRITING needs. */
struct io {
	struct timer timer;
	struct fcgi_conn *conn;
	struct record_walk walk; /* READING */
	struct buf in;
	bool over;        /* part of the body was left out */
	size_t dropped;   /* bytes of it */
	struct blob *out; /* WRITING */
	size_t sent;
	int unread; /* bytes that the peer had not taken when the timer was set */
};

struct fcgi_conn {
	int fd;
	uint32_t generation; /* of the descriptor: changes when it is closed */
	uint32_t serial;     /* of the request: changes when one begins */
	uint16_t request_id;
	uint8_t state;
	bool keep;
	struct io *io;
	_Alignas(8) char slot[];
};

struct fcgi {
	struct loop *loop;
	struct fcgi_options options;
	struct fcgi_handler handler;
	char *conns; /* indexed by descriptor */
	size_t conn_size, conns_limit;
	int highest_fd;
	uint8_t late_kind, listen_kind;
	struct timer listen_timer;
	bool listening, full_said, draining;
	size_t full_conns; /* when it was said */
	int memory_fd;     /* feeds libfcgi what was buffered; -1: none yet */
	struct buf body;
	struct fcgi_counts counts;
	char peek[PEEK_SIZE];
};

static struct fcgi_conn *
at(struct fcgi *f, int fd)
{
	return (struct fcgi_conn *)(void *)(f->conns + (size_t)fd * f->conn_size);
}

static void accept_some(void *ctx);

static void
listen_start(struct fcgi *f)
{
	if (!f->draining && !f->listening)
		f->listening = loop_add_source(f->loop, f->options.listen_fd, accept_some, f) == 0;
}

static void
listen_stop(struct fcgi *f)
{
	if (f->listening)
		loop_remove_source(f->loop, f->options.listen_fd);
	f->listening = false;
}

static void
listen_again(void *ctx, struct timer *t)
{
	struct fcgi *f = ctx;

	listen_start(f);
	/* Over, and not only for a moment: the next time it is said again. */
	if (f->counts.conns < f->full_conns / 10 * 9)
		f->full_said = false;
	else
		loop_timer_set(f->loop, t, f->listen_kind, LISTEN_AGAIN_MS);
}

static void
end_io(struct fcgi *f, struct fcgi_conn *c)
{
	if (c->io == NULL)
		return;
	loop_timer_clear(f->loop, &c->io->timer);
	buf_fini(&c->io->in);
	if (c->io->out != NULL)
		f->counts.writing--;
	blob_drop(c->io->out);
	free(c->io);
	c->io = NULL;
}

static struct io *
begin_io(struct fcgi *f, struct fcgi_conn *c, int64_t wait_ms)
{
	struct io *io = calloc(1, sizeof *io);

	if (io == NULL)
		return NULL;
	io->conn = c;
	/* Records of a few bytes each may double a body, but not more. */
	buf_init(&io->in, 2 * f->options.body_max + 4 * (size_t)RECORD_PARAMS_MAX);
	loop_timer_set(f->loop, &io->timer, f->late_kind, wait_ms);
	c->io = io;
	return io;
}

/* The descriptor may have been closed by libfcgi: then fd is -1 already. */
static void
close_conn(struct fcgi *f, struct fcgi_conn *c)
{
	if (c->state == CLOSED)
		return;
	end_io(f, c);
	if (c->state == OPEN)
		f->counts.open--;
	c->state = CLOSED;
	c->generation++;
	if (c->fd >= 0)
		close(c->fd);
	f->counts.conns--;
	listen_start(f);
}

/* The peer of an open request went away. */
static void
end_gone(struct fcgi *f, struct fcgi_conn *c)
{
	f->counts.gone++;
	f->handler.gone(f->handler.ctx, c);
	close_conn(f, c);
}

static void
late(void *ctx, struct timer *t)
{
	struct fcgi *f = ctx;
	struct io *io = (struct io *)(void *)t;

	/*
	 * A unix socket is not called writable before most of its buffer is free, so a peer that reads slowly is not
	 * seen to do so by events.
	 */
	if (io->conn->state == WRITING) {
		int unread = 0;

		if (ioctl(io->conn->fd, SIOCOUTQ, &unread) == 0 && unread < io->unread) {
			io->unread = unread;
			loop_timer_set(f->loop, t, f->late_kind, f->options.send_wait_ms);
			return;
		}
	}
	f->counts.late++;
	log_info(io->conn->state == READING ? "request_late" : "reader_late", "fd=%d", io->conn->fd);
	close_conn(f, io->conn);
}

static void
end_bad(struct fcgi *f, struct fcgi_conn *c)
{
	f->counts.bad_records++;
	log_warning("bad_records", "fd=%d detail=\"closed: not a whole, well-formed FastCGI request\"", c->fd);
	close_conn(f, c);
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
	end_io(f, c);
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
walk_input(struct fcgi *f, struct io *io)
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
		close_conn(f, c);
	} else
		open_request(f, c, fd, &walk, c->io->over);
}

/* A bounded number of reads: whoever sends without an end must not keep the others waiting. */
static void
read_more(struct fcgi *f, struct fcgi_conn *c)
{
	struct io *io = c->io;

	for (int i = 0; i < READS_PER_TURN; i++) {
		ssize_t n = recv(c->fd, f->peek, sizeof f->peek, 0);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			close_conn(f, c);
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
		close_conn(f, c);
}

static void
input(struct fcgi *f, struct fcgi_conn *c)
{
	struct record_walk walk = {0};
	size_t over;
	ssize_t n = recv(c->fd, f->peek, sizeof f->peek, MSG_PEEK);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		close_conn(f, c);
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
		if (begin_io(f, c, f->options.request_wait_ms) == NULL) {
			close_conn(f, c);
			return;
		}
		c->state = READING;
		read_more(f, c);
		return;
	}
}

/* After the last byte of an answer. */
static void
end_reply(struct fcgi *f, struct fcgi_conn *c)
{
	end_io(f, c);
	c->state = IDLE;
	if (!c->keep)
		close_conn(f, c);
}

static void
output(struct fcgi *f, struct fcgi_conn *c)
{
	struct io *io = c->io;
	ssize_t n = send(c->fd, io->out->p + io->sent, io->out->n - io->sent, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		close_conn(f, c);
		return;
	}
	io->sent += (size_t)n;
	if (io->sent == io->out->n) {
		loop_want_output(f->loop, c->fd, c->generation, false);
		end_reply(f, c);
		return;
	}
	io->unread = INT_MAX;
	loop_timer_set(f->loop, &io->timer, f->late_kind, f->options.send_wait_ms);
}

static void
on_event(void *ctx, int fd, uint32_t generation, uint32_t events)
{
	struct fcgi *f = ctx;
	struct fcgi_conn *c = at(f, fd);

	if (c->state == CLOSED || c->generation != generation)
		return;
	if (events & LOOP_OUT && c->state == WRITING)
		output(f, c);
	if (events & LOOP_IN) {
		switch ((enum state)c->state) {
		case IDLE:
			input(f, c);
			break;
		case READING:
			read_more(f, c);
			break;
		case OPEN:
			/* Either the end of the stream, or bytes that no web server sends before its answer. */
			end_gone(f, c);
			break;
		case WRITING:
		case CLOSED:
			break;
		}
	}
	if (events & LOOP_GONE && c->generation == generation && c->state != CLOSED) {
		if (c->state == OPEN)
			end_gone(f, c);
		else
			close_conn(f, c);
	}
}

static void
accept_one(struct fcgi *f, int fd)
{
	struct fcgi_conn *c;

	if ((size_t)fd >= f->conns_limit) {
		close(fd);
		return;
	}
	c = at(f, fd);
	memset(c->slot, 0, f->options.slot_size);
	c->fd = fd;
	c->state = IDLE;
	c->io = NULL;
	if (c->generation == 0)
		c->generation = 1;
	f->counts.conns++;
	if (fd > f->highest_fd)
		f->highest_fd = fd;
	if (loop_add_conn(f->loop, fd, c->generation) != 0)
		close_conn(f, c);
}

static void
rest(struct fcgi *f, const char *why)
{
	/* Level-triggered, a listener that cannot be served would call for ever. */
	listen_stop(f);
	loop_timer_set(f->loop, &f->listen_timer, f->listen_kind, LISTEN_AGAIN_MS);
	if (!f->full_said)
		log_error(
		    "accept", "error=\"%s\" connections=%zu detail=\"new connections wait\"", why, f->counts.conns);
	f->full_said = true;
	f->full_conns = f->counts.conns;
}

static void
accept_some(void *ctx)
{
	struct fcgi *f = ctx;

	for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
		int fd;

		if (f->counts.conns >= f->options.conns_max) {
			rest(f, "connections-max is reached");
			return;
		}
		fd = accept4(f->options.listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0) {
			if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
				rest(f, strerror(errno));
			return;
		}
		accept_one(f, fd);
	}
}

struct fcgi *
fcgi_new(struct loop *loop, const struct fcgi_options *options, const struct fcgi_handler *handler)
{
	struct fcgi *f = calloc(1, sizeof *f);
	struct rlimit limit;

	if (f == NULL || getrlimit(RLIMIT_NOFILE, &limit) != 0) {
		free(f);
		return NULL;
	}
	f->loop = loop;
	f->options = *options;
	f->handler = *handler;
	/* Now, while there are descriptors. */
	f->memory_fd = memfd_create("request", MFD_CLOEXEC);
	f->conns_limit = (size_t)limit.rlim_cur;
	f->conn_size = (sizeof(struct fcgi_conn) + options->slot_size + 7) / 8 * 8;
	buf_init(&f->body, options->body_max + 1);
	/* Untouched pages cost nothing, so the table has room for every descriptor there can be. */
	f->conns = mmap(NULL, f->conns_limit * f->conn_size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (f->conns == MAP_FAILED || FCGX_Init() != 0) {
		free(f);
		return NULL;
	}
	f->late_kind = loop_timer_kind(loop, late, f);
	f->listen_kind = loop_timer_kind(loop, listen_again, f);
	loop_on_conn(loop, on_event, f);
	listen_start(f);
	return f;
}

void
fcgi_free(struct fcgi *f)
{
	if (f == NULL)
		return;
	fcgi_drain(f);
	for (int fd = 0; fd <= f->highest_fd; fd++)
		close_conn(f, at(f, fd));
	if (f->memory_fd >= 0)
		close(f->memory_fd);
	buf_fini(&f->body);
	munmap(f->conns, f->conns_limit * f->conn_size);
	free(f);
}

static void
put_record(char **p, unsigned type, size_t n)
{
	FCGI_Header h = {.version = FCGI_VERSION_1,
	    .type = (unsigned char)type,
	    .requestIdB1 = 0,
	    .requestIdB0 = 1,
	    .contentLengthB1 = (unsigned char)(n >> 8),
	    .contentLengthB0 = (unsigned char)n};

	memcpy(*p, &h, sizeof h);
	*p += sizeof h;
}

/* Copies from head, then body, as far as n bytes go. */
static void
put_content(char **p, struct str *head, struct str *body, size_t n)
{
	while (n > 0) {
		struct str *from = head->n > 0 ? head : body;
		size_t part = from->n < n ? from->n : n;

		memcpy(*p, from->p, part);
		from->p += part;
		from->n -= part;
		*p += part;
		n -= part;
	}
}

struct blob *
fcgi_frame(struct str head, struct str body)
{
	size_t n = head.n + body.n;
	size_t records = (n + RECORD_CONTENT_MAX - 1) / RECORD_CONTENT_MAX;
	struct blob *b = blob_new(n + records * sizeof(FCGI_Header) + sizeof(FCGI_EndRequestRecord));
	FCGI_EndRequestBody end = {.protocolStatus = FCGI_REQUEST_COMPLETE};
	char *p;

	if (b == NULL)
		return NULL;
	p = b->p;
	while (n > 0) {
		size_t part = n < RECORD_CONTENT_MAX ? n : RECORD_CONTENT_MAX;

		put_record(&p, FCGI_STDOUT, part);
		put_content(&p, &head, &body, part);
		n -= part;
	}
	/* END_REQUEST says that STDOUT has ended as well. It must be the last bytes, or nginx will not keep the
	 * connection. */
	put_record(&p, FCGI_END_REQUEST, sizeof end);
	memcpy(p, &end, sizeof end);
	assert(p + sizeof end == b->p + b->n);
	return b;
}

/* The same answer for another request id, or with a record behind its end; takes the holding of from. */
static struct blob *
reframe(struct blob *from, uint16_t request_id, bool last)
{
	struct blob *b = blob_new(from->n + (last ? sizeof(FCGI_Header) : 0));
	char *p;

	if (b != NULL) {
		memcpy(b->p, from->p, from->n);
		if (last) {
			p = b->p + from->n;
			put_record(&p, FCGI_STDOUT, 0);
		}
		for (size_t i = 0; i < b->n;) {
			FCGI_Header *h = (FCGI_Header *)(void *)(b->p + i);

			h->requestIdB1 = (unsigned char)(request_id >> 8);
			h->requestIdB0 = (unsigned char)request_id;
			i += sizeof *h + ((size_t)h->contentLengthB1 << 8 | h->contentLengthB0);
		}
	}
	blob_drop(from);
	return b;
}

void
fcgi_reply(struct fcgi *f, struct fcgi_conn *c, struct blob *reply)
{
	ssize_t n;

	assert(c->state == OPEN);
	/* nginx numbers every request 1, so its waiters share their bytes; others get a copy. */
	if (reply != NULL && (c->request_id != 1 || f->draining))
		reply = reframe(reply, c->request_id, f->draining);
	if (reply == NULL) {
		close_conn(f, c);
		return;
	}
	n = send(c->fd, reply->p, reply->n, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		n = 0;
	f->counts.open--;
	c->state = WRITING;
	if (n == (ssize_t)reply->n)
		end_reply(f, c);
	else if (n < 0 || begin_io(f, c, f->options.send_wait_ms) == NULL)
		close_conn(f, c);
	else {
		c->io->out = blob_hold(reply);
		f->counts.writing++;
		c->io->sent = (size_t)n;
		c->io->unread = INT_MAX;
		if (loop_want_output(f->loop, c->fd, c->generation, true) != 0)
			close_conn(f, c);
	}
	blob_drop(reply);
}

void *
fcgi_slot(struct fcgi_conn *conn)
{
	return conn->slot;
}

struct fcgi_conn *
fcgi_of_slot(void *slot)
{
	return (struct fcgi_conn *)(void *)((char *)slot - offsetof(struct fcgi_conn, slot));
}

uint64_t
fcgi_handle(struct fcgi_conn *conn)
{
	return (uint64_t)conn->serial << 32 | (uint32_t)conn->fd;
}

struct fcgi_conn *
fcgi_find(struct fcgi *f, uint64_t handle)
{
	struct fcgi_conn *c = at(f, (int)(uint32_t)handle);

	return c->state == OPEN && c->serial == (uint32_t)(handle >> 32) ? c : NULL;
}

void
fcgi_drain(struct fcgi *f)
{
	listen_stop(f);
	loop_timer_clear(f->loop, &f->listen_timer);
	f->draining = true;
}

void
fcgi_each_open(struct fcgi *f, void (*fn)(void *ctx, struct fcgi_conn *conn), void *ctx)
{
	for (int fd = 0; fd <= f->highest_fd; fd++)
		if (at(f, fd)->state == OPEN)
			fn(ctx, at(f, fd));
}

struct fcgi_counts
fcgi_counts(const struct fcgi *f)
{
	return f->counts;
}
