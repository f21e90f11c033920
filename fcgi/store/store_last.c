#include <string.h>

#include "store_rows.h"

enum { START_CHARS = 200, CHAR_BYTES = 4, START_BYTES = (START_CHARS + 1) * CHAR_BYTES };

/* Stands for what was left out. */
static const char CUT[] = "\xE2\x80\xA6";

/* The bytes of the first START_CHARS characters; a byte that is no UTF-8 counts as one. */
static size_t
start_length(struct str s)
{
	size_t n = 0;

	for (int i = 0; i < START_CHARS && n < s.n; i++) {
		size_t bytes = str_utf8_char(str_skip(s, n));

		n += bytes == 0 ? 1 : bytes;
	}
	return n;
}

/* What of a text is shown, whose first bytes s is. */
static void
set_text(struct store_last *last, struct str s)
{
	size_t n = s.n < START_BYTES ? s.n : START_BYTES, shown;

	memmove(last->text_bytes, s.p, n);
	shown = start_length((struct str){last->text_bytes, n});
	if (shown < n) {
		memcpy(last->text_bytes + shown, CUT, sizeof CUT - 1);
		shown += sizeof CUT - 1;
	}
	last->text = (struct str){last->text_bytes, shown};
}

/*
 * The beginning of a message's text or args: only what is shown is read, however long it is. SQLITE_DONE: it is longer
 * than it may be.
 */
static int
read_start(struct store *s, int64_t id, bool is_args, struct store_last *last)
{
	sqlite3_blob *blob = NULL;
	int size, n, code = sqlite3_blob_open(s->db, "main", "messages", is_args ? "args" : "text", id, 0, &blob);

	if (code != SQLITE_OK)
		return code == SQLITE_ERROR ? SQLITE_OK : code; /* it is NULL */
	size = sqlite3_blob_bytes(blob);
	n = size > START_BYTES ? START_BYTES : size;
	code = size > MESSAGE_BODY_MAX ? SQLITE_DONE : sqlite3_blob_read(blob, last->text_bytes, n, 0);
	sqlite3_blob_close(blob);
	if (code == SQLITE_OK)
		set_text(last, (struct str){last->text_bytes, (size_t)n});
	return code;
}

/* The last message up to an id that does not break the rules. SQLITE_DONE: there is none. */
static int
find_good(struct store *s, struct str room, int64_t up_to, struct store_last *last)
{
	struct store_rooms rooms = {.names = {room}, .n = 1};
	struct store_filter f = {.rooms = &rooms, .from_ms = INT64_MIN, .until_ms = INT64_MAX};
	struct store_walk w = {.f = &f, .up_to = up_to, .descending = true, .rows = 1};
	struct message_fields fields;
	int code = store_walk_next(s, &w, &fields);

	if (code == SQLITE_ROW) {
		memcpy(last->names, fields.event.p, fields.event.n);
		memcpy(last->names + fields.event.n, fields.sender.p, fields.sender.n);
		last->event = (struct str){last->names, fields.event.n};
		last->sender = (struct str){last->names + fields.event.n, fields.sender.n};
		last->id = fields.id;
		last->at_ms = fields.at_ms;
		set_text(last, fields.body);
		code = SQLITE_OK;
	}
	store_walk_end(&w);
	return code;
}

int
store_read_last(struct store *s, struct str room, int64_t id, bool known, bool is_args, struct store_last *last)
{
	int code = SQLITE_DONE;

	last->text = STR("");
	if (known && store_names_wrong(last->event, last->sender) == NULL)
		code = read_start(s, id, is_args, last);
	return code == SQLITE_DONE ? find_good(s, room, id, last) : code;
}
