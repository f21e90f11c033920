/*
 * columns: a table as it is printed: cells side by side, each column as wide as its widest cell.
 */
#ifndef COLUMNS_H
#define COLUMNS_H

#include "base/buf.h"

enum { COLUMNS_MAX = 8 };

struct columns {
	size_t n;       /* columns */
	size_t n_cells; /* so far, row by row */
	size_t width[COLUMNS_MAX];
	struct buf cells; /* made harmless, each with a byte 0 behind it */
};

/* The heads of n columns; there are at most COLUMNS_MAX. */
void columns_init(struct columns *c, const char *const *heads, size_t n);
void columns_add(struct columns *c, struct str cell);
/* Prints it to standard output; -1, said, when there was no memory for it. */
int columns_print(struct columns *c);
void columns_fini(struct columns *c);

#endif
