/*
 * loop: waits, calls, times out; the order of a turn.
 *
 * One thread runs one loop, and everything that is not a worker's belongs to it. Descriptors come in two kinds: a few
 * sources with a function of their own (listener, inotify, eventfds), and thousands of connections, of a few kinds with
 * a function each, that are told apart by descriptor and generation, so that an event for a descriptor that was closed
 * and used again is recognised.
 *
 * A turn: wait; ready sources, done jobs of workers among them; ready connections; then the hooks in the order of enum
 * loop_phase. Timers run in between, as phase LATE.
 */
#ifndef LOOP_H
#define LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wheel.h"

struct loop;

enum loop_phase { LOOP_WAKE, LOOP_LATE, LOOP_COMMIT, LOOP_SWEEP, LOOP_PHASES };

typedef void loop_source_fn(void *ctx);
typedef void loop_conn_fn(void *ctx, int fd, uint32_t generation, uint32_t events);
typedef void loop_timer_fn(void *ctx, struct timer *t);
/* Returns true when it has more to do at once: the next turn then does not wait. */
typedef bool loop_hook_fn(void *ctx);

/* NULL, with errno, when the system has no descriptor or memory for it. */
struct loop *loop_new(void);
void loop_free(struct loop *loop);

/* Until loop_stop(); may be called again. The calling thread runs under SCHED_BATCH, except between loop_hurry(true)
 * and loop_hurry(false). */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

/* Before loop_run(): its thread keeps the policy it has. */
void loop_no_batch(struct loop *loop);

/*
 * A turn is short although answers may be long: each step of it, which is one source, all connections, or one hook,
 * goes on while it has made less than 1 MiB of answers. loop_spend() counts the bytes of one; when loop_spent(), the
 * step leaves what it has not begun for the next turn. The loop does so with connections; sources and hooks that answer
 * many ask for themselves. loop_cut(): how often that was.
 */
void loop_spend(struct loop *loop, size_t bytes);
bool loop_spent(const struct loop *loop);
uint64_t loop_cut(const struct loop *loop);

/* Microseconds of the longest turn since the last call, waiting apart: so long did everybody else wait at most. */
int64_t loop_longest_us(struct loop *loop);

/* While niced threads are at work, the loop must not wait for their time slice. Calls nest. */
void loop_hurry(struct loop *loop, bool hurry);

/* Calls fn whenever fd is readable (level-triggered). 0, or -1 with errno. */
int loop_add_source(struct loop *loop, int fd, loop_source_fn *fn, void *ctx);
void loop_remove_source(struct loop *loop, int fd);

/* While a source is paused fn is not called; what is there then is found when it is resumed. */
void loop_pause_source(struct loop *loop, int fd, bool paused);

/* A kind of connections is their function; returns its number. */
uint8_t loop_conn_kind(struct loop *loop, loop_conn_fn *fn, void *ctx);

/* Connections: edge-triggered for input and hang-up, and for output while want_output. 0, or -1 with errno. A
 * descriptor is below 2^28. */
int loop_add_conn(struct loop *loop, uint8_t kind, int fd, uint32_t generation);
int loop_want_output(struct loop *loop, uint8_t kind, int fd, uint32_t generation, bool want_output);

enum { LOOP_IN = 1, LOOP_OUT = 2, LOOP_GONE = 4 }; /* events of a loop_conn_fn */

/* A kind of timer is its function; returns its number for loop_timer_set(). */
uint8_t loop_timer_kind(struct loop *loop, loop_timer_fn *fn, void *ctx);

/* (Re)sets t, owned by the caller, to go off wait_ms from now. */
void loop_timer_set(struct loop *loop, struct timer *t, uint8_t kind, int64_t wait_ms);
void loop_timer_clear(struct loop *loop, struct timer *t);

void loop_hook(struct loop *loop, enum loop_phase phase, loop_hook_fn *fn, void *ctx);

#endif
