/* What outlets of tests have in common (socketio/transport.h). */
#ifndef TEST_OUTLET_H
#define TEST_OUTLET_H

#include "socketio/transport.h"

/* A payload as it is; NULL without memory. */
static struct blob *
wrap(struct session_outlet *o, struct str payload, unsigned n)
{
	struct blob *b = blob_new(payload.n);

	(void)o;
	(void)n;
	if (b != NULL)
		memcpy(b->p, payload.p, payload.n);
	return b;
}

#endif
