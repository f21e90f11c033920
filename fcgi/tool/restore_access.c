/* Who may what: from the log of now into the one that takes its place. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "restore.h"
#include "say.h"

enum { COLUMNS_MAX = 32, SQL_BYTES_MAX = 65536 };

/* A table whose rows go from one to the other, by the columns that both have. */
struct copying {
	struct database *from, *to;
	struct buf columns; /* "name", "hash" */
	size_t n;
	struct buf insert;
};

static int
add_column(void *ctx, const struct database_row *row)
{
	struct copying *c = ctx;
	struct str name = database_text(row, 0);
	struct database_value values[] = {DATABASE_VALUE_TEXT(name), DATABASE_VALUE_TEXT(database_text(row, 1))};
	int64_t both;

	if (database_one(c->to, "SELECT count(*) FROM pragma_table_info(?2) WHERE name = ?1", values, 2, 0, &both) != 0)
		return -1;
	if (both == 0 || c->n == COLUMNS_MAX || memchr(name.p, '"', name.n) != NULL)
		return 0;
	buf_printf(&c->columns, "%s\"%.*s\"", c->n++ == 0 ? "" : ", ", STR_ARGS(name));
	return 0;
}

static int
copy_row(void *ctx, const struct database_row *row)
{
	struct copying *c = ctx;
	struct database_value values[COLUMNS_MAX];

	for (size_t i = 0; i < c->n; i++)
		values[i] = database_as_value(row, (int)i);
	return database_run(c->to, c->insert.p, values, c->n, NULL, NULL);
}

/* `INSERT OR REPLACE INTO tokens ("name", …) VALUES (?1, …)`, and what gives its rows. */
static int
copy_rows(struct copying *c, const char *how, const char *table, const char *where)
{
	struct buf select;
	int result = -1;

	buf_init(&select, SQL_BYTES_MAX);
	buf_printf(&select, "SELECT %.*s FROM %s %s", STR_ARGS(buf_str(&c->columns)), table, where);
	buf_add_char(&select, '\0');
	buf_printf(&c->insert, "%s INTO %s (%.*s) VALUES (", how, table, STR_ARGS(buf_str(&c->columns)));
	for (size_t i = 1; i <= c->n; i++)
		buf_printf(&c->insert, "%s?%zu", i == 1 ? "" : ", ", i);
	buf_add_char(&c->insert, ')');
	buf_add_char(&c->insert, '\0');
	if (buf_ok(&c->columns) && buf_ok(&select) && buf_ok(&c->insert))
		result = database_run(c->from, select.p, NULL, 0, copy_row, c);
	else
		say_error("out of memory");
	buf_fini(&select);
	return result;
}

/* how: "INSERT"; where: "" or which rows. A table that the older log has not is an empty one. */
static int
copy_table(struct database *from, struct database *to, const char *how, const char *table, const char *where)
{
	struct copying c = {.from = from, .to = to};
	struct database_value name = DATABASE_VALUE_TEXT(str_of(table));
	int result;

	buf_init(&c.columns, SQL_BYTES_MAX);
	buf_init(&c.insert, SQL_BYTES_MAX);
	result = database_run(from, "SELECT name, ?1 FROM pragma_table_info(?1)", &name, 1, add_column, &c);
	if (result == 0 && c.n > 0)
		result = copy_rows(&c, how, table, where);
	buf_fini(&c.columns);
	buf_fini(&c.insert);
	return result;
}

static int
run(struct database *d, const char *sql)
{
	return database_run(d, sql, NULL, 0, NULL, NULL);
}

int
restore_access(struct database *from, struct database *to)
{
	int result;

	/* Rows that mean nothing to longlined, written by another program, come along as they are. */
	if (run(to, "PRAGMA ignore_check_constraints = ON") != 0 || database_begin(to) != 0)
		return -1;
	/* By its trigger, tokens that are not there any more count as revoked. */
	result = run(to, "DELETE FROM tokens");
	if (result == 0)
		result = run(to, "DELETE FROM grants");
	if (result == 0)
		result = copy_table(from, to, "INSERT", "tokens", "");
	if (result == 0)
		result = copy_table(from, to, "INSERT", "grants", "");
	if (result == 0)
		result = run(to, "DELETE FROM revoked WHERE name IN (SELECT name FROM tokens)");
	if (result == 0)
		result = copy_table(from, to, "INSERT OR REPLACE", "revoked", "");
	if (result == 0)
		result = copy_table(from, to, "INSERT OR IGNORE", "proven", "");
	/* Behind the grants, the first of which closes a log. */
	if (result == 0)
		result = run(to, "DELETE FROM meta WHERE name = 'access'");
	if (result == 0)
		result = copy_table(from, to, "INSERT", "meta", "WHERE name = 'access'");
	if (result == 0)
		result = database_commit(to);
	database_undo(to);
	return result;
}
