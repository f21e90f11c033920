#include "blob.h"

#include <stdlib.h>

struct blob *
blob_new(size_t n)
{
	struct blob *b = malloc(sizeof *b + n);

	if (b != NULL)
		*b = (struct blob){.holders = 1, .n = n};
	return b;
}

struct blob *
blob_hold(struct blob *b)
{
	b->holders++;
	return b;
}

void
blob_drop(struct blob *b)
{
	if (b != NULL && --b->holders == 0)
		free(b);
}
