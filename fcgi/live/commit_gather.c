#include <sys/timerfd.h>
#include <unistd.h>

#include "commit_state.h"
#include "event/loop.h"

/*
 * Those whose batch was answered come back while those who gathered meanwhile are on their way to the disk: two groups
 * would take turns for ever, and pay for two commits where one would do. So the next batch waits for them: waiting
 * costs half a commit at most, and saves a whole one if they come.
 */
enum {
	GATHER_MIN_US = 20, /* less is not worth the timer */
	GATHER_MAX_US = 1000,
};

/* The moment is over, whoever came back. */
static void
on_timer(void *ctx)
{
	struct commit *c = ctx;
	uint64_t times;

	(void)!read(c->gather_fd, &times, sizeof times);
	c->gather_for = 0;
}

int
commit_init_gather(struct commit *c)
{
	c->gather_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	return c->gather_fd < 0 ? -1 : loop_add_source(c->loop, c->gather_fd, on_timer, c);
}

void
commit_fini_gather(struct commit *c)
{
	if (c->gather_fd < 0)
		return;
	loop_remove_source(c->loop, c->gather_fd);
	close(c->gather_fd);
}

void
commit_gather(struct commit *c, size_t answered)
{
	size_t all = answered + c->queued;
	int64_t us = c->took_us / 2 < GATHER_MAX_US ? c->took_us / 2 : GATHER_MAX_US;
	struct itimerspec t = {.it_value = {.tv_nsec = us * 1000}};

	c->gather_for = 0;
	if (c->options.no_gather || all < 2 || us < GATHER_MIN_US || timerfd_settime(c->gather_fd, 0, &t, NULL) != 0)
		return;
	c->gather_for = all - all / 8;
}

bool
commit_gathers(const struct commit *c)
{
	return c->queued < c->gather_for && !commit_crowded(c);
}
