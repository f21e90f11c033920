#include "ws.h"

#include <assert.h>
#include <string.h>

#include "token.h"

enum { FIN = 0x80, RSV = 0x70, OPCODE = 0x0F, MASKED = 0x80, LENGTH = 0x7F, LENGTH_2 = 126, LENGTH_8 = 127 };
enum { KEY_SIZE = 24, MASK_SIZE = 4 };

/* The head of a frame. Of one that is here in part, what is known of it. */
struct head {
	enum ws_opcode opcode;
	bool fin;
	uint64_t length; /* of the payload */
	size_t size;     /* of the head, with the mask */
};

static uint64_t
number(const unsigned char *p, size_t n)
{
	uint64_t value = 0;

	for (size_t i = 0; i < n; i++)
		value = value << 8 | p[i];
	return value;
}

static bool
is_control(enum ws_opcode opcode)
{
	return opcode >= WS_CLOSE;
}

/* The first byte: only a message that has begun goes on, and none begins within another. */
static bool
first_ok(const struct ws_walk *w, unsigned first)
{
	bool fin = first & FIN;

	if ((first & RSV) != 0)
		return false;
	switch (first & OPCODE) {
	case WS_CONTINUATION:
		return w->opcode != 0;
	case WS_TEXT:
	case WS_BINARY:
		return w->opcode == 0;
	case WS_CLOSE:
	case WS_PING:
	case WS_PONG:
		return fin;
	default:
		return false;
	}
}

/* A length is written in as few bytes as it needs, and its highest bit is 0 (section 5.2). */
static bool
length_ok(uint64_t length, size_t bytes)
{
	if (bytes == 2)
		return length >= LENGTH_2;
	return bytes == 0 || (length > UINT16_MAX && length >> 63 == 0);
}

/* WS_FRAME: all of the head is here. WS_BAD: *code says why, as soon as it is sure. */
static enum ws_result
read_head(const struct ws_walk *w, const unsigned char *p, size_t n, size_t room, struct head *h, unsigned *code)
{
	size_t more;

	*code = WS_CODE_PROTOCOL;
	if (n > 0 && !first_ok(w, p[0]))
		return WS_BAD;
	if (n < 2)
		return WS_PART;
	h->opcode = (enum ws_opcode)(p[0] & OPCODE);
	h->fin = p[0] & FIN;
	h->length = p[1] & LENGTH;
	if ((p[1] & MASKED) == 0 || (is_control(h->opcode) && h->length > WS_CONTROL_MAX))
		return WS_BAD;
	more = h->length == LENGTH_8 ? 8 : h->length == LENGTH_2 ? 2 : 0;
	if (n < 2 + more)
		return WS_PART;
	if (more > 0)
		h->length = number(p + 2, more);
	if (!length_ok(h->length, more))
		return WS_BAD;
	if (!is_control(h->opcode) && h->length > room) {
		*code = WS_CODE_TOO_BIG;
		return WS_BAD;
	}
	h->size = 2 + more + MASK_SIZE;
	return n < h->size ? WS_PART : WS_FRAME;
}

/* Bytes of a payload, of which `at` come before these. */
static void
unmask(char *p, size_t n, const char mask[MASK_SIZE], size_t at)
{
	char turned[8];
	uint64_t word, eight;

	for (size_t i = 0; i < sizeof turned; i++)
		turned[i] = mask[(at + i) % MASK_SIZE];
	memcpy(&word, turned, sizeof word);
	for (; n >= sizeof word; p += sizeof word, n -= sizeof word) {
		memcpy(&eight, p, sizeof eight);
		eight ^= word;
		memcpy(p, &eight, sizeof eight);
	}
	for (size_t i = 0; i < n; i++)
		p[i] = (char)(p[i] ^ turned[i]);
}

/*
 * Where in a character a text ends (RFC 3629): 0 behind one; 1 to 3: so many bytes are missing; the others: likewise
 * one, one, two and two behind the next byte, which is bounded by what begins the character.
 */
enum { BEHIND_E0 = 4, BEHIND_ED, BEHIND_F0, BEHIND_F4, NOT_UTF8 };

static unsigned
utf8_begin(unsigned char c)
{
	if (c < 0x80)
		return 0;
	if (c < 0xC2 || c > 0xF4)
		return NOT_UTF8;
	if (c < 0xE0)
		return 1;
	if (c < 0xF0)
		return c == 0xE0 ? BEHIND_E0 : c == 0xED ? BEHIND_ED : 2;
	return c == 0xF0 ? BEHIND_F0 : c == 0xF4 ? BEHIND_F4 : 3;
}

static unsigned
utf8_step(unsigned state, unsigned char c)
{
	static const struct {
		unsigned char low, high, next;
	} want[] = {
	    [1] = {0x80, 0xBF, 0},
	    [2] = {0x80, 0xBF, 1},
	    [3] = {0x80, 0xBF, 2},
	    [BEHIND_E0] = {0xA0, 0xBF, 1},
	    [BEHIND_ED] = {0x80, 0x9F, 1},
	    [BEHIND_F0] = {0x90, 0xBF, 2},
	    [BEHIND_F4] = {0x80, 0x8F, 2},
	};

	if (state == 0)
		return utf8_begin(c);
	return c >= want[state].low && c <= want[state].high ? want[state].next : NOT_UTF8;
}

