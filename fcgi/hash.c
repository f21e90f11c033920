#include "hash.h"

uint64_t
hash_fnv1a(struct str s)
{
	uint64_t h = UINT64_C(14695981039346656037);

	for (size_t i = 0; i < s.n; i++)
		h = (h ^ (unsigned char)s.p[i]) * UINT64_C(1099511628211);
	return h;
}

size_t
hash_place(struct str s)
{
	uint64_t h = hash_fnv1a(s);

	return (size_t)(h ^ h >> 32);
}
