#include "host.h"

#include <arpa/inet.h>
#include <string.h>

static bool
parses(int family, struct str s, struct in6_addr *address)
{
	char text[INET6_ADDRSTRLEN];

	if (s.n >= sizeof text || memchr(s.p, '\0', s.n) != NULL)
		return false;
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	return inet_pton(family, text, address) == 1;
}

static bool
is_address(struct str name)
{
	struct in6_addr address;

	return name.n > 0 && (parses(AF_INET, name, &address) || parses(AF_INET6, name, &address));
}

static bool
is_port(struct str s)
{
	uint64_t port;

	return s.n == 0 || str_uint(s, 65535, &port);
}

/* The name in a header (RFC 9110 section 7.2), without brackets and the root's dot; empty if it is malformed. */
static struct str
name_of(struct str header, struct str *port)
{
	struct str name = header, rest = header;

	*port = STR("");
	if (header.n > 0 && header.p[0] == '[') {
		name = str_cut(&rest, ']');
		if (name.n == header.n || (rest.n > 0 && rest.p[0] != ':'))
			return STR("");
		if (rest.n > 0)
			*port = str_skip(rest, 1);
		return str_skip(name, 1);
	}
	name = str_cut(&rest, ':');
	if (rest.n > 0 && memchr(rest.p, ':', rest.n) != NULL)
		return header; /* an address of IPv6 without brackets, or nothing that is known */
	*port = rest;
	if (name.n > 1 && name.p[name.n - 1] == '.')
		name.n--;
	return name;
}

/* As every address of IPv6 has. */
static bool
has_colon(struct str s)
{
	return s.n > 0 && memchr(s.p, ':', s.n) != NULL;
}

static bool
same(struct str a, struct str b)
{
	struct in6_addr x, y;

	if (str_eq_nocase(a, b))
		return true;
	return has_colon(a) && has_colon(b) && parses(AF_INET6, a, &x) && parses(AF_INET6, b, &y) &&
	       memcmp(&x, &y, sizeof x) == 0;
}

static bool
is_name(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
		        c == '_' || c == '-'))
			return false;
	}
	return s.n > 0 && s.n <= HOST_NAME_BYTES && s.p[0] != '.' && s.p[0] != '-';
}

bool
hosts_add(struct hosts *all, struct str text)
{
	struct str port, name = name_of(text, &port);
	bool bracketed = text.n > 0 && text.p[0] == '[';
	struct in6_addr address;

	if (all->n == HOSTS_MAX || port.n > 0 || (name.n < text.n && text.p[text.n - 1] == ':'))
		return false;
	if (bracketed ? !parses(AF_INET6, name, &address) : !is_name(name) && !is_address(name))
		return false;
	all->names[all->n++] = name;
	return true;
}

bool
hosts_know(const struct hosts *all, struct str header)
{
	struct str port, name = name_of(header, &port);

	if (all == NULL || all->n == 0)
		return true;
	if (!is_port(port))
		return false;
	for (size_t i = 0; i < all->n; i++)
		if (same(name, all->names[i]))
			return true;
	return false;
}

bool
host_is_address(struct str header)
{
	struct str port, name = name_of(header, &port);

	return header.n == 0 || is_address(name) || str_eq_nocase(name, STR("localhost"));
}
