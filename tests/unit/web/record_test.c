#include "web/record.h"

#include "../../records.h"
#include "test.h"

/* A request as nginx sends it: parameters in short and long lengths, a body in two records, padding. */
static void
add_request(struct buf *b)
{
	char query[200];
	struct buf params;

	memset(query, 'q', sizeof query);
	buf_init(&params, SIZE_MAX);
	add_param(&params, STR("METHOD"), STR("POST"));
	add_param(&params, STR("QUERY"), (struct str){query, sizeof query});
	add_param(&params, STR("E"), STR(""));
	add_begin(b, 1, 1, 1);
	add_record(b, FCGI_PARAMS, 1, buf_str(&params), 5);
	buf_fini(&params);
	add_record(b, FCGI_PARAMS, 1, STR(""), 0);
	add_record(b, FCGI_STDIN, 1, STR("hello "), 2);
	add_record(b, FCGI_STDIN, 1, STR("world"), 0);
	add_record(b, FCGI_STDIN, 1, STR(""), 0);
}

/* What each test begins with: the bytes it makes, and what became of the last walk. */
struct fixture {
	struct buf b;
	struct record_walk w;
	size_t over;
};

static int
setup(void **state)
{
	static struct fixture f;

	buf_init(&f.b, SIZE_MAX);
	*state = &f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	buf_fini(&f->b);
	return 0;
}

/* In memory of just that size, so that AddressSanitizer sees a byte read too far. */
static enum record_result
walk(struct fixture *f, struct str bytes, size_t body_max)
{
	char *exact = malloc(bytes.n + (bytes.n == 0));
	enum record_result result;

	memcpy(exact, bytes.p, bytes.n);
	f->w = (struct record_walk){0};
	result = record_walk(&f->w, (struct str){exact, bytes.n}, body_max, &f->over);
	assert_true(f->w.done <= bytes.n);
	free(exact);
	return result;
}

static enum record_result
verdict(struct fixture *f)
{
	return walk(f, buf_str(&f->b), 1000);
}

static void
takes_a_whole_request(void **state)
{
	struct fixture *f = *state;

	add_request(&f->b);
	assert_int_equal(walk(f, buf_str(&f->b), 11), RECORD_WHOLE);
	assert_int_equal(f->w.done, f->b.n);
	assert_int_equal(f->w.request_id, 1);
	assert_true(f->w.keep);
	assert_int_equal(f->w.body_n, 11);
	assert_int_equal(f->over, 0);
	/* The least there can be. */
	buf_reset(&f->b, SIZE_MAX);
	add_begin(&f->b, 0xFFFF, 1, 0);
	add_record(&f->b, FCGI_PARAMS, 0xFFFF, STR(""), 0);
	add_record(&f->b, FCGI_STDIN, 0xFFFF, STR(""), 0);
	assert_int_equal(walk(f, buf_str(&f->b), 0), RECORD_WHOLE);
	assert_int_equal(f->w.request_id, 0xFFFF);
	assert_false(f->w.keep);
	/* Padding up to the most. */
	buf_reset(&f->b, SIZE_MAX);
	add_begin(&f->b, 1, 1, 0xFE);
	add_record(&f->b, FCGI_PARAMS, 1, STR("\x01\x01nv"), 255);
	add_record(&f->b, FCGI_PARAMS, 1, STR(""), 255);
	add_record(&f->b, FCGI_STDIN, 1, STR("x"), 255);
	add_record(&f->b, FCGI_STDIN, 1, STR(""), 255);
	assert_int_equal(walk(f, buf_str(&f->b), 1), RECORD_WHOLE);
	assert_false(f->w.keep);
}

static void
waits_for_the_rest_of_a_request(void **state)
{
	struct fixture *f = *state;

	add_request(&f->b);
	for (size_t n = 0; n < f->b.n; n++)
		assert_int_equal(walk(f, (struct str){f->b.p, n}, 1000), RECORD_PART);
	/* Nothing may come behind the end. */
	buf_add_char(&f->b, '\x01');
	assert_int_equal(verdict(f), RECORD_BAD);
}

/* Bytes that come one at a time, or in any pieces, lead to the same end. */
static void
takes_a_request_in_any_pieces(void **state)
{
	struct fixture *f = *state;

	test_seed(3);
	add_request(&f->b);
	for (size_t largest = 1; largest < 64; largest++) {
		size_t n = 0;

		f->w = (struct record_walk){0};
		while (n < f->b.n) {
			n += 1 + test_random(largest);
			n = n < f->b.n ? n : f->b.n;
			assert_int_equal(record_walk(&f->w, (struct str){f->b.p, n}, 1000, &f->over),
			    n < f->b.n ? RECORD_PART : RECORD_WHOLE);
		}
		assert_int_equal(f->w.body_n, 11);
		assert_int_equal(f->w.done, f->b.n);
	}
}

