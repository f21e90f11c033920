#include "adding.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "closing.h"
#include "grants.h"
#include "moment.h"
#include "say.h"

const char *
adding_name_wrong(struct str name)
{
	if (name.n == 0 || name.n > MESSAGE_SENDER_MAX)
		return "it must have 1 to 64 bytes";
	if (!message_sender_ok(name))
		return "it must be UTF-8 without control characters";
	if (str_trim(name).n < name.n)
		return "blanks at its ends do not count";
	return str_starts(name, STR("user:")) ? "names that begin with user: are those that the web server checks"
	                                      : NULL;
}

static int
read_rooms(struct adding *a)
{
	const char *rooms = command_value(a->call, "rooms"), *may = command_value(a->call, "may");

	if (rooms == NULL && may != NULL)
		return command_wrong(a->call, "--may says what it may do in --rooms, which are missing");
	a->rooms = str_of(rooms == NULL ? "" : rooms);
	a->may = str_of(may == NULL ? "rw" : may);
	if (a->may.n == 0 || sight_read_may(a->may) < 0)
		return command_wrong(a->call, "--may is some of r (read), w (write) and m (moderate), not '%s'", may);
	return rooms == NULL ? 0 : command_check_rooms(a->call, a->rooms);
}

static int
read_expires(struct adding *a)
{
	const char *expires = command_value(a->call, "expires");

	a->expires_ms = INT64_MAX;
	if (expires == NULL)
		return 0;
	if (!moment_read(str_of(expires), a->made_ms, &a->expires_ms))
		return command_wrong(
		    a->call, "--expires is a time like 90d or 12h, or a day like 2027-01-31, not '%s'", expires);
	if (a->expires_ms <= a->made_ms)
		return command_wrong(a->call, "--expires %s is in the past", expires);
	return 0;
}

static int
read_sender(struct adding *a)
{
	struct str sender;

	a->sender = command_value(a->call, "sender");
	if (a->sender == NULL)
		return 0;
	sender = str_of(a->sender);
	if (sender.n == 0 || !message_sender_ok(sender) || str_trim(sender).n < sender.n)
		return command_wrong(a->call,
		    "--sender is a name of 1 to 64 bytes without control characters, or * for any, not '%s'",
		    a->sender);
	return 0;
}

int
adding_init(struct adding *a, const struct call *call, size_t n)
{
	int result;

	*a = (struct adding){.call = call, .n = n, .made_ms = clock_wall_ms()};
	if ((result = read_rooms(a)) != 0 || (result = read_expires(a)) != 0 || (result = read_sender(a)) != 0)
		return result;
	a->tokens = calloc(n, sizeof *a->tokens);
	if (a->tokens == NULL) {
		say_error("out of memory");
		return COMMAND_FAILED;
	}
	for (size_t i = 0; i < n; i++)
		secret_new(a->tokens[i].secret, a->tokens[i].hash);
	return -1;
}

void
adding_fini(struct adding *a)
{
	if (a->tokens != NULL)
		explicit_bzero(a->tokens, a->n * sizeof *a->tokens);
	free(a->tokens);
	a->tokens = NULL;
}

/* One row of an answer about a name. */
struct found {
	bool yes;
	char text[STORE_WHO_MAX + 1];
};

static int
take_found(void *ctx, const struct database_row *row)
{
	struct found *f = ctx;

	f->yes = true;
	snprintf(f->text, sizeof f->text, "%.*s", STR_ARGS(database_text(row, 0)));
	return 0;
}

/* ASCII case and outer blanks make no other name. */
static int
look_for(struct adding *a, const char *sql, const char *name, struct found *f)
{
	struct database_value value = DATABASE_VALUE_TEXT(str_of(name));

	*f = (struct found){.yes = false};
	return database_run(a->database, sql, &value, 1, take_found, f);
}

#define HAVING_THE_TOKEN "SELECT name FROM tokens WHERE lower(trim(name)) = lower(trim(?1)) LIMIT 1"
#define HAVING_BEEN_REVOKED "SELECT name FROM revoked WHERE lower(trim(name)) = lower(trim(?1)) LIMIT 1"

