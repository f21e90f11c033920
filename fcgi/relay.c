#include "relay.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "commit.h"
#include "json.h"
#include "room.h"

enum { LEFT_MAX = 4096, PID_MAX = 96, SIGNED_MAX = 320 };

/* A client's event on its way to the disk. */
struct pending {
	LIST_ENTRY(pending) link;
	struct relay *relay;
	struct participant *who; /* NULL: it left */
	bool has_ack;
	uint64_t ack;
	char *both; /* the arguments of a `chat message` with a clientOffset, for the case that the key was used
	               otherwise */
	size_t both_n;
};

/* What the relay keeps of a member. */
struct participant {
	struct member *member;
	LIST_HEAD(, pending) pending;
	bool meta;
	uint8_t sender_n;
	char sender[MESSAGE_SENDER_MAX];
	char id[TOKEN_ID_SIZE]; /* what its pid says */
};

struct relay {
	struct relay_options options;
	struct rooms *rooms;
	struct commit *commit;
	struct members *members;
	/* Ids whose clients said good-bye: their pids are not taken again. A circle. */
	char (*left)[TOKEN_ID_SIZE];
	size_t n_left;
};

/* ---- connecting ---- */

/* The room of a namespace; false when there can be none of this name. */
static bool
room_of(struct str nsp, struct str *room)
{
	*room = nsp.n == 1 ? STR("main") : (struct str){nsp.p + 1, nsp.n - 1};
	return message_room_ok(*room);
}

/* What a client says of itself when it connects. */
struct auth {
	struct str name, pid, offset, server_offset;
	bool meta;
	struct buf bytes;
};

static void
on_auth(void *ctx, struct str name, enum json_type type, struct str value)
{
	struct auth *a = ctx;
	bool text = type == JSON_STRING;

	if (str_eq(name, STR("meta")))
		a->meta = type == JSON_OTHER && str_eq(value, STR("true"));
	else if (str_eq(name, STR("serverOffset")) && type != JSON_ARRAY)
		a->server_offset = buf_keep(&a->bytes, value);
	else if (str_eq(name, STR("name")) && text)
		a->name = buf_keep(&a->bytes, value);
	else if (str_eq(name, STR("pid")) && text)
		a->pid = buf_keep(&a->bytes, value);
	else if (str_eq(name, STR("offset")) && text)
		a->offset = buf_keep(&a->bytes, value);
}

/* What a pid's signature covers: of which log it is, whose, where, and from when on. */
static struct str
signed_text(const struct relay *r, char text[SIGNED_MAX], struct str id, struct str nsp, int64_t head)
{
	int n = snprintf(
	    text, SIGNED_MAX, "%s\n%.*s\n%.*s\n%" PRId64, rooms_epoch(r->rooms), STR_ARGS(id), STR_ARGS(nsp), head);

	return (struct str){text, (size_t)n};
}

static void
make_pid(const struct relay *r, char pid[PID_MAX], struct str id, struct str nsp, int64_t head)
{
	char text[SIGNED_MAX], signature[TOKEN_ID_SIZE];

	token_sign(r->options.secret, signed_text(r, text, id, nsp, head), signature);
	snprintf(pid, PID_MAX, "%.*s.%" PRId64 ".%s", STR_ARGS(id), head, signature);
}

static bool
has_left(const struct relay *r, struct str id)
{
	for (size_t i = 0; i < r->n_left && i < LEFT_MAX; i++)
		if (str_eq(str_of(r->left[i]), id))
			return true;
	return false;
}

/* Whether a pid is one of ours, and good for this namespace: whose it is, and the head at which it was given. */
static bool
read_pid(const struct relay *r, struct str pid, struct str nsp, struct str *id, int64_t *head)
{
	char text[SIGNED_MAX];
	struct str number;
	uint64_t n;

	*id = str_cut(&pid, '.');
	number = str_cut(&pid, '.');
	if (id->n != TOKEN_ID_SIZE - 1 || nsp.n > MEMBER_NAMESPACE_MAX ||
	    !str_uint(number, (uint64_t)MESSAGE_ID_MAX, &n))
		return false;
	*head = (int64_t)n;
	return token_check(r->options.secret, signed_text(r, text, *id, nsp, *head), pid) && !has_left(r, *id);
}

