#include "health.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>

#include "api/poll.h"
#include "base/budget.h"
#include "event/loop.h"
#include "live/commit.h"
#include "live/room.h"
#include "socketio/session.h"
#include "store/readers.h"

static void
probed(void *ctx, uint64_t handle, bool ok)
{
	struct health *h = ctx;
	struct fcgi_conn *conn = fcgi_find(h->requests->fcgi, handle);
	char body[128];
	int n;

	if (conn == NULL)
		return;
	if (!ok) {
		request_fail(h->requests, conn, PROBLEM_STORE_FAILED, "the database cannot be written; see the log");
		return;
	}
	n = snprintf(body, sizeof body, "{\"status\":\"ok\",\"epoch\":\"%s\",\"head\":%" PRId64 "}\n",
	    rooms_epoch(h->rooms), rooms_head(h->rooms));
	request_reply(h->requests, conn, 200, REQUEST_JSON, REQUEST_NO_STORE, (struct str){body, (size_t)n});
}

/* There are no parameters; false: answered. */
static bool
plain(struct request *r)
{
	static const char *const none[] = {NULL};
	struct query q;

	if (!request_query(r, &q, none, NULL))
		return false;
	query_fini(&q);
	return true;
}

void
health_request(struct health *h, struct request *r)
{
	if (plain(r) && commit_probe(h->commit, probed, h, fcgi_handle(r->conn)) != 0)
		request_refuse_busy(r->all, r->conn);
}

static void
add(struct buf *b, const char *name, const char *type, const char *help, double value)
{
	buf_printf(b, "# HELP longline_%s %s\n# TYPE longline_%s %s\nlongline_%s %.15g\n", name, help, name, type, name,
	    value);
}

static double
file_size(const char *path, const char *suffix)
{
	char name[4096];
	struct stat st;

	snprintf(name, sizeof name, "%s%s", path, suffix);
	return stat(name, &st) == 0 ? (double)st.st_size : 0;
}

static void
add_problems(struct buf *b, const struct requests *all)
{
	buf_add(b, STR("# HELP longline_errors_total Errors answered, by their code word.\n"
	               "# TYPE longline_errors_total counter\n"));
	for (enum problem p = 0; p < PROBLEMS; p++)
		buf_printf(b, "longline_errors_total{code=\"%s\"} %" PRIu64 "\n", problem_code(p), all->problems[p]);
}

static void
add_readers(struct buf *b, struct readers *readers)
{
	struct readers_counts counts = readers_counts(readers);
	const struct worker_counts *pages = &counts.pages, *searches = &counts.searches;

	add(b, "reads_queued", "gauge", "Reads of old messages that wait for a thread.", (double)pages->waiting);
	add(b, "reads_cancelled_total", "counter", "Reads dropped or stopped, since nobody waited for them any more.",
	    (double)pages->cancelled);
	add(b, "reads_refused_total", "counter", "Reads refused, since too many waited.", (double)pages->refused);
	add(b, "searches_queued", "gauge", "Searches that wait for their thread.", (double)searches->waiting);
	add(b, "searches_cancelled_total", "counter",
	    "Searches dropped or stopped, since nobody waited for them any more.", (double)searches->cancelled);
	add(b, "searches_refused_total", "counter", "Searches refused, since too many waited.",
	    (double)searches->refused);
}

static void
add_memory(struct buf *b, const struct budget_counts *c)
{
	add(b, "memory_max_bytes", "gauge", "What all that waits may take together (memory-max).",
	    (double)c->bytes_max);
	buf_add(b, STR("# HELP longline_memory_bytes Memory of what waits, by kind.\n"
	               "# TYPE longline_memory_bytes gauge\n"));
	for (enum budget_kind k = 0; k < BUDGET_KINDS; k++)
		buf_printf(b, "longline_memory_bytes{kind=\"%s\"} %zu\n", budget_kind_name(k), c->kind_bytes[k]);
	buf_add(b, STR("# HELP longline_memory_ended_total Ended, or refused, for want of memory, by kind.\n"
	               "# TYPE longline_memory_ended_total counter\n"));
	for (enum budget_kind k = 0; k < BUDGET_KINDS; k++)
		buf_printf(
		    b, "longline_memory_ended_total{kind=\"%s\"} %" PRIu64 "\n", budget_kind_name(k), c->ended[k]);
}

