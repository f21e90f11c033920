/* longline send: stores one message, however often it has to try. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "asking.h"
#include "base/json.h"
#include "base/token.h"
#include "say.h"
#include "store/message.h"

/* How long one try may take. */
enum { TRY_MS = 30000 };

struct sending {
	const struct call *call;
	const char *room, *sender, *key, *format;
	char own_key[TOKEN_ID_SIZE];
	struct buf input; /* standard input, if that is the text */
	struct str text;
	struct buf json;
};

static int
read_options(struct sending *s)
{
	struct str sender;

	s->room = command_value(s->call, "r");
	s->sender = command_value(s->call, "s");
	s->key = command_value(s->call, "k");
	s->format = command_value(s->call, "format");
	if (s->room != NULL && !message_room_ok(str_of(s->room)))
		return command_wrong(s->call, "-r is a room, 1 to 64 of A-Za-z0-9._-, not '%s'", s->room);
	sender = str_of(s->sender == NULL ? "" : s->sender);
	if (!message_sender_ok(sender))
		return command_wrong(s->call, "-s is a name of up to 64 bytes of UTF-8 without control characters");
	if (s->format != NULL && message_format_of(str_of(s->format)) == MESSAGE_AS_IT_IS)
		return command_wrong(s->call, "--format is plain or markdown, not '%s'", s->format);
	if (s->key == NULL) {
		token_id(s->own_key);
		s->key = s->own_key;
	}
	if (s->key[0] == '\0' || strlen(s->key) > MESSAGE_KEY_MAX || !str_utf8(str_of(s->key)))
		return command_wrong(s->call, "-k is a key of 1 to %d bytes of UTF-8", MESSAGE_KEY_MAX);
	return 0;
}

static int
read_input(struct sending *s)
{
	char piece[65536];
	ssize_t n = 1;

	while (n != 0) {
		n = read(STDIN_FILENO, piece, sizeof piece);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			say_error("cannot read standard input: %s", strerror(errno));
			return COMMAND_FAILED;
		}
		buf_add(&s->input, (struct str){piece, (size_t)n});
		if (!buf_ok(&s->input)) {
			say_error("standard input has more than %d bytes, or memory is short", MESSAGE_BODY_MAX);
			return COMMAND_REFUSED;
		}
	}
	s->text = buf_str(&s->input);
	return 0;
}

static int
read_text(struct sending *s)
{
	const char *operand = s->call->n == 0 ? "-" : s->call->operands[0];
	int result = 0;

	if (strcmp(operand, "-") == 0)
		result = read_input(s);
	else
		s->text = str_of(operand);
	if (result != 0 || s->text.n > 0)
		return result;
	say_error("there is no text: nothing is sent");
	return COMMAND_REFUSED;
}

static void
add_member(struct buf *b, const char *name, struct str value)
{
	buf_printf(b, "%c\"%s\":", b->n == 0 ? '{' : ',', name);
	buf_add_json(b, value);
}

static int
make_json(struct sending *s)
{
	struct buf *b = &s->json;

	if (s->room != NULL)
		add_member(b, "room", str_of(s->room));
	if (s->sender != NULL)
		add_member(b, "sender", str_of(s->sender));
	add_member(b, "key", str_of(s->key));
	/* A daemon of before knows no such member, and all it has is plain. */
	if (s->format != NULL && message_format_of(str_of(s->format)) == MESSAGE_MARKDOWN)
		add_member(b, "format", str_of(s->format));
	add_member(b, "text", s->text);
	buf_add_char(b, '}');
	if (buf_ok(b))
		return 0;
	say_error("out of memory");
	return COMMAND_FAILED;
}

static void
take_member(void *ctx, struct str name, enum json_type type, struct str value)
{
	uint64_t *id = ctx, n;

	if (type == JSON_OTHER && str_eq(name, STR("id")) && str_uint(value, (uint64_t)MESSAGE_ID_MAX, &n))
		*id = n;
}

static int
print_id(struct str body)
{
	uint64_t id = 0;

	if (json_object(body, 4, take_member, &id, NULL) != JSON_OK || id == 0) {
		say_error("the answer is no Longline's: it says no id");
		return COMMAND_FAILED;
	}
	say_out("%llu", (unsigned long long)id);
	return COMMAND_DONE;
}

/* Whoever repeats it must say the key that was made for it. */
static int
unanswered(const struct sending *s, const struct asking *a)
{
	if (a->perhaps)
		say_error("it may be stored or not: repeat it with -k %s", s->key);
	else
		say_error("it is not stored");
	return COMMAND_UNANSWERED;
}

static int
post(struct sending *s, struct asking *a)
{
	struct site site;
	struct str body;
	int result = asking_open(a, &site, s->call);

	if (result == 0)
		result = asking_post(a, "/send", buf_str(&s->json), TRY_MS, &body);
	if (result == 0)
		result = print_id(body);
	else if (result == COMMAND_UNANSWERED)
		result = unanswered(s, a);
	asking_close(a, &site);
	return result;
}

static int
run_send(const struct call *call)
{
	struct sending s = {.call = call};
	struct asking asking = {.telling = isatty(STDERR_FILENO) == 1};
	int result = read_options(&s);

	buf_init(&s.input, MESSAGE_BODY_MAX);
	/* A byte may be six in JSON. */
	buf_init(&s.json, 6 * (size_t)MESSAGE_BODY_MAX + 4096);
	if (result == 0)
		result = asking_read_timeout(&asking, call);
	if (result == 0)
		result = read_text(&s);
	if (result == 0)
		result = make_json(&s);
	if (result == 0)
		result = post(&s, &asking);
	buf_fini(&s.input);
	buf_fini(&s.json);
	return result;
}

static const struct command_option OPTIONS[] = {
    {"r", "ROOM", "the room (main)"},
    {"s", "NAME", "who speaks, unless a token or a password says so"},
    {"k", "KEY", "the same message with the same key is stored once (a random one)"},
    {"format", "FORMAT", "how the text is meant: plain or markdown (plain)"},
    {"timeout", "SECONDS", "how long it tries again where it fails (60)"},
    SITE_OPTIONS,
    {NULL, NULL, NULL},
};

const struct command command_send[] = {
    {"send", "[TEXT|-]", 0, 1, "Stores a message, TEXT or all of standard input, and prints its id", OPTIONS, run_send},
    {NULL, NULL, 0, 0, NULL, NULL, NULL},
};
