#include "disk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/clock.h"
#include "base/log.h"
#include "event/loop.h"
#include "event/worker.h"

enum { LOOK_MS = 1000, FREE_MIN_PERCENT = 5, SPARE_PART = 16 };

#define FREE_MIN_BYTES INT64_C(1000000000)

struct disk {
	struct loop *loop;
	struct disk_options options;
	struct worker *worker;
	struct job job;
	struct timer timer; /* while it is full */
	uint8_t timer_kind;
	bool looking, full;
	int64_t looked_ms; /* when the last look began */
	struct disk_counts counts;

	/* What the look under way found; the thread's until it is done. */
	struct statvfs found;
	int64_t size; /* of the database; 0: it is not known */
	int error;
};

static void
look(struct disk *d)
{
	struct stat st;

	d->error = statvfs(d->options.path, &d->found) == 0 ? 0 : errno;
	d->size = stat(d->options.path, &st) == 0 ? st.st_size : 0;
}

static void
run(void *ctx, struct job *job)
{
	(void)ctx;
	look(CONTAINER(job, struct disk, job));
}

static int64_t
bytes(const struct statvfs *fs, fsblkcnt_t blocks)
{
	uint64_t n = (uint64_t)blocks * fs->f_frsize;

	return n < INT64_MAX ? (int64_t)n : INT64_MAX;
}

static int64_t
least(const struct disk *d)
{
	int64_t share = bytes(&d->found, d->found.f_blocks) / 100 * FREE_MIN_PERCENT;

	if (d->options.free_min >= 0)
		return d->options.free_min;
	return share < FREE_MIN_BYTES ? share : FREE_MIN_BYTES;
}

static void
change(struct disk *d, bool full)
{
	if (full == d->full)
		return;
	d->full = full;
	if (full)
		log_error("disk_low", "file=\"%s\" free=%lld free_min=%lld detail=\"new messages are refused\"",
		    d->options.path, (long long)d->counts.free, (long long)d->counts.free_min);
	else
		log_info("disk_low", "file=\"%s\" free=%lld free_min=%lld detail=\"new messages are taken again\"",
		    d->options.path, (long long)d->counts.free, (long long)d->counts.free_min);
	if (d->options.changed != NULL)
		d->options.changed(d->options.ctx, full);
}

/* What was found; if nothing was, what was found before holds. */
static void
take(struct disk *d)
{
	d->counts.looks++;
	if (d->error != 0) {
		if (d->counts.failures++ == 0)
			log_warning("disk", "file=\"%s\" error=\"%s\" detail=\"how much is free is not known\"",
			    d->options.path, strerror(d->error));
		return;
	}
	d->counts.free = bytes(&d->found, d->found.f_bavail);
	d->counts.free_min = least(d);
	d->counts.database = d->size;
	change(d, d->counts.free < d->counts.free_min + (d->full ? d->counts.free_min / SPARE_PART : 0));
}

static void
begin(struct disk *d)
{
	if (d->looking)
		return;
	d->looked_ms = clock_ms();
	/* One at a time, and there is room for one. */
	d->looking = worker_add(d->worker, &d->job) == 0;
}

static void
done(struct job *job)
{
	struct disk *d = CONTAINER(job, struct disk, job);

	d->looking = false;
	take(d);
	if (d->full)
		loop_timer_set(d->loop, &d->timer, d->timer_kind, LOOK_MS);
}

static void
on_timer(void *ctx, struct timer *t)
{
	(void)t;
	begin(ctx);
}

struct disk *
disk_new(struct loop *loop, const struct disk_options *options)
{
	void *ctx = NULL;
	struct disk *d = calloc(1, sizeof *d);

	if (d == NULL)
		return NULL;
	d->loop = loop;
	d->options = *options;
	d->job = (struct job){.run = run, .done = done};
	if (options->free_min == 0)
		return d;
	d->worker = worker_new(loop, &(struct worker_options){.threads = 1, .jobs_max = 1, .ctxs = &ctx});
	if (d->worker == NULL) {
		free(d);
		return NULL;
	}
	d->timer_kind = loop_timer_kind(loop, on_timer, d);
	d->looked_ms = clock_ms();
	look(d);
	take(d);
	if (d->full)
		loop_timer_set(loop, &d->timer, d->timer_kind, LOOK_MS);
	return d;
}

void
disk_free(struct disk *d)
{
	if (d == NULL)
		return;
	worker_free(d->worker);
	loop_timer_clear(d->loop, &d->timer);
	free(d);
}

bool
disk_full(struct disk *d)
{
	if (d->worker != NULL && clock_ms() - d->looked_ms >= LOOK_MS)
		begin(d);
	return d->full;
}

bool
disk_short(struct disk *d)
{
	(void)disk_full(d);
	return d->worker != NULL && d->counts.free < d->counts.free_min + d->counts.database / 2;
}

struct disk_counts
disk_counts(const struct disk *d)
{
	return d->counts;
}
