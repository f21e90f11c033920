/*
 * crowd: subscribers of one server, each with one held request, and the messages that they wait for.
 *
 * Each text is b:RUN:SEQ:xxx…, and every answer is looked through for it, whatever its form. Times are those at which
 * the kernel had an answer, so that this program's own backlog does not count.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"

enum { GIVE_UP_MS = 30000, BAD_MAX = 20000, OPENING_MAX = 256 };

static struct message {
	int64_t at_ns, first_ns, last_ns;
	unsigned got;
} messages[SEQ_MAX];

unsigned run_id;
char crowd_room[64];
static long n_messages;
static const struct dialect *dialect;
static struct conn *subscribers;
static size_t n_subscribers, hearers; /* of each message */
static struct conn senders[CONNS_MAX];
static size_t n_senders;
static unsigned long deliveries, doubled, answers;

/* Of one message, what each subscriber took. */
static long fan_seq = -1;
static float fan_us[SUBSCRIBERS_MAX];
static size_t fan_n;

/* Since `term`: who was answered, and when. */
static int64_t first_answer_ns, last_answer_ns;
static size_t n_answered;

static void subscribe(struct conn *);

static void
deliver(long seq, int64_t at_ns)
{
	struct message *m = &messages[seq];

	if (m->got++ == 0)
		m->first_ns = at_ns;
	if (at_ns > m->last_ns)
		m->last_ns = at_ns;
	deliveries++;
	if (m->got > hearers)
		doubled++;
	if (seq == fan_seq && fan_n < SUBSCRIBERS_MAX)
		fan_us[fan_n++] = (float)(at_ns - m->at_ns) / 1e3F;
}

static void
look_through(const char *p, size_t bytes, int64_t at_ns)
{
	const char *end = p + bytes;
	char tag[32];
	size_t n = (size_t)snprintf(tag, sizeof tag, "b:%u:", run_id);

	while ((p = memmem(p, (size_t)(end - p), tag, n)) != NULL) {
		long seq = atol(p += n);

		/* Rows that another program inserts were not announced. */
		if (seq >= 0 && seq < SEQ_MAX) {
			deliver(seq, at_ns);
			n_messages = seq >= n_messages ? seq + 1 : n_messages;
		}
	}
}

static void
answered(struct conn *c, const struct answer *a)
{
	answers++;
	if (c->answers++ == 0) {
		first_answer_ns = n_answered++ == 0 ? a->at_ns : first_answer_ns;
		last_answer_ns = a->at_ns;
	}
	if (a->status != 0 && dialect->holds(c))
		look_through(a->body, a->body_n, a->at_ns);
	if (a->status == 0 || !dialect->take(c, a)) {
		if (a->status != 0)
			conns_failed(a->status == 200 ? a->body : a->head, 150);
		if (conns_bad > BAD_MAX) {
			fprintf(stderr, "load: too many errors, the first: %s\n", conns_why);
			exit(1);
		}
		c->step = 0;
		c->token[0] = '\0';
		if (!c->open)
			conn_open(c, answered);
	}
	subscribe(c);
}

/* Of an answer that goes on, each piece. */
static void
heard(struct conn *c, const char *text, size_t n, int64_t at_ns)
{
	unsigned long before = deliveries;

	look_through(text, n, at_ns);
	c->answers += (unsigned)(deliveries - before);
}

static void
subscribe(struct conn *c)
{
	char request[REQUEST_MAX];

	if (dialect->flow != FLOW_NONE)
		flow_begin(c, dialect, heard);
	conn_ask(c, request, dialect->next(c, request));
}

static size_t
holding(void)
{
	size_t n = 0;

	for (size_t i = 0; i < n_subscribers; i++)
		n += subscribers[i].asked && dialect->holds(&subscribers[i]);
	return n;
}

