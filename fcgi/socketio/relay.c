#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "relay_state.h"

/* ---- connecting ---- */

bool
relay_room(struct str nsp, struct str *room)
{
	*room = nsp.n == 1 ? STR("main") : str_skip(nsp, 1);
	return message_room_ok(*room);
}

/* What a client says of itself when it connects. */
struct auth {
	struct str name, pid, offset, token;
	int64_t server_offset; /* -1: none */
	bool meta, bad_token;
	struct buf bytes;
};

static void
on_auth(void *ctx, struct str name, enum json_type type, struct str value)
{
	struct auth *a = ctx;
	bool text = type == JSON_STRING;
	uint64_t n;

	if (str_eq(name, STR("meta")))
		a->meta = type == JSON_OTHER && str_eq(value, STR("true"));
	else if (str_eq(name, STR("serverOffset")))
		a->server_offset =
		    type != JSON_ARRAY && str_uint(value, (uint64_t)MESSAGE_ID_MAX, &n) ? (int64_t)n : -1;
	else if (str_eq(name, STR("name")) && text)
		a->name = buf_keep(&a->bytes, value);
	else if (str_eq(name, STR("token")) && text)
		a->token = buf_keep(&a->bytes, value);
	else if (str_eq(name, STR("token")))
		a->bad_token = type != JSON_OTHER || !str_eq(value, STR("null"));
	else if (str_eq(name, STR("pid")) && text)
		a->pid = buf_keep(&a->bytes, value);
	else if (str_eq(name, STR("offset")) && text)
		a->offset = buf_keep(&a->bytes, value);
}

/* Where a client begins that was not here before, or too long ago: not too far back, as far as memory tells. */
static int64_t
begin(struct relay *r, struct str room_name, int64_t server_offset)
{
	int64_t head = rooms_head(r->rooms);
	struct room *room = room_find(r->rooms, room_name);
	size_t n = room == NULL ? 0 : room_chain(room)->n, most = (size_t)r->options.recovery_messages;

	if (server_offset < 0 || server_offset > head)
		return head;
	if (n > most && ring_at(room_chain(room), n - most)->f.id > server_offset)
		return ring_at(room_chain(room), n - most)->f.id - 1;
	return server_offset;
}

/* NULL without memory. */
static struct participant *
participant_new(struct member *m, const struct auth *a)
{
	struct participant *p = calloc(1, sizeof *p + a->name.n);

	if (p == NULL)
		return NULL;
	p->member = m;
	p->meta = a->meta;
	p->sender_n = (uint8_t)a->name.n;
	if (a->name.n > 0)
		memcpy(p->sender, a->name.p, a->name.n);
	LIST_INIT(&p->pending);
	member_set_data(m, p);
	return p;
}

/* / and /main are one room, and their packets differ; so do those with the meta argument. */
static unsigned
variant_of(const struct member *m, const struct participant *p)
{
	return 2U * (member_namespace(m).n == 1) + p->meta;
}

void
relay_admit(
    struct relay *r, struct participant *p, const struct comeback *back, int64_t server_offset, struct buf *reply)
{
	struct member *m = p->member, *old;
	struct str nsp = member_namespace(m), room;
	int64_t since, first;
	char pid[RELAY_PID_MAX];

	relay_room(nsp, &room);
	since = back != NULL ? back->since : begin(r, room, server_offset);
	/* Not the head: a client that is cut off while it catches up behind serverOffset has not had all up to that. */
	first = back != NULL ? back->first : since;
	if (back != NULL) {
		/* Its old session may not know yet that the network is gone; or this one is it, and what it said is
		 * handled late. */
		bool late = session_is_left(member_session(m));

		old = member_find(r->members, nsp, str_of(back->id));
		if (old != NULL && !late)
			member_take_over(old);
		if (old == NULL || !late)
			member_set_id(m, str_of(back->id));
	}
	memcpy(p->id, back != NULL ? back->id : member_id(m), sizeof p->id);
	if (r->options.recovery) {
		relay_make_pid(r, pid, str_of(p->id), nsp, relay_by(p), first);
		buf_printf(reply, ",\"pid\":\"%s\"", pid);
	}
	session_add_cursor(member_session(m), member_cursor(m),
	    &(struct session_start){
	        .room = room,
	        .since = since,
	        .newest_max = back != NULL ? 0 : (size_t)r->options.recovery_messages,
	        .variant = variant_of(m, p),
	        .replays = back != NULL,
	        .pass = p->pass,
	        .channel = member_channel(m),
	    });
}

