/*
 * descriptors: how many files and connections the process may have open.
 */
#ifndef DESCRIPTORS_H
#define DESCRIPTORS_H

#include <stddef.h>

/* As many as the system allows, and room for them in the kernel at once. Before any thread is made. */
void descriptors_take(void);

/* How many of them connections may have. */
size_t descriptors_for_connections(void);

#endif
