/*
 * version: of all the programs, as `make` found it out (scripts/version).
 */
#ifndef VERSION_H
#define VERSION_H

/* "1.2.0", or behind that release "1.2.0+7.g0123abc"; letters, digits, `.`, `+` and `~` only */
extern const char longline_version[];

#endif