/* Whether what came above since is little and young enough to be caught up with, as far as memory tells. */
static bool
recoverable(const struct relay *r, struct str room_name, int64_t since)
{
	struct room *room = room_find(r->rooms, room_name);
	const struct ring_chain *chain;
	size_t place;

	if (since > rooms_head(r->rooms))
		return false;
	if (room == NULL)
		return true;
	chain = room_chain(room);
	place = ring_above(chain, since);
	if (place == chain->n)
		return true;
	return (int64_t)(chain->n - place) <= r->options.recovery_messages &&
	       clock_wall_ms() - ring_at(chain, place)->f.at_ms <= r->options.recovery_ms;
}

/* A client that was here before: its id and its place in the log; false: it begins anew. */
static bool
recover(struct relay *r, struct member *m, struct str room, const struct auth *a, int64_t *since, int64_t *head)
{
	struct member *old;
	struct str id;
	uint64_t offset;

	if (!r->options.recovery || a->pid.n == 0 || !read_pid(r, a->pid, member_namespace(m), &id, head))
		return false;
	*since = *head;
	if (a->offset.n > 0 && str_uint(a->offset, (uint64_t)MESSAGE_ID_MAX, &offset) && (int64_t)offset > *head)
		*since = (int64_t)offset;
	if (!recoverable(r, room, *since))
		return false;
	/* Its old session may not know yet that the network is gone. */
	old = member_find(r->members, member_namespace(m), id);
	if (old != NULL)
		session_end(member_session(old), STR("1"));
	member_set_id(m, id);
	return true;
}

/* Where a client begins that was not here before, or too long ago: not too far back, as far as memory tells. */
static int64_t
begin(struct relay *r, struct str room_name, const struct auth *a)
{
	int64_t head = rooms_head(r->rooms);
	struct room *room = room_find(r->rooms, room_name);
	size_t n = room == NULL ? 0 : room_chain(room)->n, most = (size_t)r->options.recovery_messages;
	uint64_t offset;

	if (!str_uint(a->server_offset, (uint64_t)MESSAGE_ID_MAX, &offset) || (int64_t)offset > head)
		return head;
	if (n > most && ring_at(room_chain(room), n - most)->f.id > (int64_t)offset)
		return ring_at(room_chain(room), n - most)->f.id - 1;
	return (int64_t)offset;
}

