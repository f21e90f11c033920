#include "web/unread.h"

#include "test.h"

static struct unread_pieces *all;

static int
setup(void **state)
{
	(void)state;
	all = calloc(1, sizeof *all);
	assert_non_null(all);
	all->budget = budget_new(100000000);
	assert_non_null(all->budget);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	assert_int_equal(budget_counts(all->budget).bytes, 0);
	for (size_t i = 0; i < UNREAD_PLACES; i++)
		for (size_t j = 0; j < UNREAD_WAYS; j++)
			assert_null(all->at[i][j]);
	budget_free(all->budget);
	free(all);
	return 0;
}

/* An answer of n bytes that repeats nothing, the same for the same seed. */
static struct blob *
answer(size_t n, uint64_t seed)
{
	struct blob *b = blob_new(n);

	assert_non_null(b);
	test_seed(seed);
	for (size_t i = 0; i < n; i++)
		b->p[i] = (char)test_random(256);
	return b;
}

static size_t
counted(void)
{
	return budget_counts(all->budget).kind_bytes[BUDGET_ANSWERS];
}

/* Takes all that is left, so many parts at a time and so many bytes at most, and compares. */
static void
take_all(struct unread *u, const struct blob *b, int parts_max, size_t most)
{
	while (u->sent < u->size) {
		struct iovec parts[8];
		int n = unread_parts(u, parts, parts_max);
		size_t done = 0;

		assert_true(n >= 1 && n <= parts_max);
		for (int i = 0; i < n && done < most; i++) {
			size_t part = parts[i].iov_len < most - done ? parts[i].iov_len : most - done;

			assert_true(u->sent + done + part <= u->size);
			assert_memory_equal(parts[i].iov_base, b->p + u->sent + done, part);
			done += part;
		}
		unread_advance(u, all, done);
	}
}

static void
gives_all_bytes_in_any_parts(void **state)
{
	static const size_t sizes[] = {1, UNREAD_PIECE, UNREAD_PIECE + 1, 2 * UNREAD_PIECE, 1000000};

	(void)state;
	for (size_t i = 0; i < LENGTH(sizes); i++)
		for (size_t sent = 0; sent < sizes[i]; sent += 1 + sizes[i] / 5)
			for (int shared = 0; shared < 2; shared++) {
				struct blob *b = answer(sizes[i], i);
				struct unread u;

				if (shared)
					blob_hold(b);
				assert_int_equal(unread_init(&u, all, b, sent), 0);
				take_all(&u, b, 1 + (int)i, 1000 + 70000 * i);
				unread_fini(&u, all);
				assert_int_equal(b->holders, 1 + shared);
				assert_int_equal(counted(), 0);
				blob_drop(b);
				if (shared)
					blob_drop(b);
			}
}

/* Sixty answers of the same bytes but for their end, each of which another part was sent. */
static void
keeps_equal_answers_once(void **state)
{
	struct unread u[60];
	size_t one = 0;

	(void)state;
	for (size_t i = 0; i < 60; i++) {
		struct blob *b = answer(4900000, 1);

		b->p[b->n - 1] = (char)i;
		assert_int_equal(unread_init(&u[i], all, b, i * 1000), 0);
		blob_drop(b);
		if (i == 0)
			one = counted();
		/* The first is charged for all of it, the others for their own ends. */
		if (i == 0)
			assert_in_range(unread_owed(&u[i]), 4900000, 5000000);
		else
			assert_in_range(unread_owed(&u[i]), 1, UNREAD_PIECE + 2000);
	}
	assert_true(one > 4900000 && one < 5000000);
	assert_true(counted() < one + 60 * (UNREAD_PIECE + 100));
	for (size_t i = 0; i < 60; i++)
		unread_fini(&u[i], all);
}

/* What was sent is let go, by the last who held it. */
static void
lets_go_of_what_all_have_sent(void **state)
{
	struct blob *b = answer(10 * UNREAD_PIECE, 2);
	struct unread u, v;
	size_t whole, piece;

	(void)state;
	assert_int_equal(unread_init(&u, all, b, 0), 0);
	assert_int_equal(unread_init(&v, all, b, 0), 0);
	whole = counted();
	piece = whole / 10;
	unread_advance(&u, all, 5 * UNREAD_PIECE + 1);
	assert_int_equal(counted(), whole);
	unread_advance(&v, all, 3 * UNREAD_PIECE);
	assert_int_equal(counted(), whole - 3 * piece);
	unread_fini(&u, all);
	assert_int_equal(counted(), whole - 3 * piece);
	unread_advance(&v, all, 7 * UNREAD_PIECE);
	assert_int_equal(counted(), 0);
	unread_fini(&v, all);
	blob_drop(b);
}

/* One that others hold is not copied, and counts once. */
static void
does_not_copy_what_others_hold(void **state)
{
	struct blob *b = answer(5000000, 3);
	struct unread u[10];

	(void)state;
	blob_hold(b);
	for (size_t i = 0; i < 10; i++) {
		assert_int_equal(unread_init(&u[i], all, b, i), 0);
		assert_int_equal(counted(), budget_size(b));
	}
	assert_int_equal(b->holders, 12);
	for (size_t i = 0; i < 9; i++)
		unread_fini(&u[i], all);
	assert_int_equal(counted(), budget_size(b));
	blob_drop(b);
	blob_drop(b);
	unread_fini(&u[9], all);
}

/* Pieces that look alike where one looks are not taken for each other. */
static void
does_not_take_pieces_that_look_alike_for_each_other(void **state)
{
	struct unread u[10];
	struct blob *b[10];

	(void)state;
	for (size_t i = 0; i < 10; i++) {
		b[i] = answer(4 * UNREAD_PIECE, 4);
		for (size_t at = 100; at < b[i]->n; at += UNREAD_PIECE)
			b[i]->p[at] = (char)i;
		assert_int_equal(unread_init(&u[i], all, b[i], 0), 0);
	}
	for (size_t i = 0; i < 10; i++) {
		take_all(&u[i], b[i], 8, SIZE_MAX);
		unread_fini(&u[i], all);
		blob_drop(b[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(gives_all_bytes_in_any_parts, setup, teardown),
	    cmocka_unit_test_setup_teardown(keeps_equal_answers_once, setup, teardown),
	    cmocka_unit_test_setup_teardown(lets_go_of_what_all_have_sent, setup, teardown),
	    cmocka_unit_test_setup_teardown(does_not_copy_what_others_hold, setup, teardown),
	    cmocka_unit_test_setup_teardown(does_not_take_pieces_that_look_alike_for_each_other, setup, teardown),
	};

	return cmocka_run_group_tests_name("unread", tests, NULL, NULL);
}
