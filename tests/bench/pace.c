/* pace: messages at fixed times, each into the next of many rooms, whether or not the last one was answered. */
#include <stdio.h>
#include <stdlib.h>

#include "load.h"

enum { LAST_ANSWERS_MS = 20000, STEP = 7919 };

static struct conn conns[CONNS_MAX];
static size_t n_conns, n_late, n_sent;
static float *sent_us, *heard_us;

static void
sent(struct conn *c, const struct answer *a)
{
	if (n_sent < SEQ_MAX)
		sent_us[n_sent++] = (float)(a->at_ns - c->asked_ns) / 1e3F;
	if (a->status / 100 != 2)
		conns_failed(a->status == 0 ? "a send was cut" : a->head, 150);
	if (!c->open)
		conn_open(c, sent);
}

/* On a connection more if all wait: who waits must not slow down who asks. */
static void
publish(long rooms, bool heard, int64_t due_ns)
{
	static unsigned long turn; /* goes on from one run to the next, or some rooms would never have a message */
	char request[REQUEST_MAX], path[64], text[TEXT_BYTES + 1];
	struct conn *c = conns;

	while (c < conns + n_conns && c->asked)
		c++;
	if (c == conns + n_conns) {
		if (n_conns == CONNS_MAX) {
			n_late++;
			return;
		}
		n_conns++;
		conn_open(c, sent);
	}
	/* Neighbours in time are no neighbours in the database. */
	snprintf(
	    path, sizeof path, "/send?room=%s%lu", heard ? HEARD_ROOM : "n", 1 + turn++ * STEP % (unsigned long)rooms);
	c->asked_ns = due_ns;
	crowd_text(text, crowd_new_seq(due_ns));
	conn_ask(c, request, request_send(request, path, text));
}

static bool
waiting(void)
{
	for (size_t i = 0; i < n_conns; i++)
		if (conns[i].asked)
			return true;
	return false;
}

static void
report(long first, long end, bool heard, const struct crowd_counts *before)
{
	struct crowd_counts after = crowd_counts();
	size_t n = 0, lost = 0;

	for (long seq = first; heard && seq < end; seq++) {
		heard_us[n++] = (float)crowd_took(seq, now_ns()) / 1e3F;
		lost += !crowd_has(seq);
	}
	printf(
	    "\"messages\":%ld,\"answers\":%lu,\"deliveries\":%lu,\"late\":%zu,\"lost\":%zu,\"doubled\":%lu,\"bad\":%lu,"
	    "\"why\":\"%s\",",
	    end - first, after.answers - before->answers, after.deliveries - before->deliveries, n_late, lost,
	    after.doubled, conns_bad, conns_why);
	times_print("delivery", heard_us, n);
	printf(",");
	times_print("send", sent_us, n_sent);
}

void
pace(int64_t a_second, int64_t for_ms, long rooms, bool heard)
{
	struct crowd_counts before;
	struct usage from, to;
	int64_t began, until, due, last;
	long first, end;
	bool left = true;

	if (sent_us == NULL && ((sent_us = malloc(SEQ_MAX * sizeof *sent_us)) == NULL ||
	                           (heard_us = malloc(SEQ_MAX * sizeof *heard_us)) == NULL))
		exit(1);
	settle();
	n_sent = n_late = 0;
	before = crowd_counts();
	from = groups_usage();
	began = due = now_ns();
	until = began + for_ms * 1000000;
	last = until + LAST_ANSWERS_MS * (int64_t)1000000;
	first = end = crowd_new_seq(began) + 1;
	while (left && now_ns() < last) {
		for (; due < until && due <= now_ns(); due += 1000000000 / a_second) {
			size_t late = n_late;

			publish(rooms, heard, due);
			end += n_late == late;
		}
		left = due < until || waiting();
		for (long seq = end; heard && !left && seq > first; seq--)
			left = !crowd_has(seq - 1);
		/* Not to sleep: the next one is due within a millisecond, which is the least that a sleep can be. */
		pump(due < until ? 0 : 1);
	}
	settle();
	to = groups_usage();
	printf("{");
	report(first, end, heard, &before);
	printf(",");
	groups_print(&from, &to);
	printf("}\n");
	for (; n_conns > 0; n_conns--)
		conn_close(&conns[n_conns - 1]);
}
