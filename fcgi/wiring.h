/*
 * wiring: all that serves, made as the options say, each told of those that it uses.
 *
 * Zeroed; wiring_open() makes the loop, the log and what lives on it; wiring_serve() then takes requests, once the loop
 * runs. wiring_close() may come at any time.
 */
#ifndef WIRING_H
#define WIRING_H

#include "api/history.h"
#include "api/poll.h"
#include "api/roomlist.h"
#include "api/send.h"
#include "api/single.h"
#include "api/stream.h"
#include "config.h"
#include "health.h"
#include "live/gate.h"
#include "serve.h"
#include "socketio/polling.h"
#include "socketio/websocket.h"
#include "web/wire.h"

struct access;
struct budget;
struct commit;
struct disk;
struct loop;
struct members;
struct persons;
struct poll;
struct readers;
struct relay;
struct rooms;
struct sessions;
struct store;

struct wiring {
	const struct config *config;
	struct budget *budget;
	struct loop *loop;
	struct store *writer, *checkpointer;
	struct rooms *rooms;
	struct readers *readers;
	struct commit *commit;
	struct requests requests;
	struct persons *persons;
	struct access *access;
	struct gate gate;
	struct disk *disk;
	struct poll *poll;
	struct stream *stream;
	struct send send;
	struct single single;
	struct history history;
	struct roomlist roomlist;
	struct health health;
	struct relay *relay;
	struct members *members;
	struct sessions *sessions;
	struct wires wires;
	struct engine engine;
	struct websocket websocket;
	struct serve serve;
	_Atomic uint64_t passed_over; /* rows of the database; readers and the writer count them */
};

/* Both return 0, or the status to exit with, with a message. c must last as long. */
int wiring_open(struct wiring *w, const struct config *c);
int wiring_serve(struct wiring *w, int listen_fd);

/* The end is near: whoever waits is answered, and no connection is kept. */
void wiring_drain(struct wiring *w);

/* Nobody waits for an answer, and nothing for the disk. */
bool wiring_idle(const struct wiring *w);

/* Frees all, the loop too; the listening socket stays the caller's. */
void wiring_close(struct wiring *w);

#endif