/* A client whose auth is good. */
static enum member_answer
admit(struct relay *r, struct participant *p, const struct auth *a, struct buf *reply)
{
	struct str nsp = member_namespace(p->member), room;
	struct comeback back;
	enum recovery recovery = RECOVERY_NO;

	relay_room(nsp, &room);
	if (a->pid.n > 0 && relay_read_pid(r, a->pid, a->offset, nsp, relay_by(p), &back))
		recovery = relay_judge(r, room, back.since);
	if (recovery == RECOVERY_ASK && relay_wait_reader(r, p))
		return MEMBER_LATER;
	p->paid = false;
	if (recovery == RECOVERY_ASK) {
		relay_look_up(r, p, room, &back, a->server_offset);
		return MEMBER_LATER;
	}
	relay_admit(r, p, recovery == RECOVERY_YES ? &back : NULL, a->server_offset, reply);
	return MEMBER_ACCEPT;
}

/* Whose it is, by what it says or by its session. PROBLEMS: it has a pass; PROBLEM_BUSY: there is no memory for one. */
static enum problem
identify(struct relay *r, struct participant *p, const struct auth *a, char detail[ACCESS_DETAIL_SIZE])
{
	struct pass *session = session_pass(member_session(p->member));

	if (a->bad_token) {
		snprintf(detail, ACCESS_DETAIL_SIZE, "auth.token must be a token, in a string");
		return PROBLEM_UNAUTHORIZED;
	}
	if (r->options.access == NULL)
		return PROBLEMS;
	if (a->token.n > 0)
		p->pass =
		    access_pass(r->options.access, &(struct access_ask){.token = a->token}, clock_wall_ms(), detail);
	else if (session != NULL)
		p->pass = pass_hold(session);
	if (a->token.n == 0 || p->pass != NULL)
		return PROBLEMS;
	return detail[0] == '\0' ? PROBLEM_BUSY : PROBLEM_UNAUTHORIZED;
}

/* Whether it may come in; or why not, which is said in error unless it is for want of memory (PROBLEM_BUSY). */
static enum problem
let_in(struct relay *r, struct participant *p, const struct auth *a, struct buf *error)
{
	char detail[ACCESS_DETAIL_SIZE] = "";
	enum problem why = p->pass != NULL ? PROBLEMS : identify(r, p, a, detail);
	struct buf text;
	struct str room;

	if (why == PROBLEM_BUSY)
		return why;
	buf_init(&text, 1024);
	buf_add(&text, str_of(detail));
	(void)relay_room(member_namespace(p->member), &room);
	if (why == PROBLEMS && (why = relay_may(p, MAY_READ, room)) != PROBLEMS)
		relay_add_refusal(&text, p, why, MAY_READ, room);
	if (why != PROBLEMS)
		relay_add_error(error, why, buf_str(&text), STR(""));
	buf_fini(&text);
	return why;
}

/* A client whose auth can be read. */
static enum member_answer
receive(struct relay *r, struct participant *p, const struct auth *a, struct buf *reply, struct buf *error)
{
	enum problem why = let_in(r, p, a, error);
	enum relay_look look =
	    why == PROBLEM_UNAUTHORIZED || why == PROBLEM_FORBIDDEN_ROOM ? relay_wait_look(r, p) : LOOK_DONE;

	if (look != LOOK_DONE) {
		/* Another program may just have made it somebody else's. */
		pass_drop(p->pass);
		p->pass = NULL;
		if (look == LOOK_FAILED)
			session_close(member_session(p->member));
		return MEMBER_LATER;
	}
	p->looked = false;
	if (why != PROBLEMS)
		return why == PROBLEM_BUSY ? MEMBER_NO_MEMORY : MEMBER_REFUSE;
	if (p->pass != NULL && !session_move(member_session(p->member), p->pass)) {
		relay_add_error(error, PROBLEM_RATE_LIMITED,
		    STR("this token or user has too many sessions, or these take too much memory"),
		    STR(",\"limit\":\"sessions\",\"retryAfter\":30"));
		return MEMBER_REFUSE;
	}
	return admit(r, p, a, reply);
}

