#include <sqlite3.h>

#include "words.h"

/* FTS5 wants something that is not NULL for a tokenizer; ours has nothing to remember. */
static char the_tokenizer;

static int
create(void *ctx, const char **args, int n_args, Fts5Tokenizer **made)
{
	(void)ctx;
	(void)args;
	if (n_args > 0)
		return SQLITE_ERROR;
	*made = (Fts5Tokenizer *)&the_tokenizer;
	return SQLITE_OK;
}

static void delete (Fts5Tokenizer *tokenizer)
{
	(void)tokenizer;
}

static int
tokenize(Fts5Tokenizer *tokenizer, void *ctx, int flags, const char *text, int n,
    int (*on_token)(void *ctx, int flags, const char *token, int n, int start, int end))
{
	struct words w;
	int code = SQLITE_OK;

	(void)tokenizer;
	words_begin(&w, (struct str){text, text == NULL || n < 0 ? 0 : (size_t)n}, (flags & FTS5_TOKENIZE_QUERY) != 0);
	while (code == SQLITE_OK && words_next(&w))
		code = on_token(ctx, 0, w.token, (int)w.n, (int)w.start, (int)w.end);
	return code;
}

int
words_register(sqlite3 *db)
{
	static const fts5_tokenizer words = {create, delete, tokenize};
	sqlite3_stmt *stmt = NULL;
	fts5_api *api = NULL;
	int code = sqlite3_prepare_v2(db, "SELECT fts5(?1)", -1, &stmt, NULL);

	if (code == SQLITE_OK) {
		sqlite3_bind_pointer(stmt, 1, &api, "fts5_api_ptr", NULL);
		sqlite3_step(stmt);
		code = sqlite3_finalize(stmt);
	}
	if (api == NULL)
		return code == SQLITE_OK ? SQLITE_ERROR : code;
	return api->xCreateTokenizer(api, "words", NULL, (fts5_tokenizer *)&words, NULL);
}
