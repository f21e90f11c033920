#include "send.h"

#include <inttypes.h>

#include "live/commit.h"
#include "live/person.h"
#include "store/message.h"

static void
reply_stored(
    struct requests *requests, struct fcgi_conn *conn, bool replayed, struct str room, int64_t id, int64_t at_ms)
{
	struct str headers = replayed ? STR(REQUEST_NO_STORE_LINE "Idempotent-Replayed: true\r\n") : REQUEST_NO_STORE;
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

static void
sent(void *ctx, uint64_t handle, enum commit_outcome outcome, const struct message *m, int64_t id, int64_t at_ms)
{
	struct requests *requests = ((struct send *)ctx)->requests;
	struct fcgi_conn *conn = fcgi_find(requests->fcgi, handle);

	if (conn == NULL)
		return; /* the client is gone */
	switch (outcome) {
	case COMMIT_STORED:
	case COMMIT_REPLAYED:
		reply_stored(requests, conn, outcome == COMMIT_REPLAYED, m->f.room, id, at_ms);
		return;
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
	case COMMIT_SLOW:
		request_fail(requests, conn, PROBLEM_WRITE_TIMEOUT,
		    "a trigger in the database takes too long (write-timeout); nothing was stored");
		return;
	}
}

static void
queue(struct send *s, struct request *r, const struct draft *d)
{
	const struct draft_fields *f = &d->f;
	struct message *m = message_new(&(struct message_fields){
	    .room = f->has[DRAFT_ROOM] ? f->v[DRAFT_ROOM] : STR("main"),
	    .event = f->has[DRAFT_EVENT] ? f->v[DRAFT_EVENT] : STR("chat message"),
	    .sender = f->v[DRAFT_SENDER],
	    .key = f->v[DRAFT_KEY],
	    .body = d->has_args ? d->args : f->v[DRAFT_TEXT],
	    .is_args = d->has_args,
	    .attachments = d->attachments,
	    .n_attachments = d->attachments.n > 0,
	});

	if (m != NULL && commit_add(s->commit, m, sent, s, fcgi_handle(r->conn)) == 0)
		return;
	message_drop(m);
	request_fail(r->all, r->conn, PROBLEM_QUEUE_FULL,
	    "too many messages wait to be stored (queue-max, queue-bytes); nothing was stored");
}

/*
 * A page elsewhere may post a form or plain text without a preflight, so it must be refused here: any page that someone
 * behind the same firewall opens could write into the log. A browser that says itself whether the page is of our site
 * (Sec-Fetch-Site) knows better than a comparison with Host, which a proxy may have changed.
 */
static bool
origin_ok(const struct request *r)
{
	if (origins_let_in(&r->all->origins, origins_find(&r->all->origins, r->origin)))
		return true;
	if (str_eq(r->fetch_site, STR("same-origin")) || str_eq(r->fetch_site, STR("none")))
		return true;
	if (str_eq(r->fetch_site, STR("same-site")) || str_eq(r->fetch_site, STR("cross-site")))
		return false;
	return r->origin.n == 0 || origin_is_host(r->origin, r->host);
}

static void
refuse_origin(struct request *r)
{
	if (r->origin.n == 0)
		request_fail(
		    r->all, r->conn, PROBLEM_FORBIDDEN_ORIGIN, "a page of another site may not send here (--cors)");
	else
		request_fail(r->all, r->conn, PROBLEM_FORBIDDEN_ORIGIN,
		    "a page of origin '%.*s' may not send to '%.*s': --cors can let it in, and a proxy in front must "
		    "pass on "
		    "the Host that it was asked for",
		    STR_ARGS(request_shown(r->origin)), STR_ARGS(request_shown(r->host)));
}

static void
post(struct send *s, struct request *r)
{
	struct draft d = {.bad = false};

	if (person_ok(r) && draft_read(&d, r, &s->limits)) {
		if (d.bad)
			request_fail(r->all, r->conn, d.problem, "%s", d.detail);
		else
			queue(s, r, &d);
	}
	draft_fini(&d);
}

void
send_request(struct send *s, struct request *r)
{
	if (origin_ok(r))
		post(s, r);
	else
		refuse_origin(r);
}
