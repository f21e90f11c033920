/*
 * endpoint: the files by which a daemon is found: its listening socket, its locks, its pid.
 */
#ifndef ENDPOINT_H
#define ENDPOINT_H

#include <stdbool.h>

/*
 * Takes the lock PATH-lock, which says that this process alone serves PATH: its descriptor, to be kept open, or -1 with
 * a message on stderr that names who has it, and errno: EWOULDBLOCK if somebody has. A link in its place is
 * refused.
 */
int endpoint_lock(const char *path, const char *what);

/*
 * The listening socket: the one inherited by LISTEN_FDS (sd_listen_fds(3)), or a new one at path, mode 0660. *inherited
 * says which. -1 with a message on stderr.
 */
int endpoint_listen(const char *path, bool *inherited);

/* Whether a socket is inherited. */
bool endpoint_inherited(void);

/* Writes the pid to a new file, PATH.new, and renames it into place. A link in the place of the former is refused. -1
 * with a message on stderr. */
int endpoint_write_pid(const char *path);

/* Removes it at the end, if it still holds our pid. */
void endpoint_remove_pid(const char *path);

#endif
