/*
 * The whole daemon in this process, started by its own main.c on a folder in memory, spoken to over its socket while
 * somebody else uses it (bystander.h): after every input it is well, it has let go of what the input's connections
 * held, and a message of the other's comes to all of his readers. Every 1000 inputs it must have no more memory,
 * sessions and polls than before, and is started anew on the same log.
 *
 * The loop runs in this thread: a source that is always readable is everybody at the other end. The clock is ours and
 * goes on by 1 ms a turn, so that heartbeats and time limits pass in no time, and a process that is stopped misses
 * none. Threads are the daemon's own, so an input may take different ways.
 *
 * An input is steps with 0x1D between, which begin with what they do, on connection N:
 *   q N K request  a request, see peer_request(), with $0 to $3, $p, $i, $e for what was learned (answer.h); the
 *                  connection is to be kept if K is odd, and K / 4 % 16 bytes are sent in a turn, 0: all
 *   r N bytes      any bytes
 *   h N, c N       the end of what is sent; hangs up
 *   w N            its answers are not read any more
 *   t N, a N       N turns end; N times 200 ms pass
 *   d N            from now on the workers are N % 8 turns late
 *   x N text       what another program does to the database
 * A byte 0x1C is left out, and bit 6 of the next one turned, so that any byte can be said.
 */
int longlined_main(int argc, char **argv);
#define main longlined_main
#include "../../fcgi/main.c"
#undef main

#include <malloc.h>
#include <sys/eventfd.h>
#include <time.h>

#include "bystander.h"

enum {
	CONNS = 8,
	WORKERS_MAX = 8,
	LIFE = 1000,         /* inputs from start to start */
	KEPT_MESSAGES = 500, /* the older ones are deleted then */
	CPU_MAX_S = 20,      /* for an answer of the daemon's; only waiting is free */
	QUIET_TURNS = 4,
	HEAP_MAX = 1 << 20, /* more than after the second life */
	ENDING_MS = 60000,
};

size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));
int64_t __wrap_clock_ms(void);
int64_t __wrap_clock_us(void);
struct worker *__wrap_worker_new(struct loop *loop, const struct worker_options *options);
int __wrap_worker_add(struct worker *worker, struct job *job);
void __wrap_worker_cancel(struct job *job);
struct worker_counts __wrap_worker_counts(struct worker *worker);
void __wrap_worker_free(struct worker *worker);

/* A worker without threads. */
struct worker {
	TAILQ_HEAD(, job) waiting;
	size_t n_waiting, jobs_max;
	void *ctx;
	unsigned turns; /* since the first of them began to wait */
};

static struct world {
	struct daemon d;
	char folder[64], database[80], socket[80];
	struct bystander other;
	struct peer conns[CONNS];
	struct names names;
	sqlite3 *db; /* another program's */
	struct str rest;
	enum { STEPS, SETTLING, CLOSING, SAYING } phase;
	unsigned wait, quiet, late; /* turns */
	struct worker *workers[WORKERS_MAX];
	int event_fd;
	clock_t since;
	size_t inputs, lives, heap, descriptors;
	size_t left;    /* allocated when libFuzzer was last returned to */
	size_t outside; /* allocated by libFuzzer itself */
} w;

static int64_t now_ms = 1000000;

int64_t
__wrap_clock_ms(void)
{
	return now_ms;
}

int64_t
__wrap_clock_us(void)
{
	return now_ms * 1000;
}

/* ---- workers ---- */

struct worker *
__wrap_worker_new(struct loop *loop, const struct worker_options *options)
{
	struct worker *worker = calloc(1, sizeof *worker);

	(void)loop;
	MUST(worker != NULL);
	TAILQ_INIT(&worker->waiting);
	worker->jobs_max = options->jobs_max;
	worker->ctx = options->ctxs[0];
	for (int i = 0; i < WORKERS_MAX; i++)
		if (w.workers[i] == NULL) {
			w.workers[i] = worker;
			return worker;
		}
	MUST(!"so many workers");
	return NULL;
}

int
__wrap_worker_add(struct worker *worker, struct job *job)
{
	if (worker->n_waiting == worker->jobs_max)
		return -1;
	job->worker = worker;
	job->cancelled = false;
	TAILQ_INSERT_TAIL(&worker->waiting, job, link);
	worker->n_waiting++;
	return 0;
}

