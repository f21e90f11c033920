/* Whether the log is open, and whether tokens and grants mean what they seem to. */
#include <string.h>

#include "check.h"
#include "closing.h"
#include "grants.h"

static const int64_t UNUSED_MS = INT64_C(7) * 86400 * 1000;

static bool
count(struct check *c, const char *sql, int64_t *n)
{
	if (database_one(c->database, sql, NULL, 0, 0, n) == 0)
		return true;
	check_say(c, CHECK_FAIL, "database", "it could not be read, see above");
	return false;
}

static void
check_open(struct check *c, bool closed, int64_t tokens, int64_t grants)
{
	if (closed && grants == 0)
		check_say(c, CHECK_WARN, "access",
		    "the log is closed and has no grants, so nobody may do anything: longline grant set, or access "
		    "open");
	else if (closed)
		check_say(c, CHECK_OK, "access", "the log is closed: only what the %lld grants allow may be done",
		    (long long)grants);
	else if (grants > 0)
		check_say(c, CHECK_WARN, "access",
		    "the log is open: everybody may read and write every room, and the %lld grants do not count until: "
		    "longline access closed",
		    (long long)grants);
	else
		check_say(c, CHECK_OK, "access",
		    "the log is open: everybody who reaches the web server may read and write every room%s; the first "
		    "longline grant set closes it",
		    tokens > 0 ? ", with or without a token" : "");
}

/* A finding about the tokens, or grants, that a statement names; nothing if there are none. */
static void
warn_of(struct check *c, const char *subject, const char *sql, bool moment, int64_t at_ms, const char *text)
{
	struct database_value value = DATABASE_VALUE_NUMBER(at_ms);
	char names[CHECK_NAMES_SIZE];
	size_t n;

	if (check_names(c, sql, &value, moment, &n, names) == 0 && n > 0)
		check_say(c, CHECK_WARN, subject, "%s: %s", names, text);
}

/* How many there are, unless more is wrong with them; before: how bad it was without them. */
static void
say_count(struct check *c, const char *subject, int64_t n, int most, enum check_grade before)
{
	if (n > most)
		check_say(c, CHECK_FAIL, subject, "there are %lld, and longlined takes %d: nothing is allowed",
		    (long long)n, most);
	else if (c->worst == CHECK_OK)
		check_say(c, CHECK_OK, subject, "there are %lld", (long long)n);
	if (before > c->worst)
		c->worst = before;
}

static void
check_tokens(struct check *c, bool closed, int64_t n)
{
	enum check_grade before = c->worst;

	c->worst = CHECK_OK;
	warn_of(c, "tokens", "SELECT name FROM tokens WHERE expires <= ?1 ORDER BY name", true, c->now_ms,
	    "over, and not let in any more: longline token revoke, or rotate --expires");
	warn_of(c, "tokens",
	    "SELECT name FROM tokens WHERE used IS NULL AND made <= ?1 AND (expires IS NULL OR expires > ?1)"
	    " ORDER BY name",
	    true, c->now_ms - UNUSED_MS,
	    "made more than a week ago and never used: longline token revoke, if nobody needs it");
	if (closed)
		warn_of(c, "tokens",
		    "SELECT name FROM tokens WHERE NOT EXISTS (SELECT 1 FROM grants WHERE may <> ''"
		    " AND (who IN ('anyone', 'users') OR who = 'token:' || tokens.name)) ORDER BY name",
		    false, 0, "no grant is for it, so it may do nothing: longline grant set token:NAME ROOMS MAY");
	say_count(c, "tokens", n, STORE_TOKENS_MAX, before);
}

static void
check_grants(struct check *c, int64_t n)
{
	struct grants g;
	enum check_grade before = c->worst;

	c->worst = CHECK_OK;
	warn_of(c, "grants",
	    "SELECT DISTINCT who FROM grants WHERE who GLOB 'token:*'"
	    " AND NOT EXISTS (SELECT 1 FROM tokens WHERE name = substr(who, 7)) ORDER BY who",
	    false, 0, "never decides, there is no such token: longline grant remove, or token add");
	warn_of(c, "grants", "SELECT rooms FROM grants WHERE who = 'anyone' AND may GLOB '*m*' ORDER BY rooms", false,
	    0, "anyone at all may change others' messages there: longline grant set anyone ROOM rw");
	if (grants_load(&g, c->database) == 0 && g.odd > 0)
		check_say(c, CHECK_WARN, "grants",
		    "%zu are no grants and never decide: who, rooms or may is not as longline grant set writes them",
		    g.odd);
	grants_fini(&g);
	say_count(c, "grants", n, STORE_GRANTS_MAX, before);
}

void
check_access(struct check *c)
{
	int64_t tokens, grants;
	bool closed;

	if (database_begin_read(c->database) != 0 || closing_closed(c->database, &closed) != 0) {
		check_say(c, CHECK_FAIL, "database", "it could not be read, see above");
		return;
	}
	if (count(c, "SELECT count(*) FROM tokens", &tokens) && count(c, "SELECT count(*) FROM grants", &grants)) {
		check_open(c, closed, tokens, grants);
		check_tokens(c, closed, tokens);
		check_grants(c, grants);
	}
	database_undo(c->database);
}
