/*
 * route: what is at which path, by which methods, and whether pages of other origins may read it; whatever holds for
 * every path is decided here, and a handler gets what it is to answer.
 */
#ifndef ROUTE_H
#define ROUTE_H

struct fcgi_request;
struct gate;
struct health;
struct history;
struct poll;
struct request;
struct roomlist;
struct send;
struct single;
struct polling;

struct routes {
	struct send *send;
	struct single *single;
	struct poll *poll;
	struct history *history;
	struct roomlist *roomlist;
	struct health *health;
	struct polling *polling;
	struct gate *gate;
};

/* from: what r was made of. */
void route_request(const struct routes *routes, struct request *r, struct fcgi_request *from);

#endif
