/*
 * ws: the frames of WebSocket (RFC 6455), as a server reads and writes them, and the key of its handshake.
 *
 * Pure functions over bytes in memory. Between frames there is no state but struct ws_walk; of a frame that is here in
 * part, its bytes are the caller's to keep. Each byte is unmasked and checked once, in however many pieces it comes,
 * and text that is no UTF-8 is told as soon as it can be, within a frame too.
 */
#ifndef WS_H
#define WS_H

#include "str.h"

enum ws_opcode { WS_CONTINUATION = 0, WS_TEXT = 1, WS_BINARY = 2, WS_CLOSE = 8, WS_PING = 9, WS_PONG = 10 };

enum ws_result { WS_PART, WS_FRAME, WS_BAD };

enum {
	WS_PAYLOAD_LIMIT = (1 << 28) - 1, /* the most that payload_max can be: 256 MB */
	WS_CONTROL_MAX = 125,             /* bytes of payload in a PING, PONG or CLOSE */
	WS_HEAD_MAX = 10,                 /* bytes of ws_head() */
	WS_CLOSE_MAX = 4,                 /* bytes of ws_close() */
	WS_ACCEPT_SIZE = 29,              /* of ws_accept(), with its byte 0 */
};

/* Close codes (RFC 6455 section 7.4.1); 0 stands for none. */
enum {
	WS_CODE_NONE = 0,
	WS_CODE_GOING_AWAY = 1001,
	WS_CODE_PROTOCOL = 1002,
	WS_CODE_NOT_UTF8 = 1007,
	WS_CODE_POLICY = 1008,
	WS_CODE_TOO_BIG = 1009,
};

/* What is known of one peer's frames. All zero before the first of them. */
struct ws_walk {
	uint32_t message_n : 28; /* bytes of the message that has begun, in the frames that are whole */
	uint32_t opcode : 4;     /* its WS_TEXT or WS_BINARY; 0: none has begun */
	uint32_t done : 28;      /* bytes of the payload of the frame in part that are unmasked and checked */
	uint32_t utf8 : 4;       /* where in a character the text ends; 0: behind one */
};

struct ws_frame {
	enum ws_opcode opcode; /* never WS_CONTINUATION: a frame that goes on has the opcode of its message */
	bool fin;              /* the last frame of its message; of a control frame always */
	struct str payload;    /* a view into bytes, unmasked in place */
	size_t before;         /* bytes of its message in the frames before it; of a control frame 0 */
	size_t used;           /* bytes of the frame: the next one begins behind them */
	unsigned code;         /* of WS_BAD: what to close with: WS_CODE_PROTOCOL, _NOT_UTF8 or _TOO_BIG */
};

/*
 * The frame of a client at the beginning of bytes.
 *
 * WS_FRAME: it is whole, and f tells of it. A CLOSE has a good code and reason, or none.
 * WS_PART: some of it is missing, f tells nothing, and the next call must begin with the same bytes, as this one left
 * them (what is here of the payload was unmasked in place), and more behind them; they may have been moved.
 * WS_BAD: f->code alone is set, also before all of the frame has come; the walk has ended.
 *
 * payload_max is at most WS_PAYLOAD_LIMIT, and counts for all frames of a message together. Frames behind a CLOSE mean
 * nothing, and are the caller's to leave alone.
 */
enum ws_result ws_next(struct ws_walk *w, char *bytes, size_t n, size_t payload_max, struct ws_frame *f);

/* The head of a whole, unmasked frame with n bytes of payload; how long the head is. */
size_t ws_head(char out[WS_HEAD_MAX], enum ws_opcode opcode, size_t n);

/* A whole CLOSE frame, with this code or without any (WS_CODE_NONE); how long it is. */
size_t ws_close(char out[WS_CLOSE_MAX], unsigned code);

/* The code in the payload of a CLOSE from ws_next(), which the answering CLOSE repeats; WS_CODE_NONE: it has none. */
unsigned ws_close_code(struct str payload);

/* Whether a Sec-WebSocket-Key is the base64 of 16 bytes; unused bits of its last digit are not looked at. */
bool ws_key_ok(struct str key);

/* The Sec-WebSocket-Accept for a key, and a byte 0. */
void ws_accept(char out[WS_ACCEPT_SIZE], struct str key);

#endif
