#include "record.h"

#include "buf.h"
#include "test.h"

enum { BEGIN = 1, ABORT = 2, END = 3, PARAMS = 4, STDIN = 5, STDOUT = 6, DATA = 8, GET_VALUES = 9 };

/* One record; pad bytes of rubbish behind it. */
static void
add_record(struct buf *b, int type, unsigned id, struct str content, unsigned pad)
{
	unsigned char head[8] = {1, (unsigned char)type, (unsigned char)(id >> 8), (unsigned char)id,
	    (unsigned char)(content.n >> 8), (unsigned char)content.n, (unsigned char)pad, 0};

	buf_add(b, (struct str){(char *)head, 8});
	buf_add(b, content);
	for (unsigned i = 0; i < pad; i++)
		buf_add_char(b, '!');
}

static void
add_begin(struct buf *b, unsigned id, int role, int flags)
{
	char content[8] = {(char)(role >> 8), (char)role, (char)flags};

	add_record(b, BEGIN, id, (struct str){content, 8}, 0);
}

/* A request as nginx sends it: parameters in short and long lengths, a body in two records, padding. */
static void
add_request(struct buf *b)
{
	char params[400];
	size_t n = 0;

	add_begin(b, 1, 1, 1);
	params[n++] = 6;
	params[n++] = 4;
	n += (size_t)sprintf(params + n, "METHODPOST");
	params[n++] = 5;
	memcpy(params + n, "\x80\0\0\xC8", 4); /* 200 in four bytes */
	n += 4;
	n += (size_t)sprintf(params + n, "QUERY");
	memset(params + n, 'q', 200);
	n += 200;
	params[n++] = 1;
	params[n++] = 0;
	params[n++] = 'E';
	add_record(b, PARAMS, 1, (struct str){params, n}, 5);
	add_record(b, PARAMS, 1, STR(""), 0);
	add_record(b, STDIN, 1, STR("hello "), 2);
	add_record(b, STDIN, 1, STR("world"), 0);
	add_record(b, STDIN, 1, STR(""), 0);
}

/* In memory of just that size, so that AddressSanitizer sees a byte read too far. */
static enum record_result
walk(struct str bytes, size_t body_max, struct record_walk *w, size_t *over)
{
	char *exact = malloc(bytes.n + (bytes.n == 0));
	enum record_result result;

	memcpy(exact, bytes.p, bytes.n);
	*w = (struct record_walk){0};
	result = record_walk(w, (struct str){exact, bytes.n}, body_max, over);
	assert_true(w->done <= bytes.n);
	free(exact);
	return result;
}

static enum record_result
verdict(const struct buf *b)
{
	struct record_walk w;
	size_t over;

	return walk(buf_str(b), 1000, &w, &over);
}

static void
test_whole(void **state)
{
	struct record_walk w;
	struct buf b;
	size_t over;

	(void)state;
	buf_init(&b, SIZE_MAX);
	add_request(&b);
	assert_int_equal(walk(buf_str(&b), 11, &w, &over), RECORD_WHOLE);
	assert_int_equal(w.done, b.n);
	assert_int_equal(w.request_id, 1);
	assert_true(w.keep);
	assert_int_equal(w.body_n, 11);
	assert_int_equal(over, 0);
	/* The least there can be. */
	buf_reset(&b, SIZE_MAX);
	add_begin(&b, 0xFFFF, 1, 0);
	add_record(&b, PARAMS, 0xFFFF, STR(""), 0);
	add_record(&b, STDIN, 0xFFFF, STR(""), 0);
	assert_int_equal(walk(buf_str(&b), 0, &w, &over), RECORD_WHOLE);
	assert_int_equal(w.request_id, 0xFFFF);
	assert_false(w.keep);
	/* Padding up to the most. */
	buf_reset(&b, SIZE_MAX);
	add_begin(&b, 1, 1, 0xFE);
	add_record(&b, PARAMS, 1, STR("\x01\x01nv"), 255);
	add_record(&b, PARAMS, 1, STR(""), 255);
	add_record(&b, STDIN, 1, STR("x"), 255);
	add_record(&b, STDIN, 1, STR(""), 255);
	assert_int_equal(walk(buf_str(&b), 1, &w, &over), RECORD_WHOLE);
	assert_false(w.keep);
	buf_fini(&b);
}

