/*
 * commit_state: what the files of commit share: commit.c (the queue and the writer's one job), commit_batch.c (what
 * becomes of a batch), commit_look.c (who asks for a look), commit_index.c (when the index is
 * filled, and who waits for it), commit_gather.c (when a batch waits for those who come back), commit_part.c (when not
 * all of the queue is one batch). Nobody else includes it.
 */
#ifndef COMMIT_STATE_H
#define COMMIT_STATE_H

#include <sys/queue.h>

#include "commit.h"
#include "event/loop.h"
#include "event/worker.h"
#include "store/signs.h"

/* A send in the queue. */
struct entry {
	STAILQ_ENTRY(entry) link;
	struct message *message;
	commit_sent_fn *fn;
	void *ctx;
	uint64_t handle;
	int64_t since_us;
	size_t bytes;
};

/* Someone who waits for a look, a probe or the index. */
struct waiting {
	STAILQ_ENTRY(waiting) link;
	commit_looked_fn *fn;
	void *ctx;
	uint64_t handle;
	int64_t until_ms, id; /* the index is wanted up to this id, or until then */
};
STAILQ_HEAD(waitings, waiting);

enum task { BATCH, LOOK, FILL, PROBE, RESTART };

struct commit {
	struct commit_options options;
	struct loop *loop;
	struct rooms *rooms;
	struct signs *signs;
	struct worker *writer;
	struct checkpoint *checkpoint;
	STAILQ_HEAD(, entry) queue;
	size_t queued, queued_bytes;
	struct waitings looks, looking; /* looks wait; looking wait for the look under way */
	struct waitings probes, index;
	size_t n_waiting;

	/* The one job of the writer. */
	struct job job;
	enum task task;
	bool running;
	struct store_send *sends;
	size_t n_sends, cap_sends;
	int64_t floor, took_us;
	enum store_status status;
	struct store_news news;

	int64_t locked_since_ms; /* 0: no other program holds the lock */
	int64_t lock_step_ms;
	bool failed; /* the last batch */
	bool retry_waits, fill_due, fill_waits, rested, filled_last;
	struct timer retry_timer, rest_timer, index_timer;
	uint8_t retry_kind, rest_kind, index_kind;
	int64_t probed_ms,
	    probe_busy_ms; /* the latter: since when probes met another program's lock; 0: the last did not */
	bool probe_ok;
	bool behind;       /* there are rows of others that are not told yet */
	int gather_fd;     /* a timer finer than the loop's; -1: none */
	size_t gather_for; /* the next batch waits until so many are queued; 0: it does not wait */
	size_t part;       /* no batch is larger; 0: it may be */
	size_t apart;      /* so many of the queue go one by one */
	struct commit_counts counts;
};

void commit_init_look(struct commit *c);

/* After a job that looked, alone or on its way: tells who had asked before it began. */
void commit_end_look(struct commit *c);

void commit_end_probe(struct commit *c);

/* Someone who waits, at the end of a list; NULL when there are too many. */
struct waiting *commit_add_waiting(
    struct commit *c, struct waitings *to, commit_looked_fn *fn, void *ctx, uint64_t handle);

/* Tells all of a list. */
void commit_tell(struct commit *c, struct waitings *who, bool ok);

/* Frees all who wait, without telling them. */
void commit_drop_waiting(struct commit *c);

/* Those whose index is there, or who waited long enough. */
void commit_tell_index(struct commit *c);

/* The timers of the index. */
void commit_init_index(struct commit *c);

/* After a batch: the index rests until nobody has sent for a while. */
void commit_rest_index(struct commit *c);

/* After a piece of the index. */
void commit_end_fill(struct commit *c);

bool commit_should_fill(const struct commit *c);

/* A search waits for the index: a piece of it goes before the next batch, but no two. */
bool commit_index_first(const struct commit *c);

/* 0, or -1 without a descriptor. */
int commit_init_gather(struct commit *c);
void commit_fini_gather(struct commit *c);

/* After a batch whose so many senders were answered: the next one waits a moment for most of them, if there were
 * others. */
void commit_gather(struct commit *c, size_t answered);

/* Whether that moment still lasts. */
bool commit_gathers(const struct commit *c);

enum { COMMIT_STEP_MS = 8 }; /* between tries for a lock, after the first few */

/* The batch under way has ended: who is told what, and what is tried again. */
void commit_end_batch(struct commit *c);

/* The queue waits for so long. */
void commit_try_again_in(struct commit *c, int64_t ms);

/* How many of the queue are the next batch. */
size_t commit_part(const struct commit *c);

/* After a batch of several that failed for one of them, by an error or because it was slow. */
void commit_part_failed(struct commit *c, bool slow);

/* After one whose senders are answered. */
void commit_part_ended(struct commit *c, bool stored);

#endif
