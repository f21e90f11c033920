/*
 * stub: what stands below the handlers, for fuzz targets that drive them without a socket, a database or a thread.
 *
 * The linker's --wrap leads the calls here (see the Makefile); the readers are these, so that readers.c is not linked
 * at all. A connection is a slot and a state; what is handed to the commit queue, the readers or a look is kept until
 * the target lets it be done.
 */
#ifndef STUB_H
#define STUB_H

#include "access/access.h"
#include "answer.h"
#include "live/commit.h"
#include "store/disk.h"
#include "store/readers.h"
#include "web/fcgi.h"
#include "web/record.h"
#include "web/request.h"

enum { STUB_CONNS = 8, STUB_WAITING_MAX = 64 };

struct fcgi_conn {
	bool open, postponed;
	bool streaming, blocked; /* a part of its answer was given; not all of that was taken */
	uint32_t serial;
	_Alignas(8) char slot[256];
};

struct stub_send {
	struct message *message;
	commit_sent_fn *fn;
	void *ctx;
	uint64_t handle;
};

struct stub_look {
	commit_looked_fn *fn;
	void *ctx;
	uint64_t handle;
};

/* What is read: one of these questions, or a tail. */
struct read {
	struct store_poll *poll;
	struct store_page *page;
	struct store_list *list;
	struct store_missed *missed;
	struct store_one *one;
	readers_done_fn *done;
	void *ctx;
	bool cancelled;
};

/* Everything that was asked of the outside. */
static struct stub {
	struct fcgi_conn conns[STUB_CONNS];
	struct names names;
	struct answer answer; /* the last one; its views end with the call */
	unsigned answers;
	void (*answered)(struct str cgi);     /* sees each answer; may be NULL */
	void (*resumed)(struct fcgi_conn *c); /* a request that was put off comes again */
	void (*ended)(struct fcgi_conn *c);   /* it is answered; may be NULL */
	struct stub_send sends[STUB_WAITING_MAX];
	struct stub_look looks[STUB_WAITING_MAX];
	struct read *reads[STUB_WAITING_MAX];
	size_t n_sends, n_looks, n_reads;
	int64_t missed;
	bool not_current, lost; /* memory is not true; the next answer does not get away */
	bool blocking;          /* parts are not taken at once */
	int64_t now_ms;
} stub;

void *__wrap_fcgi_slot(struct fcgi_conn *c);
struct fcgi_conn *__wrap_fcgi_of_slot(void *slot);
uint64_t __wrap_fcgi_handle(const struct fcgi_conn *c);
struct fcgi_conn *__wrap_fcgi_find(struct fcgi *f, uint64_t handle);
bool __wrap_fcgi_reply(struct fcgi *f, struct fcgi_conn *c, struct blob *reply);
enum output_result __wrap_fcgi_more(struct fcgi *f, struct fcgi_conn *c, struct blob *part);
void __wrap_fcgi_end(struct fcgi *f, struct fcgi_conn *c);
struct fcgi_counts __wrap_fcgi_counts(const struct fcgi *f);
bool __wrap_disk_full(struct disk *d);
struct disk_counts __wrap_disk_counts(const struct disk *d);
bool __wrap_fcgi_postpone(struct fcgi *f, struct fcgi_request *r);
void __wrap_fcgi_resume(struct fcgi *f, struct fcgi_conn *c);
int __wrap_commit_add(
    struct commit *c, struct message *m, struct pass *pass, commit_sent_fn *fn, void *ctx, uint64_t handle);
int __wrap_commit_add_change(struct commit *c, struct message *m, int64_t revision, struct pass *pass,
    commit_sent_fn *fn, void *ctx, uint64_t handle);
