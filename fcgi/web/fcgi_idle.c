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
fcgi_list_add(struct fcgi *f, struct fcgi_list *list, struct fcgi_conn *c)
{
	c->link.before = list->last;
	c->link.after = -1;
	if (list->last < 0)
		list->first = c->fd;
	else
		fcgi_at(f, list->last)->link.after = c->fd;
	list->last = c->fd;
}

void
fcgi_list_remove(struct fcgi *f, struct fcgi_list *list, struct fcgi_conn *c)
{
	if (c->link.before < 0)
		list->first = c->link.after;
	else
		fcgi_at(f, c->link.before)->link.after = c->link.after;
	if (c->link.after < 0)
		list->last = c->link.before;
	else
		fcgi_at(f, c->link.after)->link.before = c->link.before;
	c->io = NULL;
}

void
fcgi_begin_idle(struct fcgi *f, struct fcgi_conn *c)
{
	c->state = IDLE;
	c->asked = false;
	c->idle_s = seconds();
	fcgi_list_add(f, &f->idle, c);
}

void
fcgi_end_idle(struct fcgi *f, struct fcgi_conn *c, enum fcgi_state next)
{
	if (c->state != IDLE)
		return;
	fcgi_list_remove(f, &f->idle, c);
	c->state = (uint8_t)next;
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

	for (int i = 0; i < IDLE_CLOSES_PER_TURN && f->idle.first >= 0; i++) {
		struct fcgi_conn *c = fcgi_at(f, f->idle.first);

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