/* A byte 0 in a name or a value is seen, in a length it means nothing. */
static void
sees_a_zero_byte_in_a_parameter(void **state)
{
	static const struct str with[] = {
	    {"\4\3USERa\0b", 9}, {"\4\1USER\0", 7}, {"\4\1US\0Rx", 7}, {"\1\1aa\1\1b\0", 8}};
	static const struct str without[] = {{"\0\0", 2}, {"\4\0USER", 6}, {"\4\x80\0\0\1USERx", 10}};
	struct fixture *f = *state;

	for (size_t i = 0; i < LENGTH(with) + LENGTH(without); i++) {
		bool has = i < LENGTH(with);

		buf_reset(&f->b, SIZE_MAX);
		add_begin(&f->b, 1, 1, 1);
		add_record(&f->b, FCGI_PARAMS, 1, has ? with[i] : without[i - LENGTH(with)], 0);
		add_record(&f->b, FCGI_PARAMS, 1, STR("\1\1AA"), 0);
		add_record(&f->b, FCGI_PARAMS, 1, STR(""), 0);
		add_record(&f->b, FCGI_STDIN, 1, STR("a\0b"), 0);
		add_record(&f->b, FCGI_STDIN, 1, STR(""), 0);
		assert_int_equal(walk(f, buf_str(&f->b), 1000), RECORD_WHOLE);
		assert_int_equal(f->w.nul, has);
	}
}

/* Many records of one byte: parameters must lie inside their record, so only a body can come like that. */
static void
takes_a_body_in_records_of_one_byte(void **state)
{
	struct fixture *f = *state;

	add_begin(&f->b, 1, 1, 1);
	for (int i = 0; i < 100; i++)
		add_record(&f->b, FCGI_PARAMS, 1, STR("\0\0"), 0);
	add_record(&f->b, FCGI_PARAMS, 1, STR(""), 0);
	for (int i = 0; i < 1000; i++)
		add_record(&f->b, FCGI_STDIN, 1, STR("x"), (unsigned)i % 8);
	add_record(&f->b, FCGI_STDIN, 1, STR(""), 0);
	assert_int_equal(walk(f, buf_str(&f->b), 1000), RECORD_WHOLE);
	assert_int_equal(f->w.body_n, 1000);
	for (size_t n = 0; n < f->b.n; n += 13)
		assert_int_equal(walk(f, (struct str){f->b.p, n}, 1000), RECORD_PART);
	buf_reset(&f->b, SIZE_MAX);
	add_begin(&f->b, 1, 1, 1);
	add_record(&f->b, FCGI_PARAMS, 1, STR("\x01"), 0);
	assert_int_equal(verdict(f), RECORD_BAD);
}

static void
refuses_a_wrong_beginning(void **state)
{
	static const struct {
		unsigned id;
		int role;
	} bad[] = {{0, 1}, {1, 0}, {1, 2}, {1, 3}, {1, 0x101}, {1, 0xFFFF}};
	struct fixture *f = *state;

	for (size_t i = 0; i < LENGTH(bad); i++) {
		buf_reset(&f->b, SIZE_MAX);
		add_begin(&f->b, bad[i].id, bad[i].role, 1);
		assert_int_equal(verdict(f), RECORD_BAD);
	}
	for (size_t n = 0; n < 17; n++) {
		buf_reset(&f->b, SIZE_MAX);
		add_record(&f->b, FCGI_BEGIN_REQUEST, 1, (struct str){"\0\1\1\0\0\0\0\0\0\0\0\0\0\0\0\0", n}, 0);
		assert_int_equal(verdict(f), n == 8 ? RECORD_PART : RECORD_BAD);
	}
	/* Not begun with a beginning. */
	for (int type = 0; type < 256; type++) {
		buf_reset(&f->b, SIZE_MAX);
		add_record(&f->b, type, 1, STR("\0\1\1\0\0\0\0\0"), 0);
		assert_int_equal(verdict(f), type == FCGI_BEGIN_REQUEST ? RECORD_PART : RECORD_BAD);
	}
}

/* Whichever record follows: only what continues the request is good, and only with its own id. */
static void
refuses_records_out_of_order(void **state)
{
	struct fixture *f = *state;

	for (int stage = 0; stage < 3; stage++)
		for (int type = 0; type < 256; type++)
			for (unsigned id = 0; id < 3; id++) {
				bool good =
				    id == 1 && (type == FCGI_PARAMS ? stage < 2 : type == FCGI_STDIN && stage == 2);

				buf_reset(&f->b, SIZE_MAX);
				add_begin(&f->b, 1, 1, 1);
				if (stage > 0)
					add_record(&f->b, FCGI_PARAMS, 1, STR("\x01\x01nv"), 0);
				if (stage > 1)
					add_record(&f->b, FCGI_PARAMS, 1, STR(""), 0);
				add_record(&f->b, type, id, STR("\x01\x01xy"), 0);
				if (verdict(f) != (good ? RECORD_PART : RECORD_BAD))
					fail_msg("stage %d, type %d, id %u", stage, type, id);
			}
}