static void
test_truncated(void **state)
{
	struct record_walk w;
	struct buf b;
	size_t over;

	(void)state;
	buf_init(&b, SIZE_MAX);
	add_request(&b);
	for (size_t n = 0; n < b.n; n++)
		assert_int_equal(walk((struct str){b.p, n}, 1000, &w, &over), RECORD_PART);
	/* Nothing may come behind the end. */
	buf_add_char(&b, '\x01');
	assert_int_equal(verdict(&b), RECORD_BAD);
	buf_fini(&b);
}

/* Bytes that come one at a time, or in any pieces, lead to the same end. */
static void
test_pieces(void **state)
{
	struct buf b;

	(void)state;
	test_seed(3);
	buf_init(&b, SIZE_MAX);
	add_request(&b);
	for (size_t largest = 1; largest < 64; largest++) {
		struct record_walk w = {0};
		size_t n = 0, over;

		while (n < b.n) {
			n += 1 + test_random(largest);
			n = n < b.n ? n : b.n;
			assert_int_equal(
			    record_walk(&w, (struct str){b.p, n}, 1000, &over), n < b.n ? RECORD_PART : RECORD_WHOLE);
		}
		assert_int_equal(w.body_n, 11);
		assert_int_equal(w.done, b.n);
	}
	buf_fini(&b);
}

/* Many records of one byte: parameters must lie inside their record, so only a body can come like that. */
static void
test_small_records(void **state)
{
	struct record_walk w;
	struct buf b;
	size_t over;

	(void)state;
	buf_init(&b, SIZE_MAX);
	add_begin(&b, 1, 1, 1);
	for (int i = 0; i < 100; i++)
		add_record(&b, PARAMS, 1, STR("\0\0"), 0);
	add_record(&b, PARAMS, 1, STR(""), 0);
	for (int i = 0; i < 1000; i++)
		add_record(&b, STDIN, 1, STR("x"), (unsigned)i % 8);
	add_record(&b, STDIN, 1, STR(""), 0);
	assert_int_equal(walk(buf_str(&b), 1000, &w, &over), RECORD_WHOLE);
	assert_int_equal(w.body_n, 1000);
	for (size_t n = 0; n < b.n; n += 13)
		assert_int_equal(walk((struct str){b.p, n}, 1000, &w, &over), RECORD_PART);
	buf_reset(&b, SIZE_MAX);
	add_begin(&b, 1, 1, 1);
	add_record(&b, PARAMS, 1, STR("\x01"), 0);
	assert_int_equal(verdict(&b), RECORD_BAD);
	buf_fini(&b);
}

static void
test_wrong_begin(void **state)
{
	static const struct {
		unsigned id;
		int role;
	} bad[] = {{0, 1}, {1, 0}, {1, 2}, {1, 3}, {1, 0x101}, {1, 0xFFFF}};
	struct buf b;

	(void)state;
	buf_init(&b, SIZE_MAX);
	for (size_t i = 0; i < LENGTH(bad); i++) {
		buf_reset(&b, SIZE_MAX);
		add_begin(&b, bad[i].id, bad[i].role, 1);
		assert_int_equal(verdict(&b), RECORD_BAD);
	}
	for (size_t n = 0; n < 17; n++) {
		buf_reset(&b, SIZE_MAX);
		add_record(&b, BEGIN, 1, (struct str){"\0\1\1\0\0\0\0\0\0\0\0\0\0\0\0\0", n}, 0);
		assert_int_equal(verdict(&b), n == 8 ? RECORD_PART : RECORD_BAD);
	}
	/* Not begun with a beginning. */
	for (int type = 0; type < 256; type++) {
		buf_reset(&b, SIZE_MAX);
		add_record(&b, type, 1, STR("\0\1\1\0\0\0\0\0"), 0);
		assert_int_equal(verdict(&b), type == BEGIN ? RECORD_PART : RECORD_BAD);
	}
	buf_fini(&b);
}

