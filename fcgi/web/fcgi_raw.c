#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "fcgi_state.h"

enum { PARTS_MAX = FCGI_RAW_JOIN_MAX / UNREAD_PIECE + 1 };

/* ---- what it has while something is incomplete ---- */

static bool
output_waits(const struct fcgi_io *io)
{
	return io != NULL && output_is_kept(&io->out);
}

/* NULL without memory: then c is doomed. */
static struct fcgi_io *
need_io(struct fcgi *f, struct fcgi_conn *c)
{
	if (c->io == NULL && fcgi_begin_io(f, c, 0) == NULL) {
		fcgi_doom(f, c);
		return NULL;
	}
	c->io->raw.counted.conn = c;
	if (f->handler.debtor != NULL && c->io->debtor == NULL)
		c->io->debtor = f->handler.debtor(f->handler.ctx, c);
	return c->io;
}

static void
go_on_no_more(struct fcgi *f, struct fcgi_io *io)
{
	if (!io->raw.goes_on)
		return;
	TAILQ_REMOVE(&f->going_on, io, raw.link);
	f->n_going_on--;
	io->raw.goes_on = false;
}

void
fcgi_raw_end_io(struct fcgi *f, struct fcgi_io *io)
{
	loop_timer_clear(f->loop, &io->raw.timer);
	go_on_no_more(f, io);
	budget_set(f->options.budget, &io->raw.counted.share, BUDGET_REQUESTS, 0);
}

void
fcgi_raw_settle(struct fcgi *f, struct fcgi_conn *c)
{
	struct fcgi_io *io = c->state == RAW ? fcgi_io(c) : NULL;

	if (io != NULL && !output_waits(io) && io->in.n == 0 && !io->raw.timer.set)
		fcgi_end_io(f, c);
}

static void
count(struct fcgi *f, struct fcgi_conn *c)
{
	if (!fcgi_count_io(f, c))
		fcgi_doom(f, c);
}

/* ---- output ---- */

void
fcgi_raw_begin(struct fcgi *f, struct fcgi_conn *c, struct blob *head)
{
	assert(c->state == OPEN && c->scgi);
	fcgi_forget_kept(f, c);
	f->counts.open--;
	f->counts.raw++;
	c->state = RAW;
	memset(&c->raw, 0, sizeof c->raw);
	(void)fcgi_raw_send(f, c, head);
}

/* What came before is still to be handed on; watching the socket anew makes an event come. */
void
fcgi_raw_break(struct fcgi *f, struct fcgi_conn *c)
{
	if (c->raw.broken)
		return;
	if (output_waits(c->io)) {
		f->counts.writing--;
		output_fini(&c->io->out, &f->pieces);
		loop_timer_clear(f->loop, &c->io->timer);
		count(f, c);
		fcgi_raw_settle(f, c);
	}
	c->raw.broken = true;
	if (!c->doomed && loop_want_output(f->loop, f->conn_kind, c->fd, c->generation, true) != 0)
		fcgi_doom(f, c);
}

/* Puts bytes behind what waits: one blob of both takes its place. */
static void
append(struct fcgi *f, struct fcgi_conn *c, const struct blob *bytes)
{
	struct output *o = &c->io->out;
	struct iovec parts[PARTS_MAX];
	size_t left = o->unread.size - o->unread.sent, at = 0;
	struct blob *both = blob_new(left + bytes->n);

	assert(left <= FCGI_RAW_JOIN_MAX);
	if (both == NULL) {
		fcgi_doom(f, c);
		return;
	}
	for (int n = unread_parts(&o->unread, parts, PARTS_MAX), i = 0; i < n; i++) {
		memcpy(both->p + at, parts[i].iov_base, parts[i].iov_len);
		at += parts[i].iov_len;
	}
	assert(at == left);
	memcpy(both->p + left, bytes->p, bytes->n);
	f->counts.writing--;
	output_fini(o, &f->pieces);
	if (!fcgi_keep(f, c, both, 0))
		fcgi_doom(f, c);
	blob_drop(both);
}

