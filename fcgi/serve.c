#include "serve.h"

#include "access/access.h"
#include "api/errand.h"
#include "api/poll.h"
#include "api/stream.h"
#include "base/clock.h"
#include "live/gate.h"
#include "socketio/polling.h"
#include "socketio/websocket.h"

/* What handlers put into a connection's slot; one at a time. */
size_t
serve_slot_size(void)
{
	size_t sizes[] = {gate_slot_size(), poll_slot_size(), polling_slot_size(), websocket_slot_size(),
	    errand_slot_size(), stream_slot_size()},
	       most = 0;

	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
		most = sizes[i] > most ? sizes[i] : most;
	return most;
}

static void
on_request(void *ctx, struct fcgi_request *from)
{
	struct serve *s = ctx;
	struct request r;

	s->last_request_ms = clock_ms();
	request_init(&r, s->requests, from, serve_slot_size());
	if (request_scgi_ok(&r))
		route_request(&s->routes, &r, from);
}

static void
on_gone(void *ctx, struct fcgi_conn *conn)
{
	struct serve *s = ctx;
	struct slot *slot = fcgi_slot(conn);

	if (slot->parked == PARKED_POLL)
		poll_gone(s->routes.poll, conn);
	else if (slot->parked == PARKED_SESSION)
		polling_gone(conn);
	else if (slot->parked == PARKED_ERRAND)
		errand_gone(conn);
	else if (slot->parked == PARKED_STREAM)
		stream_gone(s->routes.stream, conn);
	else if (slot->parked == PARKED_LATE)
		gate_gone(s->routes.gate, conn);
	else if (slot->parked == PARKED_WIRE)
		wires_gone(s->wires, conn);
}

static void
on_input(void *ctx, struct fcgi_conn *conn, struct fcgi_raw *in)
{
	wires_input(((struct serve *)ctx)->wires, conn, in);
}

static void
on_waited(void *ctx, struct fcgi_conn *conn)
{
	wires_waited(((struct serve *)ctx)->wires, conn);
}

static void
on_drained(void *ctx, struct fcgi_conn *conn)
{
	struct serve *s = ctx;
	const struct slot *slot = fcgi_slot(conn);

	if (slot->parked == PARKED_STREAM)
		stream_drained(s->routes.stream, conn);
	else if (slot->parked == PARKED_WIRE)
		wires_drained(s->wires, conn);
}

static void
on_ended(void *ctx, struct fcgi_conn *conn)
{
	struct serve *s = ctx;
	struct slot *slot = fcgi_slot(conn);

	if (slot->parked == PARKED_WIRE)
		wires_ended(s->wires, conn);
	gate_ended(s->routes.gate, conn);
}

/* Whose memory an answer is that nobody takes. */
static void *
debtor(void *ctx, struct fcgi_conn *conn)
{
	struct pass *pass = slot_pass(conn);

	(void)ctx;
	return pass == NULL ? NULL : person_hold(pass->person);
}

static bool
owes(void *ctx, void *person, size_t was, size_t now)
{
	struct persons *persons = ((struct serve *)ctx)->routes.gate->persons;

	if (now > was && !limit_enter(persons, person, LIMIT_MEMORY, now - was))
		return false;
	if (now < was)
		limit_leave(persons, person, LIMIT_MEMORY, was - now);
	if (now == 0)
		person_drop(persons, person, clock_ms());
	return true;
}

void
serve_judge(void *ctx, struct fcgi_conn *conn)
{
	struct serve *s = ctx;
	struct slot *slot = fcgi_slot(conn);

	if (slot->parked == PARKED_POLL)
		poll_judge(s->routes.poll, conn);
	else if (slot->parked == PARKED_STREAM)
		stream_judge(s->routes.stream, conn);
	else if (slot->parked == PARKED_ERRAND && slot->pass->revoked) {
		errand_gone(conn);
		(void)gate_still(s->routes.gate, conn);
	}
}

struct fcgi_handler
serve_handler(struct serve *s)
{
	return (struct fcgi_handler){.ctx = s,
	    .request = on_request,
	    .gone = on_gone,
	    .drained = on_drained,
	    .input = on_input,
	    .waited = on_waited,
	    .ended = on_ended,
	    .debtor = debtor,
	    .owes = owes};
}
