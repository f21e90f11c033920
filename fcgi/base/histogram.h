/*
 * histogram: how many times were how long, in fixed buckets, as Prometheus asks for them.
 *
 * The buckets are the same for all: 100 us to 10 s, three to a decade (1, 2.5, 5), and one for what took longer. A time
 * that is as long as a bucket's bound is in that bucket. Nothing is allocated, and a time costs a few comparisons.
 */
#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#include "buf.h"

enum { HISTOGRAM_BOUNDS = 16 };

/* All zero: nothing was counted. */
struct histogram {
	uint64_t n[HISTOGRAM_BOUNDS + 1]; /* of each bucket alone; the last is of those beyond all bounds */
	uint64_t sum_us;
};

/* Microseconds; less than none count as none. */
void histogram_add(struct histogram *h, int64_t us);

/* A family of metrics in Prometheus' text format, in seconds; help is a line of text without a backslash. */
void histogram_write(const struct histogram *h, struct buf *b, const char *name, const char *help);

#endif
