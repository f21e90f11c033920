#include "index_db.h"
#include "terms.h"

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

static void
add_term(struct buf *b, const struct term *t)
{
	add_string(b, t->text);
	if (t->prefix)
		buf_add_char(b, '*');
}

/*
 * The terms that are wanted, all of them but where OR stands between. What has no words, as nothing but punctuation,
 * does not count: FTS5 would find nothing. Returns how many terms there are, with words or not.
 */
static size_t
add_wanted(struct buf *b, struct index *x, struct str q)
{
	size_t n = 0, said = 0, in_group = 0;
	struct term t;

	while (terms_next(&q, &t)) {
		bool counts = !t.not &&t.text.n > 0;

		n += counts;
		if (counts && index_has_words(x, t.text)) {
			if (in_group == 0)
				buf_add(b, said++ == 0 ? STR("(") : STR(" AND ("));
			else
				buf_add(b, STR(" OR "));
			add_term(b, &t);
			in_group++;
		}
		if (!t.or_next) {
			if (in_group > 0)
				buf_add_char(b, ')');
			in_group = 0;
		}
	}
	if (said == 0)
		buf_add(b, STR("\"\"")); /* finds nothing */
	return n;
}

/* The terms that are not wanted. Returns how many of them have words. */
static size_t
add_unwanted(struct buf *b, struct index *x, struct str q)
{
	struct term t;
	size_t n = 0;

	while (terms_next(&q, &t)) {
		if (!t.not || t.text.n == 0 || !index_has_words(x, t.text))
			continue;
		if (n++ > 0)
			buf_add(b, STR(" OR "));
		add_term(b, &t);
	}
	return n;
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

bool
index_expression(struct buf *b, struct index *x, const struct store_page *p, const struct store_rooms *rooms)
{
	struct buf nots;

	buf_add(b, STR("((body : ("));
	if (add_wanted(b, x, p->q) == 0)
		return false;
	buf_add(b, STR("))"));
	if (!rooms->all) {
		buf_add(b, STR(" AND (room : ("));
		for (size_t i = 0; i < rooms->n; i++) {
			buf_add(b, i == 0 ? STR("") : STR(" OR "));
			add_token(b, 'r', rooms->names[i]);
		}
		buf_add(b, STR("))"));
	}
	if (p->by_sender) {
		buf_add(b, STR(" AND (sender : "));
		add_token(b, 's', p->sender);
		buf_add(b, STR(")"));
	}
	buf_add(b, STR(")"));
	buf_init(&nots, INDEX_EXPRESSION_MAX);
	if (add_unwanted(&nots, x, p->q) > 0) {
		buf_add(b, STR(" NOT (body : ("));
		buf_add(b, buf_str(&nots));
		buf_add(b, STR("))"));
	}
	b->failed = b->failed || !buf_ok(&nots);
	buf_fini(&nots);
	return true;
}