/* Whether the name may be given: 0, or how the program ends, said. */
static int
check_name(struct adding *a, const char *name)
{
	struct found f;

	if (look_for(a, HAVING_THE_TOKEN, name, &f) != 0)
		return COMMAND_FAILED;
	if (f.yes && strcmp(f.text, name) == 0)
		say_error("there is a token %s already; longline token rotate gives it a new secret", name);
	else if (f.yes)
		say_error("there is a token %s, and upper and lower case make no other name of %s", f.text, name);
	if (f.yes || look_for(a, HAVING_BEEN_REVOKED, name, &f) != 0)
		return COMMAND_FAILED;
	if (!f.yes || command_given(a->call, "again"))
		return 0;
	say_error("%s was the name of a token that was revoked: what that one wrote would look like the new one's; "
	          "--again gives the name all the same",
	    f.text);
	return COMMAND_FAILED;
}

/* The first names with a number behind that nobody has or had. */
static int
number_names(struct adding *a, const char *base)
{
	size_t n = 0;

	for (int i = 1; n < a->n; i++) {
		char *name = a->tokens[n].name;
		int length = snprintf(name, sizeof a->tokens[n].name, "%s-%d", base, i);
		struct found token, revoked;

		if (length >= (int)sizeof a->tokens[n].name)
			return command_wrong(a->call, "%s is too long for a number behind it", base);
		if (look_for(a, HAVING_THE_TOKEN, name, &token) != 0 ||
		    look_for(a, HAVING_BEEN_REVOKED, name, &revoked) != 0)
			return COMMAND_FAILED;
		n += !token.yes && !revoked.yes;
	}
	return 0;
}

static int
insert_token(struct adding *a, const struct adding_token *t)
{
	struct database_value values[] = {DATABASE_VALUE_TEXT(str_of(t->name)),
	    DATABASE_VALUE_BLOB(((struct str){(const char *)t->hash, sizeof t->hash})), DATABASE_VALUE_NULL,
	    DATABASE_VALUE_NUMBER(a->made_ms), DATABASE_VALUE_NULL,
	    DATABASE_VALUE_TEXT(a->trusted ? STR("trusted") : STR("user"))};

	if (a->sender != NULL && strcmp(a->sender, t->name) != 0)
		values[2] = DATABASE_VALUE_TEXT(str_of(a->sender));
	if (a->expires_ms != INT64_MAX)
		values[4] = DATABASE_VALUE_NUMBER(a->expires_ms);
	return database_run(a->database,
	    "INSERT INTO tokens (name, hash, sender, made, expires, class) VALUES (?1, ?2, ?3, ?4, ?5, ?6)", values,
	    sizeof values / sizeof values[0], NULL, NULL);
}

static int
insert_grant(void *ctx, struct str rooms)
{
	struct adding *a = ctx;
	char who[STORE_WHO_MAX + 1], may[GRANTS_MAY_SIZE];
	struct database_value values[3];

	snprintf(who, sizeof who, "token:%s", a->token->name);
	grants_may((unsigned)sight_read_may(a->may), may);
	values[0] = DATABASE_VALUE_TEXT(str_of(who));
	values[1] = DATABASE_VALUE_TEXT(rooms);
	values[2] = DATABASE_VALUE_TEXT(str_of(may));
	return database_run(a->database,
	    "INSERT INTO grants VALUES (?1, ?2, ?3) ON CONFLICT (who, rooms) DO UPDATE SET may = excluded.may", values,
	    3, NULL, NULL);
}

