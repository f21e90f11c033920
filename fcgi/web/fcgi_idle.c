#include <linux/sockios.h>
#include <sys/ioctl.h>

#include "base/clock.h"
#include "fcgi_state.h"

enum {
	IDLE_MIN_S = 5,
	IDLE_CLOSES_PER_TURN = 64,
};

static uint16_t
seconds(void)
{
	return (uint16_t)clock_s();
}

void
fcgi_begin_idle(struct fcgi *f, struct fcgi_conn *c)
{
	c->state = IDLE;
	c->asked = false;
	c->idle_s = seconds();
	c->idle.before = f->idle_last;
	c->idle.after = -1;
	if (f->idle_last < 0)
		f->idle_first = c->fd;
	else
		fcgi_at(f, f->idle_last)->idle.after = c->fd;
	f->idle_last = c->fd;
}

void
fcgi_end_idle(struct fcgi *f, struct fcgi_conn *c, enum fcgi_state next)
{
	if (c->state != IDLE)
		return;
	if (c->idle.before < 0)
		f->idle_first = c->idle.after;
	else
		fcgi_at(f, c->idle.before)->idle.after = c->idle.after;
	if (c->idle.after < 0)
		f->idle_last = c->idle.before;
	else
		fcgi_at(f, c->idle.after)->idle.before = c->idle.before;
	c->state = (uint8_t)next;
	c->io = NULL;
}

/* Whether nothing has come that was not read yet: a web server may have begun to send just now. */
static bool
silent(const struct fcgi_conn *c)
{
	int unread = 0;

	return ioctl(c->fd, SIOCINQ, &unread) == 0 && unread == 0;
}

/*
 * If they were closed here, a request might be on its way on one of them, and would be lost. So the web server is told
 * something, which makes it close a connection that it does not use (fcgi_ask_to_close()); if it has just begun to use
 * it, it goes on to be used. One that was told so and is still there, unused, after as long once more, is closed here.
 */
bool
fcgi_close_idle(struct fcgi *f)
{
	uint16_t now = seconds();
	bool any = false;

	for (int i = 0; i < IDLE_CLOSES_PER_TURN && f->idle_first >= 0; i++) {
		struct fcgi_conn *c = fcgi_at(f, f->idle_first);

		/* Whole seconds, whenever in its second it began. */
		if ((uint16_t)(now - c->idle_s) <= IDLE_MIN_S)
			break;
		any = true;
		if (c->asked && silent(c)) {
			fcgi_close(f, c);
			continue;
		}
		fcgi_end_idle(f, c, IDLE);
		fcgi_begin_idle(f, c);
		fcgi_ask_to_close(c);
	}
	return any;
}
