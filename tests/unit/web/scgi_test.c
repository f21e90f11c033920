#include "web/scgi.h"

#include "base/buf.h"
#include "test.h"
#include "web/record.h"

/* "NAME=value;NAME=value;" as a netstring: = and ; stand for the byte 0. */
static void
add_netstring(struct buf *b, const char *headers)
{
	size_t n = strlen(headers);

	buf_add_int(b, (int64_t)n);
	buf_add_char(b, ':');
	for (size_t i = 0; i < n; i++)
		buf_add_char(b, headers[i] == '=' || headers[i] == ';' ? '\0' : headers[i]);
	buf_add_char(b, ',');
}

/* In memory of just that size, so that AddressSanitizer sees a byte read too far; "PART", "BAD", or what was read. */
static void
read_exact(struct str bytes, struct buf *out)
{
	static struct fcgi_request r;
	char *exact = malloc(bytes.n + (bytes.n == 0));
	size_t used = 0;
	uint64_t body_n = 0;
	enum scgi_result result;

	memcpy(exact, bytes.p, bytes.n);
	memset(&r, 0, sizeof r);
	buf_reset(out, SIZE_MAX);
	result = scgi_read((struct str){exact, bytes.n}, &r, &used, &body_n);
	if (result != SCGI_WHOLE)
		buf_add(out, result == SCGI_PART ? STR("PART") : STR("BAD"));
	for (size_t i = 0; i < r.n_params && result == SCGI_WHOLE; i++) {
		buf_add(out, r.params[i].name);
		buf_add_char(out, '=');
		buf_add(out, r.params[i].value);
		buf_add_char(out, ';');
	}
	if (result == SCGI_WHOLE) {
		buf_add_char(out, ' ');
		buf_add_int(out, (int64_t)body_n);
		buf_add_char(out, ' ');
		buf_add_int(out, (int64_t)(bytes.n - used));
		assert_true(r.conn == NULL && r.body.n == 0 && !r.cut && !r.body_too_large);
	}
	free(exact);
}

/* Cut anywhere before `whole` it waits, from there on it is what it is. */
static void
check_cuts(struct str bytes, size_t whole, const char *want)
{
	struct buf out;

	buf_init(&out, SIZE_MAX);
	for (size_t n = 0; n <= whole; n++) {
		const char *now = n < whole ? "PART" : want;

		read_exact((struct str){bytes.p, n}, &out);
		if (!str_eq(buf_str(&out), str_of(now)))
			fail_msg("%zu of %.*s\ngot  %.*s\nwant %s", n, STR_ARGS(bytes), STR_ARGS(buf_str(&out)), now);
	}
	buf_fini(&out);
}

#define LEAST "CONTENT_LENGTH=0;SCGI=1;"

