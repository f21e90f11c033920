#include "columns.h"

#include <assert.h>
#include <string.h>

#include "say.h"

enum { BYTES_MAX = 256 << 20 };

void
columns_init(struct columns *c, const char *const *heads, size_t n)
{
	assert(n > 0 && n <= COLUMNS_MAX);
	*c = (struct columns){.n = n};
	buf_init(&c->cells, BYTES_MAX);
	for (size_t i = 0; i < n; i++)
		columns_add(c, str_of(heads[i]));
}

void
columns_add(struct columns *c, struct str cell)
{
	size_t from = c->cells.n, column = c->n_cells++ % c->n, width;

	say_add_safe(&c->cells, cell);
	buf_add_char(&c->cells, '\0');
	if (!buf_ok(&c->cells))
		return;
	width = say_width((struct str){c->cells.p + from, c->cells.n - 1 - from});
	if (width > c->width[column])
		c->width[column] = width;
}

static const char *
print_row(const struct columns *c, const char *cell)
{
	struct buf line;

	buf_init(&line, BYTES_MAX);
	for (size_t i = 0; i < c->n; i++) {
		struct str text = str_of(cell);
		size_t blanks = i + 1 < c->n ? c->width[i] - say_width(text) + 2 : 0;

		buf_add(&line, text);
		while (blanks-- > 0)
			buf_add_char(&line, ' ');
		cell += text.n + 1;
	}
	if (buf_ok(&line))
		say_out("%.*s", STR_ARGS(buf_str(&line)));
	else
		cell = NULL;
	buf_fini(&line);
	return cell;
}

int
columns_print(struct columns *c)
{
	const char *cell = buf_ok(&c->cells) ? c->cells.p : NULL;

	assert(c->n_cells % c->n == 0);
	for (size_t row = 0; row < c->n_cells / c->n && cell != NULL; row++)
		cell = print_row(c, cell);
	if (cell == NULL)
		say_error("out of memory");
	return cell == NULL ? -1 : 0;
}

void
columns_fini(struct columns *c)
{
	buf_fini(&c->cells);
}
