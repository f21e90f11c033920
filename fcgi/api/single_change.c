/* Changing and deleting a message: who may, and what becomes of it. */
#include <inttypes.h>

#include "access/access.h"
#include "base/clock.h"
#include "live/commit.h"
#include "live/gate.h"
#include "send.h"
#include "single_state.h"

/* ---- the answer ---- */

/* What a change became: {"id":9,"room":"main","changes":5,"at":"…"}; at_ms 0: of one that was not stored. */
static void
reply_changed(struct requests *requests, struct fcgi_conn *conn, enum commit_outcome outcome, const struct message *m,
    int64_t id, int64_t at_ms)
{
	struct str headers = outcome == COMMIT_REPLAYED ? SEND_REPLAYED : REQUEST_NO_STORE;
	char at[MESSAGE_TIME_SIZE];
	struct buf body;

	message_time(at_ms, at);
	buf_init(&body, SIZE_MAX);
	buf_printf(
	    &body, "{\"id\":%" PRId64 ",\"room\":\"%.*s\",\"changes\":%" PRId64, id, STR_ARGS(m->f.room), m->f.changes);
	if (at_ms != 0)
		buf_printf(&body, ",\"at\":\"%s\"", at);
	buf_add(&body, STR("}\n"));
	if (buf_ok(&body))
		request_reply(
		    requests, conn, outcome == COMMIT_STORED ? 201 : 200, REQUEST_JSON, headers, buf_str(&body));
	else
		(void)request_send(requests, conn, NULL);
	buf_fini(&body);
}

static void
refuse_outdated(struct requests *requests, struct fcgi_conn *conn, int64_t id)
{
	request_fail(requests, conn, PROBLEM_PRECONDITION_FAILED,
	    "message %" PRId64 " is not what If-Match names any more: read it again", id);
}

static void
changed(void *ctx, uint64_t handle, enum commit_outcome outcome, const struct message *m, int64_t id, int64_t at_ms)
{
	struct single *s = ctx;
	struct fcgi_conn *conn = fcgi_find(s->requests->fcgi, handle);

	if (conn == NULL)
		return; /* the client is gone */
	switch (outcome) {
	case COMMIT_STORED:
	case COMMIT_REPLAYED:
		reply_changed(s->requests, conn, outcome, m, id, at_ms);
		return;
	case COMMIT_SAME:
		reply_changed(s->requests, conn, outcome, m, id, 0);
		return;
	case COMMIT_GONE:
	case COMMIT_ABSENT:
		single_refuse_absent(s->requests, conn, m->f.changes);
		return;
	case COMMIT_OUTDATED:
		refuse_outdated(s->requests, conn, m->f.changes);
		return;
	default:
		send_failed(s->requests, s->gate, conn, outcome, m, id, at_ms);
	}
}

/* ---- who may ---- */

/* The message, or what is left of it. */
static const struct message *
subject(const struct asking *a)
{
	return a->one.message != NULL ? a->one.message : a->one.deletion;
}

/* Whether it is the asker's own: the key says so, or `by`. */
static bool
is_own(const struct asking *a, const struct pass *pass)
{
	const struct message *m = subject(a);

	return a->one.key_fits || (m->f.by.n > 0 && str_eq(m->f.by, pass->by));
}

/* Whether whoever sent it may still change it; a key has no time. */
static bool
in_time(const struct asking *a)
{
	return a->one.key_fits || clock_wall_ms() - subject(a)->f.at_ms <= a->s->edit_window_ms;
}

/* Whether it may be changed; false: answered. */
static bool
may_change(struct asking *a, struct fcgi_conn *conn)
{
	struct single *s = a->s;
	const struct pass *pass = slot_pass(conn);
	unsigned may = sight_may(pass->sight, subject(a)->f.room);
	bool own = is_own(a, pass);

	if (may & MAY_MODERATE)
		return true;
	if (!own && !(may & MAY_READ)) {
		single_refuse_absent(s->requests, conn, a->one.id);
		return false;
	}
	if (own && !(may & MAY_WRITE)) {
		gate_refuse_room(s->gate, conn, MAY_WRITE, subject(a)->f.room);
		return false;
	}
	if (own && in_time(a))
		return true;
	request_fail(s->requests, conn, PROBLEM_FORBIDDEN_MESSAGE,
	    own ? "message %" PRId64 " is older than its sender may change it (edit-window)"
	        : "message %" PRId64 " is another's: whoever was proven to have sent it, or presents its key "
	          "(If-Key), may change it, and whoever may moderate the room",
	    a->one.id);
	return false;
}

/* The change that is asked for, as a message; NULL without memory. */
static struct message *
make_change(const struct asking *a, const struct pass *pass)
{
	const struct message *m = subject(a);
	bool deletes = a->method == METHOD_DELETE;

	return message_new(&(struct message_fields){
	    .room = m->f.room,
	    .event = deletes ? MESSAGE_DELETED : MESSAGE_CHANGED,
	    .sender = pass->sender.n > 0 ? pass->sender : m->f.sender,
	    .by = pass->by,
	    .key = a->key,
	    .body = deletes ? STR("") : a->body,
	    .is_args = !deletes && a->is_args,
	    .format = a->format,
	    .changes = a->one.id,
	});
}

/* If-Match (RFC 9110 section 13.1.1); false: answered. */
static bool
precondition_ok(struct asking *a, struct fcgi_conn *conn)
{
	struct buf body;
	bool ok = a->if_match.n == 0;

	if (!ok && a->one.message != NULL) {
		buf_init(&body, SIZE_MAX);
		buf_add(&body, a->one.message->json);
		buf_add_char(&body, '\n');
		ok = buf_ok(&body) && request_matches(a->if_match, buf_str(&body));
		buf_fini(&body);
	}
	if (!ok)
		refuse_outdated(a->s->requests, conn, a->one.id);
	return ok;
}

void
single_change(struct asking *a, struct fcgi_conn *conn)
{
	struct single *s = a->s;
	struct pass *pass = slot_pass(conn);
	struct message *m;

	if (subject(a) == NULL || (a->one.message != NULL && a->one.message->f.changes > 0)) {
		single_refuse_absent(s->requests, conn, a->one.id);
		return;
	}
	if (!may_change(a, conn) || (a->one.message != NULL && !precondition_ok(a, conn)))
		return;
	m = make_change(a, pass);
	if (m != NULL && commit_add_change(s->commit, m, a->if_match.n > 0 ? a->one.revision : -1, pass, changed, s,
	                     a->errand.handle) == 0)
		return;
	message_drop(m);
	request_fail(s->requests, conn, PROBLEM_QUEUE_FULL,
	    "too many messages wait to be stored (queue-max, queue-bytes); nothing was changed");
}
