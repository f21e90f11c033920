/*
 * main: takes the locks and the socket, runs what is wired, and stops it when a signal says so.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "access/access.h"
#include "base/clock.h"
#include "base/version.h"
#include "config.h"
#include "descriptors.h"
#include "dryrun.h"
#include "endpoint.h"
#include "event/loop.h"
#include "event/signals.h"
#include "live/room.h"
#include "store/store.h"
#include "wiring.h"

enum {
	QUIET_MS = 200, /* without a request, before a stop is over */
	STOP_MAX_MS = 20000,
	STOP_STEP_MS = 20,
};

struct daemon {
	struct config config;
	struct wiring wiring;
	int database_lock, socket_lock, listen_fd, signal_fd;
	bool inherited;
	bool terminal; /* it was started from one, which may hang up */
	/* Stopping: */
	struct timer stop_timer;
	uint8_t stop_kind;
	int64_t stopping_ms;
};

static void
stop_step(void *ctx, struct timer *t)
{
	struct daemon *d = ctx;
	int64_t now = clock_ms(), last = d->wiring.serve.last_request_ms;
	int64_t since = last > d->stopping_ms ? last : d->stopping_ms;

	if ((wiring_idle(&d->wiring) && now - since >= QUIET_MS) || now - d->stopping_ms >= STOP_MAX_MS)
		loop_stop(d->wiring.loop);
	else
		loop_timer_set(d->wiring.loop, t, d->stop_kind, STOP_STEP_MS);
}

/* The keys of JWTs, which may have been changed. */
static void
read_again(struct daemon *d)
{
	char error[STORE_ERROR_SIZE];

	if (access_read_keys(d->wiring.access, d->config.jwt_keys, d->config.n_jwt_keys, error) == 0)
		log_info("read_again", "jwt_keys=%zu", d->config.n_jwt_keys);
	else
		log_error("read_again", "error=\"%s\" detail=\"the keys stay as they were\"", error);
}

static void
on_signal(void *ctx)
{
	struct daemon *d = ctx;
	int number = signals_read(d->signal_fd, d->terminal);

	if (number == SIGNALS_READ_AGAIN)
		read_again(d);
	if (number <= 0 || d->stopping_ms != 0)
		return;
	log_info("stopping", "signal=%d polls=%zu streams=%zu", number, poll_parked(d->wiring.poll),
	    stream_counts(d->wiring.stream).streams);
	d->stopping_ms = clock_ms();
	wiring_drain(&d->wiring);
	loop_timer_set(d->wiring.loop, &d->stop_timer, d->stop_kind, STOP_STEP_MS);
}

/* 0, or the status to exit with, with a message; so the next two. */
static int
open_files(struct daemon *d)
{
	umask(0007); /* the group may insert */
	descriptors_take();
	d->database_lock = endpoint_lock(d->config.database, "database");
	if (d->database_lock < 0)
		return store_path_wrong(errno) ? EXIT_DATABASE : EXIT_FAILURE;
	if (!endpoint_inherited() && (d->socket_lock = endpoint_lock(d->config.socket, "socket")) < 0)
		return EXIT_FAILURE;
	return 0;
}

static int
open_socket(struct daemon *d)
{
	int status;

	if ((d->listen_fd = endpoint_listen(d->config.socket, &d->inherited)) < 0)
		return EXIT_FAILURE;
	if ((status = wiring_serve(&d->wiring, d->listen_fd)) != 0)
		return status;
	d->signal_fd = signals_open();
	if (d->signal_fd < 0 || loop_add_source(d->wiring.loop, d->signal_fd, on_signal, d) != 0) {
		log_refusal("cannot start: %s", strerror(errno));
		return EXIT_FAILURE;
	}
	d->stop_kind = loop_timer_kind(d->wiring.loop, stop_step, d);
	return 0;
}

static int
open_all(struct daemon *d)
{
	int status = open_files(d);

	if (status == 0)
		status = wiring_open(&d->wiring, &d->config);
	if (status == 0)
		status = open_socket(d);
	if (status == 0 && d->config.pid_file != NULL && endpoint_write_pid(d->config.pid_file) != 0)
		status = EXIT_FAILURE;
	return status;
}

static void
close_all(struct daemon *d)
{
	if (d->signal_fd >= 0) {
		loop_remove_source(d->wiring.loop, d->signal_fd);
		close(d->signal_fd);
	}
	wiring_close(&d->wiring);
	if (d->listen_fd >= 0) {
		close(d->listen_fd);
		if (!d->inherited)
			unlink(d->config.socket);
	}
	if (d->socket_lock >= 0)
		close(d->socket_lock);
	if (d->database_lock >= 0)
		close(d->database_lock);
}

int
main(int argc, char **argv)
{
	static struct daemon d = {.database_lock = -1, .socket_lock = -1, .listen_fd = -1, .signal_fd = -1};
	int status;

	log_start();
	status = config_read(&d.config, argc, argv);
	if (d.config.check && status != 0)
		return dryrun(&d.config, status);
	if (status >= 0)
		return status;
	log_set_level(d.config.log_level);
	d.terminal = signals_take();
	setenv("LIBFCGI_OS_CLOSE_POLL_TIMEOUT", "0", 1); /* libfcgi would wait for 2 s when it closes */
	status = open_all(&d);
	if (status == 0) {
		log_info("ready", "version=%s database=\"%s\" epoch=%s head=%lld", longline_version, d.config.database,
		    rooms_epoch(d.wiring.rooms), (long long)rooms_head(d.wiring.rooms));
		loop_run(d.wiring.loop);
		/* While the locks are still ours, so that no other daemon can have written one in between. */
		if (d.config.pid_file != NULL)
			endpoint_remove_pid(d.config.pid_file);
	}
	close_all(&d);
	if (status == 0)
		log_info("stopped", "clean=1");
	return status;
}