void
health_metrics(struct health *h, struct request *r)
{
	struct commit_counts commit = commit_counts(h->commit);
	struct rooms_counts rooms = rooms_counts(h->rooms);
	struct fcgi_counts fcgi = fcgi_counts(h->requests->fcgi);
	struct sessions_counts sessions = sessions_counts(h->sessions);
	struct budget_counts memory = budget_counts(h->budget);
	struct buf b;

	if (!plain(r))
		return;
	buf_init(&b, 64 * 1024);
	add(&b, "connections", "gauge", "Connections from the web server.", (double)fcgi.conns);
	add(&b, "requests_total", "counter", "Requests received.", (double)fcgi.requests);
	add(&b, "requests_open", "gauge", "Requests not answered yet, held polls included.", (double)fcgi.open);
	add(&b, "bad_records_total", "counter", "Connections closed for what they sent.", (double)fcgi.bad_records);
	add(&b, "late_total", "counter", "Connections closed for being slow.", (double)fcgi.late);
	add(&b, "idle_closed_total", "counter", "Kept connections closed for others that waited (connections-max).",
	    (double)fcgi.idle_closed);
	add(&b, "turn_seconds_max", "gauge",
	    "Longest turn of the loop since this was asked last: so long all others waited.",
	    (double)loop_longest_us(h->loop) / 1e6);
	add(&b, "turns_cut_total", "counter",
	    "Steps of turns that made 1 MiB of answers, and left others for the next turn.", (double)loop_cut(h->loop));
	add(&b, "polls_parked", "gauge", "Held polls.", (double)poll_parked(h->poll));
	add(&b, "polls_woken_total", "counter", "Waiters told of news.", (double)rooms.woken);
	add(&b, "sessions", "gauge", "Socket.IO sessions.", (double)sessions.sessions);
	add(&b, "sessions_made_room_total", "counter",
	    "Sessions that had joined no namespace, ended for a new one (sessions-max).", (double)sessions.made_room);
	add(&b, "sessions_unfinished_total", "counter",
	    "Sessions ended since the rest of an event with attachments did not come.", (double)sessions.unfinished);
	add(&b, "packets_total", "counter", "Packets of Socket.IO clients handled.", (double)sessions.packets);
	add(&b, "posts_waiting", "gauge", "POSTs of Socket.IO clients that are being handled.", (double)sessions.posts);
	add_readers(&b, h->readers);
	add(&b, "sends_total", "counter", "Messages committed for senders.", (double)commit.sends);
	add(&b, "sends_queued", "gauge", "Messages that wait to be committed.", (double)commit.queued);
	add(&b, "commits_total", "counter", "Transactions committed for senders.", (double)commit.commits);
	add(&b, "commit_seconds_total", "counter", "Seconds spent in them.", (double)commit.commit_us / 1e6);
	add(&b, "commit_sends_max", "gauge", "Most messages in one of them.", (double)commit.largest);
	add(&b, "commit_failures_total", "counter", "Transactions that failed.", (double)commit.failures);
	add(&b, "looks_total", "counter", "Looks for what other programs committed.", (double)commit.looks);
	add(&b, "delivery_lag_seconds", "gauge", "From the oldest send of the last commit to its publication.",
	    (double)commit.lag_us / 1e6);
	add(&b, "head", "gauge", "Greatest id given.", (double)rooms_head(h->rooms));
	add(&b, "indexed", "gauge", "Greatest id that search knows.", (double)commit.indexed);
	add(&b, "rooms", "gauge", "Rooms in memory.", (double)rooms.rooms);
	add(&b, "ring_messages", "gauge", "Messages in memory.", (double)rooms.messages);
	add(&b, "ring_bytes", "gauge", "Their bytes.", (double)rooms.bytes);
	add(&b, "rows_passed_over_total", "counter",
	    "Rows that break the rules of the database, each time one was met and passed over.",
	    (double)atomic_load_explicit(h->passed_over, memory_order_relaxed));
	add(&b, "wal_bytes", "gauge", "Size of the write-ahead log.", file_size(h->database, "-wal"));
	add(&b, "database_bytes", "gauge", "Size of the database file.", file_size(h->database, ""));
	add_memory(&b, &memory);
	add_problems(&b, r->all);
	request_reply(
	    r->all, r->conn, 200, STR("text/plain; version=0.0.4; charset=utf-8"), REQUEST_NO_STORE, buf_str(&b));
	buf_fini(&b);
}