/* What is between the colon and the comma; whole netstrings, all of them, cut at every byte. */
static const struct {
	const char *headers, *read;
} headers[] = {
    {LEAST, LEAST " 0 0"},
    {"CONTENT_LENGTH=27;SCGI=1;", "CONTENT_LENGTH=27;SCGI=1; 27 0"},
    {"CONTENT_LENGTH=0;REQUEST_METHOD=GET;SCGI=1;", "CONTENT_LENGTH=0;REQUEST_METHOD=GET;SCGI=1; 0 0"},
    {LEAST "QUERY_STRING=;HTTP_X=a:,b;", LEAST "QUERY_STRING=;HTTP_X=a:,b; 0 0"},
    {LEAST "a=b;A=b;", LEAST "a=b;A=b; 0 0"},
    {"CONTENT_LENGTH=9223372036854775807;SCGI=1;", "CONTENT_LENGTH=9223372036854775807;SCGI=1; 9223372036854775807 0"},
    {"CONTENT_LENGTH=9223372036854775808;SCGI=1;", "BAD"},
    {"CONTENT_LENGTH=99999999999999999999999;SCGI=1;", "BAD"},
    {"CONTENT_LENGTH=;SCGI=1;", "BAD"},
    {"CONTENT_LENGTH=-1;SCGI=1;", "BAD"},
    {"CONTENT_LENGTH=+1;SCGI=1;", "BAD"},
    {"CONTENT_LENGTH= 1;SCGI=1;", "BAD"},
    {"CONTENT_LENGTH=1x;SCGI=1;", "BAD"},
    {"SCGI=1;CONTENT_LENGTH=0;", "BAD"}, /* not the first */
    {"content_length=0;SCGI=1;", "BAD"},
    {"SCGI=1;", "BAD"},
    {"CONTENT_LENGTH=0;", "BAD"},
    {"CONTENT_LENGTH=0;scgi=1;", "BAD"},
    {"CONTENT_LENGTH=0;SCGI=2;", "BAD"},
    {"CONTENT_LENGTH=0;SCGI=;", "BAD"},
    {"CONTENT_LENGTH=0;SCGI=11;", "BAD"},
    {"CONTENT_LENGTH=0;SCGI=1", "BAD"}, /* no byte 0 at the end */
    {"CONTENT_LENGTH=0;SCGI", "BAD"},
    {LEAST "X", "BAD"},
    {LEAST "X=", "BAD"}, /* a name without a value */
    {LEAST "X=y", "BAD"},
    {LEAST ";", "BAD"},
    {LEAST "=y;", "BAD"}, /* no name */
    {LEAST ";;", "BAD"},
    {"=0;" LEAST, "BAD"},
    {LEAST "X=1;X=2;", "BAD"}, /* twice */
    {LEAST "X=1;Y=;X=1;", "BAD"},
    {LEAST "SCGI=1;", "BAD"},
    {LEAST "CONTENT_LENGTH=0;", "BAD"},
};

static void
reads_requests(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, SIZE_MAX);
	for (size_t i = 0; i < LENGTH(headers); i++) {
		buf_reset(&b, SIZE_MAX);
		add_netstring(&b, headers[i].headers);
		check_cuts(buf_str(&b), b.n, headers[i].read);
	}
	buf_fini(&b);
}

/* The netstring itself. The number of bytes with which it is known as bad; nothing of it is read before. */
static void
refuses_what_is_no_netstring(void **state)
{
	static const struct {
		struct str bytes;
		size_t told;
	} bad[] = {
	    {{":", 1}, 1},
	    {{"0:,", 3}, 1},
	    {{"024:", 4}, 1},
	    {{"-1:", 3}, 1},
	    {{" 24:", 4}, 1},
	    {{"\1\1\0\1", 4}, 1}, /* FastCGI */
	    {{"GET / HTTP/1.1", 14}, 1},
	    {{"2 4:", 4}, 2},
	    {{"24;", 3}, 3},
	    {{"24\0:", 4}, 3},
	    {{"2x", 2}, 2},
	    {{"131073:", 7}, 6},
	    {{"1310720", 7}, 7},
	    {{"999999", 6}, 6},
	    {{"99999999999999999999999999", 26}, 6},
	    {{"18446744073709551617:", 21}, 6}, /* 2^64 + 1 */
	    {{"24:CONTENT_LENGTH\0000\0SCGI\0001\0;", 28}, 28},
	    {{"24:CONTENT_LENGTH\0000\0SCGI\0001\0\0", 28}, 28},
	    {{"23:CONTENT_LENGTH\0000\0SCGI\0001\0,", 28}, 27},
	    {{"1:\0,", 4}, 4},
	    {{"1:,,", 4}, 4},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(bad); i++)
		check_cuts(bad[i].bytes, bad[i].told, "BAD");
	/* Longer than it says. */
	check_cuts((struct str){"25:CONTENT_LENGTH\0000\0SCGI\0001\0,", 28}, 28, "PART");
	check_cuts(STR("131072:"), 7, "PART");
}

