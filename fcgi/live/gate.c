#include "gate_state.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "event/loop.h"
#include "store/message.h"

enum {
	EXPIRY_MAX_MS = 3600 * 1000,
	JUDGED_PER_TURN = 2048, /* descriptors that are looked at */
	REFUSED_PER_TURN = 64,  /* and requests answered */
};

/* ---- what changes ---- */

/* Revokes what has expired, and sees to it that there is a turn when the next one does. Costs little if none has. */
static void
expire(struct gate *g)
{
	int64_t next_ms = access_expire(g->access, clock_wall_ms()), at_ms;

	if (next_ms < 0)
		return;
	at_ms = clock_ms() + (next_ms < EXPIRY_MAX_MS ? next_ms : EXPIRY_MAX_MS);
	if (at_ms >= g->expiry_ms)
		return;
	g->expiry_ms = at_ms;
	loop_timer_set(g->loop, &g->expiry, g->expiry_kind, at_ms - clock_ms());
}

static void
on_expiry(void *ctx, struct timer *t)
{
	struct gate *g = ctx;

	(void)t;
	g->expiry_ms = INT64_MAX;
	expire(g);
}

/* Judges some of the requests that wait; whether there are more. */
static bool
judge_some(void *ctx)
{
	struct gate *g = ctx;
	uint64_t changes;

	expire(g);
	changes = access_changes(g->access);
	if (changes != g->judged) {
		g->judged = changes;
		g->judge_next = 0;
	}
	if (g->judge_next >= 0)
		g->judge_next = fcgi_walk_open(
		    g->requests->fcgi, g->judge_next, JUDGED_PER_TURN, REFUSED_PER_TURN, g->judge, g->judge_ctx);
	return g->judge_next >= 0;
}

void
gate_init(struct gate *g)
{
	gate_init_wait(g);
	g->expiry_kind = loop_timer_kind(g->loop, on_expiry, g);
	g->judge_next = -1;
	g->judged = access_changes(g->access);
	loop_hook(g->loop, LOOP_LATE, judge_some, g);
	g->expiry_ms = INT64_MAX;
	expire(g);
}

/* The pass goes, and the places that were taken for it. */
static void
leave(struct gate *g, struct slot *slot)
{
	if (slot->entered & GATE_HELD)
		limit_leave(g->persons, slot->pass->person, LIMIT_HELD, 1);
	if (slot->entered & GATE_READ)
		limit_leave(g->persons, slot->pass->person, LIMIT_READS, 1);
	slot->entered &= (uint8_t) ~(GATE_HELD | GATE_READ);
	pass_drop(slot->pass);
	slot->pass = NULL;
}

void
gate_count_for(struct gate *g, struct fcgi_conn *conn, struct pass *pass)
{
	struct slot *slot = fcgi_slot(conn);

	if (slot->pass == pass || slot->entered & (GATE_HELD | GATE_READ))
		return;
	(void)pass_hold(pass);
	leave(g, slot);
	slot->pass = pass;
}

void
gate_ended(struct gate *g, struct fcgi_conn *conn)
{
	struct slot *slot = fcgi_slot(conn);

	leave(g, slot);
	*slot = (struct slot){.pass = NULL};
}

/* ---- refusing ---- */

void
gate_refuse_pass(struct gate *g, struct fcgi_conn *conn, const char *detail)
{
	const struct pass *pass = slot_pass(conn);

	if (pass != NULL && pass->lost) {
		request_fail(
		    g->requests, conn, PROBLEM_BUSY, "no memory for tokens and grants; nobody may do anything");
		return;
	}
	g->counts.unauthorized++;
	request_fail_with(g->requests, conn, PROBLEM_UNAUTHORIZED,
	    STR("WWW-Authenticate: Bearer realm=\"Longline\", error=\"invalid_token\"\r\n"), STR(""), "%s", detail);
}

void
gate_refuse_room(struct gate *g, struct fcgi_conn *conn, unsigned may, struct str room)
{
	const struct pass *pass = slot_pass(conn);
	unsigned others = sight_may(pass->sight, room);

	g->counts.forbidden++;
	request_fail_with(g->requests, conn, PROBLEM_FORBIDDEN_ROOM, STR(""),
	    others & MAY_WRITE  ? STR(",\"may\":\"w\"")
	    : others & MAY_READ ? STR(",\"may\":\"r\"")
	                        : STR(""),
	    "%s may not %s room '%.*s'%s", pass->kind == PASS_STRANGER ? "a stranger" : "this token or user",
	    may == MAY_READ ? "read" : "write to", STR_ARGS(request_shown(room)),
	    pass->kind == PASS_STRANGER ? ": sign in, or send a token" : "");
}

