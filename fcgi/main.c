/*
 * main: open, wire, run, close.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/errand.h"
#include "api/history.h"
#include "api/poll.h"
#include "api/roomlist.h"
#include "api/send.h"
#include "base/budget.h"
#include "base/clock.h"
#include "config.h"
#include "endpoint.h"
#include "event/loop.h"
#include "event/signals.h"
#include "health.h"
#include "live/commit.h"
#include "live/room.h"
#include "route.h"
#include "socketio/polling.h"
#include "socketio/relay.h"
#include "store/readers.h"

enum {
	DESCRIPTORS_KEPT = 128,     /* for the database, threads and inotify */
	DESCRIPTORS_AHEAD = 131072, /* the kernel has room for, before they are in use */
	QUIET_MS = 200,             /* without a request, before a stop is over */
	STOP_MAX_MS = 20000,
	STOP_STEP_MS = 20,
};

struct daemon {
	struct config config;
	int database_lock, socket_lock, listen_fd, signal_fd;
	bool inherited;
	int status;    /* to exit with, should it not come to serve: 0 means EXIT_FAILURE */
	bool terminal; /* it was started from one, which may hang up */
	struct budget *budget;
	struct loop *loop;
	struct store *writer, *checkpointer;
	struct rooms *rooms;
	struct readers *readers;
	struct commit *commit;
	struct requests requests;
	struct poll *poll;
	struct send send;
	struct history history;
	struct roomlist roomlist;
	struct health health;
	struct relay *relay;
	struct members *members;
	struct sessions *sessions;
	struct polling polling;
	struct routes routes;
	_Atomic uint64_t passed_over; /* rows of the database; readers and the writer count them */
	/* Stopping: */
	struct timer stop_timer;
	uint8_t stop_kind;
	int64_t stopping_ms, last_request_ms;
};

/* What handlers put into a connection's slot; one at a time. */
static size_t
slot_size(void)
{
	size_t sizes[] = {poll_slot_size(), polling_slot_size(), errand_slot_size()}, most = 0;

	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
		most = sizes[i] > most ? sizes[i] : most;
	return most;
}

static void
on_request(void *ctx, struct fcgi_request *from)
{
	struct daemon *d = ctx;
	struct request r;

	d->last_request_ms = clock_ms();
	request_init(&r, &d->requests, from, slot_size());
	route_request(&d->routes, &r);
}

static void
on_gone(void *ctx, struct fcgi_conn *conn)
{
	struct daemon *d = ctx;
	struct slot *slot = fcgi_slot(conn);

	if (slot->parked == PARKED_POLL)
		poll_gone(d->poll, conn);
	else if (slot->parked == PARKED_SESSION)
		polling_gone(conn);
	else if (slot->parked == PARKED_ERRAND)
		errand_gone(conn);
}

static void
stop_step(void *ctx, struct timer *t)
{
	struct daemon *d = ctx;
	int64_t now = clock_ms(), since = d->last_request_ms > d->stopping_ms ? d->last_request_ms : d->stopping_ms;
	struct fcgi_counts fcgi = fcgi_counts(d->requests.fcgi);
	bool done = fcgi.open == 0 && fcgi.writing == 0 && commit_idle(d->commit) && sessions_idle(d->sessions) &&
	            now - since >= QUIET_MS;

	if (done || now - d->stopping_ms >= STOP_MAX_MS)
		loop_stop(d->loop);
	else
		loop_timer_set(d->loop, t, d->stop_kind, STOP_STEP_MS);
}

static void
on_signal(void *ctx)
{
	struct daemon *d = ctx;
	int number = signals_read(d->signal_fd, d->terminal);

	if (number == 0 || d->stopping_ms != 0)
		return;
	log_info("stopping", "signal=%d polls=%zu", number, poll_parked(d->poll));
	d->stopping_ms = clock_ms();
	fcgi_drain(d->requests.fcgi);
	poll_drain(d->poll);
	sessions_drain(d->sessions);
	loop_timer_set(d->loop, &d->stop_timer, d->stop_kind, STOP_STEP_MS);
}

/*
 * All the descriptors that are allowed: each held poll is one. The kernel keeps them in a table that it doubles when
 * one is beyond its end; and where there are threads, it lets the caller wait until every processor has been through
 * its scheduler: some 20 ms on a busy machine, six times on the way to ten thousand connections, in which those of a
 * storm overflow the backlog. So the table gets its size now, before any thread; 8 bytes for each, 1 MB at most.
 */
