#include "hash.h"

#include <assert.h>
#include <endian.h>
#include <string.h>
#include <sys/random.h>

uint64_t
hash_fnv1a(struct str s)
{
	uint64_t h = UINT64_C(14695981039346656037);

	for (size_t i = 0; i < s.n; i++)
		h = (h ^ (unsigned char)s.p[i]) * UINT64_C(1099511628211);
	return h;
}

struct hash_key
hash_new_key(void)
{
	struct hash_key key;

	/* So few bytes come whole, once the kernel's generator is ready, and getrandom waits for that. */
	ssize_t got = getrandom(&key, sizeof key, 0);

	assert(got == (ssize_t)sizeof key);
	return key;
}

static uint64_t
rotate(uint64_t x, int by)
{
	return x << by | x >> (64 - by);
}

static void
rounds(uint64_t v[4], int n)
{
	while (n-- > 0) {
		v[0] += v[1];
		v[2] += v[3];
		v[1] = rotate(v[1], 13) ^ v[0];
		v[3] = rotate(v[3], 16) ^ v[2];
		v[0] = rotate(v[0], 32);
		v[2] += v[1];
		v[0] += v[3];
		v[1] = rotate(v[1], 17) ^ v[2];
		v[3] = rotate(v[3], 21) ^ v[0];
		v[2] = rotate(v[2], 32);
	}
}

/* 8 bytes, the first one lowest. */
static uint64_t
word(const char *p)
{
	uint64_t w;

	memcpy(&w, p, sizeof w);
	return le64toh(w);
}

/* Fewer than 8. */
static uint64_t
tail(const char *p, size_t n)
{
	uint64_t w = 0;

	while (n-- > 0)
		w = w << 8 | (unsigned char)p[n];
	return w;
}

uint64_t
hash_siphash(const struct hash_key *key, struct str s)
{
	uint64_t v[4] = {key->k0 ^ UINT64_C(0x736f6d6570736575), key->k1 ^ UINT64_C(0x646f72616e646f6d),
	    key->k0 ^ UINT64_C(0x6c7967656e657261), key->k1 ^ UINT64_C(0x7465646279746573)};
	size_t at = 0;
	uint64_t m;

	for (; s.n - at >= 8; at += 8) {
		m = word(s.p + at);
		v[3] ^= m;
		rounds(v, 2);
		v[0] ^= m;
	}
	m = 0;
	if (s.n > at)
		m = tail(s.p + at, s.n - at);
	m |= (uint64_t)s.n << 56;
	v[3] ^= m;
	rounds(v, 2);
	v[0] ^= m;
	v[2] ^= 0xFF;
	rounds(v, 4);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
