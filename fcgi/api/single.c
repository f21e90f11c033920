#include <inttypes.h>
#include <stdlib.h>

#include "access/access.h"
#include "base/container.h"
#include "live/gate.h"
#include "live/room.h"
#include "single_state.h"

static struct asking *
asking_of(struct errand *e)
{
	return CONTAINER(e, struct asking, errand);
}

void
single_refuse_absent(struct requests *requests, struct fcgi_conn *conn, int64_t id)
{
	request_fail(requests, conn, PROBLEM_NOT_FOUND,
	    "there is no message %" PRId64 " (any more), or you may not read it", id);
}

static void
reply_message(struct asking *a, struct fcgi_conn *conn)
{
	const struct message *m = a->one.message;
	struct buf body;

	if (m == NULL || !(sight_may(slot_pass(conn)->sight, m->f.room) & MAY_READ)) {
		single_refuse_absent(a->s->requests, conn, a->one.id);
		return;
	}
	buf_init(&body, SIZE_MAX);
	buf_add(&body, m->json);
	buf_add_char(&body, '\n');
	if (buf_ok(&body))
		request_tagged(a->s->requests, conn, a->if_none_match, buf_str(&body));
	else
		request_fail(a->s->requests, conn, PROBLEM_INTERNAL, "no memory for the answer");
	buf_fini(&body);
}

/* ---- reading it ---- */

static void
answer(struct errand *e, struct fcgi_conn *conn, enum store_status status)
{
	struct asking *a = asking_of(e);

	if (status != STORE_OK)
		request_fail(a->s->requests, conn, PROBLEM_STORE_FAILED, "the database cannot be read");
	else if (a->method == METHOD_PATCH || a->method == METHOD_DELETE)
		single_change(a, conn);
	else
		reply_message(a, conn);
}

static struct read *
ask_reader(struct errand *e)
{
	struct asking *a = asking_of(e);

	a->one.access_version = access_version(a->s->gate->access);
	return readers_one(a->s->readers, &a->one, &e->turn, errand_done, e);
}

static void
forget(struct errand *e)
{
	store_one_fini(&asking_of(e)->one);
}

static void
asking_free(struct errand *e)
{
	struct asking *a = asking_of(e);

	buf_fini(&a->strings);
	free(a);
}

static const struct errand_kind KIND = {.ask = ask_reader, .answer = answer, .forget = forget, .free = asking_free};

/* With copies of what views the request; NULL without memory. draft: of an edit, or NULL. */
static struct asking *
asking_new(struct single *s, struct request *r, int64_t id, const struct draft *d)
{
	struct str body = d == NULL ? STR("") : d->has_args ? d->args : d->f.v[DRAFT_TEXT];
	struct str key = d == NULL ? r->idempotency_key : d->f.v[DRAFT_KEY];
	size_t room = r->if_match.n + r->if_none_match.n + r->if_key.n + key.n + body.n + 1;
	struct asking *a = calloc(1, sizeof *a);

	if (a == NULL)
		return NULL;
	*a = (struct asking){.s = s, .method = r->method, .one.id = id};
	errand_init(&a->errand, &KIND, s->gate, r->conn);
	buf_init(&a->strings, room);
	if (!buf_reserve(&a->strings, room)) {
		free(a);
		return NULL;
	}
	a->if_match = buf_keep(&a->strings, r->if_match);
	a->if_none_match = buf_keep(&a->strings, r->if_none_match);
	a->if_key = a->one.key = buf_keep(&a->strings, r->if_key);
	a->key = buf_keep(&a->strings, key);
	a->body = buf_keep(&a->strings, body);
	a->is_args = d != NULL && d->has_args;
	a->format = d == NULL ? MESSAGE_AS_IT_IS : d->format;
	return a;
}

/*
 * A change of what memory has need not wait for a reader: beside those who send the reading cost as much as the change.
 * Whether it is still there, the writer sees. What is said of it is read from the log.
 */
static bool
in_memory(struct asking *a)
{
	struct message *m;

	if ((a->method != METHOD_PATCH && a->method != METHOD_DELETE) || a->if_match.n > 0)
		return false;
	m = rooms_message(a->s->rooms, a->one.id);
	if (m == NULL || (a->if_key.n > 0 && !str_eq(a->if_key, m->f.key)))
		return false;
	a->one.message = message_hold(m);
	a->one.key_fits = a->if_key.n > 0;
	return true;
}

static void
ask(struct single *s, struct request *r, int64_t id, const struct draft *d)
{
	struct asking *a = asking_new(s, r, id, d);

	if (a == NULL) {
		request_fail(r->all, r->conn, PROBLEM_BUSY, "no memory for another request");
	} else if (in_memory(a)) {
		single_change(a, r->conn);
		errand_end(&a->errand);
	} else
		errand_read(&a->errand);
}

/* ---- the request ---- */

/* An edit says what the message is to say, and nothing else; false: answered. */
static bool
edit_ok(struct request *r, const struct draft *d)
{
	static const struct {
		enum draft_field field;
		const char *name;
	} fixed[] = {{DRAFT_ROOM, "room"}, {DRAFT_SENDER, "sender"}, {DRAFT_EVENT, "event"}};

	if (d->bad) {
		request_fail(r->all, r->conn, d->problem, "%s", d->detail);
		return false;
	}
	for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++)
		if (d->f.has[fixed[i].field]) {
			request_fail(r->all, r->conn, PROBLEM_BAD_FIELD,
			    "'%s' of a message cannot be changed; give 'text' or 'args' alone", fixed[i].name);
			return false;
		}
	if (d->attachments.n > 0) {
		request_fail(r->all, r->conn, PROBLEM_BAD_FIELD, "a message cannot be changed into a file");
		return false;
	}
	return true;
}

static void
edit(struct single *s, struct request *r, int64_t id)
{
	struct draft d = {.bad = false};

	if (gate_take(s->gate, r, GATE_SEND | GATE_READ) && draft_read(&d, r, &s->limits) && edit_ok(r, &d))
		ask(s, r, id, &d);
	draft_fini(&d);
}

/* Of a request without a body to be read; false: answered. */
static bool
key_ok(struct request *r)
{
	struct str key = r->idempotency_key;

	if (key.n <= MESSAGE_KEY_MAX && str_utf8(key))
		return true;
	request_fail(r->all, r->conn, PROBLEM_BAD_PARAMETER, "'key' must be 1 to %d bytes of UTF-8, not %zu",
	    MESSAGE_KEY_MAX, key.n);
	return false;
}

void
single_request(struct single *s, struct request *r)
{
	static const char *const known[] = {NULL};
	struct str number = str_skip(r->path, STR("/messages/").n);
	struct query q;
	uint64_t id;

	if (!str_uint(number, (uint64_t)MESSAGE_ID_MAX, &id) || id == 0) {
		request_fail(r->all, r->conn, PROBLEM_NOT_FOUND, "'%.*s' is no id of a message: /messages/ID",
		    STR_ARGS(request_shown(number)));
		return;
	}
	if (r->method == METHOD_PATCH) {
		edit(s, r, (int64_t)id);
		return;
	}
	if (!gate_take(s->gate, r, r->method == METHOD_DELETE ? GATE_SEND | GATE_READ : GATE_READ) ||
	    !request_query(r, &q, known, NULL))
		return;
	query_fini(&q);
	if (key_ok(r))
		ask(s, r, (int64_t)id, NULL);
}
