/*
 * hash: one number for any bytes: the place of a name in a table, and whether a page is the same one.
 *
 * Where strangers choose the bytes and the number chooses a place, it is hash_siphash() with a key that nobody knows:
 * without the key no two names can be made to meet. hash_fnv1a() has no key and stays the same for ever; it is for
 * ETags, where a collision costs nobody but its maker.
 */
#ifndef HASH_H
#define HASH_H

#include "str.h"

/* FNV-1a with 64 bits. */
uint64_t hash_fnv1a(struct str s);

struct hash_key {
	uint64_t k0, k1;
};

/* A key from the system's random numbers. */
struct hash_key hash_new_key(void);

/* SipHash-2-4 (Aumasson and Bernstein, 2012). */
uint64_t hash_siphash(const struct hash_key *key, struct str s);

#endif
