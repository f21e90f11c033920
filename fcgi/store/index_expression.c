#include "index_db.h"
#include "terms.h"
#include "words.h"

/* As FTS5 takes a string: in quotes, with quotes in it doubled (only phrases have none). */
static void
add_string(struct buf *b, struct str s)
{
	buf_add_char(b, '"');
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"')
			buf_add_char(b, '"');
		buf_add_char(b, s.p[i] == '\0' ? ' ' : s.p[i]);
	}
	buf_add_char(b, '"');
}

static int
on_token(void *ctx, int flags, const char *token, int n, int start, int end)
{
	(void)flags;
	(void)token;
	(void)n;
	(void)start;
	(void)end;
	*(bool *)ctx = true;
	return SQLITE_DONE;
}

/* Whether there is any word in a term, as a table takes words; if so, *prefix: it can only be found as a beginning. */
static bool
has_words(struct index *x, int64_t table, struct str text, bool *prefix)
{
	bool any = false;

	*prefix = false;
	if (table == 0)
		(void)x->tokenizer.xTokenize(x->unicode61, &any, FTS5_TOKENIZE_QUERY, text.p, (int)text.n, on_token);
	else {
		struct words_term term = words_term(text);

		any = term.tokens > 0;
		*prefix = term.prefix;
	}
	return any;
}

/* A term, if it has words. What has none, as nothing but punctuation, does not count: FTS5 would find nothing. */
static bool
add_term(struct buf *b, struct index *x, int64_t table, const struct term *t, struct str before, struct buf *singles)
{
	bool prefix;

	if (!has_words(x, table, t->text, &prefix))
		return false;
	buf_add(b, before);
	add_string(b, t->text);
	if (t->prefix || prefix)
		buf_add_char(b, '*');
	buf_add_char(singles, prefix ? '1' : '0');
	return true;
}

/* The terms that are wanted, all of them but where OR stands between. Returns how many there are, with words or not. */
static size_t
add_wanted(struct buf *b, struct index *x, int64_t table, struct str q, struct buf *singles)
{
	size_t n = 0;
	bool said = false, in_group = false;
	struct term t;

	while (terms_next(&q, &t)) {
		if (!t.not &&t.text.n > 0) {
			n++;
			if (add_term(b, x, table, &t,
			        in_group ? STR(" OR ")
			        : said   ? STR(" AND (")
			                 : STR("("),
			        singles))
				said = in_group = true;
		}
		if (!t.or_next && in_group) {
			buf_add_char(b, ')');
			in_group = false;
		}
	}
	if (!said)
		buf_add(b, STR("\"\"")); /* finds nothing */
	return n;
}

/* The terms that are not wanted. Returns whether there are any with words. */
static bool
add_unwanted(struct buf *b, struct index *x, int64_t table, struct str q)
{
	struct buf singles; /* which nobody is shown */
	bool any = false;
	struct term t;

	buf_init(&singles, SIZE_MAX);
	while (terms_next(&q, &t))
		if (t.not &&t.text.n > 0 && add_term(b, x, table, &t, any ? STR(" OR ") : STR(""), &singles))
			any = true;
	buf_fini(&singles);
	return any;
}

static void
add_token(struct buf *b, char kind, struct str s)
{
	buf_add_char(b, '"');
	buf_add_char(b, kind);
	for (size_t i = 0; i < s.n; i++)
		buf_printf(b, "%02X", (unsigned char)s.p[i]);
	buf_add_char(b, '"');
}

static void
add_rooms(struct buf *b, const struct store_rooms *rooms)
{
	buf_add(b, STR(" AND (room : ("));
	for (size_t i = 0; i < rooms->n; i++) {
		buf_add(b, i == 0 ? STR("") : STR(" OR "));
		add_token(b, 'r', rooms->names[i]);
	}
	buf_add(b, STR("))"));
}

bool
index_express(struct index_expression *e, struct index *x, int64_t table, const struct store_page *p,
    const struct store_rooms *rooms)
{
	struct buf *b = &e->match;
	/* The first one knew no events. */
	struct str columns = table == 0 ? STR("body : (") : STR("{body event} : (");
	struct buf nots;

	buf_add(b, STR("(("));
	buf_add(b, columns);
	if (add_wanted(b, x, table, p->q, &e->singles) == 0)
		return false;
	buf_add(b, STR("))"));
	if (!rooms->all)
		add_rooms(b, rooms);
	if (p->by_sender) {
		buf_add(b, STR(" AND (sender : "));
		add_token(b, 's', p->sender);
		buf_add(b, STR(")"));
	}
	buf_add(b, STR(")"));
	buf_init(&nots, INDEX_EXPRESSION_MAX);
	if (add_unwanted(&nots, x, table, p->q)) {
		buf_add(b, STR(" NOT ("));
		buf_add(b, columns);
		buf_add(b, buf_str(&nots));
		buf_add(b, STR("))"));
	}
	b->failed = b->failed || !buf_ok(&nots) || !buf_ok(&e->singles);
	buf_fini(&nots);
	return true;
}

void
index_expression_init(struct index_expression *e)
{
	buf_init(&e->match, INDEX_EXPRESSION_MAX);
	buf_init(&e->singles, INDEX_EXPRESSION_MAX);
}

void
index_expression_fini(struct index_expression *e)
{
	buf_fini(&e->match);
	buf_fini(&e->singles);
}
