#include "tool/answer.h"

#include "../../memory.h"
#include "test.h"

FAILING_MALLOC(__wrap_malloc)
FAILING_REALLOC(__wrap_realloc)

#define MESSAGE                                                                                                    \
	"{\"id\":17,\"room\":\"ops\",\"event\":\"chat message\",\"sender\":\"\",\"text\":\"a\\u0000b\\n\",\"at\":" \
	"\"2026-01-01T00:00:01.500Z\",\"more\":{\"id\":3}}"

static void
reads_an_answer_of_poll(void **state)
{
	struct answer a;

	(void)state;
	assert_int_equal(
	    answer_read(&a, STR("{\"epoch\":\"0123abcd\",\"messages\":[" MESSAGE ", " MESSAGE
	                        "],\"next\":9007199254740991,\"more\":true,\"gap\":true,\"new\":[{\"next\":1}]}")),
	    0);
	assert_string_equal(a.epoch, "0123abcd");
	assert_int_equal(a.n, 2);
	assert_str(a.messages[0], MESSAGE);
	assert_str(a.messages[1], MESSAGE);
	assert_true(a.next == INT64_C(9007199254740991));
	assert_true(a.more && a.gap && !a.reset);
	answer_fini(&a);
}

static void
reads_an_answer_of_history(void **state)
{
	struct answer a;

	(void)state;
	assert_int_equal(answer_read(&a, STR("{\"messages\":[],\"older\":17,\"newer\":null}")), 0);
	assert_true(a.n == 0 && a.older == 17 && a.newer == 0 && a.next == -1 && a.epoch[0] == '\0');
	answer_fini(&a);
}

static void
refuses_what_no_longline_says(void **state)
{
	static const char *const bad[] = {"", "[]", "<html>", "{\"next\":\"1\"}", "{\"next\":1", "{\"next\":-1}",
	    "{\"next\":1.5}", "{\"next\":9007199254740992}", "{\"messages\":{}}", "{\"messages\":[\"x\"]}",
	    "{\"messages\":[[]]}", "{\"epoch\":\"a\\\"b\"}", "{\"epoch\":\"a\\u0000b\"}", "{\"older\":true}",
	    "{\"epoch\":\"0123456789012345678901234567890123456789012345678901234567890123x\"}", "{\"x\":1} {}"};

	(void)state;
	for (size_t i = 0; i < LENGTH(bad); i++) {
		struct answer a;

		if (answer_read(&a, str_of(bad[i])) == 0)
			fail_msg("'%s' is taken", bad[i]);
		answer_fini(&a);
	}
}

static void
takes_so_many_messages_and_no_more(void **state)
{
	struct answer a;
	struct buf b;

	(void)state;
	for (int more = 0; more < 2; more++) {
		buf_init(&b, 1 << 20);
		buf_add(&b, STR("{\"messages\":[{}"));
		for (int i = 1; i < ANSWER_MESSAGES_MAX + more; i++)
			buf_add(&b, STR(",{}"));
		buf_add(&b, STR("]}"));
		assert_int_equal(answer_read(&a, buf_str(&b)), -more);
		assert_int_equal(a.n, ANSWER_MESSAGES_MAX);
		answer_fini(&a);
		buf_fini(&b);
	}
}

static void
reads_a_message(void **state)
{
	struct told t;

	(void)state;
	assert_int_equal(told_read(&t, STR(MESSAGE)), 0);
	assert_true(t.id == 17 && t.changes == 0 && t.at_ms == INT64_C(1767225601500));
	assert_str(t.room, "ops");
	assert_str(t.event, "chat message");
	assert_str(t.sender, "");
	assert_str_n(t.text, STR("a\0b\n"));
	assert_str(t.json, MESSAGE);
	told_fini(&t);
	assert_int_equal(told_read(&t, STR("{\"id\":9,\"changes\":5,\"room\":\"x\",\"args\":[ {\"a\":1} ,2]}")), 0);
	assert_true(t.changes == 5);
	assert_str(t.text, "[ {\"a\":1} ,2]");
	told_fini(&t);
}

static void
refuses_what_is_no_message(void **state)
{
	static const char *const bad[] = {"{}", "{\"id\":1}", "{\"id\":0,\"room\":\"x\"}",
	    "{\"id\":\"1\",\"room\":\"x\"}", "{\"id\":1,\"room\":\"x\",\"at\":1}",
	    "{\"id\":1,\"room\":\"x\",\"at\":\"yesterday\"}", "{\"id\":1,\"room\":\"x\",\"changes\":0}",
	    "{\"id\":1,\"room\":7}"};

	(void)state;
	for (size_t i = 0; i < LENGTH(bad); i++) {
		struct told t;

		if (told_read(&t, str_of(bad[i])) == 0)
			fail_msg("'%s' is taken", bad[i]);
		told_fini(&t);
	}
}

static void
says_that_there_is_no_memory(void **state)
{
	(void)state;
	for (int left = 0;; left++) {
		struct answer a;
		struct told t = {.id = 0};
		int result;

		memory_left = left;
		result = answer_read(&a, STR("{\"messages\":[" MESSAGE "],\"next\":1}"));
		if (result == 0)
			result = told_read(&t, a.messages[0]);
		memory_left = -1;
		told_fini(&t);
		answer_fini(&a);
		if (result == 0)
			break;
		assert_true(left < 1000);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_an_answer_of_poll),
	    cmocka_unit_test(reads_an_answer_of_history),
	    cmocka_unit_test(refuses_what_no_longline_says),
	    cmocka_unit_test(takes_so_many_messages_and_no_more),
	    cmocka_unit_test(reads_a_message),
	    cmocka_unit_test(refuses_what_is_no_message),
	    cmocka_unit_test(says_that_there_is_no_memory),
	};

	return cmocka_run_group_tests_name("answer", tests, NULL, NULL);
}