/* Whichever record follows: only what continues the request is good, and only with its own id. */
static void
test_wrong_order(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, SIZE_MAX);
	for (int stage = 0; stage < 3; stage++)
		for (int type = 0; type < 256; type++)
			for (unsigned id = 0; id < 3; id++) {
				bool good = id == 1 && (type == PARAMS ? stage < 2 : type == STDIN && stage == 2);

				buf_reset(&b, SIZE_MAX);
				add_begin(&b, 1, 1, 1);
				if (stage > 0)
					add_record(&b, PARAMS, 1, STR("\x01\x01nv"), 0);
				if (stage > 1)
					add_record(&b, PARAMS, 1, STR(""), 0);
				add_record(&b, type, id, STR("\x01\x01xy"), 0);
				if (verdict(&b) != (good ? RECORD_PART : RECORD_BAD))
					fail_msg("stage %d, type %d, id %u", stage, type, id);
			}
	buf_fini(&b);
}

static void
test_hostile_lengths(void **state)
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
	struct buf b;

	(void)state;
	buf_init(&b, SIZE_MAX);
	for (size_t i = 0; i < LENGTH(params); i++) {
		buf_reset(&b, SIZE_MAX);
		add_begin(&b, 1, 1, 1);
		add_record(&b, PARAMS, 1, params[i], 8); /* padding must not be taken for content */
		if (verdict(&b) != RECORD_BAD)
			fail_msg("parameters %zu", i);
	}
	buf_fini(&b);
}

static void
test_params_max(void **state)
{
	char *content = calloc(1, 65535);
	struct record_walk w;
	struct buf b;
	size_t over;

	(void)state;
	buf_init(&b, SIZE_MAX);
	add_begin(&b, 1, 1, 1);
	/* 65,534 bytes twice and 4 more are just as many as may be. */
	for (int i = 0; i < 2; i++)
		add_record(&b, PARAMS, 1, (struct str){content, 65534}, 0);
	add_record(&b, PARAMS, 1, (struct str){content, 4}, 0);
	assert_int_equal(walk(buf_str(&b), 0, &w, &over), RECORD_PART);
	assert_int_equal(w.params_n, RECORD_PARAMS_MAX);
	add_record(&b, PARAMS, 1, (struct str){content, 2}, 0);
	assert_int_equal(verdict(&b), RECORD_BAD);
	buf_fini(&b);
	free(content);
}

static void
test_body_max(void **state)
{
	struct record_walk w;
	struct buf b;
	size_t over, begins;

	(void)state;
	buf_init(&b, SIZE_MAX);
	add_begin(&b, 1, 1, 1);
	add_record(&b, PARAMS, 1, STR(""), 0);
	add_record(&b, STDIN, 1, STR("12345"), 3);
	begins = b.n;
	add_record(&b, STDIN, 1, STR("678901"), 2);
	add_record(&b, STDIN, 1, STR("x"), 0);
	add_record(&b, STDIN, 1, STR(""), 0);

	assert_int_equal(walk(buf_str(&b), 12, &w, &over), RECORD_WHOLE);
	for (size_t max = 5; max < 11; max++) {
		struct buf rest;

		/* The record that is too much is told of, and not walked. */
		assert_int_equal(walk(buf_str(&b), max, &w, &over), RECORD_PART);
		assert_int_equal(w.done, begins);
		assert_int_equal(w.body_n, 5);
		assert_int_equal(over, 8 + 6 + 2);
		/* Once it is taken out, the walk goes on to the end. */
		buf_init(&rest, SIZE_MAX);
		buf_add(&rest, (struct str){b.p, begins});
		buf_add(&rest, (struct str){b.p + begins + over, b.n - begins - over});
		if (max == 5) {
			assert_int_equal(record_walk(&w, buf_str(&rest), max, &over), RECORD_PART);
			assert_int_equal(over, 9);
		} else {
			assert_int_equal(record_walk(&w, buf_str(&rest), max, &over), RECORD_WHOLE);
			assert_int_equal(w.body_n, 6);
		}
		buf_fini(&rest);
	}
	/* It is known as over only once it is here: before, it cannot be taken out. */
	assert_int_equal(walk((struct str){b.p, begins + 8}, 5, &w, &over), RECORD_PART);
	assert_int_equal(over, 0);
	buf_fini(&b);
}

