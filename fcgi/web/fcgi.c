#include "fcgi.h"

#include <errno.h>
#include <fcgiapp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "fcgi_state.h"

void
fcgi_end_io(struct fcgi *f, struct fcgi_conn *c)
{
	struct fcgi_io *io = fcgi_io(c);

	if (io == NULL)
		return;
	if (c->state == RAW)
		fcgi_raw_end_io(f, io);
	loop_timer_clear(f->loop, &io->timer);
	buf_fini(&io->in);
	if (output_is_kept(&io->out)) {
		f->counts.writing--;
		output_fini(&io->out, &f->pieces);
	}
	if (io->debtor != NULL)
		(void)f->handler.owes(f->handler.ctx, io->debtor, io->owed, 0);
	budget_set(f->options.budget, &io->counted.share, io->counted.share.kind, 0);
	free(io);
	c->io = NULL;
}

struct fcgi_io *
fcgi_begin_io(struct fcgi *f, struct fcgi_conn *c, int64_t wait_ms)
{
	struct fcgi_io *io = calloc(1, sizeof *io);

	if (io == NULL)
		return NULL;
	io->counted.conn = c;
	/* Records of a few bytes each may double a body, but not more. */
	buf_init(&io->in, 2 * f->options.body_max + 4 * (size_t)RECORD_PARAMS_MAX);
	if (wait_ms > 0)
		loop_timer_set(f->loop, &io->timer, f->late_kind, wait_ms);
	c->io = io;
	return io;
}

static bool
count_debt(struct fcgi *f, struct fcgi_io *io, size_t owed)
{
	if (io->debtor == NULL)
		return true;
	if (!f->handler.owes(f->handler.ctx, io->debtor, io->owed, owed))
		return false;
	io->owed = owed;
	return true;
}

bool
fcgi_count_io(struct fcgi *f, struct fcgi_conn *c)
{
	struct fcgi_io *io = c->io;
	size_t own = budget_size(io), in = budget_size(io->in.p), out = unread_size(&io->out.unread);
	bool is_out = c->state != READING;

	if (!count_debt(f, io, own + in + unread_owed(&io->out.unread)))
		return false;
	if (c->state == RAW) {
		is_out = output_is_kept(&io->out);
		/* Others that go for it may be this one, by its other share. */
		if (!budget_set(f->options.budget, &io->raw.counted.share, BUDGET_REQUESTS, is_out ? in : own + in) ||
		    c->doomed)
			return false;
		return budget_set(f->options.budget, &io->counted.share, BUDGET_ANSWERS, is_out ? own + out : 0) &&
		       !c->doomed;
	}
	return budget_set(
	    f->options.budget, &io->counted.share, is_out ? BUDGET_ANSWERS : BUDGET_REQUESTS, own + in + out);
}

void
fcgi_close(struct fcgi *f, struct fcgi_conn *c)
{
	if (c->state == CLOSED)
		return;
	fcgi_end_io(f, c);
	fcgi_forget_kept(f, c);
	if (c->doomed)
		fcgi_list_remove(f, &f->doomed, c);
	c->doomed = false;
	f->counts.idle_closed += c->state == IDLE && c->asked;
	if (c->state == OPEN || c->state == STREAMING)
		f->counts.open--;
	else if (c->state == RAW)
		f->counts.raw--;
	fcgi_end_idle(f, c, CLOSED);
	c->state = CLOSED;
	c->generation++;
	if (c->fd >= 0)
		close(c->fd);
	f->counts.conns--;
	fcgi_tell_ended(f, c);
	fcgi_listen(f);
}

void
fcgi_tell_ended(struct fcgi *f, struct fcgi_conn *c)
{
	bool handed = c->handed;

	c->handed = false;
	if (handed && f->handler.ended != NULL)
		f->handler.ended(f->handler.ctx, c);
}

void
fcgi_lose(struct fcgi *f, struct fcgi_conn *c)
{
	if (fcgi_is_open(c) || (c->state == RAW && !c->raw.closed)) {
		f->counts.gone++;
		f->handler.gone(f->handler.ctx, c);
	}
	fcgi_close(f, c);
}

/* Memory is short, and this one is the first to go. */
static void
end_share(void *ctx, struct budget_share *share)
{
	struct fcgi_conn *c = CONTAINER(share, struct fcgi_counted, share)->conn;

	/* This comes from within anybody's call: whoever has it may be in the middle of something. */
	if (c->state == RAW || (c->state == STREAMING && fcgi_is_open(c)))
		fcgi_doom(ctx, c);
	else
		fcgi_lose(ctx, c);
}

static void
late(void *ctx, struct timer *t)
{
	struct fcgi *f = ctx;
	struct fcgi_io *io = CONTAINER(t, struct fcgi_io, timer);

	if (io->counted.conn->state != READING && fcgi_output_moves(f, io->counted.conn))
		return;
	f->counts.late++;
	log_info(io->counted.conn->state == READING ? "request_late" : "reader_late", "fd=%d", io->counted.conn->fd);
	fcgi_lose(f, io->counted.conn);
}

/* The time of fcgi_raw_wait() is over. */
static void
waited(void *ctx, struct timer *t)
{
	struct fcgi *f = ctx;
	struct fcgi_conn *c = CONTAINER(t, struct fcgi_io, raw.timer)->counted.conn;

	f->handler.waited(f->handler.ctx, c);
	fcgi_raw_settle(f, c);
}

/* An event may be old: the turn before left it, and what it told of was read by one that came after it. Else it is the
 * end of the stream, or bytes that no web server sends before its answer. */
