#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "person_state.h"

struct address {
	enum { NO_ADDRESS, IPV4, IPV6 } kind;
	unsigned char bytes[16];
};

/* IPv4 within IPv6, ::ffff:a.b.c.d, is IPv4. */
static struct address
read_address(struct str text)
{
	static const unsigned char mapped[12] = {[10] = 0xFF, [11] = 0xFF};
	struct address a = {.kind = NO_ADDRESS};
	char copy[INET6_ADDRSTRLEN];

	if (text.n == 0 || text.n >= sizeof copy || memchr(text.p, '\0', text.n) != NULL)
		return a;
	memcpy(copy, text.p, text.n);
	copy[text.n] = '\0';
	if (inet_pton(AF_INET, copy, a.bytes) == 1)
		a.kind = IPV4;
	else if (inet_pton(AF_INET6, copy, a.bytes) == 1)
		a.kind = IPV6;
	if (a.kind == IPV6 && memcmp(a.bytes, mapped, sizeof mapped) == 0) {
		memmove(a.bytes, a.bytes + sizeof mapped, 4);
		a.kind = IPV4;
	}
	return a;
}

struct network {
	int kind, bits;
	unsigned char bytes[16];
};

static const struct network LOOPBACK[] = {
    {IPV4, 8, {127}},
    {IPV6, 128, {[15] = 1}},
};

/* RFC 1918, 3927, 6598; RFC 4193, 4291. */
static const struct network PRIVATE[] = {
    {IPV4, 8, {10}},
    {IPV4, 12, {172, 16}},
    {IPV4, 16, {192, 168}},
    {IPV4, 16, {169, 254}},
    {IPV4, 10, {100, 64}},
    {IPV6, 7, {0xFC}},
    {IPV6, 10, {0xFE, 0x80}},
};

static bool
is_within(const struct address *a, const struct network *n)
{
	int whole = n->bits / 8, rest = n->bits % 8;

	return (int)a->kind == n->kind && memcmp(a->bytes, n->bytes, (size_t)whole) == 0 &&
	       (rest == 0 || (a->bytes[whole] ^ n->bytes[whole]) >> (8 - rest) == 0);
}

static bool
is_in(const struct address *a, const struct network *networks, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (is_within(a, &networks[i]))
			return true;
	return false;
}

static bool
is_loopback(const struct address *a)
{
	return is_in(a, LOOPBACK, sizeof LOOPBACK / sizeof LOOPBACK[0]);
}

bool
person_is_loopback(struct str address)
{
	struct address a = read_address(address);

	return is_loopback(&a);
}

/* The first bytes of an IPv6 address, and how many bits they are. */
static struct str
put_network(char text[PERSON_ADDRESS_SIZE], const struct address *a, size_t bytes)
{
	unsigned char masked[16] = {0};
	char shown[INET6_ADDRSTRLEN];
	int n;

	memcpy(masked, a->bytes, bytes);
	n = snprintf(text, PERSON_ADDRESS_SIZE, "@%s/%zu", inet_ntop(AF_INET6, masked, shown, sizeof shown), 8 * bytes);
	return (struct str){text, (size_t)n};
}

struct str
person_address(const struct persons *all, struct str address, struct str forwarded, char text[PERSON_ADDRESS_SIZE])
{
	struct address a = read_address(address);
	bool always = all->limits.set[PERSON_STRANGER];

	if (a.kind == NO_ADDRESS)
		return always ? STR("@none") : STR("");
	if (!always && forwarded.n > 0 && (is_loopback(&a) || is_in(&a, PRIVATE, sizeof PRIVATE / sizeof PRIVATE[0])))
		return STR("");
	if (a.kind == IPV6)
		return put_network(text, &a, 8);
	text[0] = '@';
	inet_ntop(AF_INET, a.bytes, text + 1, PERSON_ADDRESS_SIZE - 1);
	return str_of(text);
}

struct str
person_group_of(struct str identity, char text[PERSON_ADDRESS_SIZE])
{
	struct address a;

	if (!str_starts(identity, STR("@")))
		return STR("");
	identity = str_skip(identity, 1);
	a = read_address(str_cut(&identity, '/'));
	return a.kind == IPV6 && str_eq(identity, STR("64")) ? put_network(text, &a, 6) : STR("");
}
