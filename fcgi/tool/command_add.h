/*
 * command_add: `longline token add` and `longline token invite`, for the table in command_token.c.
 */
#ifndef COMMAND_ADD_H
#define COMMAND_ADD_H

#include "adding.h"

extern const struct command_option COMMAND_ADD_OPTIONS[], COMMAND_INVITE_OPTIONS[];

int command_add(const struct call *call);
int command_invite(const struct call *call);

#endif