/* With rooms, each hears one of them, and as many hear each. */
void
crowd_open(const struct dialect *d, size_t n, size_t rooms)
{
	int64_t began = now_ns(), give_up = began + (int64_t)GIVE_UP_MS * 2000000;

	crowd_close();
	dialect = d;
	hearers = rooms == 0 ? n : n / rooms;
	if (n > SUBSCRIBERS_MAX || (rooms > 0 && n % rooms != 0) ||
	    (subscribers = calloc(n, sizeof *subscribers)) == NULL) {
		errno = EINVAL;
		perror("load: open");
		exit(1);
	}
	while (n_subscribers < n || holding() < n) {
		/* Some at a time, or the handshakes of the last ones would be late before they are asked. */
		for (size_t k = n_subscribers - holding(); k < OPENING_MAX && n_subscribers < n; k++) {
			struct conn *c = &subscribers[n_subscribers++];

			c->cursor = -1;
			c->room = rooms == 0 ? 0 : 1 + (unsigned)((n_subscribers - 1) % rooms);
			conn_open(c, answered);
			subscribe(c);
		}
		pump(10);
		if (now_ns() > give_up)
			break;
	}
	printf("{\"holding\":%zu,\"bad\":%lu,\"why\":\"%s\",\"us\":%" PRId64 "}\n", holding(), conns_bad, conns_why,
	    (now_ns() - began) / 1000);
}

void
crowd_close(void)
{
	for (size_t i = 0; i < n_subscribers; i++)
		conn_close(&subscribers[i]);
	for (size_t i = 0; i < n_senders; i++)
		conn_close(&senders[i]);
	free(subscribers);
	subscribers = NULL;
	n_subscribers = n_senders = 0;
}

/* ---- messages ---- */

size_t
crowd_text(char *out, long seq)
{
	size_t n = (size_t)snprintf(out, TEXT_BYTES + 1, "b:%u:%ld:", run_id, seq);

	memset(out + n, 'x', TEXT_BYTES - n);
	out[TEXT_BYTES] = '\0';
	return TEXT_BYTES;
}

long
crowd_new_seq(int64_t at_ns)
{
	if (n_messages == SEQ_MAX) {
		fprintf(stderr, "load: more than %d messages\n", SEQ_MAX);
		exit(1);
	}
	messages[n_messages].at_ns = at_ns;
	return n_messages++;
}

bool
crowd_has(long seq)
{
	return messages[seq].got >= hearers;
}

struct crowd_counts
crowd_counts(void)
{
	return (struct crowd_counts){answers, deliveries, doubled};
}

int64_t
crowd_took(long seq, int64_t now)
{
	return (crowd_has(seq) ? messages[seq].last_ns : now) - messages[seq].at_ns;
}

static void
sent(struct conn *c, const struct answer *a)
{
	if (a->status / 100 != 2)
		conns_failed(a->status == 0 ? "a send was cut" : a->head, 150);
	if (!c->open)
		conn_open(c, sent);
}

static void
publish(struct conn *c)
{
	char text[TEXT_BYTES + 1], request[REQUEST_MAX];

	crowd_text(text, n_messages);
	c->asked_ns = now_ns();
	crowd_new_seq(c->asked_ns);
	conn_ask(c, request, request_send(request, dialect->send, text));
}

static void
open_senders(size_t n)
{
	for (; n_senders < n; n_senders++)
		conn_open(&senders[n_senders], sent);
}

void
settle(void)
{
	int64_t until = now_ns() + 10 * (int64_t)1000000000;
	struct usage before = groups_usage();

	for (int calm = 0; calm < 2 && now_ns() < until;) {
		int64_t began = now_ns(), used = 0;
		struct usage after;

		while (now_ns() - began < 15000000)
			pump(5);
		after = groups_usage();
		for (int i = 0; i < after.n; i++)
			used += after.ns[i] - before.ns[i];
		calm = used < (now_ns() - began) / 20 ? calm + 1 : 0;
		before = after;
	}
}

/* Where one has lost what another had twice, the sums tell nothing. */
static void
check_even(void)
{
	for (size_t i = 1; dialect != NULL && dialect->flow != FLOW_NONE && i < n_subscribers; i++)
		if (subscribers[i].answers != subscribers[0].answers)
			conns_failed("a reader has not as many messages as the first", 64);
}