/* More of a text. false: it is no UTF-8, whatever comes behind. */
static bool
utf8_more(struct ws_walk *w, struct str s)
{
	unsigned state = w->utf8;

	while (s.n > 0) {
		size_t whole = 0;

		if (state == 0) {
			whole = str_ascii(s);
			if (whole == 0)
				whole = str_utf8_char(s);
		}
		if (whole == 0) {
			state = utf8_step(state, (unsigned char)s.p[0]);
			whole = 1;
		}
		if (state == NOT_UTF8)
			return false;
		s = str_skip(s, whole);
	}
	w->utf8 = state & 0xF;
	return true;
}

/* What may stand in a CLOSE: the codes of section 7.4 and IANA's register that are not for within a program alone. */
static bool
code_ok(unsigned code)
{
	return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

/* 0: the payload of a CLOSE is good. In one byte there is no code, which is none of the good ones. */
static unsigned
close_fault(struct str payload)
{
	if (payload.n == 0)
		return 0;
	if (!code_ok(ws_close_code(payload)))
		return WS_CODE_PROTOCOL;
	return str_utf8(str_skip(payload, 2)) ? 0 : WS_CODE_NOT_UTF8;
}

static enum ws_result
bad(struct ws_frame *f, unsigned code)
{
	*f = (struct ws_frame){.code = code};
	return WS_BAD;
}

/* A data frame is whole, f has its payload. */
static enum ws_result
end_data(struct ws_walk *w, const struct head *h, struct ws_frame *f)
{
	f->opcode = h->opcode == WS_CONTINUATION ? (enum ws_opcode)w->opcode : h->opcode;
	f->before = w->message_n;
	if (h->fin) {
		if (w->utf8 != 0)
			return bad(f, WS_CODE_NOT_UTF8);
		*w = (struct ws_walk){0};
		return WS_FRAME;
	}
	w->opcode = f->opcode & OPCODE;
	w->message_n = (uint32_t)(f->before + f->payload.n) & WS_PAYLOAD_LIMIT;
	w->done = 0;
	return WS_FRAME;
}

static enum ws_result
end_control(struct ws_walk *w, struct ws_frame *f)
{
	unsigned fault = f->opcode == WS_CLOSE ? close_fault(f->payload) : 0;

	w->done = 0;
	return fault == 0 ? WS_FRAME : bad(f, fault);
}

enum ws_result
ws_next(struct ws_walk *w, char *bytes, size_t n, size_t payload_max, struct ws_frame *f)
{
	size_t max = payload_max < WS_PAYLOAD_LIMIT ? payload_max : WS_PAYLOAD_LIMIT;
	size_t room = max > w->message_n ? max - w->message_n : 0, here;
	struct head h;
	unsigned code;
	enum ws_result head = read_head(w, (const unsigned char *)bytes, n, room, &h, &code);
	struct str fresh;

	if (head != WS_FRAME)
		return head == WS_PART ? WS_PART : bad(f, code);
	here = n - h.size < h.length ? n - h.size : (size_t)h.length;
	assert(here >= w->done);
	fresh = (struct str){bytes + h.size + w->done, here - w->done};
	unmask(bytes + h.size + w->done, fresh.n, bytes + h.size - MASK_SIZE, w->done);
	w->done = (uint32_t)here & WS_PAYLOAD_LIMIT;
	if ((h.opcode == WS_TEXT || (h.opcode == WS_CONTINUATION && w->opcode == WS_TEXT)) && !utf8_more(w, fresh))
		return bad(f, WS_CODE_NOT_UTF8);
	if (here < h.length)
		return WS_PART;
	*f = (struct ws_frame){
	    .opcode = h.opcode, .fin = h.fin, .payload = {bytes + h.size, here}, .used = h.size + here};
	return is_control(h.opcode) ? end_control(w, f) : end_data(w, &h, f);
}

size_t
ws_head(char out[WS_HEAD_MAX], enum ws_opcode opcode, size_t n)
{
	size_t more = n > UINT16_MAX ? 8 : n >= LENGTH_2 ? 2 : 0;
	size_t length = more == 8 ? LENGTH_8 : more == 2 ? LENGTH_2 : n;

	out[0] = (char)(FIN | opcode);
	out[1] = (char)length;
	for (size_t i = 0; i < more; i++)
		out[2 + i] = (char)((uint64_t)n >> 8 * (more - 1 - i) & 0xFF);
	return 2 + more;
}

size_t
ws_close(char out[WS_CLOSE_MAX], unsigned code)
{
	out[0] = (char)(FIN | WS_CLOSE);
	out[1] = code == WS_CODE_NONE ? 0 : 2;
	if (code == WS_CODE_NONE)
		return 2;
	out[2] = (char)(code >> 8);
	out[3] = (char)(code & 0xFF);
	return 4;
}

unsigned
ws_close_code(struct str payload)
{
	return payload.n < 2 ? WS_CODE_NONE : (unsigned)number((const unsigned char *)payload.p, 2);
}

static bool
is_base64(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
}

bool
ws_key_ok(struct str key)
{
	if (key.n != KEY_SIZE || key.p[KEY_SIZE - 2] != '=' || key.p[KEY_SIZE - 1] != '=')
		return false;
	for (size_t i = 0; i < KEY_SIZE - 2; i++)
		if (!is_base64(key.p[i]))
			return false;
	return true;
}

void
ws_accept(char out[WS_ACCEPT_SIZE], struct str key)
{
	static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; /* section 1.3 */
	char text[KEY_SIZE + sizeof guid];

	assert(key.n == KEY_SIZE);
	memcpy(text, key.p, KEY_SIZE);
	memcpy(text + KEY_SIZE, guid, sizeof guid);
	token_sha1((struct str){text, sizeof text - 1}, out);
}
