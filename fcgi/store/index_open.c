#include <stdlib.h>

#include "index_db.h"
#include "words.h"

/* NULL: this SQLite has no FTS5. */
static fts5_api *
api_of(sqlite3 *db)
{
	sqlite3_stmt *stmt = NULL;
	fts5_api *api = NULL;

	if (sqlite3_prepare_v2(db, "SELECT fts5(?1)", -1, &stmt, NULL) == SQLITE_OK) {
		sqlite3_bind_pointer(stmt, 1, &api, "fts5_api_ptr", NULL);
		sqlite3_step(stmt);
	}
	sqlite3_finalize(stmt);
	return api;
}

static int
find_tokenizer(struct index *x, fts5_api *api)
{
	const char *options[] = {"remove_diacritics", "2"};
	void *ctx = NULL;
	int code = api->xFindTokenizer(api, "unicode61", &ctx, &x->tokenizer);

	return code == SQLITE_OK ? x->tokenizer.xCreate(ctx, options, 2, &x->unicode61) : code;
}

int
index_open(struct store *s, sqlite3 *db, struct index **x)
{
	fts5_api *api = api_of(db);
	int code;

	*x = NULL;
	if (api == NULL)
		return SQLITE_ERROR;
	*x = calloc(1, sizeof **x);
	if (*x == NULL)
		return SQLITE_NOMEM;
	code = find_tokenizer(*x, api);
	if (code == SQLITE_OK)
		code = words_register(db);
	return code == SQLITE_OK ? index_add_excerpt(api, s) : code;
}

void
index_close(struct index *x)
{
	if (x != NULL && x->unicode61 != NULL)
		x->tokenizer.xDelete(x->unicode61);
	free(x);
}
