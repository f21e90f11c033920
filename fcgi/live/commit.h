/*
 * commit: the writer of the log: the queue of sends, and the one thread that writes them and reads the tail.
 *
 * Sends gather while a transaction is under way and go together in the next, in turns by whose they are: so load pays
 * for its own disk, and nobody's keeps the others waiting for more than a batch, which is no longer than some ms. After
 * a batch that had company the next one waits a moment for its senders to come back (commit_gather.c). Everything the
 * writer does (batches, looks at what other programs committed, probes, chores) is one job at a time, and whatever
 * reads the log tells all its news; they come out here and go to the rooms, in order.
 *
 * States: IDLE -> (COMMIT phase of a turn: something to do) -> RUNNING -> done() -> IDLE. A batch that meets another
 * program's lock stays at the head of the queue and is tried again after 1, 2, 4, then 8 ms, until lock_wait is over.
 * One that fails because of what a user's trigger does, or takes too long, is parted, down to single sends
 * (commit_split.c), so that only the sends to blame are told so.
 */
#ifndef COMMIT_H
#define COMMIT_H

#include "base/histogram.h"
#include "store/pruning.h"

struct access;
struct budget;
struct commit;
struct disk;
struct loop;
struct pass;
struct persons;
struct rooms;

/* What became of a send; its message is the queue's no longer. */
enum commit_outcome {
	COMMIT_STORED,
	COMMIT_REPLAYED, /* the key's first message has id and at_ms */
	COMMIT_KEY_CONFLICT,
	COMMIT_REFUSED,
	COMMIT_FULL,
	COMMIT_FAILED,
	COMMIT_LOCKED,
	COMMIT_SLOW,          /* a trigger took longer than write_timeout for it, or for those before it */
	COMMIT_REVOKED,       /* its pass ended meanwhile */
	COMMIT_FORBIDDEN,     /* its pass may not write there any more */
	COMMIT_SENDER_TAKEN,  /* it claims a name that is somebody's */
	COMMIT_NEW_ROOM,      /* it would make a room, and its person has made too many; at_ms: ms until the next one */
	COMMIT_ROOMS_FULL,    /* there are as many rooms as may be */
	COMMIT_NO_DISK_SPACE, /* there is too little, and it is no repetition */
	/* Of changes only; id is the target's newest change, or else the target: */
	COMMIT_SAME,     /* the target says that, or is deleted, already */
	COMMIT_GONE,     /* it was deleted by a change */
	COMMIT_ABSENT,   /* there is no such message */
	COMMIT_OUTDATED, /* it was changed meanwhile */
};
typedef void commit_sent_fn(
    void *ctx, uint64_t handle, enum commit_outcome outcome, const struct message *m, int64_t id, int64_t at_ms);

/* After the look that was asked for. */
typedef void commit_looked_fn(void *ctx, uint64_t handle, bool ok);

struct commit_options {
	struct access *access;   /* whose passes sends have, and gets what changes of tokens and grants; NULL: none */
	struct disk *disk;       /* while it is full only repetitions are answered; NULL: never */
	struct persons *persons; /* whose limits of new rooms count; NULL: nobody's */
	size_t queue_max;        /* sends that wait */
	size_t queue_bytes_max;  /* and their bytes */
	struct budget *budget;   /* counts them too, and has no room beyond a half; NULL: nothing is counted */
	int64_t lock_wait_ms;
	int64_t scrub_after_ms;  /* see chores_new() */
	bool no_gather;          /* a batch does not wait for senders that come back */
	const char *path;        /* of the database */
	const struct keep *keep; /* how long messages are kept, as long as the writer lives; NULL: for ever */
};

/* The writer's connection stays the caller's. NULL without memory, threads or descriptors. */
struct commit *commit_new(struct loop *loop, const struct commit_options *options, struct store *writer,
    struct store *checkpointer, struct rooms *rooms);
void commit_free(struct commit *c);

/*
 * Queues a message (taking a holding); fn is called once, with ctx and handle. -1, and nothing taken, when it is full.
 * pass: whose it is (held until then): it must be one that may write there at the moment at which it is stored, too.
 * NULL: it is let in by nobody's leave.
 */
int commit_add(struct commit *c, struct message *m, struct pass *pass, commit_sent_fn *fn, void *ctx, uint64_t handle);

/* The same of a change, whose target is to have this newest change (0: none; -1: any). Its pass must be one that may
 * write or moderate there. */
int commit_add_change(struct commit *c, struct message *m, int64_t revision, struct pass *pass, commit_sent_fn *fn,
    void *ctx, uint64_t handle);

/*
 * Whether the queue is so long that a client's next send should wait with the client: it makes the next batch long, and
 * at last there is no room for others. It is over after a job.
 */
bool commit_crowded(const struct commit *c);

/* Looks at the database as soon as possible and calls fn. -1 when too many wait for it. */
int commit_look(struct commit *c, commit_looked_fn *fn, void *ctx, uint64_t handle);

/* As signs_current(). */
bool commit_current(struct commit *c);

/* Tries whether the database can be written and calls fn; several within a second share one try. -1 as commit_look().
 */
int commit_probe(struct commit *c, commit_looked_fn *fn, void *ctx, uint64_t handle);

/* A search waits: the index goes first, and fn is called when it knows the head of now, or after wait_ms. -1 likewise.
 */
int commit_want_index(struct commit *c, int64_t wait_ms, commit_looked_fn *fn, void *ctx, uint64_t handle);
int64_t commit_indexed(const struct commit *c);

/* Nothing queued, nothing under way. */
bool commit_idle(const struct commit *c);

struct commit_counts {
	struct histogram took;      /* transactions that committed sends */
	struct histogram delivered; /* each message, from commit_add() to its publication */
	uint64_t sends, commits, commit_us, failures, looks, largest;
	size_t queued;
	int64_t indexed;
	int64_t erasing;      /* see chores_erasing() */
	int64_t rebuild_left; /* see chores_rebuild_left() */
	bool rebuilding;
	uint64_t lag_us; /* from the oldest send of the last batch to its publication */
	struct pruning_counts pruning;
};
struct commit_counts commit_counts(const struct commit *c);

#endif
