#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/budget.h"
#include "base/json.h"
#include "live/commit.h"
#include "relay_state.h"
#include "web/problem.h"

/* A client's event on its way to the disk. */
struct pending {
	LIST_ENTRY(pending) link;
	struct relay *relay;
	struct participant *who; /* NULL: it left */
	bool has_ack;
	uint64_t ack;
	char *both; /* the arguments of a `chat message` with a clientOffset, kept in case the key turns out to be taken
	             */
	size_t both_n;
};

static void
pending_free(struct pending *pending)
{
	if (pending->who != NULL)
		LIST_REMOVE(pending, link);
	budget_sub(pending->relay->options.budget, BUDGET_SENDS, budget_size(pending) + budget_size(pending->both));
	free(pending->both);
	free(pending);
}

void
relay_forget_pending(struct participant *who)
{
	struct pending *pending;

	while ((pending = LIST_FIRST(&who->pending)) != NULL) {
		LIST_REMOVE(pending, link);
		pending->who = NULL;
	}
}

/* Acknowledges an event that no repetition could store: a client with retries sends nothing else before an answer. */
static void
refuse(struct member *m, uint64_t ack, struct str error)
{
	struct buf args;

	buf_init(&args, 1024);
	buf_add(&args, STR("{\"error\":"));
	buf_add_json(&args, error);
	buf_printf(&args, ",\"code\":\"%s\"}", problem_code(PROBLEM_BAD_FIELD));
	if (buf_ok(&args))
		member_ack(m, ack, buf_str(&args), NULL);
	buf_fini(&args);
}

static commit_sent_fn sent;

/* The key belongs to another text, so the second argument was no offset: both arguments are stored, under a key made of
 * both. */
static bool
send_both(struct pending *pending, const struct message *m)
{
	struct message_fields f = m->f;
	struct message *both;
	struct buf text;
	char key[TOKEN_ID_SIZE];

	buf_init(&text, SIZE_MAX);
	buf_add(&text, f.key);
	buf_add(&text, (struct str){pending->both, pending->both_n});
	token_sign(pending->relay->options.secret, buf_str(&text), key);
	f.key = str_of(key);
	f.body = (struct str){pending->both, pending->both_n};
	f.is_args = true;
	both = buf_ok(&text) ? message_new(&f) : NULL;
	buf_fini(&text);
	free(pending->both);
	pending->both = NULL;
	if (both != NULL && commit_add(pending->relay->commit, both, sent, pending, 0) == 0)
		return true;
	message_drop(both);
	return false;
}

static void
sent(void *ctx, uint64_t handle, enum commit_outcome outcome, const struct message *m, int64_t id, int64_t at_ms)
{
	struct pending *pending = ctx;
	char args[64];

	(void)handle;
	(void)at_ms;
	if (outcome == COMMIT_KEY_CONFLICT && pending->both != NULL && send_both(pending, m))
		return;
	if (pending->who != NULL && pending->has_ack)
		switch (outcome) {
		case COMMIT_STORED:
		case COMMIT_REPLAYED:
			snprintf(args, sizeof args, "{\"id\":%" PRId64 "}", id);
			member_ack(pending->who->member, pending->ack, str_of(args), NULL);
			break;
		case COMMIT_REFUSED:
			refuse(pending->who->member, pending->ack,
			    STR("the database's rules refuse this message; nothing was stored"));
			break;
		case COMMIT_KEY_CONFLICT: /* it could not be queued once more */
		case COMMIT_FULL:
		case COMMIT_FAILED:
		case COMMIT_LOCKED:
		case COMMIT_SLOW:
			/* Without an acknowledgement the client's retries repeat it. */
			break;
		}
	pending_free(pending);
}

/* The arguments of an event: how many, and the first two if they are strings. */
struct arguments {
	size_t n;
	bool strings;
	struct str first, second;
	char key[MESSAGE_KEY_MAX];
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

/* Made by the tutorial's client while it had no socket id. */
static bool
is_nameless_offset(struct str s)
{
	struct str digits = s;
	uint64_t n;

	return str_eq(str_cut(&digits, '-'), STR("undefined")) && digits.n <= 10 &&
	       str_uint(digits, UINT64_C(9999999999), &n);
}

/* The key of a `chat message` with this second argument; empty: it has none. */
static struct str
key_of(const struct participant *who, struct arguments *a)
{
	int n;

	if (is_client_offset(a->second))
		return a->second;
	if (!is_nameless_offset(a->second))
		return STR("");
	/* Others count from undefined-0 too. */
	n = snprintf(a->key, sizeof a->key, "%s-%.*s", who->id, STR_ARGS(a->second));
	return (struct str){a->key, (size_t)n};
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
		member_pass_on(m, buf_str(&args), bytes);
	buf_fini(&args);
}

static struct pending *
pending_new(struct relay *r, struct participant *who, const struct packet *p)
{
	struct pending *pending = calloc(1, sizeof *pending);

	if (pending == NULL)
		return NULL;
	budget_add(r->options.budget, BUDGET_SENDS, budget_size(pending));
	pending->relay = r;
	pending->who = who;
	pending->has_ack = p->has_id;
	pending->ack = p->id;
	LIST_INSERT_HEAD(&who->pending, pending, link);
	return pending;
}

/* Fills in f from the arguments; array is them in brackets. */
static void
read_arguments(struct message_fields *f, struct pending *pending, struct arguments *a, struct str array)
{
	f->body = array;
	f->is_args = true;
	if (!a->strings || !buf_ok(&a->bytes) || a->n < 1 || a->n > 2)
		return;
	if (a->n == 2) {
		if (!pending->has_ack || !str_eq(f->event, STR("chat message")))
			return;
		f->key = key_of(pending->who, a);
		if (f->key.n == 0 || (pending->both = malloc(array.n)) == NULL) {
			f->key = STR("");
			return;
		}
		budget_add(pending->relay->options.budget, BUDGET_SENDS, budget_size(pending->both));
		memcpy(pending->both, array.p, array.n);
		pending->both_n = array.n;
	}
	f->body = a->first;
	f->is_args = false;
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

bool
relay_ready(void *ctx)
{
	struct relay *r = ctx;

	return !commit_crowded(r->commit);
}

void
relay_event(void *ctx, struct member *m, const struct packet *p, const struct member_bytes *bytes)
{
	struct relay *r = ctx;
	struct participant *who = member_data(m);
	struct message_fields f = {.event = p->event, .sender = {who->sender, who->sender_n}};
	struct arguments a = {.strings = true};
	struct pending *pending;
	struct message *message;
	struct buf array, list;

	if (!message_event_ok(p->event)) {
		if (p->has_id)
			refuse(m, p->id, STR("an event's name must be a string of 1 to 128 bytes"));
		return;
	}
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
	(void)relay_room(member_namespace(m), &f.room);
	read_arguments(&f, pending, &a, buf_str(&array));
	add_list(&list, bytes);
	f.attachments = buf_str(&list);
	f.n_attachments = bytes == NULL ? 0 : bytes->n;
	message = buf_ok(&array) && buf_ok(&list) ? message_new(&f) : NULL;
	if (message == NULL || commit_add(r->commit, message, sent, pending, 0) != 0) {
		message_drop(message);
		pending_free(pending);
	}
	buf_fini(&a.bytes);
	buf_fini(&list);
	buf_fini(&array);
}
