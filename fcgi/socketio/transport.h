/*
 * transport: what carries a session's packets.
 *
 * An outlet is what a session's packets leave by; a transport embeds it in what it has of a connection. A held GET of
 * HTTP long-polling is one (polling.h), a WebSocket another (websocket.h). A session has one at most, and beside it the
 * WebSocket that is to follow it (session_probe.c).
 *
 *	the transport calls     the session
 *	session_attach()        gives it what there is, or waits until there is something
 *	session_drained()       goes on with one that was blocked
 *	session_detach()        is left: the peer is gone
 *	session_packet()        handles what came by it
 *
 *	the session calls       which returns
 *	put()                   OUTLET_OPEN: it takes the next payload as well
 *	                        OUTLET_BLOCKED: not before session_drained()
 *	                        OUTLET_USED: it was for one payload, and is the session's no more
 *	                        OUTLET_LOST: the peer will not have all of it; the session is left
 *	end()                   nothing: this is the last payload, and need not arrive
 *	handled()               nothing: what session_packet() took was handled, and the next may come
 *
 * A payload is what a reply of HTTP long-polling holds: packets with 0x1E between, binary ones as b and base64
 * (Engine.IO protocol 4).
 */
#ifndef TRANSPORT_H
#define TRANSPORT_H

#include "base/blob.h"
#include "base/str.h"

struct pass;
struct session;

struct session_outlet {
	const struct session_transport *transport;
	struct session *session; /* set by session_attach() and session_probe() */
};

enum outlet_put { OUTLET_OPEN, OUTLET_BLOCKED, OUTLET_USED, OUTLET_LOST };

struct session_transport {
	/* Each packet goes by itself, in a frame, and may arrive without those behind it; a payload that is not framed
	 * arrives whole or not at all. */
	bool framed;
	size_t payload_max; /* bytes beyond the first packet; 0: as many as sessions' options say */
	/* Outlets of one form wrap a payload into the same bytes, which sessions share; at most UINT16_MAX. No two
	 * transports have a form in common. */
	unsigned (*form)(const struct session_outlet *o);
	/* A payload of n packets as it is sent; NULL without memory. One alone may have any bytes in it, 0x1E too. */
	struct blob *(*wrap)(struct session_outlet *o, struct str payload, unsigned n);
	/* Sends what was wrapped for its form. Takes a holding of it; NULL, for want of memory, is lost. */
	enum outlet_put (*put)(struct session_outlet *o, struct blob *wrapped);
	void (*end)(struct session_outlet *o, struct str payload);
	void (*handled)(struct session_outlet *o); /* NULL where no packet comes by it */
	/* What it holds is this one's from now on. NULL: it holds nothing beyond its request. */
	void (*account)(struct session_outlet *o, struct pass *pass);
};

#endif
