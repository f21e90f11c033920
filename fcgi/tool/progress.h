/*
 * progress: how far long work has come, in one line of the terminal that is written over; nothing where stderr is none.
 */
#ifndef PROGRESS_H
#define PROGRESS_H

#include <stdint.h>

/* doing: "copying"; all: 0 when nobody knows how much there is. A few times a second at most it is shown. */
void progress_show(const char *doing, int64_t done, int64_t all);

/* Takes the line away, before anything else is said. */
void progress_end(void);

#endif
