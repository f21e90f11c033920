#include "archive.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/token.h"
#include "store/message.h"

enum { ARGS_DEPTH = 64 /* deeper ones are written as a text */ };

/* ---- writing ---- */

static void
add_name(struct buf *b, const char *name, const char *end)
{
	buf_printf(b, "%s\"%s%s\":", b->n > 0 && b->p[b->n - 1] != '{' ? "," : "", name, end);
}

static void
add_number(struct buf *b, const char *name, int64_t value)
{
	add_name(b, name, "");
	buf_add_int(b, value);
}

static void
add_flag(struct buf *b, const char *name, bool value)
{
	add_name(b, name, "");
	buf_add(b, value ? STR("true") : STR("false"));
}

/* Bytes that are no text in base64, in a member NAME64. */
static void
add_text(struct buf *b, const char *name, struct str value)
{
	bool good = str_utf8(value);

	add_name(b, name, good ? "" : "64");
	if (good) {
		buf_add_json(b, value);
		return;
	}
	buf_add_char(b, '"');
	token_add_base64(b, value);
	buf_add_char(b, '"');
}

/* Whether arguments come back to the byte when they stand in a line as they are. */
static bool
fits_line(struct str args)
{
	return args.n >= 2 && args.p[0] == '[' && args.p[args.n - 1] == ']' && memchr(args.p, '\n', args.n) == NULL &&
	       memchr(args.p, '\r', args.n) == NULL && json_array(args, ARGS_DEPTH, NULL, NULL) == JSON_OK;
}

static void
add_body(struct buf *b, const struct archive_line *l)
{
	if (!l->is_args) {
		add_text(b, "text", l->body);
	} else if (fits_line(l->body)) {
		add_name(b, "args", "");
		buf_add(b, l->body);
	} else
		add_text(b, "args_text", l->body);
}

static void
add_place(struct buf *b, const struct archive_line *l)
{
	add_number(b, "id", l->id);
	add_text(b, "room", l->room);
	add_number(b, "at", l->at_ms);
}

static void
add_message(struct buf *b, const struct archive_line *l)
{
	add_place(b, l);
	add_text(b, "event", l->event);
	add_text(b, "sender", l->sender);
	if (l->by.n > 0)
		add_text(b, "by", l->by);
	if (l->key.n > 0)
		add_text(b, "key", l->key);
	if (l->changes > 0)
		add_number(b, "changes", l->changes);
	if (l->superseded)
		add_flag(b, "superseded", true);
	if (l->edited)
		add_number(b, "edited", l->edited_ms);
	if (l->attachments > 0)
		add_number(b, "attachments", l->attachments);
	if (l->format.n > 0)
		add_text(b, "format", l->format);
	if (l->keeps.n > 0)
		add_text(b, "keeps", l->keeps);
	add_body(b, l);
}

static void
add_spent(struct buf *b, const struct archive_line *l)
{
	add_place(b, l);
	add_text(b, "spent", l->key);
	if (l->by.n > 0)
		add_text(b, "by", l->by);
}

static void
add_attachment(struct buf *b, const struct archive_line *l)
{
	add_number(b, "attachment", l->num);
	add_name(b, "data", "");
	buf_add_char(b, '"');
	token_add_base64(b, l->data);
	buf_add_char(b, '"');
	if (l->more)
		add_flag(b, "more", true);
}

static void
add_header(struct buf *b, const struct archive_line *l)
{
	add_text(b, "longline", STR("export"));
	add_number(b, "version", l->version);
	add_number(b, "schema", l->schema);
	add_flag(b, "keys", l->keys);
	add_number(b, "head", l->head);
}

static void
add_end(struct buf *b, const struct archive_line *l)
{
	add_flag(b, "end", true);
	add_number(b, "messages", l->messages);
	add_number(b, "attachments", l->attachments);
	add_number(b, "spent", l->spent);
	add_number(b, "proven", l->proven);
}

void
archive_add(struct buf *b, const struct archive_line *l)
{
	buf_add_char(b, '{');
	switch (l->kind) {
	case ARCHIVE_HEADER:
		add_header(b, l);
		break;
	case ARCHIVE_MESSAGE:
		add_message(b, l);
		break;
	case ARCHIVE_ATTACHMENT:
		add_attachment(b, l);
		break;
	case ARCHIVE_SPENT:
		add_spent(b, l);
		break;
	case ARCHIVE_PROVEN:
		add_text(b, "proven", l->sender);
		break;
	case ARCHIVE_END:
		add_end(b, l);
		break;
	}
	buf_add(b, STR("}\n"));
}