static void
take_descriptors(void)
{
	struct rlimit limit;
	int fd, last;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	(void)getrlimit(RLIMIT_NOFILE, &limit);
	last = limit.rlim_cur < DESCRIPTORS_AHEAD ? (int)limit.rlim_cur - 1 : DESCRIPTORS_AHEAD - 1;
	fd = eventfd(0, EFD_CLOEXEC);
	if (fd >= 0) {
		(void)close(fcntl(fd, F_DUPFD_CLOEXEC, last));
		(void)close(fd);
	}
}

/* -1 with a message. */
static int
open_files(struct daemon *d)
{
	umask(0007); /* the group may insert */
	take_descriptors();
	d->database_lock = endpoint_lock(d->config.database, "database");
	if (d->database_lock < 0) {
		d->status = store_path_wrong(errno) ? EXIT_DATABASE : EXIT_FAILURE;
		return -1;
	}
	if (!endpoint_inherited() && (d->socket_lock = endpoint_lock(d->config.socket, "socket")) < 0)
		return -1;
	return 0;
}

static int
open_store(struct daemon *d, const struct store_options *options)
{
	char error[STORE_ERROR_SIZE];

	store_setup();
	d->writer = store_open(options, true, error);
	if (d->writer == NULL || store_start(d->writer, d->config.lock_wait_s * 1000, error) != 0) {
		d->status = errno == EAGAIN ? EXIT_FAILURE : EXIT_DATABASE;
	} else {
		d->checkpointer = store_open(options, false, error);
		if (d->checkpointer != NULL)
			d->readers =
			    readers_new(d->loop, options, (int)d->config.readers, (size_t)d->config.reads_max, error);
		if (d->readers != NULL)
			return 0;
	}
	log_refusal("%s", error);
	return -1;
}

static int
no_memory(void)
{
	log_refusal("cannot start: %s", strerror(errno == 0 ? ENOMEM : errno));
	return -1;
}

/* Sessions, and the relay that says what their events mean. */
static int
open_socketio(struct daemon *d)
{
	const struct config *c = &d->config;
	struct relay_options relay = {.ephemeral = c->ephemeral,
	    .recovery = c->recovery > 0,
	    .recovery_messages = c->recovery_max,
	    .budget = d->budget,
	    .message_max = (size_t)c->message_max};
	struct member_options member = config_member(c);
	struct session_options session = config_session(c);
	struct member_app app;

	member.budget = session.budget = d->budget;
	token_secret(relay.secret);
	if (store_secret(d->writer, relay.secret, sizeof relay.secret) != 0)
		return -1;
	d->relay = relay_new(&relay, d->rooms, d->commit, d->readers);
	if (d->relay == NULL)
		return no_memory();
	app = relay_app(d->relay);
	d->members = members_new(&member, &app);
	d->sessions = sessions_new(d->loop, &session, d->rooms, d->readers);
	if (d->members == NULL || d->sessions == NULL)
		return no_memory();
	relay_set_members(d->relay, d->members);
	return 0;
}

static int
open_log(struct daemon *d)
{
	const struct config *c = &d->config;
	struct store_options store = {.path = c->database,
	    .search_timeout_ms = c->search_timeout_s * 1000,
	    .write_timeout_ms = c->write_timeout_s * 1000,
	    .reply_max = (size_t)c->reply_max,
	    .new_epoch = c->new_epoch,
	    .passed_over = &d->passed_over};
	struct commit_options commit = {.queue_max = (size_t)c->queue_max,
	    .queue_bytes_max = (size_t)c->queue_bytes,
	    .lock_wait_ms = c->lock_wait_s * 1000,
	    .no_gather = c->commit_gather == 0,
	    .path = c->database};
	struct room_patience patience = {c->round_rest != 0, c->round_hold != 0, c->round_yield != 0};
	struct poll_options poll = {.wait_max_ms = c->wait_max_s * 1000, .reply_max = (size_t)c->reply_max};

	if ((d->budget = budget_new((size_t)c->memory_max)) == NULL || (d->loop = loop_new()) == NULL ||
	    (d->rooms = rooms_new(d->loop, (size_t)c->ring_bytes)) == NULL)
		return no_memory();
	if (c->loop_batch == 0)
		loop_no_batch(d->loop);
	rooms_set_patience(d->rooms, patience);
	if (open_store(d, &store) != 0)
		return -1;
	commit.budget = d->budget;
	rooms_reset(d->rooms, store_epoch(d->writer), store_head(d->writer));
	d->commit = commit_new(d->loop, &commit, d->writer, d->checkpointer, d->rooms);
	d->requests.hosts = &c->hosts;
	d->requests.origins = c->cors;
	if (d->commit != NULL)
		d->poll = poll_new(d->loop, &poll, &d->requests, d->rooms, d->readers, d->commit);
	return d->poll == NULL ? no_memory() : open_socketio(d);
}

