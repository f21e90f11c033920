/*
 * commit_state: what the files of commit share: commit.c (the writer's one job), commit_queue.c (sends that
 * wait, and whose turn it is), commit_outcome.c (what
 * becomes of a batch), commit_look.c (who asks for a look or a probe), commit_index.c (searches that wait for the
 * index), commit_gather.c (when a batch waits for those who come back), commit_split.c (when not all of the queue is
 * one batch).
 */
#ifndef COMMIT_STATE_H
#define COMMIT_STATE_H

#include <sys/queue.h>

#include "base/turns.h"
#include "commit.h"
#include "event/loop.h"
#include "event/worker.h"
#include "store/chores.h"
#include "store/signs.h"

/* A send in the queue. */
struct entry {
	TAILQ_ENTRY(entry) link;     /* of the queue, or of those that are barred */
	TAILQ_ENTRY(entry) in_batch; /* or else: */
	struct turns_item turn;      /* while it waits for one */
	struct message *message;
	struct pass *pass; /* or NULL */
	commit_sent_fn *fn;
	void *ctx;
	uint64_t handle;
	int64_t since_us;
	size_t bytes;
	int64_t revision; /* of a change, as in struct store_send */
	bool takes_room;  /* one of its person's new rooms is kept for it */
};
TAILQ_HEAD(entries, entry);

/* Someone who waits for a look, a probe or the index. */
struct waiting {
	STAILQ_ENTRY(waiting) link;
	commit_looked_fn *fn;
	void *ctx;
	uint64_t handle;
	int64_t until_ms, id; /* the index is wanted up to this id, or until then */
};
STAILQ_HEAD(waitings, waiting);

enum task { BATCH, LOOK, PROBE, CHORE, NOTE };

struct commit {
	struct commit_options options;
	struct commit_counts counts;
	struct loop *loop;
	struct rooms *rooms;

	/* The store's: */
	struct signs *signs;
	struct chores *chores;
	struct worker *writer; /* one thread, with the writer's connection */

	/* commit_queue.c: sends that are not told yet. */
	struct entries queue; /* all but those that are barred, the oldest first */
	size_t queued;
	size_t queued_bytes;  /* and of those that are barred */
	struct turns waiting; /* those of the queue that wait for a batch */
	struct entries batch; /* the others: of the batch that is under way, or next */
	size_t n_batch;       /* of which the first n_sends are under way */
	size_t batch_bytes;
	struct entries barred; /* not to be stored, since access changed; they are told in the turns that follow */

	/* commit.c: the job under way, or the last one. */
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
	char used[MESSAGE_SENDER_MAX + 1]; /* NOTE: the token that was, */
	int64_t used_ms;                   /* and when */
	struct store_access *access;       /* told, and not taken for want of memory */
	bool access_changed;               /* by the last job */
	bool access_again;                 /* to be tried, with a look */
	struct timer access_timer;
	uint8_t access_kind;
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
	size_t apart; /* the first sends of the batch that go one by one */

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

/* -1 without memory. At the end those that are left are freed without being told. */
int commit_init_queue(struct commit *c);
void commit_fini_queue(struct commit *c);

/* Puts sends whose turn it is behind those that the batch has already, as far as there is room in it. */
void commit_fill_batch(struct commit *c);

/* Ends a send of the queue. */
void commit_finish(struct commit *c, struct entry *e, enum commit_outcome outcome, int64_t id, int64_t at_ms);

/* Whether it has waited for as long as one waits for a lock. */
bool commit_is_late(const struct commit *c, const struct entry *e);

/* Sends that were let in before, and may not be stored any more, leave the queue. */
void commit_bar_queue(struct commit *c);

/* Tells some of those; whether there are more. */
bool commit_tell_barred(struct commit *c);

/* The batch under way has ended: who is told what, and what is tried again. */
void commit_end_batch(struct commit *c);

/* The queue waits for this long. */
void commit_try_again_in(struct commit *c, int64_t ms);

/* How many sends of the batch go next. */
size_t commit_part(const struct commit *c);

/* After a batch of several that failed for one of them, by an error or because it was slow. */
void commit_part_failed(struct commit *c, bool slow);

/* After one whose senders are answered. */
void commit_part_ended(struct commit *c, bool stored);

/* The list and the timer of searches. */
void commit_init_index(struct commit *c);

#endif
