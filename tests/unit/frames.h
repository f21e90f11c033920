/*
 * frames: tables of WebSocket frames, what they are read as, and how they are tried.
 *
 * What comes in is frames with | between them. "81:4865" is a client's frame: its first byte, and its payload in hex;
 * length and mask are put in. Anything else is bytes in hex, where m stands for the mask: from it on to the end of the
 * frame bytes are masked. 61*125 is a byte 125 times. ! stands behind the byte with which an error is told; without one
 * that is the last.
 *
 * What comes out: T, B, P, O, C (text, binary, PING, PONG, CLOSE) and the payload, + behind it when the message goes
 * on;
 * "..." when more bytes are waited for.
 */
#ifndef FRAMES_H
#define FRAMES_H

#include "base/buf.h"
#include "base/ws.h"
#include "test.h"

struct frames_row {
	const char *name, *in, *out;
	unsigned code; /* of the error behind that; 0: none */
	size_t max;    /* bytes of a message; 0: FRAMES_MAX */
};

enum {
	FRAMES_MAX = 1000000,
	FRAMES_EXACT = 4096, /* bytes that are read in memory of just their size */
	FRAMES_CUTS = 1500,  /* so many are cut at each place */
};

static const char frames_masks[][4] = {"\x37\xFA\x21\x3D", "\0\0\0\0", "\xFF\xFF\xFF\xFF", "\x01\x02\x04\x80"};

/* Frames as they are written. */
struct frames {
	struct buf bytes;
	size_t told; /* bytes with which an error is told */
	const char *mask;
	size_t mask_at;
	bool masking;
};

/* What was read of them. */
struct frames_reader {
	struct ws_walk walk;
	char *bytes;
	size_t at, max, before;
	unsigned code;
	bool closed;
	struct buf log;
};

static inline void
frames_add(struct frames *s, unsigned char byte, size_t times)
{
	for (size_t i = 0; i < times; i++)
		buf_add_char(&s->bytes, (char)(s->masking ? byte ^ (unsigned char)s->mask[s->mask_at++ % 4] : byte));
}

static inline void
frames_begin_mask(struct frames *s)
{
	buf_add(&s->bytes, (struct str){s->mask, 4});
	s->masking = true;
	s->mask_at = 0;
}

/* Digits, and how often. Where they end. */
static inline const char *
frames_byte(const char *p, unsigned char *byte, size_t *times)
{
	*byte = (unsigned char)(str_hex(p[0]) << 4 | str_hex(p[1]));
	*times = 1;
	p += 2;
	if (*p == '*') {
		char *end;

		*times = strtoul(p + 1, &end, 10);
		p = end;
	}
	return p;
}

static inline size_t
frames_length(const char *p)
{
	size_t n = 0, times;
	unsigned char byte;

	while (*p != '\0' && *p != '|') {
		if (str_hex(*p) < 0) {
			p++;
			continue;
		}
		p = frames_byte(p, &byte, &times);
		n += times;
	}
	return n;
}

/* The head of a frame as a client writes it, with its mask. */
static inline void
frames_head(struct frames *s, size_t n)
{
	char head[WS_HEAD_MAX];
	size_t size = ws_head(head, WS_TEXT, n);

	head[1] = (char)(head[1] | 0x80);
	buf_add(&s->bytes, (struct str){head + 1, size - 1});
	frames_begin_mask(s);
}

static inline void
frames_write(struct frames *s, const char *p)
{
	s->told = 0;
	while (*p != '\0') {
		unsigned char byte;
		size_t times;

		if (str_hex(*p) >= 0) {
			p = frames_byte(p, &byte, &times);
			frames_add(s, byte, times);
			continue;
		}
		if (*p == '|')
			s->masking = false;
		else if (*p == 'm')
			frames_begin_mask(s);
		else if (*p == ':')
			frames_head(s, frames_length(p));
		else if (*p == '!')
			s->told = s->bytes.n;
		p++;
	}
	if (s->told == 0)
		s->told = s->bytes.n;
	assert_true(buf_ok(&s->bytes));
}

static inline void
frames_add_hex(struct buf *b, struct str bytes)
{
	for (size_t i = 0; i < bytes.n; i++) {
		char hex[3];

		snprintf(hex, sizeof hex, "%02X", (unsigned char)bytes.p[i]);
		buf_add(b, (struct str){hex, 2});
	}
}

