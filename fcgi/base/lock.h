/*
 * lock: the file PATH-lock, by which one process says that it alone serves PATH, or works on it.
 */
#ifndef LOCK_H
#define LOCK_H

#include <limits.h>

enum { LOCK_PATH_SIZE = PATH_MAX + 8, LOCK_HOLDER_SIZE = 32 };

/* Its path; PATH itself is followed if it is a link. */
void lock_path(const char *path, char lock[LOCK_PATH_SIZE]);

/*
 * Takes it: a descriptor to be kept open, which is the lock. -1 with errno: EWOULDBLOCK if somebody has it, whose pid
 * stands in holder then, as the file says (empty: it says nothing). A link in its place is refused (ELOOP).
 */
int lock_take(const char *lock, char holder[LOCK_HOLDER_SIZE]);

/* The pid of whoever had it last, as the file says, without taking it. */
void lock_holder(const char *lock, char holder[LOCK_HOLDER_SIZE]);

#endif