/* Views into a->bytes. */
static enum json_result
read_auth(struct auth *a, struct str auth)
{
	buf_init(&a->bytes, auth.n + 1);
	if (auth.n == 0)
		return JSON_OK;
	/* Room at once for all that is kept: views must not move. */
	return buf_reserve(&a->bytes, auth.n + 1) ? json_object(auth, SIZE_MAX, on_auth, a, NULL) : JSON_NO_MEMORY;
}

static enum member_answer
connect(void *ctx, struct member *m, struct str auth, struct buf *reply, struct buf *error)
{
	struct relay *r = ctx;
	struct auth a = {.server_offset = -1};
	struct participant *p = member_data(m);
	struct str room;
	enum member_answer answer = MEMBER_REFUSE;
	enum json_result read;

	if (!relay_room(member_namespace(m), &room))
		return MEMBER_UNKNOWN;
	read = read_auth(&a, auth);
	if (read == JSON_NO_MEMORY)
		answer = MEMBER_NO_MEMORY;
	else if (read != JSON_OK)
		buf_add(error, STR("{\"message\":\"auth cannot be read\"}"));
	else if (a.name.n > MESSAGE_SENDER_MAX)
		buf_add(error, STR("{\"message\":\"auth.name must be at most 64 bytes\"}"));
	else if (!message_sender_ok(a.name))
		buf_add(error, STR("{\"message\":\"auth.name must be UTF-8 without control characters\"}"));
	else if (p == NULL && (p = participant_new(m, &a)) == NULL)
		answer = MEMBER_NO_MEMORY;
	else
		answer = receive(r, p, &a, reply, error);
	buf_fini(&a.bytes);
	return answer;
}

static void
connected(void *ctx, struct member *m, struct str auth)
{
	(void)ctx;
	(void)m;
	(void)auth;
}

static void
disconnected(void *ctx, struct member *m, bool left)
{
	struct relay *r = ctx;
	struct participant *p = member_data(m);

	if (p == NULL)
		return;
	/* Its id may be another one's by now. */
	if (left && str_eq(str_of(p->id), str_of(member_id(m))))
		relay_note_left(r, str_of(p->id));
	relay_forget_lookup(p);
	relay_forget_delay(p);
	relay_forget_pending(p);
	pass_drop(p->pass);
	free(p);
}

static bool
stays(void *ctx, struct member *m)
{
	(void)ctx;
	return session_sees(member_cursor(m));
}

/* ---- its life ---- */

struct relay *
relay_new(const struct relay_options *options, struct rooms *rooms, struct commit *commit, struct readers *readers)
{
	struct relay *r = calloc(1, sizeof *r);

	if (r == NULL)
		return NULL;
	*r = (struct relay){.options = *options, .rooms = rooms, .commit = commit, .readers = readers};
	LIST_INIT(&r->lookups);
	relay_waits_init(r);
	if (relay_left_init(r) == 0)
		return r;
	relay_free(r);
	return NULL;
}

void
relay_free(struct relay *r)
{
	if (r == NULL)
		return;
	relay_free_pending(r);
	relay_free_lookups(r);
	relay_free_delays(r);
	relay_left_fini(r);
	free(r);
}

struct member_app
relay_app(struct relay *r)
{
	return (struct member_app){.ctx = r,
	    .connect = connect,
	    .connected = connected,
	    .event = relay_event,
	    .ready = relay_ready,
	    .stays = stays,
	    .disconnected = disconnected,
	    .packets = relay_packets};
}

void
relay_set_members(struct relay *r, struct members *members)
{
	r->members = members;
}

uint64_t
relay_dropped(const struct relay *r)
{
	return r->dropped;
}