void
crowd_fanout(void)
{
	int64_t give_up = now_ns() + (int64_t)GIVE_UP_MS * 1000000;
	unsigned long long bytes;
	struct usage from, to;

	open_senders(1);
	settle();
	fan_seq = n_messages;
	fan_n = 0;
	bytes = conns_bytes;
	from = groups_usage();
	publish(&senders[0]);
	while ((!crowd_has(fan_seq) || senders[0].asked) && now_ns() < give_up)
		pump(100);
	settle();
	to = groups_usage();
	check_even();
	printf("{\"subscribers\":%zu,\"got\":%zu,\"bytes\":%llu,\"doubled\":%lu,\"bad\":%lu,\"why\":\"%s\",",
	    n_subscribers, fan_n, conns_bytes - bytes, doubled, conns_bad, conns_why);
	times_print("took", fan_us, fan_n);
	printf(",");
	groups_print(&from, &to);
	printf("}\n");
	fan_seq = -1;
}

/* Messages up to which all have arrived. */
static long
arrived_up_to(long from)
{
	while (from < n_messages && crowd_has(from))
		from++;
	return from;
}

void
crowd_saturate(size_t window, int64_t for_ms)
{
	int64_t began, until;
	unsigned long delivered;
	long done = n_messages, first = n_messages;
	struct usage from, to;

	window = window < CONNS_MAX ? window : CONNS_MAX;
	open_senders(window);
	settle();
	from = groups_usage();
	began = now_ns();
	until = began + for_ms * 1000000;
	delivered = deliveries;
	while (now_ns() < until) {
		for (size_t i = 0; i < window && (size_t)(n_messages - done) < window; i++)
			if (!senders[i].asked)
				publish(&senders[i]);
		pump(100);
		done = arrived_up_to(done);
	}
	to = groups_usage();
	delivered = deliveries - delivered;
	printf("{\"deliveries\":%lu,\"messages\":%ld,\"seconds\":%.3f,", delivered, done - first,
	    (double)(now_ns() - began) / 1e9);
	groups_print(&from, &to);
	for (until = now_ns() + 10 * (int64_t)1000000000; done < n_messages && now_ns() < until;
	     done = arrived_up_to(done))
		pump(100);
	check_even();
	printf(",\"lost\":%ld,\"doubled\":%lu,\"bad\":%lu,\"why\":\"%s\"}\n", n_messages - done, doubled, conns_bad,
	    conns_why);
}

/* Tells a process to end, and how long it takes until each held request was answered. */
void
crowd_term(int pid, int64_t wait_ms)
{
	int64_t began, until;

	for (size_t i = 0; i < n_subscribers; i++)
		subscribers[i].answers = 0;
	n_answered = 0;
	began = now_ns();
	until = began + wait_ms * 1000000;
	if (kill(pid, SIGTERM) != 0)
		conns_failed("no such process", 64);
	while (n_answered < n_subscribers && now_ns() < until)
		pump(10);
	printf("{\"answered\":%zu,\"of\":%zu,\"first_us\":%.1f,\"last_us\":%.1f,\"bad\":%lu,\"why\":\"%s\"}\n",
	    n_answered, n_subscribers, (double)(first_answer_ns - began) / 1e3, (double)(last_answer_ns - began) / 1e3,
	    conns_bad, conns_why);
}

/* When the last subscriber had each message, by the wall clock. */
void
crowd_arrivals(void)
{
	bool more = false;

	printf("{\"doubled\":%lu,\"arrivals\":[", doubled);
	for (long seq = 0; seq < n_messages; seq++)
		if (messages[seq].got > 0 && crowd_has(seq)) {
			printf("%s[%ld,%" PRId64 "]", more ? "," : "", seq, messages[seq].last_ns / 1000);
			more = true;
		}
	printf("]}\n");
}
