#include "record.h"

#include <string.h>

/* Numbers of the FastCGI specification, section 8; <fastcgi.h> is fcgi's alone. */
enum { VERSION = 1, HEADER = 8, BEGIN = 1, PARAMS = 4, STDIN = 5, RESPONDER = 1, KEEP_CONN = 1 };

static size_t
number(const unsigned char *p)
{
	return (size_t)p[0] << 8 | p[1];
}

/* A length of a name or value (section 3.4): false when it does not lie inside the record. */
static bool
take_length(const unsigned char **p, const unsigned char *end, size_t *length)
{
	const unsigned char *q = *p;

	if (q >= end)
		return false;
	if ((q[0] & 0x80) == 0) {
		*length = q[0];
		*p = q + 1;
		return true;
	}
	if (end - q < 4)
		return false;
	*length = (size_t)(q[0] & 0x7F) << 24 | (size_t)q[1] << 16 | (size_t)q[2] << 8 | q[3];
	*p = q + 4;
	return true;
}

static bool
params_ok(const unsigned char *p, size_t n, bool *nul)
{
	const unsigned char *end = p + n;

	while (p < end) {
		size_t name, value;

		if (!take_length(&p, end, &name) || !take_length(&p, end, &value))
			return false;
		if (name > (size_t)(end - p) || value > (size_t)(end - p) - name)
			return false;
		*nul = *nul || memchr(p, '\0', name + value) != NULL;
		p += name + value;
	}
	return true;
}

static bool
begin(struct record_walk *w, const unsigned char *p, size_t n)
{
	if (p[1] != BEGIN || n != 8 || number(p + HEADER) != RESPONDER || w->request_id == 0)
		return false;
	w->keep = p[HEADER + 2] & KEEP_CONN;
	w->expects = RECORD_PARAMS;
	return true;
}

/* One record, whole in p, with n bytes of content. */
static bool
step(struct record_walk *w, const unsigned char *p, size_t n)
{
	if (w->expects == RECORD_BEGIN) {
		w->request_id = (uint16_t)number(p + 2);
		return begin(w, p, n);
	}
	if (number(p + 2) != w->request_id)
		return false;
	if (w->expects == RECORD_PARAMS) {
		w->params_n += n;
		if (n == 0)
			w->expects = RECORD_STDIN;
		return p[1] == PARAMS && w->params_n <= RECORD_PARAMS_MAX && params_ok(p + HEADER, n, &w->nul);
	}
	w->body_n += n;
	if (n == 0)
		w->expects = RECORD_END;
	return p[1] == STDIN;
}

/* The header of the record at p, if it is there whole: how long its content is, and all of the record. */
static enum record_result
read_header(const unsigned char *p, size_t left, size_t *n, size_t *whole)
{
	if (left > 0 && p[0] != VERSION)
		return RECORD_BAD;
	if (left < HEADER)
		return RECORD_PART;
	*n = number(p + 4);
	*whole = HEADER + *n + p[6];
	return RECORD_WHOLE;
}

enum record_result
record_walk(struct record_walk *w, struct str bytes, size_t body_max, size_t *over)
{
	*over = 0;
	while (w->expects != RECORD_END) {
		const unsigned char *p = (const unsigned char *)bytes.p + w->done;
		size_t left = bytes.n - w->done, n, whole;
		enum record_result header = read_header(p, left, &n, &whole);

		if (header != RECORD_WHOLE)
			return header;
		/* What can only become bad is refused before its content has come. */
		if (p[1] != BEGIN && p[1] != PARAMS && p[1] != STDIN)
			return RECORD_BAD;
		if (left < whole)
			return RECORD_PART;
		if (w->expects == RECORD_STDIN && p[1] == STDIN && number(p + 2) == w->request_id && n > 0 &&
		    n > body_max - w->body_n) {
			*over = whole;
			return RECORD_PART;
		}
		if (!step(w, p, n))
			return RECORD_BAD;
		w->done += whole;
	}
	return w->done == bytes.n ? RECORD_WHOLE : RECORD_BAD;
}

enum record_result
record_skip(const struct record_walk *w, struct str bytes, size_t *at)
{
	for (;;) {
		const unsigned char *p = (const unsigned char *)bytes.p + *at;
		size_t left = bytes.n - *at, n, whole;
		enum record_result header = read_header(p, left, &n, &whole);

		if (header != RECORD_WHOLE)
			return header;
		if (p[1] != STDIN || number(p + 2) != w->request_id)
			return RECORD_BAD;
		if (left < whole)
			return RECORD_PART;
		if (n == 0)
			return left == whole ? RECORD_WHOLE : RECORD_BAD;
		*at += whole;
	}
}