static inline void
frames_log(struct buf *log, const struct ws_frame *f)
{
	static const char names[] = "?TB?????CPO";
	size_t same = 0, n = f->payload.n;

	if (log->n > 0)
		buf_add_char(log, ' ');
	buf_add_char(log, names[f->opcode]);
	while (same < n && f->payload.p[same] == f->payload.p[0])
		same++;
	if (same == n && n > 16) {
		frames_add_hex(log, (struct str){f->payload.p, 1});
		buf_add_char(log, '*');
		buf_add_int(log, (int64_t)n);
	} else {
		frames_add_hex(log, f->payload);
	}
	if (!f->fin)
		buf_add_char(log, '+');
}

static inline void
frames_took(struct frames_reader *r, const char *begin, const struct ws_frame *f)
{
	bool control = f->opcode >= WS_CLOSE;

	frames_log(&r->log, f);
	assert_int_equal(f->before, control ? 0 : r->before);
	if (!control)
		r->before = f->fin ? 0 : r->before + f->payload.n;
	assert_int_equal(r->walk.message_n, r->before);
	assert_ptr_equal(f->payload.p + f->payload.n, begin + f->used);
	r->at += f->used;
	r->closed = f->opcode == WS_CLOSE;
}

/* One call, with n bytes here; few of them in memory of just their size, which is another each time. */
static inline enum ws_result
frames_step(struct frames_reader *r, size_t n)
{
	size_t left = n - r->at;
	char *there = r->bytes + r->at, *bytes = left > FRAMES_EXACT ? there : malloc(left + (left == 0));
	struct ws_frame f;
	enum ws_result result;

	if (bytes != there)
		memcpy(bytes, there, left);
	result = ws_next(&r->walk, bytes, left, r->max, &f);
	assert_true(result != WS_FRAME || f.used <= left);
	if (result == WS_FRAME)
		frames_took(r, bytes, &f);
	if (result == WS_BAD)
		r->code = f.code;
	if (bytes != there) {
		memcpy(there, bytes, left);
		free(bytes);
	}
	return result;
}

/* n bytes are here. */
static inline void
frames_read(struct frames_reader *r, size_t n)
{
	enum ws_result result = WS_FRAME;

	while (result == WS_FRAME && r->code == 0 && !r->closed)
		result = frames_step(r, n);
	/* To look again without more bytes changes nothing. */
	if (result == WS_PART)
		assert_int_equal(frames_step(r, n), WS_PART);
}

/* Frames that come up to a cut at first, then in pieces of at most this size. */
static inline void
frames_try(const struct frames_row *row, const struct frames *s, size_t cut, size_t piece)
{
	struct frames_reader r = {.max = row->max == 0 ? FRAMES_MAX : row->max};
	size_t all = s->bytes.n;

	buf_init(&r.log, SIZE_MAX);
	r.bytes = malloc(all + 1);
	if (all > 0)
		memcpy(r.bytes, s->bytes.p, all);
	for (size_t end = cut;; end += piece < all - end ? piece : all - end) {
		frames_read(&r, end);
		if ((r.code != 0) != (row->code != 0 && end >= s->told))
			fail_msg("%s: %s: %u at %zu of %zu bytes", row->name, row->in, r.code, end, all);
		if (end == all)
			break;
	}
	if (r.code == 0 && !r.closed && r.at < all)
		buf_add(&r.log, r.log.n > 0 ? STR(" ...") : STR("..."));
	if (!str_eq(buf_str(&r.log), str_of(row->out)) || r.code != row->code)
		fail_msg("%s: %s\ngot  %.*s %u\nwant %s %u", row->name, row->in, STR_ARGS(buf_str(&r.log)), r.code,
		    row->out, row->code);
	buf_fini(&r.log);
	free(r.bytes);
}

/* All at once, in any two parts, byte by byte, and in pieces; long ones in some of these ways. */
static inline void
frames_row(const struct frames_row *row, const char *mask)
{
	struct frames s = {.mask = mask};
	size_t all, cuts;

	buf_init(&s.bytes, SIZE_MAX);
	frames_write(&s, row->in);
	all = s.bytes.n;
	cuts = all < FRAMES_CUTS ? all : 20;
	for (size_t cut = 0; cut <= cuts; cut++)
		frames_try(row, &s, cut, all + 1);
	for (size_t i = 1; i < 8; i++)
		frames_try(row, &s, 0, all < FRAMES_CUTS ? i : all / 1000 + test_random(all));
	frames_try(row, &s, all, 1);
	if (all > cuts)
		frames_try(row, &s, all - 1, 1);
	buf_fini(&s.bytes);
}

static inline void
frames_table(const struct frames_row *rows, size_t n)
{
	test_seed(15);
	for (size_t i = 0; i < n; i++)
		for (size_t m = 0; m < LENGTH(frames_masks); m++)
			frames_row(&rows[i], frames_masks[m]);
}

#endif
