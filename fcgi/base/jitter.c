#include "jitter.h"

#include <sys/random.h>

struct jitter
jitter_new(void)
{
	struct jitter j;

	if (getrandom(&j.state, sizeof j.state, 0) != sizeof j.state || j.state == 0)
		j.state = 88172645463325252U;
	return j;
}

uint64_t
jitter_below(struct jitter *j, uint64_t n)
{
	j->state ^= j->state << 13; /* xorshift64 */
	j->state ^= j->state >> 7;
	j->state ^= j->state << 17;
	return j->state % n;
}
