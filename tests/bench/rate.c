/* rate: requests one after the other on some connections (closed loop), or at fixed times (pulse). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"

enum { TIMES_MAX = 4 << 20, OWN_PATHS = 4, LAST_ANSWERS_MS = 20000 };

static struct conn conns[CONNS_MAX];
static float *times_us;
static size_t n_times, n_good, n_refused;
static unsigned long long bytes_in;
static bool going;

/* What the loop asks for. */
static struct {
	const struct dialect *dialect; /* sends, if there is one */
	const char *path;
	char *body;
	size_t body_n;
} job;

static int
by_value(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

void
times_print(const char *name, float *us, size_t n)
{
	qsort(us, n, sizeof *us, by_value);
	printf("\"%s\":{\"n\":%zu", name, n);
	if (n > 0)
		printf(",\"first\":%.1f,\"p50\":%.1f,\"p99\":%.1f,\"last\":%.1f", (double)us[0], (double)us[n / 2],
		    (double)us[n - 1 - n / 100], (double)us[n - 1]);
	printf("}");
}

/* A {a-b} in a path stands for any number from a to b. */
static size_t
fill(char *out, const char *path)
{
	const char *brace = strchr(path, '{');
	long low, high;
	int used = 0;

	if (brace == NULL || sscanf(brace, "{%ld-%ld}%n", &low, &high, &used) != 2 || used == 0 || high < low)
		return (size_t)snprintf(out, 512, "%s", path);
	return (size_t)snprintf(
	    out, 512, "%.*s%ld%s", (int)(brace - path), path, low + random() % (high - low + 1), brace + used);
}

static void
go(struct conn *c)
{
	char request[REQUEST_MAX], path[512], text[TEXT_BYTES + 1];

	c->asked_ns = now_ns();
	if (job.dialect != NULL) {
		crowd_text(text, crowd_new_seq(c->asked_ns));
		conn_ask(c, request, request_send(request, job.dialect->send, text));
		return;
	}
	fill(path, job.path);
	if (job.body == NULL)
		conn_ask(c, request, request_get(request, path));
	else
		conn_ask_body(
		    c, request, request_head(request, "POST", path, "text/plain", job.body_n), job.body, job.body_n);
}

static void
looped(struct conn *c, const struct answer *a)
{
	if (n_times < TIMES_MAX)
		times_us[n_times++] = (float)(a->at_ns - c->asked_ns) / 1e3F;
	bytes_in += a->body_n;
	n_good += a->status / 100 == 2;
	n_refused += a->status / 100 == 4;
	if (a->status == 0 || a->status >= 500)
		conns_failed(a->status == 0 ? "a request was cut" : a->head, 150);
	if (!c->open)
		conn_open(c, looped);
	if (going)
		go(c);
}

static void
run_for(int64_t for_ms)
{
	int64_t until = now_ns() + for_ms * 1000000;

	while (now_ns() < until)
		pump(10);
}

static void
loop(size_t n, int64_t for_ms)
{
	struct usage from, to;
	int64_t began;
	double seconds;

	n = n < CONNS_MAX ? n : CONNS_MAX;
	if (times_us == NULL && (times_us = malloc(TIMES_MAX * sizeof *times_us)) == NULL)
		exit(1);
	settle();
	going = true;
	for (size_t i = 0; i < n; i++) {
		conn_open(&conns[i], looped);
		go(&conns[i]);
	}
	run_for(for_ms / 10); /* connections and caches warm up */
	n_times = n_good = n_refused = 0;
	bytes_in = 0;
	printf("{");
	from = groups_usage();
	began = now_ns();
	run_for(for_ms);
	to = groups_usage();
	seconds = (double)(now_ns() - began) / 1e9;
	printf(
	    "\"conns\":%zu,\"answers\":%zu,\"good\":%zu,\"refused\":%zu,\"seconds\":%.3f,\"rate\":%.1f,\"bytes\":%.0f,",
	    n, n_times, n_good, n_refused, seconds, (double)n_times / seconds,
	    n_times > 0 ? (double)bytes_in / (double)n_times : 0);
	times_print("took", times_us, n_times);
	printf(",");
	groups_print(&from, &to);
	going = false;
	run_for(100);
	for (size_t i = 0; i < n; i++)
		conn_close(&conns[i]);
	printf(",\"bad\":%lu,\"why\":\"%s\"}\n", conns_bad, conns_why);
}

void
rate_send(const struct dialect *d, size_t n, int64_t for_ms)
{
	job.dialect = d;
	loop(n, for_ms);
	job.dialect = NULL;
}

void
rate_get(size_t n, int64_t for_ms, const char *path)
{
	job.path = path;
	loop(n, for_ms);
}

void
rate_post(size_t n, int64_t for_ms, const char *path, size_t body_n)
{
	job.path = path;
	job.body_n = body_n < ANSWER_MAX ? body_n : ANSWER_MAX;
	if ((job.body = malloc(job.body_n)) == NULL)
		exit(1);
	memset(job.body, 'x', job.body_n);
	loop(n, for_ms);
	free(job.body);
	job.body = NULL;
}

/* ---- the pulse: everybody else, while something else is going on ---- */

enum { KNOWN = 4, N_KINDS = KNOWN + OWN_PATHS };
static struct kind {
	const char *name, *path; /* no path: a message */
	struct conn conns[CONNS_MAX];
	size_t n_conns, n, late;
	int64_t due_ns;
	float *us;
} kinds[N_KINDS] = {
    {.name = "send"},
    {.name = "poll", .path = "/poll?room=pulse&wait=0"},
    {.name = "history", .path = "/history?limit=10"},
    {.name = "healthz", .path = "/healthz"},
};

static void
beaten(struct conn *c, const struct answer *a)
{
	struct kind *k = &kinds[c->step];

	if (k->n < TIMES_MAX / 16)
		k->us[k->n++] = (float)(a->at_ns - c->asked_ns) / 1e3F;
	if (a->status / 100 != 2)
		conns_failed(a->status == 0 ? "a request was cut" : a->head, 150);
	if (!c->open)
		conn_open(c, beaten);
}

/* Asks at the time due, on a connection more if all wait: who waits must not slow down who asks. */
static void
beat(struct kind *k, const struct dialect *d)
{
	char request[REQUEST_MAX], path[512], text[TEXT_BYTES + 1];
	struct conn *c = k->conns;

	while (c < k->conns + k->n_conns && c->asked)
		c++;
	if (c == k->conns + k->n_conns) {
		if (k->n_conns == CONNS_MAX) {
			k->late++;
			return;
		}
		k->n_conns++;
		c->step = (uint8_t)(k - kinds);
		conn_open(c, beaten);
	}
	c->asked_ns = k->due_ns;
	if (k->path != NULL) {
		fill(path, k->path);
		conn_ask(c, request, request_get(request, path));
	} else {
		crowd_text(text, crowd_new_seq(k->due_ns));
		conn_ask(c, request, request_send(request, d->send, text));
	}
}

static bool
waiting(const struct kind *k)
{
	for (size_t i = 0; i < k->n_conns; i++)
		if (k->conns[i].asked)
			return true;
	return false;
}

static void
pulse_report(struct kind **on, size_t n, long first, long last, int64_t now)
{
	float *us = malloc((size_t)(last - first + 1) * sizeof *us);
	size_t late = 0;

	printf("{");
	for (size_t i = 0; i < n; i++) {
		times_print(on[i]->name, on[i]->us, on[i]->n);
		printf(",");
		late += on[i]->late;
		for (size_t k = 0; k < on[i]->n_conns; k++)
			conn_close(&on[i]->conns[k]);
		on[i]->n_conns = 0;
	}
	/* What never came counts with the time it was waited for. */
	for (long seq = first; us != NULL && seq < last; seq++)
		us[seq - first] = (float)crowd_took(seq, now) / 1e3F;
	times_print("delivery", us, us == NULL ? 0 : (size_t)(last - first));
	printf(",\"late\":%zu,\"bad\":%lu,\"why\":\"%s\"}\n", late, conns_bad, conns_why);
	free(us);
}

/* The kinds that are named, with commas between; NAME=PATH is one of the caller's own. */
static size_t
choose(char *names, struct kind **on)
{
	size_t n = 0, own = 0;
	char *word, *rest;

	for (word = strtok_r(names, ",", &rest); word != NULL; word = strtok_r(NULL, ",", &rest)) {
		char *path = strchr(word, '=');
		struct kind *k = path == NULL ? kinds : &kinds[KNOWN + own++];

		while (path == NULL && k < kinds + KNOWN && strcmp(k->name, word) != 0)
			k++;
		if (n == N_KINDS || own > OWN_PATHS || (path == NULL && k == kinds + KNOWN)) {
			fprintf(stderr, "load: no such kind, or too many: %s\n", word);
			exit(1);
		}
		if (path != NULL) {
			*path = '\0';
			*k = (struct kind){.name = word, .path = path + 1, .us = k->us};
		}
		on[n++] = k;
	}
	return n;
}

void
rate_pulse(const struct dialect *d, int64_t every_ms, int64_t for_ms, char *names)
{
	struct kind *on[N_KINDS];
	size_t n = choose(names, on);
	int64_t began = now_ns(), until = began + for_ms * 1000000, last = until + LAST_ANSWERS_MS * (int64_t)1000000;
	long first = crowd_new_seq(began) + 1, end = first;
	bool left = true;

	for (size_t i = 0; i < n; i++) {
		on[i]->n = on[i]->late = 0;
		on[i]->due_ns = began + (int64_t)i * every_ms * 1000000 / (int64_t)n;
		if (on[i]->us == NULL && (on[i]->us = malloc(TIMES_MAX / 16 * sizeof(float))) == NULL)
			exit(1);
	}
	while (left && now_ns() < last) {
		left = now_ns() < until;
		for (size_t i = 0; i < n; i++) {
			for (; now_ns() < until && on[i]->due_ns <= now_ns(); on[i]->due_ns += every_ms * 1000000) {
				beat(on[i], d);
				end += on[i]->path == NULL;
			}
			left |= waiting(on[i]);
		}
		for (long seq = end; !left && seq > first; seq--)
			left = !crowd_has(seq - 1);
		pump(1);
	}
	pulse_report(on, n, first, end, now_ns());
}
