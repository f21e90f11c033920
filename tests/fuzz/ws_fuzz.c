/*
 * Frames that come in any pieces are read as a simple decoder reads them, which has all bytes before it and takes its
 * time; and an error is told with the very byte that makes it one.
 */
#include "base/ws.h"

#include "fuzz.h"

enum { EVENTS_MAX = 1000 };

struct event {
	enum ws_opcode opcode;
	bool fin;
	size_t begins, n; /* of the payload in all bytes */
	size_t before;
};

struct outcome {
	struct event events[EVENTS_MAX];
	size_t n_events, used;
	unsigned code; /* of an error */
	bool closed;
};

/* ---- the decoder that is compared with: RFC 6455, a byte at a time ---- */

/* Whether text could still become UTF-8, by whatever comes behind it. */
static bool
may_become_utf8(struct str text)
{
	static const char *const ends[] = {"", "\x80", "\x80\x80", "\x80\x80\x80", "\xA0\x80", "\x90\x80\x80"};
	size_t last = text.n < 3 ? text.n : 3;

	/* What is not cut ends with a whole character, 0 to 3 bytes before the end. */
	for (size_t cut = 0; cut <= last; cut++) {
		if (!str_utf8((struct str){text.p, text.n - cut}))
			continue;
		for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
			char c[8];
			size_t n = strlen(ends[i]);

			memcpy(c, text.p + text.n - cut, cut);
			memcpy(c + cut, ends[i], n);
			if (str_utf8_char((struct str){c, cut + n}) == cut + n || cut + n == 0)
				return true;
		}
	}
	return false;
}

static unsigned
close_fault(struct str payload)
{
	unsigned code;

	if (payload.n == 0)
		return 0;
	if (payload.n == 1)
		return 1002;
	code = (unsigned)(unsigned char)payload.p[0] * 256 + (unsigned char)payload.p[1];
	if (code < 1000 || code > 4999 || (code > 1014 && code < 3000) || (code >= 1004 && code <= 1006))
		return 1002;
	return str_utf8(str_skip(payload, 2)) ? 0 : 1007;
}

/* What it knows of a message: all of its bytes. */
struct message {
	int opcode; /* 0: none has begun */
	char *text;
	size_t n;
};

/* A code; 1: the frame is there only in part; 0: it is whole. */
static unsigned
decode(struct message *m, const uint8_t *p, size_t n, size_t max, struct event *e)
{
	size_t head = 2;
	uint64_t length;
	int opcode;
	bool control;

	if (n < 1)
		return 1;
	opcode = p[0] % 16;
	control = opcode > 7;
	e->fin = p[0] >= 128;
	if ((p[0] / 16) % 8 != 0 || (opcode > 2 && opcode < 8) || opcode > 10 || (control && !e->fin))
		return 1002;
	if (!control && (opcode == 0) != (m->opcode != 0))
		return 1002;
	if (n < 2)
		return 1;
	length = p[1] % 128;
	if (p[1] < 128 || (control && length > 125))
		return 1002;
	if (length > 125) {
		bool eight = length == 127;

		head = eight ? 10 : 4;
		if (n < head)
			return 1;
		length = 0;
		for (size_t i = 2; i < head; i++)
			length = length * 256 + p[i];
		if (length < (eight ? 65536 : 126) || length > INT64_MAX)
			return 1002;
	}
	if (!control && (length > max || m->n + length > max))
		return 1009;
	head += 4;
	if (n < head)
		return 1;
	e->opcode = (enum ws_opcode)(opcode == 0 ? m->opcode : opcode);
	e->begins = head;
	e->before = control ? 0 : m->n;
	e->n = n - head < length ? n - head : (size_t)length;
	for (size_t i = 0; i < e->n; i++)
		m->text[m->n + i] = (char)(p[head + i] ^ p[head - 4 + i % 4]);
	if (e->opcode == WS_TEXT && !may_become_utf8((struct str){m->text, m->n + e->n}))
		return 1007;
	if (e->n < length)
		return 1;
	if (opcode == WS_CLOSE)
		return close_fault((struct str){m->text + m->n, e->n});
	if (e->opcode == WS_TEXT && e->fin && !str_utf8((struct str){m->text, m->n + e->n}))
		return 1007;
	if (control)
		return 0;
	m->opcode = e->fin ? 0 : (int)e->opcode;
	m->n = e->fin ? 0 : m->n + e->n;
	return 0;
}

/* unmasked: the bytes, with all payloads of whole frames unmasked. */
static void
decode_all(const uint8_t *bytes, size_t n, size_t max, struct outcome *o, char *unmasked)
{
	struct message m = {.text = malloc(n + 8)};
	unsigned code = 0;

	MUST(m.text != NULL);
	o->n_events = o->used = o->code = 0;
	o->closed = false;
	memcpy(unmasked, bytes, n);
	while (!o->closed && o->n_events < EVENTS_MAX) {
		struct event e;

		code = decode(&m, bytes + o->used, n - o->used, max, &e);
		if (code != 0)
			break;
		e.begins += o->used;
		for (size_t i = 0; i < e.n; i++)
			unmasked[e.begins + i] = (char)(bytes[e.begins + i] ^ bytes[e.begins - 4 + i % 4]);
		o->events[o->n_events++] = e;
		o->used = e.begins + e.n;
		o->closed = e.opcode == WS_CLOSE;
	}
	o->code = code > 1 ? code : 0;
	free(m.text);
}