/* What stands behind is left alone. */
static void
leaves_what_is_behind(void **state)
{
	struct buf b, out;

	(void)state;
	buf_init(&b, SIZE_MAX);
	buf_init(&out, SIZE_MAX);
	add_netstring(&b, "CONTENT_LENGTH=3;SCGI=1;");
	buf_add(&b, STR("abc\x81"));
	read_exact(buf_str(&b), &out);
	assert_str(buf_str(&out), "CONTENT_LENGTH=3;SCGI=1; 3 4");
	buf_fini(&out);
	buf_fini(&b);
}

/* As many bytes as the parameters of FastCGI can be, and as many names. */
static void
takes_as_much_as_fastcgi(void **state)
{
	enum { LEAST_N = sizeof LEAST - 1 };
	char *many = malloc(RECORD_PARAMS_MAX + 2);
	struct buf b, out;

	(void)state;
	buf_init(&b, SIZE_MAX);
	buf_init(&out, SIZE_MAX);
	memcpy(many, LEAST, LEAST_N);
	memset(many + LEAST_N, 'x', RECORD_PARAMS_MAX - LEAST_N);
	many[LEAST_N + 1] = '=';
	many[RECORD_PARAMS_MAX - 1] = ';';
	many[RECORD_PARAMS_MAX] = '\0';
	add_netstring(&b, many);
	read_exact(buf_str(&b), &out);
	assert_int_equal(out.n, RECORD_PARAMS_MAX + 4);
	buf_reset(&b, SIZE_MAX);
	memcpy(many + RECORD_PARAMS_MAX - 1, "x;", 3);
	add_netstring(&b, many);
	read_exact(buf_str(&b), &out);
	assert_str(buf_str(&out), "BAD");
	for (int n = FCGI_PARAMS_READ_MAX; n <= FCGI_PARAMS_READ_MAX + 1; n++) {
		size_t at = LEAST_N;

		for (int i = 2; i < n; i++)
			at += (size_t)snprintf(many + at, 100, "N%d=;", i);
		buf_reset(&b, SIZE_MAX);
		add_netstring(&b, many);
		read_exact(buf_str(&b), &out);
		if (n > FCGI_PARAMS_READ_MAX)
			assert_str(buf_str(&out), "BAD");
		else
			assert_true(str_starts(buf_str(&out), STR(LEAST "N2=;N3=;")));
	}
	free(many);
	buf_fini(&out);
	buf_fini(&b);
}

/* With another byte anywhere it is refused, waits, or is read as what is written there. */
static void
notices_every_byte_that_matters(void **state)
{
	struct buf b, out;

	(void)state;
	buf_init(&b, SIZE_MAX);
	buf_init(&out, SIZE_MAX);
	add_netstring(&b, LEAST "AB=cd;");
	for (size_t i = 0; i < b.n; i++)
		for (unsigned c = 0; c < 256; c++) {
			char was = b.p[i];
			/* Digits of the length, the value of CONTENT_LENGTH, and "AB", "cd". */
			bool text = c != 0 && i >= 27 && i != 29 && i < 32, digit = c >= '0' && c <= '9';
			bool length = i < 2 && digit && c != '0', body = i == 18 && digit;

			b.p[i] = (char)c;
			read_exact(buf_str(&b), &out);
			if ((out.n > 4) != (text || body || b.p[i] == was) && !(length && out.n <= 4))
				fail_msg("byte %zu, %u instead of %d: %.*s", i, c, was, STR_ARGS(buf_str(&out)));
			b.p[i] = was;
		}
	buf_fini(&out);
	buf_fini(&b);
}

static void
begins_with_a_digit(void **state)
{
	(void)state;
	for (int c = 0; c < 256; c++)
		assert_int_equal(scgi_begins((char)c), strchr("123456789", c) != NULL && c != 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_requests),
	    cmocka_unit_test(refuses_what_is_no_netstring),
	    cmocka_unit_test(leaves_what_is_behind),
	    cmocka_unit_test(takes_as_much_as_fastcgi),
	    cmocka_unit_test(notices_every_byte_that_matters),
	    cmocka_unit_test(begins_with_a_digit),
	};

	return cmocka_run_group_tests_name("scgi", tests, NULL, NULL);
}
