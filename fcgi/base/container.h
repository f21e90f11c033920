/*
 * container: from a member back to the struct that embeds it.
 */
#ifndef CONTAINER_H
#define CONTAINER_H

#include <stddef.h>

/* The struct of this type that embeds *p as this member. */
#define CONTAINER(p, type, member) ((type *)(void *)((char *)(p)-offsetof(type, member)))

#endif
