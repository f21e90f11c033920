/*
 * What a stream makes of a message is one line, or one event, whatever is in it; in text no control character is left,
 * and what was escaped comes back. An id that is read is written as the same.
 *
 * An input is a byte that says what it is (1: arguments, 2: of another event, 4: a change), then the text.
 */
#include "api/stream_form.h"

#include "fuzz.h"

/* As a shell's printf '%b' does. */
static void
unescape(struct buf *b, struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned c;

		if (s.p[i] != '\\') {
			buf_add_char(b, s.p[i]);
			continue;
		}
		MUST(++i < s.n);
		switch (s.p[i]) {
		case '\\':
			buf_add_char(b, '\\');
			break;
		case 't':
			buf_add_char(b, '\t');
			break;
		case 'n':
			buf_add_char(b, '\n');
			break;
		case 'r':
			buf_add_char(b, '\r');
			break;
		case 'x':
			MUST(i + 2 < s.n && str_hex(s.p[i + 1]) >= 0 && str_hex(s.p[i + 2]) >= 0);
			buf_add_char(b, (char)(str_hex(s.p[i + 1]) * 16 + str_hex(s.p[i + 2])));
			i += 2;
			break;
		default:
			MUST(s.p[i] == 'u' && i + 4 < s.n && s.p[i + 1] == '0' && s.p[i + 2] == '0');
			c = (unsigned)(str_hex(s.p[i + 3]) * 16 + str_hex(s.p[i + 4]));
			MUST(c >= 0x80 && c < 0xA0);
			buf_add_char(b, (char)0xC2);
			buf_add_char(b, (char)c);
			i += 4;
		}
	}
}

static bool
has_control(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c < 0x20 || c == 0x7F || (c == 0xC2 && i + 1 < s.n && (unsigned char)s.p[i + 1] < 0xA0))
			return true;
	}
	return false;
}

static void
check_escape(struct str text)
{
	struct buf escaped, back;

	buf_init(&escaped, 8 * text.n + 8);
	buf_init(&back, 8 * text.n + 8);
	stream_form_escape(&escaped, text);
	MUST(buf_ok(&escaped) && !has_control(buf_str(&escaped)) && str_utf8(buf_str(&escaped)));
	if (str_utf8(text)) {
		unescape(&back, buf_str(&escaped));
		MUST(str_eq(buf_str(&back), text));
	}
	buf_fini(&back);
	buf_fini(&escaped);
}

/* Its end apart it has no line end. */
static void
check_line(enum stream_form form, const struct message_fields *f)
{
	struct buf b;
	struct str line;

	buf_init(&b, 64 << 20);
	stream_form_message(form, &b, STR("0123456789abcdef"), f, STR(""));
	MUST(buf_ok(&b) && b.n > 2 && b.p[b.n - 1] == '\n' && str_utf8(buf_str(&b)));
	line = (struct str){b.p, b.n - 1};
	if (form == STREAM_SSE) {
		MUST(str_starts(line, STR("id: 42-0123456789abcdef\ndata: {")) && line.p[line.n - 1] == '\n');
		line = (struct str){line.p + 24, line.n - 25};
	}
	MUST(memchr(line.p, '\n', line.n) == NULL && memchr(line.p, '\r', line.n) == NULL);
	if (form == STREAM_TEXT) {
		for (int column = 0; column < 4; column++)
			MUST(str_cut(&line, '\t').n > 0);
		MUST(!has_control(line));
	}
	buf_fini(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct message_fields f = {.id = 42, .room = STR("main"), .event = STR("chat message")};
	int64_t id;
	struct str epoch;

	if (n < 1)
		return 0;
	f.body = (struct str){(const char *)bytes + 1, n - 1};
	f.sender = (struct str){f.body.p, f.body.n < MESSAGE_SENDER_MAX ? f.body.n : MESSAGE_SENDER_MAX};
	f.is_args = bytes[0] & 1;
	f.changes = bytes[0] & 4;
	if (bytes[0] & 2)
		f.event = (struct str){f.body.p, f.body.n < MESSAGE_EVENT_MAX ? f.body.n : MESSAGE_EVENT_MAX};
	check_escape(f.body);
	for (unsigned form = 0; form < STREAM_FORMS; form++)
		check_line((enum stream_form)form, &f);
	if (stream_form_read_id(f.body, &id, &epoch))
		MUST(id >= 0 && id <= MESSAGE_ID_MAX && epoch.n < f.body.n);
	return 0;
}
