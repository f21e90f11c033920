/*
 * stream_form: the forms of a stream: what is sent for a message, and for what the stream says of itself. Pure
 * functions; they may be called in any thread.
 *
 *	              SSE                                    JSON lines                   text
 *	a message     id: 42-EPOCH, data: {…}                {…}                          42 TAB AT TAB ROOM TAB SENDER
 *TAB TEXT open          retry: MS, event: open, id: 42-EPOCH   {"stream":"open",…}          # open 42-EPOCH alive a
 *comment, id: 42-EPOCH                {"stream":"alive",…}         # alive 42-EPOCH gap, reset    event: gap, id:
 *42-EPOCH, data: {…}    {"stream":"gap",…}           # gap 42-EPOCH the end       retry: MS, a comment
 *{"stream":"end","why":"…"}   # end WHY
 *
 * In an event of SSE the id comes with the data in one block, which a client takes as a whole or not at all.
 */
#ifndef STREAM_FORM_H
#define STREAM_FORM_H

#include "store/message.h"

enum stream_form { STREAM_SSE, STREAM_LINES, STREAM_TEXT, STREAM_FORMS };

/* "sse", "ndjson", "text"; false: it is none. */
bool stream_form_read(struct str name, enum stream_form *form);

/* For Content-Type. */
struct str stream_form_type(enum stream_form form);

/* A message; json is what message_encode() made of it, or empty. */
void stream_form_message(
    enum stream_form form, struct buf *b, struct str epoch, const struct message_fields *f, struct str json);

/* What a stream says of itself: a word, and the id from which whoever was told of it goes on. */
enum stream_word { STREAM_OPEN, STREAM_ALIVE, STREAM_GAP, STREAM_RESET };
void stream_form_word(enum stream_form form, struct buf *b, enum stream_word word, struct str epoch, int64_t next);

/* The last thing it says. why: a few words of ours. */
void stream_form_end(enum stream_form form, struct buf *b, struct str why);

/* After so many ms a client whose stream has ended comes back. Other forms than SSE have no such thing. */
void stream_form_retry(enum stream_form form, struct buf *b, unsigned ms);

/*
 * What a stranger wrote, for a column of text: without control characters (U+0000 to U+001F, U+007F to U+009F), which a
 * terminal would obey, and as printf '%b' gives it back: \\, \t, \n, \r, \xHH, \u00HH. Bytes that are no UTF-8 are
 * U+FFFD.
 */
void stream_form_escape(struct buf *b, struct str s);

/*
 * Header Last-Event-ID: `42-EPOCH` or `42`; *epoch is empty then. false: it is neither.
 */
bool stream_form_read_id(struct str s, int64_t *id, struct str *epoch);

#endif