int __wrap_commit_look(struct commit *c, commit_looked_fn *fn, void *ctx, uint64_t handle);
int __wrap_commit_probe(struct commit *c, commit_looked_fn *fn, void *ctx, uint64_t handle);
int __wrap_commit_want_index(struct commit *c, int64_t wait_ms, commit_looked_fn *fn, void *ctx, uint64_t handle);
bool __wrap_commit_current(struct commit *c);
int64_t __wrap_commit_indexed(const struct commit *c);
struct commit_counts __wrap_commit_counts(const struct commit *c);
bool __wrap_commit_crowded(const struct commit *c);
struct readers_counts __wrap_readers_counts(struct readers *r);
int64_t __wrap_clock_ms(void);

void *
__wrap_fcgi_slot(struct fcgi_conn *c)
{
	return c->slot;
}

struct fcgi_conn *
__wrap_fcgi_of_slot(void *slot)
{
	return CONTAINER(slot, struct fcgi_conn, slot);
}

uint64_t
__wrap_fcgi_handle(const struct fcgi_conn *c)
{
	return (uint64_t)c->serial << 32 | (uint64_t)(c - stub.conns);
}

struct fcgi_conn *
__wrap_fcgi_find(struct fcgi *f, uint64_t handle)
{
	struct fcgi_conn *c = &stub.conns[(uint32_t)handle];

	(void)f;
	return c->open && c->serial == (uint32_t)(handle >> 32) ? c : NULL;
}

/* The CGI answer that is in the records of a reply, or (not whole) a part of it. */
static inline void
stub_unframe(struct buf *cgi, struct str records, bool whole)
{
	bool ended = false;

	while (records.n > 0) {
		size_t n;

		MUST(!ended && records.n >= 8 && records.p[0] == 1 && records.p[3] == 1 && records.p[6] == 0);
		n = (size_t)(unsigned char)records.p[4] << 8 | (unsigned char)records.p[5];
		MUST(records.n >= 8 + n);
		ended = records.p[1] == 3;
		MUST(ended ? n == 8 && records.p[12] == 0 : records.p[1] == 6 && n > 0);
		if (!ended)
			buf_add(cgi, (struct str){records.p + 8, n});
		records = str_skip(records, 8 + n);
	}
	MUST(ended == whole && buf_ok(cgi));
}

bool
__wrap_fcgi_reply(struct fcgi *f, struct fcgi_conn *c, struct blob *reply)
{
	struct buf cgi;
	bool good = !stub.lost;

	(void)f;
	MUST(c->open && !c->postponed && !c->streaming && reply != NULL);
	c->open = false;
	stub.lost = false;
	stub.answers++;
	buf_init(&cgi, SIZE_MAX);
	stub_unframe(&cgi, (struct str){reply->p, reply->n}, true);
	stub.answer = answer_check(buf_str(&cgi));
	names_learn_all(&stub.names, &stub.answer);
	if (stub.answered != NULL)
		stub.answered(buf_str(&cgi));
	buf_fini(&cgi);
	blob_drop(reply);
	if (stub.ended != NULL)
		stub.ended(c);
	return good;
}

/* It is over, and nobody else is told. */
static inline void
stub_end(struct fcgi_conn *c)
{
	c->open = c->streaming = c->blocked = false;
	if (stub.ended != NULL)
		stub.ended(c);
}

enum output_result
__wrap_fcgi_more(struct fcgi *f, struct fcgi_conn *c, struct blob *part)
{
	struct buf cgi;

	(void)f;
	MUST(c->open && !c->postponed && !c->blocked && part != NULL);
	buf_init(&cgi, SIZE_MAX);
	stub_unframe(&cgi, (struct str){part->p, part->n}, false);
	MUST(str_utf8(buf_str(&cgi)) && cgi.p[cgi.n - 1] == '\n');
	if (!c->streaming)
		MUST(answer_check(buf_str(&cgi)).goes_on);
	buf_fini(&cgi);
	blob_drop(part);
	c->streaming = true;
	if (stub.lost) {
		stub.lost = false;
		stub_end(c);
		return OUTPUT_GONE;
	}
	c->blocked = stub.blocking;
	return c->blocked ? OUTPUT_BLOCKED : OUTPUT_SENT;
}

