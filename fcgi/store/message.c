#include "message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct str
put(char **at, struct str s)
{
	struct str copy = {*at, s.n};

	if (s.n > 0)
		memcpy(*at, s.p, s.n);
	*at += s.n;
	return copy;
}

struct message *
message_new(const struct message_fields *f)
{
	size_t n = f->room.n + f->event.n + f->sender.n + f->body.n + f->key.n + f->by.n + f->attachments.n;
	struct message *m = malloc(sizeof *m + n);
	char *at;

	if (m == NULL)
		return NULL;
	at = (char *)(m + 1);
	*m = (struct message){.f = *f, .holders = 1, .size = sizeof *m + n};
	m->f.room = put(&at, f->room);
	m->f.event = put(&at, f->event);
	m->f.sender = put(&at, f->sender);
	m->f.body = put(&at, f->body);
	m->f.key = put(&at, f->key);
	m->f.by = put(&at, f->by);
	m->f.attachments = put(&at, f->attachments);
	return m;
}

struct message *
message_hold(struct message *m)
{
	m->holders++;
	return m;
}

void
message_drop(struct message *m)
{
	if (m == NULL || --m->holders > 0)
		return;
	free(m->json_bytes);
	free(m);
}

static size_t
skip_space(struct str json, size_t i)
{
	while (i < json.n && (json.p[i] == ' ' || json.p[i] == '\t' || json.p[i] == '\n' || json.p[i] == '\r'))
		i++;
	return i;
}

/* Whether an array (known to be good JSON) is exactly one string: then *string is it, still as JSON. */
static bool
one_string(struct str array, struct str *string)
{
	size_t i = skip_space(array, skip_space(array, 0) + 1), from;

	if (i >= array.n || array.p[i] != '"')
		return false;
	for (from = i++; i < array.n && array.p[i] != '"'; i++)
		if (array.p[i] == '\\')
			i++;
	*string = (struct str){array.p + from, i + 1 - from};
	i = skip_space(array, i + 1);
	return i < array.n && array.p[i] == ']';
}

/* What stands between the brackets of an array, known to be good JSON. */
static struct str
inner(struct str array)
{
	size_t from = skip_space(array, skip_space(array, 0) + 1), end = array.n;

	/* The last bracket is its own: behind it there is only space. */
	while (end > from && array.p[end - 1] != ']')
		end--;
	if (end > from)
		end--;
	return (struct str){array.p + from, end - from};
}

/* Where in an object's bytes its event and its arguments are. */
struct places {
	size_t event, event_n, args, args_n;
};

static void
add_content(struct buf *b, const struct message_fields *f, struct places *at)
{
	struct str string, array;
	bool one = f->is_args && one_string(f->body, &string);

	buf_add(b, f->is_args && !one ? STR(",\"args\":") : STR(",\"text\":"));
	at->args = b->n;
	if (one)
		buf_add_utf8(b, string);
	else if (f->is_args)
		/* As it came, so that no number loses a digit and no depth is too deep for us. */
		buf_add_utf8(b, f->body);
	else
		buf_add_json(b, f->body);
	at->args_n = b->n - at->args;
	if (f->is_args && !one && buf_ok(b)) {
		array = inner((struct str){b->p + at->args, at->args_n});
		at->args = (size_t)(array.p - b->p);
		at->args_n = array.n;
	}
}

static void
add_time(struct buf *b, struct str name, int64_t ms)
{
	char text[MESSAGE_TIME_SIZE];

	message_time(ms, text);
	buf_add(b, name);
	buf_add(b, str_of(text));
	buf_add_char(b, '"');
}

static void
add_json(struct buf *b, const struct message_fields *f, struct str snippet_json, struct places *places)
{
	struct str format = message_format_told(f);

	buf_reserve(b, 136 + f->room.n + f->event.n + f->sender.n + f->by.n + f->body.n + f->attachments.n);
	buf_add(b, STR("{\"id\":"));
	buf_add_int(b, f->id);
	buf_add(b, STR(",\"room\":"));
	buf_add_json(b, f->room);
	buf_add(b, STR(",\"event\":"));
	places->event = b->n;
	buf_add_json(b, f->event);
	places->event_n = b->n - places->event;
	if (f->changes > 0) {
		buf_add(b, STR(",\"changes\":"));
		buf_add_int(b, f->changes);
	}
	buf_add(b, STR(",\"sender\":"));
	buf_add_json(b, f->sender);
	if (f->by.n > 0) {
		buf_add(b, STR(",\"by\":"));
		buf_add_json(b, f->by);
	}
	add_content(b, f, places);
	if (format.n > 0)
		buf_printf(b, ",\"format\":\"%.*s\"", STR_ARGS(format));
	if (f->n_attachments > 0) {
		buf_add(b, STR(",\"attachments\":["));
		buf_add(b, f->attachments);
		buf_add_char(b, ']');
	}
	add_time(b, STR(",\"at\":\""), f->at_ms);
	if (f->edited_ms != 0)
		add_time(b, STR(",\"edited_at\":\""), f->edited_ms);
	if (snippet_json.n > 0) {
		buf_add(b, STR(",\"snippet\":"));
		buf_add(b, snippet_json);
	}
	buf_add_char(b, '}');
}

void
message_add_json(struct buf *b, const struct message_fields *f, struct str snippet_json)
{
	struct places places;

	add_json(b, f, snippet_json, &places);
}

