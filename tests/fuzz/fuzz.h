/*
 * fuzz: what the fuzz targets share.
 *
 * A target is one function that takes any bytes at all and ends the program when something is not as it must be.
 * libFuzzer calls it with what it makes up; replay.c, without libFuzzer, with the files of a corpus.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

/* As assert(), but never compiled out. */
#define MUST(condition) ((condition) ? (void)0 : fuzz_failed(#condition, __FILE__, __LINE__))

static inline _Noreturn void
fuzz_failed(const char *condition, const char *file, int line)
{
	fprintf(stderr, "%s:%d: not so: %s\n", file, line, condition);
	abort();
}

#endif
