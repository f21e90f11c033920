#include "commit_state.h"

size_t
commit_part(const struct commit *c)
{
	if (c->apart > 0)
		return 1;
	return c->part > 0 && c->part < c->n_batch ? c->part : c->n_batch;
}

void
commit_part_failed(struct commit *c, bool slow)
{
	/* Each that is slow costs the whole of its time, so none is to be met twice; the others are looked for by
	 * halves. */
	if (slow)
		c->apart = c->n_sends;
	else
		c->part = c->n_sends / 2;
}

void
commit_part_ended(struct commit *c, bool stored)
{
	c->apart -= c->apart < c->n_sends ? c->apart : c->n_sends;
	if (stored && c->part > 0)
		c->part = c->part * 2 < c->options.queue_max ? c->part * 2 : 0;
}
