/*
 * owner: whose the log is. What is made beside it is given to them, or it would be in longlined's way.
 */
#ifndef OWNER_H
#define OWNER_H

#include <sys/stat.h>

#include "base/lock.h"

/* Whose the log at path is, or its folder where there is none, and with which rights. -1: it cannot be told, said. */
int owner_find(const char *path, struct stat *owner);

/* Takes the log's lock, as lock_take does; a lock that was not there before is its owner's. lock is its path. */
int owner_take_lock(const char *path, char lock[LOCK_PATH_SIZE], char holder[LOCK_HOLDER_SIZE]);

#endif