static struct job *
run_first(struct worker *worker)
{
	struct job *job = TAILQ_FIRST(&worker->waiting);

	if (job == NULL)
		return NULL;
	TAILQ_REMOVE(&worker->waiting, job, link);
	worker->n_waiting--;
	job->worker = NULL;
	if (!job->cancelled)
		job->run(worker->ctx, job);
	return job;
}

void
__wrap_worker_cancel(struct job *job)
{
	job->cancelled = job->cancelled || job->worker != NULL;
}

struct worker_counts
__wrap_worker_counts(struct worker *worker)
{
	return (struct worker_counts){.waiting = worker->n_waiting};
}

void
__wrap_worker_free(struct worker *worker)
{
	if (worker == NULL)
		return;
	while (run_first(worker) != NULL)
		continue;
	for (int i = 0; i < WORKERS_MAX; i++)
		if (w.workers[i] == worker)
			w.workers[i] = NULL;
	free(worker);
}

/* Whether there was something to do. */
static bool
work(void)
{
	bool worked = false;

	for (int i = 0; i < WORKERS_MAX; i++) {
		struct worker *worker = w.workers[i];
		struct job *job;

		if (worker == NULL || worker->n_waiting == 0)
			continue;
		worked = true;
		if (worker->turns++ < w.late)
			continue;
		worker->turns = 0;
		job = run_first(worker);
		job->done(job);
	}
	return worked;
}

/* ---- another program ---- */

static void
other_program(char how, struct str text)
{
	/* Never a message of the bystander's. */
	static const struct {
		char how;
		const char *sql;
	} table[] = {
	    {'i', "INSERT INTO messages(room, text) VALUES('ops', CAST(?1 AS TEXT))"},
	    {'a', "INSERT INTO messages(args, attachments) VALUES(CAST(?1 AS TEXT), 1)"},
	    {'k', "INSERT OR REPLACE INTO messages(text, key) VALUES('x', CAST(?1 AS TEXT))"},
	    {'u',
	        "UPDATE messages SET text = CAST(?1 AS TEXT) WHERE id = (SELECT max(id) FROM messages WHERE room <> ?2"
	        " AND text IS NOT NULL)"},
	    {'d', "DELETE FROM messages WHERE id = (SELECT max(id) FROM messages WHERE room <> ?2)"},
	    {'D', "DELETE FROM messages WHERE room = 'main'"},
	    {'s', "UPDATE messages SET sender = CAST(?1 AS TEXT), at = at + 5 WHERE room = 'ops'"},
	};
	sqlite3_stmt *stmt;

	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		if (table[i].how != how)
			continue;
		MUST(sqlite3_prepare_v2(w.db, table[i].sql, -1, &stmt, NULL) == SQLITE_OK);
		sqlite3_bind_blob64(stmt, 1, text.n == 0 ? "" : text.p, text.n, SQLITE_STATIC);
		sqlite3_bind_text(stmt, 2, w.other.room, -1, SQLITE_STATIC);
		(void)sqlite3_step(stmt); /* a rule may refuse it */
		sqlite3_finalize(stmt);
	}
}

static int64_t
ask_database(const char *sql)
{
	sqlite3_stmt *stmt;
	int64_t value;

	MUST(sqlite3_prepare_v2(w.db, sql, -1, &stmt, NULL) == SQLITE_OK);
	sqlite3_bind_text(stmt, 1, w.other.room, -1, SQLITE_STATIC);
	MUST(sqlite3_step(stmt) == SQLITE_ROW);
	value = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return value;
}

/* What the bystander said is stored, each once and in order; most of the log is deleted. */
static void
check_database(void)
{
	char sql[128];

	MUST(ask_database("SELECT max(CAST(text AS INTEGER)) FROM messages WHERE room = ?1") == w.other.said);
	MUST(ask_database("SELECT count(*) = max(CAST(text AS INTEGER)) - min(CAST(text AS INTEGER)) + 1 FROM messages"
	                  " WHERE room = ?1") == 1);
	MUST(ask_database("SELECT count(*) FROM messages a JOIN messages b ON a.room = ?1 AND b.room = ?1"
	                  " AND CAST(b.text AS INTEGER) = CAST(a.text AS INTEGER) + 1 AND b.id < a.id") == 0);
	snprintf(sql, sizeof sql, "DELETE FROM messages WHERE id < (SELECT max(id) FROM messages) - %d", KEPT_MESSAGES);
	MUST(sqlite3_exec(w.db, sql, NULL, NULL, NULL) == SQLITE_OK);
}

