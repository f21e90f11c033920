/*
 * dryrun: whether the daemon could start: longlined --check.
 *
 * Each fault is said on stderr, and what is well on stdout. Nothing is made, written or locked, so it may be asked
 * while a daemon serves.
 */
#ifndef DRYRUN_H
#define DRYRUN_H

#include "config.h"

/*
 * status: what config_read() returned for these options. Returns the status to exit with: 0, EXIT_OPTIONS (a fault of
 * an option, or of what it names), or else EXIT_DATABASE.
 */
int dryrun(const struct config *c, int status);

#endif
