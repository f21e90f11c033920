#include "stream.h"

#include <stdlib.h>

#include "base/clock.h"
#include "rooms_named.h"
#include "stream_state.h"

enum {
	STOP_RETRY_MIN_MS = 500,
	STOP_SPREAD_MIN_MS = 1000,
	STOP_SPREAD_MAX_MS = 30000,
	STOP_PER_MS = 2, /* streams of a daemon that stopped, which come back in a ms */
};

static const struct {
	const char *name; /* in metrics */
	const char *says; /* the stream itself, as it ends */
	enum problem problem;
} REASONS[STREAM_REASONS] = {
    [STREAM_HUNG_UP] = {"hung_up", "", PROBLEM_INTERNAL},
    [STREAM_SLOW] = {"slow", "", PROBLEM_INTERNAL},
    [STREAM_REVOKED] = {"revoked", "this token was revoked, or has expired", PROBLEM_UNAUTHORIZED},
    [STREAM_DENIED] = {"denied", "this room may not be read any more", PROBLEM_FORBIDDEN_ROOM},
    [STREAM_RESTORED] = {"reset", "", PROBLEM_INTERNAL},
    [STREAM_STOPPED] = {"stopped", "longlined stops", PROBLEM_BUSY},
    [STREAM_FAILED] = {"failed", "no memory, or the database cannot be read", PROBLEM_BUSY},
};

const char *
stream_reason_name(enum stream_reason reason)
{
	return REASONS[reason].name;
}

/* ---- how streams end ---- */

bool
stream_may(struct stream *s, struct fcgi_conn *conn, const struct store_rooms *rooms, enum stream_reason *why)
{
	const struct pass *pass = slot_pass(conn);

	(void)s;
	*why = STREAM_REVOKED;
	if (pass->revoked || pass->expires_ms <= clock_wall_ms())
		return false;
	*why = STREAM_DENIED;
	for (size_t i = 0; i < rooms->n && !rooms->all; i++)
		if (!(sight_may(pass->sight, rooms->names[i]) & MAY_READ))
			return false;
	return true;
}

void
stream_lost(struct stream *s, enum stream_reason reason)
{
	s->counts.streams--;
	s->counts.ended[reason]++;
}

/* One of which nothing was given yet is answered as any request. */
static void
refuse(struct stream *s, struct fcgi_conn *conn, enum stream_reason reason)
{
	if (reason == STREAM_REVOKED)
		gate_refuse_pass(s->gate, conn, REASONS[reason].says);
	else
		request_fail(s->requests, conn, REASONS[reason].problem, "%s", REASONS[reason].says);
}

/* So many ms after the daemon has stopped one of its streams comes back. */
static unsigned
come_back_ms(struct stream *s)
{
	uint64_t spread = s->at_stop / STOP_PER_MS;

	spread = spread < STOP_SPREAD_MIN_MS ? STOP_SPREAD_MIN_MS : spread;
	spread = spread > STOP_SPREAD_MAX_MS ? STOP_SPREAD_MAX_MS : spread;
	return (unsigned)(STOP_RETRY_MIN_MS + jitter_below(&s->jitter, spread));
}

/* The last words. */
static void
add_end(struct stream *s, struct buf *b, enum stream_form form, enum stream_reason reason)
{
	if (reason == STREAM_RESTORED)
		stream_form_word(form, b, STREAM_RESET, str_of(rooms_epoch(s->rooms)), rooms_head(s->rooms));
	else {
		if (reason == STREAM_STOPPED)
			stream_form_retry(form, b, come_back_ms(s));
		stream_form_end(form, b, str_of(REASONS[reason].says));
	}
}

void
stream_end(struct stream *s, struct fcgi_conn *conn, enum stream_reason reason, bool blocked)
{
	struct streaming *st = fcgi_slot(conn);
	enum output_result result = OUTPUT_BLOCKED;
	struct buf b;

	st->slot.parked = PARKED_NOT;
	if (!st->slot.stream.begun && reason != STREAM_RESTORED) {
		stream_lost(s, reason);
		refuse(s, conn, reason);
		return;
	}
	if (!blocked) {
		buf_init(&b, 4096);
		add_end(s, &b, (enum stream_form)st->slot.stream.form, reason);
		result = stream_give(s, conn, &b);
		buf_fini(&b);
	}
	stream_lost(s, reason);
	if (result != OUTPUT_GONE)
		fcgi_end(s->requests->fcgi, conn);
}

void
stream_gone(struct stream *s, struct fcgi_conn *conn)
{
	struct streaming *st = fcgi_slot(conn);
	bool slow = stream_is_blocked(st);

	st->slot.parked = PARKED_NOT;
	if (st->slot.stream.behind)
		stream_behind_leave(st->u.behind, st);
	else
		stream_unwait(s, st);
	stream_lost(s, slow ? STREAM_SLOW : STREAM_HUNG_UP);
}

void
stream_drained(struct stream *s, struct fcgi_conn *conn)
{
	struct streaming *st = fcgi_slot(conn);

	(void)s;
	stream_go_on(st->u.behind, conn);
}

