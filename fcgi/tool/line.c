#include "line.h"

#include <string.h>
#include <time.h>

#include "say.h"

static void
add_time(struct buf *b, int64_t at_ms)
{
	time_t at = (time_t)(at_ms / 1000);
	struct tm parts;
	char text[64];

	if (localtime_r(&at, &parts) != NULL && strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts) > 0)
		buf_add(b, str_of(text));
}

/* A `>` in it would end it. */
static void
add_sender(struct buf *b, struct str sender)
{
	buf_add_char(b, '<');
	while (sender.n > 0) {
		const char *end = memchr(sender.p, '>', sender.n);
		size_t n = end == NULL ? sender.n : (size_t)(end - sender.p);

		say_add_safe(b, (struct str){sender.p, n});
		sender = str_skip(sender, n);
		if (sender.n > 0) {
			buf_add(b, STR("\\x3e"));
			sender = str_skip(sender, 1);
		}
	}
	buf_add_char(b, '>');
}

static void
add_text(struct buf *b, struct str text)
{
	bool first = true;

	while (text.n > 0 && (text.p[text.n - 1] == '\n' || text.p[text.n - 1] == '\r'))
		text.n--;
	do {
		struct str line = str_cut(&text, '\n');

		if (line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		if (!first || line.n > 0)
			buf_add(b, first ? STR(" ") : STR("\n    "));
		first = false;
		while (line.n > 0) {
			say_add_safe(b, str_cut(&line, '\t'));
			if (line.n > 0)
				buf_add_char(b, ' ');
		}
	} while (text.n > 0);
}

void
line_add(struct buf *b, const struct told *t, bool rooms)
{
	add_time(b, t->at_ms);
	if (rooms) {
		buf_add_char(b, ' ');
		say_add_safe(b, t->room);
	}
	buf_add_char(b, ' ');
	add_sender(b, t->sender);
	if (!str_eq(t->event, STR("chat message"))) {
		buf_add(b, STR(" ["));
		say_add_safe(b, t->event);
		if (t->changes != 0)
			buf_printf(b, " %lld", (long long)t->changes);
		buf_add_char(b, ']');
	}
	add_text(b, t->text);
	buf_add_char(b, '\n');
}
