/*
 * blob: bytes that never change, counted by those who hold them.
 *
 * One answer goes to thousands of waiters; a blob lets all of them share it. For one thread: the count is not atomic.
 */
#ifndef BLOB_H
#define BLOB_H

#include "str.h"

struct blob {
	uint32_t holders;
	uint32_t unread; /* of these, connections whose peer has not taken all of it; fcgi counts them */
	size_t n;
	char p[];
};

/* n bytes not yet filled, held by the caller; NULL without memory. */
struct blob *blob_new(size_t n);

/* Another holder of b, which is returned. */
struct blob *blob_hold(struct blob *b);

/* One holder fewer; the last one frees it. NULL is let pass. */
void blob_drop(struct blob *b);

#endif
