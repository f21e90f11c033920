/*
 * health: GET /healthz (alive, and able to write) and GET /metrics (Prometheus text).
 */
#ifndef HEALTH_H
#define HEALTH_H

#include "web/request.h"

struct budget;
struct commit;
struct disk;
struct gate;
struct poll;
struct readers;
struct relay;
struct rooms;
struct sessions;
struct stream;
struct wires;

struct health {
	struct loop *loop;
	struct requests *requests;
	struct rooms *rooms;
	struct commit *commit;
	struct poll *poll;
	struct stream *stream;
	struct budget *budget;
	struct sessions *sessions;
	struct relay *relay;
	struct readers *readers;
	struct gate *gate;
	const struct wires *wires;
	struct disk *disk;
	const char *version;
	int64_t started_ms;            /* clock_wall_ms() */
	const char *database;          /* its path */
	_Atomic uint64_t *passed_over; /* rows of the database that break the rules */
};

void health_request(struct health *h, struct request *r);
void health_metrics(struct health *h, struct request *r);

#endif