void
stream_judge(struct stream *s, struct fcgi_conn *conn)
{
	struct streaming *st = fcgi_slot(conn);
	enum stream_reason why;
	bool blocked = stream_is_blocked(st);

	if (!st->slot.stream.behind)
		stream_judge_waiting(s, conn);
	/* A job that is under way judges when it comes back. */
	else if ((blocked || st->u.behind->doing == STREAM_PAUSES) &&
	         !stream_may(s, conn, &st->u.behind->rooms, &why)) {
		stream_behind_leave(st->u.behind, st);
		stream_end(s, conn, why, blocked);
	}
}

/* ---- requests ---- */

/* What a stream asks for. */
struct asked {
	enum stream_form form;
	struct store_rooms rooms;
	struct cursor at;
	struct str epoch; /* that the client knows; empty: none */
};

/* The header beats the parameters: a browser repeats these as they were when the stream began. false: answered. */
static bool
read_last_id(struct request *r, struct asked *a)
{
	int64_t id;

	if (r->last_event_id.n == 0)
		return true;
	if (!stream_form_read_id(r->last_event_id, &id, &a->epoch)) {
		request_fail(r->all, r->conn, PROBLEM_BAD_PARAMETER,
		    "header Last-Event-ID must be an id of this stream, such as 42-EPOCH, or 42, not '%.*s'",
		    STR_ARGS(request_shown(r->last_event_id)));
		return false;
	}
	a->at = (struct cursor){.since = id};
	return true;
}

static bool
read_asked(struct stream *s, struct request *r, const struct query *q, struct asked *a)
{
	*a = (struct asked){
	    .form = request_accepts_events(r) ? STREAM_SSE : STREAM_LINES, .at.since = rooms_head(s->rooms)};
	if (!rooms_named(s->gate, r, q, &a->rooms))
		return false;
	for (size_t i = 0; i < q->n; i++) {
		struct str name = q->fields[i].name, value = q->fields[i].value;

		if (str_eq(name, STR("since")) && !cursor_read(r, value, &a->at))
			return false;
		if (str_eq(name, STR("as")) && !stream_form_read(value, &a->form))
			return request_refuse_parameter(r, name, value, "sse, ndjson or text");
		if (str_eq(name, STR("epoch"))) {
			if (value.n == 0)
				return request_refuse_parameter(r, name, value, "what a stream called its epoch");
			a->epoch = value;
		}
	}
	return read_last_id(r, a);
}

static void
begin(struct stream *s, struct request *r, const struct asked *a)
{
	struct streaming *st = fcgi_slot(r->conn);
	struct stream_behind *b = stream_behind_new(s, r->conn, a->form, &a->rooms, &a->at);

	if (b == NULL) {
		request_fail(r->all, r->conn, PROBLEM_BUSY, "no memory for another stream");
		return;
	}
	st->slot.parked = PARKED_STREAM;
	st->slot.stream.form = a->form;
	st->slot.stream.begun = st->slot.stream.is_many = false;
	st->slot.stream.behind = true;
	st->u.behind = b;
	s->counts.opened++;
	s->counts.streams++;
	if (a->epoch.n > 0 && !str_eq(a->epoch, str_of(rooms_epoch(s->rooms)))) {
		stream_behind_leave(b, st);
		stream_end(s, r->conn, STREAM_RESTORED, false);
	} else
		stream_go_on(b, r->conn);
}

void
stream_request(struct stream *s, struct request *r)
{
	static const char *const known[] = {"room", "since", "epoch", "as", NULL};
	struct query q;
	struct asked a;

	if (s->draining) {
		request_fail(r->all, r->conn, PROBLEM_BUSY, "longlined stops");
		return;
	}
	if (!gate_take(s->gate, r, GATE_HELD) || !request_query(r, &q, known, "room"))
		return;
	if (read_asked(s, r, &q, &a))
		begin(s, r, &a);
	query_fini(&q);
}

/* ---- all of them ---- */

static void
end_if_stream(void *ctx, struct fcgi_conn *conn)
{
	struct stream *s = ctx;
	struct streaming *st = fcgi_slot(conn);
	bool blocked;

	if (st->slot.parked != PARKED_STREAM)
		return;
	blocked = stream_is_blocked(st);
	if (st->slot.stream.behind)
		stream_behind_leave(st->u.behind, st);
	else
		stream_unwait(s, st);
	stream_end(s, conn, STREAM_STOPPED, blocked);
}

void
stream_drain(struct stream *s)
{
	s->draining = true;
	s->at_stop = s->counts.streams;
	fcgi_each_open(s->requests->fcgi, end_if_stream, s);
}

struct stream_counts
stream_counts(const struct stream *s)
{
	return s->counts;
}

size_t
stream_slot_size(void)
{
	return sizeof(struct streaming);
}

struct stream *
stream_new(struct loop *loop, struct requests *requests, struct rooms *rooms, struct readers *readers,
    struct commit *commit, struct gate *gate)
{
	struct stream *s = calloc(1, sizeof *s);

	if (s == NULL)
		return NULL;
	*s = (struct stream){
	    .loop = loop, .requests = requests, .rooms = rooms, .readers = readers, .commit = commit, .gate = gate};
	s->jitter = jitter_new();
	buf_init(&s->body, SIZE_MAX);
	stream_behind_init(s);
	stream_wait_init(s);
	return s;
}

void
stream_free(struct stream *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < STREAM_FORMS; i++)
		blob_drop(s->beats[i].part);
	buf_fini(&s->body);
	free(s);
}
