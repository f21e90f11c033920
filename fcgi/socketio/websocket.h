/*
 * websocket: /socket.io/ over WebSocket (Engine.IO protocol 4, transport "websocket").
 *
 * A WebSocket is the outlet of its session, for as long as the session lives: from its first frame, where it began
 * without a session's id, or from the packet `5`, where it followed long-polling (session_probe.c). Each packet is a
 * frame: a text, or the bytes of a binary message.
 *
 * A message from the client is one packet, and takes of its person what a request of the same size would. Where the
 * rate is used up nothing more is read until there is room again, for 45 s at most; beyond that it is closed with 1008.
 */
#ifndef WEBSOCKET_H
#define WEBSOCKET_H

#include "engine.h"
#include "web/wire.h"

struct websocket {
	struct engine *engine;
	struct wires *wires;

	/* websocket's own */
	unsigned handler;
};

/* Before the first request, when the fields are set. */
void websocket_init(struct websocket *w);

/* A request that may be upgraded. */
void websocket_request(struct websocket *w, struct request *r);

/* The frames of a payload of n packets (transport.h); NULL without memory. */
struct blob *websocket_frames(struct str payload, unsigned n);

/* Bytes of a connection's slot. */
size_t websocket_slot_size(void);

#endif
