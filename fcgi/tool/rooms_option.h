/*
 * rooms_option: the option -r, which may be repeated: the rooms that a request is for.
 */
#ifndef ROOMS_OPTION_H
#define ROOMS_OPTION_H

#include "base/buf.h"
#include "command.h"

/* Rooms of one request, as the site takes them. */
enum { ROOMS_OPTION_MAX = 32 };

/* Adds a parameter `room` for each to target. *several: messages may be of more than one. 0, or COMMAND_USAGE, said. */
int rooms_option_add(const struct call *call, struct buf *target, bool *several);

#endif
