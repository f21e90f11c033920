/*
 * asking: a request repeated until it is answered, or its time is over.
 *
 * Between tries it waits: twice as long each time from 0.5 s to 30 s, less up to half of that so that many do not come
 * together, and at least as long as the site's Retry-After says (5 min of it at most).
 */
#ifndef ASKING_H
#define ASKING_H

#include "command.h"
#include "http.h"

enum { ASKING_TIMEOUT_S = 60, ASKING_TIMEOUT_MAX_S = 7 * 86400 };

struct asking {
	struct http *http;
	const struct site *site;
	int64_t within_ms; /* how long one request and its repetitions may take; 0: for ever */
	bool telling;      /* that it fails is said at once, and that it works again */
	bool perhaps;      /* of the last request: a try that failed may have been handled */
	int64_t delay_ms, end_ms;
	bool told;
};

/* Reads the site of a call and opens it: 0, or how the program ends, said. asking_close() both in any case. */
int asking_open(struct asking *a, struct site *site, const struct call *call);
void asking_close(struct asking *a, struct site *site);

/* The option --timeout, into within_ms: 0, or how the program ends, said. */
int asking_read_timeout(struct asking *a, const struct call *call);

/*
 * A GET, or a POST of json, each try of which may take try_ms. 0: *body is what was answered, until the next request;
 * else how the program ends, said.
 */
int asking_get(struct asking *a, const char *target, int64_t try_ms, struct str *body);
int asking_post(struct asking *a, const char *target, struct str json, int64_t try_ms, struct str *body);

/* Waits as between tries, where something else has failed; *delay_ms is 0 before the first time. */
void asking_pause(int64_t *delay_ms, int64_t least_ms);

#endif
