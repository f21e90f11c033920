/*
 * engine: what the doors of Engine.IO have in common (Engine.IO protocol 4): the query, the errors, whose session a
 * request is for, the handshake.
 *
 * There are two doors to the same sessions: HTTP long-polling (polling.h) and WebSocket (websocket.h).
 */
#ifndef ENGINE_H
#define ENGINE_H

#include "live/gate.h"
#include "session.h"
#include "web/request.h"

struct engine {
	struct requests *requests;
	struct sessions *sessions;
	struct gate *gate; /* what requests take of their persons'; NULL: nothing */
	const struct session_layer *layer;
	int64_t ping_interval_ms, ping_timeout_ms;
	size_t max_payload; /* bytes of a POST, and of a message */
	bool websocket;     /* sessions may be over WebSocket */
};

/* The errors of Engine.IO's own server, whose body clients may show; in the order of their codes. */
enum engine_fault {
	ENGINE_UNKNOWN_TRANSPORT,
	ENGINE_UNKNOWN_SID,
	ENGINE_BAD_HANDSHAKE_METHOD,
	ENGINE_BAD_REQUEST,
	ENGINE_FORBIDDEN,
	ENGINE_UNSUPPORTED_PROTOCOL,
};

void engine_refuse(struct requests *requests, struct fcgi_conn *conn, enum engine_fault fault);

/* The parameters that matter; of a repeated one the last counts, and unknown ones are the client's own. */
struct engine_asked {
	struct query query;
	struct str transport, sid, eio, t;
};

/* false: answered, for want of memory. Either way query_fini() is due. */
bool engine_read(struct request *r, struct engine_asked *a);

/* What the request takes of its person's; false: answered, or put off. */
bool engine_take(struct engine *e, struct request *r, unsigned takes);

/* A new session for a handshake; NULL: answered, or put off. few: see session_new(). */
struct session *engine_handshake(struct engine *e, struct request *r, const struct engine_asked *a, bool few);

/* The packet that a new session begins with. */
enum { ENGINE_OPEN_SIZE = 256 };
struct str engine_open_packet(
    const struct engine *e, const struct session *s, const char *upgrades, char text[ENGINE_OPEN_SIZE]);

/* The session that the request names, of whoever may use it, for whom the request is counted; NULL: answered. */
struct session *engine_session(struct engine *e, struct request *r, const struct engine_asked *a);

/* Whether the client is one that takes no more than 16 packets in a reply of long-polling. */
bool engine_takes_few(const struct request *r, const struct engine_asked *a);

#endif