/* A record that belongs to another request is bad, whether or not the body has become too long. */
static void
test_over_of_another(void **state)
{
	struct record_walk w;
	struct buf b;
	size_t over;

	(void)state;
	buf_init(&b, SIZE_MAX);
	add_begin(&b, 1, 1, 1);
	add_record(&b, PARAMS, 1, STR(""), 0);
	add_record(&b, STDIN, 2, STR("12345"), 0);
	assert_int_equal(walk(buf_str(&b), 1000, &w, &over), RECORD_BAD);
	assert_int_equal(walk(buf_str(&b), 2, &w, &over), RECORD_BAD);
	buf_fini(&b);
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
		if (p[1] == BEGIN)
			return at >= 10; /* flags and reserved */
		if (p[1] == STDIN)
			return at >= 8;
		/* Lengths may move the border between names and values: the record then still holds whole pairs, or
		 * is refused; which of the two is told by walking the pairs here. */
		if (p[1] == PARAMS && at >= 8) {
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
test_corrupted(void **state)
{
	struct record_walk w;
	struct buf b;
	size_t over;

	(void)state;
	buf_init(&b, SIZE_MAX);
	add_request(&b);
	for (size_t i = 0; i < b.n; i++)
		for (unsigned c = 0; c < 256; c++) {
			unsigned char was = (unsigned char)b.p[i];
			bool length = is_length(&b, i), harmless = c == was || free_to_change(&b, i, (unsigned char)c);
			enum record_result result;

			b.p[i] = (char)c;
			result = walk(buf_str(&b), 1000, &w, &over);
			if (!length && (result == RECORD_WHOLE) != harmless)
				fail_msg("byte %zu, %u instead of %u: %d", i, c, was, (int)result);
			b.p[i] = (char)was;
		}
	buf_fini(&b);
}

static void
test_random_bytes(void **state)
{
	(void)state;
	test_seed(4);
	for (int round = 0; round < 20000; round++) {
		char bytes[64];
		struct record_walk w;
		size_t over, n = test_random(sizeof bytes);

		/* Small numbers, so that lengths are often met. */
		for (size_t i = 0; i < n; i++)
			bytes[i] = (char)(test_random(8) == 0 ? test_random(256) : test_random(9));
		if (n > 24) {
			memcpy(bytes, "\1\1\0\1\0\10\0\0\0\1\1\0\0\0\0\0", 16);
			bytes[16] = 1;
		}
		assert_true(walk((struct str){bytes, n}, test_random(20), &w, &over) <= RECORD_BAD);
		assert_true(over == 0 || (over >= 9 && w.done + over <= n));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_whole),
	    cmocka_unit_test(test_truncated),
	    cmocka_unit_test(test_pieces),
	    cmocka_unit_test(test_small_records),
	    cmocka_unit_test(test_wrong_begin),
	    cmocka_unit_test(test_wrong_order),
	    cmocka_unit_test(test_hostile_lengths),
	    cmocka_unit_test(test_params_max),
	    cmocka_unit_test(test_body_max),
	    cmocka_unit_test(test_over_of_another),
	    cmocka_unit_test(test_corrupted),
	    cmocka_unit_test(test_random_bytes),
	};

	return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
