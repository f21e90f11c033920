/*
 * POST /send in its forms: JSON, a form, plain text, octets, with what the query and the headers say.
 *
 * What is accepted passes the rules of the database, with the very same values; the same fields said as JSON and as a
 * form are the same message; and of JSON, SQLite reads the same text. An input is a request as stub_read() reads it.
 */
#include "api/send.h"

#include "event/loop.h"
#include "live/gate.h"
#include "route.h"
#include "store/schema.h"
#include "stub.h"

enum { BODY_MAX = 5000, MESSAGE_MAX_BYTES = 4000, DEPTH_MAX = 20 };

static struct requests requests;
static struct gate gate = {.requests = &requests};
static struct send sender = {.requests = &requests,
    .gate = &gate,
    .limits = {.body_max = BODY_MAX, .message_max = MESSAGE_MAX_BYTES, .depth_max = DEPTH_MAX}};
static const struct routes routes = {.send = &sender, .gate = &gate};
static struct str sent;          /* the request that is being handled, */
static struct fcgi_request from; /* and what it was read as */
static sqlite3 *db;
static sqlite3_stmt *insert, *text_of, *args_of;

static void
open_database(void)
{
	MUST(sqlite3_open(":memory:", &db) == SQLITE_OK);
	for (int i = 0; i < schema_version; i++)
		MUST(sqlite3_exec(db, schema_steps[i], NULL, NULL, NULL) == SQLITE_OK);
	MUST(sqlite3_prepare_v2(db,
	         "INSERT INTO messages(room, event, sender, text, args, attachments, key)"
	         " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7) RETURNING room, event, sender, coalesce(text, args), key",
	         -1, &insert, NULL) == SQLITE_OK);
	MUST(sqlite3_prepare_v2(db, "SELECT ?1 ->> '$.text'", -1, &text_of, NULL) == SQLITE_OK);
	MUST(sqlite3_prepare_v2(db, "SELECT json(?1 -> '$.args') IS json(?2)", -1, &args_of, NULL) == SQLITE_OK);
}

static void
bind(sqlite3_stmt *stmt, int i, struct str s)
{
	sqlite3_bind_text64(stmt, i, s.n == 0 ? "" : s.p, s.n, SQLITE_STATIC, SQLITE_UTF8);
}

static void
check_column(int i, struct str want)
{
	MUST((size_t)sqlite3_column_bytes(insert, i) == want.n);
	MUST(want.n == 0 || memcmp(sqlite3_column_blob(insert, i), want.p, want.n) == 0);
}

/* No rule of the database refuses it, and what it keeps is what was given. */
static void
check_insert(const struct message_fields *f)
{
	MUST(sqlite3_exec(db, "BEGIN", NULL, NULL, NULL) == SQLITE_OK);
	sqlite3_clear_bindings(insert);
	bind(insert, 1, f->room);
	bind(insert, 2, f->event);
	bind(insert, 3, f->sender);
	bind(insert, f->is_args ? 5 : 4, f->body);
	sqlite3_bind_int(insert, 6, (int)f->n_attachments);
	if (f->key.n > 0)
		bind(insert, 7, f->key);
	MUST(sqlite3_step(insert) == SQLITE_ROW);
	check_column(0, f->room);
	check_column(1, f->event);
	check_column(2, f->sender);
	check_column(3, f->body);
	check_column(4, f->key);
	sqlite3_reset(insert);
	MUST(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL) == SQLITE_OK);
}

static void
on_ended(struct fcgi_conn *c)
{
	gate_ended(&gate, c);
}

/* For the first time, or once more after a look. */
static void
handle(struct fcgi_conn *c)
{
	struct request r;

	from = (struct fcgi_request){.conn = c};
	stub_read(&from, sent);
	request_init(&r, &requests, &from, sizeof c->slot);
	r.path = STR("/send");
	route_request(&routes, &r, &from);
}

/* An open log, and persons without limits. */
static void
open_gate(void)
{
	struct limits limits;

	limits_init(&limits);
	for (enum person_class class = 0; class < PERSON_CLASSES; class ++)
		for (enum limit l = 0; l < LIMITS; l++)
			limits.v[class][l].off = true;
	gate.loop = loop_new();
	gate.persons = persons_new(&limits, 64);
	MUST(gate.loop != NULL && gate.persons != NULL);
	gate.access = access_new(&(struct access_options){.persons = gate.persons});
	MUST(gate.access != NULL);
	gate_init(&gate);
	stub.resumed = handle;
	stub.ended = on_ended;
}

/* Sends what is in text; the message, or NULL: answered with an error. */
static struct message *
post(struct str text, const struct fcgi_request **request)
{
	struct fcgi_conn *c = stub_open(0);
	unsigned answers = stub.answers;

	sent = text;
	handle(c);
	*request = &from;
	while (stub.n_looks > 0) {
		struct stub_look look = stub.looks[--stub.n_looks];

		look.fn(look.ctx, look.handle, true);
	}
	if (stub.n_sends == 0) {
		MUST(stub.answers == answers + 1 && !c->open);
		return NULL;
	}
	MUST(stub.n_sends == 1 && stub.answers == answers && c->open);
	return stub.sends[0].message;
}

/* Ends what post() began: each outcome has an answer. */
static void
finish(enum commit_outcome outcome)
{
	struct stub_send send = stub_take_send();

	send.fn(send.ctx, send.handle, outcome, send.message, 7, 1700000000000);
	MUST(!stub.conns[0].open);
	MUST(stub.answer.status == (outcome == COMMIT_STORED        ? 201
	                               : outcome == COMMIT_REPLAYED ? 200
	                                                            : stub.answer.status));
	message_drop(send.message);
}

