#include "origin.h"

struct parts {
	struct str scheme, host, port;
};

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* "host", "host:80" or "[::1]:80" into its two. */
static void
split_host(struct parts *p, struct str s)
{
	size_t i = s.n;

	while (i > 0 && is_digit(s.p[i - 1]))
		i--;
	p->host = s;
	p->port = STR(""); /* an empty view may be NULL, to which nothing can be added */
	if (i > 0 && s.p[i - 1] == ':') {
		p->host.n = i - 1;
		p->port = str_skip(s, i);
	}
}

static bool
split(struct parts *p, struct str origin)
{
	p->scheme = str_cut(&origin, ':');
	if (!str_starts(origin, STR("//")))
		return false;
	split_host(p, str_skip(origin, 2));
	return true;
}

static bool
is_default_port(struct str scheme, struct str port)
{
	return (str_eq_nocase(scheme, STR("http")) && str_eq(port, STR("80"))) ||
	       (str_eq_nocase(scheme, STR("https")) && str_eq(port, STR("443")));
}

/* RFC 3986 section 3.1. */
static bool
scheme_ok(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_letter(s.p[i]) &&
		    (i == 0 || !(is_digit(s.p[i]) || s.p[i] == '+' || s.p[i] == '-' || s.p[i] == '.')))
			return false;
	return s.n > 0;
}

/* A name, or an address in brackets: of what may stand in either, since it is sent back in a header. */
static bool
host_ok(struct str s)
{
	bool address = s.n > 2 && s.p[0] == '[' && s.p[s.n - 1] == ']';
	struct str inner = address ? (struct str){s.p + 1, s.n - 2} : s;

	for (size_t i = 0; i < inner.n; i++) {
		char c = inner.p[i];

		if (!is_letter(c) && !is_digit(c) && c != '.' && c != '-' && c != '_' && !(address && c == ':'))
			return false;
	}
	return inner.n > 0;
}

static bool
has(struct str s, char c)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == c)
			return true;
	return false;
}

/* NULL, or what is wrong with an origin that is to be let in. */
static const char *
fault_of(struct str s)
{
	struct parts p;
	uint64_t port;

	if (has(s, ',') || has(s, ' '))
		return "give --cors once for each origin";
	if (has(s, '*'))
		return "a * stands alone, and means all";
	if (str_eq(s, STR("null")))
		return "any page can make itself one of origin null; only * lets it in";
	/* Pages of an app's own files; there is no host. */
	if (str_eq(s, STR("file://")))
		return NULL;
	if (!split(&p, s) || !scheme_ok(p.scheme))
		return "it begins with a scheme and ://";
	if (has(p.host, '/'))
		return "an origin has no path, not even a / at its end";
	if (!host_ok(p.host))
		return "behind :// it has a host, as browsers write it, and nothing else but a port";
	if (is_default_port(p.scheme, p.port))
		return "browsers leave out the port that is the scheme's default; leave it out as well";
	if (p.port.n > 0 && (!str_uint(p.port, 65535, &port) || port == 0 || p.port.p[0] == '0'))
		return "the port is a number from 1 to 65535";
	if (p.port.n == 0 && p.host.n + 3 + p.scheme.n < s.n)
		return "the port is missing behind the colon";
	return NULL;
}

const char *
origins_add(struct origins *o, char *text)
{
	struct str s;
	const char *fault;

	for (char *c = text; *c != '\0'; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	s = str_of(text);
	if (str_eq(s, STR("*"))) {
		o->any = true;
		return NULL;
	}
	if ((fault = fault_of(s)) != NULL)
		return fault;
	for (size_t i = 0; i < o->n; i++)
		if (str_eq(o->named[i], s))
			return NULL;
	if (o->n == ORIGINS_MAX)
		return "there are 32 already";
	o->named[o->n++] = s;
	return NULL;
}

unsigned
origins_find(const struct origins *o, struct str origin)
{
	for (size_t i = 0; i < o->n; i++)
		if (str_eq_nocase(o->named[i], origin))
			return ORIGIN_NAMED + (unsigned)i;
	return o->any || o->n > 0 ? ORIGIN_OTHER : ORIGIN_NONE;
}

bool
origins_let_in(const struct origins *o, unsigned who)
{
	return who >= ORIGIN_NAMED || (who == ORIGIN_OTHER && o->any);
}

bool
origin_is_host(struct str origin, struct str host)
{
	struct parts page, site;

	if (!split(&page, origin) ||
	    !(str_eq_nocase(page.scheme, STR("http")) || str_eq_nocase(page.scheme, STR("https"))))
		return false;
	split_host(&site, host);
	if (is_default_port(page.scheme, page.port))
		page.port.n = 0;
	if (is_default_port(page.scheme, site.port))
		site.port.n = 0;
	return site.host.n > 0 && str_eq_nocase(page.host, site.host) && str_eq(page.port, site.port);
}

static bool
has_bearer(struct str authorization)
{
	struct str scheme = str_cut(&authorization, ' ');

	return authorization.n > 0 && str_eq_nocase(scheme, STR("Bearer"));
}

bool
origins_ok(const struct origins *o, const struct origin_ask *ask, bool linked)
{
	unsigned who = origins_find(o, ask->origin);
	bool somebody = ask->named || ask->authorization.n > 0;

	if (has_bearer(ask->authorization))
		return true;
	/* Its browser sends passwords and cookies along with a form, whatever * promises. */
	if (origins_let_in(o, who) && (who != ORIGIN_OTHER || !somebody))
		return true;
	if (str_eq(ask->site, STR("same-origin")) || str_eq(ask->site, STR("none")))
		return true;
	if (str_eq(ask->site, STR("same-site")) || str_eq(ask->site, STR("cross-site")))
		return linked && str_eq(ask->destination, STR("document"));
	return ask->origin.n == 0 || origin_is_host(ask->origin, ask->host);
}