/* The arguments of a change. */
static void
add_change(struct buf *b, const struct message_fields *f)
{
	buf_add_int(b, f->changes);
	buf_add_char(b, ',');
	if (f->is_args)
		buf_add_utf8(b, f->body);
	else
		buf_add_json(b, f->body);
}

int
message_encode(struct message *m)
{
	struct buf b;
	struct places at;
	size_t n;

	buf_init(&b, SIZE_MAX);
	add_json(&b, &m->f, STR(""), &at);
	n = b.n;
	if (m->f.changes > 0) {
		/* Its arguments are not of the JSON: they stand behind it. */
		add_change(&b, &m->f);
		at.args = n;
		at.args_n = b.n - n;
	}
	if (!buf_ok(&b)) {
		buf_fini(&b);
		return -1;
	}
	m->json = (struct str){b.p, n};
	m->json_bytes = b.p;
	m->event_json = (struct str){b.p + at.event, at.event_n};
	m->args_json = (struct str){b.p + at.args, at.args_n};
	m->size += b.cap;
	return 0;
}

void
message_add_args(struct buf *b, const struct message *m)
{
	struct str array = m->f.is_args ? inner(m->f.body) : m->f.body;

	if (m->json.n > 0) {
		buf_add(b, m->event_json);
		if (m->args_json.n > 0)
			buf_add_char(b, ',');
		buf_add(b, m->args_json);
		return;
	}
	buf_add_json(b, m->f.event);
	if (m->f.changes > 0) {
		buf_add_char(b, ',');
		add_change(b, &m->f);
		return;
	}
	if (array.n > 0 || !m->f.is_args)
		buf_add_char(b, ',');
	if (m->f.is_args)
		buf_add_utf8(b, array);
	else
		buf_add_json(b, m->f.body);
}

bool
message_next_attachment(struct str *list, struct str *base64)
{
	if (list->n == 0)
		return false;
	*base64 = str_cut(list, ',');
	*base64 = (struct str){base64->p + 1, base64->n - 2};
	return true;
}

/* Each of a fixed number of digits. */
static char *
put_digits(char *p, unsigned v, int n)
{
	for (int i = n; i-- > 0; v /= 10)
		p[i] = (char)('0' + v % 10);
	return p + n;
}

void
message_time(int64_t at_ms, char text[MESSAGE_TIME_SIZE])
{
	const int64_t year_0 = INT64_C(-62167219200000), year_9999_end = INT64_C(253402300799999);
	int64_t ms;
	time_t seconds;
	struct tm t;

	if (at_ms < year_0)
		at_ms = year_0;
	if (at_ms > year_9999_end)
		at_ms = year_9999_end;
	ms = (at_ms % 1000 + 1000) % 1000;
	seconds = (time_t)((at_ms - ms) / 1000);
	gmtime_r(&seconds, &t);
	text = put_digits(text, (unsigned)(t.tm_year + 1900), 4);
	*text++ = '-';
	text = put_digits(text, (unsigned)(t.tm_mon + 1), 2);
	*text++ = '-';
	text = put_digits(text, (unsigned)t.tm_mday, 2);
	*text++ = 'T';
	text = put_digits(text, (unsigned)t.tm_hour, 2);
	*text++ = ':';
	text = put_digits(text, (unsigned)t.tm_min, 2);
	*text++ = ':';
	text = put_digits(text, (unsigned)t.tm_sec, 2);
	*text++ = '.';
	text = put_digits(text, (unsigned)ms, 3);
	memcpy(text, "Z", 2);
}

bool
message_room_ok(struct str room)
{
	if (room.n < 1 || room.n > MESSAGE_ROOM_MAX)
		return false;
	for (size_t i = 0; i < room.n; i++) {
		char c = room.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
		        c == '_' || c == '-'))
			return false;
	}
	return true;
}

/* Whether s is UTF-8 without control characters. */
static bool
printable(struct str s)
{
	if (!str_utf8(s))
		return false;
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		/* Those of the second group are of two bytes, the first of which begins nothing else below U+00C0. */
		if (c < 0x20 || c == 0x7F || (c == 0xC2 && (unsigned char)s.p[i + 1] < 0xA0))
			return false;
	}
	return true;
}

bool
message_sender_ok(struct str sender)
{
	return sender.n <= MESSAGE_SENDER_MAX && printable(sender);
}

bool
message_by_ok(struct str by)
{
	return by.n >= 1 && by.n <= MESSAGE_BY_MAX && printable(by);
}

bool
message_event_reserved(struct str event)
{
#define NAME(literal) (event.n == sizeof(literal) - 1 && memcmp(event.p, literal, sizeof(literal) - 1) == 0)
	/* socket.io-parser's list */
	return NAME("connect") || NAME("connect_error") || NAME("disconnect") || NAME("disconnecting") ||
	       NAME("newListener") || NAME("removeListener");
#undef NAME
}

bool
message_event_changes(struct str event)
{
	return str_eq(event, MESSAGE_CHANGED) || str_eq(event, MESSAGE_DELETED);
}

bool
message_event_ok(struct str event)
{
	return event.n >= 1 && event.n <= MESSAGE_EVENT_MAX && str_utf8(event) && !message_event_reserved(event) &&
	       !message_event_changes(event);
}