static void
check_same(const struct message_fields *f, struct str text)
{
	const struct fcgi_request *request;
	struct message *m = post(text, &request);

	MUST(m != NULL && m->f.is_args == f->is_args);
	MUST(str_eq(m->f.room, f->room) && str_eq(m->f.event, f->event) && str_eq(m->f.sender, f->sender));
	MUST(str_eq(m->f.key, f->key) && str_eq(m->f.body, f->body));
	MUST(m->f.n_attachments == f->n_attachments);
	finish(COMMIT_REPLAYED);
}

static void
add_member(struct buf *b, const char *name, struct str value)
{
	buf_printf(b, "%s\"%s\":", b->p[b->n - 1] == '{' ? "" : ",", name);
	buf_add_json(b, value);
}

static void
add_field(struct buf *b, const char *name, struct str value)
{
	static const char digits[] = "0123456789abcdef";

	buf_printf(b, "%s=", name);
	for (size_t i = 0; i < value.n; i++) {
		buf_add_char(b, '%');
		buf_add_char(b, digits[(unsigned char)value.p[i] / 16]);
		buf_add_char(b, digits[(unsigned char)value.p[i] % 16]);
	}
	buf_add_char(b, '&');
}

/* The same message said in the two other ways. */
static void
check_forms(const struct message_fields *f)
{
	struct buf b;

	if (f->n_attachments > 0)
		return;
	buf_init(&b, SIZE_MAX);
	buf_add(&b, STR("POST\x1F/send\x1F"
	                "CONTENT_TYPE=Application/JSON; charset=utf-8\x1F\x1F{"));
	add_member(&b, "room", f->room);
	add_member(&b, "event", f->event);
	add_member(&b, "sender", f->sender);
	if (f->key.n > 0)
		add_member(&b, "key", f->key);
	if (f->is_args) {
		buf_add(&b, STR(",\"args\":"));
		buf_add(&b, f->body);
	} else if (f->body.n == 0)
		buf_add(&b, STR(",\"args\":[\"\"]"));
	else
		add_member(&b, "text", f->body);
	buf_add_char(&b, '}');
	if (b.n < BODY_MAX)
		check_same(f, buf_str(&b));
	buf_reset(&b, SIZE_MAX);
	if (!f->is_args && f->body.n > 0) {
		buf_add(&b, STR("POST\x1F/send\x1F"
		                "CONTENT_TYPE=application/x-www-form-urlencoded\x1F\x1F"));
		add_field(&b, "room", f->room);
		add_field(&b, "event", f->event);
		add_field(&b, "sender", f->sender);
		if (f->key.n > 0)
			add_field(&b, "key", f->key);
		add_field(&b, "text", f->body);
		if (b.n < BODY_MAX)
			check_same(f, buf_str(&b));
	}
	buf_fini(&b);
}

/* Where the body is JSON, SQLite finds the same in it. It ends a string at \u0000, and knows no other escape that we
 * do not. */
static void
check_json(const struct fcgi_request *from, const struct message_fields *f)
{
	bool json = false;

	for (size_t i = 0; i < from->n_params; i++)
		if (str_eq(from->params[i].name, STR("CONTENT_TYPE")))
			json = str_eq(from->params[i].value, STR("application/json"));
	if (!json || f->n_attachments > 0)
		return;
	for (size_t i = 0; i + 1 < from->body.n; i++)
		if (from->body.p[i] == '\\' && from->body.p[i + 1] == 'u')
			return;
	if (f->is_args) {
		bind(args_of, 1, from->body);
		bind(args_of, 2, f->body);
		MUST(sqlite3_step(args_of) == SQLITE_ROW && sqlite3_column_int(args_of, 0) == 1);
		sqlite3_reset(args_of);
		return;
	}
	bind(text_of, 1, from->body);
	MUST(sqlite3_step(text_of) == SQLITE_ROW);
	/* Arguments of one string are a text. */
	if (sqlite3_column_type(text_of, 0) != SQLITE_NULL)
		MUST((size_t)sqlite3_column_bytes(text_of, 0) == f->body.n &&
		     memcmp(sqlite3_column_blob(text_of, 0), f->body.p, f->body.n) == 0);
	sqlite3_reset(text_of);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static const struct origins origins[] = {{.any = false}, {.any = true},
	    {.n = 2, .named = {{"https://chat.example", 20}, {"capacitor://localhost", 21}}}, {.any = false}};
	const struct fcgi_request *request;
	struct message *m, *kept;

	if (n == 0)
		return 0;
	if (db == NULL) {
		open_database();
		open_gate();
	}
	requests.origins = origins[bytes[0] & 3];
	m = post((struct str){(const char *)bytes + 1, n - 1}, &request);
	if (m == NULL)
		return 0;
	kept = message_hold(m);
	/* Only arguments may be one empty string. */
	MUST(kept->f.body.n > 0 || memmem(request->body.p, request->body.n, "args", 4) != NULL);
	MUST(kept->f.body.n <= MESSAGE_MAX_BYTES);
	check_json(request, &kept->f);
	finish((enum commit_outcome)(bytes[0] >> 2) % (COMMIT_NO_DISK_SPACE + 1));
	check_insert(&kept->f);
	check_forms(&kept->f);
	MUST(message_encode(kept) == 0 && answer_valid_for_sqlite(kept->json));
	message_drop(kept);
	return 0;
}
