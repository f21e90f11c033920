/*
 * Fields lie inside their buffer, and written anew they are read as the same fields. Those that are asked for by name
 * are found among them.
 */
#include "web/query.h"

#include "fuzz.h"

static void
add_encoded(struct buf *b, struct str s)
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < s.n; i++) {
		buf_add_char(b, '%');
		buf_add_char(b, digits[(unsigned char)s.p[i] / 16]);
		buf_add_char(b, digits[(unsigned char)s.p[i] % 16]);
	}
}

/* What is taken by name is the last of that name, as long as all of them fit. */
static void
look_for_names(const struct query *all, struct str text)
{
	static const char *const names[] = {"sid", "a", "", NULL};
	struct query q;

	MUST(query_parse_only(&q, text, names) == 0);
	MUST(q.n <= 3 && !q.too_many);
	for (size_t i = 0; i < q.n && !all->too_many; i++) {
		const struct query_field *last = NULL;

		for (size_t j = 0; j < all->n; j++)
			if (str_eq(all->fields[j].name, q.fields[i].name))
				last = &all->fields[j];
		MUST(
		    last != NULL && str_eq(last->value, q.fields[i].value) && last->has_value == q.fields[i].has_value);
	}
	query_fini(&q);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct query q, again;
	struct buf text;
	size_t total = 0;

	MUST(query_parse(&q, (struct str){(const char *)bytes, n}) == 0);
	MUST(q.n <= QUERY_FIELDS_MAX && (!q.too_many || q.n == QUERY_FIELDS_MAX));
	buf_init(&text, SIZE_MAX);
	for (size_t i = 0; i < q.n; i++) {
		const struct query_field *f = &q.fields[i];

		MUST(f->name.p >= q.bytes && f->name.p + f->name.n <= q.bytes + n);
		MUST(f->value.p >= q.bytes && f->value.p + f->value.n <= q.bytes + n);
		MUST(f->has_value || (f->value.n == 0 && f->name.n > 0));
		total += f->name.n + f->value.n;
		buf_add(&text, i == 0 ? STR("") : STR("&"));
		add_encoded(&text, f->name);
		buf_add(&text, f->has_value ? STR("=") : STR(""));
		add_encoded(&text, f->value);
	}
	MUST(total <= n);
	MUST(buf_ok(&text) && query_parse(&again, buf_str(&text)) == 0);
	MUST(again.n == q.n && !again.too_many);
	for (size_t i = 0; i < q.n; i++) {
		MUST(str_eq(q.fields[i].name, again.fields[i].name));
		MUST(str_eq(q.fields[i].value, again.fields[i].value));
		MUST(q.fields[i].has_value == again.fields[i].has_value);
	}
	query_fini(&again);
	look_for_names(&q, (struct str){(const char *)bytes, n});
	query_fini(&q);
	buf_fini(&text);
	return 0;
}
