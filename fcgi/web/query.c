#include "query.h"

#include <stdlib.h>

/* There is room for all: a decoded text is never longer. */
static struct str
decoded(char **end, struct str s)
{
	char *from = *end;

	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (c == '+')
			c = ' ';
		else if (c == '%' && i + 2 < s.n && str_hex(s.p[i + 1]) >= 0 && str_hex(s.p[i + 2]) >= 0) {
			c = (char)(str_hex(s.p[i + 1]) << 4 | str_hex(s.p[i + 2]));
			i += 2;
		}
		*(*end)++ = c;
	}
	return (struct str){from, (size_t)(*end - from)};
}

/* The next field of *text, decoded to *end; false: there is none. */
static bool
next_field(struct str *text, char **end, struct query_field *f)
{
	while (text->n > 0) {
		struct str field = str_cut(text, '&'), name;

		if (field.n == 0)
			continue;
		name = str_cut(&field, '=');
		f->has_value = field.p > name.p + name.n;
		f->name = decoded(end, name);
		f->value = decoded(end, field);
		return true;
	}
	return false;
}

static int
begin(struct query *q, struct str text)
{
	q->n = 0;
	q->too_many = false;
	q->bytes = text.n <= sizeof q->small ? q->small : malloc(text.n);
	return q->bytes == NULL ? -1 : 0;
}

int
query_parse(struct query *q, struct str text)
{
	struct query_field f;
	char *end;

	if (begin(q, text) != 0)
		return -1;
	end = q->bytes;
	while (!q->too_many && next_field(&text, &end, &f)) {
		q->too_many = q->n == QUERY_FIELDS_MAX;
		if (!q->too_many)
			q->fields[q->n++] = f;
	}
	return 0;
}

static bool
is_one_of(struct str name, const char *const *names)
{
	for (; *names != NULL; names++)
		if (str_eq(name, str_of(*names)))
			return true;
	return false;
}

int
query_parse_only(struct query *q, struct str text, const char *const *names)
{
	struct query_field f;
	char *end;

	if (begin(q, text) != 0)
		return -1;
	end = q->bytes;
	while (next_field(&text, &end, &f)) {
		size_t i = 0;

		if (!is_one_of(f.name, names))
			continue;
		while (i < q->n && !str_eq(q->fields[i].name, f.name))
			i++;
		q->fields[i] = f;
		q->n += i == q->n;
	}
	return 0;
}

void
query_fini(struct query *q)
{
	if (q->bytes != q->small)
		free(q->bytes);
	q->bytes = NULL;
}
