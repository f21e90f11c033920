#include "query.h"

/* Room for all was reserved: a decoded text is never longer, so views into b stay good. */
static struct str
decoded(struct buf *b, struct str s)
{
	size_t from = b->n;

	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (c == '+')
			c = ' ';
		else if (c == '%' && i + 2 < s.n && str_hex(s.p[i + 1]) >= 0 && str_hex(s.p[i + 2]) >= 0) {
			c = (char)(str_hex(s.p[i + 1]) << 4 | str_hex(s.p[i + 2]));
			i += 2;
		}
		b->p[b->n++] = c;
	}
	return (struct str){b->p + from, b->n - from};
}

int
query_parse(struct query *q, struct str text)
{
	q->n = 0;
	q->too_many = false;
	buf_init(&q->bytes, text.n + 1);
	if (!buf_reserve(&q->bytes, text.n + 1))
		return -1;
	while (text.n > 0) {
		struct str field = str_cut(&text, '&'), name = field;
		bool has_value;

		if (field.n == 0)
			continue;
		if (q->n == QUERY_FIELDS_MAX) {
			q->too_many = true;
			return 0;
		}
		name = str_cut(&field, '=');
		has_value = field.p > name.p + name.n;
		q->fields[q->n].name = decoded(&q->bytes, name);
		q->fields[q->n].value = decoded(&q->bytes, field);
		q->fields[q->n++].has_value = has_value;
	}
	return 0;
}

void
query_fini(struct query *q)
{
	buf_fini(&q->bytes);
}
