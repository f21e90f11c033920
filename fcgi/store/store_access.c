#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "store_writer.h"

void
store_access_free(struct store_access *a)
{
	if (a == NULL)
		return;
	free(a->tokens);
	free(a->grants);
	free(a);
}

int64_t
store_access_version(struct store *s)
{
	/* Without the row, which somebody took away, it does not move until a trigger makes it anew, with 2. */
	int64_t version = store_number(s, "SELECT value FROM meta WHERE name = 'access_version'", 1);

	return version > 0 ? version : 1;
}

static void
copy(char *to, struct str s)
{
	memcpy(to, s.p, s.n);
	to[s.n] = '\0';
}

static int64_t
number_or(sqlite3_stmt *stmt, int column, int64_t otherwise)
{
	return sqlite3_column_type(stmt, column) == SQLITE_INTEGER ? sqlite3_column_int64(stmt, column) : otherwise;
}

/* Adds the token under stmt; one that breaks the rules, written past them, is none. */
static void
add_token(struct store_access *a, sqlite3_stmt *stmt)
{
	struct store_token *t = &a->tokens[a->n_tokens];
	struct str name = store_column(stmt, 0), sender = store_column(stmt, 2);

	if (sqlite3_column_type(stmt, 2) == SQLITE_NULL)
		sender = name;
	if (!message_sender_ok(name) || name.n == 0 || str_starts(name, STR("user:")) || !message_sender_ok(sender) ||
	    sqlite3_column_type(stmt, 1) != SQLITE_BLOB || sqlite3_column_bytes(stmt, 1) != sizeof t->hash) {
		log_warning(
		    "passed_over", "token=\"%.*s\" why=\"its row breaks the rules of table tokens\"", STR_ARGS(name));
		return;
	}
	*t = (struct store_token){
	    .expires_ms = number_or(stmt, 3, INT64_MAX),
	    .used_ms = number_or(stmt, 4, 0),
	    .trusted = str_eq(store_column(stmt, 5), STR("trusted")),
	};
	copy(t->name, name);
	copy(t->sender, sender);
	memcpy(t->hash, sqlite3_column_blob(stmt, 1), sizeof t->hash);
	a->n_tokens++;
}

static bool
rooms_ok(struct str rooms)
{
	if (rooms.n >= 1 && rooms.n <= MESSAGE_ROOM_MAX && rooms.p[rooms.n - 1] == '*')
		return rooms.n == 1 || message_room_ok((struct str){rooms.p, rooms.n - 1});
	return message_room_ok(rooms);
}

/* Adds the grant under stmt. One that breaks the rules, written past them, allows nothing, in the rooms that it names;
 * if it names none, or nobody, it is none. */
static void
add_grant(struct store_access *a, sqlite3_stmt *stmt)
{
	struct store_grant *g = &a->grants[a->n_grants];
	struct str who = store_column(stmt, 0), rooms = store_column(stmt, 1), may = store_column(stmt, 2);

	if (!message_by_ok(who) || !rooms_ok(rooms)) {
		log_warning(
		    "passed_over", "grant=\"%.*s\" why=\"its row breaks the rules of table grants\"", STR_ARGS(who));
		return;
	}
	copy(g->who, who);
	copy(g->rooms, rooms);
	copy(g->may, may.n < sizeof g->may && strspn(may.p, "rwm") == may.n ? may : STR(""));
	a->n_grants++;
}

/* Reads what sql finds, row by row; *many: there are more than max. An SQLite result code (SQLITE_DONE is good). */
static int
read_table(struct store *s, struct store_access *a, const char *sql, int64_t max,
    void (*add)(struct store_access *a, sqlite3_stmt *stmt), bool *many)
{
	sqlite3_stmt *stmt = store_prepare(s, sql);
	int64_t n = 0;
	int code;

	if (stmt == NULL)
		return s->trouble;
	sqlite3_bind_int64(stmt, 1, max + 1);
	while ((code = sqlite3_step(stmt)) == SQLITE_ROW && n++ < max)
		add(a, stmt);
	*many = code == SQLITE_ROW;
	sqlite3_reset(stmt);
	return code == SQLITE_ROW ? SQLITE_DONE : code;
}

/* An array for the rows of a table, at most max; NULL: without memory, or as they cannot be counted. */
static void *
array_for(struct store *s, const char *count, int64_t max, size_t size)
{
	int64_t n = store_number_with(s, count, max, 0);

	return s->trouble != SQLITE_OK ? NULL : calloc((size_t)(n > 0 ? n : 1), size);
}

static int
read_all(struct store *s, struct store_access *a)
{
	bool many_tokens = false, many_grants = false;
	int code;

	a->tokens =
	    array_for(s, "SELECT count(*) FROM (SELECT 1 FROM tokens LIMIT ?)", STORE_TOKENS_MAX, sizeof *a->tokens);
	a->grants =
	    array_for(s, "SELECT count(*) FROM (SELECT 1 FROM grants LIMIT ?)", STORE_GRANTS_MAX, sizeof *a->grants);
	if (a->tokens == NULL || a->grants == NULL)
		return s->trouble != SQLITE_OK ? s->trouble : SQLITE_NOMEM;
	code = read_table(s, a, "SELECT name, hash, sender, expires, used, class FROM tokens LIMIT ?", STORE_TOKENS_MAX,
	    add_token, &many_tokens);
	if (code == SQLITE_DONE)
		code = read_table(
		    s, a, "SELECT who, rooms, may FROM grants LIMIT ?", STORE_GRANTS_MAX, add_grant, &many_grants);
	a->closed = store_number(s, "SELECT value = 'closed' FROM meta WHERE name = 'access'", 0) == 1;
	a->refused = many_tokens || many_grants;
	if (a->refused) {
		a->n_grants = 0;
		log_error("access", "detail=\"more than %d grants or %d tokens: nobody may do anything\" file=\"%s\"",
		    STORE_GRANTS_MAX, STORE_TOKENS_MAX, s->options.path);
	}
	return code;
}

int
store_read_access(struct store *s, bool again, struct store_news *news)
{
	int64_t version = store_access_version(s);
	struct store_access *a;
	int code;

	if (s->trouble != SQLITE_OK)
		return s->trouble;
	if (version == s->access_version && !again)
		return SQLITE_DONE;
	a = calloc(1, sizeof *a);
	if (a == NULL)
		return SQLITE_NOMEM;
	a->version = version;
	code = read_all(s, a);
	if (code == SQLITE_DONE && s->trouble != SQLITE_OK)
		code = s->trouble;
	if (code != SQLITE_DONE) {
		store_access_free(a);
		return code;
	}
	store_access_free(news->access);
	news->access = a;
	s->access_version = version;
	return SQLITE_DONE;
}

enum store_status
store_access(struct store *s, struct store_access **rows)
{
	struct store_news news = {.access = NULL};
	int code = store_begin(s, false);

	if (code == SQLITE_OK)
		code = store_read_access(s, true, &news);
	if (code != SQLITE_DONE) {
		store_access_free(news.access);
		return store_give_up(s, code, "read tokens and grants");
	}
	*rows = news.access;
	store_roll_back(s);
	return STORE_OK;
}
