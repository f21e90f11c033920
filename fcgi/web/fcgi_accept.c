#include <errno.h>
#include <string.h>
#include <sys/poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "fcgi_state.h"

enum {
	ACCEPTS_PER_TURN = 1024,
	LISTEN_AGAIN_MS = 50,
};

static void accept_some(void *ctx);

void
fcgi_listen(struct fcgi *f)
{
	if (f->draining || f->listening)
		return;
	f->listening = loop_add_source(f->loop, f->options.listen_fd, accept_some, f) == 0;
	/* Whether that is enough for all that wait will be known a while from now. */
	if (f->full_logged)
		loop_timer_set(f->loop, &f->listen_timer, f->listen_kind, LISTEN_AGAIN_MS);
}

void
fcgi_listen_no_more(struct fcgi *f)
{
	if (f->listening)
		loop_remove_source(f->loop, f->options.listen_fd);
	f->listening = false;
}

static void
listen_again(void *ctx, struct timer *t)
{
	struct fcgi *f = ctx;
	bool enough = f->listening;

	fcgi_listen(f);
	if (!f->full_logged)
		return;
	/* Over, and not only for a moment: the next time it is said again. */
	if (enough && f->counts.conns * 10 <= f->full_conns * 9) {
		log_info("accept", "connections=%zu detail=\"new connections are taken again\"", f->counts.conns);
		f->full_logged = false;
	} else
		loop_timer_set(f->loop, t, f->listen_kind, LISTEN_AGAIN_MS);
}

static void
accept_one(struct fcgi *f, int fd)
{
	struct fcgi_conn *c;

	if ((size_t)fd >= f->conns_limit) {
		close(fd);
		return;
	}
	c = fcgi_at(f, fd);
	memset(c->slot, 0, f->options.slot_size);
	c->fd = fd;
	c->scgi = false;
	fcgi_begin_idle(f, c);
	if (c->generation == 0)
		c->generation = 1;
	f->counts.conns++;
	if (fd > f->highest_fd)
		f->highest_fd = fd;
	if (loop_add_conn(f->loop, f->conn_kind, fd, c->generation) != 0)
		fcgi_close(f, c);
}

static void
rest(struct fcgi *f, const char *why)
{
	bool room_comes = fcgi_close_idle(f);

	/* Level-triggered, a listener that cannot be served would call for ever. Each connection that closes wakes it.
	 */
	fcgi_listen_no_more(f);
	loop_timer_set(f->loop, &f->listen_timer, f->listen_kind, LISTEN_AGAIN_MS);
	if (room_comes)
		return;
	if (!f->full_logged)
		log_error(
		    "accept", "error=\"%s\" connections=%zu detail=\"new connections wait\"", why, f->counts.conns);
	f->full_logged = true;
	f->full_conns = f->counts.conns;
}

static bool
others_wait(const struct fcgi *f)
{
	struct pollfd p = {.fd = f->options.listen_fd, .events = POLLIN};

	return poll(&p, 1, 0) > 0;
}

/* NULL, or why there is no room for another one; "": none waits. */
static const char *
accept_next(struct fcgi *f)
{
	int fd;

	if (f->counts.conns >= f->options.conns_max)
		return "connections-max is reached";
	fd = accept4(f->options.listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0) {
		accept_one(f, fd);
		return NULL;
	}
	return errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS ? strerror(errno) : "";
}

static void
accept_some(void *ctx)
{
	struct fcgi *f = ctx;
	const char *full = NULL;

	for (int i = 0; i < ACCEPTS_PER_TURN && full == NULL; i++)
		full = accept_next(f);
	if (full != NULL && *full != '\0' && others_wait(f))
		rest(f, full);
}

void
fcgi_listen_init(struct fcgi *f)
{
	f->listen_kind = loop_timer_kind(f->loop, listen_again, f);
}
