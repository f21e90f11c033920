#include "watch.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "loop.h"

struct watch {
	struct loop *loop;
	int fd;
	char name[NAME_MAX + 1]; /* of the file within its folder */
	watch_fn *fn;
	void *ctx;
};

static void
on_input(void *ctx)
{
	struct watch *w = ctx;
	_Alignas(struct inotify_event) char bytes[4096];
	bool ours = false, wal_only = true;
	size_t length = strlen(w->name);
	ssize_t n;

	while ((n = read(w->fd, bytes, sizeof bytes)) > 0)
		for (char *p = bytes; p < bytes + n;) {
			struct inotify_event *e = (struct inotify_event *)(void *)p;

			/* Without a name it is about the folder, or events were lost. */
			if (e->len == 0 || strncmp(e->name, w->name, length) == 0) {
				ours = true;
				wal_only = wal_only && e->len > 0 && (e->mask & IN_MODIFY) != 0 &&
				           strcmp(e->name + length, "-wal") == 0;
			}
			p += sizeof *e + e->len;
		}
	if (ours)
		w->fn(w->ctx, wal_only);
}

struct watch *
watch_new(struct loop *loop, const char *path, watch_fn *fn, void *ctx)
{
	struct watch *w = calloc(1, sizeof *w);
	const char *slash = strrchr(path, '/');
	char folder[PATH_MAX];

	if (w == NULL)
		return NULL;
	*w = (struct watch){.loop = loop, .fn = fn, .ctx = ctx, .fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC)};
	snprintf(w->name, sizeof w->name, "%s", slash == NULL ? path : slash + 1);
	if (slash == NULL)
		snprintf(folder, sizeof folder, ".");
	else
		snprintf(folder, sizeof folder, "%.*s", slash == path ? 1 : (int)(slash - path), path);
	if (w->fd < 0 ||
	    inotify_add_watch(w->fd, folder, IN_MODIFY | IN_CREATE | IN_DELETE | IN_MOVED_TO | IN_MOVED_FROM) < 0 ||
	    loop_add_source(loop, w->fd, on_input, w) != 0) {
		watch_free(w);
		return NULL;
	}
	return w;
}

void
watch_rest(struct watch *w, bool rest)
{
	loop_pause_source(w->loop, w->fd, rest);
}

void
watch_free(struct watch *w)
{
	if (w == NULL)
		return;
	if (w->fd >= 0) {
		loop_remove_source(w->loop, w->fd);
		close(w->fd);
	}
	free(w);
}