/* ---- the log's rules ---- */

static bool wrong(char why[ARCHIVE_WHY_SIZE], const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool
wrong(char why[ARCHIVE_WHY_SIZE], const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(why, ARCHIVE_WHY_SIZE, format, arguments);
	va_end(arguments);
	return false;
}

/* `by` may have been written by SQL, and then is no UTF-8; what is text has no control characters. */
static bool
by_ok(struct str by)
{
	return by.n <= MESSAGE_BY_MAX && memchr(by.p, '\0', by.n) == NULL && (!str_utf8(by) || message_by_ok(by));
}

static bool
check_place(const struct archive_line *l, char why[ARCHIVE_WHY_SIZE])
{
	if (l->id < 1 || l->id > MESSAGE_ID_MAX)
		return wrong(why, "id is %lld: expected 1 to 2^53 - 1", (long long)l->id);
	if (!message_room_ok(l->room))
		return wrong(why, "room is '%.*s': expected 1 to 64 of A-Za-z0-9._-", STR_ARGS(l->room));
	if (l->key.n > MESSAGE_KEY_MAX)
		return wrong(why, "a key has %zu bytes: expected 1 to %d", l->key.n, MESSAGE_KEY_MAX);
	if (l->by.n > 0 && !by_ok(l->by))
		return wrong(why, "by is '%.*s': expected up to %d bytes without control characters", STR_ARGS(l->by),
		    MESSAGE_BY_MAX);
	return true;
}

static bool
check_change(const struct archive_line *l, char why[ARCHIVE_WHY_SIZE])
{
	if (l->changes < 0 || l->changes >= l->id)
		return wrong(why, "changes is %lld: expected the id of an earlier message, below %lld",
		    (long long)l->changes, (long long)l->id);
	if (!message_event_changes(l->event))
		return wrong(why, "the event of a change is '%.*s': expected 'message changed' or 'message deleted'",
		    STR_ARGS(l->event));
	if (str_eq(l->event, MESSAGE_DELETED) && (l->is_args || l->body.n > 0))
		return wrong(why, "a deletion has a text: expected ''");
	if (l->attachments != 0)
		return wrong(why, "a change has attachments: expected none");
	return true;
}

bool
archive_check(const struct archive_line *l, char why[ARCHIVE_WHY_SIZE])
{
	if (!check_place(l, why))
		return false;
	if (l->kind == ARCHIVE_SPENT)
		return l->key.n > 0 || wrong(why, "spent is empty: expected a key");
	if (l->event.n < 1 || l->event.n > MESSAGE_EVENT_MAX || message_event_reserved(l->event))
		return wrong(why, "event is '%.*s': expected 1 to %d bytes, and no name of Socket.IO's own",
		    (int)(l->event.n > 200 ? 200 : l->event.n), l->event.p, MESSAGE_EVENT_MAX);
	if (l->sender.n > MESSAGE_SENDER_MAX)
		return wrong(why, "sender has %zu bytes: expected up to %d", l->sender.n, MESSAGE_SENDER_MAX);
	if (l->body.n > MESSAGE_BODY_MAX)
		return wrong(why, "the message has %zu bytes: expected up to %d", l->body.n, MESSAGE_BODY_MAX);
	if (l->attachments < 0 || l->attachments > MESSAGE_ATTACHMENTS_MAX)
		return wrong(
		    why, "attachments is %lld: expected up to %d", (long long)l->attachments, MESSAGE_ATTACHMENTS_MAX);
	if (l->format.n > 0 && message_format_of(l->format) == MESSAGE_AS_IT_IS)
		return wrong(why, "format is '%.*s': expected plain or markdown",
		    (int)(l->format.n > 64 ? 64 : l->format.n), l->format.p);
	if (l->keeps.n > 0 && (l->changes == 0 || message_format_of(l->keeps) == MESSAGE_AS_IT_IS))
		return wrong(why, "keeps is wrong: expected plain or markdown, of a change");
	if (l->superseded && l->changes == 0)
		return wrong(why, "superseded is said of what is no change");
	return l->changes == 0 || check_change(l, why);
}
