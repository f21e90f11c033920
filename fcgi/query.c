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

int
query_parse(struct query *q, struct str text)
{
	char *end;

	q->n = 0;
	q->too_many = false;
	end = q->bytes = text.n <= sizeof q->small ? q->small : malloc(text.n);
	if (end == NULL)
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
		q->fields[q->n].name = decoded(&end, name);
		q->fields[q->n].value = decoded(&end, field);
		q->fields[q->n++].has_value = has_value;
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
