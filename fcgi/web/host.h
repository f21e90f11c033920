/*
 * host: the hosts that a request may be for.
 *
 * A page elsewhere may let its own name point to the address of a log behind a firewall (DNS rebinding); for the
 * browser the log is then of the same origin as the page. But the header Host tells the name that was asked for.
 */
#ifndef HOST_H
#define HOST_H

#include "base/str.h"

enum { HOSTS_MAX = 64, HOST_NAME_BYTES = 253 };

struct hosts {
	struct str names[HOSTS_MAX]; /* views, without brackets, port and the root's dot */
	size_t n;
};

/* Adds a name, or an address (of IPv6 with brackets or without); it must last. false: it is neither, or has a port. */
bool hosts_add(struct hosts *all, struct str name);

/* Whether the header names one of them, whatever the port and the case; all are known where none was added. */
bool hosts_know(const struct hosts *all, struct str header);

/* Whether the header is missing, or names an address or localhost: no page elsewhere makes a browser say that. */
bool host_is_address(struct str header);

#endif
