#include "answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/date.h"
#include "base/json.h"
#include "say.h"
#include "store/message.h"

/* More than args may be deep in any message, --depth-max's own greatest, and what is around them. */
enum { DEPTH_MAX = 1100 };

static int
no_memory(void)
{
	say_error("out of memory");
	return -1;
}

static int
no_longline(const char *what)
{
	say_error("the answer is no Longline's: %s", what);
	return -1;
}

/* Room for one more message. */
static void
make_room(struct answer *a)
{
	size_t room = a->room == 0 ? 128 : a->room * 2;
	struct str *larger = realloc(a->messages, room * sizeof *larger);

	a->no_memory |= larger == NULL;
	if (larger == NULL)
		return;
	a->messages = larger;
	a->room = room;
}

static void
take_message(void *ctx, struct str name, enum json_type type, struct str value)
{
	struct answer *a = ctx;

	(void)name;
	a->bad |= type != JSON_OTHER || a->n == ANSWER_MESSAGES_MAX;
	if (!a->bad && a->n == a->room)
		make_room(a);
	if (!a->bad && a->n < a->room)
		a->messages[a->n++] = value;
}

static bool
read_messages(struct answer *a, struct str array)
{
	enum json_result result = json_array(array, DEPTH_MAX, take_message, a);

	a->no_memory |= result == JSON_NO_MEMORY;
	return result == JSON_OK || result == JSON_NO_MEMORY;
}

/* null is 0. */
static int64_t
number(struct answer *a, enum json_type type, struct str value)
{
	uint64_t n = 0;

	if (type == JSON_OTHER && str_eq(value, STR("null")))
		return 0;
	a->bad |= type != JSON_OTHER || !str_uint(value, (uint64_t)MESSAGE_ID_MAX, &n);
	return (int64_t)n;
}

static void
take_epoch(struct answer *a, struct str value)
{
	static const char good[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";

	snprintf(a->epoch, sizeof a->epoch, "%.*s", STR_ARGS(value));
	a->bad |= value.n > ANSWER_EPOCH_MAX || strspn(a->epoch, good) < value.n;
}

static void
take_member(void *ctx, struct str name, enum json_type type, struct str value)
{
	struct answer *a = ctx;
	bool is_true = type == JSON_OTHER && str_eq(value, STR("true"));

	if (str_eq(name, STR("messages")))
		a->bad |= type != JSON_ARRAY || !read_messages(a, value);
	else if (str_eq(name, STR("epoch")))
		take_epoch(a, value);
	else if (str_eq(name, STR("next")))
		a->next = number(a, type, value);
	else if (str_eq(name, STR("older")))
		a->older = number(a, type, value);
	else if (str_eq(name, STR("newer")))
		a->newer = number(a, type, value);
	else if (str_eq(name, STR("more")))
		a->more = is_true;
	else if (str_eq(name, STR("gap")))
		a->gap = is_true;
	else if (str_eq(name, STR("reset")))
		a->reset = is_true;
}

int
answer_read(struct answer *a, struct str body)
{
	char error[JSON_ERROR_SIZE];

	*a = (struct answer){.next = -1};
	switch (json_object(body, DEPTH_MAX, take_member, a, error)) {
	case JSON_OK:
		if (a->no_memory)
			return no_memory();
		return a->bad ? no_longline("a member is not what it should be") : 0;
	case JSON_NO_MEMORY:
		return no_memory();
	case JSON_TOO_DEEP:
		return no_longline("it is nested too deep");
	case JSON_BAD:
		break;
	}
	return no_longline(error);
}

void
answer_fini(struct answer *a)
{
	free(a->messages);
	a->messages = NULL;
	a->n = a->room = 0;
}

struct reading {
	struct told *told;
	bool bad;
};

static void
take_field(void *ctx, struct str name, enum json_type type, struct str value)
{
	struct reading *r = ctx;
	struct told *t = r->told;
	uint64_t n = 0;

	if (str_eq(name, STR("id")) || str_eq(name, STR("changes"))) {
		r->bad |= type != JSON_OTHER || !str_uint(value, (uint64_t)MESSAGE_ID_MAX, &n) || n == 0;
		*(name.n == 2 ? &t->id : &t->changes) = (int64_t)n;
	} else if (str_eq(name, STR("at")))
		r->bad |= type != JSON_STRING || !date_moment(value, 0, &t->at_ms);
	else if (str_eq(name, STR("room")) && type == JSON_STRING)
		t->room = buf_keep(&t->strings, value);
	else if (str_eq(name, STR("event")) && type == JSON_STRING)
		t->event = buf_keep(&t->strings, value);
	else if (str_eq(name, STR("sender")) && type == JSON_STRING)
		t->sender = buf_keep(&t->strings, value);
	else if ((str_eq(name, STR("text")) && type == JSON_STRING) ||
	         (str_eq(name, STR("args")) && type == JSON_ARRAY))
		t->text = buf_keep(&t->strings, value);
}

int
told_read(struct told *t, struct str json)
{
	struct reading r = {.told = t};
	enum json_result result;

	*t = (struct told){.json = json};
	/* Nothing that is decoded is longer than it was written, and a member that stands twice is in it twice. */
	buf_init(&t->strings, json.n + 1);
	if (!buf_reserve(&t->strings, json.n))
		return no_memory();
	result = json_object(json, DEPTH_MAX, take_field, &r, NULL);
	if (result == JSON_NO_MEMORY)
		return no_memory();
	if (result != JSON_OK || r.bad || t->id == 0 || t->room.n == 0)
		return no_longline("a message is not what it should be");
	return 0;
}

void
told_fini(struct told *t)
{
	buf_fini(&t->strings);
}
