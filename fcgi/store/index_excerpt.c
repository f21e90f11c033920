#include "excerpt.h"
#include "index_db.h"

enum { BODY_COLUMN = 2 /* of the index */ };

/*
 * excerpt(search) or excerpt(search, singles): what is shown of a row found, as excerpt.h says. It is an auxiliary
 * function of FTS5 (SQLite's documentation, FTS5 section 7.2), since FTS5's own take a time that grows with the square
 * of a row's hits and cannot be interrupted.
 *
 * singles: of each phrase of the expression, in their order, a character: '1' when its last token is a single grapheme
 * that is looked for as a prefix (struct words_term).
 */
struct showing {
	struct excerpt x;
	struct str text;
	struct store *store;
};

/* The hits from the first in the text on, as far as the excerpt goes. */
static int
find_hits(const Fts5ExtensionApi *api, Fts5Context *fts, struct excerpt *x, struct str singles)
{
	int n = 0, code = api->xInstCount(fts, &n);

	for (int i = 0; code == SQLITE_OK && i < n; i++) {
		int phrase, column, token;

		code = api->xInst(fts, i, &phrase, &column, &token);
		if (code == SQLITE_OK && column == BODY_COLUMN &&
		    !excerpt_hit(x, token, api->xPhraseSize(fts, phrase),
		        (size_t)phrase < singles.n && singles.p[phrase] == '1'))
			break;
	}
	return code;
}

static int
on_token(void *ctx, int flags, const char *token, int n, int start, int end)
{
	struct showing *s = ctx;

	(void)token;
	(void)n;
	if (store_stopped(s->store))
		return SQLITE_INTERRUPT;
	if (flags & FTS5_TOKEN_COLOCATED)
		return SQLITE_OK;
	return excerpt_token(&s->x, s->text, start, end) ? SQLITE_OK : SQLITE_DONE;
}

static void
excerpt(const Fts5ExtensionApi *api, Fts5Context *fts, sqlite3_context *result, int n_values, sqlite3_value **values)
{
	struct showing s = {.store = api->xUserData(fts)};
	struct str singles = {NULL, 0};
	const char *text = NULL;
	struct buf b;
	int n = 0, code = api->xColumnText(fts, BODY_COLUMN, &text, &n);

	if (n_values > 0 && sqlite3_value_type(values[0]) == SQLITE_TEXT)
		singles = str_of((const char *)sqlite3_value_text(values[0]));
	s.text = text == NULL ? STR("") : (struct str){text, (size_t)n};
	buf_init(&b, SIZE_MAX);
	if (code == SQLITE_OK)
		code = find_hits(api, fts, &s.x, singles);
	if (code == SQLITE_OK)
		code = api->xTokenize(fts, text, n, &s, on_token);
	if (code == SQLITE_OK || code == SQLITE_DONE) {
		excerpt_add(&s.x, &b, s.text);
		code = buf_ok(&b) ? SQLITE_OK : SQLITE_NOMEM;
	}
	if (code == SQLITE_OK)
		sqlite3_result_text64(result, b.p, b.n, SQLITE_TRANSIENT, SQLITE_UTF8);
	else
		sqlite3_result_error_code(result, code);
	buf_fini(&b);
}

int
index_add_excerpt(fts5_api *api, struct store *s)
{
	return api->xCreateFunction(api, "excerpt", s, excerpt, NULL);
}
