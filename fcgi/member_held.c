#include "member_held.h"

#include <stdlib.h>
#include <string.h>

void
held_init(struct held_packets *held)
{
	STAILQ_INIT(&held->list);
	held->bytes = 0;
}

void
held_fini(struct held_packets *held)
{
	struct held_packet *p;

	while ((p = held_take(held)) != NULL)
		free(p);
}

bool
held_add(struct held_packets *held, bool binary, struct str data, size_t max)
{
	/* The least of them costs something too, or there could be any number. */
	size_t size = sizeof(struct held_packet) + data.n;
	struct held_packet *p;

	if (size > max || held->bytes > max - size || (p = malloc(size)) == NULL)
		return false;
	p->binary = binary;
	p->n = data.n;
	memcpy(p->bytes, data.p, data.n);
	STAILQ_INSERT_TAIL(&held->list, p, link);
	held->bytes += size;
	return true;
}

struct held_packet *
held_take(struct held_packets *held)
{
	struct held_packet *p = STAILQ_FIRST(&held->list);

	if (p == NULL)
		return NULL;
	STAILQ_REMOVE_HEAD(&held->list, link);
	held->bytes -= sizeof *p + p->n;
	return p;
}

void
held_move(struct held_packets *to, struct held_packets *from)
{
	STAILQ_CONCAT(&to->list, &from->list);
	to->bytes += from->bytes;
	from->bytes = 0;
}
