#include "health.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>

#include "api/poll.h"
#include "api/stream.h"
#include "base/budget.h"
#include "base/clock.h"
#include "event/loop.h"
#include "live/commit.h"
#include "live/gate.h"
#include "live/room.h"
#include "socketio/relay.h"
#include "socketio/session.h"
#include "store/disk.h"
#include "store/readers.h"
#include "web/wire.h"

static void
probed(void *ctx, uint64_t handle, bool ok)
{
	struct health *h = ctx;
	struct fcgi_conn *conn = fcgi_find(h->requests->fcgi, handle);
	char body[256];
	int n;

	if (conn == NULL)
		return;
	if (!ok) {
		request_fail(h->requests, conn, PROBLEM_STORE_FAILED, "the database cannot be written; see the log");
		return;
	}
	n = snprintf(body, sizeof body, "{\"status\":\"%s\",\"epoch\":\"%s\",\"head\":%" PRId64 "%s}\n",
	    disk_full(h->disk) ? "full" : "ok", rooms_epoch(h->rooms), rooms_head(h->rooms),
	    disk_full(h->disk)
	        ? ",\"detail\":\"the disk has too little space left (disk-free-min): new messages are refused\""
	        : "");
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

static void
add_build(struct buf *b, const struct health *h)
{
	buf_printf(b,
	    "# HELP longline_build_info 1; which version this is, and which SQLite it works with.\n"
	    "# TYPE longline_build_info gauge\n"
	    "longline_build_info{version=\"%s\",sqlite=\"%s\"} 1\n",
	    h->version, store_sqlite_version());
	buf_printf(b,
	    "# HELP longline_process_start_time_seconds When it was started, in seconds since 1970.\n"
	    "# TYPE longline_process_start_time_seconds gauge\n"
	    "longline_process_start_time_seconds %" PRId64 ".%03d\n",
	    h->started_ms / 1000, (int)(h->started_ms % 1000));
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
	add(b, "reads_total", "counter", "Reads of old messages.", (double)pages->taken);
	add(b, "reads_cancelled_total", "counter", "Reads dropped or stopped, since nobody waited for them any more.",
	    (double)pages->cancelled);
	add(b, "reads_refused_total", "counter", "Reads refused, since too many waited.", (double)pages->refused);
	add(b, "searches_queued", "gauge", "Searches that wait for their thread.", (double)searches->waiting);
	add(b, "searches_total", "counter", "Searches.", (double)searches->taken);
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

/* Who was refused, and what for. */
static void
add_access(struct buf *b, const struct gate *g)
{
	struct access_counts access = access_counts(g->access);
	struct persons_counts persons = persons_counts(g->persons);
	const struct gate_counts *gate = &g->counts;

	add(b, "access_closed", "gauge", "1: only what a grant allows may be done.", access_closed(g->access));
	add(b, "tokens", "gauge", "Tokens.", (double)access.tokens);
	add(b, "grants", "gauge", "Grants.", (double)access.grants);
	add(b, "sights", "gauge", "Different sets of rights of those who are here.", (double)access.sights);
	add(b, "unauthorized_total", "counter", "Answered 401.", (double)gate->unauthorized);
	add(b, "forbidden_total", "counter", "Answered 403 for a room.", (double)gate->forbidden);
	add(b, "basic_unchecked_total", "counter",
	    "Names and passwords that the web server did not check (longline-auth.conf).",
	    (double)access.basic_unchecked);
	buf_printf(b,
	    "# HELP longline_uncounted_total Requests of strangers that no address counts for, by why.\n"
	    "# TYPE longline_uncounted_total counter\n"
	    "longline_uncounted_total{why=\"proxy\"} %" PRIu64 "\n"
	    "longline_uncounted_total{why=\"no_address\"} %" PRIu64 "\n",
	    access.proxy, access.no_address);
	add(b, "persons", "gauge", "Persons that limits are counted for.", (double)persons.n);
	add(b, "persons_shared_total", "counter", "Times that a person had to share one, for want of room.",
	    (double)persons.shared);
	add(b, "put_off_total", "counter", "Requests that waited for a limit or a look.", (double)gate->put_off);
	add(b, "put_off", "gauge", "Requests that do now.", (double)gate->waiting);
	buf_add(b, STR("# HELP longline_limited_total Times that a limit let wait or refused, by limit.\n"
	               "# TYPE longline_limited_total counter\n"));
	for (enum limit l = 0; l < LIMITS; l++)
		buf_printf(b, "longline_limited_total{limit=\"%s\"} %" PRIu64 "\n", limit_name(l), persons.limited[l]);
}

/* By what Socket.IO sessions are carried, and what becomes of upgrades. */
static void
add_transports(struct buf *b, const struct sessions_counts *c)
{
	buf_printf(b,
	    "# HELP longline_sessions_by_transport Socket.IO sessions, by what carries them.\n"
	    "# TYPE longline_sessions_by_transport gauge\n"
	    "longline_sessions_by_transport{transport=\"polling\"} %zu\n"
	    "longline_sessions_by_transport{transport=\"websocket\"} %zu\n",
	    c->sessions - c->framed, c->framed);
	add(b, "upgrades_total", "counter", "Socket.IO sessions that went from polling to WebSocket.",
	    (double)c->upgrades);
	buf_add(b, STR("# HELP longline_upgrades_failed_total Upgrades of Socket.IO sessions that failed, by why; the "
	               "session goes on.\n"
	               "# TYPE longline_upgrades_failed_total counter\n"));
	for (enum session_upgrade_failure f = 0; f < UPGRADE_FAILURES; f++)
		buf_printf(b, "longline_upgrades_failed_total{reason=\"%s\"} %" PRIu64 "\n",
		    session_upgrade_failure_name(f), c->upgrades_failed[f]);
}

static void
add_streams(struct buf *b, const struct stream *s)
{
	struct stream_counts counts = stream_counts(s);

	add(b, "streams", "gauge", "Streams.", (double)counts.streams);
	add(b, "streams_opened_total", "counter", "Streams begun.", (double)counts.opened);
	buf_add(b, STR("# HELP longline_streams_ended_total Streams ended, by why.\n"
	               "# TYPE longline_streams_ended_total counter\n"));
	for (enum stream_reason r = 0; r < STREAM_REASONS; r++)
		buf_printf(b, "longline_streams_ended_total{why=\"%s\"} %" PRIu64 "\n", stream_reason_name(r),
		    counts.ended[r]);
	add(b, "stream_parts_total", "counter", "Parts with messages that streams were given.", (double)counts.given);
	add(b, "stream_parts_made_total", "counter",
	    "Of these, how many had to be made; the others were shared with streams in the same place.",
	    (double)counts.made);
}

static void
add_sessions(struct buf *b, const struct health *h)
{
	struct sessions_counts sessions = sessions_counts(h->sessions);

	add(b, "sessions", "gauge", "Socket.IO sessions.", (double)sessions.sessions);
	add_transports(b, &sessions);
	add(b, "sessions_made_room_total", "counter",
	    "Sessions that had joined no namespace, ended for a new one (sessions-max).", (double)sessions.made_room);
	add(b, "events_refused_total", "counter",
	    "Events that could not be stored, without anybody having asked what became of them.",
	    (double)relay_dropped(h->relay));
	add(b, "sessions_unfinished_total", "counter",
	    "Sessions ended since the rest of an event with attachments did not come.", (double)sessions.unfinished);
	add(b, "packets_total", "counter", "Packets of Socket.IO clients handled.", (double)sessions.packets);
	add(b, "posts_waiting", "gauge", "POSTs of Socket.IO clients that are being handled.", (double)sessions.posts);
}

static void
add_wires(struct buf *b, const struct wires_counts *c)
{
	add(b, "websockets", "gauge", "WebSockets that are open.", (double)c->open);
	add(b, "websockets_opened_total", "counter", "WebSockets opened.", (double)c->opened);
	add(b, "websocket_messages_total", "counter", "Messages that came on WebSockets.", (double)c->messages);
	add(b, "websocket_received_bytes_total", "counter", "Their bytes.", (double)c->bytes_received);
	add(b, "websocket_writes_total", "counter", "Frames, or several at once, given to WebSockets.",
	    (double)c->sent);
	add(b, "websocket_written_bytes_total", "counter", "Their bytes.", (double)c->bytes_to_send);
	add(b, "websocket_late_total", "counter", "Messages whose rest did not come (message-timeout).",
	    (double)c->late);
	buf_add(b, STR("# HELP longline_websockets_ended_total WebSockets that ended, by how.\n"
	               "# TYPE longline_websockets_ended_total counter\n"));
	for (enum wire_end end = 0; end < WIRE_ENDS; end++)
		buf_printf(
		    b, "longline_websockets_ended_total{how=\"%s\"} %" PRIu64 "\n", wire_end_name(end), c->ended[end]);
}

/* What is deleted by the --keep options. */
static void
add_pruning(struct buf *b, const struct pruning_counts *c)
{
	int64_t age_ms = c->oldest_at_ms == INT64_MAX ? 0 : clock_wall_ms() - c->oldest_at_ms;

	add(b, "pruned_total", "counter", "Messages deleted since they are not kept any more.", (double)c->pruned);
	add(b, "prune_pending", "gauge", "Messages that are to be deleted, when it was looked last.",
	    (double)c->pending);
	add(b, "rooms_gone", "gauge",
	    "Rooms of which all went, and is known singly what was deleted; when it was looked last.", (double)c->gone);
	add(b, "oldest_seconds", "gauge",
	    "Age of the first message that was left then; 0 where nothing is ever deleted.",
	    age_ms > 0 ? (double)age_ms / 1000 : 0);
}

static void
add_commits(struct buf *b, const struct commit *c)
{
	struct commit_counts commit = commit_counts(c);

	add(b, "sends_total", "counter", "Messages committed for senders.", (double)commit.sends);
	add(b, "sends_queued", "gauge", "Messages that wait to be committed.", (double)commit.queued);
	add(b, "commits_total", "counter", "Transactions committed for senders.", (double)commit.commits);
	add(b, "commit_seconds_total", "counter", "Seconds spent in them.", (double)commit.commit_us / 1e6);
	add(b, "commit_sends_max", "gauge", "Most messages in one of them.", (double)commit.largest);
	add(b, "commit_failures_total", "counter", "Transactions that failed.", (double)commit.failures);
	add(b, "looks_total", "counter", "Looks for what other programs committed.", (double)commit.looks);
	add(b, "delivery_lag_seconds", "gauge", "From the oldest send of the last commit to its publication.",
	    (double)commit.lag_us / 1e6);
	histogram_write(&commit.took, b, "longline_commit_seconds", "How long each of these transactions took.");
	histogram_write(&commit.delivered, b, "longline_delivery_seconds",
	    "From the arrival of each message of a sender to its publication.");
	add(b, "indexed", "gauge", "Greatest id that search knows.", (double)commit.indexed);
	add(b, "reindex_left", "gauge", "Up to this id messages are yet to be put into an index that is made anew.",
	    (double)commit.rebuild_left);
	add(b, "reindexing", "gauge", "Whether an index is made anew, or the one before it goes.",
	    commit.rebuilding ? 1 : 0);
	add_pruning(b, &commit.pruning);
	add(b, "erased_pending", "gauge", "Deletions and changes whose words are not erased from the files yet.",
	    (double)commit.erasing);
}

void
health_metrics(struct health *h, struct request *r)
{
	struct rooms_counts rooms = rooms_counts(h->rooms);
	struct fcgi_counts fcgi = fcgi_counts(h->requests->fcgi);
	struct budget_counts memory = budget_counts(h->budget);
	struct buf b;

	if (!plain(r))
		return;
	buf_init(&b, 64 * 1024);
	add_build(&b, h);
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
	add_streams(&b, h->stream);
	add_sessions(&b, h);
	add_wires(&b, &h->wires->counts);
	add_readers(&b, h->readers);
	add_commits(&b, h->commit);
	add(&b, "head", "gauge", "Greatest id given.", (double)rooms_head(h->rooms));
	add(&b, "rooms", "gauge", "Rooms in memory.", (double)rooms.rooms);
	add(&b, "ring_messages", "gauge", "Messages in memory.", (double)rooms.messages);
	add(&b, "ring_bytes", "gauge", "Their bytes.", (double)rooms.bytes);
	add(&b, "rows_passed_over_total", "counter",
	    "Rows that break the rules of the database, each time one was met and passed over.",
	    (double)atomic_load_explicit(h->passed_over, memory_order_relaxed));
	add(&b, "wal_bytes", "gauge", "Size of the write-ahead log.", file_size(h->database, "-wal"));
	add(&b, "database_bytes", "gauge", "Size of the database file.", file_size(h->database, ""));
	add_access(&b, h->gate);
	add(&b, "storage_full", "gauge", "1: the disk has too little space left (disk-free-min).", disk_full(h->disk));
	add(&b, "disk_free_bytes", "gauge", "Space that was left on it at the last look.",
	    (double)disk_counts(h->disk).free);
	add_memory(&b, &memory);
	add_problems(&b, r->all);
	request_reply(
	    r->all, r->conn, 200, STR("text/plain; version=0.0.4; charset=utf-8"), REQUEST_NO_STORE, buf_str(&b));
	buf_fini(&b);
}
