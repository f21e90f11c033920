#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "store_db.h"

enum { SAY_AGAIN_MS = 10000 };

struct str
store_column(sqlite3_stmt *stmt, int column)
{
	/* The pointer first: it converts the value whose length is asked for next. */
	const char *p = (const char *)sqlite3_column_text(stmt, column);

	return (struct str){p == NULL ? "" : p, (size_t)sqlite3_column_bytes(stmt, column)};
}

void
store_bind_str(sqlite3_stmt *stmt, int parameter, struct str value)
{
	sqlite3_bind_text64(stmt, parameter, value.n == 0 ? "" : value.p, value.n, SQLITE_STATIC, SQLITE_UTF8);
}

int
store_trouble(const struct store *s)
{
	return s->trouble;
}

void
store_note(struct store *s, int code)
{
	if (s->trouble != SQLITE_OK || code == SQLITE_OK)
		return;
	snprintf(s->trouble_text, sizeof s->trouble_text, "%s", store_message(s, code));
	s->trouble = code;
}

void
store_reset(struct store *s, sqlite3_stmt *stmt)
{
	store_note(s, sqlite3_reset(stmt));
}

sqlite3_stmt *
store_prepare(struct store *s, const char *sql)
{
	sqlite3_stmt *stmt = NULL;
	char *copy;
	size_t i;

	for (i = 0; i < s->n_statements; i++)
		if (strcmp(s->statements[i].sql, sql) == 0)
			return s->statements[i].stmt;
	copy = strdup(sql);
	store_note(s,
	    copy == NULL ? SQLITE_NOMEM : sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL));
	if (stmt == NULL) {
		free(copy);
		return NULL;
	}
	if (s->n_statements < STORE_STATEMENTS)
		i = s->n_statements++;
	else {
		/* Never evict a statement in use; there is always one that is not. */
		do
			i = s->next_statement++ % STORE_STATEMENTS;
		while (sqlite3_stmt_busy(s->statements[i].stmt));
		sqlite3_finalize(s->statements[i].stmt);
		free(s->statements[i].sql);
	}
	s->statements[i].sql = copy;
	s->statements[i].stmt = stmt;
	return stmt;
}

void
store_forget_statements(struct store *s)
{
	while (s->n_statements > 0) {
		s->n_statements--;
		sqlite3_finalize(s->statements[s->n_statements].stmt);
		free(s->statements[s->n_statements].sql);
	}
}

int
store_run(sqlite3_stmt *stmt)
{
	int code;

	if (stmt == NULL)
		return SQLITE_ERROR;
	code = sqlite3_step(stmt);
	sqlite3_reset(stmt);
	return code;
}

static sqlite3_stmt *
prepare_with(struct store *s, const char *sql, int64_t a, int64_t b)
{
	sqlite3_stmt *stmt = store_prepare(s, sql);

	if (stmt == NULL)
		return NULL;
	sqlite3_bind_int64(stmt, 1, a);
	if (sqlite3_bind_parameter_count(stmt) > 1)
		sqlite3_bind_int64(stmt, 2, b);
	return stmt;
}

int
store_run_with(struct store *s, const char *sql, int64_t a, int64_t b)
{
	sqlite3_stmt *stmt = prepare_with(s, sql, a, b);

	return stmt == NULL ? s->trouble : store_run(stmt);
}

int
store_exec(struct store *s, const char *sql)
{
	sqlite3_stmt *stmt = store_prepare(s, sql);
	int code;

	if (stmt == NULL)
		return s->trouble;
	do
		code = sqlite3_step(stmt);
	while (code == SQLITE_ROW);
	sqlite3_reset(stmt);
	return code == SQLITE_DONE ? SQLITE_OK : code;
}

int64_t
store_first_number(struct store *s, sqlite3_stmt *stmt, int64_t otherwise)
{
	int64_t n = otherwise;

	if (stmt == NULL)
		return otherwise;
	if (sqlite3_step(stmt) == SQLITE_ROW && sqlite3_column_type(stmt, 0) == SQLITE_INTEGER)
		n = sqlite3_column_int64(stmt, 0);
	store_reset(s, stmt);
	return n;
}

int64_t
store_number(struct store *s, const char *sql, int64_t otherwise)
{
	return store_first_number(s, store_prepare(s, sql), otherwise);
}

int64_t
store_number_with(struct store *s, const char *sql, int64_t a, int64_t b)
{
	return store_first_number(s, prepare_with(s, sql, a, b), 0);
}

void
store_say(struct store *s, const char *word, int code, const char *doing, const char *error)
{
	int64_t now = clock_ms();

	if (code == s->logged && now - s->logged_ms < SAY_AGAIN_MS) {
		s->suppressed++;
		return;
	}
	log_error(word, "doing=\"%s\" file=\"%s\" code=%d error=\"%s\" unsaid=%u", doing, s->options.path, code, error,
	    s->suppressed);
	s->logged = code;
	s->logged_ms = now;
	s->suppressed = 0;
}

const char *
store_message(struct store *s, int code)
{
	if (code == s->trouble && code != SQLITE_OK)
		return s->trouble_text;
	if (s->db != NULL && code == sqlite3_extended_errcode(s->db))
		return sqlite3_errmsg(s->db);
	return sqlite3_errstr(code);
}

enum store_status
store_failed(struct store *s, int code, const char *doing)
{
	switch (code & 0xFF) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return STORE_BUSY;
	case SQLITE_INTERRUPT:
		return store_stopped(s) ? STORE_STOPPED : STORE_TIMEOUT;
	case SQLITE_FULL:
		store_say(s, "disk_full", code, doing, store_message(s, code));
		return STORE_FULL;
	default:
		store_say(s, "store", code, doing, store_message(s, code));
		return STORE_FAILED;
	}
}

int
store_run_on(struct store *s)
{
	int code;

	s->running = store_prepare(s, "SELECT 1");
	if (s->running == NULL)
		return s->trouble;
	code = sqlite3_step(s->running);
	/* A stop before it is known, one behind it is not forgotten. */
	if (store_stopped(s))
		return SQLITE_INTERRUPT;
	return code == SQLITE_ROW ? SQLITE_OK : code;
}

void
store_run_out(struct store *s)
{
	if (s->running != NULL)
		sqlite3_reset(s->running);
	s->running = NULL;
}
