/*
 * gate_state: what the files of gate share: gate.c (whose a request is and what they may, and what becomes of that when
 * it changes), gate_turn.c (whose turn it is), gate_wait.c (requests that wait).
 */
#ifndef GATE_STATE_H
#define GATE_STATE_H

#include "gate.h"

/* Of slot.entered, beside what was taken: the writer has looked for it, or has tried to. */
enum { GATE_LOOKED = 64, GATE_LOOK_FAILED = 128 };

/* ---- gate_turn.c ---- */

/* One of the requests of its address, for a credential that nobody knows (yet); false: answered, or put off. */
bool gate_take_of_address(struct gate *g, struct request *r);

/* ---- gate_wait.c ---- */

void gate_init_wait(struct gate *g);

/* The request comes again, from the start, after so long; without memory it is answered. */
void gate_put_off(struct gate *g, struct request *r, int64_t wait_ms);

/* What is about to be refused may have been allowed by another program just now, or by another file in the place of the
 * database: whether it waits to know, or was answered, as it cannot be known. Looks are shared by all that wait for
 * one. */
bool gate_waits_for_look(struct gate *g, struct request *r);

#endif
