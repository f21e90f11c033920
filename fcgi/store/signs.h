/*
 * signs: whether the log may hold more than the writer has told, known in the loop and without a connection.
 *
 * The writer itself asks SQLite (PRAGMA data_version) when it looks. Whether it should look is said by two others: the
 * watch on the database's folder tells of writes, and the walindex counts transactions. A write is told before its
 * commit can be seen, and nothing tells of the commit. So after a sign a look is due at once, after a few milliseconds,
 * and then every 16 ms until 5 s have passed without a sign. Without inotify one is due every 25 ms.
 */
#ifndef SIGNS_H
#define SIGNS_H

#include "store.h"

struct loop;
struct signs;

/* The path stays the caller's. NULL without memory. The first look is due at once. */
struct signs *signs_new(struct loop *loop, const char *path);
void signs_free(struct signs *s);

/* Around each job of the writer's: its own writes are one sign, which comes after it. `looks`: it reads the news. */
void signs_job_begins(struct signs *s, bool looks);
void signs_job_ended(struct signs *s, const struct store_news *news);

/*
 * After a job that looked, or failed; told: all that was committed before it began is in the news, or it is known that
 * more is to be read. If not, looks are due, every 500 ms at least, until one tells all: the database may be shut, and
 * a look opens it.
 */
void signs_looked(struct signs *s, bool told);

/* Whether a look is due, and would find anything. */
bool signs_look_due(struct signs *s);

/* Whether nobody has committed since the news were told: then memory is true. Costs one small system call. */
bool signs_current(struct signs *s);

#endif