static void
wire(struct daemon *d)
{
	const struct config *c = &d->config;

	d->send = (struct send){.requests = &d->requests,
	    .commit = d->commit,
	    .limits = {.body_max = (size_t)c->body_max,
	        .message_max = (size_t)c->message_max,
	        .depth_max = (size_t)c->depth_max}};
	d->history =
	    (struct history){.requests = &d->requests, .rooms = d->rooms, .readers = d->readers, .commit = d->commit};
	d->roomlist = (struct roomlist){.requests = &d->requests, .rooms = d->rooms, .readers = d->readers};
	d->health = (struct health){.loop = d->loop,
	    .requests = &d->requests,
	    .rooms = d->rooms,
	    .commit = d->commit,
	    .poll = d->poll,
	    .budget = d->budget,
	    .sessions = d->sessions,
	    .readers = d->readers,
	    .database = c->database,
	    .passed_over = &d->passed_over};
	d->polling = (struct polling){.requests = &d->requests,
	    .sessions = d->sessions,
	    .layer = members_layer(d->members),
	    .ping_interval_ms = c->ping_interval_ms,
	    .ping_timeout_ms = c->ping_timeout_ms,
	    .max_payload = (size_t)c->max_payload};
	polling_init(&d->polling);
	d->routes = (struct routes){&d->send, d->poll, &d->history, &d->roomlist, &d->health, &d->polling};
}

static size_t
connections_max(const struct config *c)
{
	struct rlimit limit = {.rlim_cur = 1024};

	(void)getrlimit(RLIMIT_NOFILE, &limit);
	if (c->connections_max > 0)
		return (size_t)c->connections_max;
	return (size_t)(limit.rlim_cur > 2 * DESCRIPTORS_KEPT ? limit.rlim_cur - DESCRIPTORS_KEPT : limit.rlim_cur / 2);
}

static int
open_socket(struct daemon *d)
{
	const struct config *c = &d->config;
	struct fcgi_options options = config_fcgi(c);
	struct fcgi_handler handler = {.ctx = d, .request = on_request, .gone = on_gone};

	if ((d->listen_fd = endpoint_listen(c->socket, &d->inherited)) < 0)
		return -1;
	options.listen_fd = d->listen_fd;
	options.slot_size = slot_size();
	options.conns_max = connections_max(c);
	options.budget = d->budget;
	if ((d->requests.fcgi = fcgi_new(d->loop, &options, &handler)) == NULL)
		return no_memory();
	d->signal_fd = signals_open();
	if (d->signal_fd < 0 || loop_add_source(d->loop, d->signal_fd, on_signal, d) != 0)
		return no_memory();
	d->stop_kind = loop_timer_kind(d->loop, stop_step, d);
	return 0;
}

static void
close_all(struct daemon *d)
{
	sessions_free(d->sessions);
	fcgi_free(d->requests.fcgi);
	/* Threads end before what they use. */
	commit_free(d->commit);
	readers_free(d->readers);
	poll_free(d->poll);
	members_free(d->members);
	relay_free(d->relay);
	rooms_free(d->rooms);
	budget_free(d->budget);
	if (d->checkpointer != NULL)
		(void)store_checkpoint(d->checkpointer, true);
	store_close(d->checkpointer);
	store_close(d->writer);
	if (d->signal_fd >= 0) {
		loop_remove_source(d->loop, d->signal_fd);
		close(d->signal_fd);
	}
	if (d->listen_fd >= 0) {
		close(d->listen_fd);
		if (!d->inherited)
			unlink(d->config.socket);
	}
	loop_free(d->loop);
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
	if (status >= 0)
		return status;
	log_set_level(d.config.log_level);
	d.terminal = signals_take();
	setenv("LIBFCGI_OS_CLOSE_POLL_TIMEOUT", "0", 1); /* libfcgi would wait for 2 s when it closes */
	status = EXIT_FAILURE;
	if (open_files(&d) == 0 && open_log(&d) == 0 && open_socket(&d) == 0) {
		wire(&d);
		if (d.config.pid_file == NULL || endpoint_write_pid(d.config.pid_file) == 0) {
			log_info("ready", "version=%s database=\"%s\" epoch=%s head=%lld", CONFIG_VERSION,
			    d.config.database, rooms_epoch(d.rooms), (long long)rooms_head(d.rooms));
			loop_run(d.loop);
			status = 0;
		}
	}
	status = status != 0 && d.status != 0 ? d.status : status;
	/* While the locks are still ours, so that no other daemon can have written one in between. */
	if (status == 0 && d.config.pid_file != NULL)
		endpoint_remove_pid(d.config.pid_file);
	close_all(&d);
	if (status == 0)
		log_info("stopped", "clean=1");
	return status;
}
