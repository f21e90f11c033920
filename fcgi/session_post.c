#include "clock.h"
#include "packet.h"
#include "session_state.h"

/* One packet of a POST; false: nothing after it counts. */
static bool
take_packet(struct session *s, struct str packet)
{
	struct str data = {packet.p + 1, packet.n - 1};
	struct buf bytes;
	bool good;

	if (packet.n == 0)
		return false;
	switch (packet.p[0]) {
	case '0': /* open, upgrade and noop mean nothing from a client */
	case '5':
	case '6':
		return true;
	case '1':
		session_end(s, STR("6"));
		return true;
	case '3':
		session_beat(s);
		return true;
	case '4':
		return s->layer->text(s->layer->ctx, s, data);
	case 'b':
		buf_init(&bytes, data.n + 1);
		token_add_decoded(&bytes, data);
		good = buf_ok(&bytes) && s->layer->binary(s->layer->ctx, s, buf_str(&bytes));
		buf_fini(&bytes);
		return good;
	default:
		return false;
	}
}

void
session_post(struct session *s, struct str body)
{
	struct packet_walk walk = {.rest = body};
	struct str packet;

	if (s->state != SESSION_OPEN || s->doomed)
		return;
	if (s->pong_waits && !s->extended && !(body.n > 0 && body.p[0] == '3')) {
		/* It lives, though its pong is late: once it gets more time. */
		s->extended = true;
		s->dead_ms = clock_ms() + s->all->options.ping_timeout_ms;
	}
	while (s->state == SESSION_OPEN && !s->doomed && packet_next(&walk, &packet))
		if (!take_packet(s, packet)) {
			session_end(s, STR("1"));
			return;
		}
}