/* ---- the daemon ---- */

static void on_turn(void *ctx);
static void run(struct str steps);

static void
start_daemon(void)
{
	char *argv[] = {"longlined", "--database", w.database, "--socket", w.socket, "--log-level", "error",
	    "--ring-bytes", "100000", "--sessions-max", "40", "--session-queue", "100000", "--body-max", "100000",
	    "--message-max", "50000", "--reply-max", "20000", "--recovery-max", "2000", "--cors",
	    "https://chat.example", NULL};

	w.d = (struct daemon){.database_lock = -1, .socket_lock = -1, .listen_fd = -1, .signal_fd = -1};
	optind = 0;
	MUST(config_read(&w.d.config, (int)(sizeof argv / sizeof argv[0]) - 1, argv) < 0);
	log_set_level(w.d.config.log_level);
	setenv("LIBFCGI_OS_CLOSE_POLL_TIMEOUT", "0", 1);
	MUST(open_all(&w.d) == 0);
	w.event_fd = eventfd(1, EFD_CLOEXEC);
	MUST(w.event_fd >= 0 && loop_add_source(w.d.wiring.loop, w.event_fd, on_turn, NULL) == 0);
	bystander_begin(&w.other, w.socket);
	MUST(sqlite3_open(w.database, &w.db) == SQLITE_OK && sqlite3_busy_timeout(w.db, 10000) == SQLITE_OK);
}

static void
stop_daemon(void)
{
	bystander_end(&w.other);
	loop_remove_source(w.d.wiring.loop, w.event_fd);
	close(w.event_fd);
	close_all(&w.d);
}

static size_t
heap(void)
{
	return __sanitizer_get_current_allocated_bytes != NULL ? __sanitizer_get_current_allocated_bytes()
	                                                       : mallinfo2().uordblks;
}

/* Pipes apart, which a sanitizer may have to its symbolizer. */
static size_t
descriptors(void)
{
	struct stat st;
	size_t n = 0;

	for (int fd = 0; fd < 1000; fd++)
		n += fstat(fd, &st) == 0 && !S_ISFIFO(st.st_mode);
	return n;
}

/* Time passes until nobody but the bystander is there; then nothing may be left of the others, and the daemon
 * ends. */
static void
end_life(void)
{
	size_t n;

	for (int i = 0; i < ENDING_MS / 10000; i++)
		run(STR("ar"));
	run(STR("a?\x1D"
	        "a?\x1D"
	        "a?\x1D"
	        "a?\x1D"
	        "a?\x1D"
	        "a?\x1D"
	        "a?\x1D"
	        "a?"));
	MUST(sessions_counts(w.d.wiring.sessions).sessions == 1 && fcgi_counts(w.d.wiring.requests.fcgi).open == 2);
	check_database();
	/* As long as it has the file open, SQLite closes no descriptor of it. */
	MUST(sqlite3_close(w.db) == SQLITE_OK);
	stop_daemon();
	w.lives++;
	/* One stays open for each life, see signs_free(). */
	MUST(descriptors() <= w.descriptors + w.lives);
	n = heap() - w.outside;
	if (w.lives == 2)
		w.heap = n;
	if (w.lives > 2 && n > w.heap + HEAP_MAX) {
		fprintf(stderr, "after %zu inputs %zu bytes are allocated, %zu were\n", w.inputs, n, w.heap);
		MUST(!"memory is freed");
	}
}

static void
clean_up(void)
{
	static const char *const names[] = {
	    "log.db", "log.db-wal", "log.db-shm", "log.db-lock", "socket", "socket-lock"};
	char file[120];

	w.outside += heap() - w.left;
	end_life();
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		snprintf(file, sizeof file, "%s/%s", w.folder, names[i]);
		unlink(file);
	}
	rmdir(w.folder);
}

static void
on_answer(void *ctx, struct peer *p, const struct answer *a)
{
	(void)ctx;
	(void)p;
	names_learn_all(&w.names, a);
}

