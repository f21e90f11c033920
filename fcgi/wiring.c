#include "wiring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "access/access.h"
#include "base/budget.h"
#include "base/clock.h"
#include "base/version.h"
#include "descriptors.h"
#include "event/loop.h"
#include "live/commit.h"
#include "live/room.h"
#include "socketio/relay.h"
#include "store/disk.h"
#include "store/readers.h"

static int
no_memory(void)
{
	log_refusal("cannot start: %s", strerror(errno == 0 ? ENOMEM : errno));
	return EXIT_FAILURE;
}

static int
open_store(struct wiring *w)
{
	const struct config *c = w->config;
	struct store_options options = {.path = c->database,
	    .search_timeout_ms = c->search_timeout_s * 1000,
	    .write_timeout_ms = c->write_timeout_s * 1000,
	    .rooms_max = c->rooms_max,
	    .database_max = c->database_max,
	    .reply_max = (size_t)c->reply_max,
	    .new_epoch = c->new_epoch,
	    .passed_over = &w->passed_over};
	int status = EXIT_FAILURE;
	char error[STORE_ERROR_SIZE];

	store_setup();
	w->writer = store_open(&options, true, error);
	if (w->writer == NULL || store_start(w->writer, c->lock_wait_s * 1000, error) != 0) {
		status = errno == EAGAIN ? EXIT_FAILURE : EXIT_DATABASE;
	} else {
		w->checkpointer = store_open(&options, false, error);
		if (w->checkpointer != NULL)
			w->readers = readers_new(w->loop, &options, (int)c->readers, (size_t)c->reads_max, error);
		if (w->readers != NULL)
			return 0;
	}
	log_refusal("%s", error);
	return status;
}

/* Sessions, and the relay that says what their events mean. */
static int
open_socketio(struct wiring *w)
{
	const struct config *c = w->config;
	struct relay_options relay = {.ephemeral = c->ephemeral,
	    .recovery = c->recovery > 0,
	    .recovery_messages = c->recovery_max,
	    .budget = w->budget,
	    .loop = w->loop,
	    .access = w->access,
	    .persons = w->persons,
	    .message_max = (size_t)c->message_max};
	struct member_options member = config_member(c);
	struct session_options session = config_session(c);
	struct member_app app;

	member.budget = session.budget = w->budget;
	session.access = w->access;
	session.persons = w->persons;
	session.commit = w->commit;
	token_secret(relay.secret);
	if (store_secret(w->writer, relay.secret, sizeof relay.secret) != 0)
		return EXIT_FAILURE;
	w->relay = relay_new(&relay, w->rooms, w->commit, w->readers);
	if (w->relay == NULL)
		return no_memory();
	app = relay_app(w->relay);
	w->members = members_new(&member, &app);
	w->sessions = sessions_new(w->loop, &session, w->rooms, w->readers);
	if (w->members == NULL || w->sessions == NULL)
		return no_memory();
	relay_set_members(w->relay, w->members);
	return 0;
}

/* Who may, and how often: before anybody can ask. */
static int
open_access(struct wiring *w)
{
	const struct config *c = w->config;
	struct access_options options = {
	    .loopback_trusted = c->trust_loopback, .trusted = c->trusted, .n_trusted = c->n_trusted};
	struct store_access *rows = NULL;
	char error[STORE_ERROR_SIZE];

	if ((options.persons = w->persons = persons_new(&c->limits, PERSONS_MAX)) == NULL ||
	    (w->access = access_new(&options)) == NULL)
		return no_memory();
	if (access_read_keys(w->access, c->jwt_keys, c->n_jwt_keys, error) != 0) {
		log_refusal("%s", error);
		return EXIT_OPTIONS;
	}
	if (store_access(w->writer, &rows) != STORE_OK || access_set(w->access, rows) != 0) {
		store_access_free(rows);
		log_refusal("%s: tokens and grants cannot be read", c->database);
		return EXIT_FAILURE;
	}
	if (!access_closed(w->access))
		log_info("open", "detail=\"everybody who reaches this may read and write everything; `longline access "
		                 "closed` and grants change that\"");
	return 0;
}

/* The writer. */
static int
open_commit(struct wiring *w)
{
	const struct config *c = w->config;
	struct commit_options options = {.access = w->access,
	    .disk = w->disk,
	    .persons = w->persons,
	    .queue_max = (size_t)c->queue_max,
	    .queue_bytes_max = (size_t)c->queue_bytes,
	    .budget = w->budget,
	    .lock_wait_ms = c->lock_wait_s * 1000,
	    .scrub_after_ms = c->scrub_after_s * 1000,
	    .no_gather = c->commit_gather == 0,
	    .path = c->database,
	    .keep = keep_any(&c->keep) ? &c->keep : NULL};

	rooms_reset(w->rooms, store_epoch(w->writer), store_head(w->writer));
	w->commit = commit_new(w->loop, &options, w->writer, w->checkpointer, w->rooms);
	return w->commit == NULL ? no_memory() : 0;
}