/* ---- what is tried ---- */

struct reader {
	struct ws_walk w;
	char *bytes; /* as many as are here, in memory of just that size */
	size_t n, at, max;
	struct outcome o;
};

static void
read_frames(struct reader *r)
{
	while (r->o.code == 0 && !r->o.closed && r->o.n_events < EVENTS_MAX) {
		struct ws_frame f;
		enum ws_result result = ws_next(&r->w, r->bytes + r->at, r->n - r->at, r->max, &f);

		if (result == WS_PART)
			return;
		if (result == WS_BAD) {
			MUST(f.code == 1002 || f.code == 1007 || f.code == 1009);
			r->o.code = f.code;
			return;
		}
		MUST(f.used <= r->n - r->at && f.payload.p >= r->bytes + r->at + 6);
		MUST(f.payload.p + f.payload.n == r->bytes + r->at + f.used);
		r->o.events[r->o.n_events++] =
		    (struct event){f.opcode, f.fin, (size_t)(f.payload.p - r->bytes), f.payload.n, f.before};
		r->at += f.used;
		r->o.used = r->at;
		r->o.closed = f.opcode == WS_CLOSE;
	}
}

/* More bytes; all of them are moved. */
static void
add(struct reader *r, const uint8_t *more, size_t n)
{
	char *bytes = malloc(r->n + n + (r->n + n == 0));

	MUST(bytes != NULL);
	if (r->n > 0)
		memcpy(bytes, r->bytes, r->n);
	memcpy(bytes + r->n, more, n);
	free(r->bytes);
	r->bytes = bytes;
	r->n += n;
	read_frames(r);
}

static void
same(const struct outcome *a, const struct outcome *b)
{
	MUST(a->n_events == b->n_events && a->used == b->used && a->code == b->code && a->closed == b->closed);
	for (size_t i = 0; i < a->n_events; i++) {
		const struct event *x = &a->events[i], *y = &b->events[i];

		MUST(x->opcode == y->opcode && x->fin == y->fin && x->before == y->before);
		MUST(x->begins == y->begins && x->n == y->n);
	}
}

static void
check_payloads(const struct reader *r, const char *unmasked)
{
	for (size_t i = 0; i < r->o.n_events; i++) {
		const struct event *e = &r->o.events[i];

		MUST(e->n == 0 || memcmp(r->bytes + e->begins, unmasked + e->begins, e->n) == 0);
	}
}

/* In pieces of these sizes; what is known behind the piece `look` is what the decoder knows of as many bytes. */
static void
check_pieces(const uint8_t *bytes, size_t n, size_t max, const uint8_t *sizes, size_t n_sizes, size_t look)
{
	static struct outcome want;
	static struct reader r;
	char *unmasked = malloc(n + 1);

	MUST(unmasked != NULL);
	r.w = (struct ws_walk){0};
	r.bytes = NULL;
	r.n = r.at = r.o.n_events = r.o.used = r.o.code = 0;
	r.o.closed = false;
	r.max = max;
	for (size_t took = 0, i = 0; took < n; i++) {
		size_t piece = n_sizes == 0 ? n : (size_t)sizes[i % n_sizes] + 1;

		piece = piece < n - took ? piece : n - took;
		add(&r, bytes + took, piece);
		took += piece;
		if (took < n && i != look)
			continue;
		decode_all(bytes, took, max, &want, unmasked);
		same(&r.o, &want);
		check_payloads(&r, unmasked);
	}
	free(r.bytes);
	free(unmasked);
}

/* The head that is written for a frame is read as that; the same with a mask put in. */
static void
check_head(const uint8_t *bytes, size_t n)
{
	char head[WS_HEAD_MAX], *frame = malloc(WS_HEAD_MAX + 4 + n);
	size_t size = ws_head(head, WS_BINARY, n);
	struct ws_walk w = {0};
	struct ws_frame f;

	MUST(frame != NULL && size <= sizeof head);
	memcpy(frame, head, size);
	frame[1] = (char)(frame[1] | 0x80);
	memset(frame + size, 0, 4);
	memcpy(frame + size + 4, bytes, n);
	MUST(ws_next(&w, frame, size + 4 + n, n, &f) == WS_FRAME);
	MUST(f.opcode == WS_BINARY && f.fin && f.payload.n == n && f.used == size + 4 + n);
	MUST(n == 0 || memcmp(f.payload.p, bytes, n) == 0);
	free(frame);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	size_t max, n_sizes;

	if (n < 6)
		return 0;
	max = bytes[0] == 0 ? 1000000 : (size_t)bytes[0];
	n_sizes = 1 + bytes[1] % 3;
	check_pieces(bytes + 6, n - 6, max, NULL, 0, 0);
	check_pieces(bytes + 6, n - 6, max, bytes + 2, n_sizes, bytes[5]);
	check_pieces(bytes + 6, n - 6, max, (const uint8_t[]){0}, n - 6 < 64, bytes[5]);
	check_head(bytes, n);
	return 0;
}