void
__wrap_fcgi_end(struct fcgi *f, struct fcgi_conn *c)
{
	(void)f;
	MUST(c->open && c->streaming);
	stub_end(c);
}

bool
__wrap_fcgi_postpone(struct fcgi *f, struct fcgi_request *r)
{
	(void)f;
	MUST(r->conn->open && !r->conn->postponed);
	r->conn->postponed = true;
	return true;
}

void
__wrap_fcgi_resume(struct fcgi *f, struct fcgi_conn *c)
{
	(void)f;
	MUST(c->open && c->postponed);
	c->postponed = false;
	stub.resumed(c);
}

struct fcgi_counts
__wrap_fcgi_counts(const struct fcgi *f)
{
	(void)f;
	return (struct fcgi_counts){.requests = stub.answers};
}

/* What is handed to the database is what its rules allow. */
static inline void
stub_check_message(const struct message_fields *f)
{
	struct str list = f->attachments, base64;
	unsigned n = 0;

	MUST(message_room_ok(f->room));
	MUST(f->changes > 0 ? message_event_changes(f->event) : message_event_ok(f->event));
	MUST(f->sender.n <= MESSAGE_SENDER_MAX && str_utf8(f->sender));
	MUST(f->key.n <= MESSAGE_KEY_MAX && str_utf8(f->key) && str_utf8(f->body));
	MUST(!f->is_args ||
	     (json_array(f->body, ANSWER_DEPTH_MAX, NULL, NULL) == JSON_OK && answer_valid_for_sqlite(f->body)));
	while (message_next_attachment(&list, &base64)) {
		MUST(answer_base64(base64));
		n++;
	}
	MUST(n == f->n_attachments && n <= PACKET_ATTACHMENTS_MAX && (n == 0 || f->is_args));
}

static inline int
stub_queue(struct stub_send send)
{
	stub_check_message(&send.message->f);
	if (stub.n_sends == STUB_WAITING_MAX)
		return -1;
	stub.sends[stub.n_sends++] = send;
	return 0;
}

int
__wrap_commit_add(
    struct commit *c, struct message *m, struct pass *pass, commit_sent_fn *fn, void *ctx, uint64_t handle)
{
	(void)c;
	MUST(pass == NULL || (!pass->revoked && sight_may(pass->sight, m->f.room) & MAY_WRITE));
	return stub_queue((struct stub_send){m, fn, ctx, handle});
}

int
__wrap_commit_add_change(struct commit *c, struct message *m, int64_t revision, struct pass *pass, commit_sent_fn *fn,
    void *ctx, uint64_t handle)
{
	(void)c;
	MUST(m->f.changes > 0 && m->f.n_attachments == 0 && revision >= -1);
	MUST(pass != NULL && !pass->revoked && sight_may(pass->sight, m->f.room) & (MAY_WRITE | MAY_MODERATE));
	return stub_queue((struct stub_send){m, fn, ctx, handle});
}

int
__wrap_commit_look(struct commit *c, commit_looked_fn *fn, void *ctx, uint64_t handle)
{
	(void)c;
	if (stub.n_looks == STUB_WAITING_MAX)
		return -1;
	stub.looks[stub.n_looks++] = (struct stub_look){fn, ctx, handle};
	return 0;
}

int
__wrap_commit_probe(struct commit *c, commit_looked_fn *fn, void *ctx, uint64_t handle)
{
	return __wrap_commit_look(c, fn, ctx, handle);
}

int
__wrap_commit_want_index(struct commit *c, int64_t wait_ms, commit_looked_fn *fn, void *ctx, uint64_t handle)
{
	MUST(wait_ms >= 0);
	return __wrap_commit_look(c, fn, ctx, handle);
}