int
wiring_open(struct wiring *w, const struct config *c)
{
	struct room_patience patience = {c->round_rest != 0, c->round_hold != 0, c->round_yield != 0};
	struct poll_options poll = {.wait_max_ms = c->wait_max_s * 1000, .reply_max = (size_t)c->reply_max};
	int status;

	w->config = c;
	if ((w->budget = budget_new((size_t)c->memory_max)) == NULL || (w->loop = loop_new()) == NULL ||
	    (w->rooms = rooms_new(w->loop, (size_t)c->ring_bytes)) == NULL)
		return no_memory();
	if (c->loop_batch == 0)
		loop_no_batch(w->loop);
	rooms_set_patience(w->rooms, patience);
	if ((status = open_store(w)) != 0)
		return status;
	if (!keep_any(&c->keep))
		store_keep_all(w->writer);
	if ((status = open_access(w)) != 0)
		return status;
	w->disk = disk_new(w->loop, &(struct disk_options){.path = c->database, .free_min = c->disk_free_min});
	if (w->disk == NULL)
		return no_memory();
	if ((status = open_commit(w)) != 0)
		return status;
	w->serve.requests = &w->requests;
	w->requests.hosts = &c->hosts;
	w->requests.origins = c->cors;
	w->poll = poll_new(w->loop, &poll, &w->requests, w->rooms, w->readers, w->commit, &w->gate);
	w->stream = stream_new(w->loop, &w->requests, w->rooms, w->readers, w->commit, &w->gate);
	return w->poll == NULL || w->stream == NULL ? no_memory() : open_socketio(w);
}

/* Each is told of those that it uses. */
static void
wire_api(struct wiring *w)
{
	const struct config *c = w->config;

	w->gate = (struct gate){.loop = w->loop,
	    .requests = &w->requests,
	    .access = w->access,
	    .persons = w->persons,
	    .commit = w->commit,
	    .judge = serve_judge,
	    .judge_ctx = &w->serve};
	gate_init(&w->gate);
	w->send = (struct send){.requests = &w->requests,
	    .commit = w->commit,
	    .gate = &w->gate,
	    .limits = {.body_max = (size_t)c->body_max,
	        .message_max = (size_t)c->message_max,
	        .depth_max = (size_t)c->depth_max}};
	w->single = (struct single){.requests = &w->requests,
	    .rooms = w->rooms,
	    .readers = w->readers,
	    .commit = w->commit,
	    .gate = &w->gate,
	    .limits = w->send.limits,
	    .edit_window_ms = c->edit_window_s * 1000};
	w->history = (struct history){
	    .requests = &w->requests, .rooms = w->rooms, .readers = w->readers, .commit = w->commit, .gate = &w->gate};
	w->roomlist =
	    (struct roomlist){.requests = &w->requests, .rooms = w->rooms, .readers = w->readers, .gate = &w->gate};
}

static void
wire(struct wiring *w)
{
	const struct config *c = w->config;

	wire_api(w);
	w->health = (struct health){.loop = w->loop,
	    .requests = &w->requests,
	    .rooms = w->rooms,
	    .commit = w->commit,
	    .poll = w->poll,
	    .stream = w->stream,
	    .budget = w->budget,
	    .sessions = w->sessions,
	    .relay = w->relay,
	    .readers = w->readers,
	    .gate = &w->gate,
	    .wires = &w->wires,
	    .disk = w->disk,
	    .version = longline_version,
	    .started_ms = clock_wall_ms(),
	    .database = c->database,
	    .passed_over = &w->passed_over};
	w->engine = (struct engine){.requests = &w->requests,
	    .sessions = w->sessions,
	    .gate = &w->gate,
	    .layer = members_layer(w->members),
	    .ping_interval_ms = c->ping_interval_ms,
	    .ping_timeout_ms = c->ping_timeout_ms,
	    .max_payload = (size_t)c->max_payload,
	    .websocket = !c->no_websocket};
	polling_init(&w->engine);
	w->websocket = (struct websocket){.engine = &w->engine, .wires = &w->wires};
	websocket_init(&w->websocket);
	w->serve.routes = (struct routes){&w->send, &w->single, w->poll, w->stream, &w->history, &w->roomlist,
	    &w->health, &w->engine, &w->websocket, &w->gate};
}

int
wiring_serve(struct wiring *w, int listen_fd)
{
	const struct config *c = w->config;
	struct fcgi_options options = config_fcgi(c);
	struct fcgi_handler handler = serve_handler(&w->serve);

	options.listen_fd = listen_fd;
	options.slot_size = serve_slot_size();
	options.conns_max = c->connections_max > 0 ? (size_t)c->connections_max : descriptors_for_connections();
	options.budget = w->budget;
	if ((w->requests.fcgi = fcgi_new(w->loop, &options, &handler)) == NULL)
		return no_memory();
	w->wires = (struct wires){.loop = w->loop,
	    .requests = &w->requests,
	    .message_max = (size_t)c->max_payload,
	    .message_wait_ms = c->message_timeout_s * 1000};
	wires_init(&w->wires);
	w->serve.wires = &w->wires;
	wire(w);
	return 0;
}

void
wiring_drain(struct wiring *w)
{
	fcgi_drain(w->requests.fcgi);
	poll_drain(w->poll);
	stream_drain(w->stream);
	sessions_drain(w->sessions);
	wires_drain(&w->wires);
}

bool
wiring_idle(const struct wiring *w)
{
	struct fcgi_counts fcgi = fcgi_counts(w->requests.fcgi);

	return fcgi.open == 0 && fcgi.writing == 0 && fcgi.raw == 0 && commit_idle(w->commit) &&
	       sessions_idle(w->sessions);
}

void
wiring_close(struct wiring *w)
{
	sessions_end(w->sessions);
	fcgi_free(w->requests.fcgi);
	wires_fini(&w->wires);
	/* Threads end before what they use. */
	commit_free(w->commit);
	readers_free(w->readers);
	sessions_free(w->sessions);
	poll_free(w->poll);
	stream_free(w->stream);
	members_free(w->members);
	relay_free(w->relay);
	rooms_free(w->rooms);
	disk_free(w->disk);
	access_free(w->access);
	persons_free(w->persons);
	budget_free(w->budget);
	if (w->checkpointer != NULL)
		(void)store_checkpoint(w->checkpointer, true);
	store_close(w->checkpointer);
	store_close(w->writer);
	loop_free(w->loop);
}
