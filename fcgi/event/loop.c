#include "loop.h"

#include <assert.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"

enum {
	EVENTS_MAX = 256, /* per turn */
	SOURCES_MAX = 16,
	KINDS_MAX = 32,
	CONN_KINDS_MAX = 4,
	FD_BITS = 28,
	HOOKS_MAX = 8,            /* per phase */
	STEP_BYTES = 1024 * 1024, /* of answers that a step of a turn makes; the last one may be larger */
};

struct source {
	int fd; /* -1: free */
	loop_source_fn *fn;
	void *ctx;
};

struct loop {
	int epoll_fd;
	bool stopping, no_batch, may_batch;
	unsigned hurries;
	int64_t longest_us; /* turn since it was asked for */
	size_t spent;       /* bytes of answers that this step of the turn has made */
	uint64_t n_cut;     /* steps that left the rest for the next turn */
	struct epoll_event events[EVENTS_MAX];
	int n_events; /* of them: what the last turn left, then what is new */
	struct source sources[SOURCES_MAX];
	struct {
		loop_conn_fn *fn;
		void *ctx;
	} conn_kinds[CONN_KINDS_MAX];
	uint8_t n_conn_kinds;
	struct {
		loop_timer_fn *fn;
		void *ctx;
	} kinds[KINDS_MAX];
	uint8_t n_kinds;
	struct {
		loop_hook_fn *fn;
		void *ctx;
	} hooks[LOOP_PHASES][HOOKS_MAX];
	struct wheel wheel;
};

/* What epoll hands back: generation, kind, descriptor. Sources have generation 0 and their number instead of a
 * descriptor. */
static uint64_t
token(uint8_t kind, int fd, uint32_t generation)
{
	return (uint64_t)generation << 32 | (uint32_t)kind << FD_BITS | (uint32_t)fd;
}

struct loop *
loop_new(void)
{
	struct loop *loop = calloc(1, sizeof *loop);

	if (loop == NULL)
		return NULL;
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0) {
		free(loop);
		return NULL;
	}
	for (int i = 0; i < SOURCES_MAX; i++)
		loop->sources[i].fd = -1;
	wheel_init(&loop->wheel);
	return loop;
}

void
loop_free(struct loop *loop)
{
	if (loop == NULL)
		return;
	close(loop->epoll_fd);
	free(loop);
}

void
loop_no_batch(struct loop *loop)
{
	loop->no_batch = true;
}

void
loop_stop(struct loop *loop)
{
	loop->stopping = true;
}

int
loop_add_source(struct loop *loop, int fd, loop_source_fn *fn, void *ctx)
{
	int i = 0;
	struct epoll_event e = {.events = EPOLLIN};

	while (i < SOURCES_MAX && loop->sources[i].fd >= 0)
		i++;
	assert(i < SOURCES_MAX);
	e.data.u64 = token(0, i, 0);
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &e) != 0)
		return -1;
	loop->sources[i] = (struct source){fd, fn, ctx};
	return 0;
}

void
loop_pause_source(struct loop *loop, int fd, bool paused)
{
	for (int i = 0; i < SOURCES_MAX; i++)
		if (loop->sources[i].fd == fd) {
			struct epoll_event e = {.events = paused ? 0 : EPOLLIN, .data.u64 = token(0, i, 0)};

			(void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, fd, &e);
		}
}

void
loop_remove_source(struct loop *loop, int fd)
{
	for (int i = 0; i < SOURCES_MAX; i++)
		if (loop->sources[i].fd == fd) {
			epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
			loop->sources[i].fd = -1;
			return;
		}
}

uint8_t
loop_conn_kind(struct loop *loop, loop_conn_fn *fn, void *ctx)
{
	assert(loop->n_conn_kinds < CONN_KINDS_MAX);
	loop->conn_kinds[loop->n_conn_kinds].fn = fn;
	loop->conn_kinds[loop->n_conn_kinds].ctx = ctx;
	return loop->n_conn_kinds++;
}

static int
watch_conn(struct loop *loop, int operation, uint8_t kind, int fd, uint32_t generation, uint32_t more)
{
	struct epoll_event e = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET | more};

	assert(generation != 0 && fd < 1 << FD_BITS);
	e.data.u64 = token(kind, fd, generation);
	return epoll_ctl(loop->epoll_fd, operation, fd, &e);
}

int
loop_add_conn(struct loop *loop, uint8_t kind, int fd, uint32_t generation)
{
	return watch_conn(loop, EPOLL_CTL_ADD, kind, fd, generation, 0);
}

int
loop_want_output(struct loop *loop, uint8_t kind, int fd, uint32_t generation, bool want_output)
{
	return watch_conn(loop, EPOLL_CTL_MOD, kind, fd, generation, want_output ? EPOLLOUT : 0);
}

uint8_t
loop_timer_kind(struct loop *loop, loop_timer_fn *fn, void *ctx)
{
	assert(loop->n_kinds < KINDS_MAX);
	loop->kinds[loop->n_kinds].fn = fn;
	loop->kinds[loop->n_kinds].ctx = ctx;
	return loop->n_kinds++;
}

void
loop_timer_set(struct loop *loop, struct timer *t, uint8_t kind, int64_t wait_ms)
{
	wheel_set(&loop->wheel, t, wait_ms);
	t->kind = kind;
}

void
loop_timer_clear(struct loop *loop, struct timer *t)
{
	wheel_clear(&loop->wheel, t);
}