static struct participant *
participant_new(struct member *m, const struct auth *a)
{
	struct participant *p = calloc(1, sizeof *p);
	struct str sender = session_user(member_session(m));

	if (p == NULL)
		return NULL;
	if (sender.n == 0)
		sender = a->name;
	p->member = m;
	p->meta = a->meta;
	p->sender_n = (uint8_t)sender.n;
	memcpy(p->sender, sender.p == NULL ? "" : sender.p, sender.n);
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

static enum member_answer
connect(void *ctx, struct member *m, struct str auth, struct buf *reply, struct buf *error)
{
	struct relay *r = ctx;
	struct auth a = {.meta = false};
	struct participant *p = NULL;
	struct str room;
	int64_t since, head = rooms_head(r->rooms);
	bool recovered;
	char pid[PID_MAX];
	enum member_answer answer = MEMBER_REFUSE;

	if (!room_of(member_namespace(m), &room))
		return MEMBER_UNKNOWN;
	buf_init(&a.bytes, auth.n + 1);
	if (auth.n > 0 &&
	    (!buf_reserve(&a.bytes, auth.n + 1) || json_object(auth, SIZE_MAX, on_auth, &a, NULL) != JSON_OK))
		buf_add(error, STR("{\"message\":\"auth cannot be read\"}"));
	else if (a.name.n > MESSAGE_SENDER_MAX)
		buf_add(error, STR("{\"message\":\"auth.name must be at most 64 bytes\"}"));
	else if ((p = participant_new(m, &a)) == NULL)
		buf_add(error, STR("{\"message\":\"no memory\"}"));
	else {
		answer = MEMBER_ACCEPT;
		recovered = recover(r, m, room, &a, &since, &head);
		if (!recovered) {
			head = rooms_head(r->rooms);
			since = begin(r, room, &a);
		}
		memcpy(p->id, member_id(m), sizeof p->id);
		if (r->options.recovery) {
			make_pid(r, pid, str_of(p->id), member_namespace(m), head);
			buf_printf(reply, ",\"pid\":\"%s\"", pid);
		}
		session_add_cursor(member_session(m), member_cursor(m), room, since,
		    recovered ? 0 : (size_t)r->options.recovery_messages, variant_of(m, p));
	}
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
	struct pending *pending;

	if (p == NULL)
		return;
	if (left && r->left != NULL)
		memcpy(r->left[r->n_left++ % LEFT_MAX], p->id, sizeof p->id);
	while ((pending = LIST_FIRST(&p->pending)) != NULL) {
		LIST_REMOVE(pending, link);
		pending->who = NULL;
	}
	free(p);
}

/* ---- messages to clients ---- */

/* The arguments of a message between brackets, the event's name first, the offset last. */
static void
add_args(struct buf *b, const struct message *m, bool meta)
{
	const struct message_fields *f = &m->f;
	char at[MESSAGE_TIME_SIZE];

	message_add_args(b, m);
	if (meta) {
		message_time(f->at_ms, at);
		buf_printf(b, ",{\"id\":%" PRId64 ",\"room\":\"%.*s\",\"sender\":", f->id, STR_ARGS(f->room));
		buf_add_json(b, f->sender);
		buf_printf(b, ",\"at\":\"%s\"}", at);
	}
	buf_add(b, STR(",\""));
	buf_add_int(b, f->id);
	buf_add_char(b, '"');
}

/* Whether every placeholder has its attachment. A row of another program's may not be so, and clients choke on that. */
static bool
is_binary(struct message *m)
{
	const struct message_fields *f = &m->f;
	struct json_payload payload;
	bool good;

	if (f->n_attachments == 0)
		return false;
	if (m->binary == MESSAGE_BINARY_UNKNOWN) {
		good = json_payload(f->body, SIZE_MAX / 64, &payload) == JSON_OK && !payload.bad_placeholder &&
		       payload.placeholders >> f->n_attachments == 0;
		buf_fini(&payload.strings);
		m->binary = good ? MESSAGE_BINARY : MESSAGE_NOT_BINARY;
	}
	return m->binary == MESSAGE_BINARY;
}

/* Returns how many packets it is. */
static unsigned
packets(void *ctx, struct member *m, struct message *message, struct buf *b)
{
	struct participant *p = member_data(m);
	unsigned n = is_binary(message) ? message->f.n_attachments : 0;
	struct str list = message->f.attachments, base64;

	(void)ctx;
	packet_add_head(b, n > 0 ? PACKET_BINARY_EVENT : PACKET_EVENT, n, member_namespace(m), -1);
	buf_add_char(b, '[');
	add_args(b, message, p->meta);
	buf_add_char(b, ']');
	while (n > 0 && message_next_attachment(&list, &base64)) {
		buf_add_char(b, PACKET_SEPARATOR);
		buf_add_char(b, 'b');
		buf_add(b, base64);
	}
	return 1 + n;
}

/* ---- events from clients ---- */

static void
sent(void *ctx, uint64_t handle, enum commit_outcome outcome, const struct message *m, int64_t id, int64_t at_ms)
{
	struct pending *pending = ctx;
	char args[64];

	(void)handle;
	(void)at_ms;
	if (outcome == COMMIT_KEY_CONFLICT && pending->both != NULL) {
		/* The key says another text: then it is no repeat, and both arguments are the message. */
		struct message_fields f = m->f;
		struct message *again;

		f.key = STR("");
		f.body = (struct str){pending->both, pending->both_n};
		f.is_args = true;
		again = message_new(&f);
		free(pending->both);
		pending->both = NULL;
		if (again != NULL && commit_add(pending->relay->commit, again, sent, pending, 0) == 0)
			return;
		message_drop(again);
	}
	/* Without an acknowledgement the client's retries repeat what could not be stored. */
	if (pending->who != NULL && pending->has_ack && (outcome == COMMIT_STORED || outcome == COMMIT_REPLAYED)) {
		snprintf(args, sizeof args, "{\"id\":%" PRId64 "}", id);
		member_ack(pending->who->member, pending->ack, str_of(args), NULL);
	}
	if (pending->who != NULL)
		LIST_REMOVE(pending, link);
	free(pending->both);
	free(pending);
}

/* The arguments of an event: how many, and the first two if they are strings. */
struct arguments {
	size_t n;
	bool strings;
	struct str first, second;
	struct buf bytes;
};

static void
on_argument(void *ctx, struct str name, enum json_type type, struct str value)
{
	struct arguments *a = ctx;

	(void)name;
	a->strings = a->strings && type == JSON_STRING;
	if (a->n == 0 && type == JSON_STRING)
		a->first = buf_keep(&a->bytes, value);
	else if (a->n == 1 && type == JSON_STRING)
		a->second = buf_keep(&a->bytes, value);
	a->n++;
}

static bool
word(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-';
}

/* As the official tutorial makes them, <socket id>-<counter>, or a UUID. */
static bool
is_client_offset(struct str s)
{
	static const char uuid[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
	size_t digits = 0;
	bool is_uuid = s.n == sizeof uuid - 1;

	if (s.n > MESSAGE_KEY_MAX)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (!word(s.p[i]))
			return false;
		if (is_uuid)
			is_uuid = uuid[i] == '-' ? s.p[i] == '-' : strchr("0123456789abcdefABCDEF", s.p[i]) != NULL;
	}
	while (digits < s.n && s.p[s.n - 1 - digits] >= '0' && s.p[s.n - 1 - digits] <= '9')
		digits++;
	return is_uuid || (digits > 0 && s.n - digits >= 17 && s.p[s.n - 1 - digits] == '-');
}

/* Whether the event is one of those that are passed on and not stored. */
static bool
is_ephemeral(const struct relay *r, struct str event)
{
	struct str names = str_of(r->options.ephemeral);

	while (names.n > 0)
		if (str_eq(str_trim(str_cut(&names, ',')), event))
			return true;
	return false;
}

static void
pass_on(struct relay *r, struct member *m, const struct packet *p, const struct member_bytes *bytes)
{
	struct buf args;

	buf_init(&args, SIZE_MAX);
	buf_add_json(&args, p->event);
	if (p->args.n > 0) {
		buf_add_char(&args, ',');
		buf_add(&args, p->args);
	}
	/* A client takes any string at the end for an offset, so it must be a true one. */
	buf_printf(&args, ",\"%" PRId64 "\"", rooms_head(r->rooms));
	if (buf_ok(&args))
		member_broadcast(r->members, member_namespace(m), STR(""), m, buf_str(&args), bytes, true);
	buf_fini(&args);
}

static struct pending *
pending_new(struct relay *r, struct participant *who, const struct packet *p)
{
	struct pending *pending = calloc(1, sizeof *pending);

	if (pending == NULL)
		return NULL;
	pending->relay = r;
	pending->who = who;
	pending->has_ack = p->has_id;
	pending->ack = p->id;
	LIST_INSERT_HEAD(&who->pending, pending, link);
	return pending;
}

/* Fills in f from the arguments; array is them in brackets. */
static void
read_arguments(struct message_fields *f, struct pending *pending, const struct arguments *a, struct str array)
{
	f->body = array;
	f->is_args = true;
	if (!a->strings || !buf_ok(&a->bytes))
		return;
	if (a->n == 1) {
		f->body = a->first;
		f->is_args = false;
	} else if (a->n == 2 && pending->has_ack && str_eq(f->event, STR("chat message")) &&
	           is_client_offset(a->second)) {
		pending->both = malloc(array.n);
		if (pending->both == NULL)
			return;
		memcpy(pending->both, array.p, array.n);
		pending->both_n = array.n;
		f->body = a->first;
		f->is_args = false;
		f->key = a->second;
	}
}

/* The attachments as a message keeps them. */
static void
add_list(struct buf *list, const struct member_bytes *bytes)
{
	buf_init(list, SIZE_MAX);
	for (unsigned i = 0; bytes != NULL && i < bytes->n; i++) {
		buf_add(list, i > 0 ? STR(",\"") : STR("\""));
		token_add_base64(list, (struct str){bytes->v[i]->p, bytes->v[i]->n});
		buf_add_char(list, '"');
	}
}

static void
event(void *ctx, struct member *m, const struct packet *p, const struct member_bytes *bytes)
{
	struct relay *r = ctx;
	struct participant *who = member_data(m);
	struct message_fields f = {.event = p->event, .sender = {who->sender, who->sender_n}};
	struct arguments a = {.strings = true};
	struct pending *pending;
	struct message *message;
	struct buf array, list;

	if (!message_event_ok(p->event))
		return;
	if (is_ephemeral(r, p->event)) {
		pass_on(r, m, p, bytes);
		/* A client with retries sends nothing else before this. */
		if (p->has_id)
			member_ack(m, p->id, STR(""), NULL);
		return;
	}
	if ((pending = pending_new(r, who, p)) == NULL)
		return;
	buf_init(&array, p->args.n + 2);
	buf_init(&a.bytes, p->args.n + 1);
	buf_add_char(&array, '[');
	buf_add(&array, p->args);
	buf_add_char(&array, ']');
	/* Room at once for all that is kept: views must not move. */
	if (buf_reserve(&a.bytes, p->args.n + 1))
		(void)json_array(buf_str(&array), SIZE_MAX, on_argument, &a);
	room_of(member_namespace(m), &f.room);
	read_arguments(&f, pending, &a, buf_str(&array));
	add_list(&list, bytes);
	f.attachments = buf_str(&list);
	f.n_attachments = bytes == NULL ? 0 : bytes->n;
	message = buf_ok(&array) && buf_ok(&list) ? message_new(&f) : NULL;
	if (message == NULL || commit_add(r->commit, message, sent, pending, 0) != 0) {
		message_drop(message);
		LIST_REMOVE(pending, link);
		free(pending->both);
		free(pending);
	}
	buf_fini(&a.bytes);
	buf_fini(&list);
	buf_fini(&array);
}

struct relay *
relay_new(const struct relay_options *options, struct rooms *rooms, struct commit *commit)
{
	struct relay *r = calloc(1, sizeof *r);

	if (r == NULL)
		return NULL;
	*r = (struct relay){.options = *options, .rooms = rooms, .commit = commit};
	r->left = calloc(LEFT_MAX, sizeof *r->left);
	if (r->left == NULL) {
		free(r);
		return NULL;
	}
	return r;
}

void
relay_free(struct relay *r)
{
	if (r == NULL)
		return;
	free(r->left);
	free(r);
}

struct member_app
relay_app(struct relay *r)
{
	return (struct member_app){.ctx = r,
	    .connect = connect,
	    .connected = connected,
	    .event = event,
	    .disconnected = disconnected,
	    .packets = packets};
}

void
relay_set_members(struct relay *r, struct members *members)
{
	r->members = members;
}