/* Says what may surprise. */
static int
tell(struct adding *a, const char *name)
{
	struct found f;

	if (look_for(a, "SELECT rooms FROM grants WHERE who = 'token:' || ?1 LIMIT 1", name, &f) != 0)
		return -1;
	if (f.yes)
		say_warning(
		    "there are rules for token:%s already, and they hold for the new one: longline grant list", name);
	if (look_for(a,
	        "SELECT 'the user ' || substr(who, 6) FROM grants WHERE who GLOB 'user:*'"
	        " AND lower(trim(substr(who, 6))) = lower(trim(?1))"
	        " UNION ALL SELECT 'the token ' || name FROM tokens WHERE lower(trim(sender)) = lower(trim(?1))"
	        " UNION ALL SELECT 'the token ' || name FROM tokens WHERE lower(trim(name)) = lower(trim(?1)) AND ?1 "
	        "<> '*'"
	        " UNION ALL SELECT 'somebody' FROM proven WHERE name = lower(trim(?1)) LIMIT 1",
	        a->sender == NULL ? name : a->sender, &f) != 0)
		return -1;
	if (f.yes && strcmp(a->sender == NULL ? name : a->sender, "*") != 0 && !command_given(a->call, "again"))
		say_warning("%s has the sender %s as well: what the two write looks alike but for `by`", f.text,
		    a->sender == NULL ? name : a->sender);
	return 0;
}

/* One token with its grants. */
static int
add_one(struct adding *a, const struct adding_token *t)
{
	struct database_value name = DATABASE_VALUE_TEXT(str_of(t->name));
	int result = check_name(a, t->name);

	if (result != 0)
		return result;
	a->token = t;
	if ((!a->told && tell(a, t->name) != 0) ||
	    database_run(a->database, "DELETE FROM revoked WHERE name = ?1", &name, 1, NULL, NULL) != 0 ||
	    insert_token(a, t) != 0 || (a->rooms.n > 0 && command_each(a->rooms, insert_grant, a) != 0))
		return COMMAND_FAILED;
	return 0;
}

/* 0: there are no more rows than the daemon takes. */
static int
check_numbers(struct database *d)
{
	int64_t tokens, grants;

	if (database_one(d, "SELECT count(*) FROM tokens", NULL, 0, 0, &tokens) != 0 ||
	    database_one(d, "SELECT count(*) FROM grants", NULL, 0, 0, &grants) != 0)
		return COMMAND_FAILED;
	if (tokens <= STORE_TOKENS_MAX && grants <= STORE_GRANTS_MAX)
		return 0;
	say_error("longlined takes %d tokens and %d grants at most, and these would be %lld and %lld", STORE_TOKENS_MAX,
	    STORE_GRANTS_MAX, (long long)tokens, (long long)grants);
	return COMMAND_FAILED;
}

static int
add_all(void *ctx, struct database *d)
{
	struct adding *a = ctx;
	int result = 0;

	a->database = d;
	if (a->numbered)
		result = number_names(a, a->call->n == 0 ? "guest" : a->call->operands[0]);
	for (size_t i = 0; i < a->n && result == 0; i++)
		result = add_one(a, &a->tokens[i]);
	a->told = true;
	return result == 0 ? check_numbers(d) : result;
}

/* After it is done: what a token without rules can do. */
static void
tell_outcome(struct adding *a)
{
	char detail[STORE_WHO_MAX + 1];
	struct found f;
	bool closed;

	if (closing_closed(a->database, &closed) != 0)
		return;
	if (!closed && a->rooms.n == 0)
		say_note("The log is open: everybody may read and write; a token proves who somebody is.");
	snprintf(detail, sizeof detail, "token:%s", a->tokens[0].name);
	if (closed &&
	    look_for(a, "SELECT who FROM grants WHERE who IN ('anyone', 'users', ?1) AND may <> '' LIMIT 1", detail,
	        &f) == 0 &&
	    !f.yes)
		say_warning("it may do nothing yet: longline grant set %s ROOMS MAY", detail);
	if (closed && a->rooms.n > 0 &&
	    look_for(a, "SELECT who FROM grants WHERE who IN ('anyone', 'users') AND may <> '' AND ?1 <> '' LIMIT 1",
	        detail, &f) == 0 &&
	    f.yes)
		say_note("Where no rule of its own fits, it may do what %s may.", f.text);
}

int
adding_run(struct adding *a)
{
	struct database *d = database_open(a->call->database);
	int result = COMMAND_FAILED;

	if (d != NULL)
		result = closing_run(a->call, d, add_all, a);
	if (result == COMMAND_DONE)
		tell_outcome(a);
	database_close(d);
	return result;
}
