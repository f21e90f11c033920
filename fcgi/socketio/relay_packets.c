/* What members are given of a stored message. */
#include <inttypes.h>

#include "base/json.h"
#include "relay_state.h"

/* The arguments of a message between brackets, the event's name first, the offset last. */
static void
add_args(struct buf *b, const struct message *m, bool meta)
{
	const struct message_fields *f = &m->f;
	struct str format = message_format_told(f);
	char at[MESSAGE_TIME_SIZE];

	message_add_args(b, m);
	if (meta) {
		message_time(f->at_ms, at);
		buf_printf(b, ",{\"id\":%" PRId64 ",\"room\":\"%.*s\",\"sender\":", f->id, STR_ARGS(f->room));
		buf_add_json(b, f->sender);
		if (f->by.n > 0) {
			buf_add(b, STR(",\"by\":"));
			buf_add_json(b, f->by);
		}
		if (format.n > 0)
			buf_printf(b, ",\"format\":\"%.*s\"", STR_ARGS(format));
		buf_printf(b, ",\"at\":\"%s\"}", at);
	}
	buf_add(b, STR(",\""));
	buf_add_int(b, f->id);
	buf_add_char(b, '"');
}

/* Whether every placeholder has its attachment. A row of another program's may not be so, and clients choke on that.
 * Without memory for that b fails, and it is asked again with the next one. */
static bool
is_binary(struct message *m, struct buf *b)
{
	const struct message_fields *f = &m->f;
	struct json_payload payload;
	enum json_result result;
	bool good;

	if (f->n_attachments == 0)
		return false;
	if (m->binary == MESSAGE_BINARY_UNKNOWN) {
		result = json_payload(f->body, SIZE_MAX / 64, &payload);
		good = result == JSON_OK && !payload.bad_placeholder && payload.placeholders >> f->n_attachments == 0;
		buf_fini(&payload.strings);
		b->failed = b->failed || result == JSON_NO_MEMORY;
		if (result != JSON_NO_MEMORY)
			m->binary = good ? MESSAGE_BINARY : MESSAGE_NOT_BINARY;
	}
	return m->binary == MESSAGE_BINARY;
}

unsigned
relay_packets(void *ctx, struct member *m, struct message *message, struct buf *b)
{
	struct participant *p = member_data(m);
	unsigned n = is_binary(message, b) ? message->f.n_attachments : 0;
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
