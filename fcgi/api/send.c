#include "send.h"

#include <inttypes.h>

#include "live/commit.h"
#include "live/gate.h"
#include "store/message.h"

static void
reply_stored(
    struct requests *requests, struct fcgi_conn *conn, bool replayed, struct str room, int64_t id, int64_t at_ms)
{
	struct str headers = replayed ? SEND_REPLAYED : REQUEST_NO_STORE;
	char at[MESSAGE_TIME_SIZE];
	struct buf body;

	message_time(at_ms, at);
	buf_init(&body, SIZE_MAX);
	buf_add(&body, STR("{\"id\":"));
	buf_add_int(&body, id);
	buf_add(&body, STR(",\"room\":\""));
	buf_add(&body, room);
	buf_add(&body, STR("\",\"at\":\""));
	buf_add(&body, str_of(at));
	buf_add(&body, STR("\"}\n"));
	if (buf_ok(&body))
		request_reply(requests, conn, replayed ? 200 : 201, REQUEST_JSON, headers, buf_str(&body));
	else
		(void)request_send(requests, conn, NULL);
	buf_fini(&body);
}

enum { FULL_RETRY_S = 60 };

void
send_failed(struct requests *requests, struct gate *gate, struct fcgi_conn *conn, enum commit_outcome outcome,
    const struct message *m, int64_t id, int64_t at_ms)
{
	switch (outcome) {
	case COMMIT_STORED:
	case COMMIT_REPLAYED:
	case COMMIT_SAME:
	case COMMIT_GONE:
	case COMMIT_ABSENT:
	case COMMIT_OUTDATED:
		return; /* no failures, or a change's own */
	case COMMIT_KEY_CONFLICT:
		request_fail(requests, conn, PROBLEM_KEY_CONFLICT,
		    "key '%.*s' was used in room '%.*s' for another message, of id %" PRId64, STR_ARGS(m->f.key),
		    STR_ARGS(m->f.room), id);
		return;
	case COMMIT_REFUSED:
		request_fail(
		    requests, conn, PROBLEM_BAD_FIELD, "the database's rules refuse this message; nothing was stored");
		return;
	case COMMIT_FULL:
		request_fail(requests, conn, PROBLEM_DISK_FULL, "the disk is full; nothing was stored");
		return;
	case COMMIT_FAILED:
		request_fail(requests, conn, PROBLEM_STORE_FAILED,
		    "the database cannot be written; nobody has seen the message");
		return;
	case COMMIT_LOCKED:
		request_fail(requests, conn, PROBLEM_DATABASE_LOCKED,
		    "another program holds the database's lock or removed its file; nothing was stored");
		return;
	case COMMIT_REVOKED:
		gate_refuse_pass(gate, conn, "this token was revoked, or has expired; nothing was stored");
		return;
	case COMMIT_FORBIDDEN:
		gate_refuse_room(gate, conn, MAY_WRITE, m->f.room);
		return;
	case COMMIT_SENDER_TAKEN:
		request_fail(requests, conn, PROBLEM_SENDER_TAKEN,
		    "sender '%.*s' is somebody's name: choose another, or prove it by a token; nothing was stored",
		    STR_ARGS(m->f.sender));
		return;
	case COMMIT_NEW_ROOM:
		gate_refuse_rate(gate, conn, LIMIT_NEW_ROOMS, at_ms);
		return;
	case COMMIT_ROOMS_FULL:
		request_fail_for_now(requests, conn, PROBLEM_STORAGE_FULL, FULL_RETRY_S, "rooms-max",
		    "there are as many rooms as may be (rooms-max), so '%.*s' cannot be made; nothing was stored",
		    STR_ARGS(m->f.room));
		return;
	case COMMIT_NO_DISK_SPACE:
		request_fail_for_now(requests, conn, PROBLEM_STORAGE_FULL, FULL_RETRY_S, "disk-free-min",
		    "the disk has too little space left (disk-free-min); nothing was stored");
		return;
	case COMMIT_SLOW:
		request_fail(requests, conn, PROBLEM_WRITE_TIMEOUT,
		    "a trigger in the database takes too long (write-timeout); nothing was stored");
		return;
	}
}

static void
sent(void *ctx, uint64_t handle, enum commit_outcome outcome, const struct message *m, int64_t id, int64_t at_ms)
{
	struct send *s = ctx;
	struct fcgi_conn *conn = fcgi_find(s->requests->fcgi, handle);

	if (conn == NULL)
		return; /* the client is gone */
	if (outcome == COMMIT_STORED || outcome == COMMIT_REPLAYED)
		reply_stored(s->requests, conn, outcome == COMMIT_REPLAYED, m->f.room, id, at_ms);
	else
		send_failed(s->requests, s->gate, conn, outcome, m, id, at_ms);
}

/* Whose name it has: what was proven wins over what the request says. */
static struct str
sender_of(const struct pass *pass, const struct draft *d)
{
	return pass->sender.n > 0 ? pass->sender : d->f.v[DRAFT_SENDER];
}

static void
queue(struct send *s, struct request *r, const struct draft *d)
{
	const struct draft_fields *f = &d->f;
	struct pass *pass = slot_pass(r->conn);
	struct str room = f->has[DRAFT_ROOM] ? f->v[DRAFT_ROOM] : STR("main");
	struct message *m;

	if (!gate_may(s->gate, r, MAY_WRITE, room))
		return;
	m = message_new(&(struct message_fields){
	    .room = room,
	    .event = f->has[DRAFT_EVENT] ? f->v[DRAFT_EVENT] : STR("chat message"),
	    .sender = sender_of(pass, d),
	    .by = pass->by,
	    .key = f->v[DRAFT_KEY],
	    .body = d->has_args ? d->args : f->v[DRAFT_TEXT],
	    .is_args = d->has_args,
	    .format = d->format == MESSAGE_MARKDOWN ? MESSAGE_MARKDOWN : MESSAGE_AS_IT_IS,
	    .attachments = d->attachments,
	    .n_attachments = d->attachments.n > 0,
	});

	if (m != NULL && commit_add(s->commit, m, pass, sent, s, fcgi_handle(r->conn)) == 0)
		return;
	message_drop(m);
	request_fail(r->all, r->conn, PROBLEM_QUEUE_FULL,
	    "too many messages wait to be stored (queue-max, queue-bytes); nothing was stored");
}

void
send_request(struct send *s, struct request *r)
{
	struct draft d = {.bad = false};

	if (gate_take(s->gate, r, GATE_SEND) && draft_read(&d, r, &s->limits)) {
		if (d.bad)
			request_fail(r->all, r->conn, d.problem, "%s", d.detail);
		else
			queue(s, r, &d);
	}
	draft_fini(&d);
}
