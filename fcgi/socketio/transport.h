/*
 * transport: what carries a session's packets.
 *
 * An outlet is what a session's packets leave by; a transport embeds it in what it has of a connection. A held GET of
 * HTTP long-polling is one (polling.h). A session has one at most.
 *
 *	the transport calls     the session
 *	session_attach()        gives it what there is, or waits until there is something
 *	session_drained()       goes on with one that was blocked
 *	session_detach()        is left: the peer is gone
 *
 *	the session calls       which returns
 *	put()                   OUTLET_OPEN: it takes the next payload as well
 *	                        OUTLET_BLOCKED: not before session_drained()
 *	                        OUTLET_USED: it was for one payload, and is the session's no more
 *	                        OUTLET_LOST: the peer will not have all of it; the session is left
 *	end()                   nothing: this is the last payload, and need not arrive
 *
 * A payload is what a reply of HTTP long-polling holds: packets with 0x1E between, binary ones as b and base64
 * (Engine.IO protocol 4).
 */
#ifndef TRANSPORT_H
#define TRANSPORT_H

#include "base/blob.h"
#include "base/str.h"

struct session;

struct session_outlet {
	const struct session_transport *transport;
	struct session *session; /* set by session_attach() */
};

enum outlet_put { OUTLET_OPEN, OUTLET_BLOCKED, OUTLET_USED, OUTLET_LOST };

struct session_transport {
	/* Outlets of one form wrap a payload into the same bytes, which sessions share; at most UINT16_MAX. No two
	 * transports have a form in common. */
	unsigned (*form)(const struct session_outlet *o);
	/* A payload as it is sent; NULL without memory. */
	struct blob *(*wrap)(struct session_outlet *o, struct str payload);
	/* Sends what was wrapped for its form. Takes a holding of it; NULL, for want of memory, is lost. */
	enum outlet_put (*put)(struct session_outlet *o, struct blob *wrapped);
	void (*end)(struct session_outlet *o, struct str payload);
};

#endif
