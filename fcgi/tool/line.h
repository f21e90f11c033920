/*
 * line: a message as people read it: `2026-11-30 14:19:21 ops <ann> disk is full`.
 *
 * The time is that of this machine's zone, the room stands there where there are several, and an event that is no
 * `chat message` in brackets. Further lines of a text are indented, so that none can look like another message; what
 * strangers have put in and could steer a terminal is made harmless, as say.h has it.
 */
#ifndef LINE_H
#define LINE_H

#include "answer.h"

void line_add(struct buf *b, const struct told *t, bool rooms);

#endif