bool
__wrap_commit_current(struct commit *c)
{
	(void)c;
	return !stub.not_current;
}

int64_t
__wrap_commit_indexed(const struct commit *c)
{
	(void)c;
	return stub.missed;
}

bool
__wrap_commit_crowded(const struct commit *c)
{
	(void)c;
	return false;
}

struct commit_counts
__wrap_commit_counts(const struct commit *c)
{
	(void)c;
	return (struct commit_counts){.queued = stub.n_sends};
}

bool
__wrap_disk_full(struct disk *d)
{
	(void)d;
	return stub.missed == 3;
}

struct disk_counts
__wrap_disk_counts(const struct disk *d)
{
	(void)d;
	return (struct disk_counts){0};
}

struct readers_counts
__wrap_readers_counts(struct readers *r)
{
	(void)r;
	return (struct readers_counts){.pages.waiting = stub.n_reads};
}

static inline struct read *
stub_add_read(struct read asked)
{
	struct read *read;

	if (stub.n_reads == STUB_WAITING_MAX)
		return NULL;
	read = malloc(sizeof *read);
	MUST(read != NULL);
	*read = asked;
	stub.reads[stub.n_reads++] = read;
	return read;
}

static inline void
stub_check_rooms(const struct store_rooms *rooms)
{
	MUST(rooms->all || (rooms->n >= 1 && rooms->n <= STORE_ROOMS_MAX));
	for (size_t i = 0; i < rooms->n && !rooms->all; i++)
		MUST(message_room_ok(rooms->names[i]));
}

struct read *
readers_poll(struct readers *r, struct store_poll *p, struct read_turn *turn, readers_done_fn *done, void *ctx)
{
	(void)r, (void)turn;
	stub_check_rooms(&p->rooms);
	MUST(p->limit >= 1 && p->limit <= 1000 && p->since >= 0 && p->newest >= 0 && p->newest <= 1000);
	return stub_add_read((struct read){.poll = p, .done = done, .ctx = ctx});
}

struct read *
readers_history(struct readers *r, struct store_page *p, struct read_turn *turn, readers_done_fn *done, void *ctx)
{
	(void)r, (void)turn;
	stub_check_rooms(&p->rooms);
	MUST(p->limit >= 1 && p->limit <= 1000 && str_utf8(p->q) && str_utf8(p->sender));
	return stub_add_read((struct read){.page = p, .done = done, .ctx = ctx});
}

struct read *
readers_search(struct readers *r, struct store_page *p, struct read_turn *turn, readers_done_fn *done, void *ctx)
{
	MUST(p->q.n > 0);
	return readers_history(r, p, turn, done, ctx);
}

struct read *
readers_list(struct readers *r, struct store_list *l, struct read_turn *turn, readers_done_fn *done, void *ctx)
{
	(void)r, (void)turn;
	MUST(l->limit >= 1);
	return stub_add_read((struct read){.list = l, .done = done, .ctx = ctx});
}

struct read *
readers_tail(struct readers *r, struct store_tail *t, struct read_turn *turn, readers_done_fn *done, void *ctx)
{
	(void)r, (void)turn;
	MUST(message_room_ok(t->room) && t->since >= 0 && t->since <= t->head);
	return stub_add_read((struct read){.done = done, .ctx = ctx});
}

struct read *
readers_missed(struct readers *r, struct store_missed *m, struct read_turn *turn, readers_done_fn *done, void *ctx)
{
	(void)r, (void)turn;
	MUST(message_room_ok(m->room) && m->since >= 0 && m->since <= m->head);
	return stub_add_read((struct read){.missed = m, .done = done, .ctx = ctx});
}

struct read *
readers_one(struct readers *r, struct store_one *one, struct read_turn *turn, readers_done_fn *done, void *ctx)
{
	(void)r, (void)turn;
	MUST(one->id > 0 && one->id <= MESSAGE_ID_MAX);
	return stub_add_read((struct read){.one = one, .done = done, .ctx = ctx});
}

