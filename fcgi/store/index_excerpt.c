#include "index.h"
#include "store_sql.h"

enum {
	BODY_COLUMN = 2,     /* of the index */
	EXCERPT_TOKENS = 32, /* words shown of a message */
	EXCERPT_HITS = 32,
	BEFORE_HIT = 8, /* words before the first hit */
};

/*
 * excerpt(search): what is shown of a row found, as a JSON array of strings: plain, hit, plain, hit, and so on. It is
 * an auxiliary function of FTS5 (SQLite's documentation, FTS5 section 7.2), since FTS5's own take a time that grows
 * with the square of a row's hits and cannot be interrupted.
 */
struct hit {
	int from, to;   /* tokens, to not included */
	int start, end; /* bytes */
};

struct excerpt {
	struct hit hits[EXCERPT_HITS];
	int n_hits;
	int first, last;     /* tokens of the excerpt, last not included */
	int token;           /* the next one */
	int start, end, cut; /* bytes of the excerpt; cut: there is more behind */
	struct store *store;
};

/* The hits from the first in the text on, as far as the excerpt goes. */
static int
find_hits(const Fts5ExtensionApi *api, Fts5Context *fts, struct excerpt *x)
{
	int n = 0, code = api->xInstCount(fts, &n);

	for (int i = 0; code == SQLITE_OK && i < n && x->n_hits < EXCERPT_HITS; i++) {
		int phrase, column, token;

		code = api->xInst(fts, i, &phrase, &column, &token);
		if (code != SQLITE_OK || column != BODY_COLUMN)
			continue;
		if (x->n_hits == 0) {
			x->first = token > BEFORE_HIT ? token - BEFORE_HIT : 0;
			x->last = x->first + EXCERPT_TOKENS;
		} else if (token >= x->last)
			break;
		x->hits[x->n_hits++] = (struct hit){token, token + api->xPhraseSize(fts, phrase), -1, -1};
	}
	return code;
}

static int
on_token(void *ctx, int flags, const char *token, int n, int start, int end)
{
	struct excerpt *x = ctx;
	int i;

	(void)token;
	(void)n;
	if (store_stopped(x->store))
		return SQLITE_INTERRUPT;
	if (flags & FTS5_TOKEN_COLOCATED)
		return SQLITE_OK;
	i = x->token++;
	if (i < x->first)
		return SQLITE_OK;
	if (i >= x->last) {
		x->cut = 1;
		return SQLITE_DONE;
	}
	if (i == x->first && i > 0)
		x->start = start;
	x->end = end;
	for (int k = 0; k < x->n_hits; k++)
		if (i >= x->hits[k].from && i < x->hits[k].to) {
			if (x->hits[k].start < 0)
				x->hits[k].start = start;
			x->hits[k].end = end;
		}
	return SQLITE_OK;
}

static void
add_part(struct buf *b, const char *before, const char *text, int from, int to, const char *after)
{
	struct buf part;

	buf_init(&part, SIZE_MAX);
	buf_add(&part, str_of(before));
	buf_add(&part, (struct str){text + from, to > from ? (size_t)(to - from) : 0});
	buf_add(&part, str_of(after));
	buf_add_json(b, buf_str(&part));
	b->failed = b->failed || !buf_ok(&part);
	buf_fini(&part);
}

static void
add_excerpt(struct buf *b, const struct excerpt *x, const char *text)
{
	const char *before = x->start > 0 ? "…" : "";
	int from = x->start;

	buf_add_char(b, '[');
	for (int k = 0; k < x->n_hits; k++) {
		const struct hit *h = &x->hits[k];

		/* Two phrases may overlap; the second is shown as far as it goes on. */
		if (h->start < 0 || h->end <= from)
			continue;
		add_part(b, before, text, from, h->start, "");
		buf_add_char(b, ',');
		add_part(b, "", text, h->start > from ? h->start : from, h->end, "");
		buf_add_char(b, ',');
		before = "";
		from = h->end;
	}
	add_part(b, before, text, from, x->end, x->cut ? "…" : "");
	buf_add_char(b, ']');
}

static void
excerpt(const Fts5ExtensionApi *api, Fts5Context *fts, sqlite3_context *result, int n_values, sqlite3_value **values)
{
	struct excerpt x = {.last = EXCERPT_TOKENS, .store = api->xUserData(fts)};
	const char *text = NULL;
	struct buf b;
	int n = 0, code = api->xColumnText(fts, BODY_COLUMN, &text, &n);

	(void)n_values;
	(void)values;
	buf_init(&b, SIZE_MAX);
	if (code == SQLITE_OK)
		code = find_hits(api, fts, &x);
	if (code == SQLITE_OK)
		code = api->xTokenize(fts, text, n, &x, on_token);
	if (!x.cut)
		x.end = n;
	if (code == SQLITE_OK || code == SQLITE_DONE) {
		add_excerpt(&b, &x, text);
		code = buf_ok(&b) ? SQLITE_OK : SQLITE_NOMEM;
	}
	if (code == SQLITE_OK)
		sqlite3_result_text64(result, b.p, b.n, SQLITE_TRANSIENT, SQLITE_UTF8);
	else
		sqlite3_result_error_code(result, code);
	buf_fini(&b);
}

int
index_open(struct store *s, sqlite3 *db)
{
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
	return api->xCreateFunction(api, "excerpt", s, excerpt, NULL);
}
