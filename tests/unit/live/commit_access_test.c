/*
 * Tokens and grants for which there is no memory are tried again by themselves, soon but not at once.
 */
#include "../../memory.h"
#include "access/access.h"
#include "test_commit_fixture.h"

enum { FAILURES = 10, STEP_MS = 50 };

static struct {
	struct limits limits;
	struct persons *persons;
	struct access *access;
	size_t n_tried;
	int64_t tried_ms[FAILURES + 1];
} who;

FAILING_CALLOC(__wrap_calloc)

/* The first few times without memory, which no other thread asks for meanwhile. */
int __real_access_set(struct access *a, struct store_access *rows);
int __wrap_access_set(struct access *a, struct store_access *rows);

int
__wrap_access_set(struct access *a, struct store_access *rows)
{
	int result;

	assert_true(who.n_tried <= FAILURES);
	who.tried_ms[who.n_tried] = clock_ms();
	memory_left = who.n_tried++ < FAILURES ? 0 : -1;
	result = __real_access_set(a, rows);
	memory_left = -1;
	return result;
}

static int
setup_access(void **state)
{
	struct store_access *rows;

	setup(state);
	memset(&who, 0, sizeof who);
	limits_init(&who.limits);
	who.persons = persons_new(&who.limits, 100);
	who.access = access_new(&(struct access_options){.persons = who.persons});
	assert_int_equal(store_access(fx.db.store, &rows), STORE_OK);
	assert_int_equal(__real_access_set(who.access, rows), 0);
	fx.options.access = who.access;
	test_watchdog(60);
	return 0;
}

static int
teardown_access(void **state)
{
	teardown(state);
	access_free(who.access);
	persons_free(who.persons);
	test_watchdog(0);
	return 0;
}

/* What a stranger may in a room; -1: nobody may do anything. */
static int
stranger_may(const char *room)
{
	char detail[ACCESS_DETAIL_SIZE];
	struct pass *p =
	    access_pass(who.access, &(struct access_ask){.address = STR("192.0.2.1")}, clock_wall_ms(), detail);
	int may = p == NULL ? -1 : (int)sight_may(p->sight, str_of(room));

	pass_drop(p);
	return may;
}

static enum test_next
steps(void *ctx, int turn)
{
	(void)ctx;
	if (turn == 0) {
		assert_int_equal(stranger_may("b"), MAY_READ | MAY_WRITE);
		test_other(&fx.db, "INSERT INTO grants VALUES ('anyone', 'a', 'r')");
		assert_int_equal(commit_look(fx.commit, on_looked, &fx, 1), 0);
		return TEST_WAIT;
	}
	if (who.n_tried > 0 && who.n_tried <= FAILURES)
		assert_int_equal(stranger_may("a"), -1);
	return who.n_tried <= FAILURES ? TEST_WAIT : TEST_STOP;
}

static void
what_cannot_be_kept_is_tried_again_until_it_is(void **state)
{
	(void)state;
	run(steps);
	assert_int_equal(fx.n_looked, 1);
	/* Whichever job comes tries it, but of themselves few come. */
	assert_in_range(who.tried_ms[FAILURES] - who.tried_ms[0], FAILURES * STEP_MS / 4,
	    FAILURES * (STEP_MS + 500) + test_late_ms);
	assert_int_equal(stranger_may("a"), MAY_READ);
	assert_int_equal(stranger_may("b"), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
	        what_cannot_be_kept_is_tried_again_until_it_is, setup_access, teardown_access),
	};

	return cmocka_run_group_tests_name("commit_access", tests, NULL, NULL);
}
