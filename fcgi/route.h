/*
 * route: what is at which path, by which methods, and whether pages of other origins may read it; whatever holds for
 * every path is decided here, and a handler gets what it is to answer.
 */
#ifndef ROUTE_H
#define ROUTE_H

struct fcgi_request;
struct engine;
struct gate;
struct health;
struct history;
struct poll;
struct request;
struct roomlist;
struct send;
struct single;
struct stream;
struct websocket;

struct routes {
	struct send *send;
	struct single *single;
	struct poll *poll;
	struct stream *stream;
	struct history *history;
	struct roomlist *roomlist;
	struct health *health;
	struct engine *engine;
	struct websocket *websocket;
	struct gate *gate;
};

/* from: what r was made of. */
void route_request(const struct routes *routes, struct request *r, struct fcgi_request *from);

#endif
