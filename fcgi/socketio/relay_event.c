#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/budget.h"
#include "base/clock.h"
#include "base/json.h"
#include "live/commit.h"
#include "relay_state.h"

enum { WAIT_MAX_MS = 15000 };

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

/* Fills in f from the arguments; array is them in brackets. false: no memory; what could not be read must not be taken
 * for something else, such as a message without a key. */
static bool
read_arguments(struct message_fields *f, struct pending *pending, struct arguments *a, struct str array)
{
	f->body = array;
	f->is_args = true;
	/* Room at once for all that is kept: views must not move. */
	if (!buf_reserve(&a->bytes, array.n) || json_array(array, SIZE_MAX, on_argument, a) == JSON_NO_MEMORY)
		return false;
	if (!a->strings || a->n < 1 || a->n > 2)
		return true;
	if (a->n == 2) {
		if (!pending->has_ack || !str_eq(f->event, STR("chat message")))
			return true;
		f->key = key_of(pending->who, a);
		if (f->key.n == 0)
			return true;
		if ((pending->both = malloc(array.n)) == NULL)
			return false;
		budget_add(pending->relay->options.budget, BUDGET_SENDS, budget_size(pending->both));
		memcpy(pending->both, array.p, array.n);
		pending->both_n = array.n;
	}
	f->body = a->first;
	f->is_args = false;
	return true;
}

/* Whose name its messages have: what was proven wins over what it says. */
static struct str
sender_of(const struct participant *who)
{
	if (who->pass != NULL && who->pass->sender.n > 0)
		return who->pass->sender;
	return (struct str){who->sender, who->sender_n};
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

/* Its turn, of a limit. 0: now; > 0: it is counted, and to be done so many ms from now; < 0: it is too much, for so
 * long (negated). All events of a POST together wait no longer than WAIT_MAX_MS. */
static int64_t
take_turn(struct relay *r, struct participant *who, enum limit l)
{
	int64_t left = WAIT_MAX_MS - session_post_age(member_session(who->member));

	if (who->paid || who->pass == NULL || r->options.persons == NULL)
		return 0;
	return limit_take(r->options.persons, who->pass->person, l, 1, left > 0 ? left : 0, clock_ms());
}

enum verdict { GO, REFUSED, LATER };

/* Whether it may write there. */
static enum verdict
judge(struct relay *r, struct participant *who, const struct packet *p, struct str room)
{
	enum problem why = relay_may(who, MAY_WRITE, room);
	enum relay_look look;
	struct buf text;

	if (why == PROBLEMS)
		return GO;
	look = relay_wait_look(r, who);
	if (look == LOOK_WAITS)
		return LATER;
	if (look == LOOK_FAILED) {
		session_end(member_session(who->member), STR("1"));
		return REFUSED;
	}
	who->looked = who->paid = false;
	if (!p->has_id) {
		r->dropped++;
		return REFUSED;
	}
	buf_init(&text, 1024);
	relay_add_refusal(&text, who, why, MAY_WRITE, room);
	relay_refuse_event(who->member, p->id, why, buf_str(&text), NULL, 0);
	buf_fini(&text);
	return REFUSED;
}

/* Whether it is its turn. */
static enum verdict
wait(struct relay *r, struct participant *who, const struct packet *p, enum limit l)
{
	int64_t wait_ms = take_turn(r, who, l);

	if (wait_ms > 0 && relay_wait_turn(r, who, wait_ms))
		return LATER;
	who->looked = who->paid = false;
	if (wait_ms == 0)
		return GO;
	relay_refuse_rate(who, p->has_id, p->id, l, wait_ms < 0 ? -wait_ms : wait_ms);
	return REFUSED;
}

static void
store(
    struct relay *r, struct participant *who, const struct packet *p, const struct member_bytes *bytes, struct str room)
{
	struct message_fields f = {.event = p->event, .room = room, .by = relay_by(who), .sender = sender_of(who)};
	struct arguments a = {.strings = true};
	struct pending *pending = relay_pending_new(r, who, p);
	struct buf array, list;
	bool known;

	if (pending == NULL)
		return;
	buf_init(&array, p->args.n + 2);
	buf_init(&a.bytes, p->args.n + 2);
	buf_add_char(&array, '[');
	buf_add(&array, p->args);
	buf_add_char(&array, ']');
	known = buf_ok(&array) && read_arguments(&f, pending, &a, buf_str(&array));
	add_list(&list, bytes);
	f.attachments = buf_str(&list);
	f.n_attachments = bytes == NULL ? 0 : bytes->n;
	relay_commit(pending, known && buf_ok(&list) ? message_new(&f) : NULL);
	buf_fini(&a.bytes);
	buf_fini(&list);
	buf_fini(&array);
}

bool
relay_event(void *ctx, struct member *m, const struct packet *p, const struct member_bytes *bytes)
{
	struct relay *r = ctx;
	struct participant *who = member_data(m);
	bool passes = is_ephemeral(r, p->event);
	enum verdict verdict;
	struct str room;

	if (!message_event_ok(p->event)) {
		if (p->has_id)
			relay_refuse_event(m, p->id, PROBLEM_BAD_FIELD,
			    STR("an event's name must be a string of 1 to 128 bytes, and none that changes have"), NULL,
			    0);
		return true;
	}
	(void)relay_room(member_namespace(m), &room);
	verdict = judge(r, who, p, room);
	if (verdict == GO)
		verdict = wait(r, who, p, passes ? LIMIT_PASSING : LIMIT_MESSAGES);
	if (verdict != GO)
		return verdict == REFUSED;
	if (!passes) {
		store(r, who, p, bytes, room);
		return true;
	}
	pass_on(r, m, p, bytes);
	/* A client with retries sends nothing else before this. */
	if (p->has_id)
		member_ack(m, p->id, STR(""), NULL);
	return true;
}