static void
refuses_lengths_beyond_their_record(void **state)
{
	static const struct str params[] = {
	    {"\x05\x01nv", 4}, /* a name longer than the record */
	    {"\x01\x05nv", 4}, /* a value longer than it */
	    {"\x01", 1},       /* no second length */
	    {"\x80\0\0", 3},   /* a length cut short */
	    {"\x01\x80\0\0", 4},
	    {"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 8}, /* sums that would wrap around 32 bits */
	    {"\xFF\xFF\xFF\xFF\x01x", 6},
	    {"\x80\0\0\x01\xFF\xFF\xFF\xFFx", 9},
	    {"\x80\0\0\x01\x80\0\0\x02nv", 10},
	    {"\x01\x01nv\x01", 5}, /* good, and then not */
	    {"\0\0\0", 3},
	    {"\x7F\x7Fx", 3},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < LENGTH(params); i++) {
		buf_reset(&f->b, SIZE_MAX);
		add_begin(&f->b, 1, 1, 1);
		add_record(&f->b, FCGI_PARAMS, 1, params[i], 8); /* padding must not be taken for content */
		if (verdict(f) != RECORD_BAD)
			fail_msg("parameters %zu", i);
	}
}

static void
refuses_too_many_bytes_of_parameters(void **state)
{
	char *content = calloc(1, 65535);
	struct fixture *f = *state;

	add_begin(&f->b, 1, 1, 1);
	/* 65,534 bytes twice and 4 more are just as many as may be. */
	for (int i = 0; i < 2; i++)
		add_record(&f->b, FCGI_PARAMS, 1, (struct str){content, 65534}, 0);
	add_record(&f->b, FCGI_PARAMS, 1, (struct str){content, 4}, 0);
	assert_int_equal(walk(f, buf_str(&f->b), 0), RECORD_PART);
	assert_int_equal(f->w.params_n, RECORD_PARAMS_MAX);
	add_record(&f->b, FCGI_PARAMS, 1, (struct str){content, 2}, 0);
	assert_int_equal(verdict(f), RECORD_BAD);
	free(content);
}

static void
tells_of_the_record_that_makes_the_body_too_long(void **state)
{
	struct fixture *f = *state;
	size_t begins;

	add_begin(&f->b, 1, 1, 1);
	add_record(&f->b, FCGI_PARAMS, 1, STR(""), 0);
	add_record(&f->b, FCGI_STDIN, 1, STR("12345"), 3);
	begins = f->b.n;
	add_record(&f->b, FCGI_STDIN, 1, STR("678901"), 2);
	add_record(&f->b, FCGI_STDIN, 1, STR("x"), 0);
	add_record(&f->b, FCGI_STDIN, 1, STR(""), 0);

	assert_int_equal(walk(f, buf_str(&f->b), 12), RECORD_WHOLE);
	for (size_t max = 5; max < 11; max++) {
		struct buf rest;

		/* The record that is too much is told of, and not walked. */
		assert_int_equal(walk(f, buf_str(&f->b), max), RECORD_PART);
		assert_int_equal(f->w.done, begins);
		assert_int_equal(f->w.body_n, 5);
		assert_int_equal(f->over, 8 + 6 + 2);
		/* Once it is taken out, the walk goes on to the end. */
		buf_init(&rest, SIZE_MAX);
		buf_add(&rest, (struct str){f->b.p, begins});
		buf_add(&rest, str_skip(buf_str(&f->b), begins + f->over));
		if (max == 5) {
			assert_int_equal(record_walk(&f->w, buf_str(&rest), max, &f->over), RECORD_PART);
			assert_int_equal(f->over, 9);
		} else {
			assert_int_equal(record_walk(&f->w, buf_str(&rest), max, &f->over), RECORD_WHOLE);
			assert_int_equal(f->w.body_n, 6);
		}
		buf_fini(&rest);
	}
	/* It is known as over only once it is here: before, it cannot be taken out. */
	assert_int_equal(walk(f, (struct str){f->b.p, begins + 8}, 5), RECORD_PART);
	assert_int_equal(f->over, 0);
}

/* A record that belongs to another request is bad, whether or not the body has become too long. */
static void
refuses_a_record_of_another_request(void **state)
{
	struct fixture *f = *state;

	add_begin(&f->b, 1, 1, 1);
	add_record(&f->b, FCGI_PARAMS, 1, STR(""), 0);
	add_record(&f->b, FCGI_STDIN, 2, STR("12345"), 0);
	assert_int_equal(walk(f, buf_str(&f->b), 1000), RECORD_BAD);
	assert_int_equal(walk(f, buf_str(&f->b), 2), RECORD_BAD);
}

/* A length of a record: with another one the borders of all that follow may fall anywhere, also on good records. */
static bool
is_length(const struct buf *b, size_t at)
{
	size_t begin = 0;

	for (;;) {
		const unsigned char *p = (const unsigned char *)b->p + begin;
		size_t end = begin + 8 + ((size_t)p[4] << 8 | p[5]) + p[6];

		if (at < end)
			return at - begin >= 4 && at - begin <= 6;
		begin = end;
	}
}

/* Whether any other byte of the request may be changed so without harm. */
static bool
free_to_change(const struct buf *b, size_t at, unsigned char to)
{
	size_t begin = 0;

	for (;;) {
		const unsigned char *p = (const unsigned char *)b->p + begin;
		size_t n = (size_t)p[4] << 8 | p[5], end = begin + 8 + n + p[6];

		if (at >= end) {
			begin = end;
			continue;
		}
		at -= begin;
		if (at == 7 || at >= 8 + n)
			return true; /* reserved, padding */
		if (p[1] == FCGI_BEGIN_REQUEST)
			return at >= 10; /* flags and reserved */
		if (p[1] == FCGI_STDIN)
			return at >= 8;
		/* Lengths may move the border between names and values: the record then still holds whole pairs, or
		 * is refused; which of the two is told by walking the pairs here. */
		if (p[1] == FCGI_PARAMS && at >= 8) {
			unsigned char *copy = malloc(n);
			size_t i = 0;

			memcpy(copy, p + 8, n);
			copy[at - 8] = to;
			while (i < n) {
				size_t sum = 0;

				for (int k = 0; k < 2; k++) {
					size_t width = i < n && copy[i] & 0x80 ? 4 : 1, length = 0;

					if (i + width > n) {
						free(copy);
						return false;
					}
					for (size_t j = 0; j < width; j++)
						length = length << 8 | copy[i + j];
					sum += width == 4 ? length & 0x7FFFFFFF : length;
					i += width;
				}
				i += sum;
			}
			free(copy);
			return i == n;
		}
		return false;
	}
}

static void
notices_every_byte_that_matters(void **state)
{
	struct fixture *f = *state;

	add_request(&f->b);
	for (size_t i = 0; i < f->b.n; i++)
		for (unsigned c = 0; c < 256; c++) {
			unsigned char was = (unsigned char)f->b.p[i];
			bool length = is_length(&f->b, i),
			     harmless = c == was || free_to_change(&f->b, i, (unsigned char)c);
			enum record_result result;

			f->b.p[i] = (char)c;
			result = walk(f, buf_str(&f->b), 1000);
			if (!length && (result == RECORD_WHOLE) != harmless)
				fail_msg("byte %zu, %u instead of %u: %d", i, c, was, (int)result);
			f->b.p[i] = (char)was;
		}
}

static void
stays_within_random_bytes(void **state)
{
	struct fixture *f = *state;

	test_seed(4);
	for (int round = 0; round < 20000; round++) {
		char bytes[64];
		size_t n = test_random(sizeof bytes);

		/* Small numbers, so that lengths are often met. */
		for (size_t i = 0; i < n; i++)
			bytes[i] = (char)(test_random(8) == 0 ? test_random(256) : test_random(9));
		if (n > 24) {
			memcpy(bytes, "\1\1\0\1\0\10\0\0\0\1\1\0\0\0\0\0", 16);
			bytes[16] = 1;
		}
		assert_true(walk(f, (struct str){bytes, n}, test_random(20)) <= RECORD_BAD);
		assert_true(f->over == 0 || (f->over >= 9 && f->w.done + f->over <= n));
	}
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(takes_a_whole_request),
	    TEST(waits_for_the_rest_of_a_request),
	    TEST(takes_a_request_in_any_pieces),
	    TEST(sees_a_zero_byte_in_a_parameter),
	    TEST(takes_a_body_in_records_of_one_byte),
	    TEST(refuses_a_wrong_beginning),
	    TEST(refuses_records_out_of_order),
	    TEST(refuses_lengths_beyond_their_record),
	    TEST(refuses_too_many_bytes_of_parameters),
	    TEST(tells_of_the_record_that_makes_the_body_too_long),
	    TEST(refuses_a_record_of_another_request),
	    TEST(notices_every_byte_that_matters),
	    TEST(stays_within_random_bytes),
	};

	return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