void
readers_cancel(struct read *read)
{
	read->cancelled = true;
}

int64_t
__wrap_clock_ms(void)
{
	return stub.now_ms;
}

/* Of some ids there is a message, of others there was one; whoever has a key has the right one. */
static inline void
stub_answer_one(struct store_one *one)
{
	struct message *m;

	one->revision = one->id % 3 == 0 ? 0 : one->id + 1;
	one->key_fits = one->key.n > 0;
	if (one->id % 4 == 3)
		return;
	m = message_new(&(struct message_fields){.id = one->id % 4 == 2 ? one->revision : one->id,
	    .room = STR("main"),
	    .event = one->id % 4 == 2 ? MESSAGE_DELETED : STR("chat message"),
	    .changes = one->id % 4 == 2 ? one->id : 0});
	MUST(m != NULL && message_encode(m) == 0);
	*(one->id % 4 == 2 ? &one->deletion : &one->message) = m;
}

/* The answer to whichever question it is: no messages. */
static inline void
stub_answer(const struct read *read)
{
	if (read->poll != NULL) {
		if (read->poll->newest > 0)
			read->poll->since = 0;
		read->poll->last_id = read->poll->since;
		read->poll->gap = stub.missed > 0;
		buf_init(&read->poll->json, SIZE_MAX);
	} else if (read->page != NULL) {
		read->page->older = read->page->newer = stub.missed - 1;
		buf_init(&read->page->json, SIZE_MAX);
	} else if (read->list != NULL)
		buf_init(&read->list->json, SIZE_MAX);
	else if (read->missed != NULL)
		read->missed->n = stub.missed;
	else if (read->one != NULL)
		stub_answer_one(read->one);
}

/* Ends the oldest of what is read. */
static inline void
stub_end_read(enum store_status status)
{
	struct read *read = stub.reads[0];

	memmove(stub.reads, stub.reads + 1, --stub.n_reads * sizeof stub.reads[0]);
	if (!read->cancelled)
		stub_answer(read);
	read->done(read->ctx, read->cancelled ? STORE_STOPPED : status);
	free(read);
}

/* Takes the oldest of what waits. */
static inline struct stub_look
stub_take_look(void)
{
	struct stub_look look = stub.looks[0];

	memmove(stub.looks, stub.looks + 1, --stub.n_looks * sizeof stub.looks[0]);
	return look;
}

static inline struct stub_send
stub_take_send(void)
{
	struct stub_send send = stub.sends[0];

	memmove(stub.sends, stub.sends + 1, --stub.n_sends * sizeof stub.sends[0]);
	return send;
}

/*
 * The request in text: parts with 0x1F between, of which the first is the method, the second the path, and each other
 * NAME=value as the web server would say it, up to an empty one, behind which the body is. What a part says is cut at a
 * byte 0, as C strings are.
 */
static inline void
stub_read(struct fcgi_request *r, struct str text)
{
	static const struct str names[] = {{"REQUEST_METHOD", 14}, {"SCRIPT_NAME", 11}};

	r->n_params = 0;
	for (int i = 0; text.n > 0; i++) {
		struct str value = str_cut(&text, 0x1F), name;

		if (i >= 2 && value.n == 0)
			break;
		name = i < 2 ? names[i] : str_cut(&value, '=');
		value = str_cut(&value, '\0');
		if (r->n_params < FCGI_PARAMS_READ_MAX)
			r->params[r->n_params++] = (struct fcgi_param){name, value};
	}
	r->body = text;
}

/* Opens conns[i] for a request, as fcgi does. */
static inline struct fcgi_conn *
stub_open(size_t i)
{
	struct fcgi_conn *c = &stub.conns[i];

	MUST(!c->open);
	c->open = true;
	c->postponed = c->streaming = c->blocked = false;
	c->serial++;
	return c;
}

#endif