/* Whether the socket takes all of it at once. */
static bool
send_now(struct fcgi *f, struct fcgi_conn *c, struct blob *bytes)
{
	size_t sent;

	loop_spend(f->loop, bytes->n);
	switch (output_send(c->fd, bytes, &sent)) {
	case OUTPUT_SENT:
		return true;
	case OUTPUT_GONE:
		fcgi_raw_break(f, c);
		return false;
	case OUTPUT_BLOCKED:
		break;
	}
	if (need_io(f, c) == NULL)
		return false;
	if (!fcgi_keep(f, c, bytes, sent))
		fcgi_doom(f, c);
	return false;
}

bool
fcgi_raw_send(struct fcgi *f, struct fcgi_conn *c, struct blob *bytes)
{
	bool sent = false;

	assert(c->state == RAW);
	if (bytes == NULL)
		fcgi_doom(f, c);
	if (c->doomed || c->raw.broken) {
		blob_drop(bytes);
		return false;
	}
	if (output_waits(c->io))
		append(f, c, bytes);
	else
		sent = send_now(f, c, bytes);
	blob_drop(bytes);
	return sent;
}

size_t
fcgi_raw_waits(const struct fcgi_conn *c)
{
	const struct fcgi_io *io = fcgi_io(c);

	return output_waits(io) ? io->out.unread.size - io->out.unread.sent : 0;
}

void
fcgi_raw_sent(struct fcgi *f, struct fcgi_conn *c)
{
	f->counts.writing--;
	output_fini(&c->io->out, &f->pieces);
	loop_timer_clear(f->loop, &c->io->timer);
	count(f, c);
	fcgi_raw_settle(f, c);
	if (!c->doomed)
		f->handler.drained(f->handler.ctx, c);
}

/* ---- input ---- */

/* Makes the event come again if there is more, or with it the end. */
static void
hear_again(struct fcgi *f, struct fcgi_conn *c)
{
	bool out = c->raw.broken || output_waits(c->io);

	c->raw.unheard = false;
	if (loop_want_output(f->loop, f->conn_kind, c->fd, c->generation, out) != 0)
		fcgi_doom(f, c);
}

/* What the handler has left, which is in own: that is c's again. */
static void
put_back(struct fcgi *f, struct fcgi_conn *c, struct buf *own, const struct fcgi_raw *in)
{
	bool all = in->kept == 0 && in->at == in->n;

	assert(in->kept <= in->at && in->at <= in->n);
	if (all || c->doomed || need_io(f, c) == NULL)
		buf_fini(own);
	if (c->doomed || c->io == NULL)
		return;
	c->io->in = *own;
	c->io->raw.kept = in->kept;
	c->io->raw.at = all ? 0 : in->at;
	count(f, c);
	fcgi_raw_settle(f, c);
}

/* Hands on all that is kept; while the handler has it, it is not c's, which may be doomed. */
static void
hand_on_kept(struct fcgi *f, struct fcgi_conn *c)
{
	struct fcgi_io *io = c->io;
	struct buf own = io->in;
	struct fcgi_raw in = {.p = own.p, .n = own.n, .kept = io->raw.kept, .at = io->raw.at};

	buf_init(&io->in, own.max);
	f->handler.input(f->handler.ctx, c, &in);
	put_back(f, c, &own, &in);
}

static void
hand_on_new(struct fcgi *f, struct fcgi_conn *c, size_t n)
{
	struct fcgi_raw in = {.p = f->bytes, .n = n};
	struct fcgi_io *io;

	f->handler.input(f->handler.ctx, c, &in);
	assert(in.kept <= in.at && in.at <= in.n);
	if ((in.kept == 0 && in.at == in.n) || c->doomed || (io = need_io(f, c)) == NULL)
		return;
	buf_add(&io->in, (struct str){in.p, in.kept});
	buf_add(&io->in, (struct str){in.p + in.at, in.n - in.at});
	io->raw.kept = io->raw.at = in.kept;
	if (buf_ok(&io->in))
		count(f, c);
	else
		fcgi_doom(f, c);
}

