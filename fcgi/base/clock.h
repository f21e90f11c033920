/*
 * clock: the time, in milliseconds.
 *
 * Two clocks that must not be mixed up: one that only goes forward, for deadlines, and the wall's, for what people
 * read.
 */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>

/* Milliseconds since some fixed moment; never goes back (CLOCK_MONOTONIC). */
int64_t clock_ms(void);

/* Microseconds of the same clock, for measuring. */
int64_t clock_us(void);

/* Seconds of the same clock, some ms late, for a fraction of what the others cost (CLOCK_MONOTONIC_COARSE). */
int64_t clock_s(void);

/* Milliseconds since 1970 UTC; may go back when the machine's clock is set. */
int64_t clock_wall_ms(void);

/* Sleeps; for worker threads and start-up only, never in the loop. */
void clock_sleep_ms(int64_t ms);

#endif