static void
fire_timer(void *ctx, struct timer *t)
{
	struct loop *loop = ctx;

	loop->kinds[t->kind].fn(loop->kinds[t->kind].ctx, t);
}

void
loop_spend(struct loop *loop, size_t bytes)
{
	loop->n_cut += loop->spent < STEP_BYTES && loop->spent + bytes >= STEP_BYTES;
	loop->spent += bytes;
}

bool
loop_spent(const struct loop *loop)
{
	return loop->spent >= STEP_BYTES;
}

uint64_t
loop_cut(const struct loop *loop)
{
	return loop->n_cut;
}

static void
begin_step(struct loop *loop)
{
	loop->spent = 0;
}

static bool
run_hooks(struct loop *loop, enum loop_phase phase)
{
	bool more = false;

	for (int i = 0; i < HOOKS_MAX && loop->hooks[phase][i].fn != NULL; i++) {
		begin_step(loop);
		more = loop->hooks[phase][i].fn(loop->hooks[phase][i].ctx) || more;
	}
	return more;
}

static void
dispatch(struct loop *loop, const struct epoll_event *e)
{
	uint32_t generation = (uint32_t)(e->data.u64 >> 32);
	int fd = (int)(e->data.u64 & ((1U << FD_BITS) - 1));
	uint8_t kind = (uint8_t)((uint32_t)e->data.u64 >> FD_BITS);
	uint32_t events = 0;

	if (generation == 0) {
		begin_step(loop);
		if (loop->sources[fd].fd >= 0)
			loop->sources[fd].fn(loop->sources[fd].ctx);
		return;
	}
	if (e->events & EPOLLIN)
		events |= LOOP_IN;
	if (e->events & EPOLLOUT)
		events |= LOOP_OUT;
	if (e->events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		events |= LOOP_GONE;
	loop->conn_kinds[kind].fn(loop->conn_kinds[kind].ctx, fd, generation, events);
}

/*
 * Where the web server shares our processor, each request that it passes on would interrupt it for a turn of its own.
 * As a batch thread we run when it has passed on all it has: fewer switches, fuller turns, and more sends to a commit.
 * On a processor of our own it changes less. But a batch thread waits for niced ones as well, for a slice of some ms;
 * so while these are at work it is none. A policy set from outside is left alone.
 */
static void
set_policy(const struct loop *loop)
{
	struct sched_param none = {0};

	if (loop->may_batch)
		(void)sched_setscheduler(0, loop->hurries > 0 ? SCHED_OTHER : SCHED_BATCH, &none);
}

void
loop_hurry(struct loop *loop, bool hurry)
{
	bool before = loop->hurries > 0;

	assert(hurry || before);
	loop->hurries += hurry ? 1 : -1U;
	if ((loop->hurries > 0) != before)
		set_policy(loop);
}

static void
note_turn(struct loop *loop, int64_t us)
{
	if (us > loop->longest_us)
		loop->longest_us = us;
}

int64_t
loop_longest_us(struct loop *loop)
{
	int64_t us = loop->longest_us;

	loop->longest_us = 0;
	return us;
}

/* Waits, unless there is more to do at once; what the last turn left is, and comes first. */
static void
collect(struct loop *loop, bool more)
{
	int left = loop->n_events;
	int wait_ms = more || left > 0 ? 0 : wheel_wait_ms(&loop->wheel);
	int n = epoll_wait(loop->epoll_fd, loop->events + left, EVENTS_MAX - left, wait_ms);

	loop->n_events += n > 0 ? n : 0;
}

/* Sources first: news that a job brings is in memory before the requests of this turn ask for it. */
static void
hear_sources(struct loop *loop)
{
	int left = 0;

	for (int i = 0; i < loop->n_events; i++)
		if (loop->events[i].data.u64 >> 32 == 0)
			dispatch(loop, &loop->events[i]);
		else
			loop->events[left++] = loop->events[i];
	loop->n_events = left;
}

/* At least one, so that there is always a place for an event; the rest is left for the next turn. */
static void
hear_conns(struct loop *loop)
{
	int n = loop->n_events, i = 0;

	begin_step(loop);
	while (i < n && !loop_spent(loop))
		dispatch(loop, &loop->events[i++]);
	memmove(loop->events, loop->events + i, (size_t)(n - i) * sizeof loop->events[0]);
	loop->n_events = n - i;
}

void
loop_run(struct loop *loop)
{
	bool more = false;

	loop->may_batch = !loop->no_batch && (sched_getscheduler(0) == SCHED_OTHER || loop->may_batch);
	set_policy(loop);
	while (!loop->stopping) {
		int64_t began_us;

		collect(loop, more);
		began_us = clock_us();
		hear_sources(loop);
		hear_conns(loop);
		more = run_hooks(loop, LOOP_WAKE);
		wheel_fire(&loop->wheel, fire_timer, loop);
		for (enum loop_phase phase = LOOP_LATE; phase < LOOP_PHASES; phase++)
			more = run_hooks(loop, phase) || more;
		note_turn(loop, clock_us() - began_us);
	}
	loop->stopping = false;
}

void
loop_hook(struct loop *loop, enum loop_phase phase, loop_hook_fn *fn, void *ctx)
{
	int i = 0;

	while (loop->hooks[phase][i].fn != NULL)
		i++;
	assert(i < HOOKS_MAX);
	loop->hooks[phase][i].fn = fn;
	loop->hooks[phase][i].ctx = ctx;
}
