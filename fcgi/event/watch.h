/*
 * watch: says when a file, or one of its companions, was written, replaced or removed.
 *
 * It watches the folder, since files may be replaced. inotify tells of the write, which comes before the commit that it
 * belongs to can be seen; when to look is the listener's business.
 */
#ifndef WATCH_H
#define WATCH_H

#include <stdbool.h>

struct loop;
struct watch;

/*
 * fn is called in the loop, once for any number of events; `wal_only`: nothing happened but that the write-ahead log
 * was written to, as every transaction does. NULL where there is no inotify, or not for this folder.
 */
typedef void watch_fn(void *ctx, bool wal_only);
struct watch *watch_new(struct loop *loop, const char *path, watch_fn *fn, void *ctx);

/* While it rests nothing is told; what happened meanwhile is told after it. Many writes in a row then cost one event.
 */
void watch_rest(struct watch *w, bool rest);

void watch_free(struct watch *w);

#endif
