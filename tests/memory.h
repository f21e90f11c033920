/*
 * memory: allocations that fail, for unit tests and fuzz targets.
 *
 * A source says which functions may fail, by a line such as FAILING_CALLOC(__wrap_calloc): the linker leads to the
 * functions of this form that the source names (see the Makefile).
 */
#ifndef TESTS_MEMORY_H
#define TESTS_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

static int memory_left = -1; /* allocations that succeed before one fails; -1: none does */
static bool memory_once;     /* that one fails alone; else all that follow do, too */

static inline bool
memory_fails(void)
{
	if (memory_left != 0) {
		memory_left -= memory_left > 0;
		return false;
	}
	memory_left = memory_once ? -1 : 0;
	return true;
}

#define FAILING_MALLOC(wrap)                                     \
	void *__real_malloc(size_t n);                           \
	void *wrap(size_t n);                                    \
	void *wrap(size_t n)                                     \
	{                                                        \
		return memory_fails() ? NULL : __real_malloc(n); \
	}

#define FAILING_CALLOC(wrap)                                           \
	void *__real_calloc(size_t n, size_t size);                    \
	void *wrap(size_t n, size_t size);                             \
	void *wrap(size_t n, size_t size)                              \
	{                                                              \
		return memory_fails() ? NULL : __real_calloc(n, size); \
	}

#define FAILING_REALLOC(wrap)                                        \
	void *__real_realloc(void *p, size_t n);                     \
	void *wrap(void *p, size_t n);                               \
	void *wrap(void *p, size_t n)                                \
	{                                                            \
		return memory_fails() ? NULL : __real_realloc(p, n); \
	}

#endif
