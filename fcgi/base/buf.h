/*
 * buf: bytes that grow, up to a maximum given at birth.
 *
 * Whatever a stranger can make long is built in one of these, so that nothing grows without an end. A failure (memory,
 * or the maximum) sticks: later additions do nothing, and the one place that uses the result asks buf_ok() once.
 */
#ifndef BUF_H
#define BUF_H

#include "str.h"

struct buf {
	char *p;
	size_t n;   /* bytes in use */
	size_t cap; /* bytes allocated */
	size_t max; /* never more than this */
	bool failed;
};

void buf_init(struct buf *b, size_t max);

/* Frees the bytes; b is as after buf_init. */
void buf_fini(struct buf *b);

bool buf_ok(const struct buf *b);
struct str buf_str(const struct buf *b);

/* Empties b and keeps its memory for the next use, unless that is more than keep bytes. */
void buf_reset(struct buf *b, size_t keep);

/* Room for n more bytes at b->p + b->n: false when there is none. */
bool buf_reserve(struct buf *b, size_t n);

void buf_add(struct buf *b, struct str s);

/* Adds s and returns a view of the copy, which is good until b grows: reserve room for all that is to be kept. */
struct str buf_keep(struct buf *b, struct str s);

void buf_add_char(struct buf *b, char c);
void buf_add_int(struct buf *b, int64_t v);
void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* s with every malformed UTF-8 sequence replaced by U+FFFD. */
void buf_add_utf8(struct buf *b, struct str s);

/* s as a JSON string (RFC 8259 section 7) with its quotes; malformed UTF-8 becomes U+FFFD. */
void buf_add_json(struct buf *b, struct str s);

#endif