static void
open_world(void)
{
	snprintf(
	    w.folder, sizeof w.folder, "%s/longline-fuzz-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	MUST(mkdtemp(w.folder) != NULL);
	w.descriptors = descriptors();
	snprintf(w.database, sizeof w.database, "%s/log.db", w.folder);
	snprintf(w.socket, sizeof w.socket, "%s/socket", w.folder);
	for (int i = 0; i < CONNS; i++)
		w.conns[i].answered = on_answer;
	start_daemon();
	atexit(clean_up);
}

/* ---- an input ---- */

static void
request(struct peer *p, unsigned how, struct str text)
{
	struct buf b;

	buf_init(&b, SIZE_MAX);
	names_expand(&b, text, &w.names);
	peer_open(p, w.socket);
	p->piece = how / 4 % 16;
	peer_request(p, buf_str(&b), how & 1);
	buf_fini(&b);
}

/* One step; true when turns are to pass before the next. */
static bool
step(struct str text)
{
	unsigned char what = text.n > 0 ? (unsigned char)text.p[0] : 't', n = text.n > 1 ? (unsigned char)text.p[1] : 0;
	struct str more = text.n > 2 ? str_skip(text, 2) : STR("");
	struct peer *p = &w.conns[n % CONNS];

	switch (what) {
	case 'q':
		if (more.n > 0)
			request(p, (unsigned char)more.p[0], str_skip(more, 1));
		return false;
	case 'r':
		peer_open(p, w.socket);
		p->piece = 0;
		buf_add(&p->out, more);
		return false;
	case 'h':
		if (p->fd > 0)
			shutdown(p->fd, SHUT_WR);
		return false;
	case 'c':
		peer_close(p);
		return false;
	case 'w':
		p->deaf = true;
		return false;
	case 'd':
		w.late = n & 7;
		return false;
	case 'x':
		other_program((char)n, more);
		return false;
	case 'a':
		now_ms += (n & 63) * 200;
		w.wait = 20;
		w.quiet = 0;
		return true;
	default:
		w.wait = n & 63;
		w.quiet = 0;
		return true;
	}
}

static void
next_steps(void)
{
	while (w.rest.n > 0) {
		struct str text = str_cut(&w.rest, 0x1D);
		struct buf b;
		bool wait;

		buf_init(&b, SIZE_MAX);
		for (size_t i = 0; i < text.n; i++)
			if (text.p[i] == 0x1C && i + 1 < text.n)
				buf_add_char(&b, (char)(text.p[++i] ^ 0x40));
			else
				buf_add_char(&b, text.p[i]);
		wait = step(buf_str(&b));
		buf_fini(&b);
		if (wait)
			return;
	}
	w.phase = SETTLING;
	w.quiet = 0;
}

/* Moves all bytes that can be moved, and lets the workers work. */
static void
move(void)
{
	bool moved = bystander_move(&w.other);

	for (int i = 0; i < CONNS; i++)
		moved = peer_move(&w.conns[i]) || moved;
	moved = work() || moved;
	w.quiet = moved ? 0 : w.quiet + 1;
}

static void
on_turn(void *ctx)
{
	(void)ctx;
	now_ms++;
	move();
	MUST(clock() - w.since < CPU_MAX_S * CLOCKS_PER_SEC);
	/* Nothing comes of waiting when nothing moves. */
	w.wait = w.wait > 0 && w.quiet < QUIET_TURNS ? w.wait - 1 : 0;
	if (w.wait > 0)
		return;
	switch (w.phase) {
	case STEPS:
		next_steps();
		return;
	case SETTLING:
		if (w.quiet < QUIET_TURNS || !commit_idle(w.d.wiring.commit))
			return;
		for (int i = 0; i < CONNS; i++)
			peer_close(&w.conns[i]);
		w.phase = CLOSING;
		return;
	case CLOSING:
		if (fcgi_counts(w.d.wiring.requests.fcgi).conns != bystander_conns(&w.other))
			return;
		bystander_say(&w.other);
		w.phase = SAYING;
		return;
	case SAYING:
		if (bystander_content(&w.other) && poll_parked(w.d.wiring.poll) == 1)
			loop_stop(w.d.wiring.loop);
		return;
	}
}

static void
run(struct str steps)
{
	w.rest = steps;
	w.phase = STEPS;
	w.quiet = w.wait = w.late = 0;
	w.since = clock();
	loop_run(w.d.wiring.loop);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	w.outside += heap() - w.left;
	if (w.d.wiring.loop == NULL)
		open_world();
	w.names = (struct names){.n_sids = 0};
	run((struct str){(const char *)bytes, n});
	if (++w.inputs % LIFE == 0) {
		end_life();
		start_daemon();
	}
	w.left = heap();
	return 0;
}