static bool
nothing_came(const struct fcgi_conn *c)
{
	char byte;

	return recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

static void
on_event(void *ctx, int fd, uint32_t generation, uint32_t events)
{
	struct fcgi *f = ctx;
	struct fcgi_conn *c = fcgi_at(f, fd);

	if (c->state == CLOSED || c->generation != generation || c->doomed)
		return;
	if (c->state == RAW) {
		fcgi_raw_event(f, c, events);
		return;
	}
	if (events & LOOP_OUT && (c->state == WRITING || c->state == STREAMING))
		fcgi_output(f, c);
	if (events & LOOP_IN && c->generation == generation) {
		switch ((enum fcgi_state)c->state) {
		case IDLE:
			fcgi_input(f, c);
			break;
		case READING:
			fcgi_input_more(f, c);
			break;
		case OPEN:
		case STREAMING:
			if (!nothing_came(c))
				fcgi_lose(f, c);
			break;
		case WRITING:
		case RAW:
		case CLOSED:
			break;
		}
	}
	if (events & LOOP_GONE && c->generation == generation && c->state != CLOSED)
		fcgi_lose(f, c);
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
	f->idle = f->doomed = (struct fcgi_list){-1, -1};
	TAILQ_INIT(&f->going_on);
	f->options = *options;
	f->handler = *handler;
	f->conns_limit = (size_t)limit.rlim_cur;
	f->conn_size = (sizeof(struct fcgi_conn) + options->slot_size + 7) / 8 * 8;
	buf_init(&f->body, options->body_max + 1);
	f->pieces.budget = options->budget;
	/* Untouched pages cost nothing, so the table has room for every descriptor there can be. */
	f->conns = mmap(NULL, f->conns_limit * f->conn_size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (f->conns == MAP_FAILED || FCGX_Init() != 0) {
		free(f);
		return NULL;
	}
	if (!fcgi_can_parse()) {
		log_error(
		    "libfcgi", "detail=\"it cannot be given requests from memory: it does not call our OS_Read()\"");
		munmap(f->conns, f->conns_limit * f->conn_size);
		free(f);
		errno = ENOTSUP;
		return NULL;
	}
	budget_kind(options->budget, BUDGET_REQUESTS, BUDGET_LARGEST, 0, end_share, f);
	/* Half of it: whoever reads slowly must not keep others from being heard. */
	budget_kind(options->budget, BUDGET_ANSWERS, BUDGET_SLOWEST, budget_counts(options->budget).bytes_max / 2,
	    end_share, f);
	f->late_kind = loop_timer_kind(loop, late, f);
	fcgi_listen_init(f);
	f->wait_kind = loop_timer_kind(loop, waited, f);
	loop_hook(loop, LOOP_SWEEP, fcgi_sweep, f);
	f->conn_kind = loop_conn_kind(loop, on_event, f);
	fcgi_listen(f);
	return f;
}

void
fcgi_free(struct fcgi *f)
{
	if (f == NULL)
		return;
	fcgi_drain(f);
	for (int fd = 0; fd <= f->highest_fd; fd++)
		fcgi_close(f, fcgi_at(f, fd));
	buf_fini(&f->body);
	munmap(f->conns, f->conns_limit * f->conn_size);
	free(f);
}

void *
fcgi_slot(struct fcgi_conn *conn)
{
	return conn->slot;
}

struct fcgi_conn *
fcgi_of_slot(void *slot)
{
	return CONTAINER(slot, struct fcgi_conn, slot);
}

uint64_t
fcgi_handle(const struct fcgi_conn *conn)
{
	return (uint64_t)conn->serial << 32 | (uint32_t)conn->fd;
}

struct fcgi_conn *
fcgi_find(struct fcgi *f, uint64_t handle)
{
	struct fcgi_conn *c = fcgi_at(f, (int)(uint32_t)handle);

	return fcgi_is_open(c) && c->serial == (uint32_t)(handle >> 32) ? c : NULL;
}

void
fcgi_drain(struct fcgi *f)
{
	fcgi_listen_no_more(f);
	loop_timer_clear(f->loop, &f->listen_timer);
	f->draining = true;
}

static bool
is_open(const struct fcgi_conn *c)
{
	return fcgi_is_open(c) && !c->doomed;
}

static bool
is_raw(const struct fcgi_conn *c)
{
	return c->state == RAW && !c->doomed;
}

static int
walk(struct fcgi *f, bool (*is)(const struct fcgi_conn *c), int from, size_t most, size_t ends,
    void (*fn)(void *ctx, struct fcgi_conn *conn), void *ctx)
{
	size_t looked = 0, ended = 0;

	for (int fd = from; fd <= f->highest_fd; fd++) {
		struct fcgi_conn *c = fcgi_at(f, fd);

		if (looked++ == most || ended == ends)
			return fd;
		if (!is(c))
			continue;
		fn(ctx, c);
		ended += !is(c);
	}
	return -1;
}

int
fcgi_walk_open(
    struct fcgi *f, int from, size_t most, size_t ends, void (*fn)(void *ctx, struct fcgi_conn *conn), void *ctx)
{
	return walk(f, is_open, from, most, ends, fn, ctx);
}

int
fcgi_walk_raw(struct fcgi *f, int from, size_t most, void (*fn)(void *ctx, struct fcgi_conn *conn), void *ctx)
{
	return walk(f, is_raw, from, most, most, fn, ctx);
}

void
fcgi_each_open(struct fcgi *f, void (*fn)(void *ctx, struct fcgi_conn *conn), void *ctx)
{
	for (int fd = 0; fd <= f->highest_fd; fd++)
		if (is_open(fcgi_at(f, fd)))
			fn(ctx, fcgi_at(f, fd));
}

struct fcgi_counts
fcgi_counts(const struct fcgi *f)
{
	return f->counts;
}
