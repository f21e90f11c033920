#include "stream_form.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"

enum { ARGS_DEPTH_MAX = 2000 };

bool
stream_form_read(struct str name, enum stream_form *form)
{
	static const struct str names[STREAM_FORMS] = {{"sse", 3}, {"ndjson", 6}, {"text", 4}};

	for (unsigned i = 0; i < STREAM_FORMS; i++)
		if (str_eq(name, names[i])) {
			*form = (enum stream_form)i;
			return true;
		}
	return false;
}

struct str
stream_form_type(enum stream_form form)
{
	return form == STREAM_SSE     ? STR("text/event-stream")
	       : form == STREAM_LINES ? STR("application/x-ndjson")
	                              : STR("text/plain; charset=UTF-8");
}

/* How many bytes from s on stand for themselves: printable ASCII but the backslash. */
static size_t
plain(struct str s)
{
	size_t n = 0;

	while (n < s.n && s.p[n] >= 0x20 && s.p[n] < 0x7F && s.p[n] != '\\')
		n++;
	return n;
}

/* A character of one byte that does not stand for itself. */
static void
add_escaped(struct buf *b, unsigned char c)
{
	switch (c) {
	case '\\':
		buf_add(b, STR("\\\\"));
		break;
	case '\t':
		buf_add(b, STR("\\t"));
		break;
	case '\n':
		buf_add(b, STR("\\n"));
		break;
	case '\r':
		buf_add(b, STR("\\r"));
		break;
	default:
		buf_printf(b, "\\x%02x", c);
	}
}

void
stream_form_escape(struct buf *b, struct str s)
{
	while (s.n > 0) {
		size_t n = plain(s), char_n;

		buf_add(b, (struct str){s.p, n});
		s = str_skip(s, n);
		if (s.n == 0)
			return;
		char_n = str_utf8_char(s);
		if (char_n == 1)
			add_escaped(b, (unsigned char)s.p[0]);
		else if (char_n == 2 && (unsigned char)s.p[0] == 0xC2 && (unsigned char)s.p[1] < 0xA0)
			buf_printf(b, "\\u%04x", (unsigned char)s.p[1]);
		else if (char_n > 0)
			buf_add(b, (struct str){s.p, char_n});
		else
			buf_add(b, STR("\xEF\xBF\xBD"));
		s = str_skip(s, char_n > 0 ? char_n : 1);
	}
}

/* What is said if the arguments are one string. */
struct one_string {
	struct buf *b;
	size_t n;
	bool is_string;
};

static void
count_argument(void *ctx, struct str name, enum json_type type, struct str value)
{
	struct one_string *one = ctx;

	(void)name;
	if (one->n++ == 0 && type == JSON_STRING) {
		one->is_string = true;
		stream_form_escape(one->b, value);
	}
}

static void
add_arguments(struct buf *b, struct str args)
{
	struct one_string one = {.b = b};
	size_t at = b->n;

	if (json_array(args, ARGS_DEPTH_MAX, count_argument, &one) == JSON_OK && one.n == 1 && one.is_string)
		return;
	if (buf_ok(b))
		b->n = at;
	stream_form_escape(b, args);
}

/*
 * The column of the text. Of events that are no plain chat message it begins with a mark that no escaped text has, and
 * the event's name, and of a change the id of what it changes.
 */
static void
add_text(struct buf *b, const struct message_fields *f)
{
	if (!str_eq(f->event, STR("chat message"))) {
		buf_add(b, STR("\\: "));
		stream_form_escape(b, f->event);
		if (f->changes > 0) {
			buf_add_char(b, ' ');
			buf_add_int(b, f->changes);
		}
		if (f->body.n > 0)
			buf_add_char(b, ' ');
	}
	if (f->is_args)
		add_arguments(b, f->body);
	else
		stream_form_escape(b, f->body);
}

/* The column of the sender is never empty, since shells take two tabs for one: a sender `-` is \x2d. */
static void
add_sender(struct buf *b, struct str sender)
{
	if (sender.n == 0)
		buf_add_char(b, '-');
	else if (str_eq(sender, STR("-")))
		buf_add(b, STR("\\x2d"));
	else
		stream_form_escape(b, sender);
}

