/*
 * message: one message, and how it looks in JSON.
 *
 * `struct message_fields` are views of a message wherever its bytes lie (a request, a row of the database);
 * `struct message` owns a copy of them in one allocation, held by the ring and whoever is sending it.
 * A message belongs to one thread at a time: it is handed over whole, with its job.
 */
#ifndef MESSAGE_H
#define MESSAGE_H

#include "base/buf.h"

/* Limits that the schema of the database enforces too. */
enum {
	MESSAGE_ROOM_MAX = 64,
	MESSAGE_EVENT_MAX = 128,
	MESSAGE_SENDER_MAX = 64,
	MESSAGE_KEY_MAX = 128,
	MESSAGE_BY_MAX = 128,
	MESSAGE_BODY_MAX = 4000000, /* text or args */
	MESSAGE_ATTACHMENTS_MAX = 10,
};

/* Ids stay below 2^53, so that every JSON reader gets them whole. */
#define MESSAGE_ID_MAX INT64_C(9007199254740991)

/* How a text is meant. Of a message MESSAGE_AS_IT_IS is plain, of a change, what it changes keeps its format. */
enum message_format { MESSAGE_AS_IT_IS, MESSAGE_PLAIN, MESSAGE_MARKDOWN };

struct message_fields {
	int64_t id;
	int64_t at_ms; /* since 1970 UTC */
	struct str room, event, sender;
	struct str body;   /* the text, or the arguments as a JSON array */
	struct str key;    /* empty: none */
	struct str by;     /* who was proven to have sent it: a token's name, or `user:NAME`; empty: nobody */
	bool is_args;      /* body is a JSON array */
	int64_t changes;   /* the message that this one changes or, with event "message deleted", deletes; 0: none */
	int64_t edited_ms; /* its body was changed last then; 0: never */
	enum message_format format;
	/* Binary arguments, for which placeholders stand in body: base64 in quotes, with commas between. */
	struct str attachments;
	unsigned n_attachments;
};

/* The events of changes, and of nothing else. */
#define MESSAGE_CHANGED STR("message changed")
#define MESSAGE_DELETED STR("message deleted")

struct ring_chain;

/* Whether every placeholder in the arguments has its attachment. */
enum message_binary { MESSAGE_BINARY_UNKNOWN, MESSAGE_BINARY, MESSAGE_NOT_BINARY };

struct message {
	struct message_fields f;
	struct str json;          /* made by message_encode */
	struct str event_json;    /* of json: the event's name */
	struct str args_json;     /* the arguments, without brackets */
	char *json_bytes;         /* owns json */
	struct ring_chain *chain; /* the ring's: where its room's messages are listed */
	uint32_t holders;
	uint8_t binary; /* enum message_binary, kept here by whoever finds it out */
	size_t size;    /* bytes of memory, all counted */
};

/* A copy of all that f views, held by the caller; NULL without memory. */
struct message *message_new(const struct message_fields *f);
struct message *message_hold(struct message *m);

/* One holder fewer; the last one frees it. NULL is let pass. */
void message_drop(struct message *m);

/* Makes m->json, once its id and time are known. -1 without memory. */
int message_encode(struct message *m);

/* The JSON object of a message. `snippet_json`, unless empty, is added as its member "snippet". */
void message_add_json(struct buf *b, const struct message_fields *f, struct str snippet_json);

/*
 * The event's name and its arguments in JSON, with commas between; copied from what message_encode() made. Those of a
 * change are the id of what it changes and the new body: a string, or an array if it has args.
 */
void message_add_args(struct buf *b, const struct message *m);

/* Takes the next one off a list of attachments: its base64, without the quotes; false after the last. */
bool message_next_attachment(struct str *list, struct str *base64);

/* "plain", "markdown", or empty for what is not said: as a row has it. And what such a word says; any other, nothing.
 */
struct str message_format_name(enum message_format format);
enum message_format message_format_of(struct str name);

/* What readers are told of it: "markdown" of a message; of a change, whatever that says. Empty: nothing. */
struct str message_format_told(const struct message_fields *f);

/* RFC 3339 in UTC with milliseconds, 24 characters; a time outside the years 0-9999 is cut to their ends. */
enum { MESSAGE_TIME_SIZE = 25 };
void message_time(int64_t at_ms, char text[MESSAGE_TIME_SIZE]);

/* 1-64 of A-Za-z0-9._- */
bool message_room_ok(struct str room);

/* Up to 64 bytes of UTF-8 without control characters (U+0000 to U+001F, U+007F to U+009F); may be empty. */
bool message_sender_ok(struct str sender);

/* 1-128 bytes of UTF-8 without control characters. */
bool message_by_ok(struct str by);

/* Whether Socket.IO keeps it for itself: a client that is sent an event of this name closes its connection. */
bool message_event_reserved(struct str event);

/* Whether it is the event of a change. */
bool message_event_changes(struct str event);

/* 1-128 bytes of UTF-8, and neither a name that Socket.IO keeps for itself nor a change's. */
bool message_event_ok(struct str event);

#endif