/* More has come, behind what is kept, which moves together. */
static void
add(struct fcgi *f, struct fcgi_conn *c, struct str bytes)
{
	struct fcgi_io *io = c->io;
	size_t left = io->in.n - io->raw.at;

	memmove(io->in.p + io->raw.kept, io->in.p + io->raw.at, left);
	io->raw.at = io->raw.kept;
	io->in.n = io->raw.kept + left;
	buf_add(&io->in, bytes);
	if (buf_ok(&io->in))
		hand_on_kept(f, c);
	else
		fcgi_doom(f, c);
}

/* Reads once: 64 KB in a turn, whoever sends how much. over: the peer sends no more, or takes no more. */
static void
hear(struct fcgi *f, struct fcgi_conn *c, bool over)
{
	ssize_t n;

	/* Nor while it waits for the end of the turn with what it has. */
	if (c->raw.paused || (c->io != NULL && c->io->raw.goes_on)) {
		c->raw.unheard = true;
		return;
	}
	n = recv(c->fd, f->bytes, sizeof f->bytes, MSG_DONTWAIT);
	if (n == 0 || (n < 0 && (errno != EAGAIN || over))) {
		fcgi_lose(f, c);
		return;
	}
	if (n > 0 && c->io != NULL && c->io->in.n > 0)
		add(f, c, (struct str){f->bytes, (size_t)n});
	else if (n > 0)
		hand_on_new(f, c, (size_t)n);
	if (c->doomed || !(n == sizeof f->bytes || over || c->raw.broken))
		return;
	if (c->raw.paused)
		c->raw.unheard = true;
	else
		hear_again(f, c);
}

void
fcgi_raw_event(struct fcgi *f, struct fcgi_conn *c, uint32_t events)
{
	if (events & LOOP_OUT && !c->raw.broken)
		fcgi_output(f, c);
	if (c->state == RAW && !c->doomed && (events & (LOOP_IN | LOOP_GONE) || c->raw.broken))
		hear(f, c, events & LOOP_GONE || c->raw.broken);
}

void
fcgi_raw_hear_rest(struct fcgi *f, struct fcgi_conn *c)
{
	go_on_no_more(f, c->io);
	hand_on_kept(f, c);
	if (!c->doomed && !c->raw.paused && c->raw.unheard)
		hear_again(f, c);
}

void
fcgi_raw_pause(struct fcgi *f, struct fcgi_conn *c)
{
	if (c->doomed)
		return;
	c->raw.paused = true;
	if (c->io != NULL)
		go_on_no_more(f, c->io);
}

void
fcgi_raw_go_on(struct fcgi *f, struct fcgi_conn *c)
{
	struct fcgi_io *io = fcgi_io(c);

	if (c->doomed || !c->raw.paused)
		return;
	c->raw.paused = false;
	if (io != NULL && io->in.n > 0 && !io->raw.goes_on) {
		TAILQ_INSERT_TAIL(&f->going_on, io, raw.link);
		f->n_going_on++;
		io->raw.goes_on = true;
	} else if (c->raw.unheard)
		hear_again(f, c);
}

/* ---- time, and the end ---- */

void
fcgi_raw_wait(struct fcgi *f, struct fcgi_conn *c, int64_t wait_ms)
{
	struct fcgi_io *io = wait_ms > 0 && !c->doomed ? need_io(f, c) : fcgi_io(c);

	if (io == NULL)
		return;
	if (wait_ms > 0)
		loop_timer_set(f->loop, &io->raw.timer, f->wait_kind, wait_ms);
	else
		loop_timer_clear(f->loop, &io->raw.timer);
	count(f, c);
	fcgi_raw_settle(f, c);
}

void
fcgi_raw_end_output(struct fcgi *f, struct fcgi_conn *c)
{
	assert(fcgi_raw_waits(c) == 0);
	if (shutdown(c->fd, SHUT_WR) != 0)
		fcgi_doom(f, c);
}

void
fcgi_raw_close(struct fcgi *f, struct fcgi_conn *c)
{
	c->raw.closed = true;
	fcgi_doom(f, c);
}