static void
add_line_of_text(struct buf *b, const struct message_fields *f)
{
	char at[MESSAGE_TIME_SIZE];

	message_time(f->at_ms, at);
	buf_add_int(b, f->id);
	buf_add_char(b, '\t');
	buf_add(b, str_of(at));
	buf_add_char(b, '\t');
	stream_form_escape(b, f->room);
	buf_add_char(b, '\t');
	add_sender(b, f->sender);
	buf_add_char(b, '\t');
	add_text(b, f);
}

/* The arguments of a message are kept as they came, and line ends may stand between them: blanks mean the same. */
static void
add_json_line(struct buf *b, const struct message_fields *f, struct str json)
{
	size_t at = b->n;

	if (json.n > 0)
		buf_add(b, json);
	else
		message_add_json(b, f, STR(""));
	if (!buf_ok(b) || (memchr(b->p + at, '\n', b->n - at) == NULL && memchr(b->p + at, '\r', b->n - at) == NULL))
		return;
	for (; at < b->n; at++)
		if (b->p[at] == '\n' || b->p[at] == '\r')
			b->p[at] = ' ';
}

static void
add_id(struct buf *b, int64_t id, struct str epoch)
{
	buf_add_int(b, id);
	buf_add_char(b, '-');
	buf_add(b, epoch);
}

void
stream_form_message(
    enum stream_form form, struct buf *b, struct str epoch, const struct message_fields *f, struct str json)
{
	if (form == STREAM_SSE) {
		buf_add(b, STR("id: "));
		add_id(b, f->id, epoch);
		buf_add(b, STR("\ndata: "));
		add_json_line(b, f, json);
		buf_add(b, STR("\n\n"));
		return;
	}
	if (form == STREAM_LINES)
		add_json_line(b, f, json);
	else
		add_line_of_text(b, f);
	buf_add_char(b, '\n');
}

/* The members that say where to go on, as /poll has them. */
static void
add_place(struct buf *b, struct str epoch, int64_t next)
{
	buf_add(b, STR("\"epoch\":\""));
	buf_add(b, epoch);
	buf_add(b, STR("\",\"next\":"));
	buf_add_int(b, next);
	buf_add_char(b, '}');
}

void
stream_form_word(enum stream_form form, struct buf *b, enum stream_word word, struct str epoch, int64_t next)
{
	static const char *const words[] = {"open", "alive", "gap", "reset"};

	if (form == STREAM_LINES) {
		buf_printf(b, "{\"stream\":\"%s\",", words[word]);
		add_place(b, epoch, next);
		buf_add_char(b, '\n');
		return;
	}
	if (form == STREAM_TEXT) {
		buf_printf(b, "# %s ", words[word]);
		add_id(b, next, epoch);
		buf_add_char(b, '\n');
		return;
	}
	if (word == STREAM_ALIVE)
		buf_add(b, STR(":\n"));
	else
		buf_printf(b, "event: %s\n", words[word]);
	buf_add(b, STR("id: "));
	add_id(b, next, epoch);
	/* Without data no event comes of it, and the id counts all the same. */
	if (word == STREAM_GAP || word == STREAM_RESET) {
		buf_add(b, STR("\ndata: {"));
		add_place(b, epoch, next);
	}
	buf_add(b, STR("\n\n"));
}

void
stream_form_end(enum stream_form form, struct buf *b, struct str why)
{
	if (form == STREAM_SSE)
		buf_printf(b, ": %.*s\n\n", STR_ARGS(why));
	else if (form == STREAM_LINES)
		buf_printf(b, "{\"stream\":\"end\",\"why\":\"%.*s\"}\n", STR_ARGS(why));
	else
		buf_printf(b, "# end %.*s\n", STR_ARGS(why));
}

void
stream_form_retry(enum stream_form form, struct buf *b, unsigned ms)
{
	if (form == STREAM_SSE)
		buf_printf(b, "retry: %u\n", ms);
}

bool
stream_form_read_id(struct str s, int64_t *id, struct str *epoch)
{
	struct str number = str_cut(&s, '-');
	bool dash = s.p > number.p + number.n;
	uint64_t n;

	*epoch = s;
	if (!str_uint(number, (uint64_t)MESSAGE_ID_MAX, &n) || (dash && s.n == 0))
		return false;
	*id = (int64_t)n;
	return true;
}
