/*
 * commit_state: what the files of commit share: commit.c (the queue and the writer's one job), commit_outcome.c (what
 * becomes of a batch), commit_look.c (who asks for a look or a probe), commit_index.c (searches that wait for the
 * index), commit_gather.c (when a batch waits for those who come back), commit_split.c (when not all of the queue is
 * one batch).
 */
#ifndef COMMIT_STATE_H
#define COMMIT_STATE_H

#include <sys/queue.h>

#include "commit.h"
#include "event/loop.h"
#include "event/worker.h"
#include "store/chores.h"
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

enum task { BATCH, LOOK, PROBE, CHORE };

struct commit {
	struct commit_options options;
	struct commit_counts counts;
	struct loop *loop;
	struct rooms *rooms;

	/* The store's: */
	struct signs *signs;
	struct chores *chores;
	struct worker *writer; /* one thread, with the writer's connection */

	/* commit.c: the queue, and the job under way, or the last one. */
	STAILQ_HEAD(, entry) queue;
	size_t queued;
	size_t queued_bytes;
	struct job job;
	bool running;
	enum task task;
	enum chore chore;         /* that is due, or under way */
	struct store_send *sends; /* the batch */
	size_t n_sends;
	size_t cap_sends;
	int64_t floor; /* of the rooms when the job began */
	int64_t took_us;
	enum store_status status;
	struct store_news news;
	bool news_behind; /* there are rows of others that are not told yet */

	/* commit_outcome.c: how the last batch failed, and when the next one may go. */
	bool failed;             /* and was not tried again, as after a lock */
	bool retry_waits;        /* for the timer */
	int64_t locked_since_ms; /* 0: no other program holds the lock */
	int64_t lock_step_ms;    /* to the next try; 0: all that waited were told so */
	struct timer retry_timer;
	uint8_t retry_kind;

	/* commit_split.c: how much of the queue is a batch. */
	size_t part;  /* no batch is larger; 0: it may be */
	size_t apart; /* the first sends of the queue that go one by one */

	/* commit_gather.c: a batch waits for those who come back. */
	int gather_fd;     /* a timer finer than the loop's; -1: none */
	size_t gather_for; /* how many must be queued before the next batch goes; 0: it does not wait */

	/* commit_look.c: who asks for a look or a probe, and what the last probe found. */
	struct waitings looks;
	struct waitings looking; /* they wait for the look under way */
	struct waitings probes;
	size_t n_waiting; /* in these lists, and in `index` */
	bool probe_ok;
	int64_t probed_ms;     /* 0: not yet, or a batch has failed since */
	int64_t probe_busy_ms; /* since when probes met another program's lock; 0: the last did not */

	/* commit_index.c: searches that wait for the index. */
	struct waitings index;
	struct timer index_timer;
	uint8_t index_kind;
};

/* Someone who waits, at the end of a list; NULL when there are too many. */
struct waiting *commit_add_waiting(
    struct commit *c, struct waitings *to, commit_looked_fn *fn, void *ctx, uint64_t handle);

/* Tells all of a list. */
void commit_tell(struct commit *c, struct waitings *who, bool ok);

/* Frees all who wait, without telling them. */
void commit_drop_waiting(struct commit *c);

/* After a job that looked, alone or on its way: tells who had asked before it began. */
void commit_end_look(struct commit *c);

void commit_end_probe(struct commit *c);

/* Tells those whose index is there, or who waited long enough. */
void commit_tell_index(struct commit *c);

/* 0, or -1 without a descriptor. */
int commit_init_gather(struct commit *c);
void commit_fini_gather(struct commit *c);

/*
 * After a batch whose senders, this many, were answered: the next one waits a moment for most of them, if there were
 * others.
 */
void commit_gather(struct commit *c, size_t answered);

/* Whether that moment still lasts. */
bool commit_gathers(const struct commit *c);

enum { COMMIT_STEP_MS = 8 }; /* between tries for a lock, after the first few */

/* The batch under way has ended: who is told what, and what is tried again. */
void commit_end_batch(struct commit *c);

/* The queue waits for this long. */
void commit_try_again_in(struct commit *c, int64_t ms);

/* How many sends of the queue are the next batch. */
size_t commit_part(const struct commit *c);

/* After a batch of several that failed for one of them, by an error or because it was slow. */
void commit_part_failed(struct commit *c, bool slow);

/* After one whose senders are answered. */
void commit_part_ended(struct commit *c, bool stored);

/* The list and the timer of searches. */
void commit_init_index(struct commit *c);

#endif
