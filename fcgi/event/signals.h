/*
 * signals: which signals ask the daemon to end, and which are passed over.
 *
 * SIGTERM and SIGINT end it. So does a SIGHUP by which the terminal that it was started from hangs up, unless SIGHUP
 * was ignored already, as nohup(1) does. Any other SIGHUP asks it to read its files again; SIGUSR1 and SIGUSR2 are
 * ignored: they must not end it halfway.
 */
#ifndef SIGNALS_H
#define SIGNALS_H

#include <stdbool.h>

/* Before any thread is made, so that none is lost and no thread is given one. Returns whether there is a terminal. */
bool signals_take(void);

/* After libfcgi has set handlers of its own: a descriptor to read them from, or -1 with errno. */
int signals_open(void);

/* Reads one: its number if it asks to end, SIGNALS_READ_AGAIN, or 0 for none. */
enum { SIGNALS_READ_AGAIN = -1 };
int signals_read(int fd, bool terminal);

#endif