/* For whom a limit counts, in words. */
static const char *
counted_for(const struct pass *pass)
{
	if (pass != NULL && pass->kind != PASS_STRANGER)
		return "this token or user";
	return "this address: all that come from it without a token share it";
}

void
gate_refuse_rate(struct gate *g, struct fcgi_conn *conn, enum limit l, int64_t wait_ms)
{
	int64_t retry_s = (wait_ms + 999) / 1000;

	request_fail_for_now(g->requests, conn, PROBLEM_RATE_LIMITED, retry_s, limit_name(l),
	    "too much at a time: limit '%s' of %s; repeat it after %" PRId64 " s", limit_name(l),
	    counted_for(slot_pass(conn)), retry_s < 1 ? 1 : retry_s);
}

/* ---- whose it is ---- */

/* Whether the name that the web server checked, if any, may be a sender's; false: answered. */
static bool
name_ok(struct request *r)
{
	if (message_sender_ok(r->user) && !r->cut)
		return true;
	request_fail(r->all, r->conn, PROBLEM_BAD_NAME,
	    "a name must be at most %d bytes of UTF-8 without control characters to be a sender, not '%.*s'",
	    MESSAGE_SENDER_MAX, STR_ARGS(request_shown(r->user)));
	return false;
}

/* false: answered, or put off. */
static bool
take_pass(struct gate *g, struct request *r)
{
	struct slot *slot = fcgi_slot(r->conn);
	bool preflight = r->method == METHOD_OPTIONS; /* a browser sends no credentials with it */
	struct access_ask ask = {.authorization = preflight ? STR("") : r->authorization,
	    .user = preflight ? STR("") : r->user,
	    .address = r->address,
	    .forwarded = r->forwarded};
	char detail[ACCESS_DETAIL_SIZE] = "";

	if (slot->pass == NULL || slot->pass->revoked) {
		leave(g, slot);
		slot->pass = access_pass(g->access, &ask, clock_wall_ms(), detail);
	}
	if (slot->pass != NULL) {
		if (slot->pass->kind != PASS_STRANGER)
			slot->origin |= ORIGIN_SOMEBODY;
		return true;
	}
	if (detail[0] == '\0')
		request_fail(r->all, r->conn, PROBLEM_BUSY, "no memory for another person");
	else if (gate_take_of_address(g, r) && !gate_waits_for_look(g, r))
		gate_refuse_pass(g, r->conn, detail);
	return false;
}

bool
gate_may(struct gate *g, struct request *r, unsigned may, struct str room)
{
	if (sight_may(slot_pass(r->conn)->sight, room) & may)
		return true;
	if (!gate_waits_for_look(g, r))
		gate_refuse_room(g, r->conn, may, room);
	return false;
}

bool
gate_sure(struct gate *g, struct request *r)
{
	return !gate_waits_for_look(g, r);
}

bool
gate_still(struct gate *g, struct fcgi_conn *conn)
{
	const struct pass *pass = slot_pass(conn);

	if (!pass->revoked && pass->expires_ms > clock_wall_ms())
		return true;
	gate_refuse_pass(g, conn, pass->revoked ? "this token was revoked, or has expired" : "this token has expired");
	return false;
}

bool
gate_still_may(struct gate *g, struct fcgi_conn *conn, unsigned may, struct str room)
{
	if (!gate_still(g, conn))
		return false;
	if (sight_may(slot_pass(conn)->sight, room) & may)
		return true;
	gate_refuse_room(g, conn, may, room);
	return false;
}

bool
gate_still_may_read(struct gate *g, struct fcgi_conn *conn, const struct store_rooms *rooms)
{
	if (rooms->all)
		return gate_still(g, conn);
	for (size_t i = 0; i < rooms->n; i++)
		if (!gate_still_may(g, conn, MAY_READ, rooms->names[i]))
			return false;
	return true;
}

bool
gate_enter(struct gate *g, struct request *r, struct fcgi_request *from)
{
	g->from = from;
	return name_ok(r) && take_pass(g, r) && gate_take(g, r, GATE_REQUEST);
}
