/*
 * jitter: numbers that nobody need be surprised by, so that those who came together do not come back together. No
 * secrets: these are token's.
 */
#ifndef JITTER_H
#define JITTER_H

#include <stdint.h>

struct jitter {
	uint64_t state; /* never 0 */
};

struct jitter jitter_new(void);

/* 0 to n - 1; n > 0. */
uint64_t jitter_below(struct jitter *j, uint64_t n);

#endif
