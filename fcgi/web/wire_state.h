/*
 * wire_state: what the files of wire share; nobody else includes it.
 */
#ifndef WIRE_STATE_H
#define WIRE_STATE_H

#include "wire.h"

/* DEAD: the connection is lost. */
enum wire_state { WIRE_OPEN, WIRE_CLOSING, WIRE_ENDING, WIRE_FAILED, WIRE_DEAD };

/* ---- wire.c ---- */

/* Sends what is no frame of the owner's; there was nothing that waits. */
void wire_send_control(struct wires *all, struct wire *w, struct blob *frames);

/* ---- wire_end.c ---- */

/* Our CLOSE goes out, if it is due and nothing is before it; and a wire that is ENDING is closed, if nothing waits. */
void wire_end_if_sent(struct wires *all, struct wire *w);

/* The peer's CLOSE has come. */
void wire_closed_by_peer(struct wires *all, struct wire *w, unsigned code);

/* The peer did what it may not: what comes from it means nothing any more. */
void wire_fail(struct wires *all, struct wire *w, unsigned code);

/* The moment is over that owners have. */
void wire_drain_begin(void *wires, struct timer *t);

/* Some of those that are to be closed since the daemon stops; whether there are more. */
bool wire_drain_some(void *wires);

#endif
