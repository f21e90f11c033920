/*
 * test: what the unit tests share.
 */
#ifndef TEST_H
#define TEST_H

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Needs the headers above and does not include them. */
#include <cmocka.h>

#include "base/clock.h"
#include "base/str.h"
#include "event/loop.h"

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

/* A test that hangs is ended by SIGALRM instead of holding up whoever runs it. */
static inline void
test_watchdog(unsigned seconds)
{
	alarm(seconds * 4); /* a machine may be as slow as that under a sanitizer */
}

#define assert_str(got, want) test_assert_str((got), str_of(want), __FILE__, __LINE__)
#define assert_str_n(got, want) test_assert_str((got), (want), __FILE__, __LINE__)

static inline void
test_assert_str(struct str got, struct str want, const char *file, int line)
{
	if (str_eq(got, want))
		return;
	print_error(
	    "got  \"%.*s\" (%zu bytes)\nwant \"%.*s\" (%zu bytes)\n", STR_ARGS(got), got.n, STR_ARGS(want), want.n);
	_fail(file, line);
}

/* Random numbers, the same in every run unless TEST_SEED says otherwise. */
static uint64_t test_random_state;

static inline void
test_seed(uint64_t seed)
{
	const char *other = getenv("TEST_SEED");

	test_random_state = other == NULL ? seed : strtoull(other, NULL, 10);
	test_random_state = test_random_state * 2 + 1;
}

/* 0 to n-1. */
static inline size_t
test_random(size_t n)
{
	/* xorshift64* (Vigna) */
	test_random_state ^= test_random_state >> 12;
	test_random_state ^= test_random_state << 25;
	test_random_state ^= test_random_state >> 27;
	return (size_t)((test_random_state * UINT64_C(2685821657736338717)) >> 33) % n;
}

/* A folder of the test's own. */
enum { TEST_PATH_SIZE = 256 };

static inline void
test_folder(char path[TEST_PATH_SIZE])
{
	const char *tmp = getenv("TMPDIR");

	snprintf(path, TEST_PATH_SIZE, "%s/longline-test-XXXXXX", tmp == NULL ? "/tmp" : tmp);
	assert_non_null(mkdtemp(path));
}

static inline void
test_folder_remove(const char *path)
{
	char file[TEST_PATH_SIZE + 256];
	DIR *folder = opendir(path);
	struct dirent *entry;

	if (folder == NULL)
		return;
	while ((entry = readdir(folder)) != NULL) {
		snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
		if (entry->d_name[0] != '.')
			unlink(file);
	}
	closedir(folder);
	rmdir(path);
}

/*
 * Runs a loop, calling step at the end of every turn. A test goes on in steps because a loop runs once: what a step
 * does is acted on in the turn that follows.
 */
enum test_next {
	TEST_AGAIN, /* the next turn at once */
	TEST_WAIT,  /* the next turn when something happens, or after a few milliseconds */
	TEST_STOP,
};
typedef enum test_next test_step_fn(void *ctx, int turn);

enum { TEST_TICK_MS = 2 };

/* How much later than asked the turns of a test came, in sum: what the machine adds to the times it takes. */
static int64_t test_late_ms;

struct test_run {
	struct loop *loop;
	test_step_fn *step;
	void *ctx;
	int turn;
	struct timer tick;
	uint8_t tick_kind;
	int64_t asked_ms; /* for when the next turn was asked */
};

static inline bool
test_turn(void *arg)
{
	struct test_run *run = arg;
	int64_t now = clock_ms();

	if (now > run->asked_ms)
		test_late_ms += now - run->asked_ms;
	run->asked_ms = now;
	switch (run->step(run->ctx, run->turn++)) {
	case TEST_AGAIN:
		return true;
	case TEST_WAIT:
		run->asked_ms = clock_ms() + TEST_TICK_MS;
		loop_timer_set(run->loop, &run->tick, run->tick_kind, TEST_TICK_MS);
		return false;
	case TEST_STOP:
		break;
	}
	loop_stop(run->loop);
	return false;
}

static inline void
test_tick(void *ctx, struct timer *t)
{
	(void)ctx;
	(void)t;
}

static inline void
test_run(struct loop *loop, test_step_fn *step, void *ctx)
{
	struct test_run run = {.loop = loop, .step = step, .ctx = ctx, .asked_ms = clock_ms()};

	test_late_ms = 0;
	run.tick_kind = loop_timer_kind(loop, test_tick, NULL);
	loop_hook(loop, LOOP_SWEEP, test_turn, &run);
	loop_timer_set(loop, &run.tick, run.tick_kind, 0); /* for the first turn */
	loop_run(loop);
	loop_timer_clear(loop, &run.tick);
}

/*
 * Makes each loop_run() one turn, which does not wait: returns a descriptor that is always readable, to be closed
 * behind the loop. test_single_turns_again(): once more, after loop_remove_source().
 */
static inline void
test_end_turn(void *ctx)
{
	loop_stop(ctx);
}

static inline void
test_single_turns_again(struct loop *loop, int fd)
{
	assert_int_equal(loop_add_source(loop, fd, test_end_turn, loop), 0);
}

static inline int
test_single_turns(struct loop *loop)
{
	int fd = eventfd(1, EFD_CLOEXEC);

	test_single_turns_again(loop, fd);
	return fd;
}

#endif
