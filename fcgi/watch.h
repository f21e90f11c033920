/*
 * watch: says when a file, or one of its companions, was written, replaced or removed.
 *
 * It watches the folder, since files may be replaced. inotify tells of the write, which comes before the commit that it
 * belongs to can be seen; when to look is the listener's business.
 */
#ifndef WATCH_H
#define WATCH_H

struct loop;
struct watch;

/* fn is called in the loop, once for any number of events. NULL where there is no inotify, or not for this folder. */
struct watch *watch_new(struct loop *loop, const char *path, void (*fn)(void *ctx), void *ctx);
void watch_free(struct watch *w);

#endif
