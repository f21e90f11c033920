#include "tool/line.h"

#include "test.h"

static void
check(const struct told *t, bool rooms, const char *want)
{
	struct buf b;

	buf_init(&b, 65536);
	line_add(&b, t, rooms);
	assert_true(buf_ok(&b));
	assert_str(buf_str(&b), want);
	buf_fini(&b);
}

static struct told
message(struct str sender, struct str text)
{
	return (struct told){.id = 1,
	    .at_ms = INT64_C(1767225601999),
	    .room = STR("ops"),
	    .event = STR("chat message"),
	    .sender = sender,
	    .text = text};
}

static void
is_a_line_with_time_room_sender_and_text(void **state)
{
	struct told t = message(STR("ann"), STR("disk is full"));

	(void)state;
	check(&t, false, "2026-01-01 00:00:01 <ann> disk is full\n");
	check(&t, true, "2026-01-01 00:00:01 ops <ann> disk is full\n");
	t.event = STR("message deleted");
	t.changes = 5;
	t.text = STR("");
	check(&t, false, "2026-01-01 00:00:01 <ann> [message deleted 5]\n");
}

static void
further_lines_look_like_no_message(void **state)
{
	struct told t = message(STR(""), STR("a\n\n2026-01-01 00:00:01 <root> b\r\n\tc\n\n"));

	(void)state;
	check(&t, false, "2026-01-01 00:00:01 <> a\n    \n    2026-01-01 00:00:01 <root> b\n     c\n");
}

static void
a_sender_looks_like_no_other(void **state)
{
	struct told t = message(STR("root> yes <"), STR("x"));

	(void)state;
	check(&t, false, "2026-01-01 00:00:01 <root\\x3e yes <> x\n");
	t.sender = STR(">");
	check(&t, false, "2026-01-01 00:00:01 <\\x3e> x\n");
	t.sender = STR("a\342\200\256b");
	check(&t, false, "2026-01-01 00:00:01 <a\\u202eb> x\n");
}

static void
nothing_steers_a_terminal(void **state)
{
	struct told t = message(STR("a\302\233b"), STR("\033[2J\rx\0y\302\205\342\200\250\177"));

	(void)state;
	t.event = STR("\a");
	t.room = STR("\b");
	check(&t, true, "2026-01-01 00:00:01 \\x08 <a\\u009bb> [\\x07] \\x1b[2J\\x0dx\\x00y\\u0085\\u2028\\x7f\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(is_a_line_with_time_room_sender_and_text),
	    cmocka_unit_test(further_lines_look_like_no_message),
	    cmocka_unit_test(a_sender_looks_like_no_other),
	    cmocka_unit_test(nothing_steers_a_terminal),
	};

	setenv("TZ", "UTC", 1);
	return cmocka_run_group_tests_name("line", tests, NULL, NULL);
}
