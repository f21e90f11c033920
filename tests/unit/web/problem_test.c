#include "web/problem.h"

#include "base/json.h"
#include "test.h"

static void
each_problem_has_a_status_and_a_code_of_its_own(void **state)
{
	(void)state;
	for (enum problem p = 0; p < PROBLEMS; p++) {
		int status = problem_status(p);

		assert_true(status >= 400 && status < 600);
		assert_true(strlen(problem_title(status)) > 0);
		assert_int_equal(
		    strspn(problem_code(p), "abcdefghijklmnopqrstuvwxyz0123456789_"), strlen(problem_code(p)));
		/* A code word means one thing. */
		for (enum problem other = 0; other < p; other++)
			assert_string_not_equal(problem_code(other), problem_code(p));
	}
}

static size_t members;

static void
on_member(void *ctx, struct str name, enum json_type type, struct str value)
{
	const char *const *want = ctx;

	members++;
	assert_int_equal(type, str_eq(name, STR("status")) ? JSON_OTHER : JSON_STRING);
	for (size_t i = 0; want[i] != NULL; i += 2)
		if (str_eq(name, str_of(want[i])))
			assert_str(value, want[i + 1]);
}

/* RFC 9457, with whatever a stranger sent in the detail. */
static void
is_told_as_json_whatever_the_detail(void **state)
{
	static const char *const want[] = {"type", "about:blank", "title", "Bad Request", "code", "bad_json", "detail",
	    "a \"b\"\n\\ \xEF\xBF\xBD", "limit", "reads", NULL};
	struct buf b;

	(void)state;
	buf_init(&b, SIZE_MAX);
	problem_add_json(&b, PROBLEM_BAD_JSON, STR("a \"b\"\n\\ \xFF"), STR(",\"limit\":\"reads\""));
	members = 0;
	assert_int_equal(json_object(buf_str(&b), 1, on_member, (void *)(uintptr_t)want, NULL), JSON_OK);
	assert_int_equal(members, 6);
	assert_non_null(memmem(b.p, b.n, "\"status\":400", 12));
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_problem_has_a_status_and_a_code_of_its_own),
	    cmocka_unit_test(is_told_as_json_whatever_the_detail),
	};

	return cmocka_run_group_tests_name("problem", tests, NULL, NULL);
}
